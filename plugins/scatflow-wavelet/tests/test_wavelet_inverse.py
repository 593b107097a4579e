"""Frame bounds and the operator ``inverse_wavelet``: exact on transforms of periodic signals, a projection on others."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import scatflow as sf
from scatflow.errors import DtypeError, FrameError, ParameterError
from scatflow_wavelet import Bank, Gammatone, Grid, Morlet, Tight
from scatflow_wavelet.inverse import InverseWavelet

PERIODIC = {"boundary": "periodic"}
BANKS = [
    (("x",), (256,), {"J": 5, "Q": 1}),
    (("x",), (192,), {"J": 6, "Q": 8, "filters": Tight()}),
    (("x",), (256,), {"J": 4, "Q": 4, "T": 40.0}),
    (("x",), (128,), {"J": 3, "Q": 2, "filters": Gammatone(), "metric": "index"}),
    (("y", "x"), (48, 32), {"J": 3, "L": 4}),
    (("y", "x"), (32, 64), {"J": 4, "L": 8, "filters": Tight()}),
    (("y", "x"), (32, 32), {"J": 2, "L": 6, "metric": (1.0, 0.5)}),
]


def noise(dims, shape, seed=0, dtype="float64"):
    values = np.random.default_rng(seed).standard_normal((2, *shape)).astype(dtype)
    coords = {dim: (dim, 0.25 * np.arange(n), {"units": "m"}) for dim, n in zip(dims, shape, strict=True)}
    return xr.DataArray(values, dims=("run", *dims), coords=coords, name="u", attrs={"units": "m s-1"})


def distance(a, b):
    return float(np.sqrt(((a - b) ** 2).sum() / (b**2).sum()))


@pytest.mark.parametrize(("dims", "shape", "kw"), BANKS)
def test_signal_comes_back(dims, shape, kw):
    x = noise(dims, shape)
    back = sf.ops.inverse_wavelet(sf.ops.wavelet(x, dims=dims, **kw, **PERIODIC), dims=dims, **kw)
    assert back.dims == x.dims and back.dtype == x.dtype and back.units == "m s-1"
    assert not {"path", "order", "j1", "xi1"} & set(back.coords) and "boundary" not in back.attrs
    xr.testing.assert_equal(back.x, x.x)
    assert distance(back, x) <= 1e-10  # measured: at most 2e-15 for these banks


def test_single_precision_stays():
    x = noise(("y", "x"), (32, 32), dtype="float32")
    back = sf.ops.inverse_wavelet(sf.ops.wavelet(x, dims=("y", "x"), J=3, **PERIODIC), dims=("y", "x"), J=3)
    assert back.dtype == np.float32 and distance(back, x) <= 1e-4  # measured: 2e-7


@given(st.integers(1, 6), st.integers(1, 12), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_signal_comes_back_whatever_the_bank(J, Q, multiple, seed):
    x = xr.DataArray(np.random.default_rng(seed).standard_normal(multiple * 2**J), dims="t")
    kw = {"dims": "t", "J": J, "Q": Q, "filters": "tight"}
    assert distance(sf.ops.inverse_wavelet(sf.ops.wavelet(x, **kw, **PERIODIC), **kw), x) <= 1e-10


@pytest.mark.parametrize("order", [("lat", "lon"), ("lon", "lat")])
def test_names_and_order_of_dims_do_not_matter(order):
    # Filters of a transform tell its dims apart by name; so must the inverse, beside a dim `path`.
    x = noise(("lat", "lon"), (16, 32))
    bands = sf.ops.wavelet(x, dims=order, J=2, L=3, **PERIODIC).transpose("path", order[1], "run", order[0])
    assert distance(sf.ops.inverse_wavelet(bands, dims=order, J=2, L=3).transpose(*x.dims), x) <= 1e-10


def test_lazy_and_eager_agree():
    x = noise(("x",), (64,))
    bands = sf.ops.wavelet(x.chunk(run=1), dims="x", J=3, Q=2, **PERIODIC)
    lazy = sf.ops.inverse_wavelet(bands, dims="x", J=3, Q=2)
    assert lazy.chunks is not None
    assert distance(lazy.compute(), x) <= 1e-10


def test_bands_that_are_no_transform_are_projected():
    # x = argmin ||W x - y||: the residual is orthogonal to every transform, and the projection is idempotent.
    kw = {"dims": ("x",), "J": 4, "Q": 2}
    x = noise(("x",), (128,))
    bands = sf.ops.wavelet(x, **kw, **PERIODIC)
    changed = bands.where(abs(bands) > 0.3, 0.0)
    best = sf.ops.inverse_wavelet(changed, **kw)
    residual = (changed - sf.ops.wavelet(best, **kw, **PERIODIC)).transpose(*bands.dims).values
    size = np.linalg.norm(bands.values) * np.linalg.norm(changed.values)
    assert abs(np.vdot(bands.values, residual).real) <= 1e-12 * size
    assert np.linalg.norm(residual) > 0.01 * np.linalg.norm(changed.values)


def test_the_inverse_of_a_tight_bank_is_its_adjoint():
    # <W* y, x> = Re <y, W x> for every x, with the inverse in the place of W*.
    kw = {"dims": ("y", "x"), "J": 3, "L": 4, "filters": "tight"}
    x, z = noise(("y", "x"), (32, 24)), noise(("y", "x"), (32, 24), seed=1)
    bands = sf.ops.wavelet(x, **kw, **PERIODIC)
    given_bands = bands.copy(data=np.roll(bands.values, 5, -1) * (0.3 + 0.4j))
    left = float((sf.ops.inverse_wavelet(given_bands, **kw) * z).sum())
    other = sf.ops.wavelet(z, **kw, **PERIODIC).transpose(*bands.dims)
    assert left == pytest.approx(np.vdot(given_bands.values, other.values).real, rel=1e-12)


@pytest.mark.parametrize(("family", "ndim"), [(Morlet(), 1), (Gammatone(), 1), (Morlet(), 2)])
def test_bounds_are_reached_by_sinusoids(family, ndim):
    shape, dims = ((256,), ("x",)) if ndim == 1 else ((32, 48), ("y", "x"))
    bank = Bank(family, 4, 3, aspect=(1.0,) * ndim)
    A = bank.littlewood_paley(Grid(shape))
    for place, bound in zip((A.argmin(), A.argmax()), bank.bounds(Grid(shape)), strict=True):
        phase = sum(2 * np.pi * k * u / n for k, u, n in zip(np.unravel_index(place, shape), np.indices(shape), shape, strict=True))
        x = xr.DataArray(np.cos(phase + 0.3), dims=dims)
        bands = sf.ops.wavelet(x, dims=dims, J=4, Q=3, L=3, filters=family, metric="index", **PERIODIC)
        assert float((abs(bands) ** 2).sum() / (x**2).sum()) == pytest.approx(bound, rel=1e-10)


def test_condition_number():
    grid = Grid((64, 64))
    low, high = Bank(Morlet(), 4, 8, aspect=(1.0, 1.0)).bounds(grid)
    assert Bank(Morlet(), 4, 8, aspect=(1.0, 1.0)).condition(grid) == high / low
    assert high / low == pytest.approx(1.0353 / 0.123, rel=1e-2)  # T2
    assert Bank(Tight(), 4, 8, aspect=(1.0, 1.0)).condition(grid) == pytest.approx(1, abs=1e-12)


def test_singular_banks_are_refused():
    x = noise(("y", "x"), (32, 32))
    bands = sf.ops.wavelet(x, dims=("y", "x"), J=3, L=1, **PERIODIC)
    with pytest.raises(FrameError, match="lower frame bound") as caught:
        sf.ops.inverse_wavelet(bands, dims=("y", "x"), J=3, L=1)
    assert isinstance(caught.value, ValueError) and 'filters="tight"' in str(caught.value)
    with pytest.raises(FrameError, match=r"tol=0\.5"):
        sf.ops.inverse_wavelet(sf.ops.wavelet(x, dims=("y", "x"), J=3, **PERIODIC), dims=("y", "x"), J=3, tol=0.5)


def test_other_bands_are_refused():
    x = noise(("x",), (64,))
    kw = {"dims": "x", "J": 3, "Q": 2}
    bands = sf.ops.wavelet(x, **kw, **PERIODIC)
    wrong = [
        (bands.sel(path=slice(1, None)), kw),  # one is missing
        (bands.isel(path=[0, 2, 1, 3, 4, 5, 6]), kw),
        (bands, {**kw, "J": 2}),
        (bands, {**kw, "filters": "tight"}),
        (sf.ops.wavelet(x, stride=2, **kw, **PERIODIC), kw),
        (bands.drop_vars(["j1", "order"]), kw),
    ]
    for other, parameters in wrong:
        with pytest.raises(ParameterError, match="labels"):
            sf.ops.inverse_wavelet(other, **parameters)


def test_bad_input():
    x = noise(("x",), (64,))
    with pytest.raises(ParameterError, match='boundary="periodic"'):
        sf.ops.inverse_wavelet(sf.ops.wavelet(x, dims="x", J=3), dims="x", J=3)
    odd = sf.ops.wavelet(x.isel(x=slice(60)), dims="x", J=3, **PERIODIC)
    with pytest.raises(ParameterError, match="multiple of 2\\^J = 8; expected 56 or 64"):
        sf.ops.inverse_wavelet(odd, dims="x", J=3)
    parts = x.assign_coords(segment=("x", np.repeat([1, 2], 32)))
    with pytest.raises(ParameterError, match="2 segments"):
        sf.ops.inverse_wavelet(sf.ops.wavelet(parts, dims="x", J=3, **PERIODIC), dims="x", J=3)
    bands = sf.ops.wavelet(x, dims="x", J=3, **PERIODIC)
    with pytest.raises(DtypeError, match="bands are complex"):
        sf.ops.inverse_wavelet(abs(bands), dims="x", J=3)
    with pytest.raises(ParameterError, match="tol"):
        InverseWavelet(tol=0.0)
