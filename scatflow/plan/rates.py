"""How fast a machine is, and what a plan therefore costs: core-hours, wall time with a range, the time its bytes take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scatflow.plan.staging import Stage

#: Version of the rates' JSON.
SCHEMA = 1
#: Operator key of the rate that stands for everything that was not measured itself.
ANY = "*"
#: Factors on the time expected from a measured rate, and from the rate of transforms alone, between which a job is to end:
#: caches and memory bandwidth shared by threads, turbo clocks, other block shapes than those measured.
MEASURED, GUESSED = (0.8, 2.0), (0.3, 5.0)


@dataclass(frozen=True)
class Rates:
    """What was measured once on a machine.

    Attributes
    ----------
    machine : str
        Processor.
    flops : mapping
        Operators of a stage and size of its tasks (:func:`key_of`) -> declared floating-point operations per second and
        core; ``"*"`` for transforms in general.
    read, written : float
        Bytes per second of stored arrays, compression included.
    task : float
        Seconds that a region takes beside its computing: opening, scheduling, receipt.
    first : mapping
        Key of a stage -> seconds by which the first task of a worker takes longer: filters are made then.
    """

    machine: str
    flops: Mapping[str, float]
    read: float
    written: float
    task: float
    first: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the rates as plain JSON."""
        rates = {
            "flops": dict(self.flops),
            "read": self.read,
            "written": self.written,
            "task": self.task,
            "first": dict(self.first),
        }
        return {"schema": SCHEMA, "machine": self.machine, **rates}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Rates:
        """Read what :meth:`to_json` wrote."""
        fields = ("machine", "flops", "read", "written", "task")
        return cls(**{key: document[key] for key in fields}, first=document.get("first", {}))


@dataclass(frozen=True)
class Hours:
    """What stages cost on a machine: times in seconds."""

    core: float
    low: float
    high: float
    io: float

    def __add__(self, other: Hours) -> Hours:
        return Hours(self.core + other.core, self.low + other.low, self.high + other.high, self.io + other.io)


def key_of(stage: Stage) -> str:
    """Return the key under which the rate of a stage is kept: its operators, and the octave of bytes that a task needs.

    What fits a cache runs several times faster than what does not, so a rate holds for tasks of its own size.
    """
    return _key("+".join(sorted({step.kernel.operator.name for step in stage.graph.steps})), stage.projection.peak)


def _key(operators: str, peak: int) -> str:
    return f"{operators}@{round(math.log2(max(1, peak)))}"


def speed(stage: Stage, rates: Rates) -> tuple[float, tuple[float, float]]:
    """Return flops per second of a stage, and the factors between which its time will lie."""
    return speed_of(key_of(stage).rpartition("@")[0], stage.projection.peak, rates)


def speed_of(operators: str, peak: int, rates: Rates) -> tuple[float, tuple[float, float]]:
    """Return flops per second of operators (names joined by ``+``) on tasks of ``peak`` bytes, and the factors of the time.

    A rate of the same operators at the nearest other size, or of transforms alone, is a guess.
    """
    key = _key(operators, peak)
    if key in rates.flops:
        return rates.flops[key], MEASURED
    octave = key.rpartition("@")[2]
    known = ((other.rpartition("@"), rate) for other, rate in rates.flops.items() if other != ANY)
    others = {int(size): rate for (name, _, size), rate in known if name == operators}
    nearest = min(others, key=lambda size: abs(size - int(octave)), default=None)
    return (rates.flops[ANY] if nearest is None else others[nearest]), GUESSED


def hours(stage: Stage, rates: Rates, workers: int, threads: int) -> Hours:
    """Return what a stage costs.

    Parameters
    ----------
    stage : Stage
        The stage.
    rates : Rates
        Speeds of the machine.
    workers, threads : int
        Worker processes, and threads in each.

    Returns
    -------
    Hours
        ``core`` is processor time; ``low`` and ``high`` bound the wall time, which is never less than ``io``, the time
        that reading and writing take on one disk.
    """
    count = len(stage.regions) + (len(stage.finals) if stage.finals else 0)
    rate, (low, high) = speed(stage, rates)
    core = stage.projection.flops * len(stage.regions) / rate + rates.task * count
    first = rates.first.get(key_of(stage), 0.0)
    written = sum(target.own.nbytes for target in stage.targets)
    io = stage.projection.read * len(stage.regions) / rates.read + written / rates.written
    # The last regions keep only some of the lanes busy.
    lanes = min(workers * threads, count)
    rounds = -(-count // lanes) * lanes / count
    wall = core / lanes * rounds + first
    return Hours(core + first * min(workers, count), max(low * wall, io), max(high * wall, io), io)
