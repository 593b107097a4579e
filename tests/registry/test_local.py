"""Single files as plugins: the same states and checks as distributions, and another text is another operator."""

from __future__ import annotations

import functools
import inspect
import json
import pickle
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from fake_plugins import BAD, HOOK, operators, pointwise
from scatflow.api import content_hash, revision_of
from scatflow.errors import GraphError, ParameterError, RegistryError
from scatflow.graph import extend, graph_of, parse, parse_provenance
from scatflow.registry import Policy, Registry, using


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Path]:
    """A folder for files; their modules are forgotten afterwards."""
    folder = tmp_path / "mine"
    folder.mkdir()
    yield folder
    for name in [name for name in sys.modules if name.startswith("local_")]:
        del sys.modules[name]


def book(folder: Path, **policy: Any) -> Registry:
    return Registry([], local=folder, policy=Policy(**policy))


def test_files_are_plugins_by_what_they_declare(mine: Path) -> None:
    (mine / "hats.py").write_text(pointwise("hat") + pointwise("cap", version=2))
    (mine / "rest.py").write_text(
        "from scatflow import Source, source\nfrom scatflow.contract import FilterFamily, family\n"
        "@source('waves', version=1)\nclass Waves(Source): pass\n@family('comb', version=1)\nclass Comb(FilterFamily): pass\n"
    )
    (mine / "_draft.py").write_text("raise SystemExit")
    (mine / "notes.txt").write_text("no plugin")
    made = book(mine)
    assert [(plugin.dist, plugin.entry, plugin.state, plugin.origin) for plugin in made.plugins] == [
        ("local", "hats.py", "active", "file"), ("local", "rest.py", "active", "file"),
    ]  # fmt: skip
    assert made.plugins[0].where == str(mine / "hats.py") and made.plugins[0].version == content_hash(
        (mine / "hats.py").read_bytes()
    )
    assert made.names("operators") == ("cap", "hat") and made.names("filters") == ("comb",) and "waves" in made.names("sources")
    hat = made.find("operators", "local:hat")
    assert hat.__module__ == f"local_hats_{made.plugins[0].version}" and revision_of(hat) == f"1+{made.plugins[0].version}"
    assert made.dist_of(hat()) == ("local", made.plugins[0].version)


@pytest.mark.parametrize("kind", [kind for kind in BAD if kind not in ("version-alone", "newline")])
def test_bad_files_end_in_the_same_states(mine: Path, kind: str) -> None:
    text, state, words = BAD[kind]
    (mine / "bad.py").write_text(text)
    (mine / "good.py").write_text(pointwise("hat"))
    bad, good = book(mine).plugins
    assert (bad.state, good.state) == (state, "active") and words in bad.reason


def test_what_is_used_by_others_is_not_declared_here(mine: Path) -> None:
    (mine / "hats.py").write_text(
        "from toys import Flip\nfrom scatflow import Pointwise\nclass Plain(Pointwise): pass\n" + pointwise("hat")
    )
    (mine / "heirs.py").write_text("from toys import Flip\nclass Heir(Flip): pass\n")
    assert book(mine).names("operators") == ("hat",)


def test_hooks_in_a_file_are_honored(mine: Path) -> None:
    (mine / "hats.py").write_text(pointwise("hat") + pointwise("cap") + operators(bonnet="renamed('cap')", cap="Cap"))
    made = book(mine)
    assert made.names("operators") == ("cap", "hat") and made.provider("operators", "bonnet").name == "cap"


def test_the_older_of_two_versions_is_kept(mine: Path) -> None:
    (mine / "hats.py").write_text(pointwise("hat", version=2) + pointwise("hat", version=1) + pointwise("hat", version=5))
    made = book(mine)
    assert made.plugins[0].names["operators"] == ("hat", "hat@1", "hat@2")
    assert [made.find("operators", name).version for name in ("hat", "hat@1", "hat@2")] == [5, 1, 2]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (pointwise("hat"), pointwise("hat"), "'hat' is provided by 'a.py' and 'b.py' of local"),
        (pointwise("hat") + pointwise("hat").replace("class Hat", "class Again"), "", "'hat' is provided by 'a.py' twice of local"),
    ],
)
def test_the_same_name_twice(mine: Path, first: str, second: str, words: str) -> None:
    (mine / "a.py").write_text(first)
    (mine / "b.py").write_text(second)
    (failed,) = [plugin for plugin in book(mine).plugins if plugin.state != "active"]
    assert failed.state == "failed:spec" and words in failed.reason


def test_a_file_beside_a_distribution(mine: Path, folder: Any) -> None:
    folder.dist("acme", operators(hat='"acme_hats:Hat"'))
    (mine / "hats.py").write_text(pointwise("hat"))
    made = Registry(local=mine)
    assert "operator 'hat' is also provided by acme: write local:hat" in made.plugins[1].notes
    with pytest.raises(RegistryError, match="acme:hat, local:hat"):
        made.provider("operators", "hat")


def test_the_policy_counts_for_files_too(mine: Path) -> None:
    (mine / "hats.py").write_text(f"import pathlib\npathlib.Path({str(mine / 'loaded')!r}).touch()\n")
    for policy in ({"allow": ("scatflow-*",)}, {"deny": ("local",)}, {"blocked": ("local",)}, {"no_plugins": True}):
        assert book(mine, **policy).plugins[0].state in ("denied", "blocked")
    assert not (mine / "loaded").exists()
    assert book(mine, allow=("local",)).plugins[0].state == "active" and (mine / "loaded").exists()


def test_another_text_is_another_operator(mine: Path) -> None:
    (mine / "hats.py").write_text(pointwise("hat"))
    first = book(mine).find("operators", "hat")
    assert book(mine).find("operators", "hat") is first
    (mine / "hats.py").write_text(pointwise("hat", body="blocks[0] + 2"))
    second = book(mine).find("operators", "hat")
    assert second is not first and second() != first() and second().token() != first().token()
    assert revision_of(second) != revision_of(first)
    assert pickle.loads(pickle.dumps([first(), second()])) == [first(), second()]
    data = xr.DataArray(np.zeros(2), dims="x")
    assert (sf.apply(first(), data).sum(), sf.apply(second(), data).sum()) == (2, 4)


def test_files_that_cannot_be_read_or_found(mine: Path, tmp_path: Path) -> None:
    (mine / "gone.py").symlink_to(tmp_path / "nowhere.py")
    (mine / "latin.py").write_bytes("# café\n".encode("latin-1"))
    (mine / "folder.py").mkdir()
    assert [(plugin.entry, plugin.state) for plugin in book(mine).plugins] == [
        ("folder.py", "failed:import"), ("gone.py", "failed:import"), ("latin.py", "failed:import"),
    ]  # fmt: skip
    for path, words in ((tmp_path / "nowhere", "is not there"), (mine / "latin.py", "is not a folder")):
        with pytest.raises(ParameterError, match=words):
            book(path)


def test_tracebacks_and_source(mine: Path) -> None:
    (mine / "hats.py").write_text(pointwise("hat", body="1 / 0"))
    hat = book(mine).find("operators", "hat")
    assert "return 1 / 0" in inspect.getsource(hat)
    with pytest.raises(ZeroDivisionError) as caught:
        sf.apply(hat(), xr.DataArray(np.zeros(2), dims="x"))
    assert "return 1 / 0" in "".join(traceback.format_exception(caught.value))
    assert not (mine / "__pycache__").exists()


# Records ----------------------------------------------------------------------------------------------------------------


def test_results_of_files_are_marked(mine: Path, tmp_path: Path) -> None:
    (mine / "hats.py").write_text(pointwise("hat"))
    document = {"process_graph": {
        "u": {"process_id": "open_zarr", "arguments": {"path": str(tmp_path / "u.zarr")}},
        "h": {"process_id": "hat", "arguments": {"data": {"from_node": "u"}}, "result": True},
    }}  # fmt: skip
    xr.Dataset({"u": ("x", np.arange(4.0))}).to_zarr(tmp_path / "u.zarr", consolidated=False)
    with using(book(mine)) as made:
        version = made.plugins[0].version
        pipeline = sf.Pipeline(document)
        assert pipeline.graph.to_document()["process_graph"]["h"] | {"arguments": 0, "result": 0} == {
            "process_id": "hat", "namespace": "local", "version": f"1+{version}", "arguments": 0, "result": 0,
        }  # fmt: skip
        result = pipeline.run(tmp_path / "r.zarr")
        record = json.loads(result.attrs["scatflow"])
        assert record["reproducible"] is False and {"name": "local", "version": version} in record["plugins"]
        assert {"id": "local:hat", "version": f"1+{version}"} in record["operators"]
        plan = pipeline.plan().hash
        further = extend([pipeline.lazy().attrs], made.find("operators", "hat")())
        assert json.loads(further["scatflow"])["reproducible"] is False
        pipeline.save(tmp_path / "p.yaml")
        assert sf.Pipeline.from_file(tmp_path / "p.yaml").graph.hash == pipeline.graph.hash
    (mine / "hats.py").write_text(pointwise("hat") + "# another text\n")
    with using(book(mine)) as made:
        assert sf.Pipeline(document).plan().hash != plan
        for again in (
            functools.partial(sf.Pipeline.from_file, tmp_path / "p.yaml"),
            functools.partial(sf.Pipeline.from_array, result),
        ):
            with pytest.raises(GraphError, match="OperatorVersionDiffers") as caught:
                again()
            assert str(caught.value.problems[0].expected).startswith(f"version 1+{version}")
            assert again(allow_drift=True).graph.drift[0].recorded == f"1+{version}"
        other = sf.open_source(tmp_path / "u.zarr")
        assert "reproducible" not in json.loads(other.attrs["scatflow"]) and parse_provenance(other.attrs).reproducible


def test_a_family_of_a_file_marks_what_uses_it(mine: Path) -> None:
    import hats

    text = "from scatflow.contract import FilterFamily, family\n@family('comb', version=1)\nclass Comb(FilterFamily):\n    teeth: int = 3\n"
    (mine / "combs.py").write_text(text)
    with using(book(mine)) as made:
        operator = hats.Combed(filters="comb")
        record = json.loads(extend([{}], operator)["scatflow"])
        assert record["reproducible"] is False
        (node,) = record["graph"]["process_graph"].values()
        assert node["arguments"]["filters"]["version"] == f"1+{made.plugins[0].version}"
    (mine / "combs.py").write_text(text + "# changed\n")
    with using(book(mine)):
        assert hats.Combed(filters="comb").token() != operator.token()
        with pytest.raises(ParameterError, match="not installed in the version"):
            hats.Combed(**operator.parameters() | {"filters": node["arguments"]["filters"]})


def test_show_methods_and_rerun_say_so(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from scatflow.cli.main import main

    (mine / "hats.py").write_text(pointwise("hat"))
    xr.Dataset({"u": ("x", np.arange(4.0))}).to_zarr(tmp_path / "u.zarr", consolidated=False)
    (tmp_path / "p.yaml").write_text(
        f"process_graph:\n  u: {{process_id: open_zarr, arguments: {{path: {tmp_path}/u.zarr}}}}\n"
        "  h: {process_id: hat, arguments: {data: {from_node: u}}, result: true}\n"
    )

    def program(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as end:
            main(["--plugins-dir", str(mine), "--no-plugin", "scatflow-processes", *words])
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out + err

    assert program("run", str(tmp_path / "p.yaml"), "-o", str(tmp_path / "r.zarr"), "--quiet")[0] == 0
    assert "no: single-file plugins took part" in program("show", str(tmp_path / "r.zarr"), "--no-pictures")[1]
    assert "not reproducible from published software" in program("show", str(tmp_path / "r.zarr"), "--methods")[1]
    code, out = program("rerun", str(tmp_path / "r.zarr"), "--quiet")
    assert code == 0 and "equal byte by byte" in out
    (mine / "hats.py").write_text(pointwise("hat", body="blocks[0] + 2"))
    code, out = program("rerun", str(tmp_path / "r.zarr"), "--quiet")
    assert code == 2 and "OperatorVersionDiffers" in out and "--allow-drift" in out
    code, out = program("rerun", str(tmp_path / "r.zarr"), "--quiet", "--allow-drift")
    assert code == 1 and "Warning: [OperatorDrift]" in out and "local:hat recorded 1+" in out and "NOT equal" in out


def test_an_operator_of_a_file_that_is_gone(mine: Path) -> None:
    (mine / "hats.py").write_text(pointwise("hat"))
    with using(book(mine)) as made:
        attrs = extend([{}], made.find("operators", "hat")())
    with using(Registry([])), pytest.raises(GraphError, match=r"no active plugin provides it.*--plugins-dir"):
        parse(graph_of(attrs))


def test_hooks_are_marked_in_files_too(mine: Path) -> None:
    (mine / "a.py").write_text(f"{HOOK}\ndef scatflow_operators(): return {{}}\n")
    assert "not marked" in book(mine).plugins[0].reason


def test_hidden_files_are_none(tmp_path: Path) -> None:
    (tmp_path / ".hidden.py").write_text("raise SystemExit")
    (tmp_path / ".#hats.py").symlink_to("user@host.1")  # as an editor locks a file
    (tmp_path / "hats.py").write_text(pointwise("hat"))
    assert [plugin.entry for plugin in Registry([], local=tmp_path).plugins] == ["hats.py"]
