"""What the kit found: which checks apply, which ran, which failed and why, and what was not run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from scatflow.testing.check import Group

State = Literal["passed", "failed", "not applicable", "not run"]


@dataclass(frozen=True)
class Outcome:
    """What became of one check on one operator."""

    check: str
    group: Group
    level: int
    state: State
    reason: str = ""
    cases: int = 0
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "check": self.check, "group": self.group, "level": self.level, "state": self.state, "reason": self.reason,
            "cases": self.cases, "seconds": round(self.seconds, 4),
        }  # fmt: skip


@dataclass(frozen=True)
class Report:
    """All outcomes for one operator.

    Attributes
    ----------
    operator : str
        Canonical or short name.
    outcomes : tuple of Outcome
        In the order of the checks.
    """

    operator: str
    outcomes: tuple[Outcome, ...]

    def _named(self, *states: State) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.state in states)

    @property
    def applicable(self) -> tuple[str, ...]:
        """Names of the checks that say something of this operator."""
        return tuple(outcome.check for outcome in self._named("passed", "failed", "not run"))

    @property
    def ran(self) -> tuple[str, ...]:
        """Names of the checks that were carried out; equal to ``applicable`` unless something was missing."""
        return tuple(outcome.check for outcome in self._named("passed", "failed"))

    @property
    def failed(self) -> dict[str, str]:
        """Name of every failed check -> what it found."""
        return {outcome.check: outcome.reason for outcome in self._named("failed")}

    @property
    def not_run(self) -> dict[str, str]:
        """Name of every check that applies and was not carried out -> what was missing."""
        return {outcome.check: outcome.reason for outcome in self._named("not run")}

    @property
    def skipped(self) -> dict[str, str]:
        """Name of every check that was not carried out -> why: it does not apply, or something was missing."""
        return {outcome.check: outcome.reason for outcome in self._named("not applicable", "not run")}

    @property
    def passed(self) -> bool:
        """Whether nothing failed and something ran."""
        return bool(self.ran) and not self.failed

    @property
    def seconds(self) -> float:
        """Time spent."""
        return sum(outcome.seconds for outcome in self.outcomes)

    def raise_for_failures(self) -> None:
        """Raise AssertionError with all that failed, or if nothing ran."""
        if not self.passed:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        lines = [f"{self.operator}: {len(self.ran) - len(self.failed)} passed, {len(self.failed)} failed of {len(self.applicable)} "
                 f"applicable checks ({self.seconds:.1f} s)"]  # fmt: skip
        lines += [f"  FAILED   {names}: {reason}" for names, reason in _grouped(self.failed)]
        lines += [f"  not run  {names}: {reason}" for names, reason in _grouped(self.not_run)]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "operator": self.operator, "passed": self.passed, "applicable": len(self.applicable), "ran": len(self.ran),
            "seconds": round(self.seconds, 3), "outcomes": [outcome.to_dict() for outcome in self.outcomes],
        }  # fmt: skip


def _grouped(reasons: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return names of checks with one reason together; of many the first ones and how many more."""
    found: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        found.setdefault(reason, []).append(name)
    return [
        (", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else ""), reason)
        for reason, names in found.items()
    ]


def table(reports: Iterable[Report]) -> list[tuple[str, ...]]:
    """Return one row per operator: name, passed, failed, not run, applicable, seconds; then the totals."""
    found = list(reports)
    return [*(_row(report.operator, [report]) for report in found), _row(f"all {len(found)}", found)]


COLUMNS = ("operator", "applicable", "passed", "failed", "not run", "seconds")


def _row(name: str, reports: list[Report]) -> tuple[str, ...]:
    counts: Mapping[str, int] = {
        "applicable": sum(len(report.applicable) for report in reports),
        "passed": sum(len(report.ran) - len(report.failed) for report in reports),
        "failed": sum(len(report.failed) for report in reports),
        "not run": sum(len(report.not_run) for report in reports),
    }
    return (name, *(str(counts[column]) for column in COLUMNS[1:-1]), f"{sum(report.seconds for report in reports):.1f}")
