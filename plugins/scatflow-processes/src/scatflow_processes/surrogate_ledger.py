"""What a surrogate test keeps on disk: the statistics of every surrogate that is through, and of which test they are."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scatflow.contract import Operator, Source, canonical_json
from scatflow_processes.pipeline_statistic import PipelineStatistic

if TYPE_CHECKING:
    import xarray as xr

    from scatflow_processes.operators.drawing import Drawing
    from scatflow_processes.sources.ensemble import Ensemble

Reals = npt.NDArray[np.float64]
_IDENTITY = "test.json"


class Ledger:
    """A folder with a file of statistics per surrogate; files appear whole or not at all.

    Parameters
    ----------
    folder : Path
        Made where it is not there.
    identity : str
        Of the test, by :func:`identity_of`.

    Raises
    ------
    ValueError
        The folder is that of another test.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        known = folder / _IDENTITY
        if not known.exists():
            self._put(known, identity.encode())
        elif (stored := known.read_text()) != identity:
            before, now = json.loads(stored), json.loads(identity)
            other = [key for key in now if before.get(key) != now[key]]
            raise ValueError(
                f"ledger {folder} is that of another test: other {', '.join(other)}; take another folder, or the same test"
            )

    def read(self, index: int, shape: tuple[int, ...]) -> Reals | None:
        """Return the statistics of a surrogate, None where they are not known; raises ValueError where they have another shape."""
        path = self._path(index)
        if not path.exists():
            return None
        found = np.asarray(np.load(path))
        if found.shape != shape:
            raise ValueError(f"ledger {self.folder} has statistics of shape {found.shape}, that of the data has {shape}: the function "
                             "has changed; take another label and folder")  # fmt: skip
        return found

    def write(self, index: int, values: Reals) -> None:
        """Keep the statistics of a surrogate."""
        buffer = io.BytesIO()
        np.save(buffer, values)
        self._put(self._path(index), buffer.getvalue())

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:09d}.npy"

    def _put(self, path: Path, content: bytes) -> None:
        descriptor, temporary = tempfile.mkstemp(dir=self.folder, suffix=".part")
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, path)


def identity_of(statistic: Any, data: xr.DataArray, surrogates: Drawing | Ensemble, label: str | None = None) -> str:
    """Return the text by which a ledger knows its test: all but the number of surrogates.

    Parameters
    ----------
    statistic, data, surrogates, label
        As for :func:`scatflow_processes.surrogate_test.surrogate_test`; lazy data are read once, in slabs along their first dim.

    Returns
    -------
    str
        JSON.

    Raises
    ------
    ValueError
        The statistic is a lambda without a label.

    Examples
    --------
    >>> import xarray as xr
    >>> from scatflow_processes.operators.surrogates import SignFlip
    >>> x = xr.DataArray([1.0, -2.0], dims="time")
    >>> same = identity_of(len, x.chunk(time=1), SignFlip(surrogates=9)) == identity_of(len, x, SignFlip())
    >>> same, identity_of(len, x, SignFlip(seed=1)) == identity_of(len, x, SignFlip())
    (True, False)
    """
    content = hashlib.blake2b(digest_size=16)
    for slab in _slabs(data):
        content.update(np.ascontiguousarray(slab.values).tobytes())
    content.update(repr((data.dims, data.shape, str(data.dtype))).encode())
    for key, coord in sorted(data.coords.items(), key=str):
        content.update(repr((key, coord.dims, coord.values.tolist(), coord.attrs)).encode())
    one = surrogates.replace(realizations=1) if isinstance(surrogates, Source) else surrogates.replace(surrogates=1, first=0)
    name = label or _name(statistic)
    return canonical_json({"version": 1, "statistic": name, "data": content.hexdigest(), "surrogates": one.token()})


def _slabs(data: xr.DataArray) -> Iterator[xr.DataArray]:
    """Yield parts along the first dim, one per chunk: their bytes in C order one after another are those of the whole."""
    if data.chunks is None or data.ndim == 0:
        yield data
        return
    stops = np.cumsum(data.chunks[0])
    for start, stop in zip([0, *stops], stops, strict=False):
        yield data[int(start) : int(stop)]


def _name(statistic: Any) -> str:
    """Return the text that tells a statistic from others."""
    if isinstance(statistic, Operator):
        return statistic.token()
    if isinstance(statistic, PipelineStatistic):
        return statistic.token
    if isinstance(statistic, functools.partial):
        return f"{_name(statistic.func)}{(statistic.args, sorted(statistic.keywords.items()))!r}"
    place = getattr(statistic, "__qualname__", type(statistic).__qualname__)
    if place.endswith("<lambda>"):
        raise ValueError("a ledger cannot tell one lambda from another; pass label=, or a function with a name")
    return f"{getattr(statistic, '__module__', '')}:{place}"
