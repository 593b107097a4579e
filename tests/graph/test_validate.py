"""The dry run: labels of everything, all findings, no data."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import toys
from scatflow.contract import Ref
from scatflow.errors import GraphError
from scatflow.graph import Graph, Node, dry_run, infer, parse, table

Document = dict[str, Any]
Write = Callable[..., Document]
Make = Callable[..., Graph]
Attempt = Callable[..., dict[str, list[tuple[str | None, str | None]]]]


def test_labels_of_every_node(node: Write, graph_of_nodes: Make) -> None:
    graph = graph_of_nodes(
        u=node("unread", items=4, size=32), s=node("toy_smooth", "u", dims=["x"], stride=4), m=node("toy_mean", "s", dims=["x"]),
        mean=node("variable", "m", name="mean"), d=node("toy_divide", "s", "mean", result=True),
    )  # fmt: skip
    bound = dry_run(graph)
    assert list(bound.specs) == ["u", "s", "m", "d"] and list(bound.calls) == ["s", "m", "d"]
    assert bound.specs["s"][""].sizes == {"item": 4, "x": 8} and set(bound.specs["m"]) == {"mean", "count"}
    assert bound.targets == {"": Ref("d")} and bound.results[""].sizes == {"item": 4, "x": 8}
    assert infer(graph).keys() == bound.specs.keys()
    rows = table(bound)
    assert rows[0] == {
        "node": "u",
        "process": "unread",
        "result": "",
        "dims": ("item", "x"),
        "shape": (4, 32),
        "dtype": "float32",
        "bytes": 512,
    }
    assert [(row["node"], row["result"]) for row in rows] == [("u", ""), ("s", ""), ("m", "mean"), ("m", "count"), ("d", "")]


def test_results_of_several_kinds(node: Write, graph_of_nodes: Make) -> None:
    whole = dry_run(graph_of_nodes(u=node("unread"), m=node("toy_mean", "u", dims=["x"], result=True)))
    assert whole.targets == {"mean": Ref("m", "mean"), "count": Ref("m", "count")}
    assert whole.results["count"].dtype == "int64"
    source = dry_run(graph_of_nodes(f=node("fields", result=True)))
    assert set(source.results) == {"u", "v"}
    bundle = {"a": {"from_node": "u"}, "b": {"from_node": "v"}}
    named = dry_run(graph_of_nodes(
        f=node("fields"), u=node("variable", "f", name="u"), v=node("toy_flip", "u"), d=node("dataset", variables=bundle, result=True)
    ))  # fmt: skip
    assert named.targets == {"a": Ref("f", "u"), "b": Ref("v")}


def test_every_cause_is_reported_once(node: Write, graph_of_nodes: Make, problems: Attempt) -> None:
    graph = graph_of_nodes(
        broken=node("fields", broken=True), after=node("toy_flip", "broken"), later=node("toy_flip", "after"),
        u=node("unread"), dims=node("toy_flip", "u", dims=["t"]), crash=node("crash", "u"),
        m=node("toy_mean", "u", dims=["x"]), both=node("toy_flip", "m"), none=node("variable", "m", name="men"),
        use=node("toy_divide", "none", "u"), part=node("variable", "u", name="u"), single=node("toy_flip", "part"),
        bundle=node("dataset", result=True, variables={
            name: {"from_node": name} for name in ("later", "dims", "crash", "both", "use", "single", "m")
        }),
    )  # fmt: skip
    assert problems(dry_run, graph) == {
        "ParameterInvalid": [("broken", "broken")],
        "DimensionMissing": [("dims", "dims")],
        "OperatorFailed": [("crash", None)],
        "ResultAmbiguous": [("both", "data"), (None, "m")],
        "ResultUnknown": [("use", "x"), ("single", "data")],
    }
    with pytest.raises(GraphError) as caught:
        dry_run(graph)
    text = {problem.node: str(problem) for problem in caught.value.problems}
    assert "Did you mean 'mean'" in text["use"] and "process_id: variable" in text["both"]
    assert "{from_node: u}" in text["single"] and "KeyError" in text["crash"]


def test_missing_results_at_the_end(node: Write, graph_of_nodes: Make, problems: Attempt) -> None:
    graph = graph_of_nodes(u=node("unread"), m=node("toy_mean", "u", dims=["x"]), v=node("variable", "m", name="var", result=True))
    assert problems(dry_run, graph) == {"ResultUnknown": [("m", None)]}


def test_arrays_that_were_not_given(node: Write) -> None:
    flip = {"process_id": "toy_flip", "arguments": {"data": {"from_parameter": "d"}}, "result": True}
    graph = parse({"process_graph": {"f": flip}, "parameters": {"d": {"subtype": "datacube"}}})
    with pytest.raises(GraphError, match="the array has not been given"):
        dry_run(graph)


def test_composites_must_be_inlined(awkward: SimpleNamespace) -> None:
    graph = Graph((Node("u", awkward.UnreadNoise()), Node("n", awkward.Nested(), (Ref("u"),))), {"": Ref("n")})
    with pytest.raises(GraphError, match="CompositeNotInlined"):
        dry_run(graph)


def test_a_long_chain(node: Write) -> None:
    nodes = {f"n{i}": node("toy_flip", f"n{i - 1}", dims=["x"]) for i in range(1, 1500)}
    nodes |= {"n0": node("unread"), "n1500": node("toy_flip", "n1499", dims=["x"], result=True)}
    assert dry_run(parse({"process_graph": nodes})).results[""].shape == (6, 64)


def test_two_arrays_of_the_toys_agree() -> None:
    graph = Graph((Node("u", toys.Noise()), Node("d", toys.Divide(), (Ref("u"), 2.0))), {"": Ref("d")})
    assert dry_run(graph).results[""].name == "u"
