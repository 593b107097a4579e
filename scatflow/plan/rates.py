"""How fast a machine is, and what a plan therefore costs: core-hours, wall time with a range, the time its bytes take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scatflow.plan.plan import Stage

#: Version of the rates' JSON.
SCHEMA = 1
#: Operator key of the rate that stands for everything that was not measured itself.
ANY = "*"
#: Factors on the time expected from a measured rate, and from the rate of transforms alone, between which a job is to end:
#: caches and memory bandwidth shared by threads, turbo clocks, other block shapes than those measured.
MEASURED, GUESSED = (0.8, 1.6), (0.3, 4.0)


@dataclass(frozen=True)
class Rates:
    """What was measured once on a machine.

    Attributes
    ----------
    machine : str
        Processor.
    flops : mapping
        Operators of a stage, joined by "+" -> declared floating-point operations per second and core; ``"*"`` for
        transforms in general.
    read, written : float
        Bytes per second of stored arrays, compression included.
    task : float
        Seconds that a region takes beside its computing: opening, scheduling, receipt.
    """

    machine: str
    flops: Mapping[str, float]
    read: float
    written: float
    task: float

    def to_json(self) -> dict[str, Any]:
        """Return the rates as plain JSON."""
        rates = {"flops": dict(self.flops), "read": self.read, "written": self.written, "task": self.task}
        return {"schema": SCHEMA, "machine": self.machine, **rates}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Rates:
        """Read what :meth:`to_json` wrote."""
        fields = ("machine", "flops", "read", "written", "task")
        return cls(**{key: document[key] for key in fields})


@dataclass(frozen=True)
class Hours:
    """What stages cost on a machine: times in seconds."""

    core: float
    low: float
    high: float
    io: float

    def __add__(self, other: Hours) -> Hours:
        return Hours(self.core + other.core, self.low + other.low, self.high + other.high, self.io + other.io)


def key_of(operators: Iterable[str]) -> str:
    """Return the key under which the rate of a stage is kept: its operators, sorted."""
    return "+".join(sorted(set(operators)))


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
    key = key_of(step.kernel.operator.name for step in stage.graph.steps)
    speed = rates.flops.get(key) or rates.flops[ANY]
    core = stage.projection.flops * len(stage.regions) / speed + rates.task * count
    written = sum(target.own.nbytes for target in stage.targets)
    io = stage.projection.read * len(stage.regions) / rates.read + written / rates.written
    low, high = MEASURED if key in rates.flops else GUESSED
    # The last regions keep only some of the lanes busy.
    lanes = min(workers * threads, count)
    rounds = -(-count // lanes) * lanes / count
    wall = core / lanes * rounds
    return Hours(core, max(low * wall, io), max(high * wall, io), io)
