"""Scalograms, ``modulus`` after ``wavelet``: labels, norms, what they tell of modulations and singularities."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow_wavelet import Bank, Grid, Morlet, Tight

N = 256


def scalogram(x: xr.DataArray, **parameters: object) -> xr.DataArray:
    return sf.ops.modulus(sf.ops.wavelet(x, **{"dims": "t", "boundary": "periodic", "filters": "tight", **parameters}))


def test_frequencies_are_in_hertz_where_time_has_units() -> None:
    rate = 8000.0
    time = xr.DataArray(np.arange(N) / rate, dims="t", attrs={"units": "s"})
    x = xr.DataArray(np.cos(2 * np.pi * 1000 * time), coords={"t": time}, dims="t")
    out = scalogram(x, J=4, Q=4)
    assert out.dtype == "float64" and out.xi1.units == "1/s" and list(out.order.values[:2]) == [0, 1]
    by_sample = scalogram(x.drop_vars("t"), J=4, Q=4)
    assert by_sample.xi1.units == "1"
    bands = out.order == 1
    np.testing.assert_allclose(out.xi1[bands], by_sample.xi1[bands] * rate)
    np.testing.assert_array_equal(out.j1[bands], np.repeat(np.arange(4), 4))  # the octave
    np.testing.assert_allclose(by_sample.xi1[bands], 0.375 * 2.0 ** (-np.arange(16) / 4))  # w_max = 0.75 pi
    loudest = out.isel(t=N // 2).where(bands).argmax("path")
    assert abs(np.log2(out.xi1[loudest] / 1000)) < 1 / 8  # half a band


@pytest.mark.parametrize("Q", [1, 8])
def test_distances_do_not_grow_and_norms_stay(Q: int) -> None:
    # | |a| - |b| | <= |a - b| and a tight bank: a thousand pairs, alike and not.
    rng = np.random.default_rng(3)
    x = rng.standard_normal((1000, N))
    far = rng.uniform(0, 1, (1000, 1)) ** 4
    y = (1 - far) * x + far * rng.standard_normal((1000, N)) + 1e-6 * rng.standard_normal((1000, N))
    both = xr.DataArray(np.stack([x, y]), dims=("pair", "item", "t"))
    out = scalogram(both, J=5, Q=Q)
    axes = ["path", "t"]
    difference = np.sqrt(((out[0] - out[1]) ** 2).sum(axes))
    assert (difference / np.linalg.norm(x - y, axis=-1)).max() <= 1 + 1e-10
    np.testing.assert_allclose((out**2).sum(axes), (both**2).sum("t"), rtol=1e-12)


@pytest.mark.parametrize("family", [Tight(), Morlet()])
def test_of_a_slowly_modulated_wave_it_is_the_envelope(family: Tight | Morlet) -> None:
    n, w0 = 4096, 2 * np.pi * 400 / 4096
    t = np.arange(n)
    envelope = 1 + 0.5 * np.cos(2 * np.pi * 3 * t / n)
    out = scalogram(xr.DataArray(envelope * np.cos(w0 * t), dims="t"), J=6, Q=2, filters=family)
    bank = Bank(family, 6, 2)
    for k, psi in enumerate(bank.psi(Grid((n,)))):
        gain = psi[400] / 2
        if gain > 0.1:  # bands that hear the wave
            np.testing.assert_allclose(out.isel(path=k + 1), gain * envelope, rtol=0.01)
    assert (bank.psi(Grid((n,)))[:, 400] > 0.2).any()


@pytest.mark.parametrize(("name", "exponent"), [("step", 0.0), ("dirac", -1.0), ("cusp", 0.5)])
def test_decay_across_scales_tells_the_singularity(name: str, exponent: float) -> None:
    # Of |t|^s the largest |x * psi_j| grows like 2^(j s) for wavelets of equal maximum in frequency.
    n = 2**13
    t = np.arange(n) - n / 2
    signals = {"step": (t >= 0).astype(float), "dirac": (t == 0).astype(float), "cusp": np.sqrt(np.abs(t))}
    out = scalogram(xr.DataArray(signals[name], dims="t"), J=8, Q=1, filters=Morlet())
    near = out.isel(t=slice(n // 2 - 1024, n // 2 + 1024))
    largest = near.where(near.order == 1, drop=True).max("t")
    chosen = (largest.j1 >= 2) & (largest.j1 <= 7)
    slope = np.polyfit(largest.j1[chosen], np.log2(largest[chosen]), 1)[0]
    assert slope == pytest.approx(exponent, abs=0.1)
