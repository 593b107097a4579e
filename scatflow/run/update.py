"""Continuing a result whose input has grown along a batch dim: what is still right is taken over, the rest computed.

The new result is a job of its own beside the old one. Its ledger begins with the regions that need not be computed again;
the old result stays untouched until the new one is complete and takes its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from scatflow.contract import Reduce
from scatflow.errors import StoreError
from scatflow.plan import Box, Plan, Stage, Strategy, Target
from scatflow.plan.regions import Regions
from scatflow.plan.stage import part_of, source_box
from scatflow.run.task import source_fingerprint
from scatflow.store import Ledger, Receipt, link, link_state, plan_of, recover, state

#: What must be equal in both plans for any number to be taken over.
_SAME = {
    "graph": "the pipeline or its parameters", "operators": "operator versions", "fft": "the FFT library", "device": "the device",
}  # fmt: skip


class Fixed(NamedTuple):
    """What of a plan is as in an earlier one."""

    steps: tuple[Mapping[str, int], ...] = ()
    strategy: Strategy | None = None
    parts: tuple[Mapping[str, int], ...] = ()


def beside(root: Path) -> Path:
    """Return where the new result grows until it is complete."""
    return root.with_name(root.name + ".update")


def fixed(out: str | Path, required: bool = True) -> Fixed:
    """Return what a plan takes from a result, so that its regions fit: region lengths of every stage, and the strategy.

    Without a plan in it a result is an error only where one is ``required``. An update that was interrupted while it took the
    place of the old result is finished first.
    """
    root = Path(out).absolute()
    recover(beside(root), root)
    if not root.exists():
        return Fixed()
    try:
        found = plan_of(root)
    except StoreError:
        if required:
            raise
        return Fixed()
    regions = [stage["regions"] for stage in found["stages"]]
    steps = tuple({dim: int(step) for dim, step in lengths[1]} for lengths in regions)
    parts = tuple({dim: int(step) for dim, step in (lengths[2] if len(lengths) > 2 else ())} for lengths in regions)
    return Fixed(steps, found.get("strategy"), parts)


def check(root: Path, plan: Plan) -> None:
    """Refuse to update a result that is of another pipeline, or whose input has not just grown along batch dims.

    Raises
    ------
    StoreError
        The text says what differs.
    """
    old, new = plan_of(root), plan.describe()
    names = [{one.partition("@")[0] for one in found["operators"]} for found in (old, new)]
    # A graph states versions: where the operators are the same but for these, they are what is to be told.
    first = "operators" if names[0] == names[1] else "graph"
    for key, words in sorted(_SAME.items(), key=lambda item: item[0] != first):
        if old[key] != new[key]:
            raise StoreError(f"store {str(root)!r}", f"{words} differ from those it was made with", expected=old[key], got=new[key],
                             remedy="Only an input that has grown can be updated: use overwrite, or another path.",
                             code="PlanDiffers")  # fmt: skip
    if len(old["stages"]) != len(new["stages"]):
        raise StoreError(f"store {str(root)!r}", "the plan has other stages now", expected=len(old["stages"]), got=len(new["stages"]),
                         remedy="Use overwrite, or another path.", code="PlanDiffers")  # fmt: skip
    for before, stage in zip(old["stages"], plan.stages, strict=True):
        sizes = dict(map(tuple, before["regions"][0]))
        now = dict(stage.regions.sizes)
        if sizes.keys() != now.keys() or any(now[dim] < size for dim, size in sizes.items()):
            raise StoreError(f"store {str(root)!r}", "its input has not just grown along batch dims", expected=f"at least {sizes}",
                             got=now, remedy="Use overwrite, or another path.", code="InputShrunk")  # fmt: skip


def take_over(old: Path, new: Path, plan: Plan, ledger: Ledger) -> int:
    """Give a new store the regions of an old one that are still right; returns how many were taken over.

    A region is still right if it is the same box, computed by the same kernels from stored chunks with the same
    fingerprints and from regions of earlier stages that are still right. Regions of work arrays, which the old result no
    longer has, count as done only where nothing that remains to be done reads them.
    """
    description = plan_of(old)
    known = Ledger(old, str(state(old)["plan"]))
    known.load()
    parts = [_Part(stage, before, known, plan.names) for stage, before in zip(plan.stages, description["stages"], strict=True)]
    for part in parts:
        part.find(parts)
    for part in reversed(parts):
        part.recall(parts)
    receipts = [receipt for part in parts for receipt in part.moved(old, new)]
    if known.receipts and not receipts:
        raise StoreError(f"store {str(old)!r}", "nothing of it is still right: what was there has changed", code="InputChanged",
                         remedy="Use overwrite, or another path.")  # fmt: skip
    ledger.append(receipts)
    return len(receipts)


@dataclass
class _Found:
    """Old region number and receipt of a new region that is still right."""

    number: int
    receipt: Receipt


class _Part:
    """What of one stage is still right: by new region number, for its regions and for the outputs of a reduction."""

    def __init__(self, stage: Stage, before: Mapping[str, Any], known: Ledger, names: Mapping[str, str]) -> None:
        self.stage, self.known = stage, known
        self.same = _same_kernels(stage, before, names)
        self.same_result = self.same and all(list(step.kernel.operator.identity()) == list(old[1])
                                             for step, old in zip(stage.graph.steps, before["steps"], strict=True))  # fmt: skip
        old = replace(stage.regions, sizes=tuple(map(tuple, before["regions"][0])), steps=tuple(map(tuple, before["regions"][1])))
        self.old_regions, self.old_numbers = old, {part_of(box): n for n, box in enumerate(old)}
        self.regions: dict[int, _Found] = {}
        self.finals: dict[int, _Found] = {}

    def find(self, parts: list[_Part]) -> None:
        """Find the regions that are still right, earlier stages having been done."""
        kind = "partial" if self.stage.kind == "reduce" else "map"
        for number, box in enumerate(self.stage.regions if self.same else ()):
            earlier = self.old_numbers.get(part_of(box))
            receipt = None if earlier is None else self.known.receipts.get((self.stage.number, kind, earlier))
            if receipt is None or earlier is None or receipt.inputs != source_fingerprint(self.stage, box):
                continue
            if all(parts[stage].holds(piece) for stage, piece in self._needs(parts, box)):
                self.regions[number] = _Found(earlier, receipt)
        if self.stage.finals is not None and self.same_result:
            self._find_finals(self.stage.finals)

    def _find_finals(self, finals: Regions) -> None:
        """Find the outputs of a reduction all of whose partial states are still right, and were all that there were."""
        sizes = dict(self.old_regions.sizes)
        old = replace(finals, sizes=tuple((dim, sizes[dim]) for dim, _ in finals.sizes))
        numbers = {part_of(box): n for n, box in enumerate(old)}
        for number, box in enumerate(finals):
            earlier = numbers.get(part_of(box))
            receipt = None if earlier is None else self.known.receipts.get((self.stage.number, "final", earlier))
            behind = list(self.stage.regions.covering(box))
            if receipt is None or earlier is None or len(behind) != len(list(self.old_regions.covering(box))):
                continue
            if all(region in self.regions for region in behind):
                self.finals[number] = _Found(earlier, receipt)

    def holds(self, box: Box) -> bool:
        """Tell whether all that the stage delivers in a box is still right."""
        regions, found = self._delivered()
        return all(number in found for number in regions.covering(box))

    def recall(self, parts: list[_Part]) -> None:
        """Drop regions of work arrays that something not yet done reads; later stages have been done."""
        for box in (box for number, box in enumerate(self.stage.regions) if number not in self.regions):
            for stage, piece in self._needs(parts, box):
                parts[stage].drop(piece)

    def drop(self, box: Box) -> None:
        """Forget that the stage has delivered a box, if what it delivered is gone."""
        if all(target.result for target in self.stage.targets):
            return
        regions, found = self._delivered()
        for number in regions.covering(box):
            found.pop(number, None)

    def moved(self, old: Path, new: Path) -> Iterator[Receipt]:
        """Hand over files and yield the receipts, under the numbers of the new plan."""
        results = [target for target in self.stage.targets if target.result]
        for number, found in self.regions.items():
            if self.stage.kind == "reduce":
                link_state(old, new, self.stage.number, found.number, number)
            else:
                _link(old, new, [(target, self.stage.delivered(target, self.stage.regions.box(number))) for target in results])
            yield replace(found.receipt, region=number)
        for number, found in self.finals.items():
            assert self.stage.finals is not None
            _link(old, new, [(target, self.stage.finals.box(number)) for target in results])
            yield replace(found.receipt, region=number)

    def _delivered(self) -> tuple[Any, dict[int, _Found]]:
        return (self.stage.regions, self.regions) if self.stage.finals is None else (self.stage.finals, self.finals)

    def _needs(self, parts: list[_Part], box: Box) -> Iterator[tuple[int, Box]]:
        """Yield the earlier stages that a region reads, with the boxes."""
        makers = {target.ref: part.stage.number for part in parts for target in part.stage.targets}
        for ref, boxes in self.stage.reads(box).items():
            if ref in self.stage.arrays:
                maker = parts[makers[ref]].stage
                yield from ((maker.number, _made(maker, ref.output, dict(piece))) for piece in boxes)


def _made(stage: Stage, output: str, box: Box) -> Box:
    """Return the box of a stage's regions that delivers a box of one of its results."""
    return source_box(stage.graph.target.kernel, output, box) if stage.graph.steps and stage.finals is None else box


def _same_kernels(stage: Stage, before: Mapping[str, Any], names: Mapping[str, str]) -> bool:
    """Tell whether the steps of a stage compute what they did, batch dims having grown."""
    if stage.kind != before["kind"] or len(stage.graph.steps) != len(before["steps"]):
        return False
    if stage.regions.to_json()[1:] != before["regions"][1:] or not _same_targets(stage.targets, before["targets"]):
        return False
    for step, (node, identity, geometry) in zip(stage.graph.steps, before["steps"], strict=True):
        operator, (name, version, parameters) = step.kernel.operator, identity
        same = operator.identity() == (name, version, parameters)
        same |= isinstance(operator, Reduce) and operator.continues((name, version, parameters))
        if names[step.node] != node or step.geometry() != geometry or not same:
            return False
    return True


def _same_targets(targets: tuple[Target, ...], before: list[Any]) -> bool:
    now = [[target.path, list(target.spec.dims), target.spec.dtype, list(target.chunks), list(target.slab)] for target in targets]
    return now == [[path, dims, dtype, chunks, slab] for path, dims, _, dtype, chunks, slab in before]


def _link(old: Path, new: Path, targets: list[tuple[Target, Box]]) -> None:
    for target, box in targets:
        link(old, new, target, {dim: span for dim, span in box.items() if dim in target.spec.dims})
