"""Ten textures in five families, each seen at a random angle, distance and illumination: a stand-in for photographed materials.

A texture is a random function of the plane, evaluated where the pixels fall; nothing is interpolated, and nothing repeats.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from scatflow_processes.bounds import check

Array = npt.NDArray[np.float64]
#: Class names in order of label: families, each in two variants.
CLASSES = (
    "stripes_straight", "stripes_wavy", "spots_random", "spots_regular", "cells_walls", "cells_patches",
    "bars_parallel", "bars_crossed", "noise_band", "noise_broad",
)  # fmt: skip
#: Width of the ramp from black to white, in wavelengths.
_RAMP = 0.12


def texture(
    generator: np.random.Generator,
    label: int,
    size: int = 64,
    wavelength: float = 8.0,
    rotation: float = 180.0,
    scaling: float = 2**0.5,
    dimming: float = 0.5,
) -> Array:
    """Return a random image of a texture.

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the numbers come from.
    label : int
        Position among ``CLASSES``: stripes (straight, wavy), spots (at random, on a jittered lattice), cells (their walls, or in
        shades of gray), bars (in parallel or crossed pairs, which have the same orientations), Gaussian noise (of one wavelength
        or of many).
    size : int
        Pixels along y and along x.
    wavelength : float
        Typical distance of like features in pixels before scaling, >= 4.
    rotation : float
        The angle is uniform within this many degrees on either side, in [0, 180].
    scaling : float
        The logarithm of the magnification is uniform between those of its inverse and this, in [1, 2].
    dimming : float
        Values are multiplied by a gain uniform in [1 - dimming, 1], dimming in [0, 1).

    Returns
    -------
    ndarray of float64, shape (size, size)
        Values in [0, 1].

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> image = texture(np.random.default_rng(0), CLASSES.index("cells_walls"), size=32)
    >>> image.shape, bool(0 <= image.min() < image.max() <= 1)
    ((32, 32), True)
    """
    if not 0 <= label < len(CLASSES):
        raise ValueError(f"textures are 0 to {len(CLASSES) - 1}, got {label}")
    check("size", size, size >= 1, ">= 1 pixel")
    check("wavelength", wavelength, 4 <= wavelength < math.inf, "finite and >= 4 pixels")
    check("rotation", rotation, 0 <= rotation <= 180, "in [0, 180] degrees")
    check("scaling", scaling, 1 <= scaling <= 2, "in [1, 2]")
    check("dimming", dimming, 0 <= dimming < 1, "in [0, 1)")
    angle = np.radians(rotation) * generator.uniform(-1, 1)
    step = 1 / (wavelength * scaling ** generator.uniform(-1, 1))
    gain = 1 - dimming * generator.random()
    place = step * (np.arange(size) - 0.5 * (size - 1))
    v = np.cos(angle) * place[:, None] - np.sin(angle) * place
    u = np.sin(angle) * place[:, None] + np.cos(angle) * place
    family, _, variant = CLASSES[label].partition("_")
    image: Array = np.clip(gain * _FAMILIES[family](generator, v, u, variant), 0.0, 1.0)
    return image


def _stripes(generator: np.random.Generator, v: Array, u: Array, variant: str) -> Array:
    wander = (0.6 if variant == "wavy" else 0.05) * _waves(generator, v, u, (0.15, 0.3), 12)
    return 0.5 + 0.5 * np.sin(2 * np.pi * (u + wander + generator.random()))


def _spots(generator: np.random.Generator, v: Array, u: Array, variant: str) -> Array:
    (distance, _), _ = _nearest(generator, v, u, 0.7 if variant == "random" else None)
    return _step(0.3 - distance)


def _cells(generator: np.random.Generator, v: Array, u: Array, variant: str) -> Array:
    (first, second), nearest = _nearest(generator, v, u, 0.6)
    if variant == "walls":
        return _step(0.16 - (second - first))
    shades = generator.random(int(nearest.max()) + 1)
    own, other = shades[nearest[0]], shades[nearest[1]]
    mixed: Array = own + (other - own) * np.clip(0.5 - (second - first) / _RAMP, 0.0, 1.0)
    return mixed


def _bars(generator: np.random.Generator, v: Array, u: Array, variant: str) -> Array:
    centers = _scattered(generator, v, u, 0.22)
    distance = np.full(v.shape, np.inf)
    for (y, x), angle in zip(centers, np.pi * generator.random(len(centers)), strict=True):
        along, across = np.cos(angle), np.sin(angle)
        forward, aside = along * (u - x) + across * (v - y), along * (v - y) - across * (u - x)
        pairs = (
            ((forward, aside - 0.25), (forward, aside + 0.25)) if variant == "parallel" else ((forward, aside), (aside, forward))
        )
        for a, b in pairs:
            distance = np.minimum(distance, np.hypot(np.maximum(np.abs(a) - 0.8, 0.0), b))
    return _step(0.1 - distance)


def _noise(generator: np.random.Generator, v: Array, u: Array, variant: str) -> Array:
    band = (0.8, 1.25) if variant == "band" else (0.1, 1.6)
    return 0.5 + 0.25 * _waves(generator, v, u, band, 160)


_FAMILIES: dict[str, Callable[[np.random.Generator, Array, Array, str], Array]] = {
    "stripes": _stripes, "spots": _spots, "cells": _cells, "bars": _bars, "noise": _noise,
}  # fmt: skip


def _step(depth: Array) -> Array:
    """Return 0 outside, 1 inside, with a smooth ramp between."""
    ramp = np.clip(0.5 + depth / _RAMP, 0.0, 1.0)
    smooth: Array = ramp * ramp * (3 - 2 * ramp)
    return smooth


def _waves(generator: np.random.Generator, v: Array, u: Array, band: tuple[float, float], count: int) -> Array:
    """Return a nearly Gaussian field of variance 1: plane waves, log-uniform in their wave number, in cycles per wavelength."""
    numbers = band[0] * (band[1] / band[0]) ** generator.random(count)
    angles, phases = generator.uniform(0, 2 * np.pi, (2, count))
    field = np.zeros(v.shape)
    for number, angle, phase in zip(numbers, angles, phases, strict=True):
        field += np.cos(2 * np.pi * number * (np.cos(angle) * u + np.sin(angle) * v) + phase)
    return field * math.sqrt(2 / count)


def _scattered(generator: np.random.Generator, v: Array, u: Array, density: float) -> Array:
    """Return Poisson points around the image, ``density`` per squared wavelength, two at least."""
    reach = float(np.hypot(v, u).max()) + 2.0
    count = max(2, int(generator.poisson(density * (2 * reach) ** 2)))
    return generator.uniform(-reach, reach, (count, 2))


def _nearest(
    generator: np.random.Generator, v: Array, u: Array, density: float | None
) -> tuple[tuple[Array, Array], npt.NDArray[np.intp]]:
    """Return the distances to the nearest and the second nearest of Poisson or, without density, of lattice points; and which."""
    from scipy.spatial import cKDTree

    if density is None:
        reach = int(np.hypot(v, u).max()) + 3
        lattice = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1.0)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
        points = lattice + generator.random(2) + generator.uniform(-0.12, 0.12, lattice.shape)
    else:
        points = _scattered(generator, v, u, density)
    distances, which = cKDTree(points).query(np.stack([v, u], axis=-1), k=2)
    return (distances[..., 0], distances[..., 1]), np.moveaxis(which, -1, 0)
