"""``data convert``: real files of every format become labelled stores, or nothing is written."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr

import scatflow as sf
from cli.conftest import Program
from scatflow.errors import StoreError
from scatflow.registry.guard import Interrupted


@pytest.fixture
def weather() -> xr.Dataset:
    """Two variables with dates, single-precision coordinates, units, gaps and attributes of the whole file."""
    days = np.datetime64("2004-02-27", "ns") + np.arange(6) * np.timedelta64(1, "D")
    x = np.linspace(0, 1, 10, dtype="float32", endpoint=False)
    values = np.random.default_rng(0).standard_normal((6, 10)).astype("float32")
    values[2, 3] = np.nan
    return xr.Dataset(
        {
            "t2m": (("time", "lon"), values, {"units": "K", "long_name": "temperature"}),
            "count": (("time",), np.arange(6, dtype="int32"), {"units": "1"}),
        },
        coords={
            "time": ("time", days, {"sampling": "index", "sampling_step": "day"}),
            "lon": ("lon", x, {"units": "degree", "period": 1.0}),
            "station": ("lon", np.arange(10)),
        },
        attrs={"title": "weather & more", "history": "made by hand"},
    )


def result(path: Path) -> xr.Dataset:
    opened = sf.open_result(path)
    assert isinstance(opened, xr.Dataset) and opened.attrs["scatflow_state"] == "complete"
    return opened


def check(path: Path, expected: xr.Dataset) -> xr.Dataset:
    """Check values, labels, attributes and dtypes; return what was opened."""
    opened = result(path)
    attrs = {key: value for key, value in opened.attrs.items() if not key.startswith("scatflow")}
    xr.testing.assert_identical(opened.compute().assign_attrs(attrs).drop_attrs(deep=False), expected.drop_attrs(deep=False))
    assert attrs == expected.attrs
    for name in expected.variables:
        assert opened[name].dtype == expected[name].dtype, name
    return opened


@pytest.mark.parametrize("name", ["weather.nc", "weather.h5"])
def test_netcdf_and_hdf5(scatflow: Program, tmp_path: Path, weather: xr.Dataset, name: str) -> None:
    weather.to_netcdf(tmp_path / name, encoding={"t2m": {"_FillValue": -999.0, "zlib": True}}, engine="netcdf4")
    code, out, err = scatflow("data", "convert", name, "--quiet", "--verify")
    assert (code, err) == (0, "") and out.index("stage 0") < out.index("weather.zarr: complete")
    check(tmp_path / "weather.zarr", weather)


def test_the_result_is_repeated_by_its_own_record(scatflow: Program, tmp_path: Path, weather: xr.Dataset) -> None:
    weather.to_netcdf(tmp_path / "a.nc")
    assert scatflow("data", "convert", tmp_path / "a.nc", "--rename", "lon=x", "--rename", "t2m=T").code == 0
    opened = result(tmp_path / "a.zarr")
    again = sf.Pipeline.from_array(opened).lazy()
    xr.testing.assert_equal(again.compute(), opened.compute())
    xr.testing.assert_equal(again.T.compute(), weather.t2m.rename(lon="x").rename("T"))


def test_parquet_columns_become_variables(scatflow: Program, tmp_path: Path) -> None:
    days = pd.date_range("1999-01-04", periods=5, tz="US/Eastern")
    table = pd.DataFrame({"open": np.arange(5.0), "volume": np.arange(5), "symbol": list("abcde")}, index=days)
    table.to_parquet(tmp_path / "prices.parquet")
    assert scatflow("data", "convert", "prices.parquet", "--rename", "time=day").code == 0
    opened = result(tmp_path / "prices.zarr")
    assert sorted(map(str, opened.data_vars)) == ["open", "volume"] and opened.volume.dtype == "int64"
    np.testing.assert_array_equal(opened.day, days.tz_convert("UTC").tz_localize(None))
    assert opened.day.attrs["timezone"] == "UTC"
    table.reset_index(names="when").to_parquet(tmp_path / "flat.parquet")
    assert scatflow("data", "convert", "flat.parquet", "--variable", "open", "-p", "index=volume", "-p", "dim=row").code == 0
    opened = result(tmp_path / "flat.zarr")
    assert list(opened.data_vars) == ["open"]
    np.testing.assert_array_equal(opened.row, np.arange(5))


def version2(path: Path, weather: xr.Dataset) -> Path:
    """Write a store as zarr of format 2 does, compressed and packed."""
    encoding: dict[str, Any] = {
        "t2m": {"dtype": "int16", "scale_factor": 0.01, "_FillValue": -32768, "chunks": (2, 4)},
        "count": {"chunks": (2,)},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weather.to_zarr(path, zarr_format=2, encoding=encoding, consolidated=False)
    assert (path / "t2m" / ".zarray").exists()
    return path


def test_zarr_of_format_2(scatflow: Program, tmp_path: Path, weather: xr.Dataset) -> None:
    version2(tmp_path / "old.zarr", weather)
    with xr.open_zarr(tmp_path / "old.zarr", consolidated=False) as dataset:
        expected = dataset.compute()
    array = sf.open_source(tmp_path / "old.zarr", "t2m")
    assert array.chunks == ((2, 2, 2), (4, 4, 2)) and array.attrs["units"] == "K"
    np.testing.assert_array_equal(array, expected.t2m)
    assert scatflow("data", "convert", "old.zarr", "-o", "new.zarr", "--verify").code == 0
    check(tmp_path / "new.zarr", expected)
    assert json.loads((tmp_path / "new.zarr" / "t2m" / "zarr.json").read_text())["zarr_format"] == 3


def test_zarr_of_format_2_written_by_zarr_alone(scatflow: Program, tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "plain.zarr", mode="w", zarr_format=2)
    values = np.arange(12, dtype="float64").reshape(3, 4)
    stored = group.create_array("u", shape=(3, 4), chunks=(1, 4), dtype="f8", fill_value=None)
    stored[...] = values
    stored.attrs["_ARRAY_DIMENSIONS"] = ["time", "x"]
    assert scatflow("data", "convert", "plain.zarr", "-o", "u.zarr").code == 0
    np.testing.assert_array_equal(result(tmp_path / "u.zarr").u, values)


@pytest.mark.parametrize("stored", ["contiguous", "chunked"])
def test_chunks_asked_for_are_those_stored(scatflow: Program, tmp_path: Path, weather: xr.Dataset, stored: str) -> None:
    encoding = {"t2m": {"chunksizes": (3, 5)}} if stored == "chunked" else {}
    weather.to_netcdf(tmp_path / "a.nc", encoding=encoding)
    words = ("--chunks", "time=4", "--chunks", "longitude=2", "--rename", "lon=longitude")
    code, out, _ = scatflow("data", "convert", "a.nc", *words)
    assert code == 0 and "time=4 longitude=2" in out
    opened = check(tmp_path / "a.zarr", weather.rename(lon="longitude"))
    assert opened.t2m.encoding["chunks"] == (4, 2) and opened["count"].encoding["chunks"] == (4,)
    batches = [json.loads(path.read_text()) for path in (tmp_path / "a.zarr/_scatflow/ledger").glob("*.json")]
    assert sum(len(batch["receipts"]) for batch in batches) == 2 * 5 + 2


def test_one_piece_on_disk_is_read_in_blocks(
    scatflow: Program, tmp_path: Path, weather: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scatflow.cli.convert.BLOCK_BYTES", 2 * 10 * 4)
    weather.to_netcdf(tmp_path / "a.nc")
    code, out, _ = scatflow("data", "convert", "a.nc", "--variable", "t2m", "--region", "time=2")
    assert code == 0 and "time=2 lon=10" in out
    assert check(tmp_path / "a.zarr", weather[["t2m"]]).t2m.encoding["chunks"] == (2, 10)


def test_a_conversion_that_is_stopped_goes_on(
    scatflow: Program, tmp_path: Path, weather: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scatflow.store import result as stores

    weather.to_netcdf(tmp_path / "a.nc")
    write, writes = stores.write, []

    def stopped(*arguments: Any) -> int:
        if len(writes) == 3:
            raise Interrupted
        writes.append(arguments)
        return write(*arguments)

    words = ("data", "convert", "a.nc", "--chunks", "time=1")
    with monkeypatch.context() as patch:
        patch.setattr("scatflow.run.task.write", stopped)
        assert scatflow(*words).code == 75
    code, _, err = scatflow(*words, "--resume", "--verify")
    assert code == 0 and "started: 3 of 12" in err
    check(tmp_path / "a.zarr", weather)


def untouched(tmp_path: Path) -> bool:
    return not (tmp_path / "out.zarr").exists() and not (tmp_path / "out.zarr.partial").exists()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--variable", "t2n"), "Did you mean 't2m'"), (("--rename", "lonn=x"), "Did you mean 'lon'"),
        (("--rename", "lon=time"), "one name"), (("--rename", "t2m=station"), "one name"), (("--rename", "count=1"), "a name is a text"),
        (("--chunks", "x=3"), "has no dim 'x'"), (("--chunks", "time=0"), "positive"), (("-p", "grop=a"), "group"),
    ],
)  # fmt: skip
def test_names_that_are_not_there(
    scatflow: Program, tmp_path: Path, weather: xr.Dataset, words: tuple[str, ...], hint: str
) -> None:
    weather.to_netcdf(tmp_path / "a.nc")
    code, _, err = scatflow("data", "convert", "a.nc", "-o", "out.zarr", *words)
    assert code == 2 and hint in err and "Traceback" not in err
    assert untouched(tmp_path)


def test_texts_are_refused_with_the_command_for_the_rest(scatflow: Program, tmp_path: Path, weather: xr.Dataset) -> None:
    weather.assign(name=("lon", list("abcdefghij"))).to_netcdf(tmp_path / "a.nc")
    code, _, err = scatflow("data", "convert", "a.nc", "-o", "out.zarr")
    assert code == 2 and "name (" in err and "--variable t2m --variable count" in err and untouched(tmp_path)
    assert scatflow("data", "convert", "a.nc", "-o", "out.zarr", "--variable", "t2m", "--variable", "count").code == 0


def broken(kind: str, folder: Path, weather: xr.Dataset) -> Path:
    if kind == "missing":
        return folder / "nothing.nc"
    if kind == "truncated netcdf":
        weather.to_netcdf(folder / "a.nc")
        data = (folder / "a.nc").read_bytes()
        (folder / "a.nc").write_bytes(data[: len(data) // 2])
        return folder / "a.nc"
    if kind == "no table":
        (folder / "a.parquet").write_bytes(b"PAR1 and nothing else")
        return folder / "a.parquet"
    path = version2(folder / "a.zarr", weather)
    if kind == "truncated chunk":
        (path / "t2m" / "0.0").write_bytes(b"")
    elif kind == "no metadata":
        (path / ".zgroup").unlink()
    else:
        (path / "t2m" / ".zarray").write_text((path / "t2m" / ".zarray").read_text()[:40])
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "does not exist"), ("truncated netcdf", "cannot be read"), ("no table", "cannot be read as parquet"),
        ("truncated chunk", "truncated"), ("no metadata", "Is its metadata complete?"), ("truncated metadata", "cannot be opened as zarr"),
    ],
)  # fmt: skip
def test_broken_files_leave_nothing_behind(scatflow: Program, tmp_path: Path, weather: xr.Dataset, kind: str, words: str) -> None:
    path = broken(kind, tmp_path, weather)
    code, _, err = scatflow("data", "convert", path, "-o", "out.zarr")
    assert code == 2 and words in err and "Traceback" not in err
    assert untouched(tmp_path)


def test_open_source_tells_what_is_wrong(tmp_path: Path, weather: xr.Dataset) -> None:
    path = version2(tmp_path / "a.zarr", weather)
    with pytest.raises(StoreError, match="Did you mean 't2m'"):
        sf.open_source(path, "t2n")
    with pytest.raises(StoreError, match="holds several variables"):
        sf.open_source(path)
    (path / "count" / "1").write_bytes(b"")
    with pytest.raises(StoreError, match="truncated"):
        sf.open_source(path, "count")


def test_the_input_is_never_replaced(scatflow: Program, tmp_path: Path, weather: xr.Dataset) -> None:
    version2(tmp_path / "a.zarr", weather)
    code, _, err = scatflow("data", "convert", "a.zarr", "--overwrite")
    assert code == 2 and "-o" in err and (tmp_path / "a.zarr" / ".zgroup").exists()


def test_help_of_both_commands(scatflow: Program) -> None:
    assert "convert FILE" in scatflow("data", "--help").out
    out = scatflow("data", "convert", "--help").out
    assert "Usage: scatflow data convert" in out and "--chunks" in out
