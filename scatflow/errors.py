"""Every error scatflow raises on purpose: it names the thing, the rule, expected, got, and the remedy.

One class per kind of mistake, each a subclass of the built-in that a caller would naturally catch, so
``except ValueError`` works and a service can still report ``code`` and ``remedy`` separately.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


class ScatflowError(Exception):
    """Base of all deliberate errors.

    Parameters
    ----------
    subject : str
        What is wrong: an operator's parameter, a dim, a store.
    rule : str
        The rule that it breaks, as a sentence without a full stop.
    expected, got : object, optional
        What would have been right and what was there.
    remedy : str, optional
        What to do about it, as exact as can be (a call, a value, a command).
    code : str, optional
        Stable machine-readable code; defaults to the class's own.
    """

    default_code = "Error"

    def __init__(
        self,
        subject: str,
        rule: str,
        *,
        expected: Any = None,
        got: Any = None,
        remedy: str | None = None,
        code: str | None = None,
    ) -> None:
        self.subject = subject
        self.rule = rule
        self.expected = expected
        self.got = got
        self.remedy = remedy
        self.code = code or self.default_code
        super().__init__(str(self))

    def __str__(self) -> str:
        parts = [f"{self.subject}: {self.rule}"]
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        if self.got is not None:
            parts.append(f"got {self.got}")
        text = "; ".join(parts) + "."
        return f"{text} {self.remedy}" if self.remedy else text

    def __reduce__(self) -> tuple[Any, ...]:
        # The default reduce would call cls(message) and lose the fields on the way back from a worker.
        fields = (self.subject, self.rule, self.expected, self.got, self.remedy, self.code)
        return (_rebuild, (type(self), fields))


def _rebuild(cls: type[ScatflowError], fields: Sequence[Any]) -> ScatflowError:
    subject, rule, expected, got, remedy, code = fields
    return cls(subject, rule, expected=expected, got=got, remedy=remedy, code=code)


class ParameterError(ScatflowError, ValueError):
    """A parameter is outside its range or of the wrong type."""

    default_code = "ParameterInvalid"


class UnknownParameterError(ParameterError, TypeError):
    """A keyword that the operator does not have."""

    default_code = "ParameterUnknown"


class DtypeError(ParameterError, TypeError):
    """Data of a dtype that the operator refuses (object, integer without cast, complex where real is needed)."""

    default_code = "DtypeUnsupported"


class DimensionError(ScatflowError, ValueError):
    """A dim is missing, duplicated, misspelt, too short, or its coordinate cannot be used."""

    default_code = "DimensionInvalid"


class ChunkError(ScatflowError, ValueError):
    """Chunks that the operator or the store cannot take."""

    default_code = "ChunksInvalid"


class FrameError(ScatflowError, ValueError):
    """A filter bank that is not invertible."""

    default_code = "FrameInvalid"


class DataError(ScatflowError, ValueError):
    """Data that the operator refuses: NaN under the policy ``error``, for example."""

    default_code = "DataInvalid"


class PlanError(ScatflowError, RuntimeError):
    """A plan that does not fit memory or the task budget."""

    default_code = "PlanTooLarge"


class DeviceError(ScatflowError, RuntimeError):
    """A device that was asked for and is not there."""

    default_code = "DeviceMissing"


class NotConvergedError(ScatflowError, RuntimeError):
    """An iteration that stopped before its tolerance was met."""

    default_code = "NotConverged"


class JobError(ScatflowError, RuntimeError):
    """A job that could not go on; it can be resumed once the cause is gone."""

    default_code = "JobFailed"


class NotDifferentiableError(ScatflowError, TypeError):
    """A gradient was asked of an operator that has none."""

    default_code = "NotDifferentiable"


class StoreError(ScatflowError, OSError):
    """A store that is missing, truncated, in the way, or not ours."""

    default_code = "StoreInvalid"


class SettingsError(ScatflowError, ValueError):
    """A configuration file that cannot be read, or that says something it must not."""

    default_code = "SettingsInvalid"


class RegistryError(ScatflowError, LookupError):
    """An operator, source or filter family that no active plugin provides, or that two provide."""

    default_code = "ProcessUnsupported"


@dataclass(frozen=True)
class Problem:
    """One finding of validation; :class:`GraphError` carries all of them."""

    code: str
    node: str | None
    argument: str | None
    message: str
    expected: str | None = None
    got: str | None = None
    remedy: str | None = None

    def __str__(self) -> str:
        place = self.node or "graph"
        if self.argument:
            place += f".{self.argument}"
        text = f"[{self.code}] {place}: {self.message}"
        if self.expected:
            text += f"; expected {self.expected}"
        if self.got:
            text += f"; got {self.got}"
        return f"{text}. {self.remedy}" if self.remedy else f"{text}."

    def to_dict(self) -> dict[str, str | None]:
        """Return the finding as plain JSON."""
        return asdict(self)

    @classmethod
    def from_error(cls, error: ScatflowError, node: str | None, argument: str | None = None) -> Problem:
        """Turn a raised error into a finding at ``node``."""
        expected, got = (None if value is None else str(value) for value in (error.expected, error.got))
        return cls(error.code, node, argument, f"{error.subject}: {error.rule}", expected, got, error.remedy)


class GraphError(ScatflowError, ValueError):
    """A pipeline that is not valid; ``problems`` holds every finding, not only the first."""

    default_code = "GraphInvalid"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        rule = f"{count} problem{'s' if count != 1 else ''} found\n  " + "\n  ".join(map(str, self.problems))
        super().__init__("pipeline", rule)

    def __str__(self) -> str:
        return f"{self.subject}: {self.rule}"

    def __reduce__(self) -> tuple[Any, ...]:
        return (GraphError, (self.problems,))


def near(name: str, candidates: Iterable[str]) -> str | None:
    """Return a sentence offering the candidates closest to ``name``, or None when nothing is close."""
    spellings = {candidate.casefold(): candidate for candidate in candidates}
    matches = [spellings[close] for close in difflib.get_close_matches(name.casefold(), spellings, n=3, cutoff=0.6)]
    return f"Did you mean {' or '.join(repr(match) for match in matches)}?" if matches else None
