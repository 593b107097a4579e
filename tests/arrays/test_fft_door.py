"""The FFT door: every provider against numpy, and the same bytes on every run."""

import subprocess
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scatflow.arrays import available, default_provider, fast_length, fft, provider, signature, use
from scatflow.arrays.providers import CudaDoor
from scatflow.errors import DtypeError, ParameterError

FOUND = available()
NORMS = ("backward", "ortho", "forward")
TOLERANCE = {"F": 1e-6, "D": 2e-15, "f": 1e-6, "d": 2e-15}


@pytest.fixture(params=fft.PROVIDERS)
def name(request):
    if FOUND[request.param].startswith("missing"):
        pytest.skip(FOUND[request.param])
    return request.param


@pytest.fixture
def door(name):
    return provider(name)


def sample(shape, char, seed=0):
    """Return noise of a dtype, read-only: no door may write into its input."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if char in "FD":
        x = x + 1j * rng.standard_normal(shape)
    x = x.astype(char)
    x.flags.writeable = False
    return x


def check(got, want, char):
    assert got.dtype.char == char
    assert got.shape == want.shape
    scale = np.abs(want).max() or 1.0
    assert np.abs(got - want).max() <= TOLERANCE[char] * scale


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("char", "FD")
@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize(
    ("shape", "axes", "s"),
    [
        ((5, 12), (-1,), None),
        ((3, 7, 10), (0, 2), None),
        ((3, 8, 9), (2, 1), (11, 6)),
        ((4, 5, 6), None, None),
        ((1, 16), (1,), (8,)),
    ],
)
def test_complex_transforms(door, shape, axes, s, inverse, char, norm):
    x = sample(shape, char)
    ours, theirs = (door.ifftn, np.fft.ifftn) if inverse else (door.fftn, np.fft.fftn)
    check(ours(x, s=s, axes=axes, norm=norm), theirs(x.astype("D"), s=s, axes=axes, norm=norm), char)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("char", "fd")
@pytest.mark.parametrize(
    ("shape", "axes", "s"),
    [
        ((5, 12), (-1,), None),
        ((3, 7, 9), (0, 2), None),
        ((3, 8, 9), (2, 1), (11, 6)),
        ((4, 5, 6), None, None),
        ((2, 16), (1,), (7,)),
    ],
)
def test_real_transforms_and_back(door, shape, axes, s, char, norm):
    x = sample(shape, char)
    spectrum = np.fft.rfftn(x.astype("d"), s=s, axes=axes, norm=norm)
    check(door.rfftn(x, s=s, axes=axes, norm=norm), spectrum, {"f": "F", "d": "D"}[char])
    half = spectrum.astype({"f": "F", "d": "D"}[char])
    half.flags.writeable = False
    places = range(len(shape)) if axes is None else axes
    lengths = s or [shape[axis] for axis in places]
    want = np.fft.irfftn(half.astype("D"), s=lengths, axes=places, norm=norm)
    check(door.irfftn(half, s=lengths, axes=places, norm=norm), want, char)
    even = np.fft.irfftn(half.astype("D"), axes=places, norm=norm)
    check(door.irfftn(half, axes=places, norm=norm), even, char)


def test_one_axis_forms(door):
    z, x = sample((3, 10), "F"), sample((3, 10), "f")
    check(door.fft(z, n=8, axis=0), np.fft.fft(z, n=8, axis=0), "F")
    check(door.ifft(z, axis=-2, norm="ortho"), np.fft.ifft(z, axis=-2, norm="ortho"), "F")
    check(door.rfft(x, n=12), np.fft.rfft(x, n=12), "F")
    check(door.irfft(z, n=15), np.fft.irfft(z, n=15), "f")


def test_views_of_any_layout(door):
    base = sample((12, 14, 10), "F")
    for x in (base[::2], base[:, ::-1], base.transpose(2, 0, 1), base[1:2, 3:, 1:]):
        check(door.fftn(x, axes=(1, 2)), np.fft.fftn(x, axes=(1, 2)), "F")
        check(door.rfftn(x.real, axes=(0, 1)), np.fft.rfftn(x.real, axes=(0, 1)), "F")
        check(door.irfftn(x, axes=(0, 2)), np.fft.irfftn(x, axes=(0, 2)), "f")
    check(door.fft(base.astype(">c8")), np.fft.fft(base), "F")


def test_batches_of_nothing(door):
    assert door.fft(np.empty((0, 8), "F")).shape == (0, 8)
    assert door.rfftn(np.empty((0, 8, 6), "f"), axes=(1, 2)).shape == (0, 8, 4)
    back = door.irfft(np.empty((0, 5), "D"))
    assert back.shape == (0, 8) and back.dtype == np.float64


def test_agrees_with_the_strict_namespace(door):
    x = sample((4, 6), "f")
    want = strict.fft.rfftn(strict.asarray(x.copy()), s=(8, 6), axes=(0, 1), norm="ortho")
    check(door.rfftn(x, s=(8, 6), axes=(0, 1), norm="ortho"), np.asarray(want), "F")


@pytest.mark.parametrize(("method", "char"), [("fft", "f"), ("ifftn", "d"), ("irfft", "f"), ("rfft", "F")])
def test_dtype_rules_are_the_array_api_rules(door, method, char):
    with pytest.raises(DtypeError, match=r"xp\.astype"):
        getattr(door, method)(np.ones(8, char))
    with pytest.raises(TypeError):
        getattr(strict.fft, method)(strict.asarray(np.ones(8, char)))


@pytest.mark.parametrize("dtype", ["int64", "float16", "longdouble", "bool"])
def test_other_dtypes_are_refused(door, dtype):
    with pytest.raises(DtypeError, match="float32 or float64"):
        door.rfft(np.ones(8, dtype))


@pytest.mark.parametrize(
    "arguments",
    [
        {"s": (4, 4)},
        {"axes": (0, 0)},
        {"axes": (0, -3)},
        {"axes": (2,)},
        {"axes": ()},
        {"s": (4,), "axes": (0, 1)},
        {"s": (0,), "axes": (0,)},
        {"norm": "unitary"},
        {"norm": None},
    ],
)
def test_bad_arguments(arguments):
    with pytest.raises(ParameterError):
        provider("scipy").fftn(np.ones((4, 4), "F"), **arguments)


def test_single_sample_has_no_default_inverse():
    with pytest.raises(ParameterError, match="at least 1"):
        provider("scipy").irfft(np.ones((2, 1), "F"))


def placed(x, offset):
    """Return a copy of ``x`` whose first byte lies ``offset`` bytes after a multiple of 64."""
    raw = np.empty(x.nbytes + 128, np.uint8)
    start = (-raw.ctypes.data) % 64 + offset
    copy = raw[start : start + x.nbytes].view(x.dtype).reshape(x.shape)
    copy[...] = x
    return copy


@pytest.mark.parametrize("shape", [(3, 48, 60), (5, 7, 65)])
@pytest.mark.parametrize("double", [False, True])
def test_bytes_do_not_depend_on_the_address(door, shape, double):
    x, z = sample(shape, "fd"[double]), sample(shape, "FD"[double])
    for transform, data in ((door.rfftn, x), (door.fftn, z), (door.ifftn, z), (door.irfftn, z)):
        results = {transform(placed(data, offset), axes=(1, 2)).tobytes() for offset in range(0, 64, data.dtype.itemsize)}
        assert len(results) == 1


DIGEST = """
import hashlib
import numpy as np
from scatflow.arrays import provider

def digest(name):
    door, h, rng = provider(name), hashlib.sha256(), np.random.default_rng(0)
    for shape in ((4, 30, 32), (2, 96, 81)):
        for real, full in ("fF", "dD"):
            x = rng.standard_normal(shape).astype(real)
            h.update(door.fftn(x.astype(full), axes=(1, 2)))
            h.update(door.rfft(x))
            h.update(door.irfftn(x.astype(full), axes=(1, 2), norm="ortho"))
    return h.hexdigest()
"""


def test_bytes_are_those_of_another_thread_and_another_process():
    names = [name for name, version in FOUND.items() if not version.startswith("missing")]
    scope = {}
    exec(DIGEST, scope)
    here = [scope["digest"](name) for name in names]
    with ThreadPoolExecutor(1) as pool:
        assert list(pool.map(scope["digest"], names)) == here
    code = f"{DIGEST}\nprint(*map(digest, {names!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == here


def test_scipy_ignores_a_foreign_global_backend():
    scipy_fft = pytest.importorskip("scipy.fft")
    z = sample((2, 8), "F")
    want = provider("scipy").fft(z).tobytes()

    class Wrong:
        __ua_domain__ = "numpy.scipy.fft"

        @staticmethod
        def __ua_function__(method, args, kwargs):
            return np.zeros((2, 8), "F")

    with scipy_fft.set_backend(Wrong):
        assert not scipy_fft.fft(z).any()
        assert provider("scipy").fft(z).tobytes() == want


@pytest.fixture
def pyfftw():
    if FOUND["pyfftw"].startswith("missing"):
        pytest.skip(FOUND["pyfftw"])
    import pyfftw

    return pyfftw


def test_fftw_plans_ignore_and_keep_the_wisdom_of_others(pyfftw):
    shape = (24, 36)
    z = sample(shape, "F")
    kind = type(provider("pyfftw"))
    plain = kind().fftn(z).tobytes()
    before = pyfftw.export_wisdom()
    try:
        a, b = pyfftw.empty_aligned(shape, "F"), pyfftw.empty_aligned(shape, "F")
        pyfftw.FFTW(a, b, axes=(0, 1), flags=("FFTW_PATIENT",))
        measured = pyfftw.export_wisdom()
        assert measured != before
        assert kind().fftn(z).tobytes() == plain
        assert sorted(map(len, pyfftw.export_wisdom())) == sorted(map(len, measured))
    finally:
        pyfftw.forget_wisdom()
        pyfftw.import_wisdom(before)


def test_fftw_is_refused_where_mkl_answers_for_it(pyfftw):
    if FOUND["mkl_fft"].startswith("missing"):
        pytest.skip(FOUND["mkl_fft"])
    code = (
        "import numpy as np; from scatflow.arrays import available, provider\n"
        "provider('mkl_fft').fft(np.ones(4, 'F'))\n"
        "print(available()['pyfftw'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("missing: pyfftw was loaded after an MKL library")


def test_fftw_plans_hold_no_data(pyfftw):
    import gc
    import weakref

    door = type(provider("pyfftw"))()
    z = np.array(sample((64, 64), "F"))
    alive = weakref.ref(z)
    out = weakref.ref(door.fftn(z))
    del z
    gc.collect()
    assert alive() is None and out() is None


def test_fftw_plans_under_many_threads_and_evictions(pyfftw, monkeypatch):
    from scatflow.arrays import fftw

    monkeypatch.setattr(fftw, "_PLANS_KEPT", 3)
    door = fftw.FftwDoor()
    sizes = [16, 18, 20, 24, 30, 32]
    blocks = {n: sample((4, n, n), "F", seed=n) for n in sizes}
    want = {n: door.fftn(block, axes=(1, 2)).tobytes() for n, block in blocks.items()}
    barrier = threading.Barrier(4)

    def work(shift):
        barrier.wait(10)
        for step in range(60):
            n = sizes[(step + shift) % len(sizes)]
            assert door.fftn(blocks[n], axes=(1, 2)).tobytes() == want[n]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert sum(map(len, door._idle.values())) <= 3


def test_mkl_restores_the_thread_count():
    if FOUND["mkl_fft"].startswith("missing"):
        pytest.skip(FOUND["mkl_fft"])
    door = provider("mkl_fft")
    before = door._set_threads(0)
    try:
        door._set_threads(5)
        door.fft(sample((2, 8), "F"))
        assert door._set_threads(5) == 5
    finally:
        door._set_threads(before)


def test_cuda_door_bounds_the_plan_cache_once_a_device():
    limits = []
    cache = types.SimpleNamespace(set_memsize=limits.append)
    current = types.SimpleNamespace(id=0)
    cupy = types.SimpleNamespace(
        __version__="0",
        zeros=np.zeros,
        empty=np.empty,
        cuda=types.SimpleNamespace(Device=lambda: current),
        fft=types.SimpleNamespace(
            fftn=np.fft.fftn,
            ifftn=np.fft.ifftn,
            rfftn=np.fft.rfftn,
            irfftn=np.fft.irfftn,
            config=types.SimpleNamespace(get_plan_cache=lambda: cache),
        ),
    )
    door = CudaDoor(cupy)
    x, z = sample((3, 8), "f"), sample((3, 8), "F")
    check(door.rfft(x, n=10), np.fft.rfft(x, n=10), "F")
    check(door.ifftn(z, norm="forward"), np.fft.ifftn(z, norm="forward"), "F")
    check(door.irfft(z, n=9), np.fft.irfft(z, n=9), "f")
    assert limits == [1 << 30]
    current.id = 1
    door.fft(z)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(door.fft, z).result()
    assert limits == [1 << 30] * 3


def test_provider_is_one_object():
    assert provider("scipy") is provider("scipy") is not provider("scipy", threads=2)
    assert provider("scipy").threads == 1


def test_two_threads_give_the_same_numbers(name):
    z = sample((4, 64, 64), "F")
    check(provider(name, threads=2).fftn(z, axes=(1, 2)), np.fft.fftn(z, axes=(1, 2)), "F")


@pytest.mark.parametrize("threads", [0, -1, True])
def test_bad_thread_counts(threads):
    with pytest.raises(ParameterError, match="threads"):
        provider("scipy", threads=threads)


def test_unknown_provider_offers_the_near_one():
    with pytest.raises(ParameterError, match="Did you mean 'ducc0'"):
        provider("ducc")
    with pytest.raises(ParameterError, match=r"scatflow\[fft\]"):
        use("nonsense")
    assert default_provider() == "scipy"


def test_missing_provider_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(fft, "_DOORS", {})
    monkeypatch.setitem(sys.modules, "ducc0", None)
    with pytest.raises(ParameterError, match=r"pip install 'scatflow\[fft\]'"):
        provider("ducc0")
    assert available()["ducc0"].startswith("missing: ")
    with pytest.raises(ParameterError):
        use("ducc0")
    assert default_provider() == "scipy"


def test_signatures_carry_versions(name):
    assert signature(name).startswith(f"{name} ")
    assert FOUND[name] in signature(name)
    assert any(character.isdigit() for character in FOUND[name])


def smooth(n):
    for prime in (2, 3, 5, 7):
        while n % prime == 0:
            n //= prime
    return n == 1


def test_fast_length_is_the_smallest():
    for multiple in (1, 3, 8, 11, 32):
        for n in range(1, 700):
            m = n
            while m % multiple or not smooth(m // multiple):
                m += 1
            assert fast_length(n, multiple) == m


@settings(deadline=None)
@given(st.integers(1, 10**12), st.integers(1, 5000))
def test_fast_length_properties(n, multiple):
    m = fast_length(n, multiple)
    assert m >= n and m % multiple == 0 and smooth(m // multiple)
    assert m == multiple or fast_length(m, multiple) == m
    assert m < 2 * n + multiple


@pytest.mark.parametrize(("n", "multiple"), [(0, 1), (-3, 1), (5, 0)])
def test_fast_length_refuses_nonsense(n, multiple):
    with pytest.raises(ParameterError, match="at least 1"):
        fast_length(n, multiple)
    assert fast_length(np.int64(11)) == 12


@pytest.mark.parametrize("n", [1, 6, 7])
def test_frequencies_and_shifts_are_those_of_the_array_api(n: int) -> None:
    strict = pytest.importorskip("array_api_strict", reason="missing: array-api-strict").fft
    door = provider("scipy")
    for name in ("fftfreq", "rfftfreq"):
        ours, theirs = getattr(door, name)(n, d=0.25), getattr(strict, name)(n, d=0.25)
        np.testing.assert_array_equal(ours, np.asarray(theirs))
        assert getattr(door, name)(n, dtype=np.float32, device="cpu").dtype == np.float32
    x = np.arange(2 * n).reshape(2, n)
    np.testing.assert_array_equal(door.fftshift(x, axes=(-1,)), np.fft.fftshift(x, axes=-1))
    np.testing.assert_array_equal(door.ifftshift(door.fftshift(x)), x)
