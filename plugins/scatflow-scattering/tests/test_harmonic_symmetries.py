"""What solid harmonic scattering does not change under, what it scales with, and what subsampling costs."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import scatflow as sf
from scatflow_scattering.solid_harmonics import SolidHarmonic

DIMS = ("z", "y", "x")


def scatter(x: Any, **parameters: Any) -> Any:
    return sf.ops.harmonic_scattering(xr.DataArray(x, dims=DIMS), **{"J": 2, "L": 3, **parameters})


@pytest.mark.parametrize("profile", ["scatflow", "kymatio"])
@pytest.mark.parametrize("axes", list(itertools.permutations(range(3)))[1:])
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, -1), (-1, -1, -1)])
def test_the_rotations_and_reflections_of_the_cube(rng, axes, signs, profile):
    """Index n goes to -n modulo N, so that sampled grids go to themselves."""
    x = rng.standard_normal((16, 16, 16))
    turned = np.transpose(x, axes)
    for axis, sign in enumerate(signs):
        if sign < 0:
            turned = np.roll(np.flip(turned, axis), 1, axis)
    filters = SolidHarmonic(profile=profile)
    # The peer's filters end at one side of the Nyquist frequency: those it turns are off there at j = 0.
    found, expected = (scatter(values, filters=filters) for values in (turned, x))
    smooth = found.j1.values > 0 if profile == "kymatio" else slice(None)
    np.testing.assert_allclose(found[smooth], expected[smooth], rtol=1e-10 if profile == "scatflow" else 1e-6)


def test_any_rotation_of_a_smooth_field(rng):
    """Blobs turned by any angle about any axis, which no grid knows of."""
    points = rng.uniform(-4, 4, (5, 3))
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    grid = np.stack(np.meshgrid(*3 * [np.arange(48.0) - 23.7], indexing="ij"), axis=-1)

    def field(centers: Any) -> Any:
        return sum(np.exp(-((grid - c) ** 2).sum(-1) / (2 * 2.0**2)) for c in centers)

    a, b = (scatter(field(centers), J=1, L=2, filters=SolidHarmonic(sigma0=2.0)) for centers in (points, points @ turn.T))
    np.testing.assert_allclose(a, b, rtol=5e-3)  # moduli of odd degree have kinks where they are zero, roots long tails
    smooth = ((a.q == 2) & (a.order == 1) & (a.j1 == 0)).values  # and far from the edges
    np.testing.assert_allclose(a[smooth], b[smooth], rtol=1e-9)


@given(shift=st.tuples(*3 * [st.integers(-9, 9)]), seed=st.integers(0, 2**32 - 1))
def test_translations(shift, seed):
    x = np.random.default_rng(seed).standard_normal((8, 16, 12))
    moved = np.roll(x, shift, (0, 1, 2))
    np.testing.assert_allclose(scatter(moved, L=1, oversampling=2), scatter(x, L=1, oversampling=2), rtol=1e-10)
    on_grid = np.roll(x, tuple(2 * s for s in shift), (0, 1, 2))
    np.testing.assert_allclose(scatter(on_grid, L=1), scatter(x, L=1), rtol=1e-10)


@pytest.mark.parametrize("factor", [1e-25, -3.0, 1e12])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_are_homogeneous_and_squares_do_not_vanish(rng, factor, dtype):
    x = rng.standard_normal((8, 8, 8)).astype(dtype)
    found = scatter(x * np.asarray(factor, dtype), J=1, L=2, powers=(0.5, 1.0))
    expected = scatter(x, J=1, L=2, powers=(0.5, 1.0))
    np.testing.assert_allclose(found, expected * abs(factor) ** expected.q, rtol=2e-6 if dtype == "float32" else 1e-12)


def test_energy_does_not_grow():
    """|psi_l| integrates to 1, so the mean of U, and of its square, is at most that of x (Young); sampled at width 1, to 1.6e-8."""
    x = np.random.default_rng(5).standard_normal((24, 24, 24))
    found = scatter(x, oversampling=2)
    for q, size in ((1, np.abs(x).mean()), (2, (x**2).mean())):
        of = found.isel(path=(found.q == q).values)
        assert (of[of.order.values == 1] <= size * (1 + 1e-7)).all()
        for j1, degree in itertools.product((0, 1), range(4)):
            parent = of[((of.order == 1) & (of.j1 == j1) & (of.l == degree)).values].item()
            assert (of[((of.order == 2) & (of.j1 == j1) & (of.l == degree)).values] <= parent * (1 + 1e-7)).all()


@pytest.mark.parametrize(("oversampling", "limit", "worst"), [(0, 2e-3, 0.06), (1, 2e-4, 5e-3), (2, 2e-5, 5e-4)])
def test_subsampling_costs_as_little_as_stated(oversampling, limit, worst):
    x = np.random.default_rng(0).standard_normal((48, 48, 48))
    whole, found = scatter(x, J=3, oversampling=3), scatter(x, J=3, oversampling=oversampling)
    assert np.linalg.norm(found - whole) < limit * np.linalg.norm(whole)
    assert np.abs(found / whole - 1).max() < worst


def test_order_one_comes_first_and_is_the_same_alone(rng):
    x = rng.standard_normal((16, 16, 16))
    both, one = scatter(x), scatter(x, order=1)
    xr.testing.assert_identical(both[: one.size].drop_vars(["j2", "xi2", "width2"]).drop_attrs(), one.drop_attrs())


@pytest.mark.parametrize("boundary", ["reflect", "symmetric", "zero"])
def test_borders_reach_as_far_as_the_filters(rng, boundary):
    """With a longer extension nothing changes, and the means are over the core alone."""
    x = rng.standard_normal((10, 13, 16))
    found, further = (scatter(x, boundary=boundary, pad=pad, J=1, L=1) for pad in (8.0, 12.0))
    np.testing.assert_allclose(found, further, rtol=1e-6)
    default = scatter(x, boundary=boundary, J=1, L=1)
    np.testing.assert_allclose(default, further, rtol=2e-3)


def test_sizes_off_the_grid_are_extended_periodically(rng):
    """13 samples are no multiple of the step 2; moduli then lie on even samples of the core."""
    x = rng.standard_normal((13, 16, 16))
    found = scatter(x, L=1, pad=8.0)
    np.testing.assert_allclose(found, scatter(x, L=1, pad=12.0), rtol=1e-9)
    whole = scatter(x, L=1, oversampling=2)
    np.testing.assert_allclose(found, whole, rtol=0.2)  # seven of thirteen samples


def test_segments_average_by_length_and_sums_add_up(rng):
    x = xr.DataArray(rng.standard_normal((24, 8, 8)), dims=DIMS, coords={"segment": ("z", np.repeat([0, 1], [8, 16]))})
    for profile in ("scatflow", "kymatio"):
        filters = SolidHarmonic(profile=profile)
        whole = sf.ops.harmonic_scattering(x, J=1, L=1, filters=filters)
        parts = [
            sf.ops.harmonic_scattering(x[part].drop_vars("segment"), J=1, L=1, filters=filters) for part in (slice(8), slice(8, 24))
        ]
        weights = (1.0, 1.0) if profile == "kymatio" else (8 / 24, 16 / 24)
        expected = sum(w * part.values for w, part in zip(weights, parts, strict=True))
        np.testing.assert_allclose(whole, expected, rtol=1e-10)
