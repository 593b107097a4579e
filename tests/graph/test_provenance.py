"""The attribute: written, read, merged, lifted into a pipeline again."""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
import toys
from scatflow.contract import Ref, Source, digest, param, source
from scatflow.errors import GraphError, ParameterError, StoreError
from scatflow.graph import Graph, Origin, dry_run, dump_text, extend, graph_of, load_text, parse, parse_provenance, provenance
from scatflow.registry import Registry, using

Document = dict[str, Any]
Write = Callable[..., Document]
Make = Callable[..., Graph]


def read(text: str) -> Any:
    return json.loads(text)


@pytest.fixture
def graph(node: Write, graph_of_nodes: Make) -> Graph:
    return graph_of_nodes(
        noise=node("toy_noise", seed=5), smooth=node("toy_smooth", "noise", dims=["x"], radius=3),
        m=node("toy_mean", "smooth", dims=["x"], result=True),
    )  # fmt: skip


@source("open_zarr", version=1)
class Store(Source):
    """Stands for the real source, which needs zarr."""

    path: str = param(doc="Path.")
    variable: str | None = param(None, "Variable.")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scatflow.store.source", SimpleNamespace(ZarrSource=Store))


# Writing and reading -------------------------------------------------------------------------------------------------


def test_what_is_recorded(graph: Graph) -> None:
    text = provenance(graph, dry_run(graph), seeds={"m": int(np.int64(9))}, fingerprints={"noise": "abc", "elsewhere": "x"})
    content = read(text)
    assert content["schema"] == 1 and content["hash"] == graph.hash == digest(content["graph"])
    assert list(content["graph"]["process_graph"]) == ["toy_mean_1", "toy_noise_1", "toy_smooth_1"]
    assert {"id": "toy-plugin:toy_smooth", "version": 1} in content["operators"]
    assert content["plugins"] == [{"name": "toy-plugin", "version": ""}]
    assert content["inputs"] == {"toy_noise_1": {"dims": ["item", "x"], "shape": [6, 64], "dtype": "float32", "fingerprint": "abc"}}
    assert content["seeds"] == {"toy_noise_1": 5, "toy_mean_1": 9}
    assert {"python", "numpy", "xarray", "zarr"} <= set(content["versions"])
    assert parse_provenance({"scatflow": text}).to_json() == text


def test_the_record_depends_on_content_alone(node: Write, graph: Graph, graph_of_nodes: Make) -> None:
    renamed = graph_of_nodes(
        z=node("toy_mean", "b", dims="x", result=True), b=node("toy_smooth", "a", radius=3, dims="x"), a=node("toy_noise", seed=5)
    )
    assert provenance(renamed) == provenance(graph)


def test_one_of_several_results(graph: Graph) -> None:
    text = provenance(graph, result=Ref("m", "mean"))
    nodes = read(text)["graph"]["process_graph"]
    assert nodes["variable_1"]["arguments"] == {"data": {"from_node": "toy_mean_1"}, "name": "mean"}
    assert parse(graph_of({"scatflow": text})).results == {"": Ref("toy_mean_1", "mean")}


def test_rebuilding(graph: Graph) -> None:
    document = graph_of({"scatflow": provenance(graph)})
    assert list(document["process_graph"]) == ["toy_noise_1", "toy_smooth_1", "toy_mean_1"]  # in the order people read
    assert parse(document).hash == graph.hash
    assert parse(load_text(dump_text(document))).hash == graph.hash


def test_fields_that_an_older_version_lacks_are_empty(graph: Graph) -> None:
    record = parse_provenance({"scatflow": json.dumps({"schema": 1, "graph": graph.to_document()})})
    assert record.seeds == {} and record.operators == {} and record.document["process_graph"]
    assert parse_provenance({"scatflow": read(provenance(graph))}).hash == graph.hash
    assert parse_provenance({"scatflow": record}) is record


@pytest.mark.parametrize(
    ("attrs", "code"),
    [
        ({}, "ProvenanceMissing"),
        ({"scatflow": json.dumps({"schema": 2, "anything": "else"})}, "SchemaNewer"),
        ({"scatflow": {"schema": 99}}, "SchemaNewer"),
        *(
            ({"scatflow": text}, "ProvenanceInvalid")
            for text in (
                "", "not json", "[1]", "{}", '{"schema": true}', '{"schema": 0}', '{"schema": "1"}', '{"schema": 1}', 3, None, b"\xff",
                '{"schema": 1, "graph": {"process_graph": {}}}', '{"schema": 1, "graph": 3}',
                '{"schema": 1, "graph": {"process_graph": {"a": {"process_id": "p", "arguments": {}}}}}',
                '{"schema": 1, "graph": {"process_graph": {"a": {"process_id": 3, "arguments": {}, "result": true}}}}',
                '{"schema": 1, "graph": {"process_graph": {"a": {"process_id": "p", "arguments": {"x": {"from_node": "b"}}, "result": true}}}}',
                '{"schema": 1, "graph": {"process_graph": {"a": 1}}}', '{"schema": 1, "a": ' + "[" * 100_000,
            )
        ),
    ],
)  # fmt: skip
def test_records_that_cannot_be_read(attrs: Mapping[str, Any], code: str) -> None:
    with pytest.raises(StoreError) as caught:
        parse_provenance(attrs)
    assert caught.value.code == code and caught.value.remedy


@pytest.mark.parametrize(
    ("key", "entries"),
    [("operators", [{"id": "a:b", "version": version}]) for version in ({}, [], None, "abc", 2.5, True, 0)]
    + [("operators", [{"id": 3, "version": 1}]), ("operators", "abc"), ("operators", None)]
    + [("plugins", [{"name": "a", "version": version}]) for version in ({}, [], None, 3)]
    + [("plugins", [{"name": 3, "version": "1"}]), ("plugins", "abc"), ("plugins", None)],
)
def test_an_array_whose_record_lists_what_means_nothing_is_anonymous(graph: Graph, key: str, entries: Any) -> None:
    record = read(provenance(graph)) | {key: entries}
    with pytest.warns(UserWarning, match="recorded as an anonymous array"):
        attrs = extend([{"scatflow": json.dumps(record)}], toys.Flip(dims=("x",)))
    assert parse_provenance(attrs).given == {"data": ""}


@pytest.mark.timeout(20)
def test_a_record_whose_nodes_need_each_other_is_none(graph: Graph) -> None:
    """Whatever follows references would go on for ever."""
    record = read(provenance(graph))
    nodes = record["graph"]["process_graph"]
    nodes["toy_smooth_1"]["arguments"]["data"] = {"from_node": "toy_mean_1"}
    with pytest.raises(StoreError, match="nodes need each other's results: toy_"):
        parse_provenance({"scatflow": record})
    nodes["toy_mean_1"]["arguments"]["data"] = {"from_node": "toy_mean_1"}
    with pytest.warns(UserWarning, match="recorded as an anonymous array"):
        extend([{"scatflow": json.dumps(record)}], toys.Flip(dims=("x",)))


# Merging -------------------------------------------------------------------------------------------------------------


def test_an_anonymous_array_becomes_a_parameter() -> None:
    attrs = extend([xr.DataArray(np.zeros(4), dims="x")], toys.Flip(dims=("x",)))
    document = graph_of(attrs)
    assert document["process_graph"]["toy_flip_1"]["arguments"]["data"] == {"from_parameter": "data"}
    assert [parameter["name"] for parameter in document["parameters"]] == ["data"]
    graph = parse(document)
    assert graph.given == ("data",) and graph.hash == parse_provenance(attrs).hash
    assert dry_run(parse(document, {"data": toys.Noise()})).results[""].shape == (6, 64)


def test_calls_build_up_the_graph_that_a_pipeline_states(node: Write, graph_of_nodes: Make) -> None:
    noise = {"scatflow": provenance(graph_of_nodes(u=node("toy_noise", seed=3, result=True)), fingerprints={"u": "f"})}
    flipped = extend([noise], toys.Flip(dims=("x",)))
    ratio = extend([flipped, noise], toys.Divide())
    half = extend([ratio, 2], toys.Divide())
    assert parse_provenance(half).hash == graph_of_nodes(
        u=node("toy_noise", seed=3), f=node("toy_flip", "u", dims="x"), r=node("toy_divide", "f", "u"), h=node("toy_divide", "r", 2, result=True)
    ).hash  # fmt: skip
    record = parse_provenance(half)
    assert record.seeds == {"toy_noise_1": 3} and record.inputs == {"toy_noise_1": {"fingerprint": "f"}}
    assert set(record.operators) == {"toy-plugin:toy_noise", "toy-plugin:toy_flip", "toy-plugin:toy_divide"}


def test_results_of_a_reduction_and_composites(node: Write, graph_of_nodes: Make) -> None:
    noise = {"scatflow": provenance(graph_of_nodes(u=node("toy_noise", result=True)))}
    mean = extend([noise], toys.Mean(dims=("x",)), "mean")
    by_hand = extend([noise, mean], toys.Divide())
    composite = extend([noise], toys.Anomaly(dims=("x",)))
    assert composite == by_hand
    assert composite["scatflow"] == provenance(
        graph_of_nodes(u=node("toy_noise"), a=node("toy_anomaly", "u", dims=["x"], result=True))
    )


def test_two_anonymous_arrays_stay_two() -> None:
    a, b = xr.DataArray(np.zeros(4), dims="x"), xr.DataArray(np.ones(4), dims="x")

    def inputs(attrs: Mapping[str, Any]) -> list[str]:
        return sorted(parameter["name"] for parameter in graph_of(attrs)["parameters"])

    assert inputs(extend([a, b], toys.Divide())) == ["x", "y"]
    assert inputs(extend([a, a], toys.Divide())) == ["x"]
    first, second = extend([a], toys.Flip()), extend([b], toys.Flip())
    assert first == second  # what is recorded of each alone is the same, yet they are not the same array
    both = extend([first, second], toys.Divide())
    assert inputs(both) == ["data", "data_2"]
    assert inputs(extend([both, first], toys.Divide())) == ["data", "data_2", "data_3"]


def test_an_array_with_a_token_is_recognized() -> None:
    dask_like = xr.DataArray(np.zeros(4), dims="x").chunk({"x": 2})
    flipped, smoothed = extend([dask_like], toys.Flip()), extend([dask_like], toys.Smooth())
    assert list(parse_provenance(extend([flipped, smoothed], toys.Divide())).given) == ["data"]
    mixed = extend([flipped, Origin(token="another")], toys.Divide())
    assert list(parse_provenance(mixed).given) == ["data", "y"]


@pytest.mark.usefixtures("store")
def test_a_known_source_is_recorded() -> None:
    origin = Origin(source=Store(path="turb.zarr", variable="u"), variable="u")
    attrs = extend([origin, Origin(source=Store(path="turb.zarr", variable="u"))], toys.Divide())
    graph = parse(graph_of(attrs))
    assert [entry.process for entry in graph.nodes] == ["open_zarr", "toy_divide"]
    assert graph.nodes[0].value == Store(path="turb.zarr", variable="u") and graph.nodes[0].namespace == "scatflow"
    assert parse_provenance(attrs).operators["scatflow:open_zarr"] == (1,)
    assert parse(graph_of(attrs, ["path"]), {"path": "other.zarr"}).nodes[0].value == Store(path="other.zarr", variable="u")


def test_a_variable_of_a_bundle(node: Write, graph_of_nodes: Make) -> None:
    bundle = {"a": {"from_node": "u"}, "b": {"from_node": "f"}}
    attrs = {"scatflow": provenance(graph_of_nodes(
        u=node("toy_noise"), f=node("toy_flip", "u"), d=node("dataset", variables=bundle, result=True)
    ))}  # fmt: skip
    known = extend([Origin(attrs, variable="b")], toys.Flip())
    assert [entry.process for entry in parse(graph_of(known)).nodes] == ["toy_noise", "toy_flip", "toy_flip"]
    array = xr.DataArray(np.zeros(2), dims="x", name="a", attrs=attrs)
    assert [entry.process for entry in parse(graph_of(extend([array], toys.Flip()))).nodes] == ["toy_noise", "toy_flip"]
    assert parse(graph_of(extend([attrs], toys.Flip()))).given == ("data",)


def test_makers_need_not_be_installed(node: Write, graph_of_nodes: Make, awkward: SimpleNamespace) -> None:
    attrs = {"scatflow": provenance(graph_of_nodes(u=node("toy_noise"), p=node("picky", "u", count=2, result=True)))}
    with using(Registry([EntryPoint("toys", "toy_plugin", "scatflow")])):
        later = extend([attrs], toys.Flip())
        with pytest.raises(GraphError, match="no active plugin provides it"):
            parse(graph_of(later))
        assert "picky_1" in graph_of(later, ["count"])["process_graph"]
    assert parse_provenance(later).operators["awkward:picky"] == (3,)


def test_versions_of_earlier_makers_are_kept(graph: Graph) -> None:
    content = read(provenance(graph, result=Ref("m", "mean")))
    for entry in content["operators"]:
        entry["version"] = 4
    content["plugins"] = [{"name": "toy-plugin", "version": "0.9"}]
    record = parse_provenance(extend([{"scatflow": json.dumps(content)}], toys.Flip()))
    assert record.operators["toy-plugin:toy_mean"] == (4,) and record.operators["toy-plugin:toy_flip"] == (1,)
    assert record.plugins["toy-plugin"] == ("", "0.9")


@pytest.mark.parametrize("text", ["nonsense", json.dumps({"schema": 2})])
def test_an_unreadable_record_does_not_stop_a_computation(text: str) -> None:
    with pytest.warns(UserWarning, match="'data' is recorded as an anonymous array"):
        attrs = extend([{"scatflow": text}], toys.Flip())
    assert parse(graph_of(attrs)).given == ("data",)


def test_the_number_of_inputs_is_checked() -> None:
    with pytest.raises(ParameterError, match="wrong number of inputs"):
        extend([{}], toys.Divide())
    assert graph_of(extend([np.float32(0.5), {}], toys.Divide()))["process_graph"]["toy_divide_1"]["arguments"]["x"] == 0.5


# Lifting -------------------------------------------------------------------------------------------------------------


def test_parameters_are_lifted_with_their_declaration(graph: Graph) -> None:
    attrs = {"scatflow": provenance(graph)}
    document = graph_of(attrs, ["radius", "toy_noise.seed"])
    declared = {parameter["name"]: parameter for parameter in document["parameters"]}
    assert declared["radius"] == {
        "name": "radius", "description": "Half-width of the window.", "default": 3,
        "schema": {"type": "integer", "minimum": 0, "maximum": 1000},
    }  # fmt: skip
    assert declared["toy_noise_seed"]["default"] == 5
    assert parse(document).hash == graph.hash
    assert parse(document, {"radius": 4}).node("toy_smooth_1").value == toys.Smooth(dims=("x",), radius=4)
    with pytest.raises(GraphError, match="at most 1000"):
        parse(document, {"radius": 2000})
    assert graph_of(attrs) == graph.canonical()[0]  # lifting works on a copy


def test_choices_become_an_enum_and_unions_stay(node: Write, graph_of_nodes: Make) -> None:
    attrs = {"scatflow": provenance(graph_of_nodes(u=node("toy_noise"), p=node("picky", "u", count=2, result=True)))}
    document = graph_of(attrs, ["word", "reach", "table"])
    schemas = {parameter["name"]: parameter["schema"] for parameter in document["parameters"]}
    assert schemas["word"]["enum"] == ["red", "green"]
    assert parse(document).hash == parse(document, {"reach": None}).hash != parse(document, {"reach": [1, 2]}).hash


def test_one_name_for_several_nodes_needs_one_value(node: Write, graph_of_nodes: Make) -> None:
    def lifted(first: int, second: int, *names: str) -> Document:
        made = graph_of_nodes(
            u=node("toy_noise"),
            a=node("toy_smooth", "u", radius=first),
            b=node("toy_smooth", "a", radius=second, stride=2, result=True),
        )
        return graph_of({"scatflow": provenance(made)}, names)

    same = lifted(4, 4, "radius")
    assert [entry.value.parameters()["radius"] for entry in parse(same, {"radius": 1}).nodes[1:]] == [1, 1]
    with pytest.raises(ParameterError, match=r"Lift one of toy_smooth_1\.radius, toy_smooth_2\.radius"):
        lifted(4, 5, "radius")
    document = lifted(4, 5, "toy_smooth_1.radius", "toy_smooth_2.radius")
    assert [parameter["default"] for parameter in document["parameters"]] == [4, 5]


def test_a_declared_name_is_not_declared_twice() -> None:
    record = read(extend([{}], toys.Smooth())["scatflow"])
    record["graph"]["parameters"].append({"name": "radius", "schema": {}})
    with pytest.raises(ParameterError, match="declared already"):
        graph_of({"scatflow": record}, ["radius"])


def test_names_that_cannot_be_lifted(graph: Graph) -> None:
    attrs = {"scatflow": provenance(graph)}
    with pytest.raises(ParameterError, match="'radius'"):
        graph_of(attrs, ["radus"])
    for name in ("data", "toy_mean.radius", "nowhere.radius"):
        with pytest.raises(ParameterError, match="no operator has a parameter"):
            graph_of(attrs, [name])


# Arrays that were opened with xarray ---------------------------------------------------------------------------------


@pytest.fixture
def field() -> xr.Dataset:
    x = ("x", np.arange(12, dtype="float32") * 0.5, {"units": "m", "period": 6.0})
    values = np.random.default_rng(0).standard_normal((4, 12)).astype("float32")
    packed = (("t", "x"), np.round(values, 1), {"units": "K"})
    data = xr.Dataset({"v": (("t", "x"), values, {"units": "m/s"}), "packed": packed}, coords={"x": x})
    data["packed"].encoding = {"chunks": (1, 12), "dtype": "int16", "scale_factor": 0.1, "_FillValue": -999}
    data["v"].encoding = {"chunks": (1, 12)}
    return data


@pytest.fixture
def zarr_path(tmp_path: Path, field: xr.Dataset) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # format 3 has no consolidation in its specification yet
        field.to_zarr(tmp_path / "a.zarr", consolidated=False)
        (field + 1).to_zarr(tmp_path / "a.zarr", group="g", mode="a", consolidated=False)
    return tmp_path / "a.zarr"


def opened(path: Path, **options: Any) -> xr.Dataset:
    return xr.open_zarr(path, consolidated=False, **options)


def sources(array: xr.DataArray) -> list[Source]:
    """Return the sources recorded for what an operator makes of an array; none where it is a given parameter."""
    document = graph_of(sf.apply(toys.Flip(dims=("x",)), array).attrs)
    return [node.value for node in parse(document).nodes if isinstance(node.value, Source) and node.process != "given"]


@pytest.mark.parametrize("variable", ["v", "packed"])
@pytest.mark.parametrize("name", ["a.zarr", "a.nc"])
def test_a_pipeline_reads_what_xarray_opened(zarr_path: Path, field: xr.Dataset, name: str, variable: str, tmp_path: Path) -> None:
    field.to_netcdf(tmp_path / "a.nc")
    data = opened(zarr_path) if name == "a.zarr" else xr.open_dataset(tmp_path / "a.nc", chunks={})
    made = sf.apply(toys.Smooth(dims=("x",), radius=1), data[variable])
    pipeline = sf.Pipeline.from_array(made, parameters=["radius"])
    (node, _) = pipeline.graph.nodes
    assert (node.process, node.value.parameters()["path"]) == (
        {"a.zarr": "open_zarr", "a.nc": "open_netcdf"}[name],
        str(tmp_path / name),
    )
    xr.testing.assert_identical(unrecorded(pipeline.lazy().compute()), unrecorded(made.compute()))
    pipeline.save(tmp_path / "p.yaml")
    again = sf.Pipeline.from_file(tmp_path / "p.yaml")
    assert again.graph.hash == pipeline.graph.hash
    wider = sf.Pipeline.from_file(tmp_path / "p.yaml", radius=2).lazy()
    xr.testing.assert_equal(wider.compute(), sf.apply(toys.Smooth(dims=("x",), radius=2), data[variable]).compute())
    data.close()


def unrecorded(array: xr.DataArray) -> xr.DataArray:
    return array.assign_attrs(scatflow="")


def test_the_group_is_part_of_the_path(zarr_path: Path) -> None:
    (source,) = sources(opened(zarr_path, group="g").v)
    assert source.parameters()["path"] == str(zarr_path / "g")
    np.testing.assert_array_equal(source.read({}), opened(zarr_path).v + 1)


def test_chunks_asked_for_are_kept(zarr_path: Path) -> None:
    for array in (opened(zarr_path).v.chunk({"t": 2, "x": 12}), opened(zarr_path, chunks={"t": 2}).v):
        (source,) = sources(array)
        assert source.parameters()["chunks"] == {"t": 2}
        made = sf.apply(toys.Flip(dims=("x",)), array)
        assert sf.Pipeline.from_array(made).lazy().chunks == made.chunks


CHANGES: dict[str, Callable[[xr.DataArray], xr.DataArray]] = {
    "isel": lambda a: a.isel(t=slice(0, 2)),
    "same shape": lambda a: a.isel(t=slice(None, None, -1)),
    "arithmetic": lambda a: a * 2,
    "in place": lambda a: a.copy(data=a.data + 1),
    "function": lambda a: xr.apply_ufunc(np.abs, a, dask="allowed", keep_attrs=True),
    "transpose": lambda a: a.transpose("x", "t"),
    "rechunked and cut": lambda a: a.chunk({"t": 2})[:2].chunk({"t": 1}),
    "roll": lambda a: a.roll(x=1, roll_coords=False),
    "where": lambda a: a.where(a > 0),
    "shifted": lambda a: a.assign_coords(x=a.x + 1),
    "one coordinate fewer": lambda a: a.drop_vars("x"),
    "dtype of a coordinate": lambda a: a.assign_coords(x=("x", a.x.values.astype("float64"), a.x.attrs)),
    "not periodic": lambda a: a.assign_coords(x=("x", a.x.values, {"units": "m"})),
    "renamed": lambda a: a.rename("w"),
    "other attributes": lambda a: a.assign_attrs(units="km/s"),
}


def test_coordinates_in_chunks_are_compared_without_reading_them(zarr_path: Path, field: xr.Dataset) -> None:
    field[["v"]].assign_coords(depth=("x", np.arange(12.0)), other=("x", np.ones(12))).to_zarr(
        zarr_path, group="deep", mode="a", consolidated=False
    )
    array = opened(zarr_path, group="deep").v
    assert array.depth.chunks and len(sources(array)) == 1
    for coord in (array.depth + 1, array.depth[::-1], array.other):
        assert sources(array.assign_coords(depth=("x", coord.data))) == []


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_since_is_not_taken_for_the_stored(zarr_path: Path, change: str) -> None:
    array = opened(zarr_path).v
    assert sources(array)
    assert sources(CHANGES[change](array)) == []


def test_lazy_indexing_before_chunks_is_seen(zarr_path: Path) -> None:
    array = xr.open_zarr(zarr_path, consolidated=False, chunks=None).v.drop_vars("x")
    assert sources(array[::-1].chunk()) == [] == sources(array.chunk())
    whole = xr.open_zarr(zarr_path, consolidated=False, chunks=None).v
    assert len(sources(whole.chunk())) == 1


def test_decoding_asked_for_otherwise_is_seen(zarr_path: Path, field: xr.Dataset, tmp_path: Path) -> None:
    assert sources(opened(zarr_path, mask_and_scale=False).packed.astype("float32")) == []
    gaps = field[["v"]].where(field.v > 0)
    gaps.v.encoding = {"_FillValue": np.float32(-999)}
    gaps.to_netcdf(tmp_path / "gaps.nc")
    for mask, count in ((True, 1), (False, 0)):
        with xr.open_dataset(tmp_path / "gaps.nc", chunks={}, mask_and_scale=mask) as data:
            assert len(sources(data.v)) == count


def test_decoding_that_leaves_no_label_is_seen(tmp_path: Path) -> None:
    xr.Dataset({"v": ("x", np.arange(12.0))}).to_zarr(tmp_path / "plain.zarr", consolidated=False)
    for attrs, count in (({}, 1), ({"_FillValue": 0.0}, 0)):
        raw = xr.open_zarr(tmp_path / "plain.zarr", consolidated=False, chunks=None, decode_cf=False)
        raw.v.attrs = attrs
        array = xr.decode_cf(raw).v.chunk({"x": 12})
        assert array.attrs == {} and bool(array[0].isnull()) == bool(attrs)
        assert len(sources(array)) == count


def test_arrays_from_elsewhere_are_given(zarr_path: Path, field: xr.Dataset) -> None:
    assert sources(field.v) == [] == sources(field.v.chunk({"t": 1}))
    assert sources(opened(zarr_path).v.load()) == []
    array = opened(zarr_path).v
    shutil.rmtree(zarr_path)
    assert sources(array) == []


def test_an_operator_on_an_array_opened_twice_has_one_source(zarr_path: Path) -> None:
    quotient = sf.apply(toys.Divide(), opened(zarr_path).v, opened(zarr_path).v)
    assert [node.process for node in parse(graph_of(quotient.attrs)).nodes] == ["open_zarr", "toy_divide"]


def test_names_and_chunks_of_open_source_are_recorded(zarr_path: Path) -> None:
    array = sf.open_source(zarr_path, "v", rename={"x": "lon"}, chunks={"t": 2})
    assert array.dims == ("t", "lon") and array.chunks == ((2, 2), (12,)) and array.lon.attrs["units"] == "m"
    made = sf.apply(toys.Flip(dims=("lon",)), array)
    xr.testing.assert_equal(sf.Pipeline.from_array(made).lazy().compute(), made.compute())
    merged = sf.apply(toys.Flip(dims=("t",)), array.chunk({"t": 4}))
    assert parse(graph_of(merged.attrs)).given == ()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rename": {"xx": "lon"}}, "Did you mean 'x'"), ({"rename": {"x": "t"}}, "would have one name"),
        ({"chunks": {"lon": 2}}, "there is no dim 'lon'"),
    ],
)  # fmt: skip
def test_names_that_open_source_cannot_change(zarr_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises((StoreError, ParameterError), match=words):
        sf.open_source(zarr_path, "v", **options)


# Arrays that operators made, and what became of them ----------------------------------------------------------------


def made(lazy: bool) -> xr.DataArray:
    x = ("x", np.arange(12, dtype="float32") * 0.5, {"units": "m"})
    data = xr.DataArray(np.arange(1.0, 49.0).reshape(4, 12), dims=("t", "x"), coords={"x": x}, attrs={"units": "K"})
    return sf.apply(toys.Flip(dims=("x",)), data.chunk({"t": 1}) if lazy else data)


def recorded(array: xr.DataArray) -> list[str]:
    return [node.process for node in parse(graph_of(sf.apply(toys.Divide(), array, 2.0).attrs)).nodes]


@pytest.mark.parametrize("lazy", [False, True])
def test_records_of_what_operators_made_are_trusted(lazy: bool) -> None:
    array = made(lazy)
    assert recorded(array) == ["given", "toy_flip", "toy_divide"]
    every = sf.apply(toys.Every(dim="t"), array)  # a selection is lowered to Dask's own indexing
    assert recorded(every) == ["given", "toy_flip", "toy_every", "toy_divide"]
    mean = sf.apply(toys.Mean(dims=("x",)), array)
    assert recorded(mean["mean"]) == ["given", "toy_flip", "toy_mean", "toy_divide"]
    assert recorded(sf.apply(toys.Anomaly(dims=("x",)), array)).count("toy_divide") == 2
    for pipeline in (sf.Pipeline.from_array(every), sf.Pipeline.from_array(mean)):
        assert pipeline.graph.given == ("data",)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("change", [name for name in CHANGES if name not in ("renamed", "rechunked and cut", "not periodic")])
def test_records_of_what_was_changed_since_are_not(lazy: bool, change: str) -> None:
    array = CHANGES[change](made(lazy))
    assert "scatflow" in array.attrs and recorded(array) == ["given", "toy_divide"]
    if lazy:
        with pytest.raises(StoreError, match="has changed since") as caught:
            sf.Pipeline.from_array(array)
        assert caught.value.code == "ProvenanceStale"


def test_a_change_in_place_is_seen() -> None:
    array = made(lazy=False)
    array *= 2
    assert recorded(array) == ["given", "toy_divide"]


def test_an_array_that_was_changed_and_is_used_twice_is_one() -> None:
    array = made(lazy=False) * 2
    assert parse(graph_of(sf.apply(toys.Divide(), array, array).attrs)).given == ("x",)


def test_a_name_or_chunks_change_nothing() -> None:
    for array in (made(lazy=True), made(lazy=True).chunk({"t": 2}), made(lazy=True).rename("w"), made(lazy=False).rename("w")):
        assert recorded(array) == ["given", "toy_flip", "toy_divide"]
        assert sf.Pipeline.from_array(array).graph.given == ("data",)


def test_labels_of_lazy_pipelines_and_sources_are_watched(zarr_path: Path) -> None:
    array = sf.open_source(zarr_path, "v")
    assert [node.process for node in sf.Pipeline.from_array(array).graph.nodes] == ["open_zarr"]
    for other in (array.rename(x="lon"), array.assign_coords(x=array.x + 1)):
        assert recorded(other) == ["given", "toy_divide"]
        with pytest.raises(StoreError, match="has changed since"):
            sf.Pipeline.from_array(other)
    result = sf.open_result(sf_run(array, zarr_path.with_name("out.zarr")))
    assert sf.Pipeline.from_array(result).graph.nodes[0].process == "open_zarr"
    with pytest.raises(StoreError, match="has changed since"):
        sf.Pipeline.from_array(result * 2)


def sf_run(array: xr.DataArray, out: Path) -> Path:
    sf.Pipeline.from_array(array).run(out)
    return out


def test_scattering_of_an_opened_store_becomes_a_pipeline(tmp_path: Path) -> None:
    x, y = ({"units": "m"}, {"units": "m"})
    values = np.random.default_rng(0).standard_normal((2, 32, 32)).astype("float32")
    coords = {"y": ("y", np.arange(32.0), y), "x": ("x", np.arange(32.0), x)}
    xr.Dataset({"v": (("t", "y", "x"), values)}, coords=coords).to_zarr(tmp_path / "v.zarr", consolidated=False)
    with using(Registry()):
        result = sf.ops.scattering(opened(tmp_path / "v.zarr").v, J=2, L=2, dims=("y", "x"))
        pipeline = sf.Pipeline.from_array(result, parameters=["J"])
        xr.testing.assert_identical(unrecorded(pipeline.lazy().compute()), unrecorded(result.compute()))
        pipeline.save(tmp_path / "p.yaml")
        again = sf.Pipeline.from_file(tmp_path / "p.yaml", J=3)
        assert [parameter["name"] for parameter in again.document["parameters"]] == ["J"]
        expected = sf.ops.scattering(opened(tmp_path / "v.zarr").v, J=3, L=2, dims=("y", "x"))
        np.testing.assert_array_equal(again.lazy(), expected)
