"""Refusing what does not fit memory: the bytes needed, the limit, and the three remedies that go farthest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from scatflow.errors import PlanError
from scatflow.plan.limits import Limits
from scatflow.plan.memory import DECODED
from scatflow.plan.table import size

#: Remedies that an error names; more of them would be a list to choose from, not advice.
REMEDIES = 3


class TooLarge(PlanError):
    """One task does not fit memory; ``needed`` are the bytes of a worker that it would fit, ``remedies`` what to do, best first.

    ``remark`` tells what else does not serve.
    """

    default_code = "TaskTooLarge"
    needed: int = 0
    remedies: tuple[str, ...] = ()
    remark: str = ""

    def with_remedy(self, first: str) -> TooLarge:
        """Return the error with a better remedy than all it has."""
        return _made(self, self.needed, (first, *self.remedies), self.remark)

    def with_remark(self, remark: str) -> TooLarge:
        """Return the error with one more sentence about what else does not serve."""
        return _made(self, self.needed, self.remedies, f"{self.remark} {remark}".strip())


def _made(error: PlanError, needed: int, remedies: tuple[str, ...], remark: str) -> TooLarge:
    text = f"Remedies: {'; '.join(remedies[:REMEDIES])}." + (f" {remark}" if remark else "")
    made = TooLarge(error.subject, error.rule, expected=error.expected, got=error.got, remedy=text)
    made.needed, made.remedies, made.remark = needed, remedies, remark
    return made


def too_large(
    subject: str, peak: int, limits: Limits, steps: Mapping[str, int], chunks: Mapping[str, int], smaller: Sequence[str],
    *, part: bool = False, decoded: int = 0, last: Sequence[str] = (),
) -> TooLarge:  # fmt: skip
    """Return the error of a region that does not fit memory.

    Parameters
    ----------
    subject : str
        The stage.
    peak : int
        Bytes projected for the smallest task.
    limits : Limits
        What there is.
    steps, chunks : mapping
        Lengths of the smallest region, and of stored chunks.
    smaller : sequence of str
        Parameters by which memory grows.
    part : bool
        Whether the region is one whose size the plan chose.
    decoded : int
        Bytes of stored chunks among those projected.
    last : sequence of str
        Remedies of the one who refuses.
    """
    memory, needed = limits.per_part if part else limits.per_task, limits.needed(peak, part)
    room = f"at most {size(memory)}, what a worker's threads have each after its imports"
    place = f"a region of {dict(steps)}" if steps else "the whole, of which no dim is split"
    error = PlanError(
        f"stage {subject}", "one region task does not fit memory",
        expected=room if memory > 0 else "more memory per worker than it holds after its imports",
        got=f"{size(peak)} projected for {place}",
    )  # fmt: skip
    # Where chunks are decoded several at a time, one may have been all there was of them.
    weight = max(peak, DECODED * decoded)
    remedies = [*_rechunked(peak, memory, steps, chunks, decoded if part else peak, weight), *_fewer_threads(peak, limits, part)]
    remedies.append(f'give each worker {_rounded_up(needed)} (memory="{_rounded_up(needed)}")')
    remedies += [f"lower {' or '.join(smaller)}"] if smaller else []
    return _made(error, needed, (*remedies, *last), "")


def _rechunked(peak: int, memory: int, steps: Mapping[str, int], chunks: Mapping[str, int], decoded: int, weight: int) -> list[str]:
    """Return the call that rechunks the input, where its chunks are what does not fit."""
    big = {dim: step for dim, step in steps.items() if step > 1 and chunks.get(dim, 1) > 1}
    if not big or peak - decoded > memory:
        return []
    lengths = {dim: max(chunks.get(dim, 1), step) for dim, step in big.items()}
    call = ", ".join(f'"{dim}": {max(1, length * max(memory, 0) // (2 * weight))}' for dim, length in lengths.items())
    return [f"rechunk the input, for example .chunk({{{call}}}) before writing it"]


def _fewer_threads(peak: int, limits: Limits, part: bool) -> list[str]:
    for threads in range(limits.threads - 1, 0, -1):
        if replace(limits, threads=threads).needed(peak, part) <= limits.memory:
            return [f"use {threads} thread{'s' if threads > 1 else ''} per worker (threads={threads})"]
    return []


def _rounded_up(count: int) -> str:
    """Return bytes as text that a plan takes, not less than they are.

    Examples
    --------
    >>> _rounded_up(2_000_000_000), _rounded_up(630 * 2**20)
    ('1.9 GiB', '630 MiB')
    """
    return f"{math.ceil(count / 2**30 * 10) / 10:g} GiB" if count > 2**30 else f"{math.ceil(count / 2**20)} MiB"
