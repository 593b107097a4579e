"""The kit as pytest cases: one test per operator of a distribution and check, with expected failures and their reasons."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scatflow.contract import Operator
from scatflow.errors import ParameterError, RegistryError, near
from scatflow.testing.check import Check, Failure, Subject
from scatflow.testing.checks import CHECKS
from scatflow.testing.conformance import run_check, subject_of
from scatflow.testing.provided import operators_of


@dataclass(frozen=True)
class Unusable:
    """An operator that the plugin names and cannot deliver; calling it fails."""

    provided: str
    error: RegistryError

    def __call__(self) -> None:
        """Say why."""
        raise Failure(f"{self.provided}: {self.error}".rstrip("."))


@dataclass(frozen=True)
class Case:
    """One check of one operator; calling it fails, skips with the reason, or passes."""

    operator: type[Operator]
    provided: str
    check: Check

    def __call__(self) -> None:
        """Carry out the check."""
        import pytest

        outcome = run_check(self.check, _subject(self.operator, self.provided))
        if outcome.state == "failed":
            raise Failure(f"{self.provided}: {self.check.name} ({self.check.asserts}) {outcome.reason}".rstrip("."))
        if outcome.state == "not run":
            pytest.skip(f"not run: {outcome.reason}")
        if outcome.state == "not applicable":
            pytest.skip(f"{self.check.name} says nothing of {self.provided}: {outcome.reason}")


@functools.lru_cache(maxsize=2)
def _subject(operator: type[Operator], provided: str) -> Subject:
    """Return the subject; the checks of one operator follow each other and share its results."""
    return subject_of(operator, provided)


def parametrize_operators(
    dist: str, *, expect_fail: Mapping[str, Mapping[str, str]] | None = None, level: int = 1
) -> Callable[[Callable[..., Any]], Any]:
    """Parametrize a test over the operators of an installed distribution and the checks that apply to them.

    Parameters
    ----------
    dist : str
        The distribution, or ``dist:operator`` for one of its operators.
    expect_fail : mapping, optional
        Operator -> check -> reason. Such a test is expected to fail; should it pass, that is a failure, so that reasons do
        not outlive their cause.
    level : int
        1 carries out what every plugin must pass; 2 adds advice.

    Returns
    -------
    callable
        Decorator of a test with the argument ``check``, which is called without arguments.

    Raises
    ------
    RegistryError
        The distribution is not installed or not active.
    ParameterError
        ``expect_fail`` names an operator or check that there is not.

    Examples
    --------
    >>> from scatflow.testing import parametrize_operators
    >>> @parametrize_operators("scatflow-wavelet")
    ... def test_conformance(check):
    ...     check()
    """
    import pytest

    operators = operators_of(dist)
    expected = {_named(name, operators): dict(reasons) for name, reasons in (expect_fail or {}).items()}
    _check_names(expected)
    cases: list[Any] = []
    for provided, declared in operators.items():
        short = provided.rpartition(":")[2].replace("@", "_")
        if isinstance(declared, RegistryError):
            cases.append(pytest.param(Unusable(provided, declared), id=f"{short}-registered"))
            continue
        for check in CHECKS:
            if check.level <= level and not check.applies(declared):
                marks = _marks(expected.get(provided, {}), check)
                cases.append(pytest.param(Case(declared, provided, check), id=f"{short}-{check.name}", marks=marks))
    return pytest.mark.parametrize("check", cases)


def _marks(expected: Mapping[str, str], check: Check) -> list[Any]:
    import pytest

    return [pytest.mark.xfail(reason=expected[check.name], strict=True, raises=Failure)] if check.name in expected else []


def _named(name: str, operators: Mapping[str, Any]) -> str:
    for provided in operators:
        if name in (provided, provided.rpartition(":")[2]):
            return provided
    short = [provided.rpartition(":")[2] for provided in operators]
    raise ParameterError("expect_fail", f"there is no operator {name!r}", expected=", ".join(short), remedy=near(name, short))


def _check_names(expected: Mapping[str, Mapping[str, str]]) -> None:
    known = [check.name for check in CHECKS]
    for reasons in expected.values():
        for name, reason in reasons.items():
            if name not in known:
                raise ParameterError(
                    "expect_fail", f"there is no check {name!r}", expected=", ".join(known), remedy=near(name, known)
                )
            if not reason.strip():
                raise ParameterError("expect_fail", f"a reason is needed for {name!r}")
