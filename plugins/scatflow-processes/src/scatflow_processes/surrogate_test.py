"""The surrogate test: is a statistic of data what it is by chance, given the properties that surrogates keep?

Each surrogate's statistics are kept on disk as soon as they are known, so a killed test goes on where it was.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from scatflow.contract import Operator, Source, canonical_json

if TYPE_CHECKING:
    import xarray as xr

    from scatflow_processes.operators.drawing import Drawing
    from scatflow_processes.sources.ensemble import Ensemble

Reals = npt.NDArray[np.float64]
Alternative = Literal["two-sided", "greater", "less"]
ALTERNATIVES = ("two-sided", "greater", "less")
_IDENTITY = "test.json"


def surrogate_test(
    statistic: Operator | Callable[[xr.DataArray], Any],
    data: xr.DataArray,
    surrogates: Drawing | Ensemble | None = None,
    n: int = 199,
    alternative: Alternative = "two-sided",
    ledger: str | os.PathLike[str] | None = None,
    label: str | None = None,
) -> xr.Dataset:
    """Test every coefficient of a statistic against its values on surrogates of the data.

    Parameters
    ----------
    statistic : Operator or callable
        An operator, or a function from a DataArray with the labels of ``data`` to a DataArray or number; ``functools.partial`` of an
        operator by name (``sf.ops.scattering``) is one. Of an operator's results that of its own name is tested.
    data : DataArray
        The data; read into memory.
    surrogates : Drawing or Ensemble, optional
        Operator that makes surrogates of the data, with its seed, whose parameters ``surrogates`` and ``first`` are set here; or a source of
        fields of the same shape, as of a model that was fitted. Default ``gaussian_model(phase_only=True)`` along the last dim,
        with the phases shared along all others.
    n : int, optional
        Number of surrogates, >= 1; p is a multiple of 1 / (n + 1).
    alternative : {"two-sided", "greater", "less"}
        Which values of the data's statistic count against chance.
    ledger : path, optional
        Folder that keeps the statistics of every surrogate. A test that finds some there, of the same data (with its coordinates),
        surrogates and statistic, computes the others only; more surrogates may be asked for later.
    label : str, optional
        Name of a statistic that is a function, by which the ledger knows it; default where it is defined, with its arguments if it is
        a ``functools.partial``. A lambda needs one; a function that has changed needs another: nothing else tells.

    Returns
    -------
    Dataset
        With the labels of the statistic: ``observed``; ``mean`` and ``std`` over surrogates; ``p``, by rank,
        ``(1 + number of surrogates at least as extreme) / (n + 1)``, two-sided twice the smaller of both tails and at most 1; ``q``, the
        false-discovery rate of Benjamini and Hochberg [2]_ over all finite p. NaN where the data's statistic or one of a surrogate is. Under the
        hypothesis that data and surrogates are exchangeable p is uniform on its values [1]_.

    Raises
    ------
    ValueError
        ``n`` or ``alternative`` is none, statistics of surrogates differ in dims or shape, the ledger is that of another test, or a lambda
        has no label for it.

    References
    ----------
    .. [1] J. Theiler et al., "Testing for nonlinearity in time series: the method of surrogate data", Physica D 58 (1992) 77,
       doi:10.1016/0167-2789(92)90102-S.
    .. [2] Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", J. R. Stat. Soc. B 57 (1995) 289,
       doi:10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> x = xr.DataArray(np.random.default_rng(0).standard_exponential(128), dims="time")
    >>> found = surrogate_test(lambda x: ((x - x.mean()) ** 3).mean() / x.std() ** 3, x, n=19)
    >>> float(found.p)
    0.1
    """
    if n < 1 or alternative not in ALTERNATIVES:
        raise ValueError(f"n must be >= 1 and alternative one of {', '.join(ALTERNATIVES)}, got {n} and {alternative!r}")
    data = data.compute()
    drawing = _drawing(surrogates, data)
    template = _evaluated(statistic, data)
    observed = np.asarray(template.values, dtype=np.float64)
    kept = None if ledger is None else _Ledger(Path(ledger), _identity(statistic, data, drawing, label))
    values = np.empty((n, *observed.shape))
    for index in range(n):
        found = None if kept is None else kept.read(index)
        if found is None:
            found = _of_surrogate(statistic, data, drawing, index, template)
            if kept is not None:
                kept.write(index, found)
        elif found.shape != observed.shape:
            raise ValueError(f"ledger {ledger} has statistics of shape {found.shape}, that of the data has {observed.shape}: the function "
                             "has changed; take another label and folder")  # fmt: skip
        values[index] = found
    p = rank_p(observed, values, alternative)
    import xarray as xr

    results = {"observed": observed, "mean": values.mean(axis=0), "std": values.std(axis=0, ddof=1) if n > 1 else np.nan * observed,
               "p": p, "q": false_discovery(p)}  # fmt: skip
    attrs = {"surrogates": drawing.name, "n": n, "seed": drawing.seed, "alternative": alternative}
    return xr.Dataset({name: template.copy(data=value).drop_attrs() for name, value in results.items()}, attrs=attrs)


def rank_p(observed: npt.ArrayLike, surrogates: npt.ArrayLike, alternative: Alternative = "two-sided") -> Reals:
    """Return the p-value of values by their rank among those of surrogates.

    Parameters
    ----------
    observed : array_like of float, shape (...)
        Statistics of the data.
    surrogates : array_like of float, shape (n, ...)
        Statistics of the surrogates.
    alternative : {"two-sided", "greater", "less"}
        As for :func:`surrogate_test`. Ties count as extreme.

    Returns
    -------
    ndarray of float64, shape (...)
        NaN where a value is.

    Raises
    ------
    ValueError
        There is no surrogate, or its statistics have another shape.

    Examples
    --------
    >>> rank_p(2.5, [0.0, 1.0, 2.0, 3.0], "greater").item(), rank_p(9.0, [0.0, 1.0, 2.0, 3.0]).item()
    (0.4, 0.4)
    """
    value, others = np.asarray(observed, dtype=np.float64), np.asarray(surrogates, dtype=np.float64)
    if others.ndim == 0 or len(others) == 0 or others.shape[1:] != value.shape:
        raise ValueError(f"surrogates must be at least one, each with statistics of shape {value.shape}; got shape {others.shape}")
    n = others.shape[0]
    greater = (1 + (others >= value).sum(axis=0)) / (n + 1)
    less = (1 + (others <= value).sum(axis=0)) / (n + 1)
    p = {"greater": greater, "less": less, "two-sided": np.minimum(1.0, 2 * np.minimum(greater, less))}[alternative]
    return np.where(np.isfinite(value) & np.isfinite(others).all(axis=0), p, np.nan)


def false_discovery(p: npt.ArrayLike) -> Reals:
    """Return the smallest false-discovery rate at which each p is called significant, over all that are finite.

    Parameters
    ----------
    p : array_like of float, shape (...)
        p-values; NaN are left out.

    Returns
    -------
    ndarray of float64, shape (...)

    Examples
    --------
    >>> false_discovery([0.01, 0.02, float("nan"), 0.9]).round(3).tolist()
    [0.03, 0.03, nan, 0.9]
    """
    from scipy import stats

    values = np.asarray(p, dtype=np.float64)
    q, finite = np.full(values.shape, np.nan), np.isfinite(values)
    if finite.any():
        q[finite] = stats.false_discovery_control(values[finite])
    return q


def _drawing(surrogates: Drawing | Ensemble | None, data: xr.DataArray) -> Drawing | Ensemble:
    """Return the operator that makes the surrogates."""
    if surrogates is not None:
        return surrogates
    from scatflow_processes.operators.gaussian import GaussianModel

    *others, last = map(str, data.dims)
    return GaussianModel(phase_only=True, dims=(last,), shared=tuple(others) or None)


def _evaluated(statistic: Any, data: xr.DataArray) -> xr.DataArray:
    """Return the statistic of data as a DataArray."""
    import xarray as xr

    from scatflow import apply

    found = apply(statistic, data) if isinstance(statistic, Operator) else statistic(data)
    if isinstance(statistic, Operator) and isinstance(found, xr.Dataset):
        found = found.get(statistic.name, found)  # beside it lie its band and numbers
    if isinstance(found, xr.Dataset):
        raise ValueError(f"the statistic has several results, {', '.join(map(str, found.data_vars))}; choose one in a function")
    return found.compute() if isinstance(found, xr.DataArray) else xr.DataArray(np.asarray(found, dtype=np.float64))


def _of_surrogate(statistic: Any, data: xr.DataArray, drawing: Drawing | Ensemble, index: int, template: xr.DataArray) -> Reals:
    """Return the statistics of one surrogate."""
    found = _evaluated(statistic, data.copy(data=_made(data, drawing, index)))
    if found.dims != template.dims or found.shape != template.shape:
        raise ValueError(
            f"the statistic of surrogate {index} has dims {dict(found.sizes)}, that of the data {dict(template.sizes)}"
        )
    return np.asarray(found.values, dtype=np.float64)


def _made(data: xr.DataArray, drawing: Drawing | Ensemble, index: int) -> npt.NDArray[Any]:
    """Return the values of one surrogate."""
    import xarray as xr

    from scatflow import apply

    if isinstance(drawing, Source):
        values: npt.NDArray[Any] = drawing.replace(realizations=index + 1).read({"realization": slice(index, index + 1)})[0]
        if values.shape != data.shape:
            raise ValueError(f"source {drawing.name} has fields of shape {values.shape}, the data {data.shape}; set its size")
        return values.astype(data.dtype, copy=False)
    made = apply(drawing.replace(surrogates=1, first=index), data)
    one = made["surrogates"] if isinstance(made, xr.Dataset) else made
    return np.asarray(one.isel(surrogate=0).transpose(*data.dims).values)


def _identity(statistic: Any, data: xr.DataArray, drawing: Drawing | Ensemble, label: str | None) -> str:
    """Return the text by which a ledger knows its test: all but the number of surrogates."""
    content = hashlib.blake2b(np.ascontiguousarray(data.values).tobytes(), digest_size=16)
    content.update(repr((data.dims, data.shape, str(data.dtype))).encode())
    for key, coord in sorted(data.coords.items(), key=str):
        content.update(repr((key, coord.dims, coord.values.tolist(), coord.attrs)).encode())
    name = label or _name(statistic)
    one = drawing.replace(realizations=1) if isinstance(drawing, Source) else drawing.replace(surrogates=1, first=0)
    return canonical_json({"version": 1, "statistic": name, "data": content.hexdigest(), "surrogates": one.token()})


def _name(statistic: Any) -> str:
    """Return the text that tells a statistic from others."""
    if isinstance(statistic, Operator):
        return statistic.token()
    if isinstance(statistic, functools.partial):
        return f"{_name(statistic.func)}{(statistic.args, sorted(statistic.keywords.items()))!r}"
    place = getattr(statistic, "__qualname__", type(statistic).__qualname__)
    if place.endswith("<lambda>"):
        raise ValueError("a ledger cannot tell one lambda from another; pass label=, or a function with a name")
    return f"{getattr(statistic, '__module__', '')}:{place}"


class _Ledger:
    """A folder with a file of statistics per surrogate; files appear whole or not at all."""

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

    def read(self, index: int) -> Reals | None:
        """Return the statistics of a surrogate, None where they are not known."""
        path = self._path(index)
        return np.asarray(np.load(path)) if path.exists() else None

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
