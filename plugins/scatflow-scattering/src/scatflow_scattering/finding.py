"""What the property suite returns: numbers with the bounds they must meet, as a value that prints, compares and stores."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
import xarray as xr


@dataclass(frozen=True)
class Finding:
    """One number and the bounds that it must meet.

    Attributes
    ----------
    name : str
        The property.
    statement : str
        What the number is.
    value : float
        The number, dimensionless.
    lower, upper : float
        Bounds, both included; infinite where there is none.
    details : mapping of str to tuple of float
        The numbers behind it, as columns of equal or single length.
    """

    name: str
    statement: str
    value: float
    lower: float = -math.inf
    upper: float = math.inf
    details: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the number lies within its bounds; NaN never does."""
        return self.lower <= self.value <= self.upper

    @property
    def required(self) -> str:
        """The bounds in words, empty where there are none."""
        parts = [f"≥ {self.lower:.10g}"] * math.isfinite(self.lower) + [f"≤ {self.upper:.12g}"] * math.isfinite(self.upper)
        return " and ".join(parts)

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "FAILED"
        return f"{verdict}  {self.name}: {self.statement} = {self.value:.4g}" + (f" ({self.required})" if self.required else "")


@dataclass(frozen=True)
class Report:
    """Findings on one representation.

    Attributes
    ----------
    subject : str
        What was looked at.
    findings : tuple of Finding
        In the order in which they were asked for.

    Examples
    --------
    >>> report = Report("modulus", (Finding("contraction", "largest ratio of distances", 0.93, upper=1.0),))
    >>> print(report)
    modulus: 1 of 1 properties hold
      passed  contraction: largest ratio of distances = 0.93 (≤ 1)
    >>> Report.from_json(report.to_json()) == report, report["contraction"].value
    (True, 0.93)
    """

    subject: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether every number meets its bounds."""
        return all(finding.passed for finding in self.findings)

    def __getitem__(self, name: str) -> Finding:
        """Return the finding of this name; KeyError names those that there are."""
        for finding in self.findings:
            if finding.name == name:
                return finding
        raise KeyError(f"{name!r} is not among {[finding.name for finding in self.findings]}")

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __str__(self) -> str:
        kept = sum(finding.passed for finding in self.findings)
        head = f"{self.subject}: {kept} of {len(self.findings)} properties hold"
        return "\n".join([head, *(f"  {finding}" for finding in self.findings)])

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON; numbers that it has no digits for are the words ``"inf"``, ``"-inf"`` and ``"nan"``."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self), default=float), parse_constant=_word)
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote."""
        return cls(plain["subject"], tuple(_finding(item) for item in plain["findings"]))

    def to_dataset(self) -> xr.Dataset:
        """Return value, bounds and verdict along a dim ``property``, labelled by name."""
        rows = self.findings
        columns = {
            "value": [finding.value for finding in rows], "lower": [finding.lower for finding in rows],
            "upper": [finding.upper for finding in rows], "passed": [finding.passed for finding in rows],
        }  # fmt: skip
        labels = {
            "property": np.array([finding.name for finding in rows]),
            "statement": ("property", np.array([finding.statement for finding in rows])),
        }
        return xr.Dataset(
            {key: ("property", np.array(values)) for key, values in columns.items()}, labels, {"subject": self.subject}
        )


def _word(constant: str) -> str:
    return str(float(constant))


def _finding(plain: Mapping[str, Any]) -> Finding:
    details = {key: tuple(map(float, values)) for key, values in plain["details"].items()}
    value, lower, upper = (float(plain[key]) for key in ("value", "lower", "upper"))
    return Finding(plain["name"], plain["statement"], value, lower, upper, details)
