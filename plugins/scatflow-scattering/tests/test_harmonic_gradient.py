"""Derivatives of solid harmonic scattering, also where moduli are zero and peers give NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from scatflow.testing import block, derivative_error
from scatflow_scattering.harmonic_scattering import HarmonicScattering
from scatflow_scattering.solid_harmonics import SolidHarmonic

DIMS = ("z", "y", "x")


def pulled(operator: HarmonicScattering, values: Any) -> tuple[Any, Any]:
    """Return results, and the derivative of their sum by the field."""
    one = block(operator, xr.DataArray(values, dims=DIMS))
    (result,) = one.apply(*one.data).values()
    (found,) = one.vjp(np.ones_like(result))
    return result, found


@pytest.mark.parametrize("parameters", [
    {"J": 2, "L": 3}, {"J": 3, "L": 1, "oversampling": 0}, {"J": 1, "L": 2, "powers": (0.5, 1.0, 1.5, 3.0)},
    {"J": 2, "L": 2, "filters": SolidHarmonic(profile="kymatio"), "powers": (1.0, 2.0)},
    {"J": 1, "L": 1, "order": 1, "boundary": "zero", "powers": (2.0,)}, {"J": 2, "L": 1, "metric": (1.0, 0.5, 1.0), "powers": (2.0,)},
])  # fmt: skip
def test_against_differences(rng, parameters):
    """Positive fields: where a Gaussian average changes sign, roots of its modulus have no derivative."""
    field = xr.DataArray(np.exp(rng.standard_normal((2, 16, 8, 16))), dims=("t", *DIMS))
    assert derivative_error(block(HarmonicScattering(dims=DIMS, **parameters), field)) < 1e-6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("values", ["zero", "constant", "point"])
def test_zeros_of_the_moduli_have_finite_derivatives(values, dtype):
    x = np.zeros((16, 16, 16), dtype)
    x[...] = 1 if values == "constant" else 0
    x[8, 8, 8] += values == "point"
    _, found = pulled(HarmonicScattering(dims=DIMS, J=1, L=2), x)
    assert found.dtype == dtype and np.isfinite(found).all()
    assert (values == "zero") == (not found.any())


def test_far_from_a_point_rounding_errors_have_no_weight():
    """The derivative of U^(1/2) there is 1e8 times what the transforms round; it must not drown the rest."""
    x = np.zeros((32, 32, 32))
    x[16, 16, 16] = 1.0
    operator = HarmonicScattering(dims=DIMS, J=0, L=1, order=1, powers=(0.5,))
    _, wide = pulled(operator, x)
    assert np.abs(wide).max() < 1e6 * np.abs(wide[16, 16, 16])


def test_it_scales_with_the_field(rng):
    """Homogeneous of degree q: the derivative of degree q - 1, and Euler's identity."""
    x = np.exp(rng.standard_normal((8, 8, 8)))
    for q in (1.0, 2.0):
        operator = HarmonicScattering(dims=DIMS, J=1, L=1, powers=(q,))
        result, found = pulled(operator, x)
        np.testing.assert_allclose((found * x).sum(), q * result.sum(), rtol=1e-10)
        np.testing.assert_allclose(pulled(operator, 1e-30 * x)[1], 1e-30 ** (q - 1) * found, rtol=1e-10, atol=0)
