"""How a command ends: exit codes, errors as message, expected, got and remedy, warnings in one line."""

from __future__ import annotations

import contextlib
import signal
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import Any

import click

from scatflow.errors import GraphError, JobError, Problem, ScatflowError
from scatflow.registry.guard import Interrupted, told

#: Exit codes: complete, failed, bad input, incomplete and resumable.
OK, FAILED, BAD_INPUT, RESUMABLE = 0, 1, 2, 75
#: Job errors whose cause lies outside pipeline and data, so that the same command may well go on later. All others,
#: such as data that an operator refuses, would stop at the same place again, and a queue must not try for ever.
_OUTSIDE = frozenset({"JobFailed", "RegionFailed", "DiskFull", "WorkerOutOfMemory", "WorkersLost"})
#: Errors that are no mistake of the caller.
_FAILURES = frozenset({"ChecksumDiffers", "DependencyMissing", "PluginsFailed", "ProgramEnded"})


@contextlib.contextmanager
def heeding(number: signal.Signals) -> Iterator[None]:
    """Let a signal raise :class:`Interrupted`, unless it is ignored or this is not the main thread."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    before = signal.getsignal(number)
    try:
        if before is not signal.SIG_IGN:  # as a shell decides for what runs in the background
            signal.signal(number, interrupt)
    except ValueError:  # not the main thread: whoever runs us there owns the signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(number, before)


def ended(command: str | None, error: BaseException) -> ScatflowError:
    """Return the error that stands for code which ends the program instead of raising one: nothing is complete then."""
    return ScatflowError(f"scatflow {command or ''}".strip(), "is ended by code of a plugin", got=told(error),
                         expected="an error, where something fails", code="ProgramEnded",
                         remedy="--debug before the command shows where.")  # fmt: skip


def explained(error: BaseException) -> int:
    """Print an error for people and return the exit code that stands for it; never a traceback."""
    if not isinstance(error, ScatflowError):
        click.echo(f"Error: {_text(error)}\n  --debug before the command shows where.", err=True)
        return FAILED
    click.echo("\n".join(lines(error)), err=True)
    if isinstance(error, JobError):
        return RESUMABLE if error.code in _OUTSIDE else FAILED
    return FAILED if error.code in _FAILURES else BAD_INPUT


def _text(error: BaseException) -> str:
    """Return type and text of an error, even where asking for the text raises."""
    try:
        return f"{type(error).__name__}: {error}"
    except BaseException:
        return told(error)


def lines(error: ScatflowError) -> list[str]:
    """Return the message with expected, got and remedy on lines of their own; of a graph every finding."""
    if isinstance(error, GraphError):
        count = len(error.problems)
        found = [f"Error: the pipeline has {count} problem{'s' if count != 1 else ''}"]
        return found + [line for problem in error.problems for line in _problem(problem)]
    return [f"Error: {error.subject}: {error.rule}.", *_details(error.expected, error.got, error.remedy)]


def _problem(problem: Problem) -> list[str]:
    place = ".".join(part for part in (problem.node, problem.argument) if part) or "graph"
    return ["", f"  {place}: {problem.message}  [{problem.code}]", *_details(problem.expected, problem.got, problem.remedy)]


def _details(expected: Any, got: Any, remedy: str | None) -> list[str]:
    parts = {"expected": expected, "got": got, "remedy": remedy}
    return [f"    {name:<9} {value}" for name, value in parts.items() if value is not None]


@contextlib.contextmanager
def short_warnings(debug: bool) -> Iterator[None]:
    """Print warnings as one line of text, without file and source line, unless debugging."""
    if debug:
        yield
        return

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        click.echo(f"Warning: {message}", err=True)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
