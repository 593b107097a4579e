"""Gaussian models of data (M1): their moments, their spectra, random phases, and what is refused."""

import math

import numpy as np
import pytest
import xarray as xr

from scatflow import apply
from scatflow.errors import ParameterError
from scatflow_processes.gaussian import gaussian_ensemble
from scatflow_processes.gaussian_model import centered_spectrum, model_samples, periodogram, smoothed_power, tables_of
from scatflow_processes.modes import shells, twins, wave_numbers
from scatflow_processes.operators.gaussian import GaussianModel
from scatflow_processes.spectra import Spectrum, mode_power


def target(shape: tuple[int, ...], seed: int = 3) -> np.ndarray:
    """A field that is not Gaussian at all: the exponential of one, with a mean."""
    power = mode_power(Spectrum("matern", length=3.0), shape, (1.0,) * len(shape), std=1.0)
    return np.exp(gaussian_ensemble(power, seed, [0])[0])


def drawn(x: np.ndarray, **parameters: object) -> np.ndarray:
    """Samples of the model of one field, along a first axis."""
    array = xr.DataArray(x, dims=("z", "y", "x")[3 - x.ndim :])
    return apply(GaussianModel(**parameters), array).transpose("surrogate", ...).values


@pytest.mark.parametrize("shape", [(255,), (32, 32), (8, 9, 10)])
def test_mean_periodogram_of_200_samples(shape: tuple[int, ...]) -> None:
    ndim, x = len(shape), target(shape)
    samples = drawn(x, surrogates=200)
    ratio = periodogram(samples, ndim).mean(axis=0).ravel()[1:] / periodogram(x, ndim).ravel()[1:]
    # Each is a mean of 200 exponential values of unit mean (chi-square ones where X is real): off by 1 / sqrt(200) in the mean over modes,
    # which in 127 independent ones, as many as the shortest signal has, is sharp to 6 %.
    assert math.sqrt(np.mean((ratio - 1) ** 2)) * math.sqrt(200) == pytest.approx(1, abs=0.24)
    assert np.abs(ratio - 1).max() < 6.5 * math.sqrt(2 / 200)
    assert abs(ratio.mean() - 1) < 4 * math.sqrt(2 / (200 * ratio.size))
    np.testing.assert_allclose(samples.mean(axis=tuple(range(1, ndim + 1))), x.mean(), rtol=1e-12)


def test_skewness_and_kurtosis_are_those_of_a_gaussian() -> None:
    x = target((64, 64))
    z = (x - x.mean()) / x.std()
    assert (z**3).mean() > 1
    samples = drawn(x, surrogates=200, seed=4)
    z = (samples - x.mean()) / x.std()
    # Moments about the law's own mean and variance are unbiased; errors from the scatter between samples.
    for power, expected in ((3, 0.0), (4, 3.0)):
        each = (z**power).mean(axis=(1, 2))
        assert abs(each.mean() - expected) < 4 * each.std() / math.sqrt(200)


def test_analytic_bands_have_the_ratio_of_complex_gaussians() -> None:
    """(E|z|)^2 / E|z|^2 is pi/4 for every band of the model and less for what is sparse."""
    n = 4096
    x = np.zeros(n)
    x[:: n // 16] = np.random.default_rng(0).standard_normal(16) ** 3
    samples = drawn(x, surrogates=400, seed=1)
    w = 2 * np.pi * np.fft.fftfreq(n)
    for j in range(1, 6):
        center = 2.4 * 2.0**-j
        band = np.where(w > 0, np.exp(-((w - center) ** 2) / (2 * (center / 4) ** 2)), 0.0)
        moduli = {name: np.abs(np.fft.ifft(np.fft.fft(value) * band)) for name, value in (("model", samples), ("data", x))}
        ratio = {name: value.mean() ** 2 / (value**2).mean() for name, value in moduli.items()}
        assert abs(ratio["model"] - math.pi / 4) < 0.01
        assert ratio["data"] < 0.6


def test_random_phases_keep_moduli_and_cross_spectra_exactly() -> None:
    rng = np.random.default_rng(1)
    common = rng.standard_normal(100)
    x = xr.DataArray(np.stack([common, np.roll(common, 3) + 0.5 * rng.standard_normal(100)]), dims=("name", "time"))
    found = apply(GaussianModel(dims=("time",), phase_only=True, surrogates=7, shared=("name",)), x)
    assert found.dims == ("name", "time", "surrogate")
    found = found.transpose("name", "surrogate", "time")
    before, after = np.fft.fft(x.values)[:, None], np.fft.fft(found.values)
    np.testing.assert_allclose(np.abs(after), np.abs(before) + 0 * np.abs(after), atol=1e-10)
    np.testing.assert_allclose(after[0] * np.conj(after[1]), before[0] * np.conj(before[1]) + 0 * after[0], atol=1e-9)
    assert not np.allclose(found[0, 0], found[0, 1])
    apart = apply(GaussianModel(dims=("time",), phase_only=True, surrogates=7), x).transpose("name", "surrogate", "time").values
    cross = np.fft.fft(apart[0]) * np.conj(np.fft.fft(apart[1]))
    assert not np.allclose(cross, before[0] * np.conj(before[1]))


def test_phases_are_uniform() -> None:
    x = target((64,))
    found = drawn(x, phase_only=True, surrogates=2000)
    turned = np.fft.fft(found)[:, 1:32] / np.fft.fft(x)[1:32]
    for order in (1, 2, 3):
        assert np.abs((turned**order).mean(axis=0)).max() < 4.5 / math.sqrt(2000)
    assert np.abs((turned[:, 3] * np.conj(turned[:, 4])).mean()) < 4 / math.sqrt(2000)


def test_surrogates_are_numbered_and_chunks_do_not_matter() -> None:
    x = xr.DataArray(np.random.default_rng(2).standard_normal((5, 32)), dims=("name", "time"))
    for shared in (None, ("name",)):
        whole = apply(GaussianModel(dims=("time",), surrogates=6, shared=shared), x)
        part = apply(GaussianModel(dims=("time",), surrogates=2, first=3, shared=shared), x)
        np.testing.assert_array_equal(part.values, whole.values[:, :, 3:5])
        assert part.surrogate.values.tolist() == [3, 4]
        lazy = apply(GaussianModel(dims=("time",), surrogates=6, shared=shared), x.chunk(name=2))
        np.testing.assert_allclose(lazy.compute().values, whole.values, atol=1e-13)
    single = apply(GaussianModel(dims=("time",)), x.astype("float32"))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, apply(GaussianModel(dims=("time",)), x), atol=1e-5)


def test_isotropic_estimate_is_the_mean_over_shells() -> None:
    shape, spacing = (12, 15), (0.5, 0.5)
    x = target(shape)
    plain, found = periodogram(x, 2), periodogram(x, 2, "isotropic", spacing)
    number, _, _ = shells(shape, spacing)
    for shell in range(1, number.max() + 1):
        inside = number == shell
        np.testing.assert_allclose(found[inside], plain[inside].mean(), rtol=1e-12)
    assert found[0, 0] == 0
    assert found.mean() == pytest.approx(x.var())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weak_shells_are_not_lost_beside_strong_ones(dtype: str) -> None:
    """A blue field, whose first shell has 1e-9 of the power per mode of the last, and white noise."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((256, 256))
    k = wave_numbers(noise.shape, (1.0, 1.0))
    number, _, _ = shells(noise.shape, (1.0, 1.0))
    for field in (noise, np.fft.ifft2(np.fft.fft2(noise) * k**2).real):
        field = field.astype(dtype)
        spectrum, _ = centered_spectrum(np, field, 2)
        plain = np.abs(spectrum.astype(np.complex128)) ** 2 / field.size
        weight, half = np.broadcast_to(twins(256), plain.shape), number[:, :129]
        expected = np.bincount(half.ravel(), (plain * weight).ravel()) / np.bincount(half.ravel(), weight.ravel())
        found = smoothed_power(np, field, spectrum, 2, tables_of(field.shape, (1.0, 1.0), "isotropic", 8))
        assert found.dtype == dtype
        np.testing.assert_allclose(found[0, 1:], expected[half[0, 1:]], rtol=1e-5 if dtype == "float32" else 1e-12)


def test_along_one_dim_a_shell_is_one_mode_and_its_twin() -> None:
    x = target((64,))
    np.testing.assert_array_equal(periodogram(x, 1, "isotropic"), periodogram(x, 1))


@pytest.mark.parametrize("shape", [(4096,), (128, 128)])
def test_welch_estimate_is_smooth_and_near_the_truth(shape: tuple[int, ...]) -> None:
    ndim = len(shape)
    power = mode_power(Spectrum("matern", length=2.0, smoothness=0.5), shape, (1.0,) * ndim, std=1.0)
    x = gaussian_ensemble(power, 1, [0])[0]
    found = periodogram(x, ndim, "welch", segments=8 if ndim == 2 else 32)
    assert found.mean() == pytest.approx(x.var())
    used = np.ones(shape, bool)
    used[(0,) * ndim] = False
    errors = {name: np.log(value[used] / power[used]).std() for name, value in (("welch", found), ("plain", periodogram(x, ndim)))}
    assert errors["plain"] > 1.0  # that of the logarithm of an exponential variable is pi / sqrt(6)
    assert errors["welch"] < 0.3


def test_models_by_every_estimate_have_its_power() -> None:
    x = target((48, 40))
    noise = np.random.default_rng(0).standard_normal((48, 40))
    for estimate in ("periodogram", "isotropic", "welch"):
        sample = model_samples(x, noise, 2, phase_only=True, estimate=estimate)
        np.testing.assert_allclose(periodogram(sample, 2), periodogram(x, 2, estimate), atol=1e-10)
        assert drawn(x, estimate=estimate, phase_only=True).std() == pytest.approx(x.std())


def test_what_has_no_model() -> None:
    with pytest.raises(ValueError, match="at least 2 samples"):
        periodogram([1.0], 1)
    with pytest.raises(ValueError, match="constant"):
        periodogram(np.ones((3, 8)), 1)
    with pytest.raises(ValueError, match="not finite"):
        periodogram([1.0, np.nan], 1)
    with pytest.raises(ValueError, match="1 to 3 dims"):
        periodogram(np.ones(4), 2)
    with pytest.raises(ValueError, match="segments"):
        periodogram(np.arange(16.0), 1, "welch", segments=9)
    with pytest.raises(ValueError, match="estimate"):
        periodogram(np.arange(16.0), 1, "burg")
    with pytest.raises(ValueError, match="noise must end with the grid"):
        model_samples(np.arange(9.0), np.ones(8), 1)  # whose half spectrum is as long
    x = xr.DataArray(np.arange(16.0), dims="x")
    with pytest.raises(ParameterError, match="segments"):
        apply(GaussianModel(estimate="welch", segments=9), x)
    with pytest.raises(ParameterError, match="two samples"):
        apply(GaussianModel(), x[:1])
    with pytest.raises(ParameterError, match="shared"):
        apply(GaussianModel(shared=("name",)), x)
    with pytest.raises(ParameterError, match="segment"):
        apply(GaussianModel(), x.assign_coords(segment=("x", np.repeat([0, 1], 8))))
    with pytest.raises(ParameterError, match="surrogate"):
        apply(GaussianModel(dims=("x",)), x.expand_dims(surrogate=2))
