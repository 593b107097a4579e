"""The source ``returns``: files of every kind give the same numbers, mistakes are named, the engine takes them."""

import importlib.util
import os
import pickle
import sys
from pathlib import Path

import dask
import numpy as np
import pytest

from scatflow import Pipeline, ops
from scatflow.arrays import prepared_cache
from scatflow.contract import Source
from scatflow.errors import DataError, ParameterError
from scatflow.labels import axis_of
from scatflow_processes.markets import stock_prices
from scatflow_processes.prices import Returns, price_returns
from scatflow_processes.sources.markets import SP500, VIX, WTI, Nasdaq, SP500Stocks
from scatflow_processes.sources.panel import as_array, panel_spec
from scatflow_processes.sources.returns import TableReturns
from scatflow_processes.stylized_facts import leverage
from scatflow_processes.tables import long_prices, wide_prices

pd = pytest.importorskip("pandas")
xr = pytest.importorskip("xarray")

DATES = pd.bdate_range("2020-01-02", periods=8, name="date")
LOGS = np.cumsum(np.random.default_rng(0).standard_normal((8, 3)) * 0.02, axis=0)


@pytest.fixture
def wide() -> "pd.DataFrame":
    return pd.DataFrame(100 * np.exp(LOGS), index=DATES, columns=["A", "B", "C"])


@pytest.fixture
def long(wide: "pd.DataFrame") -> "pd.DataFrame":
    rows = wide.rename_axis(columns="asset").stack().rename("price").reset_index()
    return rows


EXPECTED = np.diff(LOGS, axis=0).T


def test_every_kind_of_file_gives_the_same_returns(tmp_path: Path, wide: "pd.DataFrame", long: "pd.DataFrame") -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip("h5netcdf")
    wide.to_csv(tmp_path / "wide.csv")
    wide.to_csv(tmp_path / "wide.csv.gz")
    wide.to_parquet(tmp_path / "wide.parquet")
    long.to_csv(tmp_path / "long.csv", index=False)
    long.to_parquet(tmp_path / "long.parquet")
    array = xr.DataArray(wide.to_numpy(), dims=("date", "asset"), coords={"date": DATES, "asset": list("ABC")}, name="close")
    array.to_dataset().to_zarr(tmp_path / "p.zarr", zarr_format=2)
    array.to_dataset().to_netcdf(tmp_path / "p.nc", engine="h5netcdf")
    np.savez(tmp_path / "p.npz", date=DATES.to_numpy(), asset=list("ABC"), close=wide.to_numpy())
    np.savez_compressed(
        tmp_path / "text.npz", date=DATES.strftime("%Y-%m-%d").to_numpy(dtype=str), asset=list("ABC"), close=wide.to_numpy()
    )
    for name in ("wide.csv", "wide.csv.gz", "wide.parquet", "long.csv", "long.parquet", "p.zarr", "p.nc", "p.npz", "text.npz"):
        source = TableReturns(path=str(tmp_path / name), layout="long" if "long" in name else "wide")
        spec = source.describe()
        assert (spec.dims, spec.shape, spec.dtype) == (("asset", "time"), (3, 7), "float64")
        assert spec.coords["asset"].values.tolist() == ["A", "B", "C"]
        np.testing.assert_array_equal(spec.coords["time"].values, DATES[1:].to_numpy("datetime64[ns]"))
        np.testing.assert_allclose(source.read({}), EXPECTED, atol=1e-13)
        some = source.replace(assets=("C", "A")).read({"time": slice(2, 5)})
        np.testing.assert_array_equal(some, source.read({})[[2, 0], 2:5])
    np.testing.assert_allclose(price_returns(wide_prices(wide)).values, EXPECTED, atol=1e-13)
    np.testing.assert_allclose(price_returns(long_prices(long)).values, EXPECTED, atol=1e-13)


def test_labels(tmp_path: Path, wide: "pd.DataFrame") -> None:
    path = tmp_path / "p.csv"
    wide.to_csv(path)
    spec = TableReturns(path=str(path)).describe()
    axis = axis_of(spec, "time")
    assert (axis.kind, axis.step, axis.unit, axis.walls) == ("index", 1.0, "trading_day", ())
    assert (spec.attrs["input"], spec.attrs["units"], spec.attrs["jump_count"]) == ("increments", "1", 0)
    assert "valid" not in spec.coords
    one = TableReturns(path=str(path), assets=("B",))
    assert (one.describe().dims, one.describe().attrs["asset"]) == (("time",), "B")
    np.testing.assert_allclose(one.read({}), EXPECTED[1], atol=1e-13)


def test_assets_that_alternate_and_differ_in_dates(tmp_path: Path) -> None:
    rows = {"date": ["2020-01-03", "2020-01-02", "2020-01-06", "2020-01-03"], "asset": list("ABAB"), "price": [1.0, 2.0, 3.0, 4.0]}
    pd.DataFrame(rows).to_csv(tmp_path / "p.csv", index=False)
    values = TableReturns(path=str(tmp_path / "p.csv"), layout="long").read({})
    np.testing.assert_allclose(values, [[np.nan, np.log(3)], [np.log(2), np.nan]])


def test_many_names_in_a_long_table() -> None:
    rng = np.random.default_rng(1)
    names, n = [f"N{k}" for k in range(40)], 30
    prices = np.exp(rng.standard_normal((n, 40)))
    rows = pd.DataFrame(prices, index=pd.bdate_range("2020-01-01", periods=n, name="date"), columns=names)
    melted = rows.reset_index().melt(id_vars="date", var_name="asset", value_name="price")
    shuffled = melted.iloc[np.argsort(melted["date"].to_numpy(), kind="stable")]
    for frame in (melted, shuffled):
        table = long_prices(frame)
        assert table.assets == tuple(names)
        np.testing.assert_array_equal(table.values, prices.T)


def test_gaps_calendar_actions_and_jumps(tmp_path: Path, wide: "pd.DataFrame") -> None:
    table = wide.copy()
    table.iloc[3:5, 1] = np.nan
    table.loc[DATES[6] :, "C"] /= 3
    table = table.drop(index=DATES[2])
    table.to_csv(tmp_path / "p.csv")
    pd.DataFrame({"date": DATES}).to_csv(tmp_path / "calendar.csv", index=False)
    pd.DataFrame({"date": [DATES[6], DATES[6]], "asset": ["C", "Z"], "split": [3, 2]}).to_csv(tmp_path / "a.csv", index=False)
    source = TableReturns(path=str(tmp_path / "p.csv"), calendar=str(tmp_path / "calendar.csv"))
    with pytest.raises(DataError, match=r"returns .*p.csv.*A has no price at 2020-01-06; 5 gaps in 3 of 3 assets"):
        source.describe()
    bridged = source.replace(gaps="bridge")
    spec = bridged.describe()
    assert spec.attrs["jumps"] == [f"C {DATES[6]:%Y-%m-%d} {EXPECTED[2, 5] - np.log(3):+.4f}"]
    assert spec.coords["valid"].dims == ("asset", "time")
    assert (~spec.coords["valid"].values).sum(axis=1).tolist() == [2, 4, 2]
    adjusted = bridged.replace(actions=str(tmp_path / "a.csv"))
    attrs = adjusted.describe().attrs
    assert (attrs["jump_count"], attrs["actions_applied"], attrs["actions_unused"]) == (0, 1, 1)
    np.testing.assert_allclose(adjusted.read({}).sum(axis=1), EXPECTED.sum(axis=1), atol=1e-13)
    masked = source.replace(gaps="mask")
    np.testing.assert_array_equal(np.isfinite(masked.read({})), masked.describe().coords["valid"].values)
    assert source.replace(gaps="drop").describe().shape == (3, 3)


@pytest.mark.parametrize(
    ("text", "options", "match"),
    [
        ("date,A\n2020-01-02,1\n2020-01-02,2\n", {}, "dates of the table must be unique, first broken at 2020-01-02"),
        ("date,A\n2020-01-03,1\n2020-01-02,2\n", {}, "sorted"),
        ("date,A\n2020-01-02,1\n,2\n", {}, "1 NaT"),
        ("date,A\n2020-01-02,1\n03.01.2020,2\n", {}, r"ISO 8601, got '03.01.2020' in row 1"),
        ("date,A\n2020-01-02,1\n9999-12-31,2\n", {}, "years 1678 to 2261, got 9999-12-31 00:00:00 in row 1"),
        ("date,A\n20200102,1\n20200103,2\n", {}, "got numbers such as 20200102"),
        ("date,A,B\n2020-01-02,1,1\n2020-01-03,2,x\n", {}, "numbers, got 'x' for B at 2020-01-03"),
        ("date,A,B\n2020-01-02,1,1\n2020-01-03,2,-1\n", {}, "got -1.0 for B at 2020-01-03"),
        ("day,A\n2020-01-02,1\n", {}, "no column 'date'; columns: day, A"),
        ("date,A\n2020-01-02,1\n2020-01-03,1\n", {"assets": ("B",)}, "no column 'B'"),
        ("date,asset,price\n2020-01-02,A,1\n", {"layout": "long", "assets": ("B",)}, "no row of asset 'B'; assets: A"),
        ("date,asset,price\n2020-01-03,B,1\n2020-01-03,A,1\n2020-01-02,A,1\n", {"layout": "long"}, "dates of A must be sorted"),
        ("date,asset,price\n2020-01-03,B,1\n2020-01-03,B,1\n", {"layout": "long"}, "dates of B must be unique.*2020-01-03"),
        ("date,asset,price\n2020-01-03,,1\n", {"layout": "long"}, "'asset' must not be empty, first in row 0"),
        ("date,A,B,A\n2020-01-02,1,1,1\n", {}, "several columns 'A'"),
        ("date,asset,price\n2020-01-03,A,0\n2020-01-04,A,1\n", {"layout": "long"}, "got 0.0 for A at 2020-01-03"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, options: dict, match: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(DataError, match=match):
        TableReturns(path=str(tmp_path / "p.csv"), **options).describe()


def test_files_that_are_no_tables(tmp_path: Path, wide: "pd.DataFrame") -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(DataError, match="does not exist"):
        TableReturns(path=str(tmp_path / "p.csv")).fingerprint()
    (tmp_path / "p.xls").write_text("")
    with pytest.raises(DataError, match=r"must end in one of .csv"):
        TableReturns(path=str(tmp_path / "p.xls")).describe()
    (tmp_path / "p.parquet").write_text("no parquet")
    with pytest.raises(DataError, match="cannot be read as a table"):
        TableReturns(path=str(tmp_path / "p.parquet")).describe()
    array = xr.DataArray(
        wide.to_numpy(), dims=("day", "asset"), coords={"day": DATES.to_numpy(), "asset": list("ABC")}, name="close"
    )
    array.to_dataset().to_zarr(tmp_path / "p.zarr", zarr_format=2)
    store = TableReturns(path=str(tmp_path / "p.zarr"))
    with pytest.raises(DataError, match="must have the dims 'date'"):
        store.describe()
    with pytest.raises(DataError, match="has no asset 'D'; assets: A, B, C"):
        store.replace(date="day", assets=("D",)).describe()
    with pytest.raises(DataError, match=r"variable= one of \['close'\], got 'open'"):
        store.replace(date="day", variable="open").describe()
    np.testing.assert_allclose(store.replace(date="day").read({}), EXPECTED, atol=1e-13)
    twice = tmp_path / "twice.zarr"
    array.assign_coords(asset=list("AAB")).to_dataset().to_zarr(twice, zarr_format=2)
    for assets in (None, ("B", "A")):  # which of the two is meant?
        with pytest.raises(DataError, match="unique, got 'A' more than once"):
            TableReturns(path=str(twice), date="day", assets=assets).describe()
    array.drop_vars("day").to_dataset().to_zarr(tmp_path / "q.zarr", zarr_format=2)
    with pytest.raises(DataError, match="must be moments, got numbers such as 0"):
        TableReturns(path=str(tmp_path / "q.zarr"), date="day").describe()


def test_arrays_of_numpy(tmp_path: Path, wide: "pd.DataFrame") -> None:
    path, dates, values = tmp_path / "p.npz", DATES.to_numpy(), wide.to_numpy()
    source = TableReturns(path=str(path))

    def save(**arrays: object) -> TableReturns:
        np.savez(path, **arrays)
        os.utime(path, ns=(0, path.stat().st_size))
        return source

    one = save(date=dates, B=values[:, 1])
    assert (one.describe().dims, one.describe().attrs["asset"]) == (("time",), "B")
    np.testing.assert_allclose(one.read({}), EXPECTED[1], atol=1e-13)
    two = save(day=dates, name=list("ABC"), open=values, close=values**2)
    with pytest.raises(DataError, match=r"array 'date' of dates, shape \(n,\), is needed; arrays: close, day, name, open"):
        two.describe()
    two = two.replace(date="day", asset="name")
    with pytest.raises(DataError, match=r"variable= one of \['close', 'open'\]"):
        two.describe()
    np.testing.assert_allclose(two.replace(variable="close", assets=("C", "A")).read({}), 2 * EXPECTED[[2, 0]], atol=1e-13)
    with pytest.raises(
        DataError, match=r"array 'close' must have one of the shapes \[\(8,\), \(8, 3\)\], a row per date, got \(3, 8\)"
    ):
        save(date=dates, asset=list("ABC"), close=values.T).describe()
    with pytest.raises(DataError, match=r"shapes \[\(8,\)\], .*got \(8, 3\)"):  # nobody knows the names
        save(date=dates, close=values).describe()
    with pytest.raises(DataError, match=r"got -1\.0 for B at 2020-01-06; 1 such in all; correct them"):
        save(date=dates, asset=list("ABC"), close=np.where(np.arange(24).reshape(8, 3) == 7, -1.0, values)).describe()
    with pytest.raises(DataError, match=r"Object arrays .*save names as text: np.array\(names, dtype=str\)"):
        save(date=dates, asset=np.array(list("ABC"), dtype=object), close=values).describe()
    path.write_text("no archive")
    with pytest.raises(DataError, match="cannot be opened"):
        source.describe()


def test_stores_of_one_asset_and_of_any_format(tmp_path: Path, wide: "pd.DataFrame") -> None:
    array = xr.DataArray(wide.to_numpy(), dims=("date", "asset"), coords={"date": DATES, "asset": list("ABC")}, name="close")
    array.sel(asset="B").to_dataset().to_zarr(tmp_path / "b.zarr", zarr_format=2)
    one = TableReturns(path=str(tmp_path / "b.zarr"))
    assert one.describe().attrs["asset"] == "B"
    np.testing.assert_array_equal(one.read({}), one.replace(assets=("B",)).read({}))
    array.sel(asset="B", drop=True).to_dataset().to_zarr(tmp_path / "close.zarr", zarr_format=2)
    assert TableReturns(path=str(tmp_path / "close.zarr")).describe().attrs["asset"] == "close"
    for zarr_format in (2, 3):
        path = tmp_path / f"{zarr_format}.zarr"
        names = array.assign_coords(asset=np.array(list("ABC"), dtype=object))  # format 3 has no type for texts of one length
        names.to_dataset().to_zarr(path, zarr_format=zarr_format, consolidated=False)
        np.testing.assert_allclose(TableReturns(path=str(path)).read({}), EXPECTED, atol=1e-13)


def test_names_of_a_csv_table_are_texts(tmp_path: Path) -> None:
    """A split of 0005 must meet the prices of 0005, in wide tables and in long ones."""
    (tmp_path / "wide.csv").write_text("date,0005\n2020-01-02,8\n2020-01-03,4\n")
    (tmp_path / "long.csv").write_text("date,asset,price\n2020-01-02,0005,8\n2020-01-03,0005,4\n")
    (tmp_path / "actions.csv").write_text("date,asset,split\n2020-01-03,0005,2\n")
    for layout in ("wide", "long"):
        source = TableReturns(path=str(tmp_path / f"{layout}.csv"), layout=layout, actions=str(tmp_path / "actions.csv"))
        attrs = source.describe().attrs
        assert (attrs["asset"], attrs["actions_applied"]) == ("0005", 1)
        np.testing.assert_allclose(source.read({}), 0, atol=1e-15)
    (tmp_path / "actions.csv").write_text("date,asset,split\n2020-01-03,0005,two\n")
    with pytest.raises(DataError, match="splits must be numbers, got 'two' for 0005 at 2020-01-03"):
        source.describe()


@pytest.mark.parametrize(
    "bad", [{"assets": ()}, {"assets": ("A", "A")}, {"gaps": "fill"}, {"layout": "tall"}, {"jump_threshold": 0.0}, {"paths": "x"}]
)
def test_bad_parameters(bad: dict) -> None:
    with pytest.raises(ParameterError, match=f"returns.{next(iter(bad))}"):
        TableReturns(path="p.csv", **bad)


def test_columns_with_one_name_are_refused() -> None:
    frame = pd.DataFrame([["2020-01-02", 1.0, 2.0]], columns=["date", "A", "A"])
    with pytest.raises(ValueError, match="several columns 'A'"):
        wide_prices(frame)
    with pytest.raises(ValueError, match="several columns '1'"):  # names are texts
        wide_prices(frame.set_axis(["date", "1", 1], axis=1))


def test_whole_numbers_and_missing_ones_in_any_dtype() -> None:
    frame = pd.DataFrame({"date": ["2020-01-02", "2020-01-03"], "A": [1, 2], "B": pd.array([1, None], "Int64"), "C": ["1.5", None]})
    np.testing.assert_array_equal(wide_prices(frame).values, [[1, 2], [1, np.nan], [1.5, np.nan]])


def test_dates_written_otherwise_and_with_time_zones(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("date,A\n02.01.2020,1\n03.01.2020,2\n")
    spec = TableReturns(path=str(tmp_path / "p.csv"), date_format="%d.%m.%Y").describe()
    assert str(spec.coords["time"].values[0])[:10] == "2020-01-03"
    (tmp_path / "q.csv").write_text("date,A\n20200102,1\n20200103,2\n")
    assert TableReturns(path=str(tmp_path / "q.csv"), date_format="%Y%m%d").describe().shape == (1,)
    # Text of a year with summer time has two distances from UTC.
    (tmp_path / "r.csv").write_text("date,A\n2020-01-02 00:00:00-05:00,1\n2020-07-01T00:00:00-0400,2\n2020-07-02T23:30:00.5Z,3\n")
    table = wide_prices(pd.read_csv(tmp_path / "r.csv"))
    assert [str(date)[:21] for date in table.dates] == ["2020-01-02T00:00:00.0", "2020-07-01T00:00:00.0", "2020-07-02T23:30:00.5"]
    frame = pd.DataFrame({"A": [1.0, 2.0]}, index=pd.date_range("2020-01-02", periods=2, tz="Asia/Tokyo", name="date"))
    assert str(wide_prices(frame).dates[0])[:10] == "2020-01-02"  # the day of the exchange, not that of Greenwich


def test_a_changed_file_has_another_fingerprint_and_other_values(tmp_path: Path, wide: "pd.DataFrame") -> None:
    path = tmp_path / "p.csv"
    wide.to_csv(path)
    source = TableReturns(path=str(path))
    before = source.fingerprint()
    assert source.fingerprint() == before == pickle.loads(pickle.dumps(source)).fingerprint()
    block = source.read({})
    block[:] = 0  # a reader's own copy
    (wide**2).to_csv(path)
    os.utime(path, ns=(0, 10**9))
    assert source.fingerprint() != before
    np.testing.assert_allclose(source.read({}), 2 * EXPECTED, atol=1e-13)


def test_a_missing_package_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p.parquet").write_text("")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ModuleNotFoundError, match=r'needs the package pyarrow: pip install "scatflow\[io\]"'):
        TableReturns(path=str(tmp_path / "p.parquet")).describe()


def test_through_the_engine(tmp_path: Path, wide: "pd.DataFrame") -> None:
    wide.to_csv(tmp_path / "p.csv")
    with dask.config.set(scheduler="synchronous"):
        lazy = Pipeline.from_source("returns", path=str(tmp_path / "p.csv"), gaps="mask").lazy()
        np.testing.assert_allclose(lazy.values, EXPECTED, atol=1e-13)
        assert lazy.coords["valid"].dims == ("asset", "time")
        masked = Pipeline.from_source("returns", path=str(tmp_path / "p.csv"), gaps="mask").run(tmp_path / "masked.zarr")
        assert masked["valid"].dtype == bool
        assert masked["valid"].values.all()
        array = as_array(price_returns(wide_prices(wide), "mask"))
        xr.testing.assert_equal(array, lazy.compute())
        np.testing.assert_allclose(ops.leverage(array, dims="time", lags=(1,)), leverage(EXPECTED, [1]), rtol=1e-11)
        graph = {
            "r": {"process_id": "returns", "arguments": {"path": str(tmp_path / "p.csv")}},
            "l": {
                "process_id": "leverage",
                "arguments": {"data": {"from_node": "r"}, "dims": ["time"], "lags": [1]},
                "result": True,
            },
        }
        result = Pipeline.from_document({"process_graph": graph}).run(tmp_path / "out.zarr")
        assert result["leverage"].sizes == {"asset": 3, "lag": 1}
        assert result["asset"].values.tolist() == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("source", "n", "first", "last"),
    [
        (SP500(), 5030, "1999-01-05", "2018-12-31"),
        (Nasdaq(), 5030, "1999-01-05", "2018-12-31"),
        (WTI(), 8320, "1986-01-03", "2019-01-03"),
        (VIX(), 1258, "2014-01-06", "2019-01-03"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_markets(source: Source, n: int, first: str, last: str) -> None:
    pytest.importorskip("arch")
    spec, path = source.describe(), source.replace(input="path")
    assert (spec.shape, spec.attrs["input"], path.describe().attrs["input"]) == ((n,), "increments", "path")
    assert [str(day)[:10] for day in spec.coords["time"].values[[0, -1]]] == [first, last]
    assert axis_of(path.describe(), "time").unit == "trading_day"
    np.testing.assert_allclose(np.diff(path.read({})), source.read({}), atol=1e-14)
    assert path.fingerprint() != source.fingerprint()
    with pytest.raises(ParameterError, match=f"{source.name}.input"):
        source.replace(input="level")


def test_leverage_of_the_market_and_what_the_mean_does_to_it() -> None:
    """The mean alone makes the difference between the often quoted numbers (``test_stylized_facts``) and those of demeaned returns.

    With drift m, <r r'^2> is that of demeaned returns plus m <r^2> to first order, so L(tau) is larger by m / <r^2>.
    """
    pytest.importorskip("arch")
    lags = [1, 2, 3, 4, 5]
    returns, levels = SP500().read({}), np.exp(SP500(input="path").read({}))
    drift = returns.mean() / (returns**2).mean()
    assert drift.round(2) == 0.98
    np.testing.assert_allclose(leverage(returns, lags, demean=False) - leverage(returns, lags), drift, atol=0.15)
    simple = levels[1:] / levels[:-1] - 1
    assert leverage(simple, lags).round().tolist() == [-30, -24, -20, -27, -21]
    assert leverage(simple, lags, demean=False).round().tolist() == [-29, -22, -19, -25, -20]


def test_stocks() -> None:
    if importlib.util.find_spec("skfolio") is None:  # it is never imported: its dependencies are large
        pytest.skip("the package skfolio, which carries the prices, is not installed")
    source = SP500Stocks()
    spec = source.describe()
    assert (spec.dims, spec.shape) == (("asset", "time"), (21, 8312))
    assert spec.coords["asset"].values[[0, -1]].tolist() == ["AAPL", "SP500"]
    assert [str(day)[:10] for day in spec.coords["time"].values[[0, -1]]] == ["1990-01-03", "2022-12-28"]
    values = source.read({})
    assert values[-1].sum() == pytest.approx(np.log(3783.22 / 359.69), abs=1e-12)
    some = source.replace(assets=("SP500", "KO"))
    np.testing.assert_array_equal(some.read({"time": slice(5, 9)}), values[[20, 9], 5:9])
    assert some.fingerprint() != source.fingerprint()
    with pytest.raises(ParameterError, match="once each"):
        source.replace(assets=("KO", "KO"))
    with pytest.raises(ParameterError, match=r"AAPL.*got 'APPL'.*Did you mean 'AAPL'"):
        source.replace(assets=("APPL",)).describe()


def test_stocks_without_their_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r'skfolio: pip install "scatflow-processes\[finance\]"'):
        stock_prices()


def test_tables_are_kept_within_the_byte_limit_of_the_process(tmp_path: Path, wide: "pd.DataFrame") -> None:
    wide.to_csv(tmp_path / "p.csv")
    source, cache = TableReturns(path=str(tmp_path / "p.csv")), prepared_cache()
    cache.clear()
    source.read({})
    assert cache.nbytes == 7 * 8 + 3 * 7 * (8 + 1)  # dates; returns and whether they are valid
    misses = cache.stats.misses
    assert source.read({}).flags.writeable
    assert source.describe().shape == (3, 7)
    assert cache.stats.misses == misses
    with pytest.raises(ValueError, match="read-only"):
        source._table().returns.values[:] = 0


def test_many_names_come_in_chunks_of_a_few_mebibytes() -> None:
    names, days = tuple(f"N{k}" for k in range(500)), pd.bdate_range("2000-01-03", periods=5030).to_numpy()
    spec = panel_spec(Returns(days, names, np.zeros((500, 5030)), np.ones((500, 5030), dtype=bool)), {})
    assert spec.chunks == ((208, 208, 84), (5030,))
