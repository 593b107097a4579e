"""Descriptive attributes of a whole result, such as title and history, beside those of the job."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr

#: Attributes that begin like this belong to the job.
OWN = "scatflow"


def annotate(path: str | Path, attrs: Mapping[str, Any]) -> None:
    """Add attributes to a complete result; those of the job are left as they are."""
    group = zarr.open_group(Path(path), mode="r+", use_consolidated=False)
    group.attrs.update({key: _json(value) for key, value in attrs.items() if not key.startswith(OWN)})
    with warnings.catch_warnings():
        # Format 3 has no consolidation in its specification yet, and the ledger's files are no zarr nodes.
        warnings.simplefilter("ignore", zarr.errors.ZarrUserWarning)
        zarr.consolidate_metadata(Path(path))


def _json(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    return value.decode(errors="replace") if isinstance(value, bytes) else value
