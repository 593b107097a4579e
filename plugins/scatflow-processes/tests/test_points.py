"""Points on a grid: exact probabilities against enumeration, moments of Cox processes, tables to fields."""

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from scatflow import Pipeline, ops
from scatflow.errors import DataError, ParameterError
from scatflow.labels import axis_of
from scatflow_processes import cox, gaussian_torus, points
from scatflow_processes.cox import Blocks, Law, Shot, TwoLevel
from scatflow_processes.cox_lognormal import LARGEST, Lognormal
from scatflow_processes.raster import Window, rasterize
from scatflow_processes.sources.gaussian import GaussianField
from scatflow_processes.sources.points import CoxLognormal
from scatflow_processes.sources.tables import PointTable
from scatflow_processes.spectra import Spectrum

LAWS: list[tuple[Law, int]] = [
    (TwoLevel(0.05, 0.5, 0.3, 3.0), 32),
    (TwoLevel(0.1, 0.3, 0.5, 4.0, "exponential"), 32),
    (Lognormal(0.2, 0.5, 4.0), 32),
    (Lognormal(0.3, 1.0, 3.0, "exponential"), 32),  # cut at 1 in 1 of 9 cells
    (Lognormal(0.1, 1.0, spectrum=Spectrum("kolmogorov")), 32),
    (Lognormal(0.2, 0.5, spectrum=Spectrum("matern", length=1.0, smoothness=0.5), spacing=0.25), 32),
    (Lognormal(0.3, 1.0, spectrum=Spectrum("power_law", "mode", 1.0, k_low=0.5, k_high=2.0)), 32),  # cut, and rho has both signs
    (Lognormal(0.2, 0.5, spectrum=Spectrum("table", "mode", k=(0.1, 1.0, 5.0), values=(3.0, 1.0, 0.1))), 32),
    (Lognormal(0.2, 0.7, spectrum=Spectrum()), 32),  # white: every cell on its own
    (Shot(0.2, 0.5, 2.0), 32),
    (Shot(0.05, 3.0, 1.0), 32),
    (Blocks(0.5, 2.0, 4), 32),
]


def names(case: object) -> str | None:
    return type(case).__name__ if not isinstance(case, int) else None


def every_field(n: int, m: int) -> np.ndarray:
    return np.array(list(itertools.product((0, 1), repeat=n * m))).reshape(-1, n, m)


@pytest.mark.parametrize("intensity", [0.02, 0.5, 0.8])
def test_bernoulli_by_enumeration(intensity: float) -> None:
    fields = every_field(3, 4)
    cost = 12 * points.bernoulli_neg_log_prob(fields, intensity)
    weights = np.exp(-cost)
    assert weights.sum() == pytest.approx(1, rel=1e-12)
    entropy = points.bernoulli_entropy(intensity)
    assert (weights * cost).sum() == pytest.approx(12 * entropy, rel=1e-12)
    spread = (weights * (cost - 12 * entropy) ** 2).sum()
    assert spread / (12 * entropy) ** 2 == pytest.approx(points.bernoulli_floor(intensity, 12), rel=1e-9, abs=1e-20)


@pytest.mark.parametrize(
    ("alpha", "beta", "block", "shape"),
    [(1.0, 4.0, 2, (2, 4)), (0.3, 0.7, 2, (4, 4)), (2.0, 2.0, 3, (3, 3)), (3.0, 1.0, 1, (2, 3))],
)
def test_blocks_by_enumeration(alpha: float, beta: float, block: int, shape: tuple[int, int]) -> None:
    fields, sites = every_field(*shape), math.prod(shape)
    cost = sites * points.blocks_neg_log_prob(fields, alpha, beta, block)
    weights = np.exp(-cost)
    assert weights.sum() == pytest.approx(1, rel=1e-12)
    entropy = points.blocks_entropy(alpha, beta, block)
    assert (weights * cost).sum() == pytest.approx(sites * entropy, rel=1e-12)
    spread = (weights * (cost - sites * entropy) ** 2).sum()
    assert spread / (sites * entropy) ** 2 == pytest.approx(points.blocks_floor(alpha, beta, block, sites), rel=1e-9, abs=1e-20)


def test_blocks_are_a_mixture_of_conditionals() -> None:
    # The marginal is the average of the conditional probability over the Beta law, here by quadrature.
    nodes, quadrature = np.polynomial.legendre.leggauss(200)
    level, x = (nodes + 1) / 2, np.array([[1, 0], [0, 1]])
    density = 60 * level**2 * (1 - level) ** 3 / 2  # Beta(3, 4): 1 / B(3, 4) = 60; half for the interval
    conditional = [np.exp(-4 * points.conditional_neg_log_prob(x, np.full((2, 2), lam))) for lam in level]
    assert np.exp(-4 * points.blocks_neg_log_prob(x, 3.0, 4.0, 2)) == pytest.approx(
        (np.array(conditional) * density) @ quadrature, rel=1e-10
    )


def test_conditional_of_a_constant_intensity_is_bernoulli() -> None:
    x = np.random.default_rng(0).integers(0, 2, (5, 6, 7))
    np.testing.assert_allclose(points.conditional_neg_log_prob(x, 0.3), points.bernoulli_neg_log_prob(x, 0.3), rtol=1e-12)
    assert points.conditional_neg_log_prob([[1, 0]], [[0.0, 0.5]]) == math.inf
    assert points.conditional_neg_log_prob([[1, 0]], [[1.0, 0.5]]) == pytest.approx(math.log(2) / 2)


@pytest.mark.parametrize(("correlation", "weight"), [("gaussian", math.exp(-32)), ("exponential", math.exp(-8))])
def test_images_weigh_little_at_the_longest_correlation(correlation: gaussian_torus.Correlation, weight: float) -> None:
    side, length = 64, 8.0
    rho = gaussian_torus.correlation_on_torus((side, side), length, correlation)
    alone = math.exp(-1 / (2 * length**2)) if correlation == "gaussian" else math.exp(-1 / length)
    assert abs(rho[0, 1] - alone) < max(5 * weight, 1e-15)


@pytest.mark.parametrize(("law", "size"), LAWS, ids=names)
def test_mean_and_pair_correlation(law: Law, size: int) -> None:
    count = 300
    x, intensity = cox.ensemble(law, (size, size), 11, range(count))
    assert intensity.min() >= 0 and intensity.max() <= 1
    expected = law.pair_correlation((size, size))
    for field in (x.astype(float), intensity):
        mean = field.mean(axis=(1, 2))
        assert abs(mean.mean() - law.mean_intensity) < 4 * mean.std(ddof=1) / math.sqrt(count)
        power = np.abs(np.fft.rfft2(field)) ** 2 / size**2
        pairs = np.fft.irfft2(power, s=(size, size)) / law.mean_intensity**2
        for shift in ((0, 1), (1, 0), (2, 2), (0, 4), (7, 3), (16, 16)):
            found = pairs[:, *shift]
            assert abs(found.mean() - expected[shift]) < 4 * found.std(ddof=1) / math.sqrt(count)
    variance = (intensity**2).mean(axis=(1, 2)) / law.mean_intensity**2
    assert abs(variance.mean() - expected[0, 0]) < 4 * variance.std(ddof=1) / math.sqrt(count)
    assert expected[0, 0] > 1.02


def test_pair_correlations_known_otherwise() -> None:
    rho = gaussian_torus.correlation_on_torus((64, 64), 4.0, "gaussian")
    for law in (Lognormal(0.3, 1.0), Lognormal(0.9, 0.1), Lognormal(0.01, 5.0)):
        g = np.linspace(-12, 12, 200_001)
        lam = np.minimum(law.mean * np.exp(law.sigma * g - law.sigma**2 / 2), LARGEST)
        mean, square = (np.trapezoid(lam**power * stats.norm.pdf(g), g) for power in (1, 2))
        assert law.mean_intensity == pytest.approx(mean, rel=1e-6)
        assert law.coefficients()[0] == pytest.approx(mean, rel=1e-6)
        assert law.pair_correlation((64, 64))[0, 0] == pytest.approx(square / mean**2, rel=1e-6)
    uncut = Lognormal(0.01, 0.4).pair_correlation((64, 64))
    np.testing.assert_allclose(uncut, np.exp(0.16 * rho), rtol=1e-9)
    even = TwoLevel(0.1, 0.3, 0.5).pair_correlation((64, 64))
    np.testing.assert_allclose(even, 1 + (0.2 / 0.2) ** 2 * np.arcsin(rho) / (2 * math.pi), rtol=1e-10)
    assert TwoLevel(0.2, 0.6, 0.1).pair_correlation((64, 64))[0, 0] == pytest.approx(1 + 0.09 * 0.16 / 0.24**2, rel=1e-6)


def test_shot_noise_by_campbells_theorem() -> None:
    # One center leaves two cells empty of points with exp(-h - h'): the product over all centers, summed here as it stands.
    law, shape = Shot(0.3, 2.0, 1.5), (12, 16)
    rings = [np.exp(-((np.arange(n)[:, None] + np.array([-n, 0, n])) ** 2) / (2 * 1.5**2)).sum(axis=1) for n in shape]
    bump = 2.0 * np.multiply.outer(rings[0] / rings[0][0], rings[1] / rings[1][0])
    empty = math.exp(-law.rate(shape) * float(-np.expm1(-bump).sum()))
    assert 1 - empty == pytest.approx(0.3, rel=1e-9)
    g = law.pair_correlation(shape)
    for shift in ((0, 0), (0, 1), (2, 1), (6, 8)):
        neither = math.exp(-law.rate(shape) * float(-np.expm1(-bump - np.roll(bump, shift, axis=(0, 1))).sum()))
        assert g[shift] == pytest.approx((1 - 2 * empty + neither) / 0.3**2, rel=1e-9)
    # Rare and faint: the covariance is the rate times the correlation of bumps.
    faint = Shot(1e-4, 1e-4, 1.5)
    expected = (bump * np.roll(bump, (2, 1), axis=(0, 1))).sum() / (faint.rate(shape) * bump.sum() ** 2)
    assert faint.pair_correlation(shape)[2, 1] - 1 == pytest.approx(expected, rel=1e-3)


def test_the_operator_finds_the_pair_correlation_of_the_law() -> None:
    options = {"size": 32, "mean": 0.1, "sigma": 0.8, "correlation_length": 2.0, "realizations": 300, "seed": 6}
    with dask.config.set(scheduler="synchronous"):
        drawn = Pipeline.from_source("cox_lognormal", **options).lazy()["points"]
        found = ops.pair_correlation(drawn, dims=("y", "x"), over="realization").compute()
    law = CoxLognormal(**options).law()
    expected = law.pair_correlation((32, 32))[0, 1:16] * law.mean_intensity**2
    z = (found["mean"].values[1:16] - expected) / found["se"].values[1:16]
    assert expected[0] > 1.5 * expected[-1]
    assert np.abs(z).max() < 4


SHAPES = {
    "white": {},
    "kolmogorov": {"k_high": 2.0},
    "vorticity": {"k_low": 0.3, "k_high": 2.0},
    "direct_cascade": {},
    "power_law": {"given": "mode", "exponent": 1.5, "k_low": 0.3},
    "matern": {"length": 3.0, "smoothness": 1.0},
    "table": {"given": "shell", "table_k": (0.2, 1.0, 4.0), "table_values": (1.0, 2.0, 0.5)},
}


@pytest.mark.parametrize("name", SHAPES)
def test_spectra_of_the_logarithm(name: str) -> None:
    # With rare cuts the logarithm is the Gaussian field itself: its power is that of gaussian_field, to the noise of 200 fields.
    process = CoxLognormal(size=16, mean=1e-3, sigma=0.5, spectrum=name, realizations=200, seed=4, dtype="float64", **SHAPES[name])
    field = (np.log(process.read({}, "intensity") / 1e-3) + 0.125) / 0.5
    reference = GaussianField(size=(16, 16), box=16.0, spectrum=name, **SHAPES[name])
    expected = reference.power((16, 16), reference.spacing)
    power = np.abs(np.fft.fft2(field)) ** 2 / 256
    some = expected > 0
    assert np.abs(power[:, ~some]).max(initial=0.0) < 1e-20
    ratio = power[:, some] / expected[some]
    z = (ratio.mean(axis=0) - 1) / (ratio.std(axis=0, ddof=1) / math.sqrt(200))
    assert np.abs(z).max() < 4.5  # of up to 130 different modes
    rho = process.law().correlation_of_logarithms((16, 16))
    assert rho[0, 0] == pytest.approx(1, abs=1e-12)
    for shift in ((0, 1), (3, 2), (8, 8)):
        along = (field * np.roll(field, shift, axis=(1, 2))).mean(axis=(1, 2))
        assert abs(along.mean() - rho[shift]) < 4 * along.std(ddof=1) / math.sqrt(200)
    np.testing.assert_allclose(process.law().pair_correlation((16, 16)), np.exp(0.25 * rho), rtol=1e-9)


def test_spectra_are_in_units_of_the_box() -> None:
    options = {"size": 32, "spectrum": "matern", "realizations": 2, "seed": 1}
    cells, meters = CoxLognormal(length=4.0, **options), CoxLognormal(length=1.0, box=8.0, **options)
    np.testing.assert_array_equal(cells.read({}), meters.read({}))
    attrs = meters.describe()["points"].attrs
    assert (attrs["spectrum"], attrs["length"], attrs["given"], attrs["sigma"]) == ("matern", 1.0, "mode", 0.5)
    assert "correlation" not in attrs and "exponent" not in attrs
    assert attrs["mean_intensity"] == pytest.approx(0.2, rel=1e-3)
    plain = CoxLognormal(size=32).describe()["points"].attrs
    assert (plain["correlation_length"], plain["correlation"]) == (4.0, "gaussian") and "spectrum" not in plain


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"spectrum": "matern", "correlation_length": 2.0}, "left alone where there is a spectrum"),
        ({"spectrum": "white", "correlation": "exponential"}, "left alone where there is a spectrum"),
        ({"length": 2.0, "k_low": 0.5}, "k_low, length belong to a spectrum"),
        ({"spectrum": "power_law", "given": "mode"}, "exponent"),
        ({"spectrum": "power_law", "exponent": 2.0}, "needs given"),
        ({"spectrum": "white", "k_low": 50.0}, "no mode of the grid has power"),
        ({"spectrum": "pink"}, "spectrum"),
        ({"spectrum": "matern", "smoothness": 0.0}, "smoothness"),
    ],
)
def test_bad_spectra_of_the_logarithm(change: dict, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        CoxLognormal(**change)


@pytest.mark.parametrize("correlation", gaussian_torus.CORRELATIONS)
@pytest.mark.parametrize("length", [0.3, 2.0, 5.0])
def test_correlations_on_the_torus_are_covariances(correlation: gaussian_torus.Correlation, length: float) -> None:
    rho = gaussian_torus.correlation_on_torus((40, 48), length, correlation)
    roots = gaussian_torus.torus_roots(rho)
    drawn = gaussian_torus.filtered(gaussian_torus.filtered(np.eye(1, 40 * 48).reshape(40, 48), roots), roots)
    np.testing.assert_allclose(drawn, rho, atol=1e-12)
    lag = 3
    assert rho[0, lag] == pytest.approx(
        math.exp(-(lag**2) / (2 * length**2)) if correlation == "gaussian" else math.exp(-lag / length), rel=2e-3, abs=1e-12
    )


def test_members_do_not_depend_on_their_company() -> None:
    for law, size in LAWS:
        x, intensity = cox.ensemble(law, (size, size), 2, range(3))
        alone, its = cox.ensemble(law, (size, size), 2, [2])
        np.testing.assert_array_equal(alone[0], x[2])
        np.testing.assert_array_equal(its[0], intensity[2])


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(-1, 1)), max_size=50), st.booleans())
def test_rasterized_points_are_numpys_histogram(table: list[tuple[float, float]], marked: bool) -> None:
    y, x = np.array(table).reshape(-1, 2).T
    marks = np.cos(np.arange(y.size)) if marked else None
    field = rasterize({"y": y, "x": x}, {"y": (0, 3, 7), "x": (-1, 1, 4)}, marks)
    expected, _, _ = np.histogram2d(y, x, (np.linspace(0, 3, 8), np.linspace(-1, 1, 5)), weights=marks)
    np.testing.assert_allclose(field.values, expected, atol=1e-12)
    assert field.dtype == ("float64" if marked else "int64")


def test_rasterized_field_is_labelled() -> None:
    grid = {"x": Window(0.0, 4.0, 4, "m", periodic=True), "z": Window(0.0, 1.0, 2, "km")}
    field = rasterize({"z": [0.5, 1.0], "x": [0.0, 3.999], "name": ["a", "b"]}, grid, marks=[2.0, 3.0], unit="kg")
    assert isinstance(field, xr.DataArray)
    assert field.dims == ("x", "z") and field.attrs["units"] == "kg"
    assert (field["x"].attrs["units"], field["x"].attrs["period"], field["z"].attrs["units"]) == ("m", 4.0, "km")
    assert "period" not in field["z"].attrs
    assert field.sel(x=0.5, z=0.75) == 2.0 and field.sel(x=3.5, z=0.75) == 3.0
    assert float(field.sum()) == 5.0


@pytest.fixture
def catalogue(tmp_path: Path) -> str:
    path = tmp_path / "trees.csv"
    path.write_text("x,y,mass\n0.5,10,2\n3.5,10,3\n3.5,30,4\n")
    return str(path)


GRID = {"dims": ("y", "x"), "start": (0.0, 0.0), "stop": (40.0, 4.0), "cells": (2, 4), "unit": "m"}


def test_a_table_is_a_source(catalogue: str) -> None:
    counts, marks = (
        PointTable(path=catalogue, **GRID),
        PointTable(path=catalogue, **GRID, marks="mass", marks_unit="kg", periodic=True),
    )
    assert counts.read({}).tolist() == [[1, 0, 0, 1], [0, 0, 0, 1]]
    assert marks.read({"x": slice(3, 4)}).tolist() == [[3], [4]]
    spec = marks.describe()
    assert (spec.dims, spec.shape, spec.dtype) == (("y", "x"), (2, 4), "float32")
    assert (spec.attrs["units"], spec.attrs["points"], axis_of(spec, "x").unit) == ("kg", 3, "m")
    assert axis_of(spec, "y").periodic and not axis_of(counts.describe(), "y").periodic
    np.testing.assert_array_equal(counts.read({}, "counts"), counts.read({}))
    with pytest.raises(ParameterError, match="no such variable"):
        counts.read({}, "marks")
    before = counts.fingerprint()
    with open(catalogue, "a") as file:
        file.write("1.5,10,1\n")
    assert counts.fingerprint() != before
    assert counts.read({}).sum() == 4
    with dask.config.set(scheduler="synchronous"):
        np.testing.assert_array_equal(Pipeline.from_source("point_table", path=catalogue, **GRID).lazy().values, counts.read({}))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"dims": ("y", "z")}, "no .z. among x, y, mass"),
        ({"stop": (20.0, 4.0)}, "1 of 3 outside: 1 along y"),
        ({"marks": "weight"}, "weight"),
        ({"path": "nowhere.csv"}, "nowhere.csv"),
        ({"path": __file__}, "must end in one of .csv"),
        ({"cells": (2,)}, "one number per dim"),
        ({"stop": (0.0, 4.0)}, "start < stop"),
        ({"cells": (0, 4)}, "cells"),
        ({"stop": (math.inf, 4.0)}, "finite start < stop"),
        ({"dims": ("x", "x")}, "differ from each other"),
    ],
)
def test_bad_table_sources(catalogue: str, change: dict, match: str) -> None:
    with pytest.raises((ParameterError, DataError), match=match):
        PointTable(**{"path": catalogue, **GRID, **change}).describe()


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "twice.csv"
    table.write_text("x,y,x\n0.5,1.5,0.1\n")
    with pytest.raises(DataError, match="several columns 'x'"):
        PointTable(path=str(table), **GRID).describe()


@pytest.mark.parametrize(
    ("table", "grid", "marks", "match"),
    [
        ({"x": [0.5, 2.0, -1.0]}, {"x": (0, 1, 2)}, None, r"2 of 3 outside: 2 along x \[0, 1\]"),
        ({"y": [0.5, 5], "x": [0.5, 5]}, {"y": (0, 1, 2), "x": (0, 1, 2)}, None, "1 of 2 outside: 1 along y .* 1 along x"),
        ({"x": [1.0]}, {"x": (0, 1, 2, "m", True)}, None, r"1 of 1 outside: 1 along x \[0, 1\)"),
        ({"x": [math.nan, 0.5]}, {"x": (0, 1, 2)}, None, "1 others of 2"),
        ({"x": [0.5]}, {"y": (0, 1, 2)}, None, "no 'y' among x"),
        ({"x": [0.5]}, {"x": (1, 0, 2)}, None, "start < stop"),
        ({"x": [0.5]}, {"x": (0, 1, 0)}, None, "cells"),
        ({"x": [0.5], "y": [0.5, 0.5]}, {"x": (0, 1, 2), "y": (0, 1, 2)}, None, "one length"),
        ({"x": [0.5]}, {"x": (0, 1, 2)}, [1.0, 2.0], "one length"),
        ({"x": [0.5]}, {"x": (0, 1, 2)}, [math.inf], "marks"),
        ({"x": [[0.5]]}, {"x": (0, 1, 2)}, None, "one column"),
        ({"x": [0.5]}, {"x": (0, 1, 2)}, [[1.0]], "marks must be one column"),
        ({"x": [0.5]}, {}, None, "at least one dim"),
    ],
)
def test_bad_tables(table: dict, grid: dict, marks: list | None, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        rasterize(table, grid, marks)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: points.bernoulli_entropy(0.0), "intensity"),
        (lambda: points.bernoulli_entropy(1.0), "intensity"),
        (lambda: points.bernoulli_floor(0.5, 0), "sites"),
        (lambda: points.bernoulli_neg_log_prob([0, 1], 0.5), "2 dims"),
        (lambda: points.bernoulli_neg_log_prob([[0, 2]], 0.5), "1 other values"),
        (lambda: points.bernoulli_neg_log_prob([[0, math.nan]], 0.5), "1 other values"),
        (lambda: points.conditional_neg_log_prob([[0, 1]], [[0.5, 1.5]]), "intensity"),
        (lambda: points.conditional_neg_log_prob(np.zeros((2, 3)), np.full((5, 2, 3), 0.5)), "intensity .* shape of x"),
        (lambda: points.blocks_floor(1.0, 1.0, 0, 4), "block"),
        (lambda: points.blocks_neg_log_prob(np.zeros((3, 4)), 1.0, 1.0, 2), "multiples"),
        (lambda: points.blocks_entropy(0.0, 1.0, 2), "alpha"),
        (lambda: points.blocks_entropy(1.0, -1.0, 2), "beta"),
        (lambda: points.blocks_entropy(1.0, 1.0, 0), "block"),
        (lambda: points.blocks_floor(1.0, 1.0, 2, 6), "sites"),
        (lambda: TwoLevel(0.5, 0.2, 0.5), "low"),
        (lambda: TwoLevel(0.0, 0.2, 0.5), "low"),
        (lambda: TwoLevel(0.1, 0.2, 1.0), "fraction"),
        (lambda: TwoLevel(0.1, 0.2, 0.5, 4.0, "matern"), "correlation"),
        (lambda: Lognormal(1.0), "mean"),
        (lambda: Lognormal(0.2, 0.0), "sigma"),
        (lambda: Lognormal(0.2, 0.5, math.nan), "correlation_length"),
        (lambda: Lognormal(0.2, 0.5, 2.0, spectrum=Spectrum()), "left alone"),
        (lambda: Lognormal(0.2, 0.5, spectrum=Spectrum(), spacing=0.0), "spacing"),
        (lambda: cox.ensemble(Lognormal(0.2, spectrum=Spectrum(k_low=9.0)), (16, 16), 0, [0]), "no mode of the grid"),
        (lambda: Shot(0.2, 0.0), "height"),
        (lambda: Blocks(1.0, 1.0, 0), "block"),
        (lambda: gaussian_torus.torus_roots(np.array([[1.0, 2.0], [0.0, 0.0]])), "eigenvalue"),
        (lambda: cox.ensemble(Lognormal(0.2), (16, 64), 0, [0]), "eighth"),
        (lambda: cox.ensemble(Blocks(1.0, 1.0, 3), (8, 9), 0, [0]), "multiples"),
        (lambda: cox.ensemble(Blocks(1.0, 1.0, 1), (8, 0), 0, [0]), "shape"),
    ],
)
def test_bad_parameters(call: Callable[[], object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()
