"""A three-stage job as a program of its own, so that a test can kill it: ``three_stages.py OUT [resume]``."""

from __future__ import annotations

import sys
import time
from importlib.metadata import EntryPoint
from typing import Any

from scatflow import registry as home
from scatflow.pipeline import Pipeline

#: smooth (map, shared by two later stages) -> mean (reduce) -> quotient (map)
DOCUMENT: dict[str, Any] = {
    "process_graph": {
        "u": {"process_id": "toy_noise", "arguments": {"items": 70, "size": 256}},
        "s": {"process_id": "toy_smooth", "arguments": {"data": {"from_node": "u"}, "dims": ["x"], "radius": 5}},
        "m": {"process_id": "toy_mean", "arguments": {"data": {"from_node": "s"}, "dims": ["x"], "over": ["item"]}},
        "mean": {"process_id": "variable", "arguments": {"data": {"from_node": "m"}, "name": "mean"}},
        "n": {
            "process_id": "toy_divide",
            "arguments": {"x": {"from_node": "s"}, "y": {"from_node": "mean"}},
            "result": True,
        },
    }
}
REGION = {"item": 1}


def install_toys() -> None:
    """Make the toy plugin the only one of this process."""
    points = [EntryPoint("toys", "toy_plugin", "scatflow")]
    registry = home.Registry(points)
    home.registry.cache_clear()
    home.registry = lambda: registry  # type: ignore[assignment]


def pipeline() -> Pipeline:
    """Return the three-stage pipeline."""
    return Pipeline(DOCUMENT)


if __name__ == "__main__":
    install_toys()

    def slowly(event: Any) -> None:
        if event["event"] == "region":
            print(event["done"], flush=True)
            time.sleep(0.01)

    pipeline().run(sys.argv[1], region=REGION, resume="resume" in sys.argv, progress=slowly)
