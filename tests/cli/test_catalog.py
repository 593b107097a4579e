"""What is installed: operators, plugins, commands, and what is told when some of it is broken."""

from __future__ import annotations

import json
import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import click
import pytest

from cli.conftest import Program
from scatflow import __version__
from scatflow.cli.main import COMMANDS
from scatflow.hookspecs import hookimpl
from scatflow.registry import Registry, using


def test_version(scatflow: Program) -> None:
    assert scatflow("version") == (0, f"{__version__}\n", "")


def test_help_lists_every_command_and_the_exit_codes(scatflow: Program) -> None:
    code, out, _ = scatflow("--help")
    assert code == 0 and all(name in out for name in COMMANDS) and "75 incomplete and resumable" in out


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help(scatflow: Program, name: str) -> None:
    code, out, _ = scatflow(name, "--help")
    assert code == 0 and out.startswith(f"Usage: scatflow {name}")


def test_a_misspelt_command_is_answered_with_the_nearest(scatflow: Program) -> None:
    code, _, err = scatflow("pluins")
    assert code == 2 and "Did you mean 'plugins'" in err


def test_catalogue_lists_operators_and_sources(scatflow: Program) -> None:
    code, out, _ = scatflow("ops")
    assert code == 0
    assert "toy_smooth" in out and "Mean over 2·radius + 1 samples" in out and "toy_noise" in out and "open_zarr" in out
    rows = json.loads(scatflow("ops", "--json").out)
    assert {
        "name": "toy_flip",
        "kind": "operator",
        "provider": "toy-plugin",
        "summary": "Reverse a whole axis.",
        "aliases": [],
    } in rows


def test_one_operator_is_described_from_its_declaration(scatflow: Program) -> None:
    code, out, _ = scatflow("ops", "toy_smooth")
    assert code == 0
    for words in (
        "toy-plugin:toy_smooth: operator (window), version 1",
        "(y?,x)->(y?,x)",
        "≥ 0 ≤ 1000",
        "[sample]",
        "default 2",
        "Half-width of the window.",
    ):
        assert words in out
    # What the author declared comes before what all operators share.
    assert out.index("radius") < out.index("min_valid")


def test_description_as_json_serves_forms(scatflow: Program) -> None:
    found = json.loads(scatflow("ops", "toy-plugin:toy_every", "--json").out)
    assert found["id"] == "toy-plugin:toy_every" and found["signature"] == "()->()" and found["inputs"] == ["data"]
    assert found["parameters"]["dim"]["required"] and not found["parameters"]["step"]["required"]
    assert found["parameters"]["step"] == {"default": 2, "description": "Step.", "minimum": 1, "type": "integer", "required": False}


def test_a_source_is_described_too(scatflow: Program) -> None:
    assert "toy_noise: source" in scatflow("ops", "toy_noise").out


def test_a_word_finds_what_mentions_it(scatflow: Program) -> None:
    code, out, _ = scatflow("ops", "quotient")
    assert code == 0 and "toy_divide" in out and "toy_flip" not in out


def test_an_unknown_name_is_answered_with_a_remedy(scatflow: Program) -> None:
    code, out, err = scatflow("ops", "toy_smoth")
    assert (code, out) == (2, "") and "toy_smooth" in err and "remedy" in err
    assert "pip install scatflow-scattering" in scatflow("ops", "scattering").err


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch):
    """Add a plugin that cannot be imported, and one whose operator cannot."""
    module = ModuleType("half_broken")
    module.scatflow_operators = hookimpl(lambda: {"lost": "no_such_module:Lost"})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "half_broken", module)
    points = [("broken", "no_such_plugin"), ("half", "half_broken"), ("toys", "toy_plugin")]
    with using(Registry([EntryPoint(name, value, "scatflow") for name, value in points])) as book:
        yield book


def test_plugins_lists_the_broken_ones_with_the_reason(scatflow: Program, broken: Registry) -> None:
    code, out, _ = scatflow("plugins")
    assert code == 0 and "failed:import" in out and "No module named 'no_such_plugin'" in out and "toy_smooth" in out
    found = {plugin["dist"]: plugin for plugin in json.loads(scatflow("plugins", "--json").out)}
    assert found["no-such-plugin"]["state"] == "failed:import" and found["toy-plugin"]["state"] == "active"


def test_a_broken_operator_does_not_hide_the_others(scatflow: Program, broken: Registry) -> None:
    code, out, _ = scatflow("ops")
    assert code == 0 and "toy_flip" in out and "unusable: no_such_module:Lost cannot be imported" in out
    code, _, err = scatflow("ops", "lost")
    assert code == 2 and "cannot be imported" in err


def test_no_plugin_at_all(scatflow: Program) -> None:
    with using(Registry([])):
        assert "scatflow[all]" in scatflow("plugins").out


@pytest.fixture
def adding(monkeypatch: pytest.MonkeyPatch):
    """Add a plugin with a command of its own, one that is no command, and one that would replace ours."""

    @click.command()
    @click.argument("word")
    def greet(word: str) -> None:
        """Greet."""
        click.echo(f"hello {word}")

    module = ModuleType("adding")
    module.scatflow_commands = hookimpl(lambda: {"greet": greet, "odd": "json:dumps", "plugins": greet})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "adding", module)
    with using(Registry([EntryPoint("adding", "adding", "scatflow")])) as book:
        yield book


def test_plugins_add_commands_and_replace_none(scatflow: Program, adding: Registry) -> None:
    assert scatflow("greet", "you").out == "hello you\n"
    assert "greet, odd, plugins" in scatflow("plugins").out
    code, _, err = scatflow("odd")
    assert code == 2 and "provides something else" in err
