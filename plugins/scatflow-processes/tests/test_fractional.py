"""Fractional and multifractal walks: the law of what is drawn, exactly where it can be, and scaling exponents."""

import math
from collections.abc import Callable
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import toeplitz

from scatflow_processes import circulant, fractional, multifractal, multifractal_field
from scatflow_processes.gaussian_torus import filtered, torus_roots
from scatflow_processes.multifractal import PLAIN, Skew
from scatflow_processes.streams import realization_generator

ORDERS = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0])


def linear_map(scale: np.ndarray, size: int) -> np.ndarray:
    """Return what the generator does to unit noise, column by column."""
    units = np.eye(2 * scale.size)
    return np.stack([circulant.shaped(scale, unit.copy().view(np.complex128), size) for unit in units], axis=1)


def moments(increments: np.ndarray) -> list[float]:
    """Return E|x|^q at the orders, multiples of 1/2, by products of one root: powers would take most of the time."""
    root = np.sqrt(np.abs(increments))
    power, found = np.ones_like(root), []
    for _ in ORDERS:
        power *= root
        found.append(float(power.mean()))
    return found


def exponents(path: np.ndarray, octaves: range) -> np.ndarray:
    """Return the slopes of ln E|X(t + tau) - X(t)|^q against ln tau over tau = 2^octave, moments over all realizations."""
    lags = [2**octave for octave in octaves]
    return np.polyfit(np.log(lags), np.log([moments(path[..., lag:] - path[..., :-lag]) for lag in lags]), 1)[0]


@pytest.mark.parametrize("hurst", [0.05, 0.3, 0.5, 0.7, 0.99])
def test_noise_has_its_covariance_exactly(hurst: float) -> None:
    size = 64
    scale = fractional.noise_roots(size, hurst)
    half = fractional.noise_autocovariance(np.arange(scale.size), hurst)
    row = np.concatenate([half, half[-2:0:-1]])
    np.testing.assert_allclose(np.fft.ifft(np.concatenate([scale, scale[-2:0:-1]]) ** 2).real, row, atol=1e-12)
    drawn = linear_map(scale, size)
    np.testing.assert_allclose(drawn @ drawn.T, toeplitz(half[:size]), atol=1e-10)


@pytest.mark.parametrize("lam2", [0.01, 0.2])
@pytest.mark.parametrize("integral_scale", [1.0, 5.5, 40.0, 64.0])
def test_log_volatility_has_its_covariance_exactly(lam2: float, integral_scale: float) -> None:
    size = 64
    drawn = linear_map(multifractal._log_roots(size, lam2, integral_scale), size)
    lags = np.arange(size)
    expected = lam2 * np.log(np.maximum(integral_scale / (lags + 1), 1))
    np.testing.assert_allclose(drawn @ drawn.T, toeplitz(expected), atol=1e-12)


@settings(max_examples=40)
@given(st.floats(0.001, 0.999), st.integers(0, 2**24))
def test_autocovariance_of_noise_keeps_its_digits(hurst: float, lag: int) -> None:
    with localcontext() as context:
        context.prec = 60
        k, twice = Decimal(lag), 2 * Decimal(hurst)
        powers = [abs(k + shift) ** twice if k + shift else Decimal(0) for shift in (1, 0, -1)]
        expected = float((powers[0] - 2 * powers[1] + powers[2]) / 2)
    got = float(fractional.noise_autocovariance(-lag, hurst))
    assert abs(got - expected) < 1e-12
    if lag >= 8:
        assert got == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("hurst", [0.3, 0.8])
def test_variance_of_the_motion_is_a_power_of_time(hurst: float) -> None:
    size = 64
    drawn = np.cumsum(linear_map(fractional.noise_roots(size, hurst), size), axis=0)
    np.testing.assert_allclose((drawn**2).sum(axis=1), np.arange(1, size + 1) ** (2 * hurst), rtol=1e-10)


@pytest.mark.parametrize("hurst", [0.001, 0.5, 0.999])
@pytest.mark.parametrize("size", [1, 2, 3, 1000, 1 << 17])
def test_any_hurst_and_size_can_be_embedded(hurst: float, size: int) -> None:
    assert fractional.noise(size, hurst, 0, [1]).shape == (1, size)


@pytest.mark.parametrize("hurst", [0.3, 0.7])
def test_exponents_of_fractional_brownian_motion(hurst: float) -> None:
    path = fractional.brownian(1 << 16, hurst, seed=1, realizations=range(20))
    found = exponents(path, range(2, 9))
    assert np.abs(found - fractional.brownian_zeta(ORDERS, hurst)).max() < 0.03


@pytest.mark.parametrize(
    ("lam2", "hurst", "octaves"), [(0.02, 0.5, range(2, 9)), (0.06, 0.5, range(2, 9)), (0.02, 0.8, range(4, 10))]
)
def test_exponents_of_the_multifractal_walk(lam2: float, hurst: float, octaves: range) -> None:
    steps = multifractal.increments(1 << 16, lam2, 1 << 12, seed=2, realizations=range(20), hurst=hurst)
    found = exponents(np.cumsum(steps, axis=-1), octaves)
    expected = multifractal.zeta(ORDERS, lam2, hurst)
    assert np.abs(found - expected).max() < 0.1
    # The curvature is there: without it the third order would be far off.
    assert abs(found[-1] - expected[-1]) < abs(3 * found[1] - expected[-1]) / 2


@pytest.mark.parametrize("lam2", [0.01, 0.02, 0.04])
def test_exponents_of_the_skewed_walk_up_to_the_fourth_order(lam2: float) -> None:
    """As short as series of daily returns are: leverage does not change the exponents."""
    steps = multifractal.increments(4096, lam2, 1024, 1, range(64), skew=Skew(0.08, decay=0.02, exponent=0.5))
    path, q, lags = np.cumsum(steps, axis=-1), np.arange(1, 9) / 2, [2**octave for octave in range(2, 8)]
    found = np.polyfit(
        np.log(lags), np.log([[(np.abs(path[:, lag:] - path[:, :-lag]) ** one).mean() for one in q] for lag in lags]), 1
    )[0]
    np.testing.assert_allclose(found, multifractal.zeta(q, lam2), atol=0.03)
    assert abs(found[-1] - 2) > 0.03  # q / 2, as without intermittency


@pytest.mark.parametrize("hurst", [0.3, 0.8])
def test_sampled_covariances(hurst: float) -> None:
    """Of noise and of log-volatility, which is read off: the noise is drawn first, from the same stream."""
    lam2, scale, count = 0.1, 40, 300
    noise = fractional.noise(512, hurst, 8, range(count))
    w = np.log(np.abs(multifractal.increments(512, lam2, scale, 8, range(count), hurst, mean="none") / noise))
    lags = np.array([0, 1, 2, 5, 10, 30, 60])
    for series, expected in (
        (noise, fractional.noise_autocovariance(lags, hurst)),
        (w, multifractal.log_covariance(lags, lam2, scale)),
    ):
        products = np.stack([(series[:, : 512 - lag] * series[:, lag:]).mean(axis=1) for lag in lags])
        error = products.std(axis=1, ddof=1) / math.sqrt(count)
        assert (np.abs(products.mean(axis=1) - expected) < 4 * error).all()
        assert (4 * error < 0.1 * expected[0]).all()


@pytest.mark.parametrize(("lam2", "hurst"), [(0.0, 0.5), (0.0289, 0.5), (0.09, 0.5), (0.0289, 0.3), (0.09, 0.8), (0.0289, 0.99)])
def test_second_log_cumulant(lam2: float, hurst: float) -> None:
    path = np.cumsum(multifractal.increments(1 << 16, lam2, 1 << 12, 4, range(20), hurst), axis=-1)
    lags = [2**octave for octave in range(3, 10)]
    spread = [np.log(np.abs(path[:, lag:] - path[:, :-lag])).var() for lag in lags]
    found = np.polyfit(np.log(lags), spread, 1)[0]
    assert abs(found - multifractal.log_cumulants(lam2, hurst)[1]) < 0.025


def test_second_moments_of_the_walk_approach_their_exponent() -> None:
    # Exactly, from covariances: E X(n)^2 = sum_k (n - |k|) gamma(k) E exp(w(0) + w(k)), up to a factor.
    lam2, scale = 0.05, 2.0**40
    lags = np.arange(1, 1 << 18)
    for hurst in (0.3, 0.5, 0.8, 0.95):
        pairs = fractional.noise_autocovariance(lags, hurst) * np.exp(multifractal.log_covariance(lags, lam2, scale))
        alone = math.exp(float(multifractal.log_covariance(0, lam2, scale)))
        sizes = [1 << octave for octave in (15, 16, 17, 18)]
        moment = [n * alone + 2 * ((n - lags[: n - 1]) * pairs[: n - 1]).sum() for n in sizes]
        gaps = np.log2([moment[1] / moment[0], moment[3] / moment[2]]) - float(multifractal.zeta(2, lam2, hurst))
        assert abs(gaps[1]) < (0.03 if hurst != 0.5 else 1e-9)
        if hurst != 0.5:
            assert gaps[1] / gaps[0] == pytest.approx(4.0 ** -abs(2 * hurst - 1 - lam2), rel=0.1)


def test_exponents_in_two_dimensions() -> None:
    lam2, hurst = 0.03, 0.4
    steps = multifractal_field.increments(512, lam2, 256, seed=3, realizations=range(8))
    field = multifractal_field.path(steps, hurst)
    lags = [8, 16, 32]  # below, the cut at the grid counts
    both = [[np.roll(field, lag, axis=axis) - field for axis in (-2, -1)] for lag in lags]
    found = np.polyfit(np.log(lags), np.log([moments(np.stack(pair)) for pair in both]), 1)[0]
    assert np.abs(found - multifractal_field.zeta(ORDERS, lam2, hurst)).max() < 0.1
    assert 3 * found[1] - found[-1] == pytest.approx(3 * lam2, rel=0.4)  # 0 without intermittency
    assert field.var() == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("integral_scale", [1.5, 4.0, 9.0, 16.0])
def test_log_volatility_in_the_plane_has_its_covariance(integral_scale: float) -> None:
    size = 16
    covariance = multifractal_field.torus_covariance(size, 0.1, integral_scale)
    units = np.eye(size * size).reshape(-1, size, size)
    drawn = filtered(units, torus_roots(covariance)).reshape(size * size, -1)
    np.testing.assert_allclose((drawn.T @ drawn)[0].reshape(size, size), covariance, atol=1e-12)


def test_log_covariance_in_the_plane_is_a_covariance() -> None:
    for integral_scale in [*np.linspace(2, 6, 80), *np.geomspace(6, 128, 30)]:
        for sides in (1, 2):
            covariance = multifractal_field.torus_covariance(sides * math.ceil(integral_scale), 0.1, integral_scale)
            assert np.fft.rfft2(covariance).real.min() > 0.1 * 0.1


@pytest.mark.parametrize("mean", ["variance", "amplitude", "none"])
def test_mean_of_log_volatility_is_what_was_chosen(mean: multifractal.Convention) -> None:
    lam2, scale, skew = 0.04, 64, Skew(0.1, decay=0.05, exponent=0.5)
    steps = multifractal.increments(1 << 14, lam2, scale, 5, range(20), mean=mean, skew=skew)
    # The noise is drawn first, from the same stream, so volatility can be read off.
    longer = fractional.noise((1 << 14) + scale, 0.5, 5, range(20))[:, scale:]
    w = np.log(steps / longer)
    variance = multifractal.log_variance(lam2, scale, skew=skew)
    error = w.mean(axis=1).std(ddof=1) / math.sqrt(20)
    assert abs(w.mean() + multifractal.MEANS[mean] * variance) < 4 * error
    spread = ((w - w.mean()) ** 2).mean(axis=1)
    assert abs(spread.mean() - variance) < 4 * spread.std(ddof=1) / math.sqrt(20)
    assert 4 * error < 0.3 * variance


def test_walk_has_unit_variance() -> None:
    for skew in (PLAIN, Skew(0.15)):
        squares = (multifractal.increments(1 << 14, 0.03, 128, 7, range(40), skew=skew) ** 2).mean(axis=1)
        assert abs(squares.mean() - 1) < 4 * squares.std(ddof=1) / math.sqrt(40)


@pytest.mark.parametrize("hurst", [0.3, 0.5, 0.9])
def test_log_variance_sums_over_pairs(hurst: float) -> None:
    skew = Skew(0.3, 0.1, 0.7)
    kernel = skew.kernel(11)
    pairs = toeplitz(fractional.noise_autocovariance(np.arange(11), hurst))
    expected = 0.02 * math.log(11) + kernel @ pairs @ kernel
    assert multifractal.log_variance(0.02, 11, hurst, skew) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("mean", ["variance", "amplitude", "none"])
def test_leverage_of_the_skewed_walk(mean: multifractal.Convention) -> None:
    lam2, scale, skew = 0.02, 64, Skew(0.08, decay=0.02, exponent=0.5)
    r = multifractal.increments(1 << 14, lam2, scale, 9, range(60), mean=mean, skew=skew)
    for lag in (1, 3, 10, 30, -1, -5):
        early, late = (r[:, :-lag], r[:, lag:]) if lag > 0 else (r[:, -lag:], r[:, :lag])
        products = (early * late**2).mean(axis=1)
        expected = float(multifractal.leverage(lag, lam2, scale, skew, mean)) * (r**2).mean() ** 2
        error = products.std(ddof=1) / math.sqrt(60)
        assert abs(products.mean() - expected) < 4 * error
        assert lag < 0 or lag > 10 or expected < -4 * error
    assert multifractal.leverage([65, 0], lam2, scale, skew).tolist() == [0.0, 0.0]


def test_without_intermittency_the_walk_is_fractional_noise() -> None:
    steps = multifractal.increments(500, 0.0, 100, 3, [0, 4], hurst=0.7)
    np.testing.assert_allclose(steps, fractional.noise(500, 0.7, 3, [0, 4]), rtol=1e-12)
    assert multifractal.zeta(ORDERS, 0.0, 0.3).tolist() == fractional.brownian_zeta(ORDERS, 0.3).tolist()


def test_exponents_written_out() -> None:
    q, lam2 = ORDERS, 0.07
    np.testing.assert_allclose(multifractal.zeta(q, lam2), q / 2 - lam2 * q * (q - 2) / 2, rtol=1e-12)
    np.testing.assert_allclose(multifractal.zeta(q, lam2, 0.9), 0.9 * q - lam2 * q * (q - 1) / 2, rtol=1e-12)
    c1, c2 = multifractal.log_cumulants(lam2)
    np.testing.assert_allclose(multifractal.zeta(q, lam2), c1 * q + c2 * q**2 / 2, rtol=1e-12)
    assert c2 == -lam2
    assert np.isnan(multifractal.zeta(-1.0, lam2)) and np.isnan(fractional.brownian_zeta(-2, 0.5))


def test_members_do_not_depend_on_their_company() -> None:
    for draw in (
        lambda which: fractional.noise(33, 0.6, 2, which),
        lambda which: multifractal.increments(33, 0.05, 20, 2, which, skew=Skew(0.2)),
        lambda which: multifractal_field.increments(8, 0.05, 8, 2, which),
    ):
        whole = draw(range(4))
        np.testing.assert_array_equal(draw([3, 1]), whole[[3, 1]])
        assert draw([]).shape == (0, *whole.shape[1:])
        assert (whole[0] != whole[1]).all()


def test_white_noise_is_used_once() -> None:
    scale = fractional.noise_roots(100, 0.5)
    noise = circulant.white(scale, realization_generator(1, 2))
    kept = noise.copy()
    found = circulant.shaped(scale, noise, 100)
    np.testing.assert_array_equal(found, fractional.noise(100, 0.5, 1, [2])[0])
    assert (noise != kept).any()  # as documented, for the sake of memory


@pytest.mark.slow
def test_the_largest_size() -> None:
    noise = fractional.noise(fractional.MAX_SIZE, 0.7, 0, [0])[0]
    assert (noise[:-1] * noise[1:]).mean() == pytest.approx(float(fractional.noise_autocovariance(1, 0.7)), abs=0.01)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: fractional.noise(10, 0.0, 0, [0]), "hurst"),
        (lambda: fractional.noise(10, 1.0, 0, [0]), "hurst"),
        (lambda: fractional.noise(10, math.nan, 0, [0]), "hurst"),
        (lambda: fractional.noise(0, 0.5, 0, [0]), "size"),
        (lambda: fractional.noise((1 << 24) + 1, 0.5, 0, [0]), "size"),
        (lambda: fractional.noise(10, 0.5, -1, [0]), "seed"),
        (lambda: fractional.noise(10, 0.5, 0, [-1]), "realization"),
        (lambda: fractional.brownian_zeta(1, 1.5), "hurst"),
        (lambda: multifractal.increments(10, 0.25, 5, 0, [0]), "lam2"),
        (lambda: multifractal.increments(10, -0.01, 5, 0, [0]), "lam2"),
        (lambda: multifractal.increments(10, 0.1, 11, 0, [0]), "integral_scale.*size"),
        (lambda: multifractal.increments(10, 0.1, 0.5, 0, [0]), "integral_scale"),
        (lambda: multifractal.increments(10, 0.1, 5, 0, [0], hurst=1.0), "hurst"),
        (lambda: multifractal.increments(10, 0.1, 5, 0, [0], mean="zero"), "mean"),
        (lambda: multifractal.increments(1000, 0.1, 500, 0, [0], skew=Skew(10, exponent=0.1)), "lower the skew"),
        (
            lambda: multifractal.increments(1 << 24, 0.1, 100, 0, [0], skew=Skew(0.1)),
            "at most 16777116 samples where skew reaches over 100",
        ),
        (lambda: multifractal.increments(10, math.nan, 5, 0, [0]), "lam2"),
        (lambda: multifractal.zeta(1, 0.25), "lam2"),
        (lambda: multifractal.zeta(1, 0.1, 1.0), "hurst"),
        (lambda: multifractal_field.zeta(1, 0.25, 0.5), "lam2"),
        (lambda: multifractal_field.zeta(1, 0.1, 0.0), "hurst"),
        (lambda: multifractal_field.increments(8, 0.25, 4, 0, [0]), "lam2"),
        (lambda: multifractal.leverage([1], 0.1, 5, PLAIN, "zero"), "mean must be one of variance, amplitude, none, got 'zero'"),
        (lambda: multifractal.leverage([0.5], 0.1, 5, PLAIN), "lags"),
        (lambda: Skew(11), "strength"),
        (lambda: Skew(1, decay=-1), "decay"),
        (lambda: Skew(1, exponent=math.nan), "exponent"),
        (lambda: multifractal_field.increments(8, 0.1, 9, 0, [0]), "integral_scale"),
        (lambda: multifractal_field.increments(1, 0.1, 1, 0, [0]), "size"),
        (lambda: multifractal_field.torus_covariance(4, 0.1, 100.0), "integral_scale"),
        (lambda: multifractal_field.torus_covariance(0, 0.1, 1.0), "size"),
        (lambda: multifractal_field.path(np.ones((4, 5)), 0.5), "square"),
        (lambda: multifractal_field.path(1.0, 0.5), "square"),
        (lambda: multifractal_field.path(np.ones((4, 4)), 1.0), "hurst"),
        (lambda: circulant.roots([1.0, 0.9, -0.9]), "eigenvalue"),
        (lambda: circulant.roots([1.0]), "half"),
    ],
)
def test_bad_parameters(call: Callable[[], object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()
