"""Scattering moments: the global transform, Gaussian theory, scale laws, errors, gaps, chunks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from scatflow import apply
from scatflow.contract.average import Average
from scatflow.contract.estimate import quantile
from scatflow.errors import ParameterError
from scatflow.labels import spec_of
from scatflow_scattering.moments import ScatteringMoments
from scatflow_scattering.scattering import Scattering
from scatflow_wavelet.bank import Bank
from scatflow_wavelet.layout import Grid
from scatflow_wavelet.tight import Tight


def noise(*sizes: tuple[str, int], seed: int = 0, **coords: Any) -> xr.DataArray:
    data = np.random.default_rng(seed).standard_normal([n for _, n in sizes])
    return xr.DataArray(data, dims=[dim for dim, _ in sizes], coords=coords)


def assert_same(a: xr.Dataset, b: xr.Dataset, rtol: float = 1e-12) -> None:
    for name in a.data_vars:
        np.testing.assert_allclose(a[name].values, b[name].values, rtol=rtol, atol=1e-15, err_msg=str(name))


# The global transform.


@pytest.mark.parametrize("rule", ["reflect", "periodic", "zero"])
@pytest.mark.parametrize(
    ("sizes", "keywords"),
    [
        ((("x", 500),), {"J": 5, "Q": (3, 1)}),
        ((("x", 512),), {"J": 4, "order": 3, "oversampling": 0}),
        ((("y", 70), ("x", 93)), {"J": 3, "L": 4}),
        ((("y", 64), ("x", 64)), {"J": 2, "L": 3, "filters": Tight(), "tree": "all", "oversampling": 2}),
    ],
)
def test_means_are_the_global_scattering(sizes: Sequence[tuple[str, int]], keywords: dict[str, Any], rule: str) -> None:
    x = noise(("t", 2), *sizes)
    dims = tuple(dim for dim, _ in sizes)
    moments = apply(ScatteringMoments(dims=dims, boundary=rule, **keywords), x)
    whole = apply(Scattering(dims=dims, boundary=rule, T="global", **keywords), x)
    np.testing.assert_allclose(moments["mean"].values, whole.transpose("t", "path").values, rtol=1e-10, atol=1e-14)
    for name, coord in whole.coords.items():
        xr.testing.assert_identical(moments[name].reset_coords(drop=True), coord.reset_coords(drop=True))


def test_segments_average_as_the_global_scattering_does() -> None:
    x = noise(("x", 700), segment=("x", np.repeat([0, 1, 2], [123, 400, 177])))
    moments = apply(ScatteringMoments(dims=("x",), J=4), x)
    whole = apply(Scattering(dims=("x",), J=4, T="global"), x)
    np.testing.assert_allclose(moments["mean"], whole, rtol=1e-10, atol=1e-14)


def test_realizations_and_names() -> None:
    x = noise(("seed", 7), ("name", 3), ("x", 256))
    pooled = apply(ScatteringMoments(dims=("x",), J=4, over="seed", covariance=True), x)
    each = apply(Scattering(dims=("x",), J=4, T="global"), x)
    assert pooled["mean"].dims == ("name", "path")
    np.testing.assert_allclose(pooled["mean"], each.mean("seed").transpose("name", "path"), rtol=1e-12)
    np.testing.assert_allclose(pooled["se"], each.std("seed", ddof=1).transpose("name", "path") / math.sqrt(7), rtol=1e-9)
    for k in range(3):
        expected = np.cov(each.isel(name=k).transpose("path", "seed").values)
        np.testing.assert_allclose(pooled["covariance"][k], expected, rtol=1e-9, atol=1e-14)


# Theory.


def test_a_gaussian_band_has_the_rayleigh_mean() -> None:
    """White noise, tight bank: E|z|^2 = mean of psi_hat^2, E|z| = sqrt(pi/4 E|z|^2) where psi is analytic."""
    n, bank = 4096, Bank(Tight(), 5, 2)
    result = apply(
        ScatteringMoments(dims=("x",), J=5, Q=2, order=1, filters=Tight(), boundary="periodic", over="seed"),
        noise(("seed", 100), ("x", n)),
    )
    gains = np.array([bank.band_multiplier(k, Grid((n,))) for k in range(len(bank.bands))])
    analytic = (np.abs(gains) * np.abs(np.roll(gains[:, ::-1], 1, axis=1))).max(axis=1) < 1e-9
    assert analytic.sum() >= 5
    expected = np.sqrt(np.pi / 4 * (np.abs(gains) ** 2).mean(axis=1))
    found, error = result["mean"].values[1:], result["se"].values[1:]
    assert (np.abs(found - expected) < 4 * error)[analytic].all()
    np.testing.assert_allclose(found[analytic], expected[analytic], rtol=0.01)


def test_variance_falls_with_the_size_of_the_field() -> None:
    """var of S over realizations of white noise ~ 1/d for d from 2^10 to 2^16 (slope -1 +- 0.1), all paths."""
    sizes = 2 ** np.arange(10, 17)
    var = []
    for d in sizes:
        x = noise(("seed", 50), ("x", int(d)), seed=int(d))
        var.append(apply(ScatteringMoments(dims=("x",), J=4, over="seed", boundary="periodic"), x)["var"].values)
    slope = np.polyfit(np.log2(sizes), np.log2(np.array(var)).mean(axis=1), 1)[0]
    assert slope == pytest.approx(-1, abs=0.1)


def test_brownian_motion_has_the_scale_laws_of_its_increments() -> None:
    """S1 ~ 2^(j/2), and S2/S1 ~ 2^(-(j2 - j1)/2) whatever j1 (Bruna et al. 2015)."""
    x = noise(("seed", 40), ("x", 2**14), seed=3).cumsum("x")
    result = apply(ScatteringMoments(dims=("x",), J=8, over="seed", normalize="ensemble"), x)
    plain = apply(ScatteringMoments(dims=("x",), J=8, over="seed", order=1), x)["mean"]
    first = plain.isel(path=((plain["order"] == 1) & (plain["j1"] >= 1)).values)
    # L1-normalized increments at octave j grow like 2^(j/2).
    assert np.polyfit(first["j1"], np.log2(first), 1)[0] == pytest.approx(0.5, abs=0.05)
    second = result["mean"].isel(path=((result["order"] == 2) & (result["j1"] >= 1)).values)
    lag = (second["j2"] - second["j1"]).values
    assert np.polyfit(lag[lag >= 2], np.log2(second.values[lag >= 2]), 1)[0] == pytest.approx(-0.5, abs=0.1)


# Ratios.


def test_ratio_conventions() -> None:
    x = noise(("seed", 30), ("x", 256)) + 0.3
    keep: dict[str, Any] = {"dims": ("x",), "J": 3, "over": "seed"}
    plain = apply(ScatteringMoments(**keep), x)
    mean, size = plain["mean"].values, float(np.abs(x).mean())
    order, j1 = plain["order"].values, plain["j1"].values
    parents = {j: mean[k] for k, j in enumerate(j1) if order[k] == 1}
    divisors = np.array([size if o < 2 else parents[j] for o, j in zip(order, j1, strict=True)])
    ensemble = apply(ScatteringMoments(**keep, normalize="ensemble"), x)
    np.testing.assert_allclose(ensemble["mean"], mean / divisors, rtol=1e-12)
    given = apply(ScatteringMoments(**keep, normalize=tuple(divisors)), x)
    np.testing.assert_allclose(given["mean"], mean / divisors, rtol=1e-12)
    np.testing.assert_allclose(given["se"], plain["se"] / divisors, rtol=1e-10)
    single = apply(ScatteringMoments(dims=("x",), J=3, normalize="ensemble"), x)["mean"]
    each = apply(ScatteringMoments(**keep, normalize="each"), x)
    np.testing.assert_allclose(each["mean"], single.mean("seed"), rtol=1e-12)
    np.testing.assert_allclose(each["se"], single.std("seed", ddof=1) / math.sqrt(30), rtol=1e-9)
    for result, word in ((ensemble, "ensemble"), (each, "each")):
        assert result["mean"].attrs["units"] == "1"
        assert result["mean"].attrs["normalization"].startswith(word)
        assert_same(result, apply(ScatteringMoments(**keep, normalize=word), 7 * x), rtol=1e-9)


def test_ratios_of_selected_paths_find_their_parents() -> None:
    x = noise(("y", 64), ("x", 64))
    keep: dict[str, Any] = {"dims": ("y", "x"), "J": 2, "L": 3, "normalize": "ensemble"}
    whole = apply(ScatteringMoments(**keep), x)
    part = apply(ScatteringMoments(**keep, paths={"order": 2, "l1": 1}), x)
    chosen = whole.isel(path=((whole["order"] == 2) & (whole["l1"] == 1)).values)
    np.testing.assert_allclose(part["mean"], chosen["mean"], rtol=1e-12)
    np.testing.assert_allclose(part["se"], chosen["se"], rtol=1e-9)


@pytest.mark.parametrize("divisors", [(1.0, 2.0), (1.0,) * 10 + (0.0,)])
def test_divisors_are_checked(divisors: tuple[float, ...]) -> None:
    with pytest.raises(ParameterError, match="one finite divisor per path"):
        apply(ScatteringMoments(dims=("x",), J=4, normalize=divisors), noise(("x", 64)))


# Errors.


def coverage(result: xr.Dataset, truth: xr.DataArray) -> NDArray[np.float64]:
    half = quantile(result["dof"].values) * result["se"]
    return np.asarray((np.abs(result["mean"] - truth) <= half).mean("repeat").values)


def test_coverage_of_white_noise_from_cells() -> None:
    """200 repeats of 4096 samples, J = 5 (cells of 64 = 2·2^J); the truth is the mean over 600."""
    operator = ScatteringMoments(dims=("x",), J=5, boundary="periodic")
    x = noise(("repeat", 600), ("x", 4096), seed=20)
    result = apply(operator, x)
    share = coverage(result.isel(repeat=slice(200)), result["mean"].mean("repeat"))
    assert ((share >= 0.90) & (share <= 0.98)).all(), share


def test_coverage_of_white_noise_from_realizations() -> None:
    operator = ScatteringMoments(dims=("x",), J=4, boundary="periodic", over="seed")
    result = apply(operator, noise(("repeat", 200), ("seed", 12), ("x", 512), seed=21))
    share = coverage(result, result["mean"].mean("repeat"))
    assert ((share >= 0.90) & (share <= 0.98)).all(), share


def test_coverage_of_ratios() -> None:
    operator = ScatteringMoments(dims=("x",), J=4, boundary="periodic", over="seed", normalize="ensemble")
    result = apply(operator, noise(("repeat", 600), ("seed", 24), ("x", 256), seed=22))
    share = coverage(result, result["mean"].mean("repeat"))
    assert ((share >= 0.90) & (share <= 0.98)).all(), share


def test_cells_are_at_least_two_scales_wide() -> None:
    x = noise(("y", 100), ("x", 400), x=np.arange(400) * 0.25)
    x = x.assign_coords(y=np.arange(100) * 1.0)
    result = apply(ScatteringMoments(dims=("y", "x"), J=3, L=2), x)
    # The x axis is four times finer: cells of 16 x 64 samples, at most 8 per axis.
    assert (result["count"] == 6 * 6).all()


# Gaps.


def test_gaps_are_left_out_scale_by_scale() -> None:
    x = noise(("seed", 8), ("y", 96), ("x", 96), seed=30)
    holed = x.copy()
    holed[:, 40:50, 30:50] = np.nan
    keep: dict[str, Any] = {"dims": ("y", "x"), "J": 3, "L": 2, "boundary": "periodic"}
    full = apply(ScatteringMoments(**keep), x)
    masked = apply(ScatteringMoments(**keep, nan="mask"), holed)
    np.testing.assert_allclose(masked["mean"][:, 0], holed.mean(("y", "x")), rtol=1e-12)
    assert (np.abs(masked["mean"] - full["mean"]) < 2 * full["se"]).mean() > 0.97
    share = masked["valid_fraction"].isel(seed=0)
    assert share[0] == pytest.approx(1 - 200 / 96**2)
    assert (share > 0.9).all()
    assert (share < 1).all()
    assert np.isnan(apply(ScatteringMoments(**keep), holed)["mean"]).all()


def test_a_late_listing_keeps_its_span() -> None:
    x = noise(("name", 3), ("day", 512), seed=31)
    x[1, :200] = np.nan
    result = apply(ScatteringMoments(dims=("day",), J=4), x)
    alone = apply(ScatteringMoments(dims=("day",), J=4), x[1, 200:])
    assert np.isfinite(result["mean"]).all()
    assert (np.abs(result["mean"][1] - alone["mean"]) < alone["se"]).all()


# Chunks and precision.


@pytest.mark.parametrize(
    ("over", "chunks"), [(None, {"name": 1, "seed": 2}), ("seed", {"name": 1, "seed": (1, 6, 4)}), ("time", {"seed": 5, "time": 3})]
)
@pytest.mark.parametrize("normalize", [None, "each"])
def test_chunks_change_nothing(over: str | None, chunks: dict[str, Any], normalize: str | None) -> None:
    x = noise(("name", 2), ("seed", 11), ("time", 8), ("x", 64))
    operator = ScatteringMoments(dims=("x",), J=3, over=over, covariance=True, normalize=normalize)
    lazy = apply(operator, x.chunk(chunks))
    assert all(isinstance(variable.data, da.Array) for variable in lazy.data_vars.values())
    assert_same(apply(operator, x), lazy.compute())


@pytest.mark.parametrize("seed", range(4))
def test_states_of_random_splits_combine_to_the_whole(bench: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = noise(("seed", 20), ("x", 200), seed=seed)
    operator = ScatteringMoments(dims=("x",), J=3, over="seed").resolve(spec_of(x))
    block = bench.block(operator, x.values)

    def part(a: int, b: int) -> tuple[Any, ...]:
        return operator.chunk(block.xp, block.data[a:b], at=replace(block.at, batch=(a,)), **block.constants)

    whole = operator.finalize(block.xp, *part(0, 20))
    cuts = [0, *sorted(rng.choice(np.arange(1, 20), 5, replace=False).tolist()), 20]
    states = [part(a, b) for a, b in itertools.pairwise(cuts)]
    while len(states) > 1:
        i = int(rng.integers(len(states) - 1))
        states[i : i + 2] = [operator.combine(block.xp, *states[i : i + 2])]
    for name, value in operator.finalize(block.xp, *states[0]).items():
        np.testing.assert_allclose(value, whole[name], rtol=1e-12, err_msg=name)


def test_single_precision_data_are_averaged_in_double() -> None:
    x = noise(("y", 128), ("x", 128))
    single = apply(ScatteringMoments(dims=("y", "x"), J=3, L=2), x.astype("float32"))
    double = apply(ScatteringMoments(dims=("y", "x"), J=3, L=2), x)
    assert single["mean"].dtype == single["se"].dtype == np.float64
    np.testing.assert_allclose(single["mean"], double["mean"], rtol=1e-5, atol=1e-7)


def test_an_empty_batch_is_allowed() -> None:
    x = noise(("t", 0), ("x", 64))
    assert apply(ScatteringMoments(dims=("x",), J=3), x)["mean"].shape == (0, 11)
    pooled = apply(ScatteringMoments(dims=("x",), J=3, over="t"), x)
    assert np.isnan(pooled["mean"]).all()
    assert (pooled["count"] == 0).all()


def test_examples_run() -> None:
    for operator in ScatteringMoments.examples():
        dims = operator.dims or ()
        result = apply(operator, noise(*((dim, 64) for dim in dims)))
        assert np.isfinite(result["mean"]).all()
    assert issubclass(ScatteringMoments, Average)
