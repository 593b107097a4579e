"""Gufunc-style signatures over axis roles: ``"(y?,x)->(path,y?,x)"``.

A role with ``?`` may be missing (NumPy's convention for matmul), so one operator serves one and two core
dims: dims bind to roles from the right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_GROUP = re.compile(r"\(([^()]*)\)")
_ROLE = re.compile(r"^[a-z][a-z0-9_]*\??$")


@dataclass(frozen=True)
class Signature:
    """Axis roles of every input and output, in kernel order (core axes last)."""

    text: str
    inputs: tuple[tuple[str, ...], ...]
    outputs: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Signature:
        """Parse ``"(y?,x)->(path,y?,x)"``; raises ValueError naming the part that is not understood."""
        compact = text.replace(" ", "")
        left, arrow, right = compact.partition("->")
        if not arrow:
            raise ValueError(f"signature {text!r}: '->' is missing")
        return cls(text, _groups(left, text), _groups(right, text))

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles that dims bind to: those of the first input that has any, without the ``?``."""
        longest = max(self.inputs, key=len, default=())
        return tuple(role.rstrip("?") for role in longest)

    @property
    def counts(self) -> tuple[int, ...]:
        """Admissible numbers of core dims."""
        longest = max(self.inputs, key=len, default=())
        optional = sum(role.endswith("?") for role in longest)
        return tuple(range(len(longest) - optional, len(longest) + 1))

    def bind(self, count: int) -> tuple[str, ...]:
        """Return the roles that ``count`` dims take: optional ones are dropped from the left."""
        return self.roles[len(self.roles) - count :] if count else ()


def _groups(part: str, text: str) -> tuple[tuple[str, ...], ...]:
    groups = _GROUP.findall(part)
    if _GROUP.sub("", part).strip(","):
        raise ValueError(f"signature {text!r}: cannot read {part!r}")
    parsed = tuple(tuple(role for role in group.split(",") if role) for group in groups)
    for role in (role for group in parsed for role in group):
        if not _ROLE.match(role):
            raise ValueError(f"signature {text!r}: {role!r} is not an axis role")
    return parsed
