"""Zarr in and out: sources, result stores, the ledger of finished regions."""

import zarr

from scatflow.store.disk import measure_io
from scatflow.store.grid import check_plan
from scatflow.store.ledger import Ledger, Receipt
from scatflow.store.notes import annotate
from scatflow.store.opened import source_of
from scatflow.store.result import (
    attributes,
    check_block,
    finish,
    link,
    link_state,
    open_result,
    plan_of,
    prepare,
    read,
    read_state,
    recover,
    set_state,
    shape_of,
    state,
    swap,
    write,
    write_state,
)
from scatflow.store.source import ZarrSource

__all__ = [
    "Ledger", "Receipt", "ZarrSource", "annotate", "attributes", "check_block", "check_plan", "finish", "link", "link_state", "measure_io", "open_result", "plan_of",
    "prepare", "read", "read_state", "recover", "set_state", "shape_of", "source_of", "state", "swap", "write", "write_state",
]  # fmt: skip

# zarr's threads multiply with Dask's; four of each is what one task can use (documented process setting).
zarr.config.set({"async.concurrency": 4, "threading.max_workers": 4})
