"""Transforms one axis at a time against those of NumPy along all axes, on the strict namespace too."""

from __future__ import annotations

from typing import Any

import array_api_strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scatflow.arrays import namespace
from scatflow.errors import DataError
from scatflow.spec import ArraySpec, Place
from scatflow_arrays.pencils import AxisFourier, AxisInverse, folded, kept, whole_line, window_of


@given(st.integers(1, 4), st.integers(1, 9), st.booleans(), st.integers(0, 2**32 - 1))
def test_a_sampled_line_comes_back(factor: int, short: int, real: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = factor * short
    line = rng.standard_normal((2, n)) + (0 if real else 1j * rng.standard_normal((2, n)))
    xp = namespace(line)
    spectrum = AxisFourier(dims=("x",)).apply(xp, line)
    assert spectrum.shape[-1] == (n // 2 + 1 if real else n)
    found = AxisInverse(dims=("x",), length=n, factor=factor, real=real, scale=2.0).apply(xp, spectrum)
    np.testing.assert_allclose(found, 2 * line[:, ::factor], atol=1e-13)
    assert np.iscomplexobj(found) != real


@pytest.mark.parametrize("n", [1, 2, 7, 8])
def test_half_spectra_of_complex_lines(n: int, rng: np.random.Generator) -> None:
    """Z' is the half spectrum of the conjugate."""
    line = rng.standard_normal(n) + 1j * rng.standard_normal(n)
    half = np.stack([np.fft.fft(line)[: n // 2 + 1], np.fft.fft(line.conj())[: n // 2 + 1]])
    np.testing.assert_allclose(whole_line(np, half, n, with_sense=True), np.fft.fft(line), atol=1e-13)
    found = AxisInverse(dims=("sense", "x"), length=n, keep=(0, n, 2)).apply(namespace(half), half)
    np.testing.assert_allclose(found, line[::2], atol=1e-13)


def test_axis_by_axis_on_the_strict_namespace(rng: np.random.Generator) -> None:
    plain = rng.standard_normal((6, 8))
    field = array_api_strict.asarray(plain)
    xp = namespace(field)
    one = AxisFourier(dims=("x",)).apply(xp, field)
    both = AxisFourier(dims=("y",)).apply(xp, xp.permute_dims(one, (1, 0)))
    np.testing.assert_allclose(np.asarray(both).T, np.fft.rfft2(plain), atol=1e-13)
    back = AxisInverse(dims=("y",), length=6).apply(xp, both)
    found = AxisInverse(dims=("x",), length=8, factor=2, keep=(1, 4, 2), real=True).apply(xp, xp.permute_dims(back, (1, 0)))
    np.testing.assert_allclose(np.asarray(found), plain[:, 2::4], atol=1e-13)


@pytest.mark.parametrize(
    ("dtype", "count", "wide"), [("float32", 5, "complex64"), ("float64", 5, "complex128"), ("complex64", 9, "complex64")]
)
def test_what_is_declared(dtype: str, count: int, wide: str) -> None:
    spec = AxisFourier(dims=("x",)).output(ArraySpec(("t", "x"), (3, 9), dtype))
    assert (spec.dims, spec.shape, spec.dtype) == (("t", "x"), (3, count), wide)
    done = AxisInverse(dims=("sense", "x"), length=8, factor=2, keep=(1, 4, 2), real=True).output(
        ArraySpec(("t", "sense", "x"), (3, 2, 5), wide)
    )
    assert (done.dims, done.shape, done.dtype) == (("t", "x"), (3, 2), "float32" if wide == "complex64" else "float64")


def test_small_parts() -> None:
    assert kept(8, None) == range(8) and kept(8, (1, 6, 2)) == range(1, 6, 2)
    assert window_of(Place(batch=(3, 40), items=(1, 16)), 1) == (40, 56)
    np.testing.assert_array_equal(folded(np, np.array([1.0, 2.0, 3.0, 6.0]), 2), [2.0, 4.0])


def test_a_gap_is_refused() -> None:
    values: Any = np.array([1.0, np.nan])
    with pytest.raises(DataError, match="'x'-lines: NaN in what is transformed one axis at a time"):
        AxisFourier(dims=("x",)).apply(namespace(values), values)
