"""Gaussian fields: spectra, samples, probability and entropy against formulas, and the source."""

import json
import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scatflow import apply
from scatflow.errors import DimensionError, ParameterError
from scatflow.labels import axis_of
from scatflow_processes import gaussian
from scatflow_processes.gaussian_model import periodogram
from scatflow_processes.modes import grid_band, shells, wave_numbers
from scatflow_processes.operators.filtering import GaussianFilter
from scatflow_processes.operators.gaussian import GaussianModel, GaussianNegLogProb
from scatflow_processes.sources import exact
from scatflow_processes.sources.gaussian import GaussianField, SolenoidalField
from scatflow_processes.spectra import NAMES, Spectrum, mode_power

MORE = {"power_law": {"exponent": 1.5, "given": "mode"}, "table": {"k": (0.5, 20.0), "values": (1.0, 0.1), "given": "shell"}}
GRIDS = {1: ((64,), (0.1,)), 2: ((12, 16), (0.5, 0.5)), 3: ((6, 8, 10), (0.3, 0.3, 0.3))}


def example(name: str, **more: object) -> Spectrum:
    return Spectrum(name, **{**MORE.get(name, {}), **more})


def covariance(power: np.ndarray) -> np.ndarray:
    """The covariance matrix of the sites, from the correlation function: the transform of the power."""
    correlation = np.fft.ifftn(power).real
    index = np.indices(power.shape).reshape(power.ndim, -1)
    lags = (index[:, :, None] - index[:, None, :]) % np.array(power.shape)[:, None, None]
    return correlation[tuple(lags)]


@pytest.mark.parametrize("shape", [(256,), (16, 16), (4, 8, 8), (15, 17)])
def test_probability_and_entropy_are_those_of_the_covariance_matrix(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    spacing = (0.7,) * len(shape)
    power = mode_power(Spectrum("matern", length=1.5, smoothness=0.5), shape, spacing, std=1.7)
    matrix = covariance(power)
    x = 0.3 + gaussian.gaussian_ensemble(power, 5, [0, 3]) + 0.01 * rng.standard_normal((2, *shape))
    factor = np.linalg.cholesky(matrix)
    half = np.linalg.solve(factor, (x - 0.3).reshape(2, -1).T)
    d, log_det = math.prod(shape), 2 * np.log(np.diag(factor)).sum()
    expected = 0.5 * math.log(2 * math.pi) + (0.5 * log_det + 0.5 * (half**2).sum(axis=0)) / d
    np.testing.assert_allclose(gaussian.neg_log_prob(x, power, mean=0.3), expected, rtol=0, atol=1e-9)
    assert gaussian.entropy(power) == pytest.approx(0.5 * math.log(2 * math.pi * math.e) + 0.5 * log_det / d, abs=1e-9)
    array = xr.DataArray(x, dims=("n", *("z", "y", "x")[3 - len(shape) :]))
    array = array.assign_coords({dim: np.arange(n) * 0.7 for dim, n in zip(array.dims[1:], shape, strict=True)})
    operator = GaussianNegLogProb(dims=array.dims[1:], spectrum="matern", length=1.5, smoothness=0.5, std=1.7, mean=0.3)
    np.testing.assert_allclose(apply(operator, array), expected, rtol=0, atol=1e-9)


def test_masked_support_is_the_law_on_the_modes_with_power() -> None:
    power = mode_power(Spectrum("power_law", "mode", 1.0, k_low=0.2, k_high=2.0), (64,), (1.0,))
    x = gaussian.gaussian_ensemble(power, 1, range(3))
    values, vectors = np.linalg.eigh(covariance(power))
    kept = values > 1e-12
    assert kept.sum() == (power > 0).sum() < 64
    scores = (x @ vectors)[:, kept]
    expected = 0.5 * (math.log(2 * math.pi) + (np.log(values[kept]) + scores**2 / values[kept]).mean(axis=1))
    np.testing.assert_allclose(gaussian.neg_log_prob(x, power, support="masked"), expected, atol=1e-9)
    np.testing.assert_allclose(gaussian.neg_log_prob(x + 5, power, support="masked"), expected, atol=1e-9)
    for refused in (gaussian.neg_log_prob, lambda _, p: gaussian.entropy(p), lambda _, p: gaussian.entropy_floor(p)):
        with pytest.raises(ValueError, match='support="masked"'):
            refused(x, power)
    axes = xr.DataArray(x, dims=("n", "x"))
    operator = GaussianNegLogProb(dims=("x",), spectrum="power_law", given="mode", exponent=1.0, k_low=0.2, k_high=2.0, std=None)
    with pytest.raises(ParameterError, match="no density"):
        apply(operator, axes)
    np.testing.assert_allclose(apply(operator.replace(support="masked"), axes), expected, atol=1e-9)


def test_the_law_of_a_source_is_that_of_its_covariance() -> None:
    process = GaussianField(size=(4, 4), spectrum="matern", length=1.2, std=2.0, mean=0.5, realizations=3, seed=2, dtype="float64")
    x = process.read({})
    law = stats.multivariate_normal(np.full(16, 0.5), covariance(process.kept_power()))
    np.testing.assert_allclose(exact.neg_log_prob(process, x), -law.logpdf(x.reshape(3, 16)) / 16, rtol=1e-9)
    assert exact.entropy(process) == pytest.approx(law.entropy() / 16, rel=1e-9)
    assert exact.floor(process) == pytest.approx(1 / (2 * 16 * exact.entropy(process) ** 2), rel=1e-12)


def test_the_law_of_a_model_of_data_is_that_of_the_modes_it_has() -> None:
    """The periodogram has no power at k = 0: the density is that on fields of the mean of the data."""
    x = np.random.default_rng(3).standard_normal((4, 3)).cumsum(axis=0)
    power = periodogram(x, ndim=2)
    law = stats.multivariate_normal(np.full(12, x.mean()), covariance(power), allow_singular=True)
    assert law.cov_object.rank == 11
    other = np.roll(x, 1, axis=0) * 1.3
    other += x.mean() - other.mean()
    for field in (x, other):
        found = gaussian.neg_log_prob(field, power, x.mean(), support="masked")
        assert found == pytest.approx(-law.logpdf(field.ravel()) / 11, rel=1e-9)
    # Of the data themselves it is the entropy: their own spectrum is that of the model.
    assert gaussian.neg_log_prob(x, power, x.mean(), "masked") == pytest.approx(gaussian.entropy(power, "masked"), rel=1e-12)


def test_true_samples_score_the_entropy_and_its_floor() -> None:
    power = mode_power(Spectrum("matern", length=2.0), (32, 32), (1.0, 1.0))
    found = gaussian.neg_log_prob(gaussian.gaussian_ensemble(power, 2, range(2000)), power)
    h = gaussian.entropy(power)
    assert abs(found.mean() - h) < 4 * found.std() / math.sqrt(2000)
    relative = (found - h) ** 2 / h**2
    floor = gaussian.entropy_floor(power)
    assert floor == pytest.approx(1 / (2 * 1024 * h**2))
    assert abs(relative.mean() - floor) < 4 * relative.std() / math.sqrt(2000)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_samples_have_the_power(name: str, ndim: int) -> None:
    shape, spacing = GRIDS[ndim]
    power = mode_power(example(name, k_high=12.0), shape, spacing, std=2.0)
    fields = gaussian.gaussian_ensemble(power, 7, range(300))
    found = np.mean(np.abs(np.fft.fftn(fields, axes=range(1, ndim + 1))) ** 2, axis=0) / power.size
    used = power > 0
    assert np.abs(found[~used]).max(initial=0) < 1e-20
    # |X|^2 / dP is chi-square with 2 degrees of freedom, or 1 where X is real.
    assert np.abs(found[used] / power[used] - 1).max() < 6.5 * math.sqrt(2 / 300)
    assert abs(np.mean(found[used] / power[used]) - 1) < 4 * math.sqrt(2 / (300 * used.sum()))
    assert np.mean(power) == pytest.approx(4)


def test_formulas() -> None:
    k = np.array([0.5, 1.0, 2.0, 4.0])
    slopes = {"kolmogorov": -5 / 3, "vorticity": 1 / 3, "direct_cascade": -3.0}
    for name, slope in slopes.items():
        spectrum = Spectrum(name)
        assert spectrum.kind == "shell"
        np.testing.assert_allclose(np.diff(np.log(spectrum.density(k, 2))) / math.log(2), slope)
    np.testing.assert_allclose(np.diff(np.log(Spectrum("power_law", "mode", 0.7).density(k, 1))) / math.log(2), -0.7)
    band = Spectrum("power_law", "shell", 0.7, k_low=1.0, k_high=2.0).density(k, 1)
    assert (band > 0).tolist() == [False, True, True, False]
    table = Spectrum("table", "mode", k=(1.0, 4.0), values=(1.0, 16.0))
    np.testing.assert_allclose(table.density(k, 3), [0, 1, 4, 16])
    assert [float(example(name).density(0.0, 2)) for name in NAMES] == [1, 0, 0, 0, 1, 0, 0]


def test_matern_has_its_covariance() -> None:
    # nu = 1/2 in one dim: exp(-r / length); a cell much smaller and a box much longer than the length.
    power = mode_power(Spectrum("matern", length=4.0, smoothness=0.5), (4096,), (0.1,), std=1.0)
    correlation = np.fft.ifft(power).real[:200]
    np.testing.assert_allclose(correlation, np.exp(-np.arange(200) * 0.1 / 4.0), atol=0.01)


@pytest.mark.parametrize(("shape", "box"), [((64,), 3.0), ((64, 64), 2 * math.pi), ((32, 64), 2 * math.pi), ((24, 24, 24), 5.0)])
def test_shells_of_the_power_hold_the_shell_spectrum(shape: tuple[int, ...], box: float) -> None:
    spacing = (box / shape[-1],) * len(shape)
    spectrum = Spectrum("kolmogorov")
    power = mode_power(spectrum, shape, spacing)
    number, width, whole = shells(shape, spacing)
    held = np.bincount(number.ravel(), power.ravel()) / power.size / 2
    expected = spectrum.density(np.arange(1, whole) * width, 3) * width
    np.testing.assert_allclose(held[1:whole], expected, rtol=1e-12)
    assert whole == min(shape) // 2
    assert held[0] == 0


def test_the_power_of_a_formula_does_not_depend_on_the_resolution() -> None:
    coarse, fine = ((n, n) for n in (32, 64))
    low, high = (mode_power(Spectrum("power_law", "shell", 2.0), s, (8.0 / s[0],) * 2) for s in (coarse, fine))
    # Per sample, as E|X|^2 = dP: variances of modes, P / d, are the same where both grids have whole shells.
    inside = wave_numbers(coarse, (0.25, 0.25)) < 10.0
    rows = np.fft.fftfreq(32, 1 / 32).astype(int)
    np.testing.assert_allclose((high / 64**2)[np.ix_(rows, rows)][inside], (low / 32**2)[inside], rtol=1e-12)


@settings(deadline=None, max_examples=40)
@given(shape=st.lists(st.integers(2, 9), min_size=1, max_size=3), step=st.floats(0.01, 100), exponent=st.floats(-3, 3))
def test_powers_are_symmetric_and_scaled(shape: list[int], step: float, exponent: float) -> None:
    power = mode_power(Spectrum("power_law", "shell", exponent), shape, (step,) * len(shape), std=3.0)
    assert gaussian.check_power(power).mean() == pytest.approx(9.0)


def test_a_velocity_has_no_divergence_and_gives_its_spectrum_back() -> None:
    for size in ((32, 32), (16, 16, 16)):
        source = SolenoidalField(
            size=size, spectrum="kolmogorov", k_high=6.0, std=None, realizations=200, dtype="float64", box=2 * math.pi
        )
        axes = tuple(range(1, 1 + len(size)))
        names = list(source.describe())
        assert names == ["u", "v", "w"][: len(size)]
        vectors = {name: np.fft.fftn(source.read({}, name), axes=axes) for name in names}
        waves = np.meshgrid(*(np.fft.fftfreq(n, 1 / n) for n in size), indexing="ij")
        along = dict(zip(names, waves[::-1], strict=True))
        divergence = sum(along[name] * part for name, part in vectors.items())
        total = sum(np.abs(part) ** 2 for part in vectors.values())
        assert np.abs(divergence).max() < 1e-10 * math.sqrt(total.max())
        number, width, whole = shells(size, source.spacing)
        energies = np.array([np.bincount(number.ravel(), one.ravel()) for one in total])[:, :whole] / math.prod(size) ** 2 / 2
        expected = Spectrum("kolmogorov", k_high=6.0).density(np.arange(whole) * width, 3) * width
        error = energies.std(axis=0) / math.sqrt(200)
        assert (np.abs(energies.mean(axis=0) - expected)[1:7] < 4 * error[1:7]).all()


def test_field_labels_and_regions() -> None:
    source = GaussianField(
        size=(8, 12, 16), spectrum="vorticity", k_low=2.0, k_high=4.0, box=4.0, std=2.0, mean=5.0, realizations=3, units="1/s"
    )
    spec = source.describe()
    assert spec.dims == ("realization", "z", "y", "x")
    assert (spec.shape, spec.dtype) == ((3, 8, 12, 16), "float32")
    assert [float(spec.coords[dim].attrs["period"]) for dim in ("z", "y", "x")] == [2.0, 3.0, 4.0]
    assert axis_of(spec, "y").periodic and axis_of(spec, "y").unit == "m"
    assert {"spectrum", "given", "k_low", "k_high", "std", "mean", "seed", "units"} <= set(spec.attrs)
    json.dumps(dict(spec.attrs), allow_nan=False)
    whole = source.read({})
    np.testing.assert_array_equal(source.read({"realization": slice(1, 3), "x": slice(2, 9)}), whole[1:, :, :, 2:9])
    np.testing.assert_array_equal(source.replace(realizations=2).read({"realization": slice(1, 2)}), whole[1:2])
    power = mode_power(source.named_spectrum(), source.size, source.spacing, 2.0)
    np.testing.assert_array_equal(whole, gaussian.gaussian_ensemble(power, 0, range(3), 5.0).astype(np.float32))
    assert GaussianField(size=(32,)).describe().dims == ("realization", "x")
    table = GaussianField(size=(32,), spectrum="table", given="mode", table_k=(1.0, 9.0), table_values=(1.0, 2.0))
    assert type(table)(**table.parameters()) == table
    assert table.describe().attrs["table_k"] == [1.0, 9.0]


def test_marginals_are_normal() -> None:
    values = GaussianField(size=(16,), realizations=2000, dtype="float64").read({})[:, 3]
    assert stats.kstest(values, "norm").pvalue > 1e-3


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"spectrum": "power_law", "exponent": 2.0}, "given="),
        ({"spectrum": "power_law", "given": "shell"}, "exponent"),
        ({"spectrum": "white", "exponent": 2.0}, "exponent"),
        ({"spectrum": "kolmogorov", "given": "mode"}, "given by shell"),
        ({"spectrum": "pink"}, "gaussian_field.spectrum"),
        ({"k_low": 4.0, "k_high": 3.0}, "k_low < k_high"),
        ({"k_low": 1e6}, "no mode"),
        ({"k_high": 0.1}, "no mode"),
        ({"spectrum": "table", "given": "mode", "table_k": (1.0,), "table_values": (1.0,)}, "two wave numbers"),
        ({"spectrum": "table", "given": "mode", "table_k": (2.0, 1.0), "table_values": (1.0, 1.0)}, "increasing"),
        ({"spectrum": "table", "given": "mode", "table_k": (0.0, 1.0), "table_values": (1.0, 1.0)}, "> 0"),
        ({"spectrum": "table", "given": "mode", "table_k": (1.0, 2.0), "table_values": (1.0, 0.0)}, "> 0"),
        ({"table_k": (1.0, 2.0), "table_values": (1.0, 1.0)}, "belong to the spectrum table"),
        ({"std": 0.0}, "gaussian_field.std"),
        ({"size": ()}, "size"),
        ({"size": (8, 8, 8, 8)}, "size"),
        ({"size": (1,)}, "size"),
        ({"size": (2**20, 2**20)}, "product of at most"),
        ({"box": 0.0}, "gaussian_field.box"),
        ({"length": -1.0}, "gaussian_field.length"),
    ],
)
def test_bad_parameters(parameters: dict, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        GaussianField(**parameters)


def test_a_velocity_needs_two_dims_and_a_spectrum_of_energy() -> None:
    with pytest.raises(ParameterError, match="2 or 3 dims"):
        SolenoidalField(size=(64,))
    with pytest.raises(ParameterError, match=r"solenoidal_field\.spectrum"):
        SolenoidalField(spectrum="white")
    for std in (1.0, None):
        with pytest.raises(ValueError, match="no mode of the grid has power"):  # all but the mean have a Nyquist frequency
            SolenoidalField(size=(2, 2), std=std).read({})


@pytest.mark.parametrize(
    ("power", "match"),
    [([1.0, -1.0], ">= 0"), ([1.0, np.nan], "finite"), (1.0, "shape"), ([1.0, 2.0, 3.0], "symmetric"), ([], "shape")],
)
def test_bad_powers(power: object, match: str) -> None:
    for use in (gaussian.entropy, lambda p: gaussian.shaped(np.zeros(2), p)):
        with pytest.raises(ValueError, match=match):
            use(power)


def test_wave_numbers_need_one_unit() -> None:
    """One field with y in m and x in km: its |k| would be off by 1000 along x, and the density with it."""
    coords = {"y": ("y", np.arange(8.0), {"units": "m"}), "x": ("x", np.arange(8.0) / 1000, {"units": "km"})}
    field = xr.DataArray(np.random.default_rng(0).standard_normal((8, 8)), dims=("y", "x"), coords=coords)
    matern = {"spectrum": "matern", "length": 2.0, "dims": ("y", "x")}
    score = GaussianNegLogProb(**matern)
    for operator in (score, GaussianFilter(boundary="periodic", **matern), GaussianModel(estimate="isotropic", dims=("y", "x"))):
        with pytest.raises(DimensionError, match=r"'y' and 'x'.*one unit of length.*'m' and 'km'"):
            apply(operator, field)
        apply(operator, field.assign_coords(x=("x", np.arange(8.0), {"units": "m"})))
    with pytest.raises(ParameterError, match="segments"):
        apply(score, field.drop_vars(["y", "x"]).assign_coords(segment=("x", np.repeat([0, 1], 4))))


def test_bad_grids_and_calls() -> None:
    with pytest.raises(ValueError, match="must end with the grid"):
        gaussian.neg_log_prob(np.zeros(3), np.ones(4))
    with pytest.raises(ValueError, match="support"):
        gaussian.entropy(np.ones(4), support="some")
    with pytest.raises(ValueError, match="no mode has power"):
        gaussian.entropy(np.zeros(4), support="masked")
    with pytest.raises(ValueError, match="2 or 3 dims"):
        gaussian.solenoidal_ensemble(np.ones(8), (1.0,), 0, [0])
    with pytest.raises(ValueError, match="Nyquist"):
        gaussian.solenoidal_ensemble(np.ones((8, 8)), (1.0, 1.0), 0, [0])
    with pytest.raises(ValueError, match="spacing"):
        wave_numbers((8,), (0.0,))
    for spacing in ((1.0,), (0.0, 1.0)):
        with pytest.raises(ValueError, match="spacing must be > 0 for each of 2 dims"):
            gaussian.solenoidal_ensemble(np.zeros((4, 4)), spacing, 0, [0])
    with pytest.raises(ValueError, match="1 to 3 dims"):
        wave_numbers((), ())
    with pytest.raises(ValueError, match="std"):
        mode_power(Spectrum(), (8,), (1.0,), std=-1.0)
    with pytest.raises(ValueError, match="no mode of the grid"):
        mode_power(Spectrum("kolmogorov", k_low=50.0), (8,), (1.0,))
    assert grid_band((8,), (1.0,))[1] == pytest.approx(math.pi)
