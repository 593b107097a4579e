"""Market data as scatflow sources."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from scatflow.contract import Source, digest, source
from scatflow.spec import ArraySpec, Coord
from scatflow_processes import sp500
from scatflow_processes.references import ARCH_DATA
from scatflow_processes.sources.ensemble import Region


@source("sp500", version=1, references=(ARCH_DATA,))
class SP500(Source):
    """Daily log-returns of the S&P 500 index, 1999-2018, one row per trading day.

    Dim ``time`` is by sample: the dates stay as its coordinate, frequencies are per trading day. The values
    are increments of the logarithm of the adjusted close. Needs the extra ``scatflow-processes[finance]``.

    Examples
    --------
    >>> SP500().describe().shape, SP500().describe().attrs["input"]
    ((5030,), 'increments')
    """

    def describe(self) -> ArraySpec:
        """Return the labelled array; the dates come from the package that carries the data."""
        dates, _ = _market()
        time = Coord(
            ("time",),
            dates,
            {
                "sampling": "index",
                "sampling_step": "trading_day",
                "axis": "T",
                "long_name": "day of the close",
            },
        )
        attrs = {"units": "1", "long_name": "daily log-return of the S&P 500", "input": "increments"}
        return ArraySpec(("time",), dates.shape, "float64", ((dates.size,),), {"time": time}, attrs, "sp500")

    def read(self, region: Region, variable: str | None = None) -> npt.NDArray[np.float64]:
        """Return the returns of ``region``, shape (time,)."""
        return _market().values[region.get("time", slice(None))].copy()

    def fingerprint(self, region: Region | None = None) -> str:
        """Return a digest of the data themselves, which another version of the package may revise."""
        dates, values = _market()
        return digest([*self.identity(), dates.astype(np.int64).tobytes().hex(), values.tobytes().hex()])


@lru_cache(maxsize=1)
def _market() -> sp500.ReturnSeries:
    returns = sp500.sp500_returns()
    for array in returns:
        array.setflags(write=False)
    return returns
