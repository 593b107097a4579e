"""Exit codes and messages: every way in which a command can end."""

from __future__ import annotations

import os
import signal
import warnings

import click
import pytest

from cli.conftest import Program
from scatflow.cli import main
from scatflow.cli.outcome import heeding
from scatflow.errors import GraphError, JobError, ParameterError, PlanError, Problem, RegistryError, ScatflowError, StoreError
from scatflow.registry.guard import Interrupted

ENDS = [
    (ParameterError("scattering.J", "too large", expected="at most 6", got=9, remedy="Take J=6."), 2),
    (GraphError([Problem("DimensionMissing", "s", "dims", "no dim 'z'")]), 2),
    (PlanError("plan", "too many tasks"), 2),
    (RegistryError("operator 'x'", "no active plugin provides it"), 2),
    (StoreError("store 'x'", "exists", code="StoreExists"), 2),
    (StoreError("store 'x'", "two regions differ", code="ChecksumDiffers"), 1),
    (ScatflowError("pictures", "matplotlib is not installed", code="DependencyMissing"), 1),
    (JobError("stage 0", "disk full", code="DiskFull"), 75),
    (JobError("stage 0", "workers died on it", code="WorkerOutOfMemory"), 75),
    (JobError("stage 0", "failed: OSError", code="RegionFailed"), 75),
    (JobError("cluster", "has no workers"), 75),
    (JobError("stage 0", "failed: DataError", code="DataInvalid"), 1),
    (JobError("source u", "changed", code="InputChanged"), 1),
    (ZeroDivisionError("division by zero"), 1),
    (Interrupted(), 75),
    # A plugin that ends the program has computed nothing, whatever it calls that.
    (KeyboardInterrupt(), 1),
    (SystemExit(0), 1),
    (SystemExit(75), 1),
    (GeneratorExit(), 1),
    (EOFError(), 1),
]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch):
    """Let a command of ours end as told."""

    def ending(error: BaseException | None, words: str = "") -> None:
        @click.command()
        def version() -> None:
            if words:
                warnings.warn(words, stacklevel=1)
            if error is not None:
                raise error

        monkeypatch.setattr(main, "_built_in", lambda name: version)

    return ending


@pytest.mark.parametrize(("error", "code"), ENDS, ids=lambda value: getattr(value, "code", None) or str(value))
def test_errors_become_messages_and_exit_codes(scatflow: Program, command, error: BaseException, code: int) -> None:
    command(error)
    found = scatflow("version")
    assert found.code == code and found.out == ""
    assert "Traceback" not in found.err and found.err.strip()


def test_messages_say_what_was_expected_what_came_and_what_to_do(scatflow: Program, command) -> None:
    command(ENDS[0][0])
    assert scatflow("version").err.splitlines() == [
        "Error: scattering.J: too large.", "    expected  at most 6", "    got       9", "    remedy    Take J=6.",
    ]  # fmt: skip


def test_every_problem_of_a_pipeline_is_shown(scatflow: Program, command) -> None:
    command(GraphError([Problem("A", "s", "dims", "one", "y", "z", "Do."), Problem("B", None, None, "two")]))
    err = scatflow("version").err
    assert "2 problems" in err and "s.dims: one  [A]" in err and "expected  y" in err and "graph: two  [B]" in err


def test_debug_shows_where(command) -> None:
    command(ENDS[0][0])
    with pytest.raises(ParameterError):
        main.main(["--debug", "version"])


def test_warnings_take_one_line(scatflow: Program, command) -> None:
    command(None, "something odd")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert scatflow("version") == (0, "", "Warning: something odd\n")


@pytest.mark.parametrize(
    "words", [["run"], ["run", "x.yaml", "--nothing"], ["plan", "x.yaml", "-p", "J"], ["nothing"], ["data", "x", "--workers", "0"]]
)
def test_wrong_usage_is_bad_input(scatflow: Program, words: list[str]) -> None:
    code, _, err = scatflow(*words)
    assert code == 2 and "Error" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_a_command(number: signal.Signals) -> None:
    def wait_for_it() -> None:
        os.kill(os.getpid(), number)
        signal.pause()

    inherited = signal.signal(number, signal.SIG_DFL)  # a shell has what it runs in the background ignore SIGINT
    try:
        with pytest.raises(Interrupted), heeding(number):
            wait_for_it()
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, inherited)


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with heeding(signal.SIGINT):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_error_whose_text_ends_the_program_is_a_failure(scatflow: Program, command) -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise SystemExit(0)

    command(Odd())
    code, _, err = scatflow("version")
    assert code == 1 and "Odd, whose text raises SystemExit" in err
