"""Tables of prices, actions and sessions from csv and parquet files and data frames; those of arrays are in ``stored_prices``.

pandas and pyarrow are imported when a table is read; without them the error says what to install. What a table holds is
checked where its meaning is known, in ``prices``, ``actions`` and ``sessions``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from scatflow_processes.actions import Actions, checked_actions
from scatflow_processes.prices import YEARS, Dates, Matrix, Prices, checked_dates, checked_prices, day

Layout = Literal["wide", "long"]
Frame = Any

#: What reads a kind of file, by the end of its name, and what brings it.
_READERS = {
    (".csv", ".csv.gz", ".txt"): ("pandas", "scatflow-processes[finance]"),
    (".parquet", ".pq"): ("pyarrow", "scatflow[io]"),
    (".zarr",): ("zarr", "scatflow"),
    (".nc", ".nc4", ".h5", ".hdf5"): ("h5netcdf", "scatflow[io]"),
    (".npz",): ("numpy", "scatflow"),
}

#: A moment in text with its distance from UTC: the moment is the first group.
_OFFSET = r"^(.*\d\d:\d\d.*?)\s*(?:Z|[+-]\d\d(?::?\d\d)?)$"


def kind_of(path: str) -> str:
    """Return what reads a file: "pandas", "pyarrow", "zarr", "h5netcdf" or "numpy".

    Raises
    ------
    ValueError
        If the name has another end.
    ModuleNotFoundError
        If that package is not installed; the text holds the command that installs it.

    Examples
    --------
    >>> kind_of("prices.csv.gz")
    'pandas'
    """
    for ends, (package, extra) in _READERS.items():
        if path.rstrip("/").lower().endswith(ends):
            require(package, f"reading {path!r}", extra)
            return package
    known = ", ".join(end for ends in _READERS for end in ends)
    raise ValueError(f"a table's name must end in one of {known}, got {path!r}")


def require(package: str, purpose: str, extra: str) -> Any:
    """Return an optional package, imported.

    Raises
    ------
    ModuleNotFoundError
        If it is not installed; the text says what needs it and the command that installs it.

    Examples
    --------
    >>> require("no_such_package", "reading ticks", "scatflow[io]")
    Traceback (most recent call last):
    ModuleNotFoundError: reading ticks needs the package no_such_package: pip install "scatflow[io]"
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'{purpose} needs the package {package.partition(".")[0]}: pip install "{extra}"', name=error.name
        ) from error


def stamp(path: str) -> tuple[tuple[str, int, int], ...]:
    """Return name, size and modification time in ns of a file, or of every file of a store, in order of names.

    Raises
    ------
    ValueError
        If there is nothing at the path.
    """
    root = Path(path)
    if not root.exists():
        raise ValueError(f"file {path!r} does not exist; check the path")
    files = sorted(item for item in root.rglob("*") if item.is_file()) if root.is_dir() else [root]
    found = [(item, item.stat()) for item in files]
    return tuple((item.relative_to(root.parent).as_posix(), stat.st_size, stat.st_mtime_ns) for item, stat in found)


def read_frame(path: str, names: str | None = None) -> Frame:
    """Return a csv or parquet table as a pandas DataFrame; a parquet table's own index becomes a column where it has a name.

    Parameters
    ----------
    path : str
        The file.
    names : str, optional
        Column whose cells are texts even in a csv file where they look like numbers: 0005 stays as it is written.

    Raises
    ------
    ValueError
        If the file does not exist, is no such table, cannot be read, or has two columns of one name.
    ModuleNotFoundError
        If a package is missing.
    """
    kind = kind_of(path)
    stamp(path)
    if kind not in ("pandas", "pyarrow"):
        raise ValueError(f"a csv or parquet table is needed, got {path!r}")
    pandas = require("pandas", f"reading {path!r}", "scatflow-processes[finance]")
    try:
        frame = _csv(pandas, path, names) if kind == "pandas" else pandas.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"file {path!r} cannot be read as a table: {type(error).__name__}: {error}") from error
    return frame.reset_index() if frame.index.name is not None else frame


def _csv(pandas: Any, path: str, names: str | None) -> Frame:
    header = pandas.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False).iloc[0]
    twice = header[header.duplicated() & (header != "")]
    if twice.size:  # which pandas would quietly number
        raise ValueError(f"there are several columns {twice.iloc[0]!r}")
    return pandas.read_csv(path, dtype=None if names is None else {names: str})


def wide_prices(frame: Frame, date: str = "date", assets: Sequence[str] | None = None, date_format: str | None = None) -> Prices:
    """Return the prices of a table with one column per asset.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per date. Empty cells are no price.
    date : str
        Column, or name of the index, with the dates: moments, or text as ISO 8601. Moments with a time zone keep their wall
        time.
    assets : sequence of str, optional
        Columns to take; default all others.
    date_format : str, optional
        Format of dates that are text otherwise written, as ``datetime.strptime`` takes it.

    Returns
    -------
    Prices
        The sound table.

    Raises
    ------
    ValueError
        If a column is missing, a date or price is no such thing, or the table is not sound (``checked_prices``); the text
        names asset and date.

    Examples
    --------
    >>> import pandas as pd
    >>> wide_prices(pd.DataFrame({"date": ["2020-01-02", "2020-01-03"], "A": [1.0, 2.0], "B": [3.0, None]})).values.tolist()
    [[1.0, 2.0], [3.0, nan]]
    """
    frame = _flat(frame, date)
    when = checked_dates(frame_dates(frame[date], "the table", date_format), "the table")
    columns = frame.drop(columns=date).rename(columns=str)
    names = list(columns) if assets is None else list(assets)

    def values(name: str) -> Matrix:
        return _numbers(_column(columns, name), "prices", lambda k: (name, when[k]))

    return checked_prices(when, names, [values(name) for name in names])


def long_prices(
    frame: Frame,
    date: str = "date",
    asset: str = "asset",
    price: str = "price",
    assets: Sequence[str] | None = None,
    date_format: str | None = None,
) -> Prices:
    """Return the prices of a table with one row per asset and date.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows of one asset in order of dates; assets may alternate.
    date, asset, price : str
        Columns.
    assets : sequence of str, optional
        Those to take, in this order; default all, in the order in which they come.
    date_format : str, optional
        As for :func:`wide_prices`.

    Returns
    -------
    Prices
        At all dates that some asset has; NaN where another has no row.

    Raises
    ------
    ValueError
        As for :func:`wide_prices`; also if an asset's dates are not sorted or not unique.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"date": ["2020-01-02", "2020-01-02", "2020-01-03"], "asset": ["A", "B", "A"], "price": [1.0, 3.0, 2.0]}
    >>> long_prices(pd.DataFrame(rows)).values.tolist()
    [[1.0, 2.0], [3.0, nan]]
    """
    frame = _flat(frame, date)
    when, labels = frame_dates(frame[date], "the table", date_format), _texts(_column(frame, asset), asset)
    values = _numbers(_column(frame, price), "prices", lambda k: (labels[k], when[k]))
    first = dict.fromkeys(labels.tolist()) if assets is None else dict.fromkeys(assets)
    rows = {name: np.flatnonzero(labels == name) for name in first} if len(first) < 8 else _groups(labels, list(first))
    for name, index in rows.items():
        if not index.size:
            raise ValueError(f"the table has no row of asset {name!r}; assets: {', '.join(sorted(set(labels.tolist()))[:10])}")
        checked_dates(when[index], name)
    dates = np.unique(when[np.concatenate(list(rows.values()))])
    table = np.full((len(rows), dates.size), np.nan)
    for row, index in enumerate(rows.values()):
        table[row, np.searchsorted(dates, when[index])] = values[index]
    return checked_prices(dates, list(rows), table)


def _groups(labels: npt.NDArray[Any], names: Sequence[str]) -> Mapping[str, npt.NDArray[np.intp]]:
    """Return the rows of every name in the order of the table, in one pass however many names there are."""
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    left, right = (np.searchsorted(ordered, np.array(names), side=side) for side in ("left", "right"))
    return {name: order[a:b] for name, a, b in zip(names, left, right, strict=True)}


def frame_actions(frame: Frame, date: str = "date", asset: str = "asset", date_format: str | None = None) -> Actions:
    """Return the actions of a table with columns of date, asset and some of ``split``, ``factor``, ``dividend``.

    Raises
    ------
    ValueError
        If a column is missing or holds something else, or the table is not sound (``checked_actions``).

    Examples
    --------
    >>> import pandas as pd
    >>> frame_actions(pd.DataFrame({"date": ["2020-08-31"], "asset": ["AAPL"], "split": [4]})).splits.tolist()
    [4.0]
    """
    frame = _flat(frame, date)
    when, names = frame_dates(frame[date], "actions", date_format), _texts(_column(frame, asset), asset)
    columns = {
        f"{key}s": _numbers(_column(frame, key), f"{key}s", lambda k: (names[k], when[k]))
        for key in ("split", "factor", "dividend")
        if key in frame
    }
    return checked_actions(when, names.tolist(), **columns)


def frame_dates(column: Any, subject: str, date_format: str | None = None, timezone: str | None = None) -> Dates:
    """Return a column of dates as datetime64[ns]; text is ISO 8601 or as ``date_format`` says.

    Moments with a time zone keep their wall time: a day's close belongs to the day of the exchange, not to that of
    Greenwich. With ``timezone`` they are given in UTC, and those without a zone are wall times of that one.

    Raises
    ------
    ValueError
        If something in it is no date, one beyond nanoseconds since 1970 in 64 bits, or one that clocks of the time zone show twice
        or never; the text names the row.
    """
    pandas = require("pandas", "reading dates", "scatflow-processes[finance]")
    if not pandas.api.types.is_datetime64_any_dtype(column.dtype):
        column = _parsed(pandas, column, subject, date_format, utc=timezone is not None)
    if column.dt.tz is not None:
        column = (column if timezone is None else column.dt.tz_convert("UTC")).dt.tz_localize(None)
    elif timezone is not None:
        zoned = column.dt.tz_localize(timezone, ambiguous="NaT", nonexistent="NaT")
        _refuse_row(column, zoned.isna() & column.notna(), f"dates of {subject} must be clear, clocks of {timezone!r} show some twice "
                    "or never; store them with their time zone, or in UTC")  # fmt: skip
        column = zoned.dt.tz_convert("UTC").dt.tz_localize(None)
    outside = (column.dt.year < YEARS[0]) | (column.dt.year > YEARS[1])
    _refuse_row(column, outside, f"dates of {subject} must lie in the years {YEARS[0]} to {YEARS[1]}")
    dates: Dates = column.to_numpy(dtype="datetime64[ns]")
    return dates


def _parsed(pandas: Any, column: Any, subject: str, date_format: str | None, utc: bool) -> Any:
    """Return a column of text as moments, in UTC where they have a zone and ``utc`` asks for it, else as wall times."""
    if pandas.api.types.is_numeric_dtype(column.dtype) and date_format is None:
        raise ValueError(f"dates of {subject} must be moments or text, got numbers such as {column.iloc[0]}; date_format=")
    texts = column.astype("str")
    zoned = texts.str.match(_OFFSET) & column.notna() if date_format is None else column.notna() & ("%z" in date_format)
    if utc and zoned.any():
        _refuse_row(column, ~zoned & column.notna(), f"dates of {subject} must all have a time zone where one has")
    elif date_format is None and zoned.any():
        texts = texts.str.replace(_OFFSET, r"\1", regex=True)  # a year with summer time has two distances in one column
    parsed = pandas.to_datetime(texts, format=date_format or "ISO8601", errors="coerce", utc=utc and bool(zoned.any()))
    _refuse_row(column, parsed.isna() & column.notna(), f"dates of {subject} must be {date_format or 'ISO 8601'}", "; date_format=")
    return parsed


def _refuse_row(column: Any, wrong: Any, rule: str, remedy: str = "") -> None:
    """Raise ValueError for the first row that is wrong."""
    if wrong.any():
        row = int(np.argmax(wrong.to_numpy()))
        got = column.iloc[row]
        raise ValueError(f"{rule}, got {repr(got) if isinstance(got, str) else got} in row {row}{remedy}")


def _flat(frame: Frame, date: str) -> Frame:
    """Return the frame with its dates in a column."""
    if date not in frame and frame.index.name == date:
        frame = frame.reset_index()
    _column(frame, date)
    return frame


def _column(frame: Frame, name: str) -> Any:
    if name not in frame:
        raise ValueError(f"the table has no column {name!r}; columns: {', '.join(map(str, list(frame)[:10]))}")
    column = frame[name]
    if column.ndim > 1:
        raise ValueError(f"the table has several columns {name!r}")
    return column


def _texts(column: Any, name: str) -> npt.NDArray[Any]:
    if column.isna().any():
        raise ValueError(f"column {name!r} must not be empty, first in row {int(np.argmax(column.isna().to_numpy()))}")
    texts: npt.NDArray[Any] = column.astype("str").to_numpy(dtype=object).astype(str)
    return texts


def _numbers(column: Any, what: str, where: Callable[[int], tuple[str, np.datetime64]]) -> Matrix:
    """Return a column as float64, empty cells as NaN; what is no number is refused with the asset and date of its row."""
    pandas = require("pandas", f"reading {what}", "scatflow-processes[finance]")
    numbers = pandas.to_numeric(column, errors="coerce")
    wrong = (numbers.isna() & column.notna()).to_numpy()
    if wrong.any():
        row = int(np.argmax(wrong))
        name, date = where(row)
        raise ValueError(f"{what} must be numbers, got {column.iloc[row]!r} for {name} at {day(date)}")
    values: Matrix = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    return values
