"""Process graphs, good and bad: every finding at once, each with its node and argument."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import toys
from scatflow.contract import Ref
from scatflow.errors import GraphError, Problem
from scatflow.graph import Given, Graph, load_text, parse
from scatflow.graph.inline import MAX_NODES
from scatflow.graph.text import MAX_BYTES, MAX_DEPTH
from scatflow.registry import Registry, using

Document = dict[str, Any]
Write = Callable[..., Document]
Attempt = Callable[..., dict[str, list[tuple[str | None, str | None]]]]

YAML = """
parameters:
  radius: {type: integer, default: 2, minimum: 1, maximum: 8, description: Half-width}
process_graph:
  u: {process_id: toy_noise, arguments: {items: 3}}
  s: {process_id: toy_smooth, arguments: {data: {from_node: u}, dims: [x], radius: {from_parameter: radius}}}
  m: {process_id: toy_mean, arguments: {data: {from_node: s}, dims: x}}
  mean: {process_id: variable, arguments: {data: {from_node: m}, name: mean}}
  ratio: {process_id: toy_divide, arguments: {x: {from_node: mean}, y: 2}, result: true}
"""


def wrap(**nodes: Document) -> Document:
    return {"process_graph": nodes}


def found(document: Any, parameters: Any = None) -> tuple[Problem, ...]:
    with pytest.raises(GraphError) as caught:
        parse(document, parameters)
    return caught.value.problems


def only(document: Any, parameters: Any = None) -> Problem:
    (problem,) = found(document, parameters)
    return problem


# What is right ------------------------------------------------------------------------------------------------------


def test_yaml_becomes_values_wired() -> None:
    graph = parse(load_text(YAML))
    assert [node.id for node in graph.nodes] == ["u", "s", "m", "ratio"]
    assert graph.node("s").value == toys.Smooth(dims=("x",), radius=2)
    assert graph.node("ratio").inputs == (Ref("m", "mean"), 2.0)
    assert graph.results == {"": Ref("ratio")}
    assert graph.node("s").namespace == "toy-plugin"
    assert graph.consumers("m") == (graph.node("ratio"),) and graph.consumers("ratio") == ()
    assert graph.warnings == ()


def test_parameters_are_substituted_and_in_the_hash() -> None:
    default, three, spelled = (parse(load_text(YAML), values) for values in (None, {"radius": np.int64(3)}, {"radius": 2}))
    assert three.node("s").value == toys.Smooth(dims=("x",), radius=3)
    assert default.hash == spelled.hash != three.hash


def test_openeo_declarations_and_nested_references(node: Write) -> None:
    document = wrap(u=node("toy_noise"), s=node("toy_flip", "u", dims=[{"from_parameter": "dim"}], result=True)) | {
        "parameters": [{"name": "dim", "description": "", "schema": [{"type": "string"}, {"type": "null"}], "default": "x"}],
        "id": "flip", "summary": "openEO fields are allowed", "returns": {"schema": {}},
    }  # fmt: skip
    assert parse(document).node("s").value == toys.Flip(dims=("x",))
    assert parse(document, {"dim": "t"}).node("s").value == toys.Flip(dims=("t",))


def test_dataset_bundles_results(node: Write) -> None:
    bundle = {"a": {"from_node": "u"}, "b": {"from_node": "mean"}}
    graph = parse(wrap(
        out=node("dataset", variables=bundle, result=True), u=node("toy_noise"), m=node("toy_mean", "u"),
        mean=node("variable", "m", name="mean"),
    ))  # fmt: skip
    assert graph.results == {"a": Ref("u"), "b": Ref("m", "mean")}
    assert [entry.id for entry in graph.nodes] == ["u", "m"]
    again = parse(graph.to_document())
    assert again.results == graph.results and again.hash == graph.hash


def test_result_may_be_a_source_or_one_of_several_results(node: Write) -> None:
    assert parse(wrap(u=node("toy_noise", result=True))).results == {"": Ref("u")}
    graph = parse(wrap(u=node("fields"), v=node("variable", "u", name="v", result=True)))
    assert graph.results == {"": Ref("u", "v")}


def test_a_source_is_loaded_by_name(node: Write) -> None:
    """As openEO loads collections: the same graph, whatever way it is written."""
    loaded, named = (parse(wrap(u=one)) for one in (node("load_process", id="toy_noise", items=3, result=True),
                                                    node("toy_noise", items=3, result=True)))  # fmt: skip
    assert loaded == named and loaded.hash == named.hash
    for wrong in ({}, {"id": 3}, {"id": "no source"}):
        problem = only(wrap(u=node("load_process", **wrong, result=True)))
        assert (problem.code, problem.node, problem.argument) == ("ParameterInvalid", "u", "id")
    assert only(wrap(u=node("load_process", id="toy_noisy", result=True))).code == "ProcessUnsupported"


def test_numbers_stand_for_arrays_element_by_element(node: Write) -> None:
    graph = parse(wrap(u=node("toy_noise"), d=node("toy_divide", 3, "u", result=True)))
    assert graph.node("d").inputs == (3.0, Ref("u"))
    by_parameter = wrap(
        u=node("toy_noise"),
        d={"process_id": "toy_divide", "arguments": {"x": {"from_parameter": "n"}, "y": {"from_node": "u"}}, "result": True},
    )
    assert parse({**by_parameter, "parameters": {"n": {"type": "number"}}}, {"n": 3}).hash == graph.hash


def test_arrays_of_the_caller(node: Write) -> None:
    document = wrap(a=node("toy_flip"), d=node("toy_divide", "a", "a", result=True))
    document["process_graph"]["a"]["arguments"]["data"] = {"from_parameter": "data"}
    document["parameters"] = [{"name": "data", "description": "", "schema": {"type": "object", "subtype": "raster-cube"}}]
    graph = parse(document)
    assert graph.given == ("data",) and graph.node("data").value == Given(parameter="data")
    assert parse(graph.to_document()).hash == graph.hash
    supplied = parse(document, {"data": toys.Noise(size=8)})
    assert supplied.given == () and supplied.node("data").namespace == "toy-plugin"
    assert (
        supplied.hash
        == parse(wrap(u=node("toy_noise", size=8), a=node("toy_flip", "u"), d=node("toy_divide", "a", "a", result=True))).hash
    )


def test_programs_are_allowed(node: Write) -> None:
    assert parse(wrap(u=node("toy_noise"), d=node("dream", "u", seed=3, result=True))).node("d").process == "dream"


def test_nodes_that_nothing_needs_are_a_warning(node: Write) -> None:
    graph = parse(
        wrap(u=node("toy_noise"), lost=node("toy_flip", "u"), f=node("toy_flip", "u", result=True))
        | {"parameters": {"J": {"default": 1}}}
    )
    assert [(w.code, w.node, w.argument) for w in graph.warnings] == [
        ("ParameterUnused", None, "J"),
        ("NodeUnreachable", "lost", None),
    ]
    assert [entry.id for entry in graph.nodes] == ["u", "f"]
    assert graph.hash == parse(wrap(u=node("toy_noise"), f=node("toy_flip", "u", result=True))).hash


def test_an_array_that_only_unreachable_nodes_need_is_not_asked_for(node: Write) -> None:
    lost = {"process_id": "toy_flip", "arguments": {"data": {"from_parameter": "d"}}}
    document = wrap(u=node("toy_noise", result=True), lost=lost) | {"parameters": {"d": {"schema": {"subtype": "datacube"}}}}
    assert parse(document).given == ()


# What is wrong ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "code", "says"),
    [
        ([], "DocumentInvalid", "mapping"),
        ({}, "ProcessGraphMissing", "no process_graph"),
        ({"proces_graph": {"u": {}}}, "ProcessGraphMissing", "misspelt"),
        ({"u": {"process_id": "toy_noise"}}, "ProcessGraphMissing", 'under "process_graph"'),
        ({"process": {"process_graph": {}}}, "ProcessGraphMissing", 'under "process"'),
        ({"process_graph": {}}, "ProcessGraphMissing", "no nodes"),
        ({"process_graph": [1]}, "DocumentInvalid", "from id to node"),
        ({"process_graph": {"u": {"arguments": {1: 2}}}}, "DocumentInvalid", "keys must be texts"),
        ({"process_graph": {"u": {"arguments": {"a": object()}}}}, "DocumentInvalid", "not plain data"),
        ({"process_graph": {"u": {"arguments": {"a": [float("nan")]}}}}, "NumberInvalid", "u.a"),
        ({"process_graph": {"u": {"arguments": {"a": np.float32("inf")}}}}, "NumberInvalid", "u.a"),
        ({"process_graph": {"u": {}}, "scatflow": 2}, "SchemaNewer", "Upgrade"),
        ({"process_graph": {"u": {"arguments": {"a": "x" * MAX_BYTES}}}}, "TextTooLarge", "u.a"),
    ],
)
def test_no_graph_at_all(document: Any, code: str, says: str) -> None:
    problem = only(document)
    assert problem.code == code and says in str(problem)


@pytest.mark.parametrize(
    ("entry", "code", "says"),
    [
        (None, "NodeInvalid", "a node is a mapping"),
        ({"arguments": {}, "result": True}, "NodeInvalid", "process_id"),
        ({"proces_id": "toy_noise", "result": True}, "KeyUnknown", "'process_id'"),
        ({"process_id": "Toy", "result": True}, "NodeInvalid", "lower-case"),
        ({"process_id": "toys:toy_noise", "result": True}, "NodeInvalid", "process_id: toy_noise and namespace: toys"),
        ({"process_id": "toy_noise", "result": 1}, "NodeInvalid", "true or false"),
        ({"process_id": "toy_noise", "arguments": [1], "result": True}, "NodeInvalid", "arguments are a mapping"),
        ({"process_id": "toy_noise", "argument": {}, "result": True}, "KeyUnknown", "'arguments'"),
        ({"process_id": "toy_noise", "namespace": 3, "result": True}, "NamespaceInvalid", "distribution"),
    ],
)
def test_nodes_that_cannot_be_read(entry: Any, code: str, says: str) -> None:
    codes = {problem.code: str(problem) for problem in found(wrap(u=entry))}
    assert says in codes[code]


def test_node_ids(node: Write) -> None:
    assert parse({"process_graph": {"1": node("toy_noise", result=True)}})
    for name in ("", "a b", "x" * 201, "../x"):
        assert only({"process_graph": {name: node("toy_noise", result=True)}}).code == "NodeInvalid"


def test_top_level_keys_and_version(node: Write) -> None:
    good = wrap(u=node("toy_noise", result=True))
    assert parse({**good, "scatflow": 1})
    assert "'parameters'" in str(only({**good, "parameter": {}}))
    for version in (True, "1", 0):
        assert only({**good, "scatflow": version}).code == "DocumentInvalid"


def test_unknown_process_offers_what_is_near(node: Write) -> None:
    assert "'toy_smooth'" in str(only(wrap(u=node("toy_noise"), s=node("toy_smoth", "u", result=True))))
    problem = only(wrap(u=node("toy_nois", result=True)))
    assert (problem.code, problem.node) == ("ProcessUnsupported", "u") and "'toy_noise'" in str(problem)
    assert "pip install" in str(only(wrap(u=node("scattering", result=True))))
    assert "'variable'" in str(only(wrap(u=node("variabel", result=True))))


def test_namespaces(node: Write, plugins: Callable[..., list[EntryPoint]]) -> None:
    assert parse(wrap(u=node("toy_noise", namespace="toy_plugin", result=True)))
    problem = only(wrap(u=node("toy_noise", namespace="toy_plugins", result=True)))
    assert problem.code == "NamespaceInvalid" and problem.expected == "toy-plugin" and "'toy-plugin'" in str(problem)
    points = plugins(another=({"toy_flip": toys.Flip}, {}), third=({"toy_noise": toys.Flip}, {}))
    with using(Registry([EntryPoint("toys", "toy_plugin", "scatflow"), *points])):
        ambiguous = only(wrap(u=node("toy_noise", namespace="toy_plugin"), f=node("toy_flip", "u", result=True)))
        assert ambiguous.code == "ProcessAmbiguous" and "toy-plugin:toy_flip" in str(ambiguous)
        assert only(wrap(u=node("toy_noise", result=True))).code == "ProcessAmbiguous"
        for dist in ("another", "toy-plugin"):
            document = wrap(u=node("toy_noise", namespace="toy_plugin"), f=node("toy_flip", "u", namespace=dist, result=True))
            assert parse(document).node("f").namespace == dist


def test_a_class_registered_under_another_name(node: Write, plugins: Callable[..., list[EntryPoint]]) -> None:
    with using(Registry(plugins(liar=({}, {"noise": toys.Noise})))):
        assert "another name than it declares" in str(only(wrap(u=node("noise", result=True))))


def test_a_plugin_that_cannot_be_imported_is_a_finding(node: Write, plugins: Callable[..., list[EntryPoint]]) -> None:
    with using(Registry(plugins(broken=({"gone": "no_such_module:Gone"}, {})))):
        assert "cannot be imported" in str(only(wrap(u=node("gone", result=True))))


def test_every_finding_of_every_node_at_once(node: Write, problems: Attempt) -> None:
    document = wrap(
        u=node("toy_noise", items=-1, sizes=3),
        s=node("toy_smooth", "u", radius="two", stride=0),
        t=node("toy_smoth", "nowhere"),
        p=node("picky", "s", scale=0, word="rad", reach="far", colour="blue", result=True),
        q=node("toy_divide", "p"),
    )  # fmt: skip
    assert problems(parse, document) == {
        "ParameterUnknown": [("u", "sizes"), ("p", "colour"), ("q", "data")],
        "ParameterInvalid": [("u", "items"), ("s", "radius"), ("s", "stride"), ("p", "scale"), ("p", "reach")],
        "ParameterRequired": [("p", "count"), ("q", "x"), ("q", "y")],
        "ReferenceDangling": [("t", "data")],
        "ProcessUnsupported": [("t", None)],
    }


def test_findings_say_what_was_expected_and_got(node: Write) -> None:
    (unknown,) = found(wrap(u=node("toy_noise", item=3, result=True)))
    assert "'items'" in str(unknown)
    out_of_range = only(wrap(u=node("toy_noise"), s=node("toy_smooth", "u", radius=1001, result=True)))
    assert "1000" in str(out_of_range) and out_of_range.got == "1001" and out_of_range.expected == "Half-width of the window."
    choice = only(wrap(u=node("toy_noise"), s=node("picky", "u", count=1, word="gren", result=True)))
    assert (choice.argument, choice.got) == ("word", "'gren'") and "'green'" in str(choice)
    union = only(wrap(u=node("toy_noise"), s=node("picky", "u", count=1, reach=[1, 2, 3], result=True)))
    assert union.argument == "reach" and ", or " in union.message
    inner = only(wrap(u=node("toy_noise"), s=node("picky", "u", count=1, table={"a": [1, "b"]}, result=True)))
    assert inner.argument == "table" and "table.a.1" in inner.message
    assert len(only(wrap(u=node("toy_noise"), s=node("picky", "u", count="9" * 5000, result=True))).got or "") < 200


def test_booleans_are_no_numbers(node: Write) -> None:
    assert only(wrap(u=node("toy_noise", items=True, result=True))).argument == "items"
    assert only(wrap(u=node("toy_noise"), d=node("toy_divide", "u", True, result=True))).argument == "y"


@pytest.mark.parametrize("argument", ["self", "cls", "model_fields", "name", "__init__", "signature"])
def test_argument_names_that_mean_something_to_python(node: Write, argument: str) -> None:
    problem = only(wrap(u=node("toy_noise", **{argument: 1}, result=True)))
    assert (problem.code, problem.argument) == ("ParameterUnknown", argument)


def test_array_arguments(node: Write, problems: Attempt) -> None:
    flip = {"process_id": "toy_flip", "arguments": {"data": "u"}, "result": True}
    text = only(wrap(u=node("toy_noise"), f=flip))
    assert "Write {from_node: u}." in str(text) and (text.node, text.argument) == ("f", "data")
    number = only(wrap(u=node("toy_noise"), f=node("toy_flip", 3, result=True)))
    assert "element by element" in str(number)
    listed = {"process_id": "toy_flip", "arguments": {"data": [{"from_node": "u"}]}, "result": True}
    assert problems(parse, wrap(u=node("toy_noise"), f=listed)) == {"ReferenceMisplaced": [("f", "data")]}
    huge = node("toy_divide", "u", 10**400, result=True)
    assert problems(parse, wrap(u=node("toy_noise"), f=huge)) == {"ParameterInvalid": [("f", "y")]}


@pytest.mark.parametrize(
    "value", [{"from_node": 3}, {"from_node": "u", "from_parameter": "p"}, {"from_node": "u", "x": 1}, {"from_parameter": None}]
)
@pytest.mark.parametrize("argument", ["data", "radius"])
def test_malformed_references(node: Write, value: Any, argument: str) -> None:
    entry = node("toy_smooth", "u", result=True)
    entry["arguments"][argument] = [value] if argument == "radius" else value
    problem = only(wrap(u=node("toy_noise"), s=entry))
    assert (problem.code, problem.node, problem.argument) == ("ReferenceInvalid", "s", argument)


def test_nodes_belong_into_array_arguments_only(node: Write) -> None:
    problem = only(wrap(u=node("toy_noise"), s=node("toy_smooth", "u", radius={"from_node": "u"}, result=True)))
    assert (problem.code, problem.argument, problem.expected) == ("ReferenceMisplaced", "radius", "data")


def test_dangling_references_offer_what_is_near(node: Write) -> None:
    problem = only(wrap(velocity=node("toy_noise"), s=node("toy_smooth", "velocty", result=True)))
    assert problem.code == "ReferenceDangling" and "'velocity'" in str(problem)


def test_cycles(node: Write, problems: Attempt) -> None:
    document = wrap(
        a=node("toy_divide", "b", 2.0),
        b=node("toy_flip", "a"),
        c=node("toy_flip", "c"),
        d=node("toy_divide", "a", "c", result=True),
    )
    assert problems(parse, document) == {"GraphCyclic": [("a", None), ("c", None)]}
    message = str(found(document)[0])
    assert "a <- b <- a" in message
    loop = {f"n{i}": node("toy_flip", f"n{(i + 1) % 3000}", result=i == 0) for i in range(3000)}
    assert "…" in str(only({"process_graph": loop}))


def test_exactly_one_result(node: Write) -> None:
    none = only(wrap(u=node("toy_noise"), s=node("toy_flip", "u")))
    assert none.code == "ResultMissing" and "Add result: true to 's'" in str(none)
    two = only(wrap(u=node("toy_noise", result=True), s=node("toy_flip", "u", result=True)))
    assert two.code == "ResultDuplicated" and two.got == "u, s" and "dataset" in str(two)


def test_datasets_and_variables(node: Write, problems: Attempt) -> None:
    def attempt(**nodes: Document) -> Any:
        return problems(parse, wrap(u=node("toy_noise"), m=node("toy_mean", "u"), **nodes))

    a, one = {"from_node": "m"}, node("toy_flip", "u", result=True)
    assert attempt(d=node("dataset", variables={"a": a}), f=one) == {"ReferenceMisplaced": [("d", None)]}
    fed = attempt(d=node("dataset", variables={"a": a}, result=True), f=node("toy_flip", "d"))
    assert fed == {"ReferenceMisplaced": [("f", "data")]}
    unfit: list[Any] = [{}, [], None, {"a": "m"}, {"a": 3}, {"_a": a}, {"a/b": a}, {"": a}]
    for wrong in unfit:
        assert attempt(d=node("dataset", variables=wrong, result=True)) == {"ParameterInvalid": [("d", "variables")]}
    assert attempt(d=node("dataset", variables={"a": a}, variable=1, result=True)) == {"ParameterUnknown": [("d", "variable")]}
    assert attempt(d=node("dataset", variables={"a": a}, namespace="toys", result=True)) == {"NamespaceInvalid": [("d", None)]}
    assert attempt(v=node("variable", "m", result=True)) == {"ParameterRequired": [("v", "name")]}
    assert attempt(v=node("variable", name="mean", result=True)) == {"ParameterRequired": [("v", "data")]}
    assert attempt(v=node("variable", "m", name=3, result=True)) == {"ParameterInvalid": [("v", "name")]}
    assert attempt(v=node("variable", "w", name="a"), w=node("variable", "m", name="b"), f=one)["ReferenceMisplaced"] == [
        ("v", "data")
    ]


def test_parameters_that_are_missing_unknown_or_unfit(node: Write, problems: Attempt) -> None:
    def attempt(declared: Any, **values: Any) -> Any:
        nodes = wrap(u=node("toy_noise"), s=node("toy_smooth", "u", radius={"from_parameter": "J"}, result=True))
        return problems(parse, {**nodes, "parameters": declared}, values)

    short = {"J": {"type": "integer", "default": 6, "minimum": 1}}
    assert attempt(short, j=3) == {"ParameterUnknown": [(None, "j")]}
    for value in (0, 2.5, "6", True, None, [1]):
        assert attempt(short, J=value) == {"ParameterInvalid": [(None, "J")]}
    assert attempt({"J": {"type": "integer"}}) == {"ParameterRequired": [(None, "J")]}
    assert attempt({"J": {"type": "integer", "default": "x"}}) == {"ParameterInvalid": [(None, "J")]}
    assert attempt({}) == {"ParameterUndeclared": [("s", "radius")]}
    assert attempt({"J": {"subtype": "datacube"}}) == {"ReferenceMisplaced": [("s", "radius")]}
    assert attempt({"J": {"subtype": "datacube"}}, J=toys.Noise()) == {"ReferenceMisplaced": [("s", "radius")]}
    assert attempt({"J": {"type": "integer", "minimun": 1}}, J=1) == {"SchemaInvalid": [(None, "J")]}
    assert attempt({"J": {"type": "int", "default": 1}}) == {"SchemaInvalid": [(None, "J")]}
    assert attempt([{"name": "J", "schema": {}}, {"name": "J", "schema": {}}], J=1) == {"KeyDuplicated": [(None, "J")]}
    # A value that the declaration lets pass is still checked by the operator, at its node.
    assert attempt({"J": {}}, J=-1) == {"ParameterInvalid": [("s", "radius")]}


def test_optional_parameters_default_to_null(node: Write) -> None:
    nodes = wrap(u=node("toy_noise"), s=node("toy_smooth", "u", missing={"from_parameter": "gap"}, result=True))
    document = {**nodes, "parameters": [{"name": "gap", "description": "", "schema": {"type": "number"}, "optional": True}]}
    assert parse(document).hash == parse(wrap(u=node("toy_noise"), s=node("toy_smooth", "u", result=True))).hash
    assert parse(document, {"gap": 999.0}).node("s").value.parameters()["missing"] == 999.0


def test_paths_are_texts(tmp_path: Path, node: Write) -> None:
    document = wrap(u=node("toy_noise"), s=node("toy_every", "u", dim={"from_parameter": "p"}, result=True)) | {
        "parameters": {"p": {"type": "string"}}
    }
    assert parse(document, {"p": tmp_path}).node("s").value == toys.Every(dim=str(tmp_path))


# Size -----------------------------------------------------------------------------------------------------------------


def test_a_long_chain_needs_no_recursion(node: Write) -> None:
    count = 5000
    chain = {f"n{i}": node("toy_flip", f"n{i - 1}", result=i == count) for i in range(count, 0, -1)}
    graph = parse({"process_graph": {**chain, "n0": node("toy_noise")}})
    assert [entry.id for entry in graph.nodes] == [f"n{i}" for i in range(count + 1)]
    assert len(graph.canonical()[0]["process_graph"]) == count + 1 and graph.only(Ref("n10")).hash


def test_limits(node: Write) -> None:
    many = {f"n{i}": node("toy_noise", seed=i) for i in range(MAX_NODES + 1)}
    assert only({"process_graph": many}).code == "NodesTooMany"
    deep: Any = 1
    for _ in range(MAX_DEPTH * 100):
        deep = [deep]
    assert only(wrap(u=node("toy_noise", items=deep, result=True))).code == "TextTooDeep"
    assert only(wrap(u=node("toy_noise", result=True)), {"p": {"a": "x" * MAX_BYTES}}).code == "TextTooLarge"
    bomb: Any = ["x"] * 9
    for _ in range(60):
        bomb = [bomb] * 9
    assert only(wrap(u=node("toy_noise", items=bomb, result=True))).code == "TextTooLarge"
    endless: list[Any] = []
    endless.append(endless)
    assert only(wrap(u=node("toy_noise", items=endless, result=True))).code == "TextTooDeep"


# Identity -------------------------------------------------------------------------------------------------------------


def test_order_names_and_format_do_not_change_the_hash(node: Write) -> None:
    graph = parse(load_text(YAML))
    entries = list(load_text(YAML)["process_graph"].items())
    for order in itertools.islice(itertools.permutations(entries), 0, 120, 17):
        assert parse({"process_graph": dict(order), "parameters": {"radius": {"default": 2}}}).hash == graph.hash
    renamed = load_text(
        YAML.replace(" u", " velocity")
        .replace(" m:", " zz:")
        .replace(" m}", " zz}")
        .replace(" mean:", " aa:")
        .replace(" mean}, y", " aa}, y")
    )
    assert list(renamed["process_graph"]) == ["velocity", "s", "zz", "aa", "ratio"]
    assert parse(renamed).hash == graph.hash
    document = graph.to_document()
    assert parse(document).hash == graph.hash and parse(document).to_document() == document
    assert document["scatflow"] == 1 and document["process_graph"]["s"]["namespace"] == "toy-plugin"
    assert document["process_graph"]["s"]["arguments"]["min_valid"] == 0.5


def test_what_changes_the_hash(node: Write) -> None:
    def made(*inputs: str | float, seed: int = 0) -> str:
        return parse(wrap(u=node("toy_noise"), v=node("toy_noise", seed=seed), d=node("toy_divide", *inputs, result=True))).hash

    hashes = [made("u", "v", seed=1), made("v", "u", seed=1), made("u", 2.0), made("u", 3.0), made("u", "u")]
    assert len(set(hashes)) == 5
    assert made("u", "v") == made("v", "u") == made("u", "u")  # equal sources are one


@st.composite
def dags(draw: st.DrawFn) -> Document:
    """Draw a valid process graph over the toys, in random order."""
    count = draw(st.integers(1, 12))
    nodes: dict[str, Document] = {"n0": {"process_id": "toy_noise", "arguments": {"seed": draw(st.integers(0, 2))}}}
    for i in range(1, count):
        pick = st.sampled_from([name for name, entry in nodes.items() if entry["process_id"] != "toy_mean"])
        kind = draw(st.sampled_from(["toy_noise", "toy_flip", "toy_smooth", "toy_divide", "toy_anomaly", "mean"]))
        data = {"data": {"from_node": draw(pick)}}
        if kind == "toy_noise":
            arguments: Document = {"size": draw(st.integers(1, 3))}
        elif kind == "toy_divide":
            arguments = {"x": {"from_node": draw(pick)}, "y": draw(st.floats(-4, 4) | pick.map(lambda name: {"from_node": name}))}
        elif kind == "toy_smooth":
            arguments = {**data, "radius": draw(st.integers(0, 3))}
        elif kind == "mean":
            nodes[f"m{i}"] = {"process_id": "toy_mean", "arguments": data}
            kind, arguments = "variable", {"data": {"from_node": f"m{i}"}, "name": draw(st.sampled_from(["mean", "count"]))}
        else:
            arguments = {**data, "dims": ["x"]}
        nodes[f"n{i}"] = {"process_id": kind, "arguments": arguments}
    if draw(st.booleans()):
        names = draw(st.lists(st.sampled_from([name for name in nodes if name[0] == "n"]), min_size=1, max_size=3, unique=True))
        nodes["out"] = {
            "process_id": "dataset",
            "arguments": {"variables": {f"r{i}": {"from_node": name} for i, name in enumerate(names)}},
            "result": True,
        }
    else:
        nodes[f"n{count - 1}"]["result"] = True
    order = draw(st.permutations(sorted(nodes)))
    return {"process_graph": {name: nodes[name] for name in order}}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=dags(), seed=st.integers(0, 99))
def test_random_graphs_come_back_the_same(document: Document, seed: int) -> None:
    graph = parse(document)
    again = parse(graph.to_document())
    assert again == graph and again.hash == graph.hash and hash(again) == hash(graph)
    place = {entry.id: i for i, entry in enumerate(graph.nodes)}
    assert all(place[ref.node] < place[entry.id] for entry in graph.nodes for ref in entry.refs)
    canonical, _ = graph.canonical()
    third = parse(canonical)
    assert third.hash == graph.hash and third.canonical()[0] == canonical
    nodes = document["process_graph"]
    new = {name: f"k{random.Random(f'{seed}{name}').randrange(10**9)}" for name in nodes}

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: new[item] if key == "from_node" else renamed(item) for key, item in value.items()}
        return value

    shuffled = random.Random(seed).sample(list(nodes), len(nodes))
    assert parse({"process_graph": {new[name]: renamed(nodes[name]) for name in shuffled}}).hash == graph.hash


def test_graphs_are_checked_however_they_are_made() -> None:
    from scatflow.graph import Node

    u, f = Node("u", toys.Noise()), Node("f", toys.Flip(), (Ref("u"),))
    graph = Graph((f, u), {"": Ref("f")})
    assert [entry.id for entry in graph.nodes] == ["u", "f"]
    assert graph.only(Ref("u")).nodes == (u,)
    with pytest.raises(GraphError, match="no node 'u'"):
        Graph((f,), {"": Ref("f")})
    with pytest.raises(GraphError, match="this id"):
        Graph((u, u), {"": Ref("u")})
    with pytest.raises(GraphError, match="wrong number"):
        Graph((u, Node("f", toys.Flip())), {"": Ref("f")})
    with pytest.raises(GraphError, match="each other"):
        Graph((Node("a", toys.Flip(), (Ref("b"),)), Node("b", toys.Flip(), (Ref("a"),))), {"": Ref("a")})
    for results in ({}, {"": Ref("u"), "a": Ref("f")}, {"a": Ref("nowhere")}):
        with pytest.raises(GraphError):
            Graph((u, f), results)
