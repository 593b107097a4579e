"""The wall around a plugin's code: whatever it raises becomes a value, and what it does to the process is undone.

That is, as far as it concerns us: the working directory is put back, since relative paths would mean other places. The command
line asks for more, see :func:`program`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

#: Letters of a reason: a plugin may put anything into its errors.
_REASON = 600
_here = threading.local()
_program: ContextVar[bool] = ContextVar("program", default=False)


class Interrupted(KeyboardInterrupt):
    """The user or a scheduler stops the command line, by a signal. Any other KeyboardInterrupt was raised by somebody's code."""


class Failure(Exception):
    """A step that a plugin did not pass: its state, and the reason."""

    def __init__(self, state: str, reason: str) -> None:
        super().__init__(reason)
        self.state, self.reason = state, reason


def guarded(state: str, call: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a plugin's code returns; whatever else it does becomes a :class:`Failure`.

    Only an interruption by the user goes through.
    """
    place, ours = _directory(), _program.get()
    try:
        with contextlib.redirect_stdout(sys.stderr) if ours else contextlib.nullcontext():
            returned = call(*arguments)
    except BaseException as error:
        if isinstance(error, (Failure, Interrupted if ours else KeyboardInterrupt)):
            raise
        raise Failure(state, told(error)) from error
    finally:
        moved = place is not None and _directory() != place
        if place is not None and moved:
            os.chdir(place)
    if moved:
        raise Failure(state, f"changes the working directory, which was put back to {place}")
    return returned


def _directory() -> str | None:
    """Return the working directory, None where it has been removed."""
    try:
        return os.getcwd()
    except OSError:
        return None


@contextlib.contextmanager
def program() -> Iterator[None]:
    """Inside a ``with`` block of the command line, know more: its output may be JSON, and its user stops it by a signal.

    What plugins print then goes to standard error while they are loaded. The stream is the whole process's: where threads
    redirect it too, neither could put back what it found, so elsewhere it is left alone. And a KeyboardInterrupt that
    is not :class:`Interrupted` is a plugin's own.
    """
    token = _program.set(True)
    try:
        yield
    finally:
        _program.reset(token)


def told(error: BaseException) -> str:
    """Return type and text of an error on one line, even where asking for the text raises."""
    try:
        text = f"{_name(error)}: {error}"
    except BaseException as another:
        text = f"{_name(error)}, whose text raises {_name(another)}"
    words = "".join(letter if letter.isprintable() else " " for letter in text)
    words = " ".join(words.split()).removesuffix(":")
    return words if len(words) <= _REASON else f"{words[:_REASON]}…"


def _name(error: BaseException) -> str:
    """Return the name of an error's class without asking its metaclass."""
    name: str = type.__getattribute__(type(error), "__name__")
    return name


def loading() -> bool:
    """Tell whether this thread is inside a plugin that is being loaded."""
    return getattr(_here, "depth", 0) > 0


@contextlib.contextmanager
def marked() -> Iterator[None]:
    """Let :func:`loading` say so."""
    _here.depth = getattr(_here, "depth", 0) + 1
    try:
        yield
    finally:
        _here.depth -= 1
