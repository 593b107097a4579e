"""``advise``: numbers from formulas and from the operator itself, without reading data (U12)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import scatflow as sf
from scatflow.advice import choice
from scatflow.advice.choice import advise
from scatflow.cli.main import main
from scatflow.errors import DimensionError, ParameterError, RegistryError, StoreError
from scatflow.plan.rates import Rates
from scatflow.registry import Registry, using


def field(
    shape: tuple[int, ...] = (4, 128, 96), steps: tuple[float, float] = (0.5, 0.25), unit: str = "m", **attrs: Any
) -> xr.DataArray:
    """Return a field that raises when a value is asked for."""

    def read(block_info: Any = None) -> Any:
        raise AssertionError("data were read")

    data = da.map_blocks(read, chunks=tuple((n,) for n in shape), dtype="float32", meta=np.empty((0,) * len(shape), "float32"))
    along = {
        dim: (dim, np.arange(n) * step, {"units": unit, **attrs})
        for dim, n, step in zip(("y", "x"), shape[-2:], steps, strict=True)
    }
    return xr.DataArray(data, dims=("realization", "y", "x")[-len(shape) :], coords=along)


def test_octaves_are_those_of_the_labels_and_the_formula() -> None:
    found = sf.advise(field(), dims=("y", "x"))
    j = found.octaves["j"].values
    assert j.tolist() == [0, 1, 2, 3, 4, 5]  # 96 samples of 0.25 m are 48 of the coarsest step
    np.testing.assert_allclose(found.octaves["n_eff"], 4 * (128 / 2.0**j) * (48 / 2.0**j))
    S = sf.ops.scattering(field().isel(realization=0), dims=("y", "x"), J=5)
    for k in range(5):
        assert float(S.scale1[(S.j1 == k).values].max()) == pytest.approx(float(found.octaves["wavelength"].sel(j=k)))
    assert found.octaves["wavelength"].attrs["units"] == "m" and float(found.octaves["window"].sel(j=4)) == 8.0
    assert found.J == 4 and "96 independent" in found.why and "J = 5 there would be 24" in found.why


@settings(max_examples=30)
@given(st.integers(2, 300), st.integers(2, 300), st.integers(1, 50))
def test_the_advised_number_of_octaves_is_the_largest_with_thirty_windows(rows: int, columns: int, count: int) -> None:
    found = advise(np.broadcast_to(np.float32(0), (count, rows, columns)), ("dim_1", "dim_2"), over=("dim_0",), L=2)
    side = math.sqrt(rows * columns * count / 30)
    most = math.floor(math.log2(min(rows, columns)))
    assert max(1, min(most, math.floor(math.log2(side)) if side >= 1 else 0)) == found.J
    assert found.octaves["j"].values.tolist() == list(range(most + 1))
    sf.ops.scattering(np.zeros((rows, columns), "float32"), J=found.J, L=2)  # and it can be computed


def test_borders_are_the_reach_of_the_operator(rng: np.random.Generator) -> None:
    """Outputs further from the edge than told do not change by a hundredth when what is beyond is replaced."""
    found = sf.advise(xr.DataArray(np.zeros(2048), dims="x"), boundary="reflect")
    J = 4
    touched = float(found.octaves["border"].sel(j=J))
    x = rng.standard_normal((40, 2048))
    one, other = (
        sf.ops.scattering(xr.DataArray(x, dims=("k", "x")), dims=("x",), J=J, order=1, boundary=rule)
        for rule in ("reflect", "zero")
    )
    change = np.sqrt(((one - other) ** 2).mean("k") / (one**2).mean("k")).values
    assert (change.max(axis=1) > 0.01).mean() <= touched < 0.15
    periodic = field(period=64.0, steps=(0.5, 64 / 96))
    assert (sf.advise(periodic, dims=("y", "x")).octaves["border"] == 0).all()
    walls = xr.DataArray(np.zeros(2048), dims="x", coords={"segment": ("x", np.arange(2048) // 1024)})
    assert float(sf.advise(walls).octaves["border"].sel(j=J)) == pytest.approx(2 * touched)


def test_costs_are_those_of_the_operator() -> None:
    found = sf.advise(field(), dims=("y", "x"))
    assert found.costs["L"].values.tolist() == [4, 6, 8]
    for L in (4, 6, 8):
        S = sf.ops.scattering(field(), dims=("y", "x"), J=found.J, L=L)
        assert (int(found.costs["paths"].sel(L=L)), int(found.costs["bytes"].sel(L=L))) == (S.sizes["path"], S.nbytes)
    assert (np.diff(found.costs["flops"]) > 0).all() and np.isnan(found.costs["seconds_low"]).all()
    once, twice = (sf.advise(field((count, 128, 96)), dims=("y", "x"), over=(), L=4) for count in (4, 8))
    assert once.J == twice.J == 3 and once.costs["L"].values.tolist() == [4]
    assert float(twice.costs["flops"][0]) == pytest.approx(2 * float(once.costs["flops"][0]))
    volume = sf.advise(np.zeros((20, 16, 24), "float32"), dims=None)
    assert volume.costs["L"].values.tolist() == [6, 10, 15] and (np.diff(volume.costs["paths"]) > 0).all()
    short = sf.advise(np.zeros(70))
    assert short.J == 1 and (short.costs["paths"].values > 1).all()


def test_one_dim_prices_bands_per_octave_and_dates_read_as_days() -> None:
    time = np.datetime64("2000-01-01") + np.arange(5000) * np.timedelta64(1, "D")
    found = sf.advise(xr.DataArray(np.zeros(5000), dims="time", coords={"time": time}))
    assert found.costs["Q"].values.tolist() == [1, 8, 12] and found.J == 7
    assert found.octaves["wavelength"].attrs["units"] == "s" and float(found.octaves["window"].sel(j=0)) == 86400
    assert "wavelength [d]" in str(found) and "(128 d)" in found.why
    days = np.busday_offset("2000-01-03", np.arange(5000), roll="forward").astype("M8[ns]")
    trading = xr.DataArray(
        np.zeros(5000), dims="time", coords={"time": ("time", days, {"sampling": "index", "sampling_step": "trading_day"})}
    )
    assert "wavelength [trading_day]" in str(sf.advise(trading))
    with pytest.raises(DimensionError, match="not uniformly spaced"):
        sf.advise(trading.drop_attrs())
    assert sf.advise(trading.drop_attrs(), sampling={"time": "index"}).J == 7


def test_too_few_data_and_too_short_ones_are_told_apart() -> None:
    found = sf.advise(np.zeros((6, 6)))
    assert found.J == 1 and "fewer than 30" in found.why
    many = sf.advise(xr.DataArray(np.broadcast_to(0.0, (1000, 8, 8)), dims=("realization", "y", "x")), dims=("y", "x"))
    assert many.J == 3 and "no larger window fits" in many.why and "100% of them touched by borders" in many.why
    with pytest.raises(DimensionError, match="too short"):
        sf.advise(np.zeros((64, 1)))


def test_batch_dims_are_no_realizations_unless_named() -> None:
    data = field().rename(realization="time")
    alone, pooled = sf.advise(data, dims=("y", "x")), sf.advise(data, dims=("y", "x"), over=("time",))
    np.testing.assert_allclose(4 * alone.octaves["n_eff"], pooled.octaves["n_eff"])
    assert "in 4 realizations" in pooled.why
    with pytest.raises(DimensionError, match=r"'tme' is no batch dim.*Did you mean 'time'"):
        sf.advise(data, dims=("y", "x"), over=("tme",))


def test_time_follows_from_the_rates_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_rates", lambda: Rates("this", {"*": 1e9}, 1e8, 1e8, 0.0))
    found = sf.advise(field(), dims=("y", "x"))
    np.testing.assert_allclose(found.costs["seconds_low"], 0.3 * found.costs["flops"] / 1e9)
    np.testing.assert_allclose(found.costs["seconds_high"], 5.0 * found.costs["flops"] / 1e9)
    assert " to " in str(found) and "calibrate" not in str(found)


def test_files_datasets_integers_and_other_metrics(tmp_path: Path) -> None:
    stored = field().copy(data=np.zeros((4, 128, 96), "float32")).to_dataset(name="u")
    stored.to_zarr(tmp_path / "u.zarr", consolidated=False)
    expected = str(sf.advise(field(), dims=("y", "x")))
    with dask.config.set(scheduler=lambda *_, **__: pytest.fail("computed")):
        assert str(sf.advise(tmp_path / "u.zarr", dims=("y", "x"))) == expected
        assert str(sf.advise(xr.Dataset({"u": field(), "m": ("k", [1.0])}), dims=("y", "x"))) == expected
    assert sf.advise(np.zeros((64, 64), np.int8)).costs["bytes"].dtype.kind == "i"
    counted = sf.advise(field(), dims=("y", "x"), metric="index")
    assert float(counted.octaves["n_eff"].sel(j=0)) == 4 * 128 * 96 and counted.octaves["wavelength"].attrs["units"] == "samples"
    assert (
        sf.advise(field(), dims=("y", "x"), metric=(2.0, 1.0)).octaves["n_eff"]
        == sf.advise(field(), dims=("y", "x")).octaves["n_eff"]
    ).all()


def test_bad_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"advise.J: is what is advised on"):
        sf.advise(field(), dims=("y", "x"), J=4)
    with pytest.raises(DimensionError, match=r"no dim 'z'"):
        sf.advise(field(), dims=("z", "x"))
    with pytest.raises(RegistryError, match="Did you mean 'morlet'"):
        sf.advise(field(), dims=("y", "x"), filters="morle")
    with pytest.raises(ParameterError, match=r"one of \['u', 'v'\]"):
        sf.advise(xr.Dataset({"u": field(), "v": field()}), dims=("y", "x"))
    with pytest.raises(StoreError):
        sf.advise(tmp_path / "none.zarr")
    with using(Registry([])), pytest.raises(RegistryError, match="pip install"):
        sf.advise(field(), dims=("y", "x"))


def test_notebooks_show_tables() -> None:
    page = sf.advise(field(unit="<m>"), dims=("y", "x"))._repr_html_()
    assert page.count("<table>") == 2 and "&lt;m&gt;" in page and "<m>" not in page and page.count("<tr>") == 1 + 6 + 1 + 3


@pytest.fixture
def installed() -> Iterator[Registry]:
    with using(Registry()) as book:
        yield book


def test_the_command_prints_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str], installed: Registry) -> None:
    field().copy(data=np.zeros((4, 128, 96), "float32")).to_dataset(name="u").to_zarr(tmp_path / "u.zarr", consolidated=False)
    for words, code in ((["--dims", "y,x"], 0), (["--dims", "y,x", "--json", "-p", "L=3"], 0), (["--dims", "y,q"], 2)):
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(["advise", str(tmp_path / "u.zarr"), *words])
        out = capsys.readouterr()
        assert end.value.code == code
        if "--json" in words:
            document = json.loads(out.out)
            assert (
                document["J"] == 4 and len(document["octaves"]) == 6 and document["costs"][0]["L"] == 3 and document["unit"] == "m"
            )
        elif code == 0:
            assert out.out == f"{sf.advise(field(), dims=('y', 'x'))}\n"
        else:
            assert "no dim 'q'" in out.err
