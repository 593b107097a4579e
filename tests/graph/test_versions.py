"""Graphs state versions: replayed under the same, refused under others, and where that is allowed the record tells for good."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import yaml

import hats
import scatflow as sf
from scatflow.contract import FilterFamily, parts_of
from scatflow.errors import GraphError, ParameterError, Problem, RegistryError
from scatflow.graph import extend, graph_of, parse, parse_provenance, provenance
from scatflow.graph.drift import Drift

Document = dict[str, Any]


def written(**hat: Any) -> Document:
    """Return a hand-written graph of a source and one operator."""
    node = {"process_id": "hat", "arguments": {"data": {"from_node": "u"}}, "result": True} | hat
    return {"process_graph": {"u": {"process_id": "ones", "arguments": {}}, "h": node}}


def found(document: Mapping[str, Any], **options: Any) -> tuple[Problem, ...]:
    with pytest.raises(GraphError) as caught:
        parse(document, **options)
    return caught.value.problems


def total(pipeline: sf.Pipeline) -> float:
    return float(pipeline.lazy().compute().sum())


# Every stored graph states versions ---------------------------------------------------------------------------------------


def test_every_node_of_a_canonical_document_states_its_version() -> None:
    with hats.release(hats.KEPT):
        graph = parse(written())
        nodes = graph.to_document()["process_graph"]
        assert {name: node["version"] for name, node in nodes.items()} == {"u": 2, "h": 2}
        assert parse(graph.to_document()).hash == graph.hash
        assert all("version" in node for node in graph.canonical()[0]["process_graph"].values())


def test_variables_and_datasets_state_theirs(graph_of_nodes: Any, node: Any) -> None:
    bundle = {"a": {"from_node": "v"}, "b": {"from_node": "u"}}
    graph = graph_of_nodes(
        u=node("toy_noise"), m=node("toy_mean", "u"), v=node("variable", "m", name="mean"), d=node("dataset", variables=bundle, result=True)
    )  # fmt: skip
    for document in (graph.to_document(), json.loads(provenance(graph))["graph"]):
        assert {entry["process_id"]: entry["version"] for entry in document["process_graph"].values()} == {
            "toy_noise": 1, "toy_mean": 1, "variable": 1, "dataset": 1,
        }  # fmt: skip
        assert parse(document).hash == graph.hash
    changed = graph.to_document()
    for entry in changed["process_graph"].values():
        if entry["process_id"] in ("variable", "dataset"):
            entry["version"] = 2
    assert {problem.code for problem in found(changed)} == {"OperatorVersionDiffers"}


def test_versions_are_part_of_the_hash_and_of_the_plan() -> None:
    with hats.release(hats.KEPT):
        first, second = (sf.Pipeline(written(version=number)) for number in (1, 2))
        assert first.graph.hash != second.graph.hash and first.plan().hash != second.plan().hash
        assert first.graph.versions == {"acme:hat": (1,), "acme:ones": (2,)}
        both = parse({"process_graph": {
            "u": {"process_id": "ones", "arguments": {}}, "a": {"process_id": "hat", "version": 1, "arguments": {"data": {"from_node": "u"}}},
            "b": {"process_id": "hat", "version": 2, "arguments": {"data": {"from_node": "a"}}, "result": True},
        }})  # fmt: skip
        assert both.versions["acme:hat"] == (1, 2) and parse_provenance({"scatflow": provenance(both)}).operators["acme:hat"] == (
            1,
            2,
        )


# The class of the version stated ------------------------------------------------------------------------------------------


def test_a_node_without_a_version_takes_the_current_one() -> None:
    with hats.release(hats.KEPT):
        assert type(parse(written()).node("h").value) is hats.Hat2


def test_a_node_of_a_kept_version_takes_that() -> None:
    with hats.release(hats.KEPT):
        graph = parse(written(version=1))
        assert type(graph.node("h").value) is hats.Hat1 and graph.warnings == () == graph.drift
        assert total(sf.Pipeline(written(version=1))) == 8 and total(sf.Pipeline(written())) == 12


def test_a_graph_stored_under_version_1_is_replayed_under_it(tmp_path: Path) -> None:
    with hats.release(hats.OLD):
        before = sf.Pipeline(written())
        before.save(tmp_path / "p.yaml")
        result = before.run(tmp_path / "r.zarr")
        array = sf.apply(hats.Hat1(), before.lazy())
    with hats.release(hats.KEPT):
        for again in (sf.Pipeline.from_file(tmp_path / "p.yaml"), sf.Pipeline.from_array(result)):
            assert [type(node.value) for node in again.graph.nodes] == [hats.Ones1, hats.Hat1]
            assert again.graph.hash == before.graph.hash and total(again) == 8
        assert parse(graph_of(array.attrs)).versions == {"acme:hat": (1,), "acme:ones": (1,)}
        later = extend([array.attrs], hats.Hat2())
        assert parse(graph_of(later)).versions["acme:hat"] == (1, 2)


def test_another_version_is_refused_with_all_there_is_to_know(tmp_path: Path) -> None:
    with hats.release(hats.OLD):
        text = provenance(parse(written()))
    with hats.release(hats.NEW):
        (problem,) = found(graph_of({"scatflow": text}))
        assert (problem.code, problem.node, problem.expected) == ("OperatorVersionDiffers", "hat_1", "version 1")
        assert problem.got == "version 2 of acme" and "--allow-drift" in (problem.remedy or "")
        content = json.loads(text)
        content["plugins"] = [{"name": "acme", "version": "0.9+editable"}]
        (problem,) = found(graph_of({"scatflow": content}), recorded=parse_provenance({"scatflow": content}).plugins)
        assert problem.expected == "version 1, which acme 0.9+editable had" and "Install acme==0.9" in (problem.remedy or "")
        (problem,) = found(written(version=3))
        assert problem.expected == "version 3"
    with hats.release(hats.KEPT):
        (problem,) = found(written(version=3))
        assert problem.got == "version 2, kept @1 of acme"


def test_every_node_that_differs_is_told() -> None:
    with hats.release(hats.NEW):
        document = written(version=1)
        document["process_graph"]["u"]["version"] = 7
        assert [problem.node for problem in found(document)] == ["u", "h"]


@pytest.mark.parametrize("version", [0, -1, 1.0, True, "1", "one", "1+xyz", "0+0a1b2c3d4e5f", [1], {}])
def test_what_is_no_version(version: Any) -> None:
    with hats.release(hats.KEPT):
        (problem,) = found(written(version=version))
        assert (problem.code, problem.node) == ("NodeInvalid", "h") and "version" in problem.message


def test_a_version_of_a_single_file_is_not_that_of_a_distribution() -> None:
    with hats.release(hats.KEPT):
        (problem,) = found(written(version="2+0a1b2c3d4e5f"))
        assert problem.code == "OperatorVersionDiffers" and problem.expected == "version 2+0a1b2c3d4e5f"


# Drift ----------------------------------------------------------------------------------------------------------------


DRIFT = ({"id": "acme:hat", "recorded": 1, "used": 2},)


def drift_of(attrs: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(json.loads(str(attrs["scatflow"])).get("drift", ()))


def test_drift_is_used_warned_of_and_recorded() -> None:
    with hats.release(hats.NEW):
        graph = parse(written(version=1), allow_drift=True)
        assert type(graph.node("h").value) is hats.Hat2 and graph.drift == (Drift("acme:hat", 1, 2),)
        ((code, node),) = [(problem.code, problem.node) for problem in graph.warnings]
        assert (code, node) == ("OperatorDrift", "h") and "version 2" in str(graph.warnings[0])
        assert graph.hash == parse(written()).hash  # a document states what is used
        assert drift_of({"scatflow": provenance(graph)}) == DRIFT
        assert "drift" not in json.loads(provenance(parse(written())))
        assert parse(written(), allow_drift=True).drift == () == parse(written(version=2), allow_drift=True).drift


def test_drift_is_kept_through_everything_that_comes_after(tmp_path: Path) -> None:
    with hats.release(hats.NEW):
        pipeline = sf.Pipeline(written(version=1), allow_drift=True)
        assert total(pipeline) == 12
        lazy = pipeline.lazy()
        further = sf.apply(hats.Hat2(), sf.apply(hats.Hat2(), lazy))
        assert drift_of(lazy.attrs) == drift_of(further.attrs) == DRIFT
        pipeline.save(tmp_path / "p.yaml")
        pipeline.save(tmp_path / "p.json")
        result = pipeline.run(tmp_path / "r.zarr")
        assert drift_of(result.attrs) == DRIFT
        for again in (
            sf.Pipeline.from_file(tmp_path / "p.yaml"), sf.Pipeline.from_file(tmp_path / "p.json"), sf.Pipeline.from_array(result),
            sf.Pipeline.from_array(further), sf.Pipeline.from_document(pipeline.graph.to_document()),
        ):  # fmt: skip
            assert again.graph.drift == (Drift("acme:hat", 1, 2),)  # without being allowed again: what is stated is what is used
            assert drift_of(again.lazy().attrs) == DRIFT
        assert drift_of(sf.Pipeline.from_file(tmp_path / "p.yaml").run(tmp_path / "s.zarr").attrs) == DRIFT
    with hats.release({**hats.NEW, "operators": {**hats.NEW["operators"], "hat": hats.Hat3}}):
        twice = sf.Pipeline.from_array(sf.open_result(tmp_path / "r.zarr"), allow_drift=True)
        assert twice.graph.drift == (Drift("acme:hat", 1, 2), Drift("acme:hat", 2, 3))


def test_drift_of_what_the_result_does_not_need_is_not_recorded() -> None:
    with hats.release(hats.NEW):
        document = written()
        document["process_graph"]["lost"] = {"process_id": "hat", "version": 1, "arguments": {"data": {"from_node": "u"}}}
        assert parse(document, allow_drift=True).drift == ()
        assert [problem.node for problem in found(document)] == ["lost"]


def test_drift_of_composites_is_recorded() -> None:
    with hats.release(hats.NEW):
        graph = parse(written(process_id="two_hats", version=4), allow_drift=True)
        assert [node.process for node in graph.nodes] == ["ones", "hat", "hat"]
        assert graph.drift == (Drift("acme:two_hats", 4, 1),)


def test_drift_merges() -> None:
    with hats.release(hats.NEW):
        one = {"scatflow": provenance(parse(written(version=1), allow_drift=True))}
        other = {"scatflow": provenance(parse(written(version=3), allow_drift=True))}
        later = extend([extend([one], hats.Hat2())], hats.Hat2())
        assert drift_of(later) == DRIFT
        assert parse_provenance({"scatflow": provenance(parse({**graph_of(one), "drift": [*DRIFT, *drift_of(other)]}))}).drift == (
            Drift("acme:hat", 1, 2), Drift("acme:hat", 3, 2),
        )  # fmt: skip


@pytest.mark.parametrize("drift", [3, {}, [3], [{}], [{"id": "a", "recorded": 1}], [{"id": 3, "recorded": 1, "used": 2}],
                                   [{"id": "a", "recorded": 0, "used": 2}], [{"id": "a", "recorded": 1, "used": "x"}],
                                   [{"id": "a", "recorded": 1, "used": 2, "why": ""}]])  # fmt: skip
def test_drift_that_cannot_be_read(drift: Any) -> None:
    with hats.release(hats.NEW):
        (problem,) = found({**written(), "drift": drift})
        assert (problem.code, problem.argument) == ("DocumentInvalid", "drift")
        content = json.loads(provenance(parse(written()))) | {"drift": drift}
        with pytest.raises(sf.errors.StoreError, match="not a provenance record"):
            parse_provenance({"scatflow": content})


def test_a_sweep_may_drift() -> None:
    document = written(version=1) | {"parameters": {"by": {"type": "number"}}}
    document["process_graph"]["h"]["arguments"]["by"] = {"from_parameter": "by"}
    with hats.release(hats.NEW):
        with pytest.raises(GraphError):
            sf.Pipeline.sweep(document, {"by": [1.0, 2.0]})
        pipeline = sf.Pipeline.sweep(document, {"by": [1.0, 2.0]}, allow_drift=True)
        assert pipeline.graph.drift == (Drift("acme:hat", 1, 2),) and pipeline.graph.warnings
        result = pipeline.lazy()
        assert drift_of(result.attrs) == DRIFT and result.sizes["by"] == 2
        assert sf.Pipeline.from_array(result).graph.drift == pipeline.graph.drift


# Records of earlier releases ----------------------------------------------------------------------------------------------


def aged(text: str) -> Document:
    """Return a record as it was written before nodes stated versions."""
    content: Document = json.loads(text)
    for node in content["graph"]["process_graph"].values():
        node.pop("version")
    return content


def test_versions_in_the_list_of_operators_count_as_stated(tmp_path: Path) -> None:
    with hats.release(hats.OLD):
        content = aged(provenance(parse(written())))
        array = xr.DataArray(np.ones(4), dims="x", attrs={"scatflow": json.dumps(content)})
    with hats.release(hats.KEPT):
        assert type(parse(graph_of(array.attrs)).node("hat_1").value) is hats.Hat1
    with hats.release(hats.NEW):
        with pytest.raises(GraphError, match="OperatorVersionDiffers"):
            parse(graph_of(array.attrs))
        graph = parse(graph_of(array.attrs), allow_drift=True)
        assert graph.drift == (Drift("acme:hat", 1, 2),)
        later = extend([array.attrs], hats.Hat2())
        assert parse_provenance(later).document["process_graph"]["hat_1"]["version"] == 1
        with pytest.raises(GraphError, match="OperatorVersionDiffers"):
            parse(graph_of(later))


def test_of_several_versions_in_the_list_none_is_stated() -> None:
    with hats.release(hats.OLD):
        content = aged(provenance(parse(written())))
    content["operators"].append({"id": "acme:hat", "version": 5})
    with hats.release(hats.NEW):
        record = parse_provenance({"scatflow": content})
        assert "version" not in record.document["process_graph"]["hat_1"]
        assert type(parse(graph_of({"scatflow": content})).node("hat_1").value) is hats.Hat2


@pytest.mark.parametrize("version", [0, "x", True, None, 2.5])
def test_a_record_with_a_version_that_is_none_cannot_be_read(version: Any) -> None:
    with hats.release(hats.OLD):
        content = json.loads(provenance(parse(written())))
        content["graph"]["process_graph"]["hat_1"]["version"] = version
        with pytest.raises(sf.errors.StoreError, match="not a provenance record"):
            parse_provenance({"scatflow": content})


# Old names ------------------------------------------------------------------------------------------------------------


def test_an_old_name_works_with_a_warning_and_is_replaced(tmp_path: Path) -> None:
    with hats.release(hats.KEPT):
        pipeline = sf.Pipeline(written(process_id="cap"))
        (problem,) = pipeline.graph.warnings
        assert (
            problem.code == "ProcessRenamed"
            and "'cap' of acme is called 'hat' now" in str(problem)
            and "process_id: hat" in str(problem)
        )
        assert pipeline.graph.to_document()["process_graph"]["h"]["process_id"] == "hat"
        pipeline.save(tmp_path / "p.yaml")
        assert yaml.safe_load((tmp_path / "p.yaml").read_text())["process_graph"]["h"]["process_id"] == "hat"
        assert type(parse(written(process_id="cap", version=1)).node("h").value) is hats.Hat1
        assert parse(written(process_id="cap", namespace="acme")).hash == parse(written()).hash
    with hats.release(hats.NEW):
        assert found(written(process_id="cap"))[0].code == "ProcessUnsupported"


def test_an_old_name_in_python_and_on_arrays() -> None:
    data = xr.DataArray(np.ones(3), dims="x")
    with hats.release(hats.KEPT):
        with pytest.warns(FutureWarning, match="operator 'cap' of acme is called 'hat' now") as caught:
            assert sf.ops.cap(data).sum() == 9
        assert caught[0].filename == __file__
        with pytest.warns(FutureWarning, match="'cap' of acme"):
            assert data.scatflow.cap().sum() == 9
        assert dir(sf.ops) == ["combed", "hat", "two_hats"]  # neither old names nor kept versions


# Saved pipelines ------------------------------------------------------------------------------------------------------


def test_a_saved_pipeline_states_what_its_author_left_out(tmp_path: Path) -> None:
    document = written() | {"parameters": {"by": {"type": "number", "default": 2}}, "title": "mine"}
    document["process_graph"]["h"] |= {
        "description": "adds",
        "arguments": {"data": {"from_node": "u"}, "by": {"from_parameter": "by"}},
    }
    document["process_graph"]["c"] = {"process_id": "two_hats", "arguments": {"data": {"from_node": "h"}}}
    with hats.release(hats.KEPT):
        sf.Pipeline(document).save(tmp_path / "p.yaml")
        saved = yaml.safe_load((tmp_path / "p.yaml").read_text())
        assert saved["process_graph"]["h"] == {
            "process_id": "hat", "namespace": "acme", "version": 2, "result": True, "description": "adds",
            "arguments": {"data": {"from_node": "u"}, "by": {"from_parameter": "by"}},
        }  # fmt: skip
        assert (
            saved["process_graph"]["c"]["version"] == 1
            and saved["parameters"] == document["parameters"]
            and saved["title"] == "mine"
        )
        assert sf.Pipeline.from_file(tmp_path / "p.yaml", by=5).graph.hash == sf.Pipeline(document, by=5).graph.hash


# Filter families ------------------------------------------------------------------------------------------------------


def combed(filters: Any) -> Document:
    return written(process_id="combed", arguments={"data": {"from_node": "u"}, "filters": filters})


def test_a_family_among_the_parameters_states_its_version(tmp_path: Path) -> None:
    with hats.release(hats.KEPT):
        graph = parse(combed("comb"))
        arguments = graph.to_document()["process_graph"]["h"]["arguments"]
        assert arguments["filters"] == {"family": "comb", "namespace": "acme", "version": 2, "teeth": 3}
        old = parse(combed({"family": "comb", "version": 1}))
        assert [type(part) for part in parts_of(old.node("h").value)][1] is hats.Comb1
        assert old.hash != graph.hash and old.node("h").value != graph.node("h").value
        assert old.node("h").value.token() != graph.node("h").value.token()
        for spec in ("comb", {"family": "comb", "teeth": 5}, {"family": "comb", "version": 1}):
            pipeline = sf.Pipeline(combed(spec))
            pipeline.save(tmp_path / "p.yaml")
            saved = yaml.safe_load((tmp_path / "p.yaml").read_text())["process_graph"]["h"]["arguments"]["filters"]
            given = {"family": spec} if isinstance(spec, str) else spec
            assert saved == {"version": 2, "namespace": "acme", **given}
            assert sf.Pipeline.from_file(tmp_path / "p.yaml").graph.hash == pipeline.graph.hash


def test_another_version_of_a_family_is_refused_or_drifts() -> None:
    with hats.release(hats.OLD):
        document = parse(combed("comb")).to_document()
        assert total(sf.Pipeline(document)) == 4 * 13
    with hats.release(hats.KEPT):
        assert total(sf.Pipeline(document)) == 4 * 13
    with hats.release(hats.NEW):
        (problem,) = found(document)
        assert (problem.code, problem.node, problem.argument) == ("OperatorVersionDiffers", "h", "filters")
        assert problem.expected == "version 1" and problem.got == "version 2 of acme"
        pipeline = sf.Pipeline(document, allow_drift=True)
        assert pipeline.graph.drift == (Drift("acme:comb", 1, 2),) and total(pipeline) == 4 * 23
        assert drift_of(pipeline.lazy().attrs)[0]["id"] == "acme:comb"
        with pytest.raises(ParameterError, match="not installed in the version"):
            hats.Combed(filters={"family": "comb", "version": 1})
        assert found(document)  # what one graph was allowed no other is


@pytest.mark.parametrize(
    "spec", [{"family": 3}, {"family": "comb", "version": 0}, {"family": "comb", "version": "x"}, {"version": 1}, [], None]
)
def test_specs_of_families_that_mean_nothing(spec: Any) -> None:
    with hats.release(hats.KEPT):
        (problem,) = found(combed(spec))
        assert (problem.code, problem.argument) == ("ParameterInvalid", "filters")


def test_an_old_name_of_a_family() -> None:
    """In a graph it is a finding about a node, in Python a warning."""
    with hats.release(hats.KEPT):
        graph = parse(combed("kamm"))
        assert graph.to_document()["process_graph"]["h"]["arguments"]["filters"]["family"] == "comb"
        (problem,) = graph.warnings
        assert (problem.code, problem.node) == ("ProcessRenamed", "h")
        assert problem.message == "filter family 'kamm' of acme is called 'comb' now"
        with pytest.warns(FutureWarning, match="filter family 'kamm' of acme is called 'comb' now"):
            assert hats.Combed(filters="kamm").filters == hats.Comb2()


def test_the_distribution_of_a_family_is_recorded() -> None:
    with hats.release({"filters": {"comb": hats.Comb1}}, "combs"):
        made: FilterFamily = hats.Comb1()
        operator = hats.Combed(filters=made)
        assert [entry["name"] for entry in json.loads(extend([{}], operator)["scatflow"])["plugins"]] == ["combs", "hats"]


# Looking up -------------------------------------------------------------------------------------------------------------


def test_versions_by_name() -> None:
    with hats.release(hats.KEPT) as book:
        assert book.find("operators", "hat") is book.find("operators", "acme:hat@2") is book.find("operators", "hat@2") is hats.Hat2
        assert (
            book.find("operators", "acme:hat@1") is book.find("operators", "hat@1") is book.find("operators", "cap@1") is hats.Hat1
        )
        assert book.provider("operators", "hat@1").canonical == "acme:hat@1" and book.provider("operators", "cap").was == "cap"
        assert book.names("operators") == ("combed", "hat", "two_hats") and book.names("filters") == ("comb",)
        assert book.plugins[0].names["operators"] == ("cap", "combed", "hat", "hat@1", "two_hats")
        assert book.dist_of(hats.Hat1()) == book.dist_of(hats.Hat2) == ("acme", "")
        with pytest.raises(RegistryError, match="this version is not provided; expected 2, acme:hat@1; got 3"):
            book.find("operators", "hat@3")
        for name in ("hut@1", "hat@", "@1", "hat@1@1", "beta:hat@1"):
            with pytest.raises(RegistryError):
                book.find("operators", name)


@pytest.mark.parametrize(
    ("offers", "name", "words"),
    [
        ({"hat": hats.Hat2, "hat@1": hats.Hat3}, "hat@1", "expected hat, version 1; got hat, version 3"),
        ({"hat": hats.Hat2, "hat@1": hats.TwoHats}, "hat@1", "got two_hats, version 1"),
        ({"hat": hats.Hat2, "hat@3": hats.Hat3}, "hat@3", "expected a version before 2; got 3"),
        ({"hat": hats.Hat2, "hat@2": hats.Hat2}, "acme:hat@2", "expected a version before 2; got 2"),
    ],
)
def test_a_kept_class_of_another_version_is_a_defect(offers: Mapping[str, Any], name: str, words: str) -> None:
    with hats.release({"operators": offers}) as book, pytest.raises(RegistryError) as caught:
        book.find("operators", name)
    assert words in str(caught.value)


def test_a_distribution_that_is_not_there_is_named() -> None:
    with hats.release(hats.OLD):
        document = parse(written()).to_document()
    with hats.release(hats.OLD, "beta"):
        with pytest.raises(GraphError, match="expected beta; got acme") as caught:
            parse(document)
        assert "Install acme" in str(caught.value) and "Leave" not in str(caught.value)
    with hats.release({"operators": {}}):
        document["process_graph"]["h"]["namespace"] = "other"
        assert "The graph names the distribution 'other', which is not installed." in str(found(document)[1])
        document["process_graph"]["h"]["namespace"] = "local"
        assert "A single file provided it: name its folder with --plugins-dir." in str(found(document)[1])
