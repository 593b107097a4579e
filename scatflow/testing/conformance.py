"""Running the kit: the subject made of an operator, each check that applies on each of its cases, one report."""

from __future__ import annotations

import contextlib
import itertools
import math
import time
import warnings
from collections.abc import Collection, Iterable
from typing import Any

from scatflow.contract import Extended, Operator
from scatflow.errors import ParameterError, near
from scatflow.graph.kernel import extended_place
from scatflow.testing import probe
from scatflow.testing.case import Case, cases_of
from scatflow.testing.check import Check, Failure, NotApplicable, NotRun, Subject, told
from scatflow.testing.checks import CHECKS, fresh
from scatflow.testing.report import Outcome, Report

#: Examples of one operator, and bytes of a block that a sample may take.
MOST, MOST_BYTES = 64, 2**30


def check_operator(
    operator: Operator | type[Operator], level: int = 1, *, only: Collection[str] = (), provided: str = ""
) -> Report:
    """Hold an operator to the contract.

    Parameters
    ----------
    operator : Operator or type
        An instance, which alone is then the example, or a class with all that its ``examples()`` yields.
    level : int
        1 carries out what every plugin must pass; 2 adds advice.
    only : collection of str
        Names of checks to carry out; default all.
    provided : str
        Name under which a plugin provides it, where it is known.

    Returns
    -------
    Report
        What applies, what ran, what failed and why, and what could not be run here; nothing is raised.

    Raises
    ------
    ParameterError
        This is no operator, or there is no such level or check.

    Examples
    --------
    >>> from scatflow import Pointwise, operator
    >>> from scatflow.testing import check_operator
    >>> @operator("halved", version=1, signature="()->()")
    ... class Halved(Pointwise):
    ...     '''Half of the data.'''
    ...     def apply(self, xp, block):
    ...         block *= 0.5
    ...         return block
    >>> report = check_operator(Halved())
    >>> "purity" in report.failed, "boundary" in report.skipped
    (True, True)
    """
    if level not in (1, 2):
        raise ParameterError("check_operator.level", "unknown level", expected="1 or 2", got=level)
    names = [check.name for check in CHECKS]
    for name in only:
        if name not in names:
            raise ParameterError(
                "check_operator.only", f"there is no check {name!r}", expected=", ".join(names), remedy=near(name, names)
            )
    subject = subject_of(operator, provided)
    asked = [check for check in CHECKS if (check.name in only if only else check.level <= level)]
    with _begun(asked, subject):
        found = tuple(run_check(check, subject) for check in asked)
    return Report(provided or subject.declared.name, found)


def _begun(asked: Collection[Check], subject: Subject) -> contextlib.AbstractContextManager[None]:
    """Return a context in which a fresh process is at work already, where a check will wait for it."""
    if subject.broken or not any(check in fresh.CHECKS for check in asked):
        return contextlib.nullcontext()
    return probe.ahead(subject.declared.__module__, subject.examples, subject.cases)


def subject_of(operator: Operator | type[Operator], provided: str = "") -> Subject:
    """Return what is checked of a class or an instance, evaluated once: where that fails, nothing else can be said."""
    declared = operator if isinstance(operator, type) else type(operator)
    if not issubclass(declared, Operator) or not declared.name:
        raise ParameterError("check_operator", "not an operator", expected="an instance or a class declared with @operator",
                             got=repr(operator))  # fmt: skip
    try:
        examples = tuple(itertools.islice(declared.examples(), MOST + 1)) if isinstance(operator, type) else (operator,)
        strange = [example for example in examples if not isinstance(example, declared)]
        cases = tuple(case for example in examples for case in cases_of(example)) if not strange else ()
    except (Exception, SystemExit) as error:
        return Subject(declared, (), (), provided, f"the examples cannot be made: raises {told(error)}")
    broken = _broken(declared, examples, strange, cases)
    return Subject(declared, examples, cases, provided, broken)


def _broken(declared: type[Operator], examples: tuple[Operator, ...], strange: list[Any], cases: tuple[Case, ...]) -> str:
    """Return why examples cannot be looked at, or an empty text."""
    if not examples:
        return "examples() yields nothing"
    if len(examples) > MOST:
        return f"examples() yields more than {MOST}"
    if strange:
        return f"examples() yields {strange[0]!r}, which is no {declared.__name__}"
    for case in cases:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if reason := _too_large(case):
                    return reason
                found = case.whole
        except (Exception, SystemExit) as error:
            return f"{case.label} fails on its sample inputs: {told(error)}"
        if not found:
            return f"{case.label} delivers no result"
    return ""


def _too_large(case: Case) -> str:
    """Return why a case is not evaluated, or an empty text: its block, the extension included, exceeds what a sample may take."""
    kernel = case.call.kernel
    if not isinstance(kernel.operator, Extended):
        return ""
    place = extended_place(kernel, {})
    size = (
        math.prod(place.stop[role] - place.start[role] for role in kernel.roles)
        * 8
        * math.prod(case.arrays[0].sizes[dim] for dim in case.batch)
    )
    return (
        f"{case.label} needs a block of {size / 2**30:.3g} GiB for a sample of {dict(case.arrays[0].sizes)}"
        if size > MOST_BYTES
        else ""
    )


def run_check(check: Check, subject: Subject) -> Outcome:
    """Carry out one check, on every case where it is one of cases; whatever an author's code raises is a failure."""
    began = time.perf_counter()

    def outcome(state: Any, reason: str = "", count: int = 0) -> Outcome:
        return Outcome(check.name, check.group, check.level, state, reason, count, time.perf_counter() - began)

    if reason := check.applies(subject.declared):
        return outcome("not applicable", reason)
    if subject.broken:
        return outcome("failed" if check.name == "examples" else "not run", subject.broken)
    targets: Iterable[tuple[str, Any]] = [(case.label, case) for case in subject.cases] if check.per_case else [("", subject)]
    ran, reasons = 0, []
    for label, target in targets:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                check.run(target)
            ran += 1
        except NotApplicable as error:
            reasons.append(str(error))
        except NotRun as error:
            return outcome("not run", str(error), ran)
        except Failure as error:
            return outcome("failed", f"{label}: {error}" if label else str(error), ran)
        except (Exception, SystemExit) as error:
            return outcome("failed", f"{label}: raises {told(error)}".removeprefix(": "), ran)
    if not ran:
        return outcome("not applicable", reasons[0] if reasons else "there is no case")
    return outcome("passed", "", ran)
