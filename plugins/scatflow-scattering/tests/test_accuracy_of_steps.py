"""Every shortcut of the fast kernels by itself against the plain formula in double precision, and the page that states the numbers.

The plain formula takes no shortcut: complex FFTs of full size, whole multipliers, every sample, one plane after the other. An
error is the largest ``|found - expected| / |expected|`` over planes, the norm being that of one plane: of one item and one band
or path, however little energy it has.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import array_api_strict as strict
import numpy as np
import pytest

from scatflow.arrays import asnumpy, namespace
from scatflow.spec import ArraySpec, Place
from scatflow_scattering.averages import Smoothing, low_passes
from scatflow_scattering.harmonic_scattering import HarmonicScattering
from scatflow_scattering.solid_harmonics import SolidHarmonic, harmonics, scaling
from scatflow_scattering.transform import scatter
from scatflow_scattering.tree import Tree, grow
from scatflow_scattering.walk import filters
from scatflow_wavelet import Bank, Grid, Morlet
from scatflow_wavelet.filtering import filtered, moduli, multipliers, spread
from scatflow_wavelet.layout import Band
from scatflow_wavelet.morlet import gaussian
from scatflow_wavelet.smoothing import averaged, low_pass, smooth, unsmooth
from scatflow_wavelet.spectrum import NEGLIGIBLE, axes, fit, half_spectrum, whole_spectrum
from scatflow_wavelet.workspace import Workspace

LIMIT = {"float32": 1e-5, "float64": 1e-12}
WIDE = {"float32": "complex64", "float64": "complex128"}
HOST, STRICT = namespace(np.zeros(1)), namespace(strict.zeros(1))
PAGE = Path(__file__).parents[3] / "docs" / "speed.md"

Pairs = Iterator[tuple[Any, np.ndarray]]


class Waves(Morlet):
    """Gaussians around wave vectors in three dims, a third of a turn apart: the kernels do not know how many dims there are."""

    def bands(self, layout: Any) -> tuple[Band, ...]:
        numbers = itertools.product(range(layout.J), range(layout.voices))
        return tuple(Band(k, j, v, 0.75 * math.pi / 2**j, 1.25 / 2**j) for k, (j, v) in enumerate(numbers))

    def band(self, layout: Any, band: Band, grid: Grid) -> np.ndarray:
        center = band.xi / math.sqrt(3) * np.array([(1.0, 1.0, 1.0), (1.0, -1.0, 1.0), (-1.0, 1.0, 1.0)][band.l])
        out = gaussian(grid.spacing(layout.aspect), grid.shape, center, np.eye(3) / band.sigma**2)
        out[0, 0, 0] = 0.0
        return out


@dataclass(frozen=True)
class Case:
    """A bank and the shape of signals, by number of dims."""

    bank: Bank
    items: int
    shape: tuple[int, ...]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def numbers(self) -> range:
        return range(len(self.bank.bands))

    def sizes(self, factor: int) -> tuple[int, ...]:
        return tuple(n // factor for n in self.shape)

    def axes(self) -> tuple[int, ...]:
        return axes(self.ndim)

    def factor(self, n: int) -> int:
        return int(2 ** max(0, self.bank.bands[n].j - 1))


CASES = {
    1: Case(Bank(Morlet(), J=6, voices=4), 9, (2560,)),
    2: Case(Bank(Morlet(), J=3, voices=4, aspect=(1.0, 1.0)), 3, (96, 80)),
    3: Case(Bank(Waves(), J=2, voices=3, aspect=(1.0, 1.0, 1.0)), 2, (24, 20, 36)),
}


def white(case: Case) -> np.ndarray:
    """White noise."""
    return np.random.default_rng(7).standard_normal((case.items, *case.shape))


def pink(case: Case) -> np.ndarray:
    """1 / f noise, as much power in every octave, as sounds and pictures have; around a mean of two standard deviations."""
    radius = np.sqrt(sum(w**2 for w in np.meshgrid(*map(np.fft.fftfreq, case.shape), indexing="ij", sparse=True)))
    fall = 1 / np.where(radius > 0, radius, np.inf) ** (case.ndim / 2)
    x = np.fft.ifftn(np.fft.fftn(white(case), axes=case.axes()) * fall, axes=case.axes()).real
    return np.asarray(x / x.std(axis=case.axes(), keepdims=True) + 2)


def applied(x: np.ndarray, multiplier: np.ndarray, factor: int, ndim: int) -> np.ndarray:
    """The plain formula: the whole spectrum, the whole multiplier, all samples, of which some are kept."""
    full = np.fft.ifftn(np.fft.fftn(x, axes=axes(ndim)) * multiplier, axes=axes(ndim))
    return full[(..., *(slice(None, None, factor),) * ndim)]


def real_ffts(case: Case, x: np.ndarray, dtype: str) -> Pairs:
    for xp, block in ((HOST, x.astype(dtype)), (STRICT, strict.asarray(x.astype(dtype)))):
        found = whole_spectrum(xp, half_spectrum(xp, block, case.ndim), case.shape[-1], case.ndim)
        yield found, np.fft.fftn(x, axes=case.axes())


def folding(case: Case, x: np.ndarray, dtype: str) -> Pairs:
    spectrum = HOST.fft.fftn(x.astype(WIDE[dtype]), axes=case.axes())
    for n in case.numbers:
        psi, factor = case.bank.band_multiplier(n, Grid(case.shape)), case.factor(n)
        product = spectrum * (psi / factor**case.ndim).astype(dtype)
        for axis, size in zip(case.axes(), case.sizes(factor), strict=True):
            product = fit(HOST, product, axis, size)
        yield HOST.fft.ifftn(product, axes=case.axes()), applied(x, psi, factor, case.ndim)


def support(case: Case, x: np.ndarray, dtype: str) -> Pairs:
    spectrum = HOST.fft.fftn(x.astype(WIDE[dtype]), axes=case.axes())
    for n in case.numbers:
        psi = case.bank.band_multiplier(n, Grid(case.shape))
        kept = np.where(np.abs(psi) > NEGLIGIBLE[dtype] * np.abs(psi).max(), psi, 0).astype(dtype)
        yield HOST.fft.ifftn(spectrum * kept, axes=case.axes()), applied(x, psi, 1, case.ndim)


def _one_by_one(xp: Any, case: Case, x: np.ndarray, dtype: str) -> Pairs:
    spectrum = np.fft.fftn(x, axes=case.axes()).astype(WIDE[dtype])
    given = spectrum if xp is HOST else strict.asarray(spectrum)
    for n in case.numbers:
        factor = case.factor(n)
        bands = multipliers(case.bank, (n,), Grid(case.shape), factor, xp, dtype)
        found = [asnumpy(filtered(xp, given[i : i + 1, ...], bands, (n,), case.sizes(factor)))[0, 0] for i in range(case.items)]
        yield np.stack(found), applied(x, case.bank.band_multiplier(n, Grid(case.shape)), factor, case.ndim)


def compiled(case: Case, x: np.ndarray, dtype: str) -> Pairs:
    return _one_by_one(HOST, case, x, dtype)


def tiles(case: Case, x: np.ndarray, dtype: str) -> Pairs:
    return _one_by_one(STRICT, case, x, dtype)


def stacking(case: Case, x: np.ndarray, dtype: str) -> Pairs:
    spectrum = np.fft.fftn(x, axes=case.axes())[:, None]
    products = spectrum * np.stack([case.bank.band_multiplier(n, Grid(case.shape)) for n in case.numbers])
    yield HOST.fft.ifftn_reusing(products.astype(WIDE[dtype]), axes=case.axes()), np.fft.ifftn(products, axes=case.axes())
    yield HOST.fft.rfftn(x.astype(dtype), axes=case.axes()), np.fft.rfftn(x, axes=case.axes())


def rooms(case: Case, x: np.ndarray, dtype: str) -> Pairs:
    room = Workspace()
    for n in (*case.numbers, *case.numbers[::-1]):  # larger planes before and after smaller ones, in the same memory
        factor = case.factor(n)
        bands = multipliers(case.bank, (n,), Grid(case.shape), factor, HOST, dtype)
        half = half_spectrum(HOST, x.astype(dtype), case.ndim)
        spectrum = whole_spectrum(HOST, half, case.shape[-1], case.ndim, room)
        found = moduli(HOST, spectrum, bands, (n,), case.sizes(factor), room, "planes")
        expected = np.abs(applied(x, case.bank.band_multiplier(n, Grid(case.shape)), factor, case.ndim))
        yield found, expected[:, None]


def _average(case: Case, x: np.ndarray, dtype: str, sums: bool) -> Pairs:
    step = 2**case.bank.J
    for exponent in range(case.bank.J):
        grid = Grid(case.sizes(2**exponent), 2**exponent)
        plane = np.abs(x[(..., *(slice(None, None, 2**exponent),) * case.ndim)])
        given, low = plane.astype(dtype), low_pass(case.bank, grid, step, HOST, dtype)
        assert low.taps or exponent  # sums wherever they are worth it: on the finest planes they always are
        half = half_spectrum(HOST, given, case.ndim)
        found = averaged(HOST, given, half, low) if sums else smooth(HOST, half, low)
        yield found, applied(plane, case.bank.low_multiplier(grid), step >> exponent, case.ndim).real


def taps(case: Case, x: np.ndarray, dtype: str) -> Pairs:
    return _average(case, x, dtype, True)


def low_box(case: Case, x: np.ndarray, dtype: str) -> Pairs:
    return _average(case, x, dtype, False)


def adjoints(case: Case, x: np.ndarray, dtype: str) -> Pairs:
    """The way back: of bands, filled up with zeros where nothing is sampled, by the conjugate multiplier; and of averages."""
    for n in case.numbers:
        factor, psi = case.factor(n), case.bank.band_multiplier(n, Grid(case.shape))
        bands = multipliers(case.bank, (n,), Grid(case.shape), factor, HOST, dtype)
        total = np.zeros(x.shape, WIDE[dtype])
        part = applied(x, psi, factor, case.ndim)
        spread(HOST, part[:, None].astype(WIDE[dtype]), bands, (n,), total, factor)
        yield HOST.fft.ifftn(total, axes=case.axes()), applied(_filled(case, part, factor), psi.conj(), 1, case.ndim)
    step, grid = 2**case.bank.J, Grid(case.shape)
    coarse = np.abs(x[(..., *(slice(None, None, step),) * case.ndim)])
    found = unsmooth(HOST, coarse.astype(dtype), low_pass(case.bank, grid, step, HOST, dtype))
    yield found, applied(_filled(case, coarse, step), case.bank.low_multiplier(grid).conj(), 1, case.ndim).real


def _filled(case: Case, part: np.ndarray, factor: int) -> np.ndarray:
    out = np.zeros((case.items, *case.shape), part.dtype)
    out[(..., *(slice(None, None, factor),) * case.ndim)] = part
    return out


def tree_of(case: Case) -> Tree:
    return grow([case.bank, case.bank], "increasing", 1, None, "scattering")


def scattering(case: Case, x: np.ndarray) -> np.ndarray:
    """The definition: every plane by the plain formula, on the grid of its parent, then averaged by it."""
    tree, planes = tree_of(case), {(): x}
    for path in tree.paths[1:]:
        source, target = tree.exponent(path[:-1]), tree.exponent(path)
        psi = case.bank.band_multiplier(path[-1], Grid(case.sizes(2**source), 2**source))
        planes[path] = np.abs(applied(planes[path[:-1]], psi, 2 ** (target - source), case.ndim))
    rows = []
    for path in tree.paths:
        e = tree.exponent(path)
        low = case.bank.low_multiplier(Grid(case.sizes(2**e), 2**e))
        rows.append(applied(planes[path], low, 2 ** (case.bank.J - e), case.ndim).real)
    return np.stack(rows, axis=1)


def scattered(case: Case, x: np.ndarray, threads: int) -> np.ndarray:
    xp, tree, dtype = namespace(x, threads=threads), tree_of(case), str(x.dtype)
    exponents, step = {tree.exponent(path) for path in tree.paths}, 2**case.bank.J
    low = low_passes(case.bank, exponents, case.shape, step, xp, dtype)
    average = Smoothing(low, (slice(None),) * case.ndim, case.sizes(step))
    return np.asarray(scatter(xp, x, case.ndim, tree, filters(tree, case.shape, xp, dtype), average)[""])


def by_order(case: Case, values: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the coefficients of each order as one plane per item."""
    orders = np.array([len(path) for path in tree_of(case).paths])
    for order in range(3):
        yield values[:, orders == order].reshape(values.shape[0], -1, *(1,) * (case.ndim - 1))


def whole(case: Case, x: np.ndarray, dtype: str) -> Pairs:
    yield from zip(*(by_order(case, S) for S in (scattered(case, x.astype(dtype), 1), scattering(case, x))), strict=True)


def threads(case: Case, x: np.ndarray, dtype: str) -> Pairs:
    expected, single = scattering(case, x), x.astype(dtype)
    for count, copies in ((1, 1), (case.items, 1), (case.items, 8)):  # branches, then several groups of items
        found = scattered(case, np.concatenate([single[:count]] * copies), 4)
        yield from zip(by_order(case, found), by_order(case, np.concatenate([expected[:count]] * copies)), strict=True)


def harmonic(case: Case, x: np.ndarray, dtype: str) -> Pairs:
    roles = ("z", "y", "x")
    operator = HarmonicScattering(dims=roles, J=2, L=2, powers=(1.0, 2.0))
    size = dict(zip(roles, case.shape, strict=True))
    at = Place(dict.fromkeys(roles, 0), size, {r: (0, n) for r, n in size.items()}, size, periodic=dict.fromkeys(roles, True))
    given = x.astype(dtype)
    constants = operator.prepare(HOST, ArraySpec(roles, case.shape, dtype), given.device)
    found = operator.apply(HOST, given, at=at, **constants)  # a number is a plane of one sample
    yield found[..., None, None, None], _harmonic_plain(operator, x)[..., None, None, None]


def _harmonic_plain(operator: HarmonicScattering, x: np.ndarray) -> np.ndarray:
    plan, planes, rows = operator.plan(), {}, []
    for path in plan.paths:
        parent = planes[path.scales[:-1], path.degree] if len(path.scales) == 2 else x
        source, factor = plan.source(path), 2 ** (plan.target(path) - plan.source(path))
        fields = (applied(parent, psi, factor, 3) for psi in _solid(parent.shape[1:], source, path.scales[-1], path.degree))
        plane = planes[path.scales, path.degree] = np.sqrt(sum(np.abs(field) ** 2 for field in fields))
        rows += [(plane**q).mean(axis=(1, 2, 3)) for q in plan.powers]
    return np.stack(rows, axis=-1)


def _solid(shape: tuple[int, ...], exponent: int, scale: int, degree: int) -> Iterator[np.ndarray]:
    """Yield the whole multipliers of one shell."""
    z, y, x = (SolidHarmonic().axis(n, 2.0**exponent, scale, degree) for n in shape)
    for polynomial in harmonics(degree):
        total = sum(v * z[a][:, None, None] * y[b][:, None] * x[c] for (a, b, c), v in polynomial.items())
        yield (-1j) ** degree * scaling(degree) * total


#: Name on the page -> the step, and the numbers of dims in which there is such a step.
STEPS: dict[str, tuple[Callable[[Case, np.ndarray, str], Pairs], tuple[int, ...]]] = {
    "spectra of real planes from half ones": (real_ffts, (1, 2, 3)),
    "aliases summed before the inverse transform": (folding, (1, 2, 3)),
    "filters where they are not negligible": (support, (1, 2, 3)),
    "compiled products and sums of aliases": (compiled, (1, 2, 3)),
    "products by tiles, for other array libraries": (tiles, (1, 2, 3)),
    "several planes per FFT, in place": (stacking, (1, 2, 3)),
    "memory used again": (rooms, (1, 2, 3)),
    "averages as sums over taps": (taps, (1, 2, 3)),
    "averages from low frequencies alone": (low_box, (1, 2, 3)),
    "adjoints of products and averages": (adjoints, (1, 2, 3)),
    "threads over items or branches": (threads, (1, 2, 3)),
    "the whole of order 2": (whole, (1, 2, 3)),
    "the whole of solid harmonic scattering": (harmonic, (3,)),
}


@functools.cache
def error(name: str, ndim: int, signal: Callable[[Case], np.ndarray], dtype: str) -> float:
    """Return the largest error of a step, both sides being given the same numbers."""
    step, case = STEPS[name][0], CASES[ndim]
    x, worst = signal(case).astype(dtype).astype("float64"), 0.0
    for found, expected in step(case, x, dtype):
        mine = asnumpy(found)
        assert mine.dtype in (np.dtype(dtype), np.dtype(WIDE[dtype]))  # nothing was made wider on the way
        worst = max(worst, distance(mine, expected, case.axes()))
    return worst


def distance(found: np.ndarray, expected: np.ndarray, over: tuple[int, ...]) -> float:
    apart, size = (np.sqrt(np.sum(np.abs(v) ** 2, axis=over)) for v in (found.reshape(expected.shape) - expected, expected))
    return float(np.max(apart / size))


@pytest.mark.parametrize("dtype", LIMIT)
@pytest.mark.parametrize("signal", [white, pink])
@pytest.mark.parametrize(("name", "ndim"), [(name, ndim) for name, (_, dims) in STEPS.items() for ndim in dims])
def test_a_step_costs_no_more_than_rounding(name, ndim, signal, dtype):
    assert error(name, ndim, signal, dtype) <= LIMIT[dtype]


def rows() -> dict[str, tuple[float, float]]:
    """Return the table of the page: step -> its figures for float32 and float64."""
    table = PAGE.read_text().split("| step | float32 | float64 |\n")[1].split("\n\n")[0].splitlines()[1:]
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in table)
    return {name: (float(single), float(double)) for name, single, double in cells}


def test_the_page_states_all_steps_and_no_figure_below_what_is_measured():
    page = rows()
    assert list(page) == list(STEPS)
    for name, figures in page.items():
        for figure, (dtype, limit) in zip(figures, LIMIT.items(), strict=True):
            measured = max(error(name, ndim, signal, dtype) for ndim in STEPS[name][1] for signal in (white, pink))
            assert measured <= figure <= limit, (name, dtype, measured)


@pytest.mark.parametrize("signal", [white, pink])
def test_the_faintest_path_is_off_by_the_rounding_of_its_parent(signal):
    """A path with a thousandth of its parent's norm has a thousand times the relative error: stated on the page."""
    case = CASES[1]
    tree, x = tree_of(case), signal(case).astype("float32")
    expected = scattering(case, x.astype("float64"))
    assert distance(scattered(case, x, 1), expected, case.axes()) <= 2e-5
    size = np.linalg.norm(expected, axis=-1)
    parents = [tree.position[path[:1]] for path in tree.paths]
    assert np.min(size / size[:, parents]) < 1e-3


@pytest.mark.parametrize("signal", [white, pink])
@pytest.mark.parametrize("ndim", CASES)
def test_the_cut_off_alone_is_below_single_precision(ndim, signal):
    """In double precision, so that nothing but the cut counts."""
    case = CASES[ndim]
    x, full = signal(case), Grid(case.shape)
    for n in case.numbers:
        psi = case.bank.band_multiplier(n, full)
        cut = np.where(np.abs(psi) > NEGLIGIBLE["float32"] * np.abs(psi).max(), psi, 0)
        assert distance(applied(x, cut, 1, ndim), applied(x, psi, 1, ndim), case.axes()) < 6e-8
