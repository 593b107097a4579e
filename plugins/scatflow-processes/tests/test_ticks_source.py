"""The source ``bars``: files read piece by piece, regions, calendars, quotes, several names, and the engine."""

import os
import pickle
import sys
from pathlib import Path

import dask
import numpy as np
import pytest

from scatflow import Pipeline, ops
from scatflow.errors import DataError, ParameterError
from scatflow.labels import axis_of
from scatflow_processes import tickfile
from scatflow_processes.bars import tick_bars
from scatflow_processes.sessions import Sessions
from scatflow_processes.sources.ticks import Bars

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pq = pytest.importorskip("pyarrow.parquet")

S = 10**9
DAY = 86400 * S
FIRST = int(np.datetime64("2024-03-06T14:30", "ns").astype(np.int64))  # a Wednesday, 9:30 in New York
MARKET = {"opening": "09:30", "closing": "16:00", "timezone": "America/New_York"}


def write(path: Path, times: np.ndarray, rows: int = 500, tz: str | None = "UTC", **columns: object) -> str:
    table = pa.table({"time": pa.array(times, pa.timestamp("ns", tz)), **columns})
    pq.write_table(table, path, row_group_size=rows)
    return str(path)


def trades(rng: np.random.Generator, days: int, per_day: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Trades of some days, more of them and larger moves at both ends, before and after hours too."""
    inside = [FIRST + d * DAY + np.sort(rng.integers(-600 * S, 24000 * S, per_day)) for d in range(days)]
    times = np.concatenate(inside)
    prices = 100 * np.exp(np.cumsum(rng.standard_normal(times.size)) * 1e-4)
    return times, prices, rng.integers(1, 500, times.size)


@pytest.fixture
def path(tmp_path: Path, rng: np.random.Generator) -> str:
    times, prices, sizes = trades(rng, 3, 2000)
    return write(tmp_path / "trades.parquet", times, price=prices, size=sizes)


def parts(n: int) -> list[slice]:
    return [slice(None), slice(0, 1), slice(n // 3, n // 2), slice(n - 2, n), slice(3, n, 7), slice(4, 4)]


@pytest.mark.parametrize("bar", [{"size": 300.0}, {"bar": "tick", "size": 37.0}, {"bar": "volume", "size": 5000.0}], ids=str)
def test_files_give_the_bars_of_arrays_and_any_region_the_same(path: str, bar: dict) -> None:
    source = Bars(path=path, volume="size", **bar, **MARKET)
    table = pq.read_table(path)
    times = table["time"].cast(pa.int64()).to_numpy()
    opens = FIRST + np.arange(3) * DAY  # the change to summer time comes later
    sessions = Sessions(opens, opens + 23400 * S)
    expected = tick_bars(times, table["price"].to_numpy(), sessions, source.size, source.bar, volumes=table["size"].to_numpy())
    fields = {"returns": "returns", "price": "prices", "ticks": "ticks", "volume": "volumes", "overnight": "overnight"}
    for variable, field in fields.items():
        value = source.replace(variable=variable)
        spec, whole = value.describe(), getattr(expected, field)[0]
        assert (spec.dims, spec.shape, spec.dtype) == (("time",), whole.shape, whole.dtype.name)
        for region in parts(whole.size) if whole.size > 9 else [slice(None), slice(1, 2), slice(2, 3)]:
            found = value.read({"time": region})
            np.testing.assert_array_equal(found, whole[region])
            assert found.dtype == spec.dtype
    spec = source.describe()
    np.testing.assert_array_equal(spec.coords["time"].values.astype(np.int64), expected.grid.ends)
    np.testing.assert_array_equal(spec.coords["segment"].values, expected.grid.segments)
    assert axis_of(spec, "time").walls == tuple(expected.grid.edges[1:-1])
    assert spec.attrs["input"] == "increments"


def test_time_bars_of_a_session(path: str) -> None:
    spec = Bars(path=path, size=1800.0, **MARKET).describe()
    assert spec.shape == (3 * 13,)
    assert str(spec.coords["time"].values[0]) == "2024-03-06T15:00:00.000000000"
    assert spec.coords["session_bar"].values[-1] == 12
    axis = axis_of(spec, "time")
    assert (axis.kind, axis.unit) == ("index", "1800 s")
    night = Bars(path=path, size=1800.0, variable="overnight", **MARKET)
    assert night.describe().coords["time"].values.tolist()[0] == FIRST
    assert np.isnan(night.read({})).tolist() == [True, False, False]


def test_a_region_reads_the_row_groups_of_its_sessions_alone(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Bars(path=path, **MARKET)
    n = source.describe().shape[0]
    seen: list[int] = []
    real = tickfile.pieces

    def spy(*arguments: object) -> object:
        for group, ticks in real(*arguments):  # type: ignore[arg-type]
            seen.append(group)
            yield group, ticks

    monkeypatch.setattr("scatflow_processes.sources.ticks.pieces", spy)
    source.read({"time": slice(n - 10, n)})
    assert set(seen) == {8, 9, 10, 11}  # 12 groups of 500 rows, 4 a day
    assert n == 3 * 78


def test_quotes_and_their_middle(tmp_path: Path) -> None:
    times = FIRST + np.arange(4) * 400 * S
    path = write(tmp_path / "q.parquet", times, bid=[9.0, 10.0, 19.0, 21.0], ask=[11.0, 10.0, 21.0, 20.0])
    source = Bars(path=path, bid="bid", ask="ask", size=400.0, **MARKET)
    with pytest.raises(DataError, match=r"bid <= ask.*got price nan, volume 1 at 2024-03-06T14:50.*invalid=.drop"):
        source.read({})
    found = source.replace(invalid="drop").read({"time": slice(0, 3)})
    np.testing.assert_allclose(found, [0.0, np.log(2), 0.0], atol=1e-15)


def test_several_names(tmp_path: Path, rng: np.random.Generator) -> None:
    times, prices, _ = trades(rng, 2, 600)
    names = rng.choice(["B", "A", "C"], times.size)
    source = Bars(path=write(tmp_path / "t.parquet", times, price=prices, name=names), asset="name", **MARKET)
    spec = source.describe()
    assert spec.coords["asset"].values.tolist() == ["A", "B", "C"]
    assert spec.dims == ("asset", "time")
    whole = source.read({})
    for row, name in enumerate("ABC"):
        mine = names == name
        one = Bars(path=write(tmp_path / f"{name}.parquet", times[mine], price=prices[mine]), **MARKET).read({})
        np.testing.assert_array_equal(whole[row], one)
    np.testing.assert_array_equal(source.replace(assets=("C", "A")).read({"time": slice(9, 60)}), whole[[2, 0], 9:60])
    np.testing.assert_array_equal(source.read({"asset": slice(1, 2), "time": slice(9, 60)}), whole[1:2, 9:60])
    assert source.replace(bar="tick", size=5.0, assets=("B",)).describe().shape[0] == 1
    with pytest.raises(DataError, match="no asset 'D'; assets: A, B, C"):
        source.replace(assets=("D",)).describe()


def test_sessions_of_a_table(tmp_path: Path, path: str) -> None:
    opens = pd.to_datetime(FIRST + np.arange(4) * DAY, utc=True)
    lengths = pd.to_timedelta([23400, 12600, 23400, 23400], unit="s")
    table = pd.DataFrame({"open": opens.tz_convert("America/New_York"), "close": (opens + lengths).tz_convert("America/New_York")})
    table.to_csv(tmp_path / "sessions.csv", index=False)
    table.to_parquet(tmp_path / "sessions.parquet")
    for name in ("sessions.csv", "sessions.parquet"):
        spec = Bars(path=path, sessions=str(tmp_path / name)).describe()
        assert np.bincount(spec.coords["segment"].values).tolist() == [78, 42, 78]  # a half day; the last lies behind the file
    walls = table.apply(lambda column: column.dt.tz_localize(None))
    walls.to_csv(tmp_path / "walls.csv", index=False)
    walls.to_parquet(tmp_path / "walls.parquet")
    for name in ("walls.csv", "walls.parquet"):  # wall times of the market, as those of ticks are
        local = Bars(path=path, sessions=str(tmp_path / name), timezone="America/New_York").describe()
        np.testing.assert_array_equal(local.coords["time"].values, spec.coords["time"].values)
        with pytest.raises(DataError, match="is the time zone right"):
            Bars(path=path, sessions=str(tmp_path / name), timezone="Asia/Tokyo").describe()
    (tmp_path / "mixed.csv").write_text(
        "open,close\n2024-03-06 09:30-05:00,2024-03-06 16:00-05:00\n2024-03-07 09:30,2024-03-07 16:00\n"
    )
    with pytest.raises(
        DataError, match="dates of sessions must all have a time zone where one has, got '2024-03-07 09:30' in row 1"
    ):
        Bars(path=path, sessions=str(tmp_path / "mixed.csv")).describe()
    (tmp_path / "twice.csv").write_text("open,close\n2024-03-06 09:30,2024-03-06 16:00\n2024-11-03 01:30,2024-11-03 16:00\n")
    with pytest.raises(
        DataError, match=r"'America/New_York' show some twice or never; store them.*got 2024-11-03 01:30:00 in row 1"
    ):
        Bars(path=path, sessions=str(tmp_path / "twice.csv"), timezone="America/New_York").describe()
    table.rename(columns={"open": "opens"}).to_csv(tmp_path / "bad.csv")
    with pytest.raises(DataError, match=r"no column 'open'"):
        Bars(path=path, sessions=str(tmp_path / "bad.csv")).describe()


def test_a_session_without_ticks_is_a_gap_where_a_calendar_lists_it(tmp_path: Path, rng: np.random.Generator) -> None:
    times, prices, _ = trades(rng, 3, 400)
    there = (times < FIRST + DAY - 3600 * S) | (times > FIRST + 2 * DAY - 3600 * S)
    path = write(tmp_path / "t.parquet", times[there], price=prices[there])
    opens = pd.to_datetime(FIRST + np.arange(3) * DAY, utc=True)
    pd.DataFrame({"open": opens, "close": opens + pd.Timedelta(hours=6.5)}).to_csv(tmp_path / "s.csv", index=False)
    listed, seen = Bars(path=path, sessions=str(tmp_path / "s.csv")), Bars(path=path, **MARKET)
    middle = {"time": slice(78, 156)}
    assert np.isnan(listed.read(middle)).all()
    assert (listed.replace(variable="ticks").read(middle) == 0).all()
    assert np.isnan(listed.replace(variable="overnight").read({})).all()
    kept = np.r_[0:78, 156:234]
    np.testing.assert_array_equal(listed.read({})[kept], seen.read({}))
    assert np.isfinite(seen.replace(variable="overnight").read({})).tolist() == [False, True]


def test_wall_times_are_those_of_the_market(tmp_path: Path, path: str) -> None:
    table = pq.read_table(path)
    local = table["time"].cast(pa.timestamp("ns", "America/New_York"))
    walls = pa.compute.local_timestamp(local).cast(pa.int64()).to_numpy()
    naive = write(tmp_path / "naive.parquet", walls, tz=None, price=table["price"])
    np.testing.assert_array_equal(Bars(path=naive, **MARKET).read({}), Bars(path=path, **MARKET).read({}))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_wall_times_that_clocks_show_twice_or_never_are_refused(tmp_path: Path, unit: str) -> None:
    """In 2024 New York went forward at 2:00 on March 10 and back at 2:00 on November 3."""

    def bars(name: str, *moments: str) -> Bars:
        table = pa.table(
            {"time": pa.array(np.array(moments, f"datetime64[{unit}]"), pa.timestamp(unit)), "price": [1.0] * len(moments)}
        )
        pq.write_table(table, tmp_path / name)
        return Bars(path=str(tmp_path / name), timezone="America/New_York", size=1800.0)

    twice = bars("autumn.parquet", "2024-11-03T00:59:59", "2024-11-03T01:10:00", "2024-11-03T01:10:00")
    with pytest.raises(
        DataError, match=r"holds 2024-11-03T01:10:00, .*'America/New_York' show twice.*with their time zone, or in UTC"
    ):
        twice.describe()
    never = bars("spring.parquet", "2024-03-10T01:59:59", "2024-03-10T02:00:00", "2024-03-10T03:00:00")
    with pytest.raises(DataError, match=r"holds 2024-03-10T02:00:00, .* show never.*is timezone= right"):
        never.describe()
    for name, last in (("a.parquet", "2024-11-03T02:00:00"), ("b.parquet", "2024-03-10T03:00:00")):
        day = last[:10]
        clear = bars(name, f"{day}T00:59:59", last)  # before and behind the hour there is no doubt
        hours = {"11": 25, "03": 23}[day[5:7]]
        assert clear.describe().shape == (2 * hours,)
        traded = np.flatnonzero(clear.replace(variable="ticks").read({}))
        assert traded.tolist() == [1, 5 if hours == 25 else 3]  # the bar that ends at 2:00 ends an hour later, or at once


def test_moments_with_their_zone_are_told_apart_in_the_repeated_hour(tmp_path: Path) -> None:
    first = int(np.datetime64("2024-11-03T05:10", "ns").astype(np.int64))  # 1:10 in New York, and 1:10 again an hour later
    times = first + np.array([0, 3600, 7200]) * S
    source = Bars(path=write(tmp_path / "t.parquet", times, price=[1.0, 2.0, 4.0]), size=3600.0, timezone="America/New_York")
    table = pa.table({"time": pa.array(times, pa.timestamp("ns", "America/New_York")), "price": [1.0, 2.0, 4.0]})
    pq.write_table(table, tmp_path / "z.parquet")
    for path in (source.path, str(tmp_path / "z.parquet")):
        zoned = source.replace(path=path)
        assert zoned.describe().shape == (25,)
        assert np.flatnonzero(zoned.replace(variable="ticks").read({})).tolist() == [1, 2, 3]
        np.testing.assert_allclose(zoned.read({})[1:4], [0.0, np.log(2), np.log(2)])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"price": "last"}, r"no column 'last'; columns: time, price, size"),
        ({"time": "size"}, "must hold moments"),
        ({"opening": "03:00", "closing": "04:00"}, "no tick lies inside a session"),
        ({"size": 1e6}, r"no bar of 1e\+06 s fits"),
        ({"bar": "tick", "size": 1e6}, r"one tick bar of 1e\+06"),
        ({"asset": "price", "assets": ("X",)}, "no asset 'X'"),
    ],
)
def test_bad_requests(path: str, change: dict, match: str) -> None:
    with pytest.raises(DataError, match=match):
        Bars(path=path, **{**MARKET, **change}).describe()


def test_bad_ticks_are_named(tmp_path: Path) -> None:
    times = FIRST + np.array([0, 10, 5]) * S
    with pytest.raises(DataError, match=r"order of time, first broken at 2024-03-06T14:30:05"):
        Bars(path=write(tmp_path / "a.parquet", times, price=[1.0, 2.0, 3.0])).describe()
    with pytest.raises(DataError, match="order of time"):
        Bars(path=write(tmp_path / "b.parquet", times, rows=2, price=[1.0, 2.0, 3.0])).describe()
    path = write(tmp_path / "c.parquet", np.sort(times), price=[1.0, -2.0, 3.0], name=["A", "B", "A"])
    with pytest.raises(DataError, match=r"got price -2, volume 1 at 2024-03-06T14:30:05 for B"):
        Bars(path=path, asset="name").read({})
    with pytest.raises(DataError, match="holds no tick"):
        Bars(path=write(tmp_path / "d.parquet", times[:0], price=np.zeros(0))).describe()
    (tmp_path / "e.parquet").write_text("PAR")
    with pytest.raises(DataError, match="cannot be read as parquet"):
        Bars(path=str(tmp_path / "e.parquet")).describe()
    with pytest.raises(DataError, match="does not exist") as caught:
        Bars(path=str(tmp_path / "f.parquet")).fingerprint()
    assert caught.value.code == "StoreMissing"
    far = pa.array(np.array(["1600-01-01", "2024-01-01"], "datetime64[us]"), pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"time": far, "price": [1.0, 2.0]}), tmp_path / "h.parquet")
    with pytest.raises(DataError, match="out of bounds"):
        Bars(path=str(tmp_path / "h.parquet")).describe()
    holes = pa.array([FIRST, None], pa.timestamp("ns", "UTC"))
    pq.write_table(pa.table({"time": holes, "price": [1.0, 2.0]}), tmp_path / "g.parquet")
    with pytest.raises(DataError, match="must not be empty, 1 are"):
        Bars(path=str(tmp_path / "g.parquet")).describe()


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"bid": "bid"}, "bid and ask belong together"),
        ({"bar": "volume"}, "need volume="),
        ({"variable": "volume"}, "need volume="),  # numbers of ticks are no volumes
        ({"bar": "tick", "size": 2.5}, "whole number"),
        ({"bar": "tick", "size": 5.0, "asset": "name"}, "name one"),
        ({"assets": ("A",)}, "needs asset="),
        ({"asset": "name", "assets": ("A", "A")}, "bars.assets.*once each"),
        ({"size": 0.0}, "bars.size"),
        ({"timezone": "Mars"}, "IANA"),
        ({"opening": "9:30"}, "HH:MM"),
        ({"variable": "close"}, "bars.variable"),
        ({"invalid": "keep"}, "bars.invalid"),
    ],
)
def test_bad_parameters(parameters: dict, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        Bars(path="x.parquet", **parameters)


def test_identity(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Bars(path=path, **MARKET)
    assert pickle.loads(pickle.dumps(source)) == source
    before = source.fingerprint()
    assert before == source.fingerprint()
    os.utime(path, ns=(0, 10**9))
    assert source.fingerprint() != before
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "scatflow\[io\]"'):
        source.describe()


def test_through_the_engine_and_walls(tmp_path: Path, path: str) -> None:
    with dask.config.set(scheduler="synchronous"):
        lazy = Pipeline.from_source("bars", path=path, size=600.0, **MARKET).lazy()
        np.testing.assert_array_equal(lazy.values, Bars(path=path, size=600.0, **MARKET).read({}))
        sums = ops.cumsum(lazy, dims="time").values.reshape(3, 39)  # sums start anew behind walls
        np.testing.assert_allclose(sums, np.cumsum(lazy.values.reshape(3, 39), axis=1), atol=1e-15)
        result = Pipeline.from_source("bars", path=path, size=600.0, **MARKET).run(tmp_path / "out.zarr")
        (name,) = result.data_vars
        np.testing.assert_array_equal(result[name].values, lazy.values)
        assert result["segment"].values.max() == 2


def test_from_ticks_to_facts_by_sessions(tmp_path: Path, path: str) -> None:
    """Bars without their daily pattern are a result with its profile; statistics of it pair bars of one session alone."""
    graph = {
        "bars": {"process_id": "bars", "arguments": {"path": path, "size": 600.0, **MARKET}},
        "flat": {"process_id": "remove_intraday_pattern", "arguments": {"data": {"from_node": "bars"}}, "result": True},
    }
    with dask.config.set(scheduler="synchronous"):
        flat = Pipeline.from_document({"process_graph": graph}).run(tmp_path / "flat.zarr").compute()
    assert flat["profile"].sizes == {"slot": 39}
    np.testing.assert_allclose(
        flat["returns"] * flat["profile"].sel(slot=flat["session_bar"]), Bars(path=path, size=600.0, **MARKET).read({})
    )
    found = ops.leverage(flat["returns"], dims="time", lags=(1, 38), details=True)
    x = flat["returns"].values.reshape(3, 39)
    x = x - np.nanmean(x)
    by_hand = np.nanmean(x[:, :-1] * x[:, 1:] ** 2) / np.nanmean(x**2) ** 2
    np.testing.assert_allclose(found["leverage"][0], by_hand, rtol=1e-10)
    assert found["count"].values.tolist() == [(np.isfinite(x[:, :-1]) & np.isfinite(x[:, 1:])).sum(), np.isfinite(x[:, 0]).sum()]


def test_a_million_trades_in_bounded_memory(tmp_path: Path, rng: np.random.Generator) -> None:
    """Neither the file nor a session is ever held whole: 1e6 trades in 20 row groups, two sessions."""
    import tracemalloc

    n = 1_000_000
    times = np.sort(np.concatenate([FIRST + rng.integers(0, 23400 * S, n // 2), FIRST + DAY + rng.integers(0, 23400 * S, n // 2)]))
    prices = 100 * np.exp(np.cumsum(rng.standard_normal(n)) * 1e-5)
    path = write(tmp_path / "big.parquet", times, rows=50_000, price=prices)
    opens = np.array([FIRST, FIRST + DAY])
    expected = tick_bars(times, prices, Sessions(opens, opens + 23400 * S), 60.0)
    held = n * 16
    del times, prices
    pool, ordinary = pa.proxy_memory_pool(pa.default_memory_pool()), pa.default_memory_pool()
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        source = Bars(path=path, size=60.0, **MARKET)
        assert source.describe().shape == (780,)
        found = source.read({})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(ordinary)
    np.testing.assert_array_equal(found, expected.returns[0])
    assert 0 < pool.max_memory() < held / 4
    assert peak < held * 0.6
