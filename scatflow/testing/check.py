"""One check of the conformance kit: its name, its group, when it applies, and what it asserts."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scatflow.contract import Operator
from scatflow.errors import ScatflowError
from scatflow.testing.case import Case

Group = Literal["declare", "lazy", "numbers", "adjoint", "device", "cost", "errors", "record"]
GROUPS: tuple[Group, ...] = ("declare", "lazy", "numbers", "adjoint", "device", "cost", "errors", "record")


#: Code that is not an author's.
_ENGINE = Path(__file__).parents[1]


class Failure(AssertionError):
    """What a check found wrong: the rule, expected, got, and the remedy."""

    def __init__(self, rule: str, *, expected: Any = None, got: Any = None, remedy: str = "") -> None:
        parts = [rule]
        parts += [f"expected {expected}"] if expected is not None else []
        parts += [f"got {got}"] if got is not None else []
        super().__init__("; ".join(part.rstrip(".") for part in parts) + "." + (f" {remedy}" if remedy else ""))


class NotRun(Exception):
    """A check that applies and cannot be run here; the text names what is missing."""


class NotApplicable(Exception):
    """A check that says nothing of this case; the text tells why."""


@contextlib.contextmanager
def breaking(what: str, remedy: str = "") -> Iterator[None]:
    """Name the situation in which an author's code breaks; refusals by scatflow's own errors and findings go through."""
    try:
        yield
    except (ScatflowError, Failure, NotApplicable, NotRun):
        raise
    except Exception as error:  # an author's code raises whatever it likes
        raise Failure(f"{what}: the operator breaks", expected="a result, or an error of scatflow.errors that says why",
                      got=told(error), remedy=remedy) from error  # fmt: skip


def told(error: BaseException) -> str:
    """Return type and text of an error, and the line of the author's code that it comes from."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_author(frame.filename)]
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {error}{where}"


def _is_author(file: str) -> bool:
    path = Path(file)
    return not path.is_relative_to(_ENGINE) and "site-packages" not in path.parts[:-2] and not file.startswith("<")


@dataclass(frozen=True)
class Subject:
    """What is checked: an operator class, its examples, the cases made of them, and the name it is provided under.

    ``broken`` tells what the author's code raised where there are no examples.
    """

    declared: type[Operator]
    examples: tuple[Operator, ...]
    cases: tuple[Case, ...]
    provided: str = ""
    broken: str = ""


@dataclass(frozen=True)
class Check:
    """A named check.

    Attributes
    ----------
    name, group, level : str, str, int
        Names are stable. Level 1 is required of every plugin, level 2 is advice.
    asserts : str
        What holds when it passes.
    run : callable
        Takes a :class:`Subject` or, for checks ``per_case``, a :class:`~scatflow.testing.case.Case`; raises
        :class:`Failure`, :class:`NotApplicable` or :class:`NotRun`.
    applies : callable
        Takes an operator class; returns the reason why the check says nothing of it, or an empty text.
    per_case : bool
        Whether it is run on every case.
    """

    name: str
    group: Group
    level: int
    asserts: str
    run: Callable[[Any], None]
    applies: Callable[[type[Operator]], str]
    per_case: bool


def _always(declared: type[Operator]) -> str:
    return ""


def check(
    group: Group, *, level: int = 1, applies: Callable[[type[Operator]], str] = _always, per_case: bool = True
) -> Callable[[Callable[[Any], None]], Check]:
    """Turn a function into a check of its name; its docstring is what it asserts."""

    def made(function: Callable[[Any], None]) -> Check:
        words = " ".join((function.__doc__ or "").split())
        return Check(function.__name__, group, level, words, function, applies, per_case)

    return made


def kinds(*bases: type[Operator], claim: str = "", word: str = "") -> Callable[[type[Operator]], str]:
    """Return an ``applies`` for operators of certain kinds, and where given for those that make a claim."""

    def applies(declared: type[Operator]) -> str:
        if bases and not issubclass(declared, bases):
            return f"for {word or ', '.join(base.__name__ for base in bases)}"
        return f"not declared {claim}" if claim and not getattr(declared, claim) else ""

    return applies
