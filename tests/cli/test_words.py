"""Values on the command line, words on the screen."""

from __future__ import annotations

import doctest
from types import ModuleType
from typing import Any

import click
import pytest

from scatflow.cli import progress, screen, words
from scatflow.cli.progress import LOG_SECONDS, Log, Pace
from scatflow.cli.words import lengths, pairs


@pytest.mark.parametrize("module", [progress, screen, words])
def test_examples_in_docstrings(module: ModuleType) -> None:
    outcome = doctest.testmod(module)
    assert outcome.attempted and not outcome.failed


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("J=6", 6),
        ("nu=2e-3", 0.002),
        ("nu=5.E-4", 0.0005),
        ("variable=u", "u"),
        ("flag=true", True),
        ("T=null", None),
        ("T=", None),
        ("dims=[y, x]", ["y", "x"]),
        ("Q=[8, 1]", [8, 1]),
        ("paths={order: 2}", {"order": 2}),
        ("path=/data/a=b.zarr", "/data/a=b.zarr"),
        ("when=2008-10-10", "2008-10-10"),
        ("name=no", "no"),
        ("name='6'", "6"),
        ("name=nan", "nan"),
        ("name=1_000", "1_000"),
    ],
)
def test_values_are_yaml_as_in_pipeline_files(word: str, value: Any) -> None:
    (found,) = pairs([word]).values()
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "bad", [["J"], ["=6"], ["J=[1"], ["J=1", "J=2"], ["J=1\nK: 2"], ["J=!!python/object:os.system x"], ["J=.inf"]]
)
def test_other_words_are_refused(bad: list[str]) -> None:
    with pytest.raises(click.BadParameter):
        pairs(bad)


@pytest.mark.parametrize("bad", ["time=0", "time=-1", "time=1.5", "time=x", "time=true", "time=[1]"])
def test_lengths_are_positive_integers(bad: str) -> None:
    assert lengths(["time=4"]) == {"time": 4}
    with pytest.raises(click.BadParameter, match="positive integer"):
        lengths([bad])


class Clock:
    """Time that stands still until it is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_rate_and_time_left_ignore_what_an_earlier_run_did() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert str(pace) == ""
    pace.update(90, 100)
    clock.now += 2.0
    pace.update(94, 100)
    assert pace.rate == 2.0 and str(pace) == "2/s, 3 s left"
    pace.update(100, 100)
    assert str(pace) == "5/s"


def test_slow_regions_are_told_in_seconds_each() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.update(0, 10)
    clock.now += 90.0
    pace.update(1, 10)
    assert str(pace) == "90 s each, 13 min 30 s left"


def test_a_log_gets_a_line_now_and_then() -> None:
    clock, lines = Clock(), []
    log = Log(lambda line, err: lines.append(line), clock)
    log.observe({"event": "started", "done": 0, "total": 100})
    for done in range(1, 100):
        clock.now += LOG_SECONDS / 10
        log.observe({"event": "region", "stage": "smooth", "done": done, "total": 100})
    log.observe({"event": "finished", "done": 100, "total": 100})
    assert lines[0] == "started: 0 of 100 regions"
    assert lines[1] == "smooth: 10 of 100 regions, 3 s each, 4 min 30 s left"
    assert lines[-1].startswith("finished: 100 of 100 regions")
    assert len(lines) == 11


def test_the_bar_on_a_terminal_shows_pace(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    def terminal(stderr: bool = False) -> Console:
        return Console(stderr=stderr, force_terminal=True, width=100, color_system=None)

    monkeypatch.setattr(screen, "console", terminal)
    with progress.progress() as observe:
        assert observe is not None
        observe({"event": "started", "done": 0, "total": 4})
        observe({"event": "region", "stage": "smooth", "done": 4, "total": 4})
    shown = capsys.readouterr().err
    assert "4/4" in shown and "smooth" in shown
    with progress.progress(quiet=True) as observe:
        assert observe is None
