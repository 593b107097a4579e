"""Sessions and bars on arrays: walls, the previous tick, clocks, and pieces that change nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scatflow_processes.bars import Bars, Collector, Grid, Surveyor, Ticks, check_size, tick_bars, time_grid
from scatflow_processes.sessions import Sessions, clock_time, daily_sessions, session_of, table_sessions, time_zone

S = 10**9


def moment(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


def texts(moments: np.ndarray) -> list[str]:
    return moments.astype("datetime64[ns]").astype("datetime64[m]").astype(str).tolist()


def test_sessions_follow_summer_time_and_cover_every_day() -> None:
    sessions = daily_sessions(moment("2024-10-31T00:00"), moment("2024-11-04T20:00"), "09:30", "16:00", "America/New_York")
    assert texts(sessions.opens) == [
        "2024-10-31T13:30",
        "2024-11-01T13:30",
        "2024-11-02T13:30",
        "2024-11-03T14:30",
        "2024-11-04T14:30",
    ]
    assert texts(sessions.closes)[2:4] == ["2024-11-02T20:00", "2024-11-03T21:00"]
    night = daily_sessions(moment("2024-01-02T12:00"), moment("2024-01-03T01:00"), "18:00", "17:00", "America/Chicago")
    assert texts(night.opens) == ["2024-01-02T00:00", "2024-01-03T00:00"]
    assert (night.closes - night.opens == 23 * 3600 * S).all()
    whole = daily_sessions(moment("2024-01-01T00:00"), moment("2024-01-02T00:00"))
    # The first moment is the closing of the day before, and closings belong to their session.
    assert texts(whole.opens) == ["2023-12-31T00:00", "2024-01-01T00:00", "2024-01-02T00:00"]
    np.testing.assert_array_equal(whole.closes[:-1], whole.opens[1:])


def test_edges_belong_to_sessions_and_shared_ones_to_the_next() -> None:
    sessions = Sessions(np.array([10, 20, 40]), np.array([20, 30, 50]))
    assert session_of(np.array([9, 10, 19, 20, 30, 31, 40, 50, 51]), sessions).tolist() == [-1, 0, 0, 1, 1, -1, 2, 2, -1]


@pytest.mark.parametrize("text", ["9:30", "09:60", "24:01", "25:00", "", "0930"])
def test_bad_times_of_day(text: str) -> None:
    with pytest.raises(ValueError, match="HH:MM"):
        clock_time(text)


def test_bad_sessions() -> None:
    for zone in ("Mars/Olympus", "../etc"):
        with pytest.raises(ValueError, match="IANA name"):
            time_zone(zone)
    with pytest.raises(ValueError, match="before the first"):
        daily_sessions(1, 0)
    days = [f"2024-01-0{k}T09:00" for k in (2, 3, 4)]
    ends = [f"2024-01-0{k}T17:00" for k in (2, 3, 4)]
    with pytest.raises(ValueError, match="open before they close, first broken at 2024-01-03T09:00"):
        table_sessions(days, [ends[0], days[1], ends[2]])
    with pytest.raises(ValueError, match="must not overlap, first broken at 2024-01-03"):
        table_sessions(days, ["2024-01-04T01:00", *ends[1:]])
    with pytest.raises(ValueError, match="missing, first in row 1"):
        table_sessions(days, [ends[0], "NaT", ends[2]])
    with pytest.raises(ValueError, match="as many openings as closings"):
        table_sessions(days, ends[:2])


TWO = Sessions(np.array([0, 1000]) * S, np.array([250, 1200]) * S)


def test_time_bars_by_hand() -> None:
    # 4 whole bars of 60 s in the first session (10 s are left over), 3 in the second.
    times = np.array([0, 60, 61, 190, 245, 500, 1070, 1180, 1200]) * S
    prices = np.array([1.0, 2.0, 3.0, 5.0, 7.0, 99.0, 11.0, 13.0, 17.0])
    bars = tick_bars(times, prices, TWO, 60.0, volumes=np.arange(1.0, 10.0))
    assert bars.grid.edges.tolist() == [0, 4, 7]
    assert (bars.grid.ends / S).tolist() == [60, 120, 180, 240, 1060, 1120, 1180]
    assert bars.grid.segments.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert bars.grid.slots.tolist() == [0, 1, 2, 3, 0, 1, 2]
    np.testing.assert_array_equal(bars.prices[0], [2, 3, 3, 5, np.nan, 11, 13])
    assert bars.ticks[0].tolist() == [2, 1, 0, 1, 0, 1, 1]
    assert bars.volumes[0].tolist() == [3, 3, 0, 4, 0, 7, 8]
    expected = np.log([2 / 1, 3 / 2, 1, 5 / 3, np.nan, 1, 13 / 11])
    np.testing.assert_allclose(bars.returns[0], expected, atol=1e-15)
    np.testing.assert_allclose(bars.overnight[0], [np.nan, np.log(11 / 7)])


def test_tick_and_volume_bars_by_hand() -> None:
    times = np.array([0, 1, 2, 3, 4, 1000, 1001, 1002]) * S
    prices = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 10.0, 20.0, 40.0])
    ticks = tick_bars(times, prices, TWO, 2, "tick")
    assert ticks.grid.edges.tolist() == [0, 2, 3]
    assert (ticks.grid.ends / S).tolist() == [1, 3, 1001]
    assert ticks.prices[0].tolist() == [2, 8, 20]
    np.testing.assert_allclose(ticks.returns[0], np.log([2, 4, 2]))
    np.testing.assert_allclose(ticks.overnight[0], [np.nan, np.log(10 / 16)])
    # Volumes 3 + 9 + 1: the second tick reaches 5 and 10, the third nothing more; 4 + 1 reach 5 in the second session.
    volume = tick_bars(times[:6], prices[:6], TWO, 5.0, "volume", volumes=[3.0, 9.0, 1.0, 1.0, 1.0, 5.0])
    assert volume.grid.edges.tolist() == [0, 3, 4]
    assert (volume.grid.ends / S).tolist() == [1, 1, 4, 1000]
    assert volume.prices[0].tolist() == [2, 2, 16, 10]
    assert volume.ticks[0].tolist() == [2, 0, 3, 1]
    assert volume.volumes[0].tolist() == [12, 0, 3, 5]


@st.composite
def records(draw: st.DrawFn) -> tuple[Ticks, Sessions]:
    """Ticks of two assets in and around a few sessions, many of them on their edges."""
    k = draw(st.integers(1, 4))
    gaps = draw(st.lists(st.integers(0, 20), min_size=k, max_size=k))
    lengths = draw(st.lists(st.integers(10, 40), min_size=k, max_size=k))
    opens = np.cumsum(np.array(gaps) + np.array([0, *lengths[:-1]]))
    sessions = Sessions(opens * S, (opens + lengths) * S)
    n = draw(st.integers(1, 60))
    times = np.sort(draw(st.lists(st.integers(0, int(opens[-1] + 50)), min_size=n, max_size=n)))
    seed = np.random.default_rng(draw(st.integers(0, 2**31)))
    return Ticks(times * S, seed.integers(0, 2, n), np.exp(seed.standard_normal(n)), seed.random(n) * 3), sessions


def collected(grid: Grid, ticks: Ticks, cuts: list[int]) -> Bars:
    collector = Collector(grid, 2)
    for start, stop in zip([0, *cuts], [*cuts, ticks.times.size], strict=True):
        collector.add(ticks.take(slice(start, stop)))
    return collector.bars()


def check_equal(found: Bars, expected: Bars) -> None:
    for name in ("returns", "prices", "ticks", "volumes", "overnight"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


@settings(max_examples=80, deadline=None)
@given(records(), st.sampled_from([("time", 5.0), ("tick", 2), ("volume", 1.5)]), st.data())
def test_pieces_and_parts_change_nothing(record: tuple[Ticks, Sessions], bar: tuple, data: st.DataObject) -> None:
    ticks, sessions = record
    clock, size = bar
    n, k = ticks.times.size, sessions.opens.size
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=3)))
    if clock == "time":
        grid = time_grid(sessions, size)
    else:
        whole, cut = Surveyor(clock, size, sessions), Surveyor(clock, size, sessions)
        whole.add(ticks)
        for start, stop in zip([0, *cuts], [*cuts, n], strict=True):
            cut.add(ticks.take(slice(start, stop)))
        try:
            grid = whole.grid()
        except ValueError:
            with pytest.raises(ValueError, match="no session has enough"):
                cut.grid()
            return
        np.testing.assert_array_equal(cut.grid().ends, grid.ends)
        np.testing.assert_array_equal(cut.grid().edges, grid.edges)
    expected = collected(grid, ticks, [])
    check_equal(collected(grid, ticks, cuts), expected)
    start = data.draw(st.integers(0, k - 1))
    stop = data.draw(st.integers(start + 1, k))
    before = int(np.searchsorted(ticks.times, sessions.opens[stop])) if stop < k else n
    part = collected(grid.part(start, stop), ticks.take(slice(before)), [])
    low, high = grid.edges[start], grid.edges[stop]
    np.testing.assert_array_equal(part.returns, expected.returns[:, low:high])
    np.testing.assert_array_equal(part.ticks, expected.ticks[:, low:high])
    np.testing.assert_array_equal(part.overnight[:, 1:], expected.overnight[:, start + 1 : stop])


@settings(max_examples=60, deadline=None)
@given(records())
def test_time_bars_are_the_previous_tick_of_their_own_session(record: tuple[Ticks, Sessions]) -> None:
    ticks, sessions = record
    grid = time_grid(sessions, 5.0)
    bars = collected(grid, ticks, [])
    number = session_of(ticks.times, sessions)
    for b, (end, s, slot) in enumerate(zip(grid.ends, grid.segments, grid.slots, strict=True)):
        for asset in (0, 1):
            mine = (ticks.assets == asset) & (number == s) & (ticks.times <= end)
            prices = ticks.prices[mine]
            inside = mine & ((ticks.times > end - 5 * S) | (slot == 0))
            assert bars.ticks[asset, b] == inside.sum()
            if prices.size:
                assert bars.prices[asset, b] == prices[-1]
                since = bars.returns[asset, (grid.segments == s) & (grid.slots <= slot)]
                assert np.nansum(since) == pytest.approx(np.log(prices[-1] / prices[0]), abs=1e-13)
            else:
                assert np.isnan(bars.prices[asset, b])
                assert np.isnan(bars.returns[asset, b])


def test_bars_never_look_over_a_wall() -> None:
    """Other ticks in the first session change nothing in the second but the return between them."""
    rng = np.random.default_rng(0)
    times = np.sort(rng.integers(0, 1200, 300)) * S
    prices = np.exp(np.cumsum(rng.standard_normal(300)) * 0.01)
    other = np.where(times < 600 * S, prices * 7, prices)
    a, b = (tick_bars(times, values, TWO, 10.0) for values in (prices, other))
    np.testing.assert_array_equal(a.returns[0, 25:], b.returns[0, 25:])
    np.testing.assert_allclose(a.returns[0, :25], b.returns[0, :25], atol=1e-13)
    assert b.overnight[0, 1] - a.overnight[0, 1] == pytest.approx(-np.log(7))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"prices": [1.0, 0.0]}, "got price 0, volume 1 at 1970-01-01T00:00:01"),
        ({"prices": [1.0, np.nan]}, "got price nan"),
        ({"volumes": [1.0, -1.0]}, "volume -1"),
        ({"times": np.array([1, 0]) * S}, "in order of time, first broken at 1970-01-01"),
        ({"prices": [1.0]}, "equally long"),
        ({"clock": "volume"}, "need volumes"),
        ({"clock": "dollar"}, r"\('time', 'volume', 'tick'\), got 'dollar'"),
        ({"size": 0.0}, "finite and > 0"),
        ({"size": 300.0}, "no bar of 300 s fits"),
        ({"clock": "tick", "size": 3}, "no session has enough for one tick bar of 3"),
        ({"size": 1e-10}, "whole number of nanoseconds"),
    ],
)
def test_bad_ticks(change: dict, match: str) -> None:
    arguments = {"times": np.array([0, 1]) * S, "prices": [1.0, 2.0], "sessions": TWO, "size": 60.0, **change}
    with pytest.raises(ValueError, match=match):
        tick_bars(**arguments)


def test_sizes() -> None:
    for clock, size in (("time", 0.001), ("time", 1 / 8), ("volume", 0.5), ("tick", 100)):
        check_size(clock, size)  # type: ignore[arg-type]
