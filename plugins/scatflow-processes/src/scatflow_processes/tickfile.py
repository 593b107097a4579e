"""Parquet files of trades or quotes, read in order and piece by piece: a file is never held whole.

Row groups are read one after the other, of each a batch of rows at a time, and only the columns that are needed. Moments
become nanoseconds in UTC, quotes their middle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from scatflow_processes.bars import Ticks, check_order, told, unsound
from scatflow_processes.prices import day
from scatflow_processes.sessions import Moments, time_zone
from scatflow_processes.tables import require

#: Rows in memory at a time.
BATCH_ROWS = 1 << 16


@dataclass(frozen=True)
class TickFile:
    """Which columns of a parquet file mean what.

    Attributes
    ----------
    path : str
        The file.
    time : str
        Column of moments, not decreasing. Those without a time zone are wall times of ``timezone``, in which no hour is
        repeated or left out.
    price : tuple of str
        Column of prices, or those of bid and ask, whose middle is taken.
    volume, asset : str or None
        Columns of sizes and names.
    timezone : str
        IANA name.
    invalid : {"error", "drop"}
        What is done about ticks with a price <= 0, crossed quotes, volumes < 0, and what is not finite.
    """

    path: str
    time: str
    price: tuple[str, ...]
    volume: str | None
    asset: str | None
    timezone: str
    invalid: Literal["error", "drop"]

    def columns(self) -> list[str]:
        """Return the columns that are read."""
        return [self.time, *self.price, *(name for name in (self.volume, self.asset) if name is not None)]

    def open(self) -> Any:
        """Return the open ``pyarrow.parquet.ParquetFile``.

        Raises
        ------
        ValueError
            If the file is no parquet table or lacks a column.
        ModuleNotFoundError
            If pyarrow is not installed.
        """
        pyarrow, parquet = self.arrow("pyarrow"), self.arrow("pyarrow.parquet")
        try:
            opened = parquet.ParquetFile(self.path, pre_buffer=False)
        except (OSError, pyarrow.ArrowInvalid) as error:
            raise ValueError(f"file {self.path!r} cannot be read as parquet: {error}") from error
        known = opened.schema_arrow.names
        for name in self.columns():
            if name not in known:
                opened.close()
                raise ValueError(f"file {self.path!r} has no column {name!r}; columns: {', '.join(known)}")
        moments = opened.schema_arrow.field(self.time).type
        if not pyarrow.types.is_timestamp(moments):
            opened.close()
            raise ValueError(f"column {self.time!r} must hold moments (timestamp), got {moments}; cast it when the file is written")
        if opened.metadata.num_rows == 0:
            opened.close()
            raise ValueError(f"file {self.path!r} holds no tick")
        return opened

    def moments(self, column: Any) -> Moments:
        """Return a column of moments as int64 ns in UTC; ValueError names one that is missing or no moment of its zone."""
        pyarrow, compute = self.arrow("pyarrow"), self.arrow("pyarrow.compute")
        if column.null_count:
            raise ValueError(f"column {self.time!r} must not be empty, {column.null_count} are")
        if column.type.tz is None:
            column = self._zoned(column, compute)
        whole = column.cast(pyarrow.timestamp("ns", "UTC"))  # years beyond 1677 to 2262 are refused
        times: Moments = whole.cast(pyarrow.int64()).to_numpy(zero_copy_only=False)
        return times

    def _zoned(self, column: Any, compute: Any) -> Any:
        """Return wall times with their zone; those that its clocks show twice, or never, are refused, not guessed."""
        time_zone(self.timezone)
        early, late = (
            compute.assume_timezone(column, self.timezone, ambiguous=end, nonexistent=end) for end in ("earliest", "latest")
        )
        unclear = compute.not_equal(early, late)
        if compute.any(unclear).as_py():
            row = compute.index(unclear, True).as_py()
            apart = late[row].value - early[row].value  # an hour, or a unit of time before and after what is left out
            what = "twice, when they are put back" if apart > 1 else "never, when they are put forward"
            moment = np.datetime64(column[row].value, column.type.unit)
            raise ValueError(f"column {self.time!r} holds {day(moment)}, which the clocks of {self.timezone!r} show {what}; "
                             "is timezone= right? Else store moments with their time zone, or in UTC")  # fmt: skip
        return early

    def arrow(self, module: str) -> Any:
        """Return a module of pyarrow; ModuleNotFoundError says what to install."""
        return require(module, f"reading {self.path!r}", "scatflow[io]")


def span(file: TickFile) -> tuple[int, int]:
    """Return the first and the last moment of a file; reads the moments of two row groups.

    Raises
    ------
    ValueError
        As :meth:`TickFile.open`.
    """
    with file.open() as opened:
        found = []
        for group in (0, opened.num_row_groups - 1):
            pieces = [file.moments(batch.column(0)) for batch in opened.iter_batches(BATCH_ROWS, [group], [file.time])]
            found += [int(pieces[0][0]), int(pieces[-1][-1])]
    return min(found), max(found)


def asset_names(file: TickFile) -> tuple[str, ...]:
    """Return the names of all assets of a file, sorted; reads that column once, piece by piece.

    Raises
    ------
    ValueError
        As :meth:`TickFile.open`, or if a name is missing.
    """
    if file.asset is None:
        return ("",)
    names: set[str] = set()
    with file.open() as opened:
        for batch in opened.iter_batches(BATCH_ROWS, columns=[file.asset]):
            column = batch.column(0)
            if column.null_count:
                raise ValueError(f"column {file.asset!r} must not be empty, {column.null_count} are")
            names.update(map(str, column.unique().to_pylist()))
    return tuple(sorted(names))


def pieces(file: TickFile, names: Sequence[str], groups: Sequence[int] | None = None) -> Iterator[tuple[int, Ticks]]:
    """Yield the ticks of some assets in order, with the number of the row group that they are of.

    Parameters
    ----------
    file : TickFile
        What to read.
    names : sequence of str
        Assets by number; ticks of others are left out. Of a file without a column of names all are number 0.
    groups : sequence of int, optional
        Row groups; default all.

    Raises
    ------
    ValueError
        As :meth:`TickFile.open`; also if moments decrease, or, unless invalid ticks are dropped, at the first tick whose
        price is not finite and > 0, whose bid exceeds its ask or whose volume is negative, with asset and moment.
    """
    before: int | None = None
    with file.open() as opened:
        for group in range(opened.num_row_groups) if groups is None else groups:
            for batch in opened.iter_batches(BATCH_ROWS, [group], file.columns()):
                ticks = _ticks(file, batch, names)
                if ticks.times.size:
                    check_order(ticks.times, before)
                    before = int(ticks.times[-1])
                yield group, _sound(file, ticks, names)


def _ticks(file: TickFile, batch: Any, names: Sequence[str]) -> Ticks:
    """Return the ticks of the assets wanted, sound or not; crossed quotes have the price NaN."""
    pyarrow, compute = file.arrow("pyarrow"), file.arrow("pyarrow.compute")
    times = file.moments(batch.column(file.time))
    sides = [_floats(batch.column(name)) for name in file.price]
    price = sides[0]
    if len(sides) == 2:
        both = (sides[0] > 0) & (sides[0] <= sides[1])  # a side of 0 is no quote
        price = np.where(both, (sides[0] + sides[1]) / 2, np.nan)
    volume = np.ones(times.size) if file.volume is None else _floats(batch.column(file.volume))
    if file.asset is None:
        return Ticks(times, np.zeros(times.size, dtype=np.int64), price, volume)
    texts = batch.column(file.asset).cast(pyarrow.string())
    found = compute.index_in(texts, value_set=pyarrow.array(list(names), pyarrow.string()))
    number = found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    wanted = number >= 0
    return Ticks(times, number, price, volume).take(wanted)


def _floats(column: Any) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = column.cast("float64", safe=False).to_numpy(zero_copy_only=False)
    return values


def _sound(file: TickFile, ticks: Ticks, names: Sequence[str]) -> Ticks:
    wrong = unsound(ticks)
    if not wrong.any():
        return ticks
    if file.invalid == "error":
        row = int(np.argmax(wrong))
        name = names[ticks.assets[row]]
        raise ValueError(f"ticks must have prices > 0, bid <= ask and volumes >= 0, {told(ticks, row)}"
                         f'{f" for {name}" if name else ""}; invalid="drop" leaves such ticks out')  # fmt: skip
    return ticks.take(~wrong)
