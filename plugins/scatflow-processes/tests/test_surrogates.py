"""Surrogates: what each kind keeps and what it does not, GARCH models, and the test built on them."""

import functools
import math
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from scatflow import apply
from scatflow.arrays import item_generator
from scatflow.errors import ParameterError
from scatflow_processes.garch import BURN_IN, GarchFit, fit_garch, simulate_garch
from scatflow_processes.operators.garch import GarchModel
from scatflow_processes.operators.gaussian import GaussianModel
from scatflow_processes.operators.surrogates import IAAFT, BlockShuffle, SignFlip, TimeReversal
from scatflow_processes.sources.garch import Garch
from scatflow_processes.surrogate_test import rank_p, surrogate_test

RETURNS = np.random.default_rng(0).standard_t(4, (3, 200))
DATA = xr.DataArray(RETURNS, dims=("name", "time"), coords={"name": ["a", "b", "c"]}, attrs={"units": "1"})


def drawn(operator: type, array: xr.DataArray = DATA, **parameters: object) -> np.ndarray:
    """Surrogates of series, shape (name, surrogate, time)."""
    found = apply(operator(dims=("time",), **parameters), array)
    found = found["surrogates"] if isinstance(found, xr.Dataset) else found
    return found.transpose(..., "surrogate", "time").values


def test_iaaft_keeps_the_marginal_exactly_and_the_spectrum_nearly() -> None:
    x = np.exp(np.cumsum(np.random.default_rng(1).standard_normal(1024)) / 20)
    found = apply(IAAFT(surrogates=3), xr.DataArray(x, dims="time"))
    values = found.surrogates.transpose("surrogate", "time").values
    np.testing.assert_array_equal(np.sort(values), np.broadcast_to(np.sort(x), values.shape))
    modulus = np.abs(np.fft.rfft(x))
    error = np.sqrt(((np.abs(np.fft.rfft(values)) - modulus) ** 2)[:, 1:].sum(axis=1) / (modulus[1:] ** 2).sum())
    np.testing.assert_allclose(found.spectrum_error, error, rtol=1e-2)
    assert (error < 0.02).all()
    assert (found.iterations < 1000).all() and (found.iterations > 5).all()
    shuffled = np.abs(np.fft.rfft(np.random.default_rng(2).permutation(x)))
    assert np.sqrt(((shuffled - modulus) ** 2)[1:].sum() / (modulus[1:] ** 2).sum()) > 0.5
    assert len({tuple(row) for row in values}) == 3
    few = apply(IAAFT(surrogates=3, iterations=4), xr.DataArray(x, dims="time"))
    assert few.iterations.values.tolist() == [4, 4, 4]


def test_iaaft_of_fields() -> None:
    x = np.exp(np.random.default_rng(1).standard_normal((16, 12)).cumsum(axis=0) / 3)
    found = apply(IAAFT(dims=("y", "x")), xr.DataArray(x, dims=("y", "x")))
    np.testing.assert_array_equal(np.sort(found.surrogates.values, axis=None), np.sort(x, axis=None))
    assert float(found.spectrum_error.item()) < 0.1


@pytest.mark.parametrize("block", [1, 7, 64])
def test_block_shuffle_moves_whole_blocks_of_all_channels(block: int) -> None:
    found = drawn(BlockShuffle, surrogates=4, block=block, shared=("name",))
    where = np.argmax(found[0][:, None, :] == RETURNS[0][:, None], axis=1)
    for s in range(4):
        order = where[s]
        np.testing.assert_array_equal(np.sort(order), np.arange(200))
        np.testing.assert_array_equal(found[:, s], RETURNS[:, order])
        starts = np.flatnonzero(np.diff(order, prepend=-9) != 1)
        assert set(order[starts]) <= set(range(0, 200, block))
    assert len({tuple(order) for order in where}) > 1


def test_sign_flips_are_even_and_shared() -> None:
    found = drawn(SignFlip, surrogates=300, shared=("name",))
    signs = found / RETURNS[:, None]
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert (signs == signs[:1]).all()
    assert abs(signs[0].mean()) < 4 / math.sqrt(300 * 200)
    apart = drawn(SignFlip) / RETURNS[:, None]
    assert not (apart == apart[:1]).all()


def test_time_reversal() -> None:
    np.testing.assert_array_equal(apply(TimeReversal(dims=("time",)), DATA).values, RETURNS[:, ::-1])


@pytest.mark.parametrize("operator", [IAAFT, BlockShuffle, SignFlip])
@pytest.mark.parametrize("shared", [None, ("name",)])
def test_surrogates_belong_to_their_number_and_item(operator: type, shared: object) -> None:
    whole = drawn(operator, surrogates=5, shared=shared)
    np.testing.assert_array_equal(drawn(operator, surrogates=2, first=2, shared=shared), whole[:, 2:4])
    lazy = apply(operator(dims=("time",), surrogates=5, shared=shared), DATA.chunk(name=1))
    lazy = lazy["surrogates"] if isinstance(lazy, xr.Dataset) else lazy
    assert lazy.chunks is not None
    np.testing.assert_array_equal(lazy.transpose("name", "surrogate", "time").values, whole)
    assert not np.array_equal(drawn(operator, surrogates=5, shared=shared, seed=1), whole)


def test_refusals() -> None:
    with pytest.raises(ParameterError, match="shorter than the series"):
        drawn(BlockShuffle, block=200)
    walls = DATA.assign_coords(segment=("time", np.repeat([0, 1], 100)))
    for operator in (IAAFT, BlockShuffle, SignFlip, GaussianModel, TimeReversal):
        with pytest.raises(ParameterError, match="segment"):
            drawn(operator, walls)
    with pytest.raises(ParameterError, match="iterations"):
        IAAFT(iterations=0)


# GARCH.


def test_garch_has_its_moments() -> None:
    # Unconditional variance omega / (1 - alpha - beta), kurtosis 3 (1 - p^2) / (1 - p^2 - 2 alpha^2) with p = alpha + beta.
    source = Garch(size=2000, omega=0.1, alpha=0.1, beta=0.7, realizations=300, mean=0.5, seed=3)
    r = source.read({}) - 0.5
    second, fourth = (r**2).mean(axis=1), (r**4).mean(axis=1)
    assert abs(second.mean() - 0.5) < 4 * second.std() / math.sqrt(300)
    expected = 0.5**2 * 3 * (1 - 0.8**2) / (1 - 0.8**2 - 2 * 0.1**2)
    assert abs(fourth.mean() - expected) < 4 * fourth.std() / math.sqrt(300)
    np.testing.assert_array_equal(source.read({"realization": slice(7, 9), "time": slice(3, 50)}), r[7:9, 3:50] + 0.5)
    t = source.replace(dof=5.0, alpha=0.0, beta=0.0, omega=2.0).read({})
    assert t.var() == pytest.approx(2.0, rel=0.02)


def test_a_fall_raises_the_volatility_of_gjr() -> None:
    r = Garch(size=4000, alpha=0.02, gamma=0.15, beta=0.85, realizations=50).read({})
    after = (r[:, :-1] * r[:, 1:] ** 2).mean(axis=1)
    assert after.mean() < -5 * after.std() / math.sqrt(50)


def test_fits_find_the_parameters() -> None:
    pytest.importorskip("arch")
    r = 0.01 * Garch(size=20_000, alpha=0.05, gamma=0.1, beta=0.85, mean=0.02, seed=2).read({})[0]
    fit = fit_garch(r, asymmetric=True)
    np.testing.assert_allclose([fit.alpha, fit.gamma, fit.beta], [0.05, 0.1, 0.85], atol=0.03)
    assert fit.omega == pytest.approx(0.05e-4, rel=0.3)
    assert fit.mean == pytest.approx(0.02e-2, abs=4 * r.std() / math.sqrt(20_000))
    assert fit.residuals.std() == pytest.approx(1, abs=1e-3)
    assert fit.log_likelihood > fit_garch(r).log_likelihood
    # Of a normal density with the variances of the fit.
    e = r - fit.mean
    variance = np.square(e / fit.residuals)
    held = -0.5 * (np.log(2 * np.pi * variance) + e**2 / variance).sum()
    assert fit.log_likelihood == pytest.approx(held, rel=1e-3)


def test_simulations_follow_the_recursion() -> None:
    fit = GarchFit(0.1, 0.2, 0.1, 0.3, 0.6, np.zeros(0), 0.0)
    z = np.random.default_rng(3).standard_normal((2, BURN_IN + 40))
    found = simulate_garch(fit, z)
    for row in range(2):
        variance, expected = fit.omega / (1 - fit.persistence), []
        for one in z[row]:
            shock = math.sqrt(variance) * one
            expected.append(fit.mean + shock)
            variance = fit.omega + (fit.alpha + fit.gamma * (shock < 0)) * shock**2 + fit.beta * variance
        np.testing.assert_allclose(found[row], expected[BURN_IN:], rtol=1e-12)


GARCH_DATA = xr.DataArray(Garch(size=1500, alpha=0.1, beta=0.8, realizations=3, mean=0.3, seed=6).read({}), dims=("name", "time"))


@pytest.mark.parametrize("asymmetric", [False, True])
def test_garch_surrogates_are_simulations_of_the_fit_of_each_series(asymmetric: bool) -> None:
    pytest.importorskip("arch")
    found = drawn(GarchModel, GARCH_DATA, surrogates=3, asymmetric=asymmetric, seed=5)
    for item in range(3):
        fit = fit_garch(GARCH_DATA[item], asymmetric)
        z = np.stack([item_generator(5, s, item).standard_normal(1500 + BURN_IN) for s in range(3)])
        np.testing.assert_array_equal(found[item], simulate_garch(fit, z))
    np.testing.assert_array_equal(drawn(GarchModel, GARCH_DATA[1:], surrogates=1, first=2, asymmetric=asymmetric, seed=5, shared=("name",))[0, 0],
                                  simulate_garch(fit_garch(GARCH_DATA[1], asymmetric), item_generator(5, 2, 0).standard_normal(1500 + BURN_IN)))  # fmt: skip


def test_residuals_of_the_fit_keep_the_tails() -> None:
    pytest.importorskip("arch")
    heavy = xr.DataArray(Garch(size=4000, alpha=0.05, beta=0.9, dof=4.0, seed=2).read({})[0], dims="time")
    fit = fit_garch(heavy)
    normal, kept = (apply(GarchModel(surrogates=20, innovations=name), heavy) for name in ("normal", "residuals"))
    kurtosis = [((one - fit.mean) ** 4).mean() / ((one - fit.mean) ** 2).mean() ** 2 for one in (normal, kept)]
    assert kurtosis[0] < 5 < 0.8 * float(np.mean(fit.residuals**4)) < kurtosis[1]


def test_garch_surrogates_of_what_has_no_model() -> None:
    pytest.importorskip("arch")
    gaps = GARCH_DATA.copy(data=GARCH_DATA.values.copy())
    gaps[0, 7], gaps[1] = np.nan, 2.5
    found = drawn(GarchModel, gaps, surrogates=2)
    assert np.isnan(found[0]).all() and (found[1] == 2.5).all() and np.isfinite(found[2]).all()
    with pytest.raises(ParameterError, match=r"at least 100 samples.*99"):
        drawn(GarchModel, GARCH_DATA[:, :99])
    growing = GARCH_DATA.copy(data=GARCH_DATA.values * np.exp(np.outer([0, 0, 1], np.linspace(0, 8, 1500))))
    with pytest.raises(ParameterError, match=r"series \(2,\).*(finite variance|does not converge).*other surrogates"):
        drawn(GarchModel, growing)


@pytest.mark.parametrize(
    ("returns", "match"), [(np.zeros(200), "constant"), (np.ones(5), "at least 100"), (np.full(200, np.nan), "finite")]
)
def test_what_cannot_be_fitted(returns: np.ndarray, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        fit_garch(returns)


def test_models_without_variance() -> None:
    with pytest.raises(ParameterError, match="finite variance"):
        Garch(alpha=0.3, beta=0.8)
    with pytest.raises(ValueError, match="finite variance"):
        simulate_garch(GarchFit(0, 1, 0.5, 0.0, 0.5, np.zeros(0), 0.0), np.zeros(BURN_IN + 1))
    with pytest.raises(ValueError, match="omega must be > 0, got -1"):
        simulate_garch(GarchFit(0, -1.0, 0.1, 0.0, 0.5, np.zeros(0), 0.0), np.zeros(BURN_IN + 1))
    with pytest.raises(ValueError, match="innovations"):
        simulate_garch(GarchFit(0, 1, 0.1, 0.0, 0.5, np.zeros(0), 0.0), np.zeros(BURN_IN))


# The test.


def test_p_is_uniform_on_gaussian_fields() -> None:
    """Circular Gaussian series and their random-phase surrogates are exchangeable: ranks are uniform."""
    n, trials = 19, 150
    shape = 1 / (1 + (np.minimum(np.arange(64), 64 - np.arange(64)) / 3.0) ** 2)
    rng, ranks = np.random.default_rng(5), []
    for trial in range(trials):
        x = np.fft.ifft(np.sqrt(shape) * np.fft.fft(rng.standard_normal(64))).real
        operator = GaussianModel(phase_only=True, surrogates=n, seed=trial)
        others = apply(operator, xr.DataArray(x, dims="time")).transpose("surrogate", "time").values
        ratio = [np.mean(np.diff(each) ** 4) / np.mean(np.diff(each) ** 2) ** 2 for each in (x, *others)]
        ranks.append(rank_p(ratio[0], ratio[1:], "greater"))
    # p is uniform on multiples of 1 / (n + 1): a uniform number within the step makes it continuous.
    smooth = np.array(ranks) - rng.uniform(0, 1 / (n + 1), trials)
    assert stats.kstest(smooth, "uniform").pvalue > 1e-3
    assert stats.kstest(smooth**2, "uniform").pvalue < 1e-3  # such a number of trials tells


def test_a_stopped_test_goes_on(tmp_path: Path) -> None:
    calls = []

    def statistic(x: xr.DataArray) -> xr.DataArray:
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return (x**3).mean("time")

    data = DATA.copy()
    with pytest.raises(KeyboardInterrupt):
        surrogate_test(statistic, data, n=20, ledger=tmp_path / "ledger", label="third")
    assert len(list((tmp_path / "ledger").glob("*.npy"))) == 6  # the first call was that of the data
    calls[:] = [0] * 100
    resumed = surrogate_test(statistic, data, n=20, ledger=tmp_path / "ledger", label="third")
    assert len(calls) - 100 == 1 + 14
    plain = surrogate_test(lambda x: (x**3).mean("time"), data, n=20)
    xr.testing.assert_identical(resumed, plain)
    assert not list((tmp_path / "ledger").glob("*.part"))
    more = surrogate_test(statistic, data, n=25, ledger=tmp_path / "ledger", label="third")
    assert (more.attrs["n"], len(calls) - 100) == (25, 1 + 14 + 1 + 5)
    with pytest.raises(ValueError, match="other data"):
        surrogate_test(statistic, data + 1, n=20, ledger=tmp_path / "ledger", label="third")
    with pytest.raises(ValueError, match="other statistic"):
        surrogate_test(statistic, data, n=20, ledger=tmp_path / "ledger", label="fourth")
    with pytest.raises(ValueError, match="other surrogates"):
        surrogate_test(statistic, data, SignFlip(dims=("time",)), n=20, ledger=tmp_path / "ledger", label="third")


def test_a_ledger_tells_tests_apart(tmp_path: Path) -> None:
    def tested(statistic: object, data: xr.DataArray = DATA) -> None:
        surrogate_test(statistic, data, n=2, ledger=tmp_path / "ledger")

    third = functools.partial(moment, order=3)
    tested(third)
    tested(functools.partial(moment, order=3))  # the same
    for other in (functools.partial(moment, order=4), functools.partial(np.mean), moment):
        with pytest.raises(ValueError, match="other statistic"):
            tested(other)
    with pytest.raises(ValueError, match="one lambda from another"):
        tested(lambda x: x.mean())
    for coord in (("time", np.arange(200) * 2.0), ("time", np.arange(200), {"units": "s"})):
        with pytest.raises(ValueError, match="other data"):
            tested(third, DATA.assign_coords(time=coord))
    surrogate_test(lambda x: x.mean(), DATA, n=2, ledger=tmp_path / "mean", label="mean")
    with pytest.raises(ValueError, match="the function has changed"):  # which would broadcast
        surrogate_test(lambda x: x.mean("time"), DATA, n=2, ledger=tmp_path / "mean", label="mean")


def moment(x: xr.DataArray, order: int = 3) -> xr.DataArray:
    return (x**order).mean("time")


def test_statistics_are_operators_or_functions_and_surrogates_may_be_a_source() -> None:
    from scatflow_processes.operators.returns import Leverage

    statistic = Leverage(dims=("time",), lags=(1, 2))
    for surrogates in (SignFlip(dims=("time",)), IAAFT(dims=("time",), iterations=5)):
        found = surrogate_test(statistic, DATA, surrogates, n=9)
        assert found.p.dims == ("name", "lag")
        assert found.lag.values.tolist() == [1, 2]
        assert (found.p >= 0.2).all() and (found.p <= 1).all()
    one = DATA.isel(name=0, drop=True)
    by_source = surrogate_test(lambda x: apply(statistic, x), one, Garch(size=200, seed=4), n=9)
    others = [apply(statistic, xr.DataArray(row, dims="time")).values for row in Garch(size=200, seed=4, realizations=9).read({})]
    np.testing.assert_allclose(by_source["mean"], np.mean(others, axis=0))
    number = surrogate_test(lambda x: float(x.std()), one, SignFlip(), n=9)
    assert number.p.shape == ()


def test_ranks() -> None:
    others = np.arange(1.0, 10.0)
    assert rank_p(9.5, others, "greater") == rank_p(0.5, others, "less") == pytest.approx(0.1)
    assert rank_p(9.5, others) == pytest.approx(0.2)
    assert rank_p(5.0, others) == 1.0
    assert rank_p(9.0, others, "greater") == pytest.approx(0.2)  # a tie counts
    p = rank_p([np.nan, 1.0], np.stack([others, np.where(others == 2, np.nan, others)], axis=1))
    assert np.isnan(p).all()
    for bad in ([], 1.0, np.zeros((3, 1)), np.zeros(2), np.zeros((0, 2))):
        with pytest.raises(ValueError, match=r"at least one.*shape \(2,\)"):
            rank_p([1.0, 2.0], bad)


def test_bad_tests() -> None:
    one = DATA.isel(name=0, drop=True)
    with pytest.raises(ValueError, match="n must be"):
        surrogate_test(lambda x: x.mean(), one, n=0)
    with pytest.raises(ValueError, match="alternative"):
        surrogate_test(lambda x: x.mean(), one, alternative="both")
    with pytest.raises(ValueError, match="set its size"):
        surrogate_test(lambda x: x.mean(), one, Garch(size=100), n=3)
    with pytest.raises(ValueError, match="several results"):
        surrogate_test(lambda x: xr.Dataset({"a": x.mean(), "b": x.std()}), one, n=3)
    sizes = iter([3, 3, 4])
    with pytest.raises(ValueError, match="surrogate 1"):
        surrogate_test(lambda x: x[: next(sizes)], one, n=3)
