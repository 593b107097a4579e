"""Arrays of any library: namespaces, the FFT door, boundaries, prepared constants, random numbers.

The only package that knows about cupy. It imports neither scipy nor cupy nor any optional FFT library
before one is used, and never dask, xarray or zarr.
"""

from scatflow.arrays.boundary import copied_index, extend, extension_index, fold
from scatflow.arrays.cache import CacheStats, PreparedCache, prepared_cache
from scatflow.arrays.door import Door
from scatflow.arrays.fft import available, default_provider, fast_length, provider, signature, use
from scatflow.arrays.namespace import (
    Namespace,
    asnumpy,
    complex_dtype,
    device_of,
    is_cupy,
    is_numpy,
    namespace,
    real_dtype,
    to_device,
)
from scatflow.arrays.random import item_generator, normal, uniform
from scatflow.arrays.threads import in_threads, usable_threads

__all__ = [
    "CacheStats",
    "Door",
    "Namespace",
    "PreparedCache",
    "asnumpy",
    "available",
    "complex_dtype",
    "copied_index",
    "default_provider",
    "device_of",
    "extend",
    "extension_index",
    "fast_length",
    "fold",
    "in_threads",
    "is_cupy",
    "is_numpy",
    "item_generator",
    "namespace",
    "normal",
    "prepared_cache",
    "provider",
    "real_dtype",
    "signature",
    "to_device",
    "uniform",
    "usable_threads",
    "use",
]
