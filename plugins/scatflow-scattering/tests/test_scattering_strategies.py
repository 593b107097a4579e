"""Scattering in parts with a halo and octave by octave: the numbers of the whole, whatever is cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow.errors import PlanError
from scatflow_wavelet import Bank, Morlet
from scatflow_wavelet.schedule import levels
from scatflow_wavelet.sharpening import Gaussian

RULES = ("reflect", "symmetric", "periodic", "zero")


def stored(path: Path, values: np.ndarray, dims: tuple[str, ...], chunks: tuple[int, ...]) -> Path:
    xr.Dataset({"u": (dims, values)}).to_zarr(path, encoding={"u": {"chunks": chunks}}, consolidated=False, mode="w")
    return path


def job(path: Path, process: str = "scattering", **arguments: Any) -> sf.Pipeline:
    return sf.Pipeline({"process_graph": {
        "u": {"process_id": "open_zarr", "arguments": {"path": str(path), "variable": "u"}},
        "s": {"process_id": process, "arguments": {"data": {"from_node": "u"}, **arguments}, "result": True},
    }})  # fmt: skip


def field(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return a field with a 1/f spectrum, mean 1, standard deviation 1."""
    radius = np.sqrt(sum(w**2 for w in np.meshgrid(*(np.fft.fftfreq(n) for n in shape[-2:]), indexing="ij")))
    spectrum = np.fft.fft2(rng.standard_normal(shape)) / np.where(radius > 0, radius, np.inf)
    values = np.fft.ifft2(spectrum).real
    return np.asarray(1 + values / values.std())


def compared(path: Path, out: Path, options: dict[str, Any], **arguments: Any) -> tuple[float, xr.DataArray]:
    """Return the relative L2 difference between a strategy and whole cores, and the result."""
    pipeline = job(path, **arguments)
    whole = pipeline.run(out, strategy="batch", overwrite=True).scattering.load()
    found = pipeline.run(out, overwrite=True, **options).scattering.load()
    assert found.dims == whole.dims and found.dtype == whole.dtype
    xr.testing.assert_equal(found.coords.to_dataset(), whole.coords.to_dataset())
    return float(np.sqrt(((found - whole) ** 2).sum() / (whole**2).sum())), found


CASES = [(rule, strategy, "float64", 1e-6) for rule in RULES for strategy in ("halo", "pyramid")]
CASES += [("reflect", strategy, "float32", 1e-4) for strategy in ("halo", "pyramid")]


@pytest.mark.parametrize(("rule", "strategy", "dtype", "tolerance"), CASES)
def test_all_rules_edges_included(
    tmp_path: Path, rng: np.random.Generator, rule: str, strategy: str, dtype: str, tolerance: float
) -> None:
    """No size is a multiple of 2^J, chunks are ragged and smaller than the halo."""
    path = stored(tmp_path / "in.zarr", field(rng, 131, 106).astype(dtype), ("y", "x"), (32, 25))
    options = {"strategy": strategy, "region": {"y": 64, "x": 48}}
    plan = job(path, J=6, L=3, boundary=rule).plan(**options)
    assert all(len(stage.regions) > 1 for stage in plan.stages[:1])
    error, _ = compared(path, tmp_path / "out.zarr", options, J=6, L=3, boundary=rule)
    assert error <= tolerance


@pytest.mark.parametrize("arguments", [
    {"order": 1}, {"order": 3, "L": 2}, {"oversampling": 2}, {"stride": 128}, {"filters": {"family": "morlet", "contractive": True}},
    {"T": 40.0}, {"dims": ["x", "y"]}, {"pad": 1, "L": 8},
])  # fmt: skip
def test_what_levels_serve(tmp_path: Path, rng: np.random.Generator, arguments: dict[str, Any]) -> None:
    path = stored(tmp_path / "in.zarr", field(rng, 100, 128), ("y", "x"), (100, 128))
    error, _ = compared(path, tmp_path / "out.zarr", {"strategy": "pyramid"}, **{"J": 6, "L": 3, **arguments})
    assert error <= 1e-7


@pytest.mark.parametrize("region", [None, {"time": 4096}])
def test_absence_is_a_gap_between_levels(tmp_path: Path, rng: np.random.Generator, region: dict[str, int] | None) -> None:
    """Series that begin late, end early, or have a hole: octave by octave nothing is finite that is not in the whole, and close."""
    values = rng.standard_normal((3, 20_011))
    values[0, :9000], values[1, -200:], values[2, 7000:7003] = (np.nan,) * 3
    pipeline = job(stored(tmp_path / "in.zarr", values, ("c", "time"), (1, 512)), J=8, dims=["time"])
    whole = pipeline.run(tmp_path / "whole.zarr", strategy="batch").scattering.values
    found = pipeline.run(tmp_path / "out.zarr", strategy="pyramid", region=region).scattering.values
    finite = np.isfinite(found)
    assert np.isfinite(whole)[finite].all() and finite.sum() > 0.6 * np.isfinite(whole).sum()
    assert np.abs(found - whole)[finite].max() <= 1e-3 * np.nanmax(np.abs(whole))
    halo = pipeline.run(tmp_path / "halo.zarr", strategy="halo", region={"time": 4096}).scattering.values
    np.testing.assert_allclose(halo, whole, rtol=0, atol=1e-7 * np.nanmax(np.abs(whole)))


def test_a_scale_as_long_as_the_domain(tmp_path: Path, rng: np.random.Generator) -> None:
    path = stored(tmp_path / "in.zarr", field(rng, 2, 256, 256), ("t", "y", "x"), (1, 64, 64))
    error, found = compared(path, tmp_path / "out.zarr", {"strategy": "pyramid"}, J=8, L=3, dims=["y", "x"], boundary="periodic")
    assert error <= 1e-10 and found.sizes["y"] == found.sizes["x"] == 1


@pytest.mark.parametrize("Q", [1, 8])
def test_long_series(tmp_path: Path, rng: np.random.Generator, Q: int) -> None:
    path = stored(tmp_path / "in.zarr", rng.standard_normal((1, 10_001)), ("channel", "time"), (1, 1024))
    error, _ = compared(path, tmp_path / "out.zarr", {"strategy": "pyramid"}, J=9, Q=Q, dims=["time"])
    assert error <= 1e-8
    error, _ = compared(path, tmp_path / "out.zarr", {"strategy": "pyramid", "region": {"time": 2048}}, J=9, Q=Q, dims=["time"])
    assert error <= 1e-6
    error, _ = compared(path, tmp_path / "out.zarr", {"strategy": "halo", "region": {"time": 2048}}, J=4, Q=Q, dims=["time"])
    assert error <= 1e-6


def test_volumes(tmp_path: Path, rng: np.random.Generator) -> None:
    path = stored(tmp_path / "in.zarr", rng.standard_normal((50, 44, 48)), ("z", "y", "x"), (16, 44, 24))
    region = {"z": 24, "y": 24, "x": 24}
    error, _ = compared(path, tmp_path / "out.zarr", {"strategy": "halo", "region": region}, J=1, pad=1)
    assert error <= 1e-6
    error, found = compared(path, tmp_path / "out.zarr", {"strategy": "pyramid"}, J=5, order=1, pad=0, boundary="periodic")
    assert error <= 1e-7 and found.sizes["path"] == 31


def coast(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return a field that is NaN on land, 30 % of it, whose coast crosses the borders of all regions."""
    height = field(rng, *shape)
    return np.where(height > np.quantile(height, 0.7), np.nan, field(rng, *shape))


MASKED: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("scattering", (200, 180), {"J": 3, "L": 4}),
    ("wavelet", (200, 180), {"J": 3, "L": 4, "boundary": "zero"}),
    ("scattering", (3001,), {"J": 4, "Q": 2}),
    ("scattering", (40, 36, 44), {"J": 1, "pad": 1}),
]


@pytest.mark.parametrize(("process", "shape", "arguments"), MASKED)
def test_gaps_are_filled_and_weighed_as_in_the_whole(
    tmp_path: Path, rng: np.random.Generator, process: str, shape: tuple[int, ...], arguments: dict[str, Any]
) -> None:
    """One to three dims; the same samples are NaN, fractions agree to their precision, values to the tolerance of the halo."""
    values = coast(rng, *shape) if len(shape) > 1 else np.where(rng.random(shape) < 0.02, np.nan, rng.standard_normal(shape))
    if len(shape) == 1:
        values[:300], values[1500:1560], values[-40:] = np.nan, np.nan, np.nan
    dims = ("z", "y", "x")[3 - len(shape) :]
    pipeline = job(stored(tmp_path / "in.zarr", values, dims, tuple(n // 3 for n in shape)), process, nan="mask", **arguments)
    options: Any = {"strategy": "halo", "region": {dim: {1: 512, 2: 72, 3: 24}[len(shape)] for dim in dims}}
    assert [stage.kind for stage in pipeline.plan(**options).stages] == ["reduce", "map"]
    found = pipeline.run(tmp_path / "out.zarr", **options).load()
    whole = pipeline.run(tmp_path / "whole.zarr", strategy="batch").load()
    rms = float(np.sqrt((np.abs(whole[process]) ** 2).mean()))
    np.testing.assert_allclose(found[process], whole[process], rtol=0, atol=3e-7 * rms)
    np.testing.assert_allclose(found.valid_fraction, whole.valid_fraction, rtol=0, atol=1e-7)
    assert np.isnan(whole[process]).any() and np.isfinite(whole[process]).any()


MEANS: list[dict[str, Any]] = [
    {"boundary": "periodic", "metric": "index"}, {"over": ["t"], "covariance": True}, {"over": ["t"], "normalize": "each"}, {"min_valid": 0.2, "J": 4},
]  # fmt: skip


@pytest.mark.parametrize("arguments", MEANS)
@pytest.mark.parametrize("policy", ["mask", "propagate"])
def test_moments_of_the_sea(tmp_path: Path, rng: np.random.Generator, policy: str, arguments: dict[str, Any]) -> None:
    """Order-2 moments with land: weights, shares and errors of parts are those of the whole."""
    values = coast(rng, 3, 200, 180)
    values[1] = field(rng, 200, 180)
    values[2, 50:] = np.nan
    path = stored(tmp_path / "in.zarr", values, ("t", "y", "x"), (1, 64, 64))
    pipeline = job(path, "scattering_moments", **{"J": 3, "L": 2, "dims": ["y", "x"], "nan": policy, **arguments})
    options: Any = {"strategy": "halo", "region": {"y": 64, "x": 96}}
    assert len(pipeline.plan(**options).stages[1].regions) == 3 * 4 * 2
    whole = pipeline.run(tmp_path / "whole.zarr", strategy="batch").load()
    found = pipeline.run(tmp_path / "out.zarr", **options).load()
    for name in whole.data_vars:
        np.testing.assert_allclose(found[name], whole[name], rtol=1e-6, atol=1e-12, err_msg=str(name))
    assert np.isfinite(whole["mean"]).any() == (policy == "mask" or "over" not in arguments)


def test_what_gaps_leave_no_parts(tmp_path: Path, rng: np.random.Generator) -> None:
    path = stored(tmp_path / "in.zarr", rng.standard_normal((2, 4096)), ("c", "time"), (1, 512))
    with pytest.raises(PlanError, match='causal scattering with nan="mask" fills gaps with the mean of all that came before'):
        job(path, J=4, dims=["time"], filters="gammatone", nan="mask").plan(strategy="halo")
    with pytest.raises(
        PlanError, match='"pyramid" serves no operator of the pipeline; got scattering with nan="mask": the share of valid'
    ):
        job(path, J=9, dims=["time"], nan="mask").plan(strategy="pyramid")


def test_moments_of_parts(tmp_path: Path, rng: np.random.Generator) -> None:
    """Nothing of full size is stored: partial states per region, in a tree."""
    path = stored(tmp_path / "in.zarr", field(rng, 2, 200, 180), ("t", "y", "x"), (1, 64, 64))
    pipeline = job(path, "scattering_moments", J=3, L=4, dims=["y", "x"], over=["t"])
    whole = pipeline.run(tmp_path / "whole.zarr", strategy="batch").load()
    found = pipeline.run(tmp_path / "out.zarr", region={"y": 64, "x": 96}).load()
    for name in whole.data_vars:
        np.testing.assert_allclose(found[name], whole[name], rtol=1e-6, err_msg=str(name))


def test_the_plan_chooses_by_memory(tmp_path: Path) -> None:
    path = stored(tmp_path / "in.zarr", np.zeros((2048, 2048), "float32"), ("y", "x"), (256, 256))
    assert all("batch" in stage.why for stage in job(path, J=6).plan(memory="8 GiB").stages)
    tight = job(path, J=6).plan(memory="550 MiB")
    assert len(tight.stages) > 1 and tight.max_projected_memory <= 200 * 2**20
    assert tight.hash == job(path, J=6).plan(memory="550 MiB", workers=7).hash
    halo = job(path, J=3).plan(memory="550 MiB")
    assert len(halo.stages) == 1 and "halo" in halo.stages[0].why
    with pytest.raises(PlanError, match="Parts with a halo do not serve: scattering has no finite reach"):
        job(path, J=6, filters="tight").plan(memory="550 MiB")


@pytest.mark.parametrize("arguments", [
    {"filters": "tight"}, {"T": 0}, {"T": "global"}, {"J": 3}, {"normalize": "parent"}, {"paths": [{"order": 1}]}, {"stride": 8}, {"oversampling": 0},
])  # fmt: skip
def test_what_levels_do_not_serve(tmp_path: Path, arguments: dict[str, Any]) -> None:
    path = stored(tmp_path / "in.zarr", np.zeros((128, 128)), ("y", "x"), (64, 64))
    with pytest.raises(PlanError, match='"pyramid" serves no operator'):
        job(path, **{"J": 6, **arguments}).plan(strategy="pyramid")


def test_levels_keep_what_they_pass_on() -> None:
    """Frequencies that later octaves use have aliases below 1e-8 of them, and are not damped beyond what division restores."""
    for ndim, octaves in ((1, 6), (2, 4)):
        bank = Bank(Morlet(), J=16, voices=8, aspect=(1.0,) * ndim)
        found = levels([bank], 16, 1, octaves)
        assert [level.low for level in found[1:]] == [level.high for level in found[:-1]] and found[-1].high == 16
        for level in found[:-1]:
            step = 2.0**level.field_exponent
            for band in (band for band in bank.bands if band.j >= level.high):
                passed, alias = (np.exp(-0.5 * (level.field_blur * w) ** 2) for w in (band.xi, 2 * np.pi / step - band.xi))
                assert alias <= 1e-8 and passed > 1e-4
            assert level.window_blur < Gaussian.of(bank).blur
