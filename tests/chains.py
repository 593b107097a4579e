"""Pipelines of operators one after the other over a store, for tests of jobs in parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scatflow.pipeline import Pipeline


def job(path: Path, *steps: tuple[str, dict[str, Any]]) -> Pipeline:
    """Return a chain of operators over a store."""
    graph: dict[str, Any] = {"u": {"process_id": "open_zarr", "arguments": {"path": str(path), "variable": "u"}}}
    last = "u"
    for n, (process, arguments) in enumerate(steps):
        graph[f"s{n}"] = {"process_id": process, "arguments": {"data": {"from_node": last}, **arguments}}
        last = f"s{n}"
    graph[last]["result"] = True
    return Pipeline({"process_graph": graph})
