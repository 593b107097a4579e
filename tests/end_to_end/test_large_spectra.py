"""Spectra and models of flows of which a worker holds a part, one axis at a time under a real limit: the numbers of the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scatflow import Pipeline, cluster
from scatflow.errors import PlanError
from scatflow.plan.table import RESERVED_BYTES
from scatflow.store import Ledger

LIMIT = "480 MiB"
OPERATORS = [
    ("energy_spectrum", {"kind": "enstrophy"}),
    ("flow_scales", {"nu": 0.01}),
    ("gaussian_model", {"estimate": "isotropic", "phase_only": True}),
]


def pipeline(size: int, operator: str, **parameters: Any) -> Pipeline:
    """Return a pipeline from two white noises as components to what an operator makes of them."""
    nodes: dict[str, Any] = {
        name: {"process_id": "white_noise", "arguments": {"size": [size, size], "seed": seed}} for seed, name in enumerate("uv")
    }
    nodes["flow"] = {"process_id": "vector2", "arguments": {"u": {"from_node": "u"}, "v": {"from_node": "v"}}}
    arguments = {"data": {"from_node": "flow"}, "dims": ["y", "x"], **parameters}
    return Pipeline({"process_graph": {**nodes, "result": {"process_id": operator, "arguments": arguments, "result": True}}})


def check(path: Path, size: int, operator: str, parameters: dict[str, Any], record_property: Any) -> None:
    """Run a job that no other strategy serves, and hold its numbers and memory against the whole and the projection."""
    job = pipeline(size, operator, **parameters)
    with cluster.local(workers=1, memory=LIMIT) as client:
        with pytest.raises(PlanError, match='strategy="pencil"'):
            job.plan(client=client)
        plan = job.plan(client=client, strategy="pencil")
        found = job.run(path, client=client, strategy="pencil").load()
    whole = job.lazy(rechunk="auto").compute(scheduler="synchronous")
    whole = whole.to_dataset(name=next(iter(found.data_vars))) if operator == "gaussian_model" else whole
    for name, value in whole.data_vars.items():
        scale = float(np.sqrt((value**2).mean()))
        error = float(abs(found[name] - value).max()) / scale
        record_property(f"error of {name}", error)
        assert error < (1e-5 if operator == "gaussian_model" else 1e-9), name  # single and double precision
    ledger = Ledger(path, plan.hash)
    ledger.load()
    peak = max(receipt.peak for receipt in ledger.receipts.values())
    record_property("peak of the worker, projected", (peak, RESERVED_BYTES + plan.max_projected_memory))
    assert peak <= RESERVED_BYTES + plan.max_projected_memory <= 480 * 2**20


@pytest.mark.parametrize(("operator", "parameters"), OPERATORS[:1], ids=["enstrophy"])
def test_spectra_of_a_flow_that_a_worker_cannot_hold(
    tmp_path: Path, operator: str, parameters: dict[str, Any], record_property: Any
) -> None:
    check(tmp_path / "out.zarr", 1536, operator, parameters, record_property)


@pytest.mark.slow
@pytest.mark.parametrize(("operator", "parameters"), OPERATORS, ids=["enstrophy", "scales", "isotropic model"])
def test_flows_of_4096_squared(tmp_path: Path, operator: str, parameters: dict[str, Any], record_property: Any) -> None:
    check(tmp_path / "out.zarr", 4096, operator, parameters, record_property)
