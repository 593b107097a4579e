"""``rerun``: results repeated from their own records, and differences of every kind told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

import scatflow as sf
import toys
from cli.conftest import Program
from scatflow.cli.difference import Difference, compare, differences
from scatflow.registry.guard import Interrupted

GRAPH: dict[str, Any] = {
    "noise": {"process_id": "toy_noise", "arguments": {"items": 5, "seed": 3}},
    "smooth": {"process_id": "toy_smooth", "arguments": {"data": {"from_node": "noise"}, "dims": ["x"]}},
    "mean": {"process_id": "toy_mean", "arguments": {"data": {"from_node": "smooth"}, "dims": ["x"]}},
    "m": {"process_id": "variable", "arguments": {"data": {"from_node": "mean"}, "name": "mean"}},
    "out": {
        "process_id": "dataset",
        "arguments": {"variables": {"smooth": {"from_node": "smooth"}, "mean": {"from_node": "m"}}},
        "result": True,
    },
}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A result of several stages, with regions that nobody would choose."""
    sf.Pipeline({"process_graph": GRAPH}).run(tmp_path / "made.zarr", region={"item": 2})
    return tmp_path / "made.zarr"


def change(result: Path, name: str, where: tuple[slice | int, ...], value: float) -> None:
    array: Any = zarr.open_array(result / name, mode="r+")
    array[where] = value


def record(result: Path, **changes: Any) -> None:
    """Change the record of a result, consolidated or not."""
    for consolidated in (True, False):
        group = zarr.open_group(result, mode="r+", use_consolidated=consolidated)
        content = json.loads(str(group.attrs["scatflow"])) | changes
        group.attrs["scatflow"] = json.dumps(content)
    with pytest.warns(zarr.errors.ZarrUserWarning):
        zarr.consolidate_metadata(result)


def facts(out: str) -> dict[str, str]:
    """Return title -> text of the report."""
    lines = [line.strip() for line in out.splitlines() if line.startswith("  ")]
    return {line.partition(" ")[0]: line.partition(" ")[2].strip() for line in lines}


def test_a_result_is_repeated_byte_by_byte(scatflow: Program, made: Path) -> None:
    before = sorted(made.parent.iterdir())
    code, out, _ = scatflow("rerun", made, "--quiet")
    assert code == 0 and out.endswith("\nequal byte by byte\n")
    assert facts(out) == {
        "input": "toy_noise_1: unchanged", "operators": "the same", "plugins": "the same", "versions": "the same",
        "plan": "the same", "smooth": "identical bytes", "mean": "identical bytes",
    }  # fmt: skip
    assert sorted(made.parent.iterdir()) == before  # the repeated result is gone


def test_the_repeated_result_can_be_kept(scatflow: Program, made: Path, tmp_path: Path) -> None:
    assert scatflow("rerun", made, "-o", "again.zarr").code == 0
    xr.testing.assert_identical(sf.open_result(tmp_path / "again.zarr").drop_attrs(), sf.open_result(made).drop_attrs())
    assert scatflow("rerun", made, "-o", "again.zarr").code == 2
    assert scatflow("rerun", made, "-o", "again.zarr", "--resume").code == 0
    assert scatflow("rerun", made, "--resume").code == 2
    code, _, err = scatflow("rerun", made, "-o", made, "--overwrite")
    assert code == 2 and "cannot replace" in err and made.exists()


def test_other_regions_are_told(scatflow: Program, made: Path) -> None:
    code, out, _ = scatflow("rerun", made, "--region", "item=5")
    assert facts(out)["plan"] == "differs in targets, regions"
    assert code == (0 if "identical bytes" in facts(out)["mean"] else 1)


def test_values_that_differ_are_measured(scatflow: Program, made: Path) -> None:
    stored = sf.open_result(made)
    value = float(stored.smooth[1, 7])
    change(made, "smooth", (1, 7), value * (1 + 1e-3))
    code, out, _ = scatflow("rerun", made)
    found = facts(out)
    assert code == 1 and "NOT equal" in out and found["mean"] == "identical bytes"
    assert float(found["smooth"].rpartition(" ")[2]) == pytest.approx(1e-3, rel=0.02)
    assert float(found["smooth"].split()[2].rstrip(",")) == pytest.approx(abs(value) * 1e-3, rel=0.02)
    code, out, _ = scatflow("rerun", made, "--rtol", "1e-2")
    assert code == 0 and "equal within a relative difference of 0.01" in out
    assert scatflow("rerun", made, "--rtol", "1e-4").code == 1
    change(made, "smooth", (2, slice(3, 6)), np.nan)
    code, out, _ = scatflow("rerun", made, "--rtol", "1e-2")
    assert code == 1 and "NaN in only one of them at 3 places" in facts(out)["smooth"]


def test_versions_of_then_are_told(scatflow: Program, made: Path) -> None:
    content = json.loads(sf.open_result(made).attrs["scatflow"])
    operators = [entry | {"version": 7} if entry["id"].endswith("toy_mean") else entry for entry in content["operators"]]
    record(made, versions=content["versions"] | {"numpy": "1.0"}, operators=operators, plugins=[])
    code, out, _ = scatflow("rerun", made)
    found = facts(out)
    assert code == 0 and found["operators"] == "toy-plugin:toy_mean 7 → 1"
    assert found["versions"] == f"numpy 1.0 → {np.__version__}" and "(none) →" in found["plugins"]


def test_an_input_that_changed_is_told(scatflow: Program, tmp_path: Path) -> None:
    data = xr.Dataset({"u": (("item", "x"), np.ones((3, 8)))})
    data.to_zarr(tmp_path / "u.zarr", consolidated=False)
    sf.Pipeline.from_source("open_zarr", path=str(tmp_path / "u.zarr")).run(tmp_path / "made.zarr")
    change(tmp_path / "u.zarr", "u", (0, 0), 3.0)
    code, out, _ = scatflow("rerun", tmp_path / "made.zarr")
    assert code == 1 and facts(out)["input"] == "open_zarr_1: CHANGED since the first run"
    assert "max |difference| 2, max relative 2" in out
    record(tmp_path / "made.zarr", inputs={})
    assert "no fingerprint was recorded" in scatflow("rerun", tmp_path / "made.zarr").out


def test_what_cannot_be_repeated_is_bad_input(scatflow: Program, made: Path, tmp_path: Path) -> None:
    assert scatflow("rerun", tmp_path / "nothing.zarr").code == 2
    nodes = json.loads(sf.open_result(made).attrs["scatflow"])["graph"]
    nodes["process_graph"]["toy_mean_1"]["process_id"] = "gone_forever"
    record(made, graph=nodes)
    code, _, err = scatflow("rerun", made)
    assert code == 2 and "gone_forever" in err and [path.name for path in tmp_path.iterdir()] == ["made.zarr"]


def test_an_array_given_in_memory_is_asked_for(scatflow: Program, tmp_path: Path, made: Path) -> None:
    flipped = sf.apply(toys.Flip(dims=("x",)), xr.DataArray(np.zeros(4), dims="x"))
    record(made, graph=json.loads(flipped.attrs["scatflow"])["graph"])
    code, _, err = scatflow("rerun", made)
    assert code == 2 and "'data'" in err and "has not been given" in err


def test_a_run_that_fails_leaves_no_store(scatflow: Program, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*arguments: object) -> None:
        raise Interrupted

    monkeypatch.setattr("scatflow.run.task.write", stopped)
    assert scatflow("rerun", made).code == 75
    assert [path.name for path in made.parent.iterdir()] == ["made.zarr"]


# Comparing -----------------------------------------------------------------------------------------------------------


def array(values: Any, **attrs: Any) -> xr.DataArray:
    return xr.DataArray(values, dims="x", coords={"x": ("x", np.arange(len(values)), {"units": "m"})}, attrs=attrs)


def test_special_values() -> None:
    base = np.array([1.0, np.nan, np.inf, 0.0])
    assert compare(array(base), array(base.copy())) == Difference()
    assert compare(array(base), array([1.0, np.nan, np.inf, -0.0])) == Difference(identical=False)
    assert not Difference(identical=False).within(0) and Difference(identical=False).within(1e-9)
    assert compare(array(base), array([1.0, 5.0, np.inf, 0.0])) == Difference(False, nan=1)
    assert compare(array(base), array([1.0, np.nan, -np.inf, 0.0])).relative == np.inf
    zero = compare(array(base), array([1.0, np.nan, np.inf, 1e-9]))
    assert (zero.absolute, zero.relative) == (1e-9, np.inf)
    assert compare(array(np.array([3 + 4j])), array(np.array([3 + 4.5j]))).relative == pytest.approx(0.1)
    assert compare(array(np.array([True, False])), array(np.array([True, True]))).absolute == 1


def test_blocks_are_joined() -> None:
    old = array(np.arange(1.0, 9.0)).chunk({"x": 3})
    new = old.copy(data=np.arange(1.0, 9.0) + np.array([0, 0.5, 0, 0, 0, 0, 0, 2]))
    assert compare(old, new) == Difference(False, 2.0, 0.25)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (array(np.zeros(3)), "sizes {'x': 2} → {'x': 3}"), (array(np.zeros(2, "f4")), "dtype float64 → float32"),
        (array(np.zeros(2), units="K"), "attribute units: None → 'K'"), (array(np.zeros(2)).drop_vars("x"), "coordinate x only in the first run"),
        (array(np.zeros(2)).assign_coords(x=("x", [0, 2], {"units": "m"})), "coordinate x differs"),
        (array(np.zeros(2)).assign_coords(x=("x", [0, 1])), "attribute units of x: 'm' → None"),
    ],
)  # fmt: skip
def test_labels_count(other: xr.DataArray, words: str) -> None:
    found = compare(array(np.zeros(2)), other)
    assert words in found.labels and words in str(found) and not found.within(1.0)


def test_variables_that_only_one_run_has() -> None:
    first, both = xr.Dataset({"a": array([1.0])}), xr.Dataset({"a": array([1.0]), "b": array([2.0])})
    assert differences(first, both)["b"].labels == ("only in the second run",)
    assert not differences(both, first)["b"].within(1.0) and differences(first, both)["a"] == Difference()
    trees = [xr.DataTree.from_dict({"/": xr.Dataset(), "/fine": dataset}) for dataset in (first, both)]
    assert list(differences(*trees)) == ["fine/a", "fine/b"]
