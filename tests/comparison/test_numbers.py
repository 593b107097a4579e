"""The tests behind comparisons: formulas held by hand, and p that are uniform where there is no difference (U10)."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from scatflow.comparison import chi_square as chi_square_module
from scatflow.comparison import coefficients, energy
from scatflow.comparison.chi_square import chi_square
from scatflow.comparison.coefficients import Means, differences, shared_dof
from scatflow.comparison.energy import energy_test, whitened
from scatflow.errors import PlanError


@pytest.mark.parametrize("module", [coefficients, energy, chi_square_module])
def test_examples_in_docstrings(module: object) -> None:
    outcome = doctest.testmod(module)  # type: ignore[arg-type]
    assert outcome.attempted and not outcome.failed


def of(samples: np.ndarray) -> Means:
    count = len(samples)
    return Means(samples.mean(0), samples.std(0, ddof=1) / math.sqrt(count), np.full(samples.shape[1:], count - 1.0))


def test_coefficients_are_compared_as_by_welch(rng: np.random.Generator) -> None:
    a, b = rng.standard_normal((7, 5)), 3 * rng.standard_normal((12, 5)) + 1
    found = differences(of(a), of(b))
    expected = stats.ttest_ind(a, b, equal_var=False)
    np.testing.assert_allclose(found.z, expected.statistic, rtol=1e-12)
    np.testing.assert_allclose(found.p, expected.pvalue, rtol=1e-10)
    np.testing.assert_allclose(found.dof, expected.df, rtol=1e-12)
    np.testing.assert_allclose(2 * stats.norm.sf(abs(found.score)), found.p, rtol=1e-10)
    assert (np.sign(found.score) == np.sign(found.z)).all()


def test_errors_that_are_known_make_z_normal() -> None:
    one = Means(np.array([1.0, 1.0, 1.0, 1.0]), np.array([0.3, 0.3, 0.0, 0.0]), np.array([np.nan, 5.0, 5.0, 5.0]))
    other = Means(np.array([0.0, 0.0, 1.0, 0.5]), np.array([0.4, 0.0, 0.0, 0.0]), np.array([np.nan, np.nan, 5.0, 5.0]))
    found = differences(one, other)
    assert found.p[0] == pytest.approx(2 * stats.norm.sf(2.0)) and found.dof[0] == np.inf
    assert found.p[1] == pytest.approx(2 * stats.t.sf(1 / 0.3, 5))  # all of the error is that of the first
    assert np.isnan(found.p[2]) and np.isnan(found.q[2])  # equal and certain: nothing to test
    assert found.p[3] == 0 and found.z[3] == np.inf and np.isfinite(found.score[3])
    assert shared_dof(one, other) == np.inf


def test_degrees_of_freedom_of_all_coefficients_are_those_of_welch_at_the_common_share() -> None:
    one, other = (Means(np.zeros(3), np.full(3, se), np.full(3, dof)) for se, dof in ((0.3, 9.0), (0.4, 15.0)))
    assert shared_dof(one, other) == pytest.approx(float(differences(one, other).dof[0]), rel=1e-12)


@given(arrays(np.float64, 8, elements=st.floats(-5, 5)), arrays(np.float64, 8, elements=st.floats(-5, 5)))
def test_exchanging_the_two_changes_the_sign_only(x: np.ndarray, y: np.ndarray) -> None:
    one, other = (Means(value, np.full(8, 0.5), np.full(8, 9.0)) for value in (x, y))
    found, back = differences(one, other), differences(other, one)
    np.testing.assert_array_equal(found.z, -back.z)
    np.testing.assert_array_equal(found.p, back.p)
    assert (found.q >= found.p).all() and (found.q <= 1).all()


def test_without_correlations_it_is_chi_squared() -> None:
    score = np.array([0.3, -1.2, 2.5])
    found = chi_square(score, None, np.inf)
    assert (found.statistic, found.dof) == (pytest.approx(score @ score), 3)
    assert found.p == pytest.approx(stats.chi2.sf(score @ score, 3))
    # Known correlations, and hardly any shrinkage: Mahalanobis' distance.
    correlation = np.array([[1, 0.5, 0.2], [0.5, 1, 0.1], [0.2, 0.1, 1]])
    found = chi_square(score, correlation, 1e9)
    distance = score @ np.linalg.solve(correlation, score)
    assert found.p == pytest.approx(stats.chi2.sf(distance, 3), rel=5e-3) and found.shrinkage <= 1e-3
    assert found.dof == pytest.approx(3, rel=1e-3)
    assert np.isnan(chi_square(np.zeros(0), None, np.inf).p)


CORRELATIONS = {
    "none": lambda k: np.eye(k),
    "neighbors": lambda k: 0.8 ** np.abs(np.subtract.outer(np.arange(k), np.arange(k))),
    "all": lambda k: 0.7 + 0.3 * np.eye(k),
}


@pytest.mark.parametrize("name", CORRELATIONS)
@pytest.mark.parametrize(("width", "count"), [(5, 16), (60, 8), (60, 32)])
def test_chi_squared_with_estimated_correlations_keeps_its_level(name: str, width: int, count: int) -> None:
    """As stated: between 1 and 8 % below 0.05, whatever the correlations, more coefficients than realizations too."""
    rng = np.random.default_rng(3)
    root = np.linalg.cholesky(CORRELATIONS[name](width))
    p = []
    for _ in range(500):
        a, b = (rng.standard_normal((count, width)) @ root.T for _ in range(2))
        covariance = np.cov(a.T) / count + np.cov(b.T) / count
        found = differences(of(a), of(b))
        p.append(chi_square(found.score, covariance / np.outer(found.se, found.se), shared_dof(of(a), of(b))).p)
    assert np.isfinite(p).all()
    assert 0.01 <= np.mean(np.array(p) < 0.05) <= 0.08
    if name != "all":
        assert stats.kstest(p, "uniform").pvalue > 1e-3


def test_chi_squared_sees_a_shift_that_no_coefficient_shows() -> None:
    """Forty coefficients, each off by one and a half standard errors."""
    rng = np.random.default_rng(4)
    found = [chi_square(rng.standard_normal(40) + 1.5, np.eye(40), 60.0).p for _ in range(100)]
    assert np.mean(np.array(found) < 0.001) > 0.95


def test_whitened_samples_have_the_shrunk_covariance_as_metric(rng: np.random.Generator) -> None:
    for count, width in ((60, 5), (12, 40)):
        x = rng.standard_normal((count, width)) * np.linspace(1, 3, width)
        x -= x.mean(0)
        points, alpha = whitened(x)
        shrunk = (1 - alpha) * x.T @ x / count + alpha * np.trace(x.T @ x) / (count * width) * np.eye(width)
        np.testing.assert_allclose(points @ points.T, x @ np.linalg.solve(shrunk, x.T), rtol=1e-8, atol=1e-8)
        # Ledoit and Wolf's intensity, from their definition over features.
        covariance = x.T @ x / count
        scale = np.trace(covariance) / width
        spread = ((covariance - scale * np.eye(width)) ** 2).sum()
        noise = sum(((np.outer(row, row) - covariance) ** 2).sum() for row in x) / count**2
        assert alpha == pytest.approx(min(1, noise / spread), rel=1e-9)


def test_energy_distance_is_its_definition(rng: np.random.Generator) -> None:
    a, b = rng.standard_normal((9, 2)), rng.standard_normal((14, 2)) + 1
    both = np.concatenate([a, b])
    points, _ = whitened((both - both.mean(0)) / both.std(0))
    x, y = points[:9], points[9:]
    mean = [np.linalg.norm(u[:, None] - v[None], axis=-1).mean() for u, v in ((x, y), (x, x), (y, y))]
    found = energy_test(a, b, 99, 0)
    assert found.distance == pytest.approx(2 * mean[0] - mean[1] - mean[2], rel=1e-10)
    scaled = energy_test(a * [1, 1e6], b * [1, 1e6], 99, 0)
    assert scaled.distance == pytest.approx(found.distance, rel=1e-9) and scaled.p == found.p
    assert energy_test(a, b, 199, 0) != energy_test(a, b, 199, 1)


@pytest.mark.parametrize("width", [1, 4, 50])
def test_permutations_give_a_uniform_p(width: int) -> None:
    rng = np.random.default_rng(width)
    draw = rng.standard_exponential  # nothing rests on normal data
    p = np.array([energy_test(draw((12, width)), draw((9, width)), 99, k).p for k in range(300)])
    assert stats.kstest(p, "uniform").pvalue > 1e-3 and 0.03 <= (p <= 0.05).mean() <= 0.08


def test_energy_sees_what_means_do_not(rng: np.random.Generator) -> None:
    a, b = rng.standard_normal((200, 3)), rng.choice([-1.0, 1.0], (200, 3))
    assert differences(of(a), of(b)).p.min() > 0.001 and energy_test(a, b, 999, 0).p <= 0.002


def test_features_that_say_nothing_are_left_out(rng: np.random.Generator) -> None:
    a, b = rng.standard_normal((20, 3)), rng.standard_normal((20, 3))
    wide_a, wide_b = (np.column_stack([x, np.full(20, 2.0), np.full(20, np.nan)]) for x in (a, b))
    assert energy_test(wide_a, wide_b, 99, 0) == energy_test(a, b, 99, 0)
    nothing = energy_test(wide_a[:, 3:], wide_b[:, 3:], 99, 0)
    assert np.isnan(nothing.p) and nothing.features == 0


def test_too_many_samples_are_refused_with_the_limit() -> None:
    with pytest.raises(PlanError, match=r"at most 4096.*got 5000"):
        energy_test(np.zeros((3000, 1)), np.zeros((2000, 1)), 9, 0)
