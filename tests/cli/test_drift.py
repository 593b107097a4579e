"""Versions on the command line: refused, allowed, told; old names; what describes an operator of several versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import hats
import scatflow as sf
from cli.conftest import Program

PIPELINE: dict[str, Any] = {"process_graph": {
    "u": {"process_id": "ones", "arguments": {}},
    "h": {"process_id": "hat", "version": 1, "arguments": {"data": {"from_node": "u"}}, "result": True},
}}  # fmt: skip


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(PIPELINE))
    return tmp_path / "p.yaml"


def test_run_and_plan_refuse_and_allow(scatflow: Program, pipeline: Path, tmp_path: Path) -> None:
    with hats.release(hats.NEW):
        for words in (["run", pipeline, "--quiet"], ["plan", pipeline]):
            code, _, err = scatflow(*words)
            assert code == 2 and "[OperatorVersionDiffers]" in err and "expected  version 1" in err and "--allow-drift" in err
            code, _, err = scatflow(*words, "--allow-drift")
            assert code == 0 and "Warning: [OperatorDrift] h: acme:hat is used in version 2, the graph states 1." in err
        result = sf.open_result(tmp_path / "p.zarr")
        assert json.loads(result.attrs["scatflow"])["drift"] == [{"id": "acme:hat", "recorded": 1, "used": 2}]
        assert "acme:hat recorded 1, used 2" in scatflow("show", tmp_path / "p.zarr", "--no-pictures").out
        methods = scatflow("show", tmp_path / "p.zarr", "--methods").out
        assert "This repeats an earlier computation with acme:hat in version 2 where version 1 was recorded." in methods
        code, _, err = scatflow("run", pipeline, "-p", "allow_drift=true")
        assert code == 2 and "--allow-drift is an option" in err


def test_rerun_refuses_and_allows(scatflow: Program, tmp_path: Path) -> None:
    with hats.release(hats.OLD):
        sf.Pipeline(PIPELINE).run(tmp_path / "r.zarr")
    with hats.release(hats.KEPT):
        code, out, err = scatflow("rerun", tmp_path / "r.zarr", "--quiet")
        assert code == 0 and "equal byte by byte" in out and "drift" not in out and err == ""
    with hats.release(hats.NEW):
        code, _, err = scatflow("rerun", tmp_path / "r.zarr", "--quiet")
        assert code == 2 and "[OperatorVersionDiffers]" in err
        code, out, err = scatflow("rerun", tmp_path / "r.zarr", "--quiet", "--allow-drift", "-o", tmp_path / "s.zarr")
        assert code == 1 and "acme:hat 1 → 2" in out and "acme:hat recorded 1, used 2" in out and "Warning" in err
        code, out, err = scatflow("rerun", tmp_path / "s.zarr", "--quiet")
        assert code == 0 and "acme:hat recorded 1, used 2" in out and err == ""


def test_methods_name_the_version_of_every_step(scatflow: Program, tmp_path: Path) -> None:
    with hats.release(hats.KEPT):
        document = {"process_graph": {
            **PIPELINE["process_graph"] | {"h": {**PIPELINE["process_graph"]["h"], "result": False}},
            "g": {"process_id": "hat", "arguments": {"data": {"from_node": "h"}}, "result": True},
        }}  # fmt: skip
        sf.Pipeline(document).run(tmp_path / "r.zarr")
        out = scatflow("show", tmp_path / "r.zarr", "--methods").out
        assert "(1) hat (acme:hat, version 1)" in out and "(2) hat (acme:hat, version 2)" in out


def test_ops_lists_current_versions_and_describes_all(scatflow: Program) -> None:
    with hats.release(hats.KEPT):
        rows = json.loads(scatflow("ops", "--json").out)
        assert [row["name"] for row in rows if row["provider"] == "acme" and row["kind"] == "operator"] == [
            "combed",
            "hat",
            "two_hats",
        ]
        out = scatflow("ops", "hat").out
        assert "acme:hat: operator (pointwise), version 2" in out and "acme:hat@1" in out
        out = scatflow("ops", "hat@1").out
        assert "acme:hat@1: operator (pointwise), version 1" in out and "Adds 1." in out
        assert json.loads(scatflow("ops", "acme:hat@1", "--json").out)["other_versions"] == ["acme:hat"]
        code, _, err = scatflow("ops", "hat@7")
        assert code == 2 and "this version is not provided" in err


def test_old_names_are_told(scatflow: Program, pipeline: Path) -> None:
    with hats.release(hats.KEPT):
        code, out, err = scatflow("ops", "cap")
        assert code == 0 and "acme:hat: operator" in out and err == "Warning: 'cap' of acme is called 'hat' now.\n"
        pipeline.write_text(pipeline.read_text().replace("hat", "cap"))
        code, _, err = scatflow("plan", pipeline)
        assert code == 0 and "Warning: [ProcessRenamed] h: 'cap' of acme is called 'hat' now. Write process_id: hat." in err
