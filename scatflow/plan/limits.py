"""What a plan may use and what of it is fixed beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from scatflow.errors import ParameterError, near
from scatflow.plan.table import RESERVED_BYTES

Strategy = Literal["batch", "halo", "pyramid", "pencil"]
#: How core dims may be treated: whole in every task, in parts with a halo, octave by octave in stages of short reach, or one
#: whole at a time. The plan never takes the last of its own accord.
STRATEGIES: tuple[Strategy, ...] = ("batch", "halo", "pyramid", "pencil")


@dataclass(frozen=True)
class Limits:
    """What the plan may use: bytes and threads per worker, workers, FFT provider, device; and what is fixed.

    ``region`` fixes region lengths for all stages, as a user asks for, ``steps`` and ``parts`` (blocks of a region) stage by stage,
    as another plan has them. ``strategy`` forces how core dims are treated, ``tol`` the tolerance of halos; by default the plan
    chooses.
    """

    memory: int = 4 * 2**30
    threads: int = 1
    workers: int = 1
    region: Mapping[str, int] = field(default_factory=dict)
    fft: str = "scipy"
    device: str = "cpu"
    steps: tuple[Mapping[str, int], ...] = ()
    parts: tuple[Mapping[str, int], ...] = ()
    strategy: Strategy | None = None
    tol: float | None = None

    def __post_init__(self) -> None:
        if self.strategy not in (None, *STRATEGIES):
            raise ParameterError("strategy", "unknown", expected=" | ".join(STRATEGIES), got=self.strategy,
                                 remedy=near(str(self.strategy), STRATEGIES))  # fmt: skip
        if self.tol is not None and not 0 < self.tol < 1:
            raise ParameterError("tol", "the tolerance of halos lies between 0 and 1", got=self.tol)

    def asked(self, stage: int) -> Mapping[str, int]:
        """Return the lengths fixed for a stage: of its regions, or of the blocks that regions are put together from."""
        parts = self.parts[stage] if stage < len(self.parts) else {}
        return parts or (self.steps[stage] if stage < len(self.steps) else self.region)

    def kept(self, stage: int) -> Mapping[str, int]:
        """Return the lengths, as :meth:`asked`, that another plan has for a stage; none where there is none."""
        return self.asked(stage) if stage < len(self.steps) else {}

    @property
    def per_task(self) -> int:
        """Bytes one task may use."""
        return (self.memory - RESERVED_BYTES) // self.threads

    @property
    def per_part(self) -> int:
        """Bytes of a task whose size the plan is free to choose: workers are stopped at 95 % of their memory, whatever they hold."""
        return (self.memory - self.memory // 10 - RESERVED_BYTES) // self.threads

    def needed(self, peak: int, part: bool) -> int:
        """Return the bytes of a worker that tasks of ``peak`` bytes fit; see :attr:`per_task` and :attr:`per_part`."""
        held = RESERVED_BYTES + peak * self.threads
        return -(-held * 10 // 9) + 10 if part else held


def bytes_of(value: int | str) -> int:
    """Read a number of bytes, or text such as "4 GiB"."""
    if isinstance(value, int):
        return value
    units = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
    text = value.strip().lower()
    digits = text.rstrip("bkmgti ")
    unit = units.get(text[len(digits) :].strip())
    try:
        return int(float(digits) * (unit or 0)) if unit else _refuse(value)
    except ValueError:
        return _refuse(value)


def _refuse(value: str) -> int:
    raise ParameterError("memory", "not a number of bytes", expected='for example "4 GiB"', got=value)
