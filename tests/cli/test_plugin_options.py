"""The real program beside plugins of every kind: options act before imports, listing and help survive anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import Outcome
from fake_plugins import BAD, Folder, operators, pointwise
from scatflow.cli.main import _debugging


class Installed(Folder):
    """A folder on the path of a program that runs in a process of its own."""

    def run(self, *words: object, config: str = "", cwd: Path | None = None) -> Outcome:
        environment = {**os.environ, "PYTHONPATH": str(self.path), "SCATFLOW_CONFIG": config, "COLUMNS": "200"}
        done = subprocess.run(
            [sys.executable, "-m", "scatflow.cli.main", *map(str, words)],
            env=environment, capture_output=True, text=True, check=False, timeout=120, cwd=cwd or self.path.parent,
        )  # fmt: skip
        return Outcome(done.returncode, done.stdout, done.stderr)

    def listed(self, *words: object, **more: str) -> dict[str, str]:
        """Return dist -> state of the fake plugins."""
        found = json.loads(self.run(*words, "plugins", "--json", **more).out)  # type: ignore[arg-type]
        return {plugin["dist"]: plugin["state"] for plugin in found if not plugin["dist"].startswith("scatflow-")}


@pytest.fixture
def site(tmp_path: Path) -> Installed:
    """Two good plugins, one of them with a command, and one that prints and fails."""
    made = Installed(tmp_path / "site")
    made.path.mkdir()
    made.dist("acme", operators(hat='"acme_ops.hats:Hat"'), version="2.1")
    made.module("acme_ops.hats", pointwise("hat", summary="A hat.", aliases=("sombrero",)))
    made.dist("beta", (
        "import click\nfrom scatflow.hookspecs import hookimpl, renamed\n\n@click.command()\n@click.option('--json', is_flag=True)\n"
        "def greet(json):\n    click.echo('hello')\n\n@hookimpl\ndef scatflow_commands():\n"
        "    return {'greet': greet, 'plugins': greet, 'salute': renamed('greet')}\n"
    ))  # fmt: skip
    made.dist("broken", "print('loud')\n" + BAD["import-error"][0])
    return made


@pytest.fixture
def deadly(site: Installed) -> Installed:
    """The same beside a plugin that ends the process that imports it."""
    site.dist("deadly", "import os\nos._exit(9)\n")
    return site


def test_plugins_survives_everything_and_its_json_is_clean(deadly: Installed) -> None:
    code, out, err = deadly.run("plugins")
    assert code == 0 and "failed:import" in out and "exit code 9" in out and "No module named 'no_such_module_anywhere'" in out
    assert "command 'plugins' is also provided by scatflow: write beta:plugins" in out and "loud" in err
    assert deadly.listed() == {"acme": "active", "beta": "active", "broken": "failed:import", "deadly": "failed:import"}


def test_help_and_version_import_no_plugin(deadly: Installed) -> None:
    for words in (["--help"], ["version"], ["--no-plugins", "--help"], ["run", "--help"], ["--strict-plugins", "version"]):
        assert deadly.run(*words).code == 0
    assert deadly.imported() == []


def test_ops_imports_no_operator(site: Installed) -> None:
    code, out, err = site.run("ops")
    assert code == 0 and "A hat. (also: sombrero)" in out and "loud" in err
    assert site.imported() == ["acme_plugin", "beta_plugin", "broken_plugin"]
    assert json.loads(site.run("ops", "--json").out)[-1]["kind"] == "filters"
    assert site.run("ops", "sombrero").out.count("A hat.") == 1
    code, _, err = site.run("ops", "hta")
    assert code == 2 and "Did you mean 'hat'" in err and "broken is failed:import" in err
    assert "acme_ops.hats" not in site.imported()
    assert "acme:hat: operator" in site.run("ops", "hat").out and "acme_ops.hats" in site.imported()


def test_one_distribution_is_left_out(deadly: Installed) -> None:
    code, out, err = deadly.run("--no-plugin", "Deadly", "--no-plugin", "broken", "ops")
    assert code == 0 and "A hat." in out and "loud" not in err
    assert "deadly_plugin" not in deadly.imported() and "broken_plugin" not in deadly.imported()
    assert deadly.listed("--no-plugin", "deadly", "--no-plugin=acme") == {
        "acme": "blocked", "beta": "active", "broken": "failed:import", "deadly": "blocked",
    }  # fmt: skip
    code, _, err = deadly.run("--no-plugin", "deadly", "--no-plugin", "acme", "ops", "acme:hat")
    assert code == 2 and "Plugin acme is blocked (left out of this run)." in err


def test_a_misspelt_distribution_is_an_error(deadly: Installed) -> None:
    code, _, err = deadly.run("--no-plugin", "dedly", "ops")
    assert code == 2 and "Did you mean 'deadly'?" in err and deadly.imported() == []
    assert deadly.run("--no-plugin", "dead*", "ops").code == 2


def test_all_plugins_are_left_out(deadly: Installed) -> None:
    code, out, _ = deadly.run("--no-plugins", "ops")
    assert code == 0 and "open_zarr" in out and "A hat." not in out and "scattering" not in out
    assert set(deadly.listed("--no-plugins").values()) == {"blocked"} and deadly.imported() == []
    code, _, err = deadly.run("--no-plugins", "ops", "scattering")
    assert code == 2 and "scatflow-scattering would provide it" in err and "pip install" not in err
    code, _, err = deadly.run("--no-plugins", "greet")
    assert code == 2 and "No such command 'greet'" in err


def test_strict_fails_where_a_plugin_fails(site: Installed) -> None:
    code, out, err = site.run("--strict-plugins", "plugins")
    assert code == 1 and "failed:import" in out and "acme" in out and "broken main: failed:import" in err
    assert site.run("--strict-plugins", "--no-plugin", "broken", "plugins").code == 0
    code, out, err = site.run("--strict-plugins", "ops")
    assert (code, out) == (1, "") and "broken main: failed:import" in err and "Traceback" not in err
    assert site.run("--strict-plugins", "--no-plugin", "broken", "ops").code == 0


def test_commands_of_plugins(site: Installed) -> None:
    assert site.run("greet").out == "hello\n" == site.run("beta:greet").out == site.run("beta:plugins").out
    code, out, err = site.run("salute")
    assert (code, out) == (0, "hello\n") and "Warning: command 'salute' of beta is called 'greet' now." in err
    code, _, err = site.run("gret")
    assert code == 2 and "Did you mean 'greet'?" in err
    assert "It is no command: scatflow ops hat describes it." in site.run("hat").err


def test_one_operator_from_two_distributions(site: Installed) -> None:
    site.dist("gamma", operators(hat='"gamma_hats:Hat"'))
    site.module("gamma_hats", pointwise("hat", summary="Another hat."))
    out = site.run("ops").out
    assert "A hat." in out and "Another hat." in out
    code, _, err = site.run("ops", "hat")
    assert code == 2 and "acme:hat, gamma:hat" in err and "canonical" in err
    assert "gamma:hat: operator" in site.run("ops", "gamma:hat").out


def test_one_command_from_two_distributions(site: Installed) -> None:
    site.dist("gamma", (
        "import click\nfrom scatflow.hookspecs import hookimpl\n\n@hookimpl\ndef scatflow_commands():\n"
        "    return {'greet': click.Command('greet', callback=lambda: click.echo('gamma'))}\n"
    ))  # fmt: skip
    code, _, err = site.run("greet")
    assert code == 2 and "beta:greet, gamma:greet" in err
    assert site.run("gamma:greet").out == "gamma\n"


@pytest.mark.parametrize(
    ("method", "words"),
    [("apply", "a kernel: ends the program"), ("output", "scatflow run: is ended by code of a plugin")],
)
def test_a_plugin_cannot_make_a_command_look_complete(site: Installed, tmp_path: Path, method: str, words: str) -> None:
    import numpy as np
    import xarray as xr

    xr.Dataset({"u": ("x", np.arange(4.0))}).to_zarr(tmp_path / "u.zarr", consolidated=False)
    site.dist("leaves", operators(leaf='"leaves_ops:Leaf"'))
    site.module("leaves_ops", pointwise("leaf", body="exit(0)").replace("apply(self, xp", f"{method}(self"))
    (tmp_path / "p.yaml").write_text(
        "process_graph:\n  u: {process_id: open_zarr, arguments: {path: u.zarr}}\n"
        "  leaf: {process_id: leaf, arguments: {data: {from_node: u}}, result: true}\n"
    )
    code, out, err = site.run("run", "p.yaml")
    assert (code, out) == (1, "") and words in err and "SystemExit: 0" in err


def test_a_plugins_own_command_ends_as_it_likes(site: Installed) -> None:
    site.dist("gamma", (
        "import sys, click\nfrom scatflow.hookspecs import hookimpl\n\n@hookimpl\ndef scatflow_commands():\n"
        "    return {'leave': click.Command('leave', callback=lambda: sys.exit(3))}\n"
    ))  # fmt: skip
    assert site.run("leave").code == 3


def test_a_plugin_that_interrupts_fails_alone(site: Installed) -> None:
    site.dist("gamma", "raise KeyboardInterrupt\n")
    site.dist("delta", operators(cap='"delta_ops:Cap"'))
    site.module("delta_ops", "raise KeyboardInterrupt\n" + pointwise("cap").replace("version=1", "version=int(1)"))
    code, out, _ = site.run("ops")
    assert code == 0 and "unusable: delta_ops:Cap cannot be imported (KeyboardInterrupt)" in out
    code, _, err = site.run("--strict-plugins", "ops")
    assert code == 1 and "gamma main: failed:import (KeyboardInterrupt)" in err


def test_a_plugin_cannot_redirect_results(site: Installed, tmp_path: Path) -> None:
    import numpy as np
    import xarray as xr

    xr.Dataset({"u": ("x", np.arange(4.0))}).to_zarr(tmp_path / "u.zarr", consolidated=False)
    (tmp_path / "elsewhere").mkdir()
    site.dist("moves", f"import os\nos.chdir({str(tmp_path / 'elsewhere')!r})\n")
    (tmp_path / "p.yaml").write_text(
        "process_graph:\n  u: {process_id: open_zarr, arguments: {path: u.zarr}}\n"
        "  hat: {process_id: hat, arguments: {data: {from_node: u}}, result: true}\n"
    )
    assert site.run("run", "p.yaml", "-o", "out.zarr").out == "out.zarr: complete\n"
    assert (tmp_path / "out.zarr").is_dir() and not list((tmp_path / "elsewhere").iterdir())
    assert f"changes the working directory, which was put back to {tmp_path}" in site.run("plugins").out


def test_a_folder_of_single_files(site: Installed, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "my-own.py").write_text(pointwise("own", summary="My own."))
    (mine / "_draft.py").write_text("raise SystemExit")
    assert site.listed("--plugins-dir", mine)["local"] == "active"
    assert "My own." in site.run("--plugins-dir", mine, "ops").out
    assert "local:own: operator (pointwise), version 1" in site.run("--plugins-dir", "mine", "ops", "own").out
    assert site.listed("--plugins-dir", mine, "--no-plugin", "local")["local"] == "blocked"
    code, _, err = site.run("--plugins-dir", "", "plugins", cwd=mine)  # such as a variable that is not set
    assert code == 2 and "'--plugins-dir': the name of the folder is empty" in err
    code, _, err = site.run("--plugins-dir", "nowhere", "plugins")
    assert code == 2 and "plugin folder 'nowhere': is not there" in err


def test_the_settings_decide_and_options_add(site: Installed, tmp_path: Path) -> None:
    config = tmp_path / "scatflow.toml"
    config.write_text('[plugins]\nallow = ["acme>=2", "beta"]\ndisable = ["beta"]\nstrict = true\n')
    assert site.listed(config=str(config)) == {"acme": "active", "beta": "blocked", "broken": "denied"}
    assert site.run("plugins", config=str(config)).code == 0
    assert site.listed("--no-plugin", "acme", config=str(config))["acme"] == "blocked"
    assert site.imported().count("broken_plugin") == 0 == site.imported().count("beta_plugin")
    config.write_text('[plugins]\nalow = ["*"]\n')
    for words in (["plugins"], ["ops"], ["--no-plugins", "ops"]):
        code, out, err = site.run(*words, config=str(config))
        assert (code, out) == (2, "") and f"{config}, plugins.alow: unknown key" in err
    assert site.run("version", config=str(config)).code == 0
    code, _, err = site.run("plugins", config="scatflow.toml")
    assert code == 2 and "absolute path" in err


def test_a_folder_that_is_worked_in_decides_nothing(site: Installed, tmp_path: Path) -> None:
    for name in ("scatflow.toml", ".config/scatflow/scatflow.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('[plugins]\nallow = []\ndir = "."\n')
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'done')!r}, 'w')")
    assert site.listed()["acme"] == "active" and not (tmp_path / "done").exists()


@pytest.mark.parametrize(
    ("words", "debug"),
    [
        (["--debug", "run"], True), (["run", "--debug"], False), (["--no-plugin", "acme", "--debug", "run"], True),
        (["--no-plugin=acme", "--debug", "run"], True), (["--no-plugin", "--debug", "run"], False), (["--plugins-dir", "d", "--debug"], True),
        (["--no-plugins", "run", "--debug"], False), (["--", "--debug"], False), ([], False), (["--no-plugin"], False),
    ],
)  # fmt: skip
def test_debug_is_the_groups_own_option(words: list[str], debug: bool) -> None:
    assert _debugging(words) is debug


def test_debug_beside_other_options_shows_the_traceback(site: Installed) -> None:
    code, _, err = site.run("--no-plugin", "broken", "--debug", "ops", "no_such_operator")
    assert code == 1 and "Traceback" in err


def test_what_is_left_out_is_told_where_only_a_mention_is_found(site: Installed) -> None:
    site.dist("gamma", operators(mexican_hat='"gamma_ops:MexicanHat"', thatch='"gamma_ops:Thatch"'))
    site.module("gamma_ops", pointwise("mexican_hat") + pointwise("thatch", summary="So that it is found."))
    code, out, err = site.run("--no-plugin", "acme", "ops", "hat")
    assert code == 0 and "mexican_hat" in out and "thatch" not in out and "drop_labels" not in out
    assert "Nothing is called 'hat'; listed is what mentions it. Plugin acme is blocked (left out of this run)." in err


def test_an_old_command_is_told_once(site: Installed) -> None:
    code, out, err = site.run("salute")
    assert (code, out) == (0, "hello\n") and err.count("command 'salute' of beta is called 'greet' now.") == 1


def test_an_option_behind_the_command_is_told_where_it_stands(site: Installed) -> None:
    code, _, err = site.run("plugins", "--no-plugins")
    assert code == 2 and "It stands before the command: scatflow --no-plugins ..." in err
    code, _, err = site.run("plugins", "--nothing")
    assert code == 2 and "before the command" not in err


def test_numbers_that_json_does_not_have_are_described(site: Installed) -> None:
    wide = pointwise("wide").replace("    def apply", "    most: float = param(float('inf'), 'Limit.')\n\n    def apply")
    site.module("gamma_ops", wide)
    site.dist("gamma", operators(wide='"gamma_ops:Wide"'))
    assert json.loads(site.run("ops", "wide", "--json").out)["parameters"]["most"]["default"] == "Infinity"
    assert 'default "Infinity"' in site.run("ops", "wide").out


def test_check_passes_nothing_that_it_did_not_check(site: Installed) -> None:
    """A kernel that ends the program fails alone, one that prints leaves JSON, and a half that cannot be loaded is a failure."""
    site.module("gamma_a", operators(leaf='"gamma_ops:Leaf"', loud='"gamma_ops:Loud"'))
    site.module("gamma_b", "raise OSError('half')\n")
    site.module("gamma_ops", pointwise("leaf", body="exit(0)") + pointwise("loud", body="print('la') or blocks[0] + 1"))
    site.dist("gamma", entries={"a": "gamma_a", "b": "gamma_b"})
    code, out, err = site.run("check", "gamma", "--only", "purity", "--only", "examples", "--json")
    reports = {report["operator"]: report for report in json.loads(out)}
    assert code == 1 and "la" in err and list(reports) == ["gamma:leaf", "gamma:loud", "gamma b"]
    assert [report["passed"] for report in reports.values()] == [False, True, False]
    assert "SystemExit: 0" in str(reports["gamma:leaf"]) and "failed:import; got OSError: half" in str(reports["gamma b"])
    assert site.run("check", "gamma:loud", "--only", "purity").code == 0
    code, _, err = site.run("check", "gamma:loud", "--only", "purty")
    assert code == 2 and "there is no check 'purty'" in err
