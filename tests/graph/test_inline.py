"""Composites disappear into what they wire, and their defects become findings."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import toys
from scatflow.contract import Ref
from scatflow.graph import Graph, Node, dry_run, inline, parse
from scatflow.graph.inline import MAX_NODES

Document = dict[str, Any]
Write = Callable[..., Document]
Make = Callable[..., Graph]
Attempt = Callable[..., dict[str, list[tuple[str | None, str | None]]]]


def test_a_composite_equals_what_it_wires(node: Write, graph_of_nodes: Make) -> None:
    graph = graph_of_nodes(u=node("toy_noise"), a=node("toy_anomaly", "u", dims=["x"], result=True))
    assert [(entry.id, entry.process) for entry in graph.nodes] == [("u", "toy_noise"), ("a.0", "toy_mean"), ("a.1", "toy_divide")]
    assert graph.node("a.1").inputs == (Ref("u"), Ref("a.0", "mean")) and graph.results == {"": Ref("a.1")}
    assert graph.node("a.1").namespace == "toy-plugin"
    spelled = graph_of_nodes(
        u=node("toy_noise"), m=node("toy_mean", "u", dims=["x"]), v=node("variable", "m", name="mean"),
        d=node("toy_divide", "u", "v", result=True),
    )  # fmt: skip
    assert spelled.hash == graph.hash


def test_nested_composites_and_consumers(node: Write, graph_of_nodes: Make) -> None:
    graph = graph_of_nodes(
        u=node("toy_noise"), n=node("nested", "u"), f=node("toy_flip", "n", dims="x"), again=node("nested", "f", result=True)
    )
    kinds = [entry.process for entry in graph.nodes]
    assert kinds == ["toy_noise", *(once := ["toy_mean", "toy_divide", "toy_divide", "toy_divide"]), "toy_flip", *once]
    assert graph.node("f").inputs == (Ref("n.2"),)
    assert graph.node("n.2").inputs == (Ref("n.1"), 2.0)
    assert graph.node("n.1").inputs == (Ref("n.0.1"), Ref("n.0.1"))
    assert dry_run(graph).results[""].dims == ("item", "x")


def test_fresh_ids_avoid_those_that_are_there(node: Write) -> None:
    nodes = {"a.0": node("toy_noise"), "a": node("toy_anomaly", "a.0", dims=["x"]), "a.1": node("toy_flip", "a", result=True)}
    graph = parse({"process_graph": nodes})
    assert [entry.id for entry in graph.nodes] == ["a.0", "a.0_2", "a.1_2", "a.1"]


def test_several_named_results(node: Write, graph_of_nodes: Make) -> None:
    whole = graph_of_nodes(u=node("toy_noise"), b=node("both", "u", result=True))
    assert whole.results == {"average": Ref("b.0", "mean"), "number": Ref("b.0", "count")}
    part = graph_of_nodes(u=node("toy_noise"), b=node("both", "u"), v=node("variable", "b", name="number", result=True))
    assert part.results == {"": Ref("b.0", "count")}


def test_results_that_a_composite_does_not_have(node: Write, graph_of_nodes: Make, problems: Attempt) -> None:
    u, both = node("toy_noise"), node("both", "u")
    v = node("variable", "b", name="numbr", result=True)
    assert problems(lambda: graph_of_nodes(u=u, b=both, v=v)) == {"ResultUnknown": [("b", None)]}
    whole = node("toy_flip", "b", result=True)
    assert problems(lambda: graph_of_nodes(u=u, b=both, f=whole)) == {"ResultAmbiguous": [("f", "data")]}
    single = node("toy_anomaly", "u", dims=["x"])
    w = node("variable", "b", name="mean", result=True)
    deferred = graph_of_nodes(u=u, b=single, v=w)  # a single result may have parts, which the dry run knows
    assert problems(dry_run, deferred) == {"ResultUnknown": [("b.1", None)]}


def test_shared_parts_are_evaluated_once(node: Write, graph_of_nodes: Make) -> None:
    graph = graph_of_nodes(u=node("toy_noise"), d=node("doubling", "u"), v=node("variable", "d", name="mean", result=True))
    assert len(graph.nodes) == 1 + 1 + 60 + 1
    assert graph.results == {"": Ref("d.61", "mean")}


@pytest.mark.parametrize("way", ["raise", "refuse", "none", "number", "count", "class", "text", "stranger", "empty"])
def test_defects_are_findings_at_the_node(node: Write, graph_of_nodes: Make, problems: Attempt, way: str) -> None:
    nodes = {"u": node("toy_noise"), "w": node("wrong", "u", way=way), "f": node("toy_flip", "w", result=True)}
    code = "ParameterInvalid" if way == "refuse" else "OperatorFailed"
    assert problems(lambda: graph_of_nodes(**nodes)) == {code: [("w", None)]}


def test_a_composite_that_wires_itself_stops(node: Write, graph_of_nodes: Make, problems: Attempt) -> None:
    nodes = {"u": node("toy_noise"), "w": node("wrong", "u", way="endless", result=True)}
    assert problems(lambda: graph_of_nodes(**nodes)) == {"NodesTooMany": [(None, None)]}


def test_the_limit_counts_what_is_wired(awkward: SimpleNamespace) -> None:
    nodes = [Node("u", toys.Noise()), *(Node(f"n{i}", awkward.Nested(), (Ref("u"),)) for i in range(4))]
    assert not inline(nodes, limit=40).problems
    assert [problem.code for problem in inline(nodes, limit=12).problems] == ["NodesTooMany"]
    assert MAX_NODES == 10_000
