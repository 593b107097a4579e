"""Two distributions may call different things the same: nothing computed, stored or recorded may take one for the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr
import yaml

import scatflow as sf
from fake_plugins import HOOK, Folder, operators, pointwise
from scatflow.errors import GraphError, StoreError
from scatflow.registry import Registry, using

COMB = """
from scatflow.contract import FilterFamily, family
@family("comb", version=1)
class Comb(FilterFamily):
    def gain(self):
        return {gain}
"""
COMBED = """
from scatflow.contract import Filters, Pointwise, operator, param
@operator("combed", version=1, signature="()->()")
class Combed(Pointwise):
    '''Multiplies by the gain of a comb, or of several.'''
    filters: Filters | dict[str, Filters] = param(doc="Combs.")

    def apply(self, xp, *blocks):
        found = list(self.filters.values()) if isinstance(self.filters, dict) else [self.filters]
        return blocks[0] * sum(comb.gain() * 10**place for place, comb in enumerate(found))
"""


@pytest.fixture
def hats(folder: Folder) -> Folder:
    """Operators ``hat`` of two distributions that share a namespace package: one doubles, one triples."""
    for word, gain in (("hats", 2), ("caps", 3)):
        (folder.path / "acme" / word).mkdir(parents=True)
        (folder.path / "acme" / word / "__init__.py").write_text(pointwise("hat", body=f"blocks[0] * {gain}"))
        (folder.path / "acme" / word / "plugin.py").write_text(operators(hat=f'"acme.{word}:Hat"'))
        folder.dist(f"acme-{word}", entries={"main": f"acme.{word}.plugin"})
    return folder


@pytest.fixture
def combs(folder: Folder) -> Folder:
    """Filter families ``comb`` of two distributions, and an operator that takes them."""
    for dist, gain in (("acme", 2), ("beta", 3)):
        folder.module(f"{dist}_combs", COMB.format(gain=gain))
        folder.dist(dist, f"{HOOK}\n@hookimpl\ndef scatflow_filters(): return {{'comb': '{dist}_combs:Comb'}}\n")
    folder.module("gamma_ops", COMBED)
    folder.dist("gamma", operators(combed='"gamma_ops:Combed"'))
    return folder


@pytest.fixture
def ones(tmp_path: Path) -> dict[str, Any]:
    """The node of a source of four ones."""
    xr.Dataset({"u": ("x", np.ones(4))}).to_zarr(tmp_path / "u.zarr", consolidated=False)
    return {"process_id": "open_zarr", "arguments": {"path": str(tmp_path / "u.zarr")}}


def node(process: str, result: bool = False, **more: Any) -> dict[str, Any]:
    arguments = {"data": {"from_node": "u"}, **more.pop("arguments", {})}
    return {"process_id": process, "arguments": arguments, "result": result, **more}


def both(ones: Any, a: Any, b: Any) -> dict[str, Any]:
    bundle = {
        "process_id": "dataset",
        "arguments": {"variables": {"a": {"from_node": "a"}, "b": {"from_node": "b"}}},
        "result": True,
    }
    return {"process_graph": {"u": ones, "a": a, "b": b, "d": bundle}}


def sums(result: xr.Dataset) -> dict[str, list[float]]:
    return {str(name): array.sum("x").values.tolist() for name, array in result.data_vars.items()}


def test_operators_in_one_namespace_package_are_two(hats: Folder, ones: Any, tmp_path: Path) -> None:
    with using(Registry()) as book:
        first, second = book.find("operators", "acme-hats:hat")(), book.find("operators", "acme-caps:hat")()
        assert first != second and first.token() != second.token() and len({first, second}) == 2
        data = xr.DataArray(np.ones(4), dims="x").chunk(x=2)
        assert [float(found.sum()) for found in dask.compute(sf.apply(first, data), sf.apply(second, data))] == [8, 12]
        document = both(ones, node("hat", namespace="acme-hats"), node("hat", namespace="acme-caps"))
        assert sums(sf.Pipeline(document).lazy().compute()) == {"a": 8, "b": 12}
        assert sums(sf.Pipeline(document).run(tmp_path / "out.zarr")) == {"a": 8, "b": 12}


def test_a_sweep_keeps_them_apart(hats: Folder, ones: Any, tmp_path: Path) -> None:
    for word, gain in (("hats", 2), ("caps", 3)):
        text = pointwise("hat", body=f"blocks[0] * {gain} * self.by").replace(
            "    def apply", '    by: float = param(1.0, "x")\n\n    def apply'
        )
        (hats.path / "acme" / word / "__init__.py").write_text(text)
    by = {"by": {"from_parameter": "by"}}
    document = both(ones, node("hat", namespace="acme-hats", arguments=by), node("hat", namespace="acme-caps", arguments=by))
    with using(Registry()):
        swept = sf.Pipeline.sweep({**document, "parameters": {"by": {"type": "number"}}}, {"by": [1.0, 10.0]})
        result = swept.run(tmp_path / "out.zarr")
        assert sums(result) == {"a": [8, 80], "b": [12, 120]}
        record = json.loads(result.attrs["scatflow"])
        assert {"acme-hats", "acme-caps"} <= {entry["name"] for entry in record["plugins"]}


def test_filter_families_of_one_name_are_two(combs: Folder, ones: Any, tmp_path: Path) -> None:
    with using(Registry()):
        data = xr.DataArray(np.ones(4), dims="x").chunk(x=2)
        arrays = [sf.ops.combed(data, filters=f"{dist}:comb") for dist in ("acme", "beta")]
        assert [float(found.sum()) for found in dask.compute(*arrays)] == [8, 12]
        document = both(ones, *(node("combed", arguments={"filters": f"{dist}:comb"}) for dist in ("acme", "beta")))
        pipeline = sf.Pipeline(document)
        assert sums(pipeline.lazy().compute()) == {"a": 8, "b": 12} == sums(pipeline.run(tmp_path / "out.zarr"))
        pipeline.save(tmp_path / "p.yaml")
        saved = yaml.safe_load((tmp_path / "p.yaml").read_text())["process_graph"]
        assert saved["b"]["arguments"]["filters"] == {"family": "comb", "namespace": "beta", "version": 1}
        assert sf.Pipeline.from_file(tmp_path / "p.yaml").graph.hash == pipeline.graph.hash


def test_which_of_several_families_stands_where_is_part_of_a_value(combs: Folder) -> None:
    with using(Registry()) as book:
        cls = book.find("operators", "combed")
        values = [cls(filters={"x": "acme:comb", "y": "beta:comb"}), cls(filters={"x": "beta:comb", "y": "acme:comb"})]
        assert values[0] != values[1]
        assert values[0] == cls(filters={"y": "beta:comb", "x": "acme:comb"})


def test_a_store_of_one_family_is_not_continued_with_the_other(combs: Folder, ones: Any, tmp_path: Path) -> None:
    def made(dist: str) -> sf.Pipeline:
        return sf.Pipeline({"process_graph": {"u": ones, "h": node("combed", True, arguments={"filters": f"{dist}:comb"})}})

    with using(Registry()):
        assert made("acme").graph.hash != made("beta").graph.hash and made("acme").plan().hash != made("beta").plan().hash
        made("beta").run(tmp_path / "out.zarr")
        for how in ({"resume": True}, {"update": True}):
            with pytest.raises(StoreError) as caught:
                made("acme").run(tmp_path / "out.zarr", **how)
            assert caught.value.code == "PlanDiffers"


def test_a_result_of_one_family_is_not_repeated_with_the_other(combs: Folder, ones: Any, tmp_path: Path) -> None:
    with using(Registry()):
        document = {"process_graph": {"u": ones, "h": node("combed", True, arguments={"filters": "acme:comb"})}}
        result = sf.Pipeline(document).run(tmp_path / "out.zarr")
        assert float(sf.Pipeline.from_array(result).lazy().sum()) == 8
    for file in (combs.path / "acme-1.0.dist-info").iterdir():
        file.unlink()
    with using(Registry()), pytest.raises(GraphError, match="It is provided by beta"):
        sf.Pipeline.from_array(result)


def test_a_record_of_before_families_stated_distributions_is_read_while_one_provides_the_name(
    combs: Folder, ones: Any, tmp_path: Path
) -> None:
    with using(Registry()):
        document = {"process_graph": {"u": ones, "h": node("combed", True, arguments={"filters": "acme:comb"})}}
        result = sf.Pipeline(document).run(tmp_path / "out.zarr")
    record = json.loads(result.attrs["scatflow"])
    del record["graph"]["process_graph"]["combed_1"]["arguments"]["filters"]["namespace"]
    old = result.assign_attrs(scatflow=json.dumps(record))
    with using(Registry()), pytest.raises(GraphError, match="acme:comb, beta:comb"):
        sf.Pipeline.from_array(old)
    for file in (combs.path / "beta-1.0.dist-info").iterdir():
        file.unlink()
    with using(Registry()):
        assert float(sf.Pipeline.from_array(old).lazy().sum()) == 8


def test_of_two_that_provide_one_class_the_one_asked_for_is_recorded(folder: Folder, ones: Any, tmp_path: Path) -> None:
    folder.module("shared_ops", pointwise("hat"))
    for dist, version in (("aaa", "1.0"), ("bbb", "2.0")):
        folder.dist(dist, operators(hat='"shared_ops:Hat"'), version=version)
    with using(Registry()):
        result = sf.Pipeline({"process_graph": {"u": ones, "h": node("hat", True, namespace="bbb")}}).run(tmp_path / "out.zarr")
    record = json.loads(result.attrs["scatflow"])
    assert record["graph"]["process_graph"]["hat_1"]["namespace"] == "bbb"
    assert {"name": "bbb", "version": "2.0"} in record["plugins"] and "aaa" not in str(record)
