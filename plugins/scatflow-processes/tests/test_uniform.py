"""Uniform measures: norms, exact marginals and moments, and how fast they approach their limits."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from scatflow.errors import ParameterError
from scatflow.labels import axis_of
from scatflow_processes import uniform
from scatflow_processes.sources.uniform import UniformMeasure
from scatflow_processes.uniform import MEASURES, Measure, cross_moment, limit_cdf, marginal_cdf, sample


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("size", [2, 3, 1000])
def test_samples_lie_where_they_should(measure: Measure, size: int) -> None:
    x = sample(size, measure, 1, range(5), radius=2.5)
    norm = np.sqrt((x**2).mean(axis=1)) if measure == "sphere" else np.abs(x).mean(axis=1)
    np.testing.assert_allclose(norm, 2.5, rtol=1e-13)
    assert (x >= 0).all() == (measure == "simplex")
    np.testing.assert_array_equal(sample(size, measure, 1, [3], radius=2.5)[0], x[3])


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("size", [2, 5, 32])
def test_marginals_are_exact(measure: Measure, size: int) -> None:
    # Coordinates of one sample are dependent, so every sample gives one.
    first = uniform.drawn((100_000, size), measure, np.random.default_rng(2), radius=1.5)[:, 0]
    assert stats.kstest(first, lambda t: marginal_cdf(t, size, measure, 1.5)).pvalue > 0.01


@pytest.mark.parametrize(("measure", "constant"), [("sphere", 0.1377), ("l1_sphere", 0.2306 / 2), ("simplex", 0.2306)])
@pytest.mark.parametrize("size", [64, 256, 1024])
def test_distance_to_the_limit(measure: Measure, constant: float, size: int) -> None:
    # Of the l1 sphere the modulus has the distance of the simplex, so each half of the signed law has half of it.
    t = np.linspace(-6, 6, 24001)
    distance = np.abs(marginal_cdf(t, size, measure) - limit_cdf(t, measure)).max()
    assert size * distance == pytest.approx(constant, rel=0.05)
    if measure == "simplex":
        assert constant == pytest.approx((np.abs(t - t**2 / 2) * np.exp(-t))[t > 0].max(), abs=1e-4)


@pytest.mark.parametrize("measure", MEASURES)
def test_moments_of_two_coordinates(measure: Measure) -> None:
    x = np.abs(uniform.drawn((100_000, 4), measure, np.random.default_rng(3), radius=0.7))
    for p, q in ((1, 1), (2, 2), (1, 3), (2, 0), (0.5, 1.5)):
        products = x[:, 0] ** p * x[:, 1] ** q
        error = products.std(ddof=1) / math.sqrt(len(products))
        assert abs(products.mean() - cross_moment(p, q, 4, measure, 0.7)) < 4 * error


@pytest.mark.parametrize("measure", MEASURES)
def test_moments_known_otherwise(measure: Measure) -> None:
    d, r = 10, 1.3
    if measure == "sphere":
        assert cross_moment(2, 0, d, measure, r) == pytest.approx(r**2, rel=1e-12)
        assert cross_moment(2, 2, d, measure, r) == pytest.approx(r**4 * d / (d + 2), rel=1e-12)
    else:
        assert cross_moment(1, 0, d, measure, r) == pytest.approx(r, rel=1e-12)
        assert cross_moment(1, 1, d, measure, r) == pytest.approx(r**2 * d / (d + 1), rel=1e-12)
        assert cross_moment(2, 0, d, measure, r) == pytest.approx(2 * r**2 * d / (d + 1), rel=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
def test_variation_is_within_its_bound(measure: Measure) -> None:
    # One coordinate: the integral of the modulus of the difference of densities, from differences of the two functions.
    t = np.linspace(-12, 12, 48001)
    difference = np.diff(marginal_cdf(t, 40, measure) - limit_cdf(t, measure))
    assert 0.001 < np.abs(difference).sum() < uniform.variation_bound(1, 40, measure)


def test_distribution_functions_at_their_ends() -> None:
    for measure in MEASURES:
        ends = marginal_cdf([-1e9, 1e9], 3, measure)
        assert ends.tolist() == [0.0, 1.0]
        assert limit_cdf([-1e9, 1e9], measure).tolist() == [0.0, 1.0]
        for radius in (1e-200, 1e200):  # whose squares are no numbers
            np.testing.assert_allclose(marginal_cdf(radius, 5, measure, radius), marginal_cdf(1.0, 5, measure), rtol=1e-12)


def test_source_has_labelled_dims_of_any_shape() -> None:
    field = UniformMeasure(dims=("time", "z"), shape=(3, 5), steps=(0.1, 2.0), unit="m", measure="simplex", realizations=4, seed=8)
    spec = field.describe()
    assert (spec.dims, spec.shape, spec.dtype) == (("realization", "time", "z"), (4, 3, 5), "float32")
    assert axis_of(spec, "z").step == 2.0 and axis_of(spec, "z").unit == "m"
    whole = field.replace(dtype="float64").read({})
    np.testing.assert_array_equal(whole, sample(15, "simplex", 8, range(4)).reshape(4, 3, 5))
    np.testing.assert_array_equal(field.read({"realization": slice(2, 3), "z": slice(1, 4)}), whole[2:3, :, 1:4].astype("f4"))
    assert axis_of(UniformMeasure().describe(), "y").kind == "index"


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: sample(1, "sphere", 0, [0]), "size"),
        (lambda: sample(4, "cube", 0, [0]), "measure"),
        (lambda: sample(4, "sphere", 0, [0], radius=0.0), "radius"),
        (lambda: marginal_cdf(0.0, 1, "sphere"), "size"),
        (lambda: cross_moment(-1, 0, 4, "sphere"), "p and q"),
        (lambda: uniform.variation_bound(3, 6, "sphere"), "size"),
        (lambda: UniformMeasure(dims=("y",)), "one length"),
        (lambda: UniformMeasure(shape=(1, 1)), "2 to"),
        (lambda: UniformMeasure(shape=(0, 4)), "one length >= 1"),
        (lambda: UniformMeasure(dims=("y", "y")), "differ"),
        (lambda: UniformMeasure(dims=("y", "realization")), "differ"),
        (lambda: UniformMeasure(steps=(1.0,)), "steps"),
        (lambda: UniformMeasure(steps=(1.0, 0.0)), "steps"),
        (lambda: UniformMeasure(radius=1e31), 'needs dtype="float64"'),
        (lambda: UniformMeasure(radius=1e-300), 'needs dtype="float64"'),
        (lambda: UniformMeasure(radius=-1.0), "uniform_measure.radius"),
    ],
)
def test_bad_parameters(call: Callable[[], object], match: str) -> None:
    with pytest.raises((ParameterError, ValueError), match=match):
        call()
