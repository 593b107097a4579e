"""Importing the arrays layer is cheap and loads nothing that it only may need later."""

import subprocess
import sys

HEAVY = ("scipy", "cupy", "dask", "xarray", "zarr", "pyfftw", "ducc0", "mkl_fft", "array_api_strict")


def loaded_after(code: str) -> set[str]:
    """Return which of the heavy modules a fresh interpreter has loaded after ``code``."""
    probe = f"import sys\n{code}\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_loads_no_heavy_library():
    assert loaded_after("import scatflow.arrays") == set()


def test_numpy_work_loads_scipy_alone():
    code = (
        "import numpy as np, scatflow.arrays as a\n"
        "x = np.ones(8, np.float32)\n"
        "a.namespace(x).fft.rfft(x); a.device_of(x); a.is_cupy(x); a.asnumpy(x)"
    )
    assert loaded_after(code) == {"scipy"}


def test_everything_required_stays_with_numpy_and_scipy():
    # pyfftw, if chosen, loads dask by itself; that is its affair.
    code = (
        "import numpy as np, scatflow.arrays as a\n"
        "x = np.ones((4, 8), np.float32)\n"
        "xp = a.namespace(x)\n"
        "a.fold(xp, a.extend(xp, x, [(2, 2)], ['reflect']), x.shape, [(2, 2)], ['reflect'])\n"
        "a.normal(1, 0, 5); a.prepared_cache().get('k', lambda: {'x': x}); xp.fft.rfft(x)"
    )
    assert loaded_after(code) == {"scipy"}
