"""Every hook: called as documented, documented as it is, and tested here under its name."""

from __future__ import annotations

import inspect
import logging
import re
import sys
from pathlib import Path

import click
import pytest

from fake_plugins import HOOK, Folder, operators, pointwise
from scatflow import hookspecs
from scatflow.hookspecs import Renamed, renamed
from scatflow.registry import STATES, Registry
from scatflow.registry.loader import HOOKS
from scatflow.registry.offers import Misfit, offer
from scatflow.settings import PluginSettings

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()


def test_there_are_five_hooks() -> None:
    assert sorted(HOOKS) == ["scatflow_commands", "scatflow_event", "scatflow_filters", "scatflow_operators", "scatflow_sources"]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_its_arguments(hook: str) -> None:
    arguments = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert f"\n`{hook}({arguments})`\n: " in PAGE
    assert inspect.getdoc(getattr(hookspecs, hook))


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_test(hook: str) -> None:
    assert callable(globals()[f"test_{hook}"])


def test_the_page_names_every_state_option_and_setting() -> None:
    from scatflow.cli.main import cli

    assert re.findall(r"^\| `(\w+(?::\w+)?)` \| ", PAGE.partition("## For one run")[0], re.MULTILINE) == list(STATES)
    options = [option.opts[0] for option in cli.params if option.opts[0] != "--debug"]
    assert re.findall(r"^\| `(--[a-z-]+)", PAGE, re.MULTILINE) == options
    settings = PAGE.partition("## For every run")[2].partition("## Trust")[0]
    assert re.findall(r"^\| `(\w+)` \| ", settings, re.MULTILINE) == list(inspect.signature(PluginSettings).parameters)


def test_scatflow_operators(folder: Folder) -> None:
    folder.dist("acme", pointwise("hat") + operators(hat="Hat", cap='"acme_caps:Cap"'))
    folder.module("acme_caps", pointwise("cap"))
    book = Registry()
    assert [book.find("operators", name).__name__ for name in book.names("operators")] == ["Cap", "Hat"]


def test_scatflow_sources(folder: Folder) -> None:
    folder.dist("acme", (
        f"{HOOK}\nfrom scatflow import Source, source\n@source('waves', version=1)\nclass Waves(Source): pass\n"
        "@hookimpl\ndef scatflow_sources(): return {'waves': Waves}\n"
    ))  # fmt: skip
    assert Registry().find("sources", "acme:waves").name == "waves"


def test_scatflow_filters(folder: Folder) -> None:
    folder.dist("acme", (
        f"{HOOK}\nfrom scatflow.contract import FilterFamily, family\n@family('comb', version=1)\nclass Comb(FilterFamily): pass\n"
        "@hookimpl\ndef scatflow_filters(): return {'comb': Comb, 'kamm': renamed('comb')}\n"
    ))  # fmt: skip
    book = Registry()
    assert book.find("filters", "comb") is book.find("filters", "kamm") and book.names("filters") == ("comb",)


def test_families_may_be_named_after_a_release_and_nothing_else_may(folder: Folder) -> None:
    folder.dist("acme", (
        f"{HOOK}\nfrom scatflow.contract import FilterFamily, family\n@family('comb-0.3', version=1)\nclass Comb(FilterFamily): pass\n"
        "@hookimpl\ndef scatflow_filters(): return {'comb-0.3': Comb}\n"
    ))  # fmt: skip
    assert Registry().find("filters", "acme:comb-0.3").name == "comb-0.3"
    for kind, name in (("operators", "comb-0.3"), ("filters", "comb-"), ("filters", "0.3"), ("filters", "comb..3")):
        with pytest.raises(Misfit, match="expected"):
            offer(kind, name, "acme_plugin:Comb")


def test_scatflow_commands(folder: Folder) -> None:
    folder.dist("acme", (
        f"{HOOK}\nimport click\ngreet = click.Command('greet')\n"
        "@hookimpl\ndef scatflow_commands(): return {'greet': greet, 'later': 'acme_plugin:greet', 'odd': 'json:dumps'}\n"
    ))  # fmt: skip
    book = Registry()
    assert isinstance(book.find("commands", "greet"), click.Command) and book.find("commands", "later") is book.find(
        "commands", "greet"
    )
    with pytest.raises(LookupError, match="expected a click command"):
        book.find("commands", "odd")


def test_scatflow_event(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    """Observers are told in order; what one of them raises is logged, and the next is told all the same."""
    seen = f"{HOOK}\nSEEN = []\n@hookimpl\ndef scatflow_event(event):\n    SEEN.append(event['event'])\n"
    for name, end in (
        ("a", "raise ValueError('a')"),
        ("b", "raise SystemExit(3)"),
        ("c", "raise GeneratorExit"),
        ("d", "event['x']"),
        ("e", "pass"),
    ):
        folder.dist(name, f"{seen}    {end}\n")
    folder.dist("f", f"{HOOK}\nSEEN = []\n@hookimpl\ndef scatflow_event():\n    SEEN.append('told')\n")
    book = Registry()
    with caplog.at_level(logging.WARNING, logger="scatflow"):
        book.notify({"event": "started"})
    assert [sys.modules[f"{name}_plugin"].SEEN for name in "abcdef"] == [["started"]] * 5 + [["told"]]
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 4 and {text.split()[1] for text in told} == {"a:main", "b:main", "c:main", "d:main"}
    assert any("SystemExit: 3" in text for text in told)


def test_what_an_observer_does_to_an_event_does_not_reach_the_next(folder: Folder) -> None:
    seen = f"{HOOK}\nSEEN = []\n@hookimpl\ndef scatflow_event(event):\n    SEEN.append(dict(event))\n    event.clear()\n"
    for name in ("a", "b"):
        folder.dist(name, seen)
    event = {"event": "started", "done": 0}
    Registry().notify(event)
    assert event == {"event": "started", "done": 0}
    assert [sys.modules[f"{name}_plugin"].SEEN for name in "ab"] == [[event]] * 2


def test_an_observer_may_be_interrupted(folder: Folder) -> None:
    folder.dist("acme", f"{HOOK}\n@hookimpl\ndef scatflow_event(event): raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        Registry().notify({"event": "started"})


def test_a_renamed_name_is_a_value() -> None:
    assert renamed("hat") == Renamed("hat") and hash(renamed("hat")) == hash(Renamed("hat"))
    with pytest.raises(AttributeError):
        renamed("hat").to = "cap"  # type: ignore[misc]
