"""Namespaces, devices and dtype names."""

import sys
import types

import array_api_strict as strict
import numpy as np
import pytest

from scatflow import arrays
from scatflow.arrays import asnumpy, complex_dtype, device_of, is_cupy, namespace, real_dtype, to_device
from scatflow.errors import DeviceError, DtypeError, ParameterError


@pytest.fixture
def fake_cupy(monkeypatch):
    """A stand-in for cupy, with one device, whose arrays are marked numpy arrays."""

    class Marked(np.ndarray):
        pass

    cupy = types.ModuleType("cupy")
    cupy.ndarray = Marked
    cupy.asarray = lambda x: np.array(x).view(Marked)
    cupy.asnumpy = lambda x: np.array(x.view(np.ndarray))
    cupy.cuda = types.SimpleNamespace(
        runtime=types.SimpleNamespace(getDeviceCount=lambda: 1, CUDARuntimeError=type("E", (Exception,), {}))
    )
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    return cupy


def test_numpy_namespace_delegates_and_has_the_door():
    x = np.arange(6.0, dtype=np.float32)
    xp = namespace(x)
    assert xp.fft is arrays.provider("scipy")
    np.testing.assert_array_equal(xp.concat([x, x]), np.concatenate([x, x]))
    assert xp.isdtype(x.dtype, "real floating")
    assert "fft" in dir(xp) and "take" in dir(xp)
    assert "scipy" in repr(xp)


def test_same_object_for_same_library_and_provider():
    x = np.ones(3)
    assert namespace(x) is namespace(x, 2.0, None) is namespace(np.ones((2, 2)), fft="scipy")
    assert namespace(strict.ones(3)) is namespace(strict.ones(2), 1)


def test_default_provider_is_followed():
    x = np.ones(3)
    other = next((n for n, v in arrays.available().items() if n != "scipy" and "missing" not in v), None)
    if other is None:
        pytest.skip("no optional FFT provider is installed")
    before = arrays.use(other)
    try:
        assert namespace(x).fft is arrays.provider(other)
        assert namespace(x, fft="scipy").fft is arrays.provider("scipy")
    finally:
        arrays.use(before)
    assert namespace(x).fft is arrays.provider(before)


def test_scalars_alone_mean_numpy():
    assert namespace(1.0, np.float32(2), None) is namespace(np.ones(1))


def test_strict_namespace_uses_its_own_fft():
    x = strict.ones((8,), dtype=strict.float32, device=strict.Device("device1"))
    xp = namespace(x)
    out = xp.fft.rfft(x)
    assert out.dtype == strict.complex64
    assert out.device == x.device


def test_missing_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError):
        _ = namespace(np.ones(1)).no_such_function


def test_namespace_refuses_mixed_libraries():
    with pytest.raises(DeviceError, match="array_api_strict and numpy") as caught:
        namespace(np.ones(2), strict.ones(2))
    assert caught.value.code == "DevicesMixed"


@pytest.mark.parametrize("block", [[1.0, 2.0], "text", object()])
def test_namespace_refuses_other_objects(block):
    with pytest.raises(ParameterError, match="supported library"):
        namespace(block)


def test_lazy_arrays_are_refused_and_not_computed():
    dask_array = pytest.importorskip("dask.array")
    lazy = dask_array.zeros(2).map_blocks(pytest.fail, dtype=float, meta=np.empty(0))
    with pytest.raises(ParameterError, match="dask"):
        asnumpy(lazy)


def test_namespace_refuses_unknown_provider_for_any_library():
    for block in (np.ones(2), strict.ones(2)):
        with pytest.raises(ParameterError, match="Did you mean 'scipy'"):
            namespace(block, fft="sicpy")


def test_devices():
    assert device_of(np.ones(2)) == device_of(3.0) == "cpu"
    assert device_of(strict.ones(2)) == "cpu"
    assert device_of(strict.ones(2, device=strict.Device("device1"))) == "device1"


def test_to_device_is_the_identity_at_home():
    x, y = np.ones(2), strict.ones(2, device=strict.Device("device1"))
    assert to_device(x, "cpu") is x
    assert to_device(y, "device1") is y


def test_strict_arrays_move_between_fake_devices():
    y = to_device(strict.ones(2), "device1")
    assert device_of(y) == "device1"
    assert device_of(to_device(y, "cpu")) == "cpu"
    with pytest.raises(DeviceError, match="device1, device2"):
        to_device(y, "gpu")


def test_missing_cupy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceError) as caught:
        to_device(np.ones(2), "gpu")
    message = str(caught.value)
    assert "'gpu'" in message and "present: cpu" in message and "scatflow[gpu]" in message


def test_cupy_without_a_device_is_named(fake_cupy):
    fake_cupy.cuda.runtime.getDeviceCount = lambda: 0
    with pytest.raises(DeviceError, match="sees no device"):
        to_device(np.ones(2), "gpu")

    def broken():
        raise fake_cupy.cuda.runtime.CUDARuntimeError("driver too old")

    fake_cupy.cuda.runtime.getDeviceCount = broken
    with pytest.raises(DeviceError, match="driver too old"):
        to_device(np.ones(2), "gpu")


def test_cupy_round_trip(fake_cupy):
    x = np.arange(3.0)
    on_device = to_device(x, "gpu")
    assert is_cupy(on_device) and not is_cupy(x)
    back = to_device(fake_cupy.asarray(x), "cpu")
    assert type(back) is np.ndarray
    np.testing.assert_array_equal(back, x)


def test_unknown_device_names_the_known_ones():
    with pytest.raises(DeviceError, match="cpu, gpu"):
        to_device(np.ones(2), "tpu")


def test_is_cupy_during_its_import(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", types.ModuleType("cupy"))
    assert not is_cupy(np.ones(2))


def test_asnumpy():
    x = np.ones(2)
    assert asnumpy(x) is x
    assert asnumpy(1.5).shape == ()
    moved = asnumpy(strict.ones((2, 3), device=strict.Device("device1")))
    assert type(moved) is np.ndarray
    np.testing.assert_array_equal(moved, np.ones((2, 3)))


def test_dtype_names():
    assert real_dtype("complex64") == real_dtype("float32") == "float32"
    assert real_dtype("complex128") == real_dtype("float64") == "float64"
    assert complex_dtype("float32") == complex_dtype("complex64") == "complex64"
    assert complex_dtype("float64") == complex_dtype("complex128") == "complex128"


@pytest.mark.parametrize("name", ["int32", "bool", "float16", "longdouble", "nonsense"])
@pytest.mark.parametrize("convert", [real_dtype, complex_dtype])
def test_dtype_names_without_a_partner(convert, name):
    with pytest.raises(DtypeError, match="astype"):
        convert(name)
