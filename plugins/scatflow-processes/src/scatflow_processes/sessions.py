"""Trading sessions: when a market is open, and to which session a moment belongs.

Sessions are walls: no bar, return or filter crosses them. Moments are int64 nanoseconds or datetime64[ns], in UTC.
"""

from __future__ import annotations

import datetime
import re
import zoneinfo
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scatflow_processes.prices import Dates, day

Moments = npt.NDArray[np.int64]


class Sessions(NamedTuple):
    """Sessions in order of time, which do not overlap.

    Attributes
    ----------
    opens, closes : ndarray of int64, shape (k,)
        Moments in ns since 1970 UTC, ``opens[i] < closes[i] <= opens[i + 1]``.
    """

    opens: Moments
    closes: Moments


def clock_time(text: str) -> int:
    """Return the minutes of a time of day since midnight, from "HH:MM" up to "24:00".

    Raises
    ------
    ValueError
        If it is no such time.

    Examples
    --------
    >>> clock_time("09:30"), clock_time("24:00")
    (570, 1440)
    """
    match = re.fullmatch(r"(\d\d):(\d\d)", text)
    minutes = int(match[1]) * 60 + int(match[2]) if match and int(match[2]) < 60 else -1
    if not 0 <= minutes <= 24 * 60:
        raise ValueError(f"a time of day must be written HH:MM, at most 24:00, got {text!r}")
    return minutes


def time_zone(name: str) -> zoneinfo.ZoneInfo:
    """Return a time zone by its IANA name.

    Raises
    ------
    ValueError
        If there is no such zone.

    Examples
    --------
    >>> time_zone("America/New_York").key
    'America/New_York'
    """
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f'a time zone must be an IANA name such as "America/New_York", got {name!r}') from error


def daily_sessions(first: int, last: int, opening: str = "00:00", closing: str = "24:00", timezone: str = "UTC") -> Sessions:
    """Return a session on every calendar day, weekends and holidays too, that touches the moments from first to last.

    Parameters
    ----------
    first, last : int
        Moments in ns since 1970 UTC.
    opening, closing : str
        Times of day on the clocks of the market, "HH:MM"; a closing not after the opening is that of the next day.
    timezone : str
        IANA name of the market's time zone; summer time is taken into account.

    Returns
    -------
    Sessions
        In UTC.

    Raises
    ------
    ValueError
        If a time of day or the zone is no such thing, or ``last`` lies before ``first``.

    Examples
    --------
    >>> import numpy as np
    >>> moment = int(np.datetime64("2024-03-10T18:00", "ns").astype(np.int64))  # clocks go forward on this day
    >>> sessions = daily_sessions(moment - 86400 * 10**9, moment, "09:30", "16:00", "America/New_York")
    >>> sessions.opens.astype("datetime64[ns]").astype("datetime64[m]").astype(str).tolist()
    ['2024-03-09T14:30', '2024-03-10T13:30']
    """
    zone, start, stop = time_zone(timezone), clock_time(opening), clock_time(closing)
    if last < first:
        raise ValueError("the last moment must not lie before the first")
    stop = stop if stop > start else stop + 24 * 60
    days = (datetime.datetime.fromtimestamp(moment // 10**9, zone).date() for moment in (first, last))
    begin, end = next(days) - datetime.timedelta(1), next(days)
    dates = [begin + datetime.timedelta(k) for k in range((end - begin).days + 1)]
    opens, closes = (np.array([_moment(date, minutes, zone) for date in dates], dtype=np.int64) for minutes in (start, stop))
    touched = closes >= first
    touched &= opens <= last
    return Sessions(opens[touched], closes[touched])


def _moment(date: datetime.date, minutes: int, zone: zoneinfo.ZoneInfo) -> int:
    days, rest = divmod(minutes, 24 * 60)
    time = datetime.time(rest // 60, rest % 60, tzinfo=zone)
    return int(datetime.datetime.combine(date + datetime.timedelta(days), time).timestamp()) * 10**9


def table_sessions(opens: npt.ArrayLike, closes: npt.ArrayLike) -> Sessions:
    """Return the sessions of a table of opening and closing moments (half days, holidays), in UTC.

    Raises
    ------
    ValueError
        If a moment is missing, a session closes before it opens, or sessions are not sorted or overlap; the text names the
        first one.

    Examples
    --------
    >>> table_sessions(["2024-07-03T13:30"], ["2024-07-03T17:00"]).closes.tolist()
    [1720026000000000000]
    """
    start: Dates = np.asarray(opens, dtype="datetime64[ns]")
    stop: Dates = np.asarray(closes, dtype="datetime64[ns]")
    if start.ndim != 1 or start.shape != stop.shape or not start.size:
        raise ValueError(f"sessions need as many openings as closings, got shapes {start.shape} and {stop.shape}")
    if np.isnat(start).any() or np.isnat(stop).any():
        raise ValueError(f"sessions must not be missing, first in row {int(np.argmax(np.isnat(start) | np.isnat(stop)))}")
    if not (start < stop).all():
        raise ValueError(f"sessions must open before they close, first broken at {day(start[int(np.argmin(start < stop))])}")
    apart = stop[:-1] <= start[1:]
    if not apart.all():
        raise ValueError(f"sessions must be sorted and must not overlap, first broken at {day(start[int(np.argmin(apart)) + 1])}")
    return Sessions(start.astype(np.int64), stop.astype(np.int64))


def session_of(times: Moments, sessions: Sessions) -> npt.NDArray[np.int64]:
    """Return the number of the session of every moment, -1 outside; openings and closings belong to it.

    A moment at which one session closes and the next opens belongs to the next.

    Examples
    --------
    >>> import numpy as np
    >>> session_of(np.array([9, 10, 20, 25, 30]), Sessions(np.array([10, 30]), np.array([20, 40]))).tolist()
    [-1, 0, 0, -1, 1]
    """
    number = np.searchsorted(sessions.opens, times, side="right") - 1
    return np.where((number >= 0) & (times <= sessions.closes[number]), number, -1)
