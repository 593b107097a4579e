"""The ledger of finished regions: numbered batches of receipts, written by the runner alone.

The array itself is no ledger: chunks equal to the fill value may be absent, and a shard counts as present after its
first inner write. A batch is written beside its place and renamed, so a crash costs at most the receipts in memory.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scatflow.errors import StoreError

#: Version of the ledger's files; readers accept older ones and refuse newer ones.
SCHEMA = 1


@dataclass(frozen=True)
class Receipt:
    """What a region task returns: which region of which stage, checksums of what it wrote, bytes, time, worker, and the
    fingerprint of the sources it read."""

    stage: int
    region: int
    part: str
    crc: tuple[int, ...]
    bytes: int
    seconds: float
    worker: str
    peak: int = 0
    inputs: str = ""

    @property
    def key(self) -> tuple[int, str, int]:
        """(stage, part, region): ``part`` is ``map``, ``partial`` or ``final``."""
        return (self.stage, self.part, self.region)


class Ledger:
    """Receipts of one plan in a result group."""

    def __init__(self, root: Path, plan_hash: str) -> None:
        self._folder = root / "_scatflow" / "ledger"
        self._plan = plan_hash
        self.receipts: dict[tuple[int, str, int], Receipt] = {}
        self._next = 0

    def load(self) -> None:
        """Read all batches of this plan; batches of another plan are an error, newer schemas too."""
        for file in sorted(self._folder.glob("*.json")) if self._folder.exists() else []:
            batch = json.loads(file.read_text())
            if batch["schema"] > SCHEMA:
                raise StoreError(f"ledger {file.name}", "was written by a newer scatflow", expected=f"schema {SCHEMA}", got=batch["schema"],
                                 remedy="Update scatflow, or start over with overwrite.")  # fmt: skip
            if batch["plan"] != self._plan:
                raise StoreError(f"ledger {file.name}", "belongs to another plan", expected=self._plan, got=batch["plan"])
            for entry in batch["receipts"]:
                receipt = Receipt(**{**entry, "crc": tuple(entry["crc"])})
                self.receipts[receipt.key] = receipt
            self._next = int(file.stem) + 1

    def append(self, receipts: Iterable[Receipt]) -> None:
        """Write one batch; nothing is written for no receipts."""
        batch = list(receipts)
        if not batch:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        document: dict[str, Any] = {"schema": SCHEMA, "plan": self._plan, "receipts": [asdict(receipt) for receipt in batch]}
        file = self._folder / f"{self._next:08d}.json"
        temporary = file.with_suffix(".partial")
        with open(temporary, "w") as handle:
            json.dump(document, handle)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, file)
        self._next += 1
        self.receipts.update((receipt.key, receipt) for receipt in batch)

    def forget(self, keys: Iterable[tuple[int, str, int]]) -> None:
        """Drop receipts in memory (regions whose checksum failed are done again)."""
        for key in keys:
            self.receipts.pop(key, None)
