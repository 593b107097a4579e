"""How returns of several assets look as a labelled array, whichever table they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator

from scatflow.spec import ArraySpec, Coord, chunk_lengths
from scatflow_processes.prices import Dates, Returns

#: Samples per chunk of assets, 8 MiB of float64: operators along time need it whole and take a dozen copies; 5000 names of twenty
#: years are 25 tasks.
_SAMPLES_PER_CHUNK = 1 << 20


def _each_once(assets: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if assets is not None and len(set(assets)) != max(1, len(assets)):
        raise ValueError("assets are named once each, and at least one")
    return assets


#: A parameter that says which assets are taken, in this order; None takes all.
Assets = Annotated[tuple[str, ...] | None, AfterValidator(_each_once)]


def session_axis(dates: Dates, step: str = "trading_day") -> Coord:
    """Return the coordinate of an axis by sample: the dates stay, frequencies are per ``step``."""
    attrs = {"sampling": "index", "sampling_step": step, "axis": "T", "long_name": "day of the close"}
    return Coord(("time",), dates, attrs)


def panel_spec(returns: Returns, attrs: Mapping[str, Any], step: str = "trading_day", validity: bool = False) -> ArraySpec:
    """Return the labels of returns: dims (asset, time), or time alone where there is one asset.

    Parameters
    ----------
    returns : Returns
        The data.
    attrs : mapping
        Attributes beside units and ``input``.
    step : str
        Name of a step along time.
    validity : bool
        Add the coordinate ``valid`` along the dims of the data.
    """
    many = len(returns.assets) > 1
    dims = ("asset", "time") if many else ("time",)
    coords = {"time": session_axis(returns.dates, step)}
    if many:
        coords["asset"] = Coord(("asset",), np.array(returns.assets), {"long_name": "asset"})
    if validity:
        valid = returns.valid if many else returns.valid[0]
        coords["valid"] = Coord(dims, valid, {"long_name": "the session and the one before had a price"})
    n = returns.dates.size
    rows = chunk_lengths(len(returns.assets), _SAMPLES_PER_CHUNK // n)
    labels = {"units": "1", "long_name": "log-return", "input": "increments", **({} if many else {"asset": returns.assets[0]})}
    shape, chunks = ((len(returns.assets), n), (rows, (n,))) if many else ((n,), ((n,),))
    return ArraySpec(dims, shape, "float64", chunks, coords, {**labels, **attrs}, "returns")


def as_array(returns: Returns, step: str = "trading_day") -> Any:
    """Return returns as the labelled array that the source ``returns`` delivers, for work in a notebook.

    Parameters
    ----------
    returns : Returns
        Of ``prices.price_returns``, from a data frame by ``tables.wide_prices`` or ``tables.long_prices``.
    step : str
        Name of a step along time.

    Returns
    -------
    xarray.DataArray
        Dims (asset, time), time alone for one asset; the coordinate ``valid`` tells where the session and the one before had
        a price.

    Examples
    --------
    >>> import pandas as pd
    >>> from scatflow_processes.prices import price_returns
    >>> from scatflow_processes.tables import wide_prices
    >>> frame = pd.DataFrame({"date": ["2020-01-02", "2020-01-03"], "A": [1.0, 2.0], "B": [2.0, 1.0]})
    >>> array = as_array(price_returns(wide_prices(frame)))
    >>> array.sel(asset="B").round(4).values.tolist(), array["time"].attrs["sampling"]
    ([-0.6931], 'index')
    """
    import xarray as xr

    spec = panel_spec(returns, {}, step, validity=True)
    coords = {name: (coord.dims, coord.values, dict(coord.attrs)) for name, coord in spec.coords.items()}
    return xr.DataArray(cut(returns, {}), dims=spec.dims, coords=coords, attrs=dict(spec.attrs), name=spec.name)


def cut(returns: Returns, region: Mapping[str, slice]) -> Any:
    """Return a copy of the values of ``region``, without the asset axis where there is one asset."""
    rows = returns.values if len(returns.assets) > 1 else returns.values[0]
    names = ("asset", "time")[-rows.ndim :]
    return rows[tuple(region.get(dim, slice(None)) for dim in names)].copy()
