"""Extension against numpy.pad, and folding as its exact adjoint."""

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scatflow.arrays import asnumpy, extend, extension_index, fold, namespace
from scatflow.arrays.boundary import MODES
from scatflow.errors import ParameterError

PAD = {"reflect": "reflect", "symmetric": "symmetric", "periodic": "wrap", "zero": "constant"}
FAKE = strict.Device("device1")

widths = st.tuples(st.integers(0, 23), st.integers(0, 23))
axes = st.lists(st.tuples(st.integers(1, 9), widths, st.sampled_from(MODES)), min_size=1, max_size=3)


@settings(deadline=None)
@given(st.integers(1, 12), widths, st.sampled_from(MODES))
def test_index_is_what_numpy_pad_does(n, width, mode):
    index = extension_index(n, *width, mode)
    assert index.dtype == np.int64
    want = np.pad(np.arange(1, n + 1), width, mode=PAD[mode]) - 1
    np.testing.assert_array_equal(index, want)


@pytest.mark.parametrize("mode", MODES)
def test_single_sample(mode):
    want = [-1, -1, 0, -1, -1, -1] if mode == "zero" else [0] * 6
    assert extension_index(1, 2, 3, mode).tolist() == want


def case(parts, batch=(2,)):
    shape = (*batch, *(n for n, _, _ in parts))
    return shape, [width for _, width, _ in parts], [mode for _, _, mode in parts]


@settings(deadline=None)
@given(axes)
def test_extend_is_numpy_pad_axis_by_axis(parts):
    shape, width, modes = case(parts)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    want = x
    for axis, (w, mode) in enumerate(zip(width, modes, strict=True), 1):
        want = np.pad(want, [w if a == axis else (0, 0) for a in range(x.ndim)], mode=PAD[mode])
    got = extend(namespace(x), x, width, modes)
    assert got.dtype == x.dtype
    np.testing.assert_array_equal(got, want)


@settings(deadline=None, max_examples=60)
@given(axes, st.sampled_from(["float64", "complex128"]), st.booleans())
def test_fold_is_the_adjoint(parts, dtype, on_strict):
    shape, width, modes = case(parts)
    rng = np.random.default_rng(1)

    def noise(shape):
        z = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
        return z.astype(dtype) if dtype == "complex128" else z.real.copy()

    def there(array):
        return strict.asarray(array, device=FAKE) if on_strict else array

    x = noise(shape)
    c = noise(extend(namespace(x), x, width, modes).shape)
    xp = namespace(there(x))
    out, back = extend(xp, there(x), width, modes), fold(xp, there(c), shape, width, modes)
    assert back.shape == shape
    if on_strict:
        assert out.device == back.device == FAKE
    np.testing.assert_allclose(np.vdot(c, asnumpy(out)), np.vdot(asnumpy(back), x), rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
@pytest.mark.parametrize("mode", MODES)
def test_dtype_and_device_stay(dtype, mode):
    x = strict.ones((2, 3, 1), dtype=getattr(strict, dtype), device=FAKE)
    xp = namespace(x)
    out = extend(xp, x, [(4, 5), (2, 3)], [mode, mode])
    back = fold(xp, out, x.shape, [(4, 5), (2, 3)], [mode, mode])
    assert out.dtype == back.dtype == x.dtype
    assert out.device == back.device == FAKE
    assert back.shape == x.shape


def test_nothing_to_add_returns_the_block():
    x = np.ones((2, 3))
    xp = namespace(x)
    assert extend(xp, x, [(0, 0)], ["reflect"]) is x
    assert fold(xp, x, x.shape, [(0, 0)], ["reflect"]) is x
    assert extend(xp, x, [], []) is x


def test_inputs_are_left_alone():
    x = np.arange(12.0).reshape(3, 4)
    x.flags.writeable = False
    xp = namespace(x)
    c = extend(xp, x, [(5, 1)], ["symmetric"])
    c.flags.writeable = False
    back = fold(xp, c, x.shape, [(5, 1)], ["symmetric"])
    assert back.flags.writeable and not np.shares_memory(back, c)


def test_fold_takes_core_sizes_alone():
    c = np.ones((2, 6))
    xp = namespace(c)
    args = ([(1, 2)], ["reflect"])
    np.testing.assert_array_equal(fold(xp, c, (3,), *args), fold(xp, c, (2, 3), *args))


@pytest.mark.parametrize("mode", MODES)
def test_integers_and_bools_extend(mode):
    for x in (np.arange(3, dtype=np.int16), np.array([True, False, True])):
        out = extend(namespace(x), x, [(2, 2)], [mode])
        assert out.dtype == x.dtype
        np.testing.assert_array_equal(out, np.pad(x, 2, mode=PAD[mode]))


def test_refusals():
    x = np.ones((2, 3))
    xp = namespace(x)
    with pytest.raises(ParameterError, match="Did you mean 'periodic'"):
        extension_index(3, 1, 1, "periodc")
    with pytest.raises(ParameterError, match="negative"):
        extend(xp, x, [(-1, 0)], ["zero"])
    with pytest.raises(ParameterError, match="at least 1"):
        extension_index(0, 1, 1, "zero")
    with pytest.raises(ParameterError, match="at least 1"):
        extend(xp, np.ones((2, 0)), [(1, 0)], ["reflect"])
    with pytest.raises(ParameterError, match="one per extended axis"):
        extend(xp, x, [(1, 0)], [])
    with pytest.raises(ParameterError, match="outnumber"):
        extend(xp, x, [(1, 0)] * 3, ["zero"] * 3)
    with pytest.raises(ParameterError, match="extended shape"):
        fold(xp, x, (3,), [(1, 1)], ["zero"])
