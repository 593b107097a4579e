"""A three-stage job as a program of its own, so that a test can kill it: ``three_stages.py OUT [resume]``."""

from __future__ import annotations

import sys
import time
from importlib.metadata import EntryPoint
from typing import Any

from scatflow.pipeline import Pipeline
from scatflow.registry import Registry, using

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


def pipeline() -> Pipeline:
    """Return the three-stage pipeline."""
    return Pipeline(DOCUMENT)


def main(out: str, resume: bool) -> None:
    """Run slowly and print the number of finished regions."""

    def slowly(event: Any) -> None:
        if event["event"] == "region":
            print(event["done"], flush=True)
            time.sleep(0.01)

    with using(Registry([EntryPoint("toys", "toy_plugin", "scatflow")])):
        pipeline().run(out, region=REGION, resume=resume, progress=slowly)


if __name__ == "__main__":
    main(sys.argv[1], "resume" in sys.argv)
