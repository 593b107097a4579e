"""M-term approximation: the error against its definition, chunks, and the decay that regularity implies."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import scatflow as sf
from scatflow.errors import ParameterError
from scatflow_wavelet import decay_exponent


def errors(x, dims, filters, J, **kw):
    w = sf.ops.orthogonal_wavelet(xr.DataArray(x, dims=dims), dims=dims, J=J, filters=filters)
    return sf.ops.m_term_error(w, over=dims, **kw)


def test_error_is_that_of_the_reconstruction():
    x = xr.DataArray(np.random.default_rng(0).standard_normal((32, 64)).cumsum(1), dims=("y", "x"))
    kw = {"dims": ("y", "x"), "J": 4, "filters": "db3"}
    w = sf.ops.orthogonal_wavelet(x, **kw)
    found = sf.ops.m_term_error(w, over=("y", "x"), terms=(1, 10, 100, 2047, 2048))
    assert found.dims == ("terms",) and found.dtype == np.float64 and found.terms.values.tolist() == [1, 10, 100, 2047, 2048]
    ordered = np.sort(np.abs(w.values).ravel())[::-1]
    for M, error in zip((1, 10, 100, 2047), found.values, strict=False):
        kept = sf.ops.inverse_orthogonal_wavelet(w.where(abs(w) >= ordered[M - 1], 0.0), **kw)
        assert error == pytest.approx(float(((x - kept) ** 2).sum() / (x**2).sum()), rel=1e-9)
    assert float(found[-1]) == 0.0


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1), st.data())
def test_chunks_do_not_matter(size, chunk, seed, data):
    rng = np.random.default_rng(seed)
    w = xr.DataArray(rng.standard_normal((size, 3)) ** 3, dims=("x", "k"))
    terms = tuple(sorted(data.draw(st.sets(st.integers(1, 3 * size), min_size=1, max_size=5))))
    whole = sf.ops.m_term_error(w, over=("x", "k"), terms=terms)
    parts = sf.ops.m_term_error(w.chunk(x=chunk, k=2), over=("x", "k"), terms=terms)
    assert parts.chunks is not None
    squares = np.sort(w.values.ravel() ** 2)
    expected = [squares[: 3 * size - M].sum() / squares.sum() for M in terms]
    np.testing.assert_allclose(whole, expected, rtol=1e-13)
    np.testing.assert_allclose(parts.compute(), whole, rtol=1e-13)


def test_batches_complex_numbers_and_small_errors():
    w = xr.DataArray(np.array([[3.0, 4j, 1e-12], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0], [np.nan, 1.0, 2.0]]), dims=("item", "x"))
    found = sf.ops.m_term_error(w, over="x", terms=(1, 2, 3))
    assert found.dims == ("item", "terms")
    np.testing.assert_allclose(found[0], [9 / 25, 1e-24 / 25, 0], rtol=1e-12)  # no digits are lost to 1 - (1 - e)
    np.testing.assert_array_equal(found[1:3], 0.0)
    assert found[3].isnull().all()
    assert sf.ops.m_term_error(w, over="x").terms.values.tolist() == [1, 2]


def test_default_is_powers_of_two_up_to_4096():
    w = xr.DataArray(np.ones(10_000), dims="x")
    found = sf.ops.m_term_error(w, over="x")
    assert found.terms.values.tolist() == [2**k for k in range(13)]
    np.testing.assert_allclose(found, 1 - found.terms / 10_000)


def lacunary(n):
    """Sum of 2^-k cos(2^k t): of Hölder exponent 1 everywhere (up to a logarithm), of no better anywhere."""
    t = 2 * np.pi * np.arange(n) / n
    return sum(2.0**-k * np.cos(2**k * t + k) for k in range(int(np.log2(n)) - 1))


@pytest.mark.parametrize("filters", ["db2", "db4"])
def test_piecewise_lipschitz_functions(filters):
    # T34: M^-2. A few jumps cost a few terms per octave, which is over sooner or later: faster, never slower.
    n = 2**14
    place = np.arange(n) / n
    smooth = lacunary(n)
    broken = smooth + 2.0 * (place > 0.3) - 1.5 * (place > 0.71)
    slopes = [float(decay_exponent(errors(x, ("x",), filters, 10), 2**6, 2**11)) for x in (smooth, broken)]
    assert slopes[0] == pytest.approx(-2, abs=0.3)  # measured: -1.99 and -2.00
    assert slopes[1] <= -2  # measured: -2.30 and -2.45


def test_smooth_pieces_fall_off_faster():
    n = 2**14
    place = np.arange(n) / n
    x = np.sin(7 * place) + 2.0 * (place > 0.3) - 1.5 * (place > 0.71)
    assert float(decay_exponent(errors(x, ("x",), "db4", 10), 2**5, 2**9)) <= -2


def test_cartoon_images():
    # T34: edges of finite length between smooth pieces, M^-1.
    n = 512
    y, x = np.meshgrid(np.arange(n) / n, np.arange(n) / n, indexing="ij")
    cartoon = (
        0.5 * y + np.where((x - 0.45) ** 2 + (y - 0.52) ** 2 < 0.09, 1.0 + 0.5 * x, 0.0) + np.where(x + 0.4 * y > 1.07, -0.7, 0.0)
    )
    for filters in ("haar", "db2"):
        slope = float(decay_exponent(errors(cartoon, ("y", "x"), filters, 8), 2**6, 2**11))
        assert slope == pytest.approx(-1, abs=0.2)


def test_fourier_coefficients_of_a_step_fall_off_slowly():
    n = 2**12
    step = (np.arange(n) < n // 3).astype(float)
    fourier = xr.DataArray(np.fft.fft(step, norm="ortho"), dims="k")
    slope = float(decay_exponent(sf.ops.m_term_error(fourier, over="k"), 2**4, 2**9))
    assert slope == pytest.approx(-1, abs=0.1)
    assert float(errors(step, ("x",), "haar", 12, terms=(32,))[0]) < 1e-25  # a few numbers per octave are all there is


def test_slopes_and_their_range():
    terms = 2 ** np.arange(2, 10)
    error = xr.DataArray(np.outer([3.0, 1.0], 0.7 * terms**-1.5), dims=("item", "terms"), coords={"terms": terms})
    found = decay_exponent(error)
    assert found.dims == ("item",)
    np.testing.assert_allclose(found, -1.5, rtol=1e-12)
    bent = error.where(error.terms > 8, 1.0)
    np.testing.assert_allclose(decay_exponent(bent, 16, 512), -1.5, rtol=1e-12)
    assert float(decay_exponent(error.isel(item=0).where(error.terms < 32, np.nan))) != -1.5
    with pytest.raises(ParameterError, match="two numbers of terms"):
        decay_exponent(error, 5, 9)


def test_bad_input():
    w = xr.DataArray(np.ones((4, 8)), dims=("item", "x"))
    for terms, words in {
        (0, 2): "from 1 to 8",
        (3, 9): "from 1 to 8",
        (): "at least one",
        (4, 2): "increase",
        (2, 2): "increase",
    }.items():
        with pytest.raises(ParameterError, match=words):
            sf.ops.m_term_error(w, over="x", terms=terms)
    with pytest.raises(ParameterError, match=r"over.*must be named"):
        sf.ops.m_term_error(w)
