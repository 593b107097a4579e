"""Agreement with the 3-D transform of kymatio 0.3.0, whose filters and sums are in single precision.

It cannot be imported with SciPy 1.17, which dropped ``sph_harm``; given that function back in its old convention, it works. Odd sizes
are left out: there its frequencies run from -(n + 1) / 2, so that zero frequency is not where the transforms have it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
import xarray as xr

import scatflow as sf
from scatflow_scattering.solid_harmonics import SolidHarmonic

pytest.importorskip("kymatio")
DIMS = ("z", "y", "x")


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that builds the peer's transform."""

    def sph_harm(m: int, n: int, azimuth: Any, polar: Any) -> Any:
        return scipy.special.sph_harm_y(n, m, polar, azimuth)

    if not hasattr(scipy.special, "sph_harm"):
        monkeypatch.setattr(scipy.special, "sph_harm", sph_harm, raising=False)

    def build(**parameters: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from kymatio.scattering3d.frontend.numpy_frontend import HarmonicScatteringNumPy3D

            return HarmonicScatteringNumPy3D(**parameters)

    return build


@pytest.mark.parametrize(("J", "L", "order", "sigma", "shape"), [
    (2, 3, 2, 1.0, (16, 16, 16)), (1, 2, 2, 1.5, (16, 20, 24)), (2, 1, 1, 1.0, (24, 16, 16)), (2, 3, 2, 1.0, (14, 18, 22)),
    pytest.param(3, 4, 2, 1.0, (64, 48, 64), marks=pytest.mark.peers),
])  # fmt: skip
def test_same_numbers_in_the_same_order(rng, peer, J, L, order, sigma, shape):
    x = rng.standard_normal((2, *shape)).astype(np.float32)
    powers = (0.5, 1.0, 2.0, 3.0)
    transform = peer(J=J, shape=shape, L=L, sigma_0=sigma, max_order=order, integral_powers=powers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = transform(x)
    assert theirs.dtype == np.float32 and theirs.shape[2:] == (L + 1, len(powers))
    filters = SolidHarmonic(sigma0=sigma, profile="kymatio")
    for dtype in ("float32", "float64"):
        field = xr.DataArray(x.astype(dtype), dims=("t", *DIMS))
        ours = sf.ops.harmonic_scattering(field, dims=DIMS, J=J, L=L, order=order, powers=powers, filters=filters)
        assert ours.shape == (2, theirs[0].size)
        assert np.linalg.norm(ours - theirs.reshape(2, -1)) < 1e-6 * np.linalg.norm(theirs)
        np.testing.assert_allclose(ours, theirs.reshape(2, -1), rtol=1e-5)


@pytest.mark.parametrize("name", ["kymatio", "kymatio-0.3"])
def test_the_package_is_named_as_for_other_dims(rng, name):
    x = xr.DataArray(rng.standard_normal((8, 12, 10)), dims=DIMS)
    named = sf.ops.harmonic_scattering(x, dims=DIMS, J=1, L=2, filters=name)
    meant = sf.ops.harmonic_scattering(x, dims=DIMS, J=1, L=2, filters=SolidHarmonic(profile="kymatio"))
    np.testing.assert_array_equal(named, meant)
