"""Filter banks: tables, frame bounds, tightness, independence of size, folding, reach."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest

from scatflow.contract import Filters, Operator
from scatflow.errors import ChunkError, ParameterError
from scatflow_wavelet import Bank, Grid, Layout, Morlet, Tight
from scatflow_wavelet.morlet import constant_q
from scatflow_wavelet.reach import morlet as reach

SQUARE = (1.0, 1.0)


@pytest.mark.parametrize(("J", "L", "square", "disc", "high"), [(4, 8, 0.123, 0.348, 1.0353), (4, 4, 0.132, 0.403, 1.0001)])
def test_frame_bounds_of_the_morlet_bank(J, L, square, disc, high):
    bank = Bank(Morlet(), J, L, aspect=SQUARE)
    low, top = bank.bounds(Grid((64, 64)))
    assert low == pytest.approx(square, abs=1e-3) and top == pytest.approx(high, abs=1e-3)
    assert bank.bounds(Grid((64, 64)), disc=True) == (pytest.approx(disc, abs=1e-3), pytest.approx(high, abs=1e-3))


@pytest.mark.parametrize("shape", [(64, 64), (48, 63), (33, 50)])
@pytest.mark.parametrize(("J", "L"), [(4, 4), (5, 8), (3, 2), (0, 2)])
def test_the_tight_bank_is_tight_in_two_dims(J, L, shape):
    low, high = Bank(Tight(), J, L, aspect=SQUARE).bounds(Grid(shape))
    assert abs(low - 1) < 1e-12 and abs(high - 1) < 1e-12


@pytest.mark.parametrize(("n", "J", "Q"), [(256, 5, 1), (1024, 6, 8), (1024, 6, 16), (1023, 4, 3)])
def test_the_tight_bank_is_tight_in_one_dim(n, J, Q):
    low, high = Bank(Tight(), J, Q).bounds(Grid((n,)))
    assert abs(low - 1) < 1e-12 and abs(high - 1) < 1e-12


def test_the_tight_bank_is_tight_on_anisotropic_grids():
    low, high = Bank(Tight(), 3, 4, aspect=(2.5, 1.0)).bounds(Grid((80, 32)))
    assert abs(low - 1) < 1e-12 and abs(high - 1) < 1e-12


@pytest.mark.parametrize(
    "layout", [(J, L, SQUARE) for J in (1, 3, 5) for L in (2, 4, 8, 12)] + [(J, Q, (1.0,)) for J in (3, 7) for Q in (1, 5, 16)]
)
def test_the_contractive_bank_never_exceeds_one(layout):
    J, voices, aspect = layout
    shape = (2 ** (J + 3), 100 + 2**J)[: len(aspect)]
    _, high = Bank(Morlet(contractive=True), J, voices, aspect=aspect).bounds(Grid(shape))
    assert high <= 1 + 1e-12
    plain = Bank(Morlet(), J, voices, aspect=aspect)
    assert high >= 0.97 * min(1.0, plain.bounds(Grid(shape))[1])
    assert plain.gain == 1.0


def test_bounds_are_reached_by_pure_frequencies():
    # |W x|^2 = A(w) |x|^2 for a sinusoid of frequency w.
    n = 48
    bank = Bank(Morlet(), 3, 4, aspect=SQUARE)
    grid = Grid((n, n))
    values = bank.littlewood_paley(grid)
    for k in (np.unravel_index(values.argmin(), values.shape), np.unravel_index(values.argmax(), values.shape)):
        y, x = np.mgrid[:n, :n]
        wave = np.cos(2 * np.pi * (k[0] * y + k[1] * x) / n + 0.3)
        energy = sum(
            np.sum(np.abs(np.fft.ifft2(np.fft.fft2(wave) * f)) ** 2)
            for f in [bank.low_multiplier(grid), *(bank.band_multiplier(m, grid) for m in range(12))]
        )
        assert energy / np.sum(wave**2) == pytest.approx(values[k], rel=1e-10)


def test_numbers_of_the_two_dimensional_morlet_bank():
    bands = Bank(Morlet(), 3, 4, aspect=SQUARE).bands
    assert [(band.j, band.l) for band in bands] == [(j, q) for j in range(3) for q in range(4)]
    for band in bands:
        assert band.xi == pytest.approx(0.75 * math.pi * 2.0**-band.j)
        assert band.sigma == pytest.approx(1 / (0.8 * 2**band.j))
        assert band.theta == pytest.approx(math.pi * band.l / 4)


def test_numbers_of_the_one_dimensional_morlet_bank():
    # f_max = 0.35 and bandwidth f (1 - 1/2) / (1 + 1/2) / sqrt(2 ln sqrt 2) for one band per octave.
    bands = constant_q(6, 1)
    np.testing.assert_allclose([xi for xi, _ in bands], 0.35 * 2.0 ** -np.arange(7))
    np.testing.assert_allclose([s / xi for xi, s in bands], 1 / 3 / math.sqrt(math.log(2)))
    many = constant_q(6, 16)
    assert len(many) == 63 and many[0][0] == pytest.approx(1 / (1 + 2 ** (3 / 16)))
    tail = many[-15:]
    np.testing.assert_allclose([s for _, s in tail], 0.1 / 64)
    np.testing.assert_allclose(np.diff([xi for xi, _ in tail]), -many[-16][0] / 16)


def test_numbers_of_the_tight_banks():
    line = Bank(Tight(), 3, 4).bands
    np.testing.assert_allclose([band.xi for band in line], 0.75 * np.pi * 2.0 ** (-np.arange(12) / 4))
    plane = Bank(Tight(), 3, 2, aspect=SQUARE).bands
    np.testing.assert_allclose([band.xi for band in plane[::2]], np.pi / 2 * 2.0 ** -np.arange(3))


@pytest.mark.parametrize("family", [Morlet(), Tight()])
@pytest.mark.parametrize(("voices", "aspect"), [(4, SQUARE), (3, (1.0,))])
def test_zero_mean_and_unit_average(family, voices, aspect):
    bank = Bank(family, 4, voices, aspect=aspect)
    for shape, step in (((64, 40), 1), ((32, 20), 2), ((9, 15), 1)):
        grid = Grid(shape[: len(aspect)], step)
        assert all(bank.band_multiplier(n, grid).flat[0] == 0 for n in range(len(bank.bands)) if bank.bands[n].j >= step - 1)
        assert bank.low_multiplier(grid).flat[0] == pytest.approx(1, abs=1e-14)


def test_peak_lies_at_the_labelled_center():
    bank = Bank(Morlet(), 2, 4, aspect=SQUARE)
    grid = Grid((128, 128))
    for band in bank.bands:
        ky, kx = np.unravel_index(bank.band_multiplier(band.n, grid).argmax(), grid.shape)
        wave = 2 * np.pi / 128 * np.array([(ky + 64) % 128 - 64, (kx + 64) % 128 - 64])
        expected = band.xi * np.array([math.sin(band.theta), math.cos(band.theta)])
        # The finest band overlaps its own period, which moves its peak outwards by a few per cent.
        assert np.abs(wave - expected).max() < 0.12 * band.xi


def test_half_width_at_the_labelled_bandwidth():
    for family, n in ((Morlet(), 9), (Tight(), 9)):
        bank = Bank(family, 6, 4)
        values = bank.band_multiplier(n, Grid((1 << 14,)))
        above = np.flatnonzero(values >= values.max() * math.exp(-0.5)) * 2 * np.pi / (1 << 14)
        assert 0.5 * (above.max() - above.min()) == pytest.approx(bank.bands[n].sigma, rel=0.02)


@pytest.mark.parametrize("family", [Morlet(), Tight(), Morlet(contractive=True)])
def test_the_same_filter_on_any_size(family):
    # A grid twice as long samples the same function of frequency twice as densely.
    bank = Bank(family, 3, 4, aspect=SQUARE)
    small, large = Grid((40, 32)), Grid((80, 96))
    for n in (0, 5, 11):
        np.testing.assert_allclose(bank.band_multiplier(n, large)[::2, ::3], bank.band_multiplier(n, small), atol=1e-14)
    np.testing.assert_allclose(bank.low_multiplier(large)[::2, ::3], bank.low_multiplier(small), atol=1e-14)


@pytest.mark.parametrize("family", [Morlet(), Tight()])
@pytest.mark.parametrize(("voices", "aspect"), [(4, SQUARE), (2, (1.0,)), (3, (1.5, 1.0))])
def test_a_coarser_grid_sums_periods(family, voices, aspect):
    bank = Bank(family, 4, voices, aspect=aspect)
    shape = (48, 64)[: len(aspect)]
    fine, coarse = Grid(shape), Grid(tuple(n // 4 for n in shape), 4)
    pairs = [(bank.low_multiplier(fine), bank.low_multiplier(coarse))]
    pairs += [(bank.band_multiplier(n, fine), bank.band_multiplier(n, coarse)) for n in range(len(bank.bands))]
    for values, folded in pairs:
        for axis, n in enumerate(coarse.shape):
            values = values.reshape(*values.shape[:axis], 4, n, *values.shape[axis + 1 :]).sum(axis=axis)
        values.flat[0], folded.flat[0] = 0, 0  # exactly zero on every grid, where the sum has rounding
        np.testing.assert_allclose(folded, values, atol=3e-13)


def test_unit_norm_in_time():
    bank = Bank(Morlet(), 5, 3)
    for n in (0, 4, 9):
        taps = np.fft.ifft(bank.band_multiplier(n, Grid((4096,))))
        assert np.abs(taps).sum() == pytest.approx(1, rel=1e-12)


def test_arrays_of_a_library():
    bank = Bank(Morlet(), 2, 4, aspect=SQUARE)
    stack = bank.psi(Grid((16, 12)), [1, 3], dtype="float32")
    assert stack.shape == (2, 16, 12) and stack.dtype == np.float32
    assert bank.psi(Grid((16, 12))).shape == (8, 16, 12) and bank.phi(Grid((16, 12))).dtype == np.float64


def test_averaging_scale_widens_the_low_pass():
    for aspect in ((1.0,), SQUARE):
        narrow, wide = (Bank(Morlet(), 3, 2, T=t, aspect=aspect) for t in (8.0, 16.0))
        shape = (64, 64)[: len(aspect)]
        half = tuple(slice(0, 16, 2) for _ in shape)
        small = tuple(slice(0, 8) for _ in shape)
        np.testing.assert_allclose(wide.phi(Grid(shape))[small], narrow.phi(Grid(shape))[half], atol=1e-12)


def test_coverage_sums_to_one():
    for family in (Morlet(), Tight()):
        for aspect in ((1.0,), SQUARE):
            rows = Bank(family, 3, 2, aspect=aspect).coverage(range(0, 64, 8), range(64))
            np.testing.assert_allclose(rows.sum(axis=1), 1)
            assert (rows >= 0).all() and rows[4].argmax() == 32


def test_families_by_spec_and_identity():
    import scatflow.registry  # noqa: F401 - answers names

    class Uses(Operator):
        filters: Filters

    assert Uses(filters={"family": "morlet", "contractive": True}).filters == Morlet(contractive=True)
    assert Uses(filters="tight").parameters()["filters"] == {"family": "tight", "version": 1}
    assert Morlet() != Morlet(contractive=True) and Morlet().token() == Morlet(contractive=False).token()
    with pytest.raises(ParameterError, match="unknown parameter"):
        Morlet(contractiv=True)


def test_reach_of_the_morlet_bank():
    layout = Layout(4, 8, 16.0, SQUARE)
    # The bounds that the design quotes for the operator as a whole, order 2: 3.3 and 4.5 times 2^J; J = 2, 3 need more.
    assert 3.3 <= reach(layout, 2, 1e-4) / 16 <= 3.8 and 4.5 <= reach(layout, 2, 1e-6) / 16 <= 4.8
    tolerances = 10.0 ** -np.arange(0.5, 12, 0.25)
    for order in (-1, 0, 1, 2, 3, 4):
        found = [reach(layout, order, t) for t in tolerances]
        assert (np.diff(found) >= 0).all()
        assert reach(layout, order + 1, 1e-4) >= reach(layout, order, 1e-4) or order == -1
    assert reach(Layout(4, 16, 16.0, SQUARE), 2, 1e-4) >= 7.05 * 16  # measured
    assert reach(Layout(4, 8, 32.0, SQUARE), 2, 1e-4) > reach(layout, 2, 1e-4)


def test_reach_holds_the_filters():
    # The wavelet transform's reach from the filters themselves: the energy beyond it, against the energy.
    for aspect, voices, n in ((SQUARE, 4, 256), (SQUARE, 8, 256), ((1.0,), 1, 4096), ((1.0,), 8, 4096)):
        J = 4 if len(aspect) == 2 else 6
        bank = Bank(Morlet(), J, voices, aspect=aspect)
        grid = Grid((n,) * len(aspect))
        for tol in (1e-2, 1e-4, 1e-6):
            radius = math.ceil(bank.family.reach(bank.layout, -1, tol))
            inside = np.abs(np.fft.fftfreq(n, 1 / n)) <= radius
            mask = inside if len(aspect) == 1 else np.logical_and.outer(inside, inside)
            for values in (bank.low_multiplier(grid), bank.band_multiplier(len(bank.bands) - 1, grid)):
                taps = np.abs(np.fft.ifftn(values)) ** 2
                assert math.sqrt(taps[~mask].sum() / taps.sum()) < tol


def test_slow_decay_refuses_halos_and_names_what_serves():
    with pytest.raises(ChunkError, match="one chunk"):
        Tight().reach(Layout(3, 4, 8.0, SQUARE), 2, 1e-4)


@pytest.mark.parametrize(
    ("family", "voices", "aspect", "words"),
    [
        (Tight(), 1, SQUARE, "at least 2"),
        (Morlet(), 0, SQUARE, "at least one"),
        (Tight(), 6, (1.0,) * 3, "one and two dims"),
        (Morlet(), 4, (1.0,) * 3, "6 .vertices., 10 .faces. or 15 .edges."),
        (Morlet(), 6, (1.0,) * 4, "one, two and three dims"),
    ],
)
def test_banks_that_do_not_exist(family, voices, aspect, words):
    with pytest.raises(ParameterError, match=words):
        family.check(Layout(3, voices, 8.0, aspect), "wavelet")


def test_weights_of_a_long_record_take_the_memory_of_the_weights():
    block = range(2000)
    bank = Bank(Tight(), 5, 1)
    tracemalloc.start()
    weights = bank.coverage(block, block)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * weights.nbytes  # 256 times without sharing equal distances
    profile = bank.family.profile(bank.layout, 700.0 - np.arange(2000.0))
    np.testing.assert_allclose(weights[700], profile / profile.sum(), rtol=1e-12)
