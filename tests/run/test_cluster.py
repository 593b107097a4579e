"""Local clusters: what their workers are told."""

from __future__ import annotations

import os
import resource
import sys

import numpy as np
import pytest

from scatflow import cluster


def _faults() -> int:
    """Return how many pages were mapped anew while a large temporary was made again and again."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        np.ones(2**21, "float64")  # 16 MiB: 4096 pages each time if memory is returned in between
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(sys.platform != "linux", reason="missing: glibc's allocator")
def test_workers_keep_large_temporaries() -> None:
    with cluster.local(workers=1) as client:
        environment = client.run(lambda: dict(os.environ))
        faults = client.submit(_faults).result()
    for found in environment.values():
        assert {name: found[name] for name in cluster.MALLOC} == {name: str(value) for name, value in cluster.MALLOC.items()}
        assert found["OMP_NUM_THREADS"] == "1"  # Dask's own settings stay
    assert faults < 50 * 4096 / 4
