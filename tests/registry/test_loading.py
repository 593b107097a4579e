"""Plugins of every kind, good and bad: the right state and reason for each, and the good ones work whatever lies beside them."""

from __future__ import annotations

import importlib.metadata
import io
import itertools
import os
import random
import sys
import threading
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fake_plugins import BAD, GOOD, HOOK, Folder, operators, pointwise
from scatflow import ops
from scatflow.cli.catalog import catalogue
from scatflow.errors import RegistryError
from scatflow.hookspecs import hookimpl
from scatflow.registry import STATES, Plugin, Policy, Registry, using
from scatflow.registry.guard import guarded, program
from scatflow.registry.offers import RESERVED

Put = Callable[..., None]


def states(book: Registry) -> dict[str, Plugin]:
    return {f"{plugin.dist}:{plugin.entry}": plugin for plugin in book.plugins}


def only(book: Registry) -> Plugin:
    (plugin,) = book.plugins
    return plugin


@pytest.mark.parametrize("kind", BAD)
def test_state_and_reason(folder: Folder, kind: str) -> None:
    text, state, words = BAD[kind]
    folder.dist(f"bad-{kind}", text)
    plugin = only(Registry())
    assert (plugin.dist, plugin.version, plugin.entry, plugin.state) == (f"bad-{kind}", "1.0", "main", state)
    assert words in plugin.reason and "\n" not in plugin.reason and plugin.names == {} and plugin.seconds > 0


def test_every_state_is_among_those_documented(folder: Folder) -> None:
    assert {state for _, state, _ in BAD.values()} <= set(STATES)


def test_a_good_plugin_is_active_and_imports_nothing_more(folder: Folder) -> None:
    folder.dist("Good_Ops", GOOD, version="2.1")
    folder.module("good_ops.plus", pointwise("good").replace("class Good(", "class Plus("))
    book = Registry()
    plugin = only(book)
    assert (plugin.dist, plugin.state, plugin.names) == ("good-ops", "active", {"operators": ("good",)})
    assert folder.imported() == ["good_ops_plugin"]
    for name in ("good", "good-ops:good", "Good_Ops:good", "good.OPS:good"):
        assert book.find("operators", name).__name__ == "Plus"
    assert book.dist_of(book.find("operators", "good")()) == ("good-ops", "2.1")
    assert folder.imported() == ["good_ops_plugin", "good_ops", "good_ops.plus"]


#: One of each of the eight kinds that every loader has to stand.
EIGHT = ("good", "import-error", "system-exit", "new-api", "bad-signature", "mistyped", "raising", "twice")


@pytest.fixture
def eight(tmp_path: Path) -> dict[str, Folder]:
    """One folder per distribution; ``good-other`` is a second good one that every subset has."""
    folders = {}
    for kind in (*EIGHT, "other"):
        folders[kind] = Folder(tmp_path / kind)
        folders[kind].path.mkdir()
        if kind in ("good", "other"):
            folders[kind].dist(f"{kind}-ops", operators(**{kind: f'"{kind}_ops.plus:{kind.title()}"'}))
            folders[kind].module(f"{kind}_ops.plus", pointwise(kind))
        elif kind == "twice":
            for entry in ("a", "b"):
                folders[kind].module(f"twice_{entry}", operators(same='"m:Same"', **{f"own_{entry}": '"m:Own"'}))
            folders[kind].dist("twice-ops", entries={"one": "twice_a", "two": "twice_b"})
        else:
            folders[kind].dist(f"{kind}-ops", BAD[kind][0])
    return folders


def test_the_good_ones_work_in_every_subset(eight: dict[str, Folder], on_path: Put) -> None:
    expected: dict[str, tuple[str, str]] = {}
    shuffle = random.Random(0).sample
    for count in range(len(EIGHT) + 1):
        for subset in itertools.combinations(EIGHT, count):
            chosen = [eight[kind] for kind in (*subset, "other")]
            on_path(*shuffle(chosen, len(chosen)))
            book = Registry()
            found = {name: (plugin.state, plugin.reason) for name, plugin in states(book).items()}
            assert list(found) == sorted(found)
            for name, outcome in found.items():
                assert expected.setdefault(name, outcome) == outcome
            assert book.find("operators", "other").name == "other"
            assert ("good" in book.names("operators")) == ("good" in subset)
            if "good" in subset:
                assert book.find("operators", "good-ops:good").name == "good"
    assert {name: state for name, (state, _) in expected.items()} == {
        "bad-signature-ops:main": "failed:hook", "good-ops:main": "active", "import-error-ops:main": "failed:import",
        "mistyped-ops:main": "failed:hook", "new-api-ops:main": "failed:api", "other-ops:main": "active",
        "raising-ops:main": "failed:hook", "system-exit-ops:main": "failed:import", "twice-ops:one": "active", "twice-ops:two": "failed:spec",
    }  # fmt: skip


def test_the_same_name_twice_fails_the_second_and_names_both(eight: dict[str, Folder], on_path: Put) -> None:
    on_path(eight["twice"])
    book = Registry()
    assert "'same' is provided by 'one' and 'two' of twice-ops" in states(book)["twice-ops:two"].reason
    assert book.names("operators") == ("own_a", "same")  # all or nothing: not even what is its own


def test_one_entry_point_name_twice(folder: Folder) -> None:
    folder.module("first_part", operators(a='"m:A"'))
    folder.module("second_part", operators(b='"m:B"'))
    folder.dist("acme", raw="[scatflow]\nx = first_part\nx = second_part\n")
    book = Registry()
    assert [plugin.state for plugin in book.plugins] == ["active", "failed:spec"]
    assert "two entry points called 'x'" in book.plugins[1].reason


def test_one_module_named_twice(folder: Folder) -> None:
    folder.dist("acme", operators(a='"m:A"'), entries={"one": "acme_plugin", "two": "acme_plugin"})
    folder.dist("borrowing", entries={"main": "acme_plugin"})
    found = states(Registry())
    assert found["acme:one"].state == "active"
    assert found["acme:two"].state == "failed:spec" and "acme:one" in found["acme:two"].reason
    assert found["borrowing:main"].state == "failed:spec"
    assert found["borrowing:main"].reason == "borrowing names the module acme_plugin, which belongs to acme"


@pytest.mark.parametrize("how", ["files", "editable"])
def test_a_module_belongs_to_the_distribution_that_holds_it(folder: Folder, how: str) -> None:
    folder.dist("aathief", entries={"main": "good_ops_plugin"})
    editable = {"url": folder.path.as_uri(), "dir_info": {"editable": True}} if how == "editable" else None
    info = folder.dist("good-ops", operators(hat='"m:Hat"'), direct_url=editable)
    if how == "files":
        (info / "RECORD").write_text("good_ops_plugin.py,,\n")
    book = Registry()
    found = states(book)
    assert found["aathief:main"].state == "failed:spec" and "which belongs to good-ops" in found["aathief:main"].reason
    assert found["good-ops:main"].state == "active" and book.provider("operators", "hat").dist == "good-ops"


def test_a_module_that_only_one_names_may_lie_anywhere(folder: Folder) -> None:
    folder.module("core_plugin", operators(hat='"m:Hat"'))
    (folder.dist("core", raw="") / "RECORD").write_text("core_plugin.py,,\n")
    folder.dist("acme", entries={"main": "core_plugin"})
    assert only(Registry()).state == "active"


def test_entry_points_name_modules(folder: Folder) -> None:
    folder.module("acme_plugin", "class plugin:\n    pass\n")
    folder.dist("acme", entries={"main": "acme_plugin:plugin"})
    assert "names a module" in only(Registry()).reason


@pytest.mark.parametrize("value", ["", "a b", "acme_plugin:plugin:more", ":x"])
def test_entry_points_that_name_nothing(folder: Folder, value: str) -> None:
    folder.dist("acme", entries={"main": value})
    assert only(Registry()).state == "failed:import" and f"main = {value!r} names no module" in only(Registry()).reason


def test_entry_points_that_cannot_be_read_do_not_vanish(folder: Folder) -> None:
    folder.dist("fine", operators(a='"m:A"'))
    (folder.dist("latin", operators(a='"m:A"')) / "entry_points.txt").write_bytes(b"[scatflow]\n# \xe9\nmain = latin_plugin\n")
    (folder.dist("marked", operators(a='"m:A"')) / "entry_points.txt").write_bytes(
        b"\xef\xbb\xbf[scatflow]\nmain = marked_plugin\n"
    )
    for name in ("loop", "folder"):
        points = folder.dist(name, operators(a='"m:A"')) / "entry_points.txt"
        points.unlink()
        points.symlink_to(points) if name == "loop" else points.mkdir()
    found = {plugin.dist: plugin for plugin in Registry().plugins}
    assert found.pop("fine").state == "active" and len(found) == 4
    for plugin in found.values():
        assert plugin.state == "failed:import" and "entry_points.txt cannot be read" in plugin.reason, plugin


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable for root")
def test_metadata_that_may_not_be_read_do_not_vanish(folder: Folder) -> None:
    info = folder.dist("closed", operators(a='"m:A"'))
    info.chmod(0)
    try:
        assert "PermissionError" in only(Registry()).reason
    finally:
        info.chmod(0o755)


def test_metadata_that_nobody_can_read(folder: Folder) -> None:
    folder.dist("broken", raw="[scatflow]\nno equals sign\n")
    (folder.dist("nameless", operators(a='"m:A"')) / "METADATA").write_bytes(b"\xff\xfe")
    folder.dist("fine", operators(b='"m:B"'))
    found = {plugin.dist: plugin for plugin in Registry().plugins}
    assert found["broken"].state == "failed:import" and "entry_points.txt" in found["broken"].reason
    assert found["fine"].state == found["nameless"].state == "active" and found["nameless"].version == ""


def test_metadata_called_otherwise_than_their_folder(folder: Folder) -> None:
    folder.dist("acme", operators(a='"m:A"')).rename(folder.path / "other-3.0.dist-info")
    folder.dist("beta", operators(b='"m:B"'))
    assert [(plugin.dist, plugin.version, plugin.state) for plugin in Registry().plugins] == [
        ("acme", "1.0", "active"), ("beta", "1.0", "active"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["local", "scatflow", "Scatflow"])
def test_names_that_no_distribution_may_have(folder: Folder, name: str) -> None:
    folder.dist(name, operators(a='"m:A"'))
    assert only(Registry()).state == "failed:spec" and "cannot be called" in only(Registry()).reason
    assert folder.imported() == []


# What a failed plugin leaves behind -----------------------------------------------------------------------------------


def test_a_plugin_that_failed_answers_nothing(folder: Folder) -> None:
    seen = f"{HOOK}\nSEEN = []\n@hookimpl\ndef scatflow_event(event): SEEN.append(event)\n"
    folder.dist("watcher", seen)
    folder.dist("half", seen + "@hookimpl\ndef scatflow_sources(): raise ValueError\n")
    folder.dist("spec", seen + "@hookimpl\ndef scatflow_operators(): return {'hat': 'm:H', 'bad name': 'm:H'}\n")
    book = Registry()
    assert [plugin.state for plugin in book.plugins] == ["failed:hook", "failed:spec", "active"]
    assert book.names("operators") == ()
    book.notify({"event": "started"})
    assert [len(sys.modules[f"{name}_plugin"].SEEN) for name in ("watcher", "half", "spec")] == [1, 0, 0]


def test_a_program_may_let_plugins_print_aside(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.dist(
        "loud", "print('at import')\n" + HOOK + "@hookimpl\ndef scatflow_operators():\n    print('in hook')\n    return {}\n"
    )
    folder.dist("thief", "import io, sys\nsys.stdout = io.StringIO()\n")
    before = sys.stdout
    with program():
        assert [plugin.state for plugin in Registry().plugins] == ["active", "active"]
    out, err = capsys.readouterr()
    assert (out, err) == ("", "at import\nin hook\n") and sys.stdout is before


def test_standard_output_stays_with_other_threads(capsys: pytest.CaptureFixture[str]) -> None:
    """A thread that redirects it while another one loads a plugin puts back what was there before both."""
    before, inside, release = sys.stdout, threading.Event(), threading.Event()

    def stay() -> None:
        inside.set()
        release.wait()

    with program():  # of this context: the thread has its own
        thread = threading.Thread(target=guarded, args=("failed:import", stay))
        thread.start()
        inside.wait()
        with redirect_stdout(io.StringIO()):
            release.set()
            thread.join()
    assert sys.stdout is before


def test_the_working_directory_is_put_back(folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder.dist("moves", f"import os\nos.chdir({str(folder.path)!r})\n")
    folder.dist("ops", operators(hat='"ops_hats:Hat"'))
    folder.module("ops_hats", f"import os\nos.chdir({str(folder.path)!r})\n{pointwise('hat')}")
    book = Registry()
    assert Path.cwd() == tmp_path
    assert book.plugins[0].state == "failed:import" and "changes the working directory" in book.plugins[0].reason
    with pytest.raises(RegistryError, match="changes the working directory"):
        book.find("operators", "hat")
    assert Path.cwd() == tmp_path


def test_reasons_are_fit_for_a_terminal(folder: Folder) -> None:
    folder.dist("acme", "raise ValueError('\\x1b[2J red\\nline ' + 'x' * 5000)\n")
    reason = only(Registry()).reason
    assert reason.startswith("ValueError: [2J red line xxx") and len(reason) < 700 and reason.isprintable()


def test_an_interruption_goes_through(folder: Folder) -> None:
    folder.dist("slow", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        Registry()


def test_a_hook_for_a_later_contract_may_be_optional(folder: Folder) -> None:
    folder.dist("modern", operators(a='"m:A"') + "@hookimpl(optionalhook=True)\ndef scatflow_colors(): return {}\n")
    assert only(Registry()).state == "active"


def test_a_hook_may_be_called_otherwise(folder: Folder) -> None:
    folder.dist("free", f"{HOOK}\n@hookimpl(specname='scatflow_operators')\ndef offers(): return {{'hat': 'm:H'}}\n")
    assert only(Registry()).names == {"operators": ("hat",)}


def test_modules_whose_name_begins_like_a_hook_are_no_hooks(folder: Folder) -> None:
    folder.module("scatflow_helpers", "")
    folder.dist("uses", "import scatflow_helpers\n" + operators(a='"m:A"'))
    assert only(Registry()).state == "active"


# Classes that are imported on first use -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raise SystemExit(1)\n", "SystemExit: 1"), ("import no_such_thing\n", "No module named 'no_such_thing'"), ("", "has no attribute 'Hat'"),
        ("class Hat: pass\n", "provides something else"), ("Hat = 3\n", "provides something else"),
        (pointwise("cap").replace("class Cap", "class Hat"), "registers it under another name"),
        (pointwise("hat", version=0), "the version of a declaration is a positive integer"),
        (pointwise("hat") + "\nHat.version = '1'\n", "its version is '1', expected a positive integer"),
    ],
)  # fmt: skip
def test_a_class_that_cannot_be_used_is_an_error_of_its_own(folder: Folder, text: str, words: str) -> None:
    folder.dist("acme", operators(hat='"acme_hats:Hat"', cap='"acme_caps:Cap"'))
    folder.module("acme_hats", text)
    folder.module("acme_caps", pointwise("cap"))
    book = Registry()
    with pytest.raises(RegistryError, match="acme") as caught:
        book.find("operators", "hat")
    assert words in str(caught.value)
    assert book.find("operators", "cap").name == "cap"


def test_a_module_that_prints_does_not_spoil_json(folder: Folder) -> None:
    folder.dist("acme", operators(cap='"acme_caps:Cap"'))
    folder.module("acme_caps", "print('hello')\n" + pointwise("cap"))
    out = io.StringIO()
    with redirect_stdout(out), program():
        Registry().find("operators", "cap")
    assert out.getvalue() == ""


# Several providers of one name ----------------------------------------------------------------------------------------


def test_one_name_from_two_distributions_is_ambiguous_and_noted(folder: Folder) -> None:
    for name in ("acme", "beta"):
        folder.dist(name, operators(hat=f'"{name}_hats:Hat"', **{f"own_{name}": '"m:Own"'}))
        folder.module(f"{name}_hats", pointwise("hat"))
    book = Registry()
    assert [plugin.state for plugin in book.plugins] == ["active", "active"]
    assert book.plugins[0].notes == ("operator 'hat' is also provided by beta: write acme:hat",)
    assert book.plugins[1].notes == ("operator 'hat' is also provided by acme: write beta:hat",)
    with pytest.raises(RegistryError, match="acme:hat, beta:hat") as caught:
        book.find("operators", "hat")
    assert caught.value.code == "ProcessAmbiguous"
    assert book.find("operators", "beta:hat").__module__ == "beta_hats"
    with using(book), pytest.raises(AttributeError, match="expected one of acme:hat, beta:hat"):
        _ = ops.hat
    assert book.names("operators") == ("hat", "own_acme", "own_beta")
    assert [one.canonical for one in book.entries("operators")] == ["acme:hat", "beta:hat", "acme:own_acme", "beta:own_beta"]
    assert book.dist_of(book.find("operators", "beta:hat")) == ("beta", "1.0")


def test_a_broken_rival_does_not_hide_who_provides_a_class(folder: Folder) -> None:
    folder.dist("acme", operators(hat='"acme_broken:Hat"'))
    folder.dist("beta", operators(hat='"beta_hats:Hat"'))
    folder.module("acme_broken", "raise SystemExit")
    folder.module("beta_hats", pointwise("hat"))
    book = Registry()
    assert book.dist_of(book.find("operators", "beta:hat")()) == ("beta", "1.0")


def test_a_source_called_like_ours_cannot_break_reading(folder: Folder, tmp_path: Path) -> None:
    import numpy as np
    import xarray as xr

    import scatflow as sf

    xr.Dataset({"u": ("x", np.arange(4.0))}).to_zarr(tmp_path / "u.zarr", consolidated=False)
    folder.dist(
        "rival",
        f"{HOOK}\n@hookimpl\ndef scatflow_sources(): return {{'open_zarr': 'rival:Broken', 'open_netcdf': 'rival:Broken'}}\n",
    )
    with using(Registry()) as book:
        assert "source 'open_zarr' is also provided by scatflow: write rival:open_zarr" in book.plugins[0].notes
        array = sf.open_source(tmp_path / "u.zarr")
        assert array.sum() == 6 and sf.Pipeline.from_array(array).graph.nodes[0].namespace == "scatflow"


# Copies ---------------------------------------------------------------------------------------------------------------


def test_a_second_copy_is_listed_and_not_used(tmp_path: Path, on_path: Put) -> None:
    folders = [Folder(tmp_path / name) for name in ("first", "second")]
    for number, one in enumerate(folders, 1):
        one.path.mkdir()
        one.dist("acme", operators(**{f"hat_{number}": '"m:Hat"'}), version=f"{number}.0")
    for order in (folders, folders[::-1]):
        on_path(*order)
        used, other = Registry().plugins
        assert (used.state, other.state) == ("active", "shadowed")
        assert used.where == str(order[0].path) and str(order[0].path) in other.reason and str(order[1].path) in other.reason
        assert used.names == {"operators": (f"hat_{used.version[0]}",)} and other.names == {}


def test_an_equal_copy_is_silent(tmp_path: Path, on_path: Put) -> None:
    folders = [Folder(tmp_path / name) for name in ("first", "second")]
    for one in folders:
        one.path.mkdir()
        one.dist("acme", operators(hat='"m:Hat"'))
    on_path(*folders, folders[0])
    assert [plugin.state for plugin in Registry().plugins] == ["active"]


def test_a_copy_without_plugins_shadows_one_with(tmp_path: Path, on_path: Put) -> None:
    old, new = (Folder(tmp_path / name) for name in ("old", "new"))
    for one in (old, new):
        one.path.mkdir()
    old.dist("acme", version="0.9", raw="[console_scripts]\nacme = acme:main\n")
    new.dist("acme", operators(hat='"m:Hat"'), version="1.0")
    on_path(old, new)
    plugin = only(Registry())
    assert plugin.state == "shadowed" and "version 0.9" in plugin.reason and new.imported() == []


def test_of_two_copies_in_one_folder_the_newer_counts(folder: Folder) -> None:
    for version in ("1.9", "1.10"):
        folder.dist("acme", operators(hat='"m:Hat"'), version=version)
    assert [(plugin.version, plugin.state) for plugin in Registry().plugins] == [("1.10", "active"), ("1.9", "shadowed")]


# Where they come from ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "origin", "label"),
    [
        (None, "index", "1.0"),
        ({"url": "file:///x", "dir_info": {"editable": True}}, "editable", "1.0+editable"),
        ({"url": "file:///x", "dir_info": {}}, "folder", "1.0+folder"),
        ({"url": "https://x", "vcs_info": {"vcs": "git", "commit_id": "0a1b2c"}}, "git.0a1b2c", "1.0+git.0a1b2c"),
        ({"url": "https://x/a.whl", "archive_info": {}}, "archive", "1.0+archive"),
        ("{not json", "unknown", "1.0+unknown"),
        ([1], "unknown", "1.0+unknown"),
    ],
)
def test_origin_and_label(folder: Folder, record: Any, origin: str, label: str) -> None:
    folder.dist("acme", operators(hat='"m:Hat"'), direct_url=record)
    book = Registry()
    assert only(book).origin == origin and book.provider("operators", "hat").version == label


def test_entry_points_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("some_plugin")
    module.scatflow_operators = hookimpl(lambda: {"hat": "m:Hat"})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "some_plugin", module)
    book = Registry([EntryPoint("z", "some_plugin", "scatflow"), EntryPoint("a", "no_such_plugin", "scatflow")])
    assert [(plugin.dist, plugin.state) for plugin in book.plugins] == [
        ("no-such-plugin", "failed:import"),
        ("some-plugin", "active"),
    ]
    assert book.provider("operators", "hat").canonical == "some-plugin:hat"


def test_installed_entry_points_can_be_handed_over() -> None:
    book = Registry(importlib.metadata.entry_points(group="scatflow"))
    assert "wavelet" in book.names("operators") and {plugin.state for plugin in book.plugins} == {"active"}


# Strict ---------------------------------------------------------------------------------------------------------------


def test_a_strict_policy_refuses_failures_and_names_them(folder: Folder) -> None:
    folder.dist("good-ops", operators(hat='"m:Hat"'))
    folder.dist("denied-ops", BAD["import-error"][0])
    assert Registry(policy=Policy(deny=("denied-ops",), strict=True)).names("operators") == ("hat",)
    folder.dist("bad-ops", BAD["raising"][0])
    with pytest.raises(RegistryError, match="bad-ops main: failed:hook") as caught:
        Registry(policy=Policy(deny=("denied-ops",), strict=True))
    assert caught.value.code == "PluginsFailed" and "good-ops" not in str(caught.value)


# Declarations that nothing can use -------------------------------------------------------------------------------------

ODD = """
from scatflow import Pointwise
class Odd(type(Pointwise)):
    def __getattribute__(cls, name):
        if name == "aliases":
            raise SystemExit(3)
        return super().__getattribute__(name)
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("aliases=()", "aliases=None", "its aliases are None"), ("aliases=()", "aliases=(1, 2)", "its aliases are (1, 2)"),
        ("aliases=()", "aliases='ricker'", "its aliases are 'ricker'"), ("blocks[0] + 1", "blocks[0] + 1\n\nHat.version = 0", "its version is 0"),
        ("blocks[0] + 1", "blocks[0] + 1\n\nHat.version = '1'", "its version is '1'"), ("blocks[0] + 1", "blocks[0] + 1\n\nHat.version = True", "its version is True"),
        ("blocks[0] + 1", "blocks[0] + 1\n\nHat.version = 1.5", "its version is 1.5"), ("blocks[0] + 1", "blocks[0] + 1\n\nHat.version = None", "its version is None"),
        ("def apply", "__doc__ = 3\n\n    def apply", "its docstring is an object of type int"),
        ("def apply", "data: int = param(1, 'x')\n\n    def apply", "its parameter 'data'"),
        ("def apply", "labels: int = param(1, 'x')\n\n    def apply", "its parameter 'labels'"),
        ("(Pointwise)", "(Pointwise, metaclass=__import__('acme_meta').Odd)", "SystemExit: 3"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("by", ['"acme_hats:Hat"', "acme_hats.Hat"])
def test_a_declaration_that_cannot_be_used_costs_its_operator_alone(
    folder: Folder, old: str, new: str, words: str, by: str
) -> None:
    folder.module("acme_hats", pointwise("hat").replace(old, new))
    folder.module("acme_meta", ODD)
    folder.dist("acme", ("import acme_hats\n" if "." in by else "") + operators(hat=by, cap='"acme_caps:Cap"'))
    folder.module("acme_caps", pointwise("cap"))
    book = Registry()
    catalogue(book)  # works, whether or not the source tells what is wrong
    with pytest.raises(RegistryError, match="failed:spec"):
        book.find("operators", "hat")
    rows = {row["name"]: row["summary"] for row in catalogue(book)}
    assert rows["cap"] == "Adds one." and rows["hat"].startswith("unusable: ") and words in rows["hat"]
    with pytest.raises(RegistryError, match="no active plugin provides it"):
        book.provider("operators", "no_such_operator")
    assert book.find("operators", "cap").name == "cap"


@pytest.mark.parametrize("kind", ["operators", "sources"])
def test_names_that_scatflow_uses_itself_are_refused(folder: Folder, kind: str) -> None:
    import pkgutil

    import scatflow.ops
    from scatflow.accessor import Accessor
    from scatflow.graph.model import DATASET, VARIABLE

    inside = [module.name for module in pkgutil.iter_modules(scatflow.ops.__path__)]
    views = [name for name in vars(Accessor) if not name.startswith("_")]
    wanted = {DATASET, VARIABLE, *(() if kind == "sources" else (*inside, *views))}
    assert set(RESERVED[kind]) == wanted  # type: ignore[index]
    for name in wanted:
        folder.dist(f"{name}-ops", f"{HOOK}\n@hookimpl\ndef scatflow_{kind}(): return {{{name!r}: 'm:Hat'}}\n")
    folder.dist("long", f"{HOOK}\n@hookimpl\ndef scatflow_{kind}(): return {{'a' * 101: 'm:Hat'}}\n")
    assert {plugin.state for plugin in Registry().plugins} == {"failed:spec"}
