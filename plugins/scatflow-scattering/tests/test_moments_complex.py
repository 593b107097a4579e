"""Scattering moments of complex data: all directions in the first order, real results, the modulus of the mean as order 0."""

from __future__ import annotations

import math
import pickle
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow.errors import ParameterError
from scatflow.labels import spec_of
from scatflow_scattering.moments import ScatteringMoments
from scatflow_wavelet import Bank, Grid, Tight

PLANE, LINE = ("y", "x"), ("x",)


def noise(*sizes: tuple[str, int], seed: int = 0, mean: complex = 0.0) -> xr.DataArray:
    rng = np.random.default_rng(seed)
    shape = [n for _, n in sizes]
    values = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / math.sqrt(2) + mean
    return xr.DataArray(values, dims=[dim for dim, _ in sizes], attrs={"units": "m s-1"})


CASES: list[tuple[tuple[tuple[str, int], ...], dict[str, Any]]] = [
    ((("x", 500),), {"J": 5, "Q": (3, 1)}),
    ((("y", 70), ("x", 93)), {"J": 3, "L": 4}),
    ((("y", 64), ("x", 64)), {"J": 2, "L": 3, "filters": Tight(), "tree": "all", "oversampling": 2}),
]


@pytest.mark.parametrize("rule", ["reflect", "periodic"])
@pytest.mark.parametrize(("sizes", "keywords"), CASES)
def test_means_are_the_global_scattering(sizes: Any, keywords: dict[str, Any], rule: str) -> None:
    z = noise(("t", 2), *sizes, mean=0.3 - 0.4j)
    kw = {"dims": tuple(dim for dim, _ in sizes), "boundary": rule, **keywords}
    moments = sf.ops.scattering_moments(z, **kw)
    whole = sf.ops.scattering(z, T="global", **kw).transpose("t", "path")
    assert all(moments[name].dtype == "float64" for name in ("mean", "var", "se", "n_eff")) and moments["mean"].units == "m s-1"
    np.testing.assert_allclose(moments["mean"], whole, rtol=1e-10)
    for name in whole.coords:
        xr.testing.assert_identical(moments[name].reset_coords(drop=True), whole[name].reset_coords(drop=True))


@pytest.mark.parametrize(("sizes", "keywords"), CASES)
def test_means_are_those_of_planes(sizes: Any, keywords: dict[str, Any]) -> None:
    z = noise(*sizes, mean=0.2j)
    dims = tuple(dim for dim, _ in sizes)
    moments = sf.ops.scattering_moments(z, dims=dims, **keywords)
    planes = sf.ops.scattering(z, dims=dims, T=0, **keywords)
    expected = {}
    for node in planes.children.values():
        (array,) = node.data_vars.values()
        for k in range(array.sizes["path"]):
            plane = array.isel(path=k)
            labels = [int(plane[name]) for name in ("j1", "l1", "j2", "l2") if name in plane.coords]
            expected[tuple(labels)] = abs(complex(plane.mean()))
    found = moments["mean"]
    for k in range(found.sizes["path"]):
        labels = tuple(int(found[name][k]) for name in ("j1", "l1", "j2", "l2"))
        assert float(found[k]) == pytest.approx(expected.pop(labels), rel=1e-10)
    assert not expected


def test_circular_noise_has_the_rayleigh_mean() -> None:
    """Every band of circular white noise is a circular Gaussian: E|z| = sqrt(pi / 4 E|z|^2), E|z|^2 the mean of psi_hat^2."""
    n = 4096
    z = noise(("seed", 100), ("x", n), mean=0.5 + 1.2j)
    result = sf.ops.scattering_moments(z, dims="x", J=5, Q=2, order=1, filters="tight", boundary="periodic", over="seed")
    bank = Bank(Tight(), 5, 2, full_circle=True)
    gains = np.array([bank.band_multiplier(k, Grid((n,))) for k in range(len(bank.bands))])
    expected = np.array([1.3, *np.sqrt(np.pi / 4 * (gains**2).mean(axis=1))])
    np.testing.assert_allclose(result["mean"], expected, rtol=0.02)
    assert (abs(result["mean"] - expected) < 4 * result["se"]).all()
    # The error of |E x| is that of the part of the mean along it: sqrt(1/2 / (100 n)).
    assert float(result["se"][0]) == pytest.approx(math.sqrt(0.5 / (100 * n)), rel=0.3)


def test_directions_of_a_rotating_current_differ() -> None:
    """Inertial motion turns one way: moments tell its side, which those of the components cannot."""
    t = np.arange(2048)
    w = xr.DataArray(np.exp(-2j * np.pi * 130 / 2048 * t), dims="time")
    moments = sf.ops.scattering_moments(w, dims="time", J=5, Q=4, order=1, boundary="periodic", filters="tight")["mean"]
    assert (moments[moments["xi1"] > 0] < 1e-12).all() and moments[moments["xi1"] < 0].max() > 0.5
    u = sf.ops.scattering_moments(w.real, dims="time", J=5, Q=4, order=1, boundary="periodic", filters="tight")["mean"]
    v = sf.ops.scattering_moments(-w.imag, dims="time", J=5, Q=4, order=1, boundary="periodic", filters="tight")["mean"]
    np.testing.assert_allclose(u[1:], v[1:], rtol=0.02, atol=1e-3)


def test_real_data_given_as_complex() -> None:
    x = noise(("seed", 6), ("x", 300)).real + 0.4
    kw: dict[str, Any] = {"dims": "x", "J": 4, "Q": (2, 1), "over": "seed"}
    real, both = sf.ops.scattering_moments(x, **kw), sf.ops.scattering_moments(x.astype(complex), **kw)
    for name in ("mean", "se"):
        np.testing.assert_allclose(both[name][0], abs(real[name][0]), rtol=1e-9)
        for half in (both["l1"] < 2, both["l1"] >= 2):
            part = both[name][((both["order"] > 0) & half).values]
            np.testing.assert_allclose(part, real[name][1:] / np.sqrt(2), rtol=1e-9)


# Ratios


@pytest.mark.parametrize("word", ["each", "ensemble"])
def test_ratios(word: str) -> None:
    z = noise(("seed", 12), ("x", 256), mean=0.3j)
    kw: dict[str, Any] = {"dims": "x", "J": 3, "over": "seed"}
    ratio = sf.ops.scattering_moments(z, normalize=word, **kw)
    singles = sf.ops.scattering(z, dims="x", J=3, T="global").transpose("seed", "path")
    size, zero = abs(z).mean("x").values, z.mean("x").values
    order, j1, l1 = (singles[name].values for name in ("order", "j1", "l1"))
    first = {(j1[k], l1[k]): k for k in range(len(order)) if order[k] == 1}
    above, below = singles.values.copy(), np.empty(singles.shape)
    for k, o in enumerate(order):
        below[:, k] = size if o < 2 else singles.values[:, first[j1[k], l1[k]]]
    if word == "each":
        expected = (above / below).mean(axis=0)
        error = (above / below).std(axis=0, ddof=1) / math.sqrt(12)
        np.testing.assert_allclose(ratio["se"], error, rtol=1e-9)
    else:
        expected = above.mean(axis=0) / below.mean(axis=0)
        expected[0] = abs(zero.mean()) / size.mean()
    np.testing.assert_allclose(ratio["mean"], expected, rtol=1e-10)
    assert ratio["mean"].units == "1" and ratio["mean"].dtype == "float64"


def test_divisors_and_selections() -> None:
    z = noise(("y", 48), ("x", 48), mean=1j)
    kw: dict[str, Any] = {"dims": PLANE, "J": 2, "L": 2}
    plain = sf.ops.scattering_moments(z, **kw)
    divisors = tuple(np.linspace(1, 2, plain.sizes["path"]).tolist())
    divided = sf.ops.scattering_moments(z, normalize=divisors, **kw)
    np.testing.assert_allclose(divided["mean"], plain["mean"] / divisors, rtol=1e-12)
    np.testing.assert_allclose(divided["se"], plain["se"] / divisors, rtol=1e-10)
    with pytest.raises(ParameterError, match="one finite divisor per path"):
        sf.ops.scattering_moments(z, normalize=divisors[:7], **kw)
    for paths in ({"order": 0}, {"order": 1, "l1": 3}, {"order": (0, 2)}):
        some = sf.ops.scattering_moments(z, paths=paths, covariance=True, **kw)
        chosen = plain["mean"].isel(
            path=np.isin(plain["order"], paths["order"]) & np.isin(plain["l1"], paths.get("l1", plain["l1"]))
        )
        np.testing.assert_allclose(some["mean"], chosen, rtol=1e-12)
        np.testing.assert_allclose(np.diagonal(some["covariance"]), some["var"], rtol=1e-9)


# Chunks, gaps, precision


@pytest.mark.parametrize(("over", "chunks"), [(None, {"name": 1, "seed": 2}), ("seed", {"name": 1, "seed": (1, 6, 4)})])
@pytest.mark.parametrize("normalize", [None, "each", "ensemble"])
def test_chunks_change_nothing(over: str | None, chunks: dict[str, Any], normalize: str | None) -> None:
    z = noise(("name", 2), ("seed", 11), ("x", 64), mean=0.2)
    kw: dict[str, Any] = {"dims": "x", "J": 3, "over": over, "covariance": True, "normalize": normalize}
    whole, lazy = sf.ops.scattering_moments(z, **kw), sf.ops.scattering_moments(z.chunk(chunks), **kw)
    assert all(isinstance(variable.data, da.Array) for variable in lazy.data_vars.values())
    for name in whole.data_vars:
        np.testing.assert_allclose(lazy[name].values, whole[name].values, rtol=1e-12, atol=1e-15, err_msg=str(name))


def test_gaps_are_left_out() -> None:
    z = noise(("seed", 8), ("y", 96), ("x", 96), mean=0.1 + 0.1j)
    holed = z.copy()
    holed[:, 40:50, 30:50] = np.nan
    kw: dict[str, Any] = {"dims": PLANE, "J": 3, "L": 2, "boundary": "periodic"}
    full, masked = sf.ops.scattering_moments(z, **kw), sf.ops.scattering_moments(holed, nan="mask", **kw)
    np.testing.assert_allclose(masked["mean"][:, 0], abs(holed.mean(PLANE)), rtol=1e-12)
    assert (abs(masked["mean"] - full["mean"]) < 2 * full["se"]).mean() > 0.97
    assert ((masked["valid_fraction"] > 0.9) & (masked["valid_fraction"] < 1)).all()
    assert np.isnan(sf.ops.scattering_moments(holed, **kw)["mean"]).all()


def test_single_precision_and_an_empty_batch() -> None:
    z = noise(("name", 2), ("x", 128), mean=0.2)
    kw: dict[str, Any] = {"dims": "x", "J": 3}
    single = sf.ops.scattering_moments(z.astype("complex64"), **kw)
    assert single["mean"].dtype == "float64"
    np.testing.assert_allclose(single["mean"], sf.ops.scattering_moments(z, **kw)["mean"], rtol=2e-6)
    np.testing.assert_array_equal(sf.ops.scattering_moments(z, dtype="float32", **kw)["mean"], single["mean"])
    assert sf.ops.scattering_moments(z[:0], **kw)["mean"].shape == (0, single.sizes["path"])


def test_a_bound_operator_travels() -> None:
    # What is published depends on the dtype that the operator was bound to, also where it was sent to.
    z = noise(("seed", 5), ("x", 64), mean=0.2)
    bound = ScatteringMoments(dims=LINE, J=2, over="seed").resolve(spec_of(z))
    rng = np.random.default_rng(1)
    state = (np.zeros((1,), "int64"), np.arange(5), np.ones(5), np.ones((5, 1)), rng.standard_normal((5, 8)))
    here, there = (operator.finalize(np, *state)["mean"] for operator in (bound, pickle.loads(pickle.dumps(bound))))
    assert here.shape == (7,) and here[0] == pytest.approx(np.hypot(*state[-1].mean(axis=0)[[0, -1]]))
    np.testing.assert_array_equal(there, here)
