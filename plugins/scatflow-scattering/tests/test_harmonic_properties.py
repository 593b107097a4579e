"""The property suite on solid harmonic scattering: smooth volumes of 32 samples, bounds that are attained, turns by any angle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import xarray as xr

from scatflow.errors import DimensionError, ParameterError
from scatflow_scattering.harmonic_scattering import HarmonicScattering
from scatflow_scattering.harmonic_symmetries import stretch, turns
from scatflow_scattering.probe import scale_free
from scatflow_scattering.properties import contraction, energy, invariance, report, rotation
from scatflow_scattering.representation import features, norms
from scatflow_scattering.solid_harmonics import SolidHarmonic, harmonics, scaling

DIMS = ("z", "y", "x")
PHI = HarmonicScattering(dims=DIMS, J=2, L=2, powers=(1.0,))


def blobs(turn: Any = ((1, 0, 0), (0, 1, 0), (0, 0, 1)), *, size: int = 32, seed: int = 0) -> xr.DataArray:
    """Two volumes of six Gaussians of both signs, 1.5 to 2.5 samples wide, at positions turned by a matrix about the middle."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*3 * [np.arange(size) - (size - 1) / 2], indexing="ij", sparse=True)
    volumes = np.zeros((2, size, size, size))
    for volume in volumes:
        for center, width, height in zip(rng.uniform(-4, 4, (6, 3)) @ np.asarray(turn).T, rng.uniform(1.5, 2.5, 6), rng.normal(size=6),
                                         strict=True):  # fmt: skip
            volume += height * np.exp(-sum((u - c) ** 2 for u, c in zip(axes, center, strict=True)) / (2 * width**2))
    return xr.DataArray(volumes, dims=("item", *DIMS))


def about(axis: Any, angle: float) -> np.ndarray:
    """Return a rotation (Rodrigues)."""
    a = np.asarray(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -a[2], a[1]], [a[2], 0, -a[0]], [-a[1], a[0], 0]])
    return np.asarray(np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross)


def test_a_report_on_smooth_volumes_holds() -> None:
    found = report(PHI, blobs(), boundary="periodic")
    assert found.passed, str(found)
    assert [one.name for one in found] == ["contraction", "energy", "invariance", "deformation", "lipschitz", "rotation"]
    assert found["contraction"].value > 0.3 and found["contraction"].upper == pytest.approx(math.sqrt(6))
    assert 0 < found["invariance"].value < found["invariance"].upper == 1e-3
    assert found["lipschitz"].value < 3 and len(found["rotation"].details["change"]) == 23


def test_white_noise_and_vorticity_like_fields_hold_too() -> None:
    rng = np.random.default_rng(1)
    for values in (rng.standard_normal((2, 16, 16, 16)), np.exp(rng.standard_normal((2, 16, 16, 16)))):
        x = xr.DataArray(values, dims=("item", *DIMS))
        found = report(PHI, x, properties=("contraction", "energy", "invariance", "rotation"))
        assert found.passed, str(found)


@pytest.mark.parametrize(("J", "order", "expected"), [(0, 1, 1), (2, 1, 3), (2, 2, 6), (3, 2, 10)])
def test_constants_stretch_as_much_as_anything(J: int, order: int, expected: int) -> None:
    phi = HarmonicScattering(dims=DIMS, J=J, L=0, order=order, powers=(1.0,))
    ones = xr.DataArray(np.ones((1, 8, 8, 8)), dims=("item", *DIMS))
    assert stretch(phi) == pytest.approx(expected, rel=1e-7)  # a sampled Gaussian of width 1 sums to 1 + 1.6e-8
    found = energy(phi, ones)
    assert found.passed and found.value == pytest.approx(stretch(phi), rel=1e-12)
    assert not contraction(phi, ones, bound=math.sqrt(expected) - 1e-6).passed


@pytest.mark.parametrize(("J", "L", "order"), [(0, 3, 1), (1, 3, 2), (2, 2, 2), (1, 8, 1)])
def test_the_bound_is_that_of_all_multipliers_of_a_grid(J: int, L: int, order: int) -> None:
    """The whole sampled multipliers, summed over periods, against one ray of the formula; the grid misses maxima by little."""
    n, family = 40, SolidHarmonic()
    total = np.zeros((n, n, n))
    for degree in range(L + 1):
        h = []
        for j in range(J + 1):
            z, y, x = (family.axis(n, 1.0, j, degree) for _ in DIMS)
            fields = (sum(v * z[a][:, None, None] * y[b][:, None] * x[c] for (a, b, c), v in p.items()) for p in harmonics(degree))
            h.append(scaling(degree) ** 2 * sum(field**2 for field in fields))
        for j in range(J + 1):
            total += h[j] * (1 + (sum(h[j + 1 :]).max() if order == 2 and j < J else 0.0))
    bound = stretch(HarmonicScattering(J=J, L=L, order=order, powers=(1.0,)))
    assert 0.97 * bound < total.max() <= bound * (1 + 1e-6)


@pytest.mark.parametrize(
    ("axis", "degrees"), [((0, 0, 1), 10), ((1, 1, 1), 30), ((1, -2, 3), 45), ((0, 1, 0), 90), ((2, 1, 0), 170)]
)
def test_turns_by_any_angle_of_fields_that_are_formulas(axis: tuple[float, ...], degrees: float) -> None:
    """Nothing is interpolated; what is left is subsampling, and the wide filters' tails around the periodic cube."""
    phi = PHI.replace(oversampling=2)
    here = features(phi, blobs(), DIMS)
    there = features(phi, blobs(about(axis, math.radians(degrees))), DIMS)
    change = norms(there - here) / norms(here)
    moved = norms((blobs(about(axis, math.radians(degrees))) - blobs()).values.reshape(2, -1)) / norms(
        blobs().values.reshape(2, -1)
    )
    assert change.max() < 2e-3 and moved.min() > 0.1


def test_turns_of_the_grid_are_exact_and_found_where_they_are_not() -> None:
    x = xr.DataArray(np.random.default_rng(2).standard_normal((2, 8, 8, 8)), dims=("item", *DIMS))
    found = rotation(PHI.replace(J=1), x)
    assert found.passed and found.upper == 1e-10 and found.value < 1e-13

    def along_x(signals: xr.DataArray) -> xr.DataArray:
        return abs(signals - signals.roll(x=1)).mean(DIMS)

    assert not rotation(along_x, x, dims=DIMS, bound=1e-10).passed
    assert rotation(abs, x, dims=DIMS).upper == math.inf  # planes turn with the field, and nothing is claimed
    assert rotation(PHI.replace(J=1, boundary="reflect"), x).upper == math.inf


@pytest.mark.parametrize(("sizes", "count"), [((8, 8, 8), 23), ((8, 8, 4), 7), ((8, 6, 4), 3), ((8, 8), 3), ((8, 6), 1)])
def test_axes_change_places_where_they_are_alike(sizes: tuple[int, ...], count: int) -> None:
    core = DIMS[3 - len(sizes) :]
    x = xr.DataArray(np.random.default_rng(3).standard_normal((1, *sizes)), dims=("item", *core))
    found = list(turns(x, core))
    assert len(found) == count and len({one.values.tobytes() for one in (x, *found)}) == count + 1
    assert all(np.sort(one.values, axis=None).tobytes() == np.sort(x.values, axis=None).tobytes() for one in found)
    stretched = x.assign_coords(x=0.5 * np.arange(sizes[-1]))
    assert len(list(turns(stretched, core))) == {23: 7, 7: 7, 3: 3 if len(sizes) == 3 else 1, 1: 1}[count]


def test_translations_by_the_coarsest_step_are_exact() -> None:
    x = blobs()
    assert invariance(PHI, x, size=2.0, bound=1e-10).passed
    assert not invariance(PHI, x, size=1.0, bound=1e-10).passed
    assert invariance(PHI.replace(oversampling=2), x, size=1.0).upper == 1e-10
    assert invariance(PHI.replace(oversampling=2), x, size=1.0).passed


def test_what_other_powers_and_sums_can_be_asked() -> None:
    x = blobs(size=16)
    for phi in (PHI.replace(powers=(0.5, 1.0, 2.0)), PHI.replace(filters=SolidHarmonic(profile="kymatio"), J=1)):
        found = report(phi, x)
        assert [one.name for one in found] == ["invariance", "rotation"]
        for ask in (contraction, energy):
            with pytest.raises(ParameterError, match="powers"):
                ask(phi, x)
    with pytest.raises(ParameterError, match="cannot be asked for 'contraction'"):
        report(PHI.replace(powers=(2.0,)), x, properties=("contraction",))
    with pytest.raises(DimensionError, match="two or three dims"):
        rotation(abs, x.isel(z=0, y=0), dims="x")


def test_waves_without_a_scale_in_three_dims() -> None:
    waves = scale_free(blobs(size=16).isel(item=0), DIMS, count=2)
    assert np.isfinite(waves).all() and waves.sizes["item"] == 2
