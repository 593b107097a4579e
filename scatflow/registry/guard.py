"""The wall around a plugin's code: whatever it raises becomes a value, and what it prints stays out of our output."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

#: Letters of a reason: a plugin may put anything into its errors.
_REASON = 600
_here = threading.local()
_aside_lock, _aside_depth, _stdout = threading.Lock(), 0, sys.stdout


class Failure(Exception):
    """A step that a plugin did not pass: its state, and the reason."""

    def __init__(self, state: str, reason: str) -> None:
        super().__init__(reason)
        self.state, self.reason = state, reason


def guarded(state: str, call: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a plugin's code returns; whatever else it does becomes a :class:`Failure`.

    Only an interruption by the user goes through. What it prints goes to standard error: standard output may be JSON.
    """
    try:
        with _aside():
            return call(*arguments)
    except (KeyboardInterrupt, Failure):
        raise
    except BaseException as error:
        raise Failure(state, told(error)) from error


@contextlib.contextmanager
def _aside() -> Iterator[None]:
    """Let standard output be standard error while any thread is inside; the last one that leaves puts it back."""
    global _aside_depth, _stdout
    with _aside_lock:
        if _aside_depth == 0:
            _stdout, sys.stdout = sys.stdout, sys.stderr
        _aside_depth += 1
    try:
        yield
    finally:
        with _aside_lock:
            _aside_depth -= 1
            if _aside_depth == 0:
                sys.stdout = _stdout


def told(error: BaseException) -> str:
    """Return type and text of an error on one line, even where asking for the text raises."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception as another:
        text = f"{type(error).__name__}, whose text raises {type(another).__name__}"
    words = "".join(letter if letter.isprintable() else " " for letter in text)
    words = " ".join(words.split())
    return words if len(words) <= _REASON else f"{words[:_REASON]}…"


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
