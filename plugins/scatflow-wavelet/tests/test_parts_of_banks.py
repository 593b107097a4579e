"""Filters evaluated for a part of the frequencies are parts of the whole ones, on every grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scatflow.errors import ChunkError
from scatflow_wavelet import Bank, Gammatone, Grid, Morlet, Tight, WaveletFamily
from scatflow_wavelet.layout import periods
from scatflow_wavelet.littlewood_paley import mirrored

CASES = [(Morlet(), (40, 56), 4), (Tight(), (40, 56), 4), (Tight(), (40, 57), 3), (Morlet(), (16, 24, 20), 6)]


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("family", "shape", "voices"), CASES)
def test_parts_are_those_of_the_whole(family: WaveletFamily, shape: tuple[int, ...], voices: int, full: bool, step: int) -> None:
    bank = Bank(family, J=3, voices=voices, aspect=(1.5,) * (len(shape) - 1) + (1.0,), full_circle=full)
    grid = Grid(shape, step)
    part = (*((n // 3, n) for n in shape[:-1]), (0, shape[-1] // 2 + 1))
    where = tuple(slice(*span) for span in part)
    for n in range(len(bank.bands)):
        whole = bank.band_multiplier(n, grid)
        np.testing.assert_allclose(bank.band_part(n, grid, part), whole[where], atol=1e-14)
        np.testing.assert_allclose(bank.band_part(n, grid, part, opposite=True), mirrored(whole)[where], atol=1e-14)
    np.testing.assert_allclose(bank.low_part(grid, part), bank.low_multiplier(grid)[where], atol=1e-14)


@given(st.integers(1, 9), st.integers(-20, 0), st.integers(0, 20), st.data())
def test_every_frequency_stands_for_its_periods(n: int, first: int, last: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, n - 1))
    stop = data.draw(st.integers(start + 1, n))
    found = [
        k for ((low, high),) in periods(((start, stop),), (first,), (last,), (n,)) for k in range(low, high) if first <= k <= last
    ]
    assert sorted(found) == [k for k in range(first, last + 1) if start <= k % n < stop]


def test_families_without_parts_say_so() -> None:
    bank = Bank(Gammatone(), J=3, voices=1)
    for call in (lambda: bank.low_part(Grid((8,)), ((0, 4),)), lambda: bank.band_part(0, Grid((8,)), ((0, 4),))):
        with pytest.raises(ChunkError, match="no formula for a part of the frequencies"):
            call()
