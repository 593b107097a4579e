"""The arrays layer on a real device; skipped, saying so, where there is none."""

import numpy as np
import pytest

from scatflow.arrays import asnumpy, device_of, extend, fold, is_cupy, namespace, to_device
from scatflow.arrays.boundary import MODES
from scatflow.errors import DeviceError

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def on_gpu():
    pytest.importorskip("cupy")
    try:
        to_device(np.zeros(1), "gpu")
    except DeviceError as error:
        pytest.skip(str(error))
    return lambda x: to_device(x, "gpu")


def test_round_trip(on_gpu):
    x = np.arange(6.0, dtype=np.float32)
    there = on_gpu(x)
    assert is_cupy(there)
    assert device_of(there) == "gpu"
    assert namespace(there) is namespace(there, 2.0)
    np.testing.assert_array_equal(asnumpy(there), x)


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_door_agrees_with_the_host(on_gpu, precision, norm):
    x = np.random.default_rng(0).standard_normal((3, 12, 10)).astype(precision)
    there = on_gpu(x)
    xp, host = namespace(there), namespace(x)
    tolerance = 1e-5 if precision == "float32" else 1e-12
    spectrum = xp.fft.rfftn(there, s=(16, 10), axes=(1, 2), norm=norm)
    want = host.fft.rfftn(x, s=(16, 10), axes=(1, 2), norm=norm)
    assert spectrum.dtype == want.dtype
    np.testing.assert_allclose(asnumpy(spectrum), want, atol=tolerance * np.abs(want).max())
    back = xp.fft.irfftn(spectrum, s=(16, 10), axes=(1, 2), norm=norm)
    assert back.dtype == x.dtype
    np.testing.assert_allclose(asnumpy(back)[:, :12], x, atol=tolerance * 10)
    full = xp.fft.ifftn(spectrum, axes=(0, 2), norm=norm)
    want = host.fft.ifftn(want, axes=(0, 2), norm=norm)
    np.testing.assert_allclose(asnumpy(full), want, atol=tolerance * np.abs(want).max() * 10)


@pytest.mark.parametrize("mode", MODES)
def test_boundaries_agree_with_the_host(on_gpu, mode):
    x = np.random.default_rng(0).standard_normal((2, 5, 7))
    widths, modes = [(6, 2), (0, 9)], [mode, mode]
    there = extend(namespace(on_gpu(x)), on_gpu(x), widths, modes)
    want = extend(namespace(x), x, widths, modes)
    np.testing.assert_array_equal(asnumpy(there), want)
    back = fold(namespace(there), there, x.shape, widths, modes)
    np.testing.assert_allclose(asnumpy(back), fold(namespace(x), want, x.shape, widths, modes), rtol=1e-13)
