"""Zarr in and out: sources, result stores, the ledger of finished regions."""

from scatflow.store.ledger import Ledger, Receipt
from scatflow.store.result import finish, open_result, prepare, read, read_state, set_state, state, write, write_state
from scatflow.store.source import ZarrSource

__all__ = [
    "Ledger", "Receipt", "ZarrSource", "finish", "open_result", "prepare", "read", "read_state", "set_state", "state", "write",
    "write_state",
]  # fmt: skip
