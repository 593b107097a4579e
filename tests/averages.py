"""Small averages with known answers, and data with correlations, for the tests of published means and their errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scatflow.contract import operator
from scatflow.contract.average import Average
from scatflow.contract.cells import Cells, stack
from scatflow.contract.estimate import Derive
from scatflow.spec import ArraySpec, Coord, Place


@operator("toy_moments", version=1, signature="(y?,x)->(path)")
class Toy(Average):
    """Means of x, |x|, x times its neighbor, and moduli of Haar differences at scales 1 and 4 along the last axis."""

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        return {role: (0 if at.periodic.get(role) else 8,) * 2 for role in at.core}

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        return dict.fromkeys(("y", "x"), (8, 8))

    def cell_width(self, at: Place) -> Mapping[str, int]:
        return dict.fromkeys(at.core, 16)

    def label(self, spec: ArraySpec, kept: ArraySpec) -> ArraySpec:
        return kept.with_dim("path", 5, {"path": Coord(("path",), np.arange(5))}).with_attrs(long_name="toys")

    def observe(self, xp: Any, block: Any, at: Place, cells: Cells, valid: Any, **prepared: Any) -> tuple[Any, Any]:
        total = [block]
        for step in (1, 2, 4):
            total.append(total[-1] + xp.roll(total[-1], step, axis=-1))
        haar = [xp.abs(part - xp.roll(part, -step, axis=-1)) / step for part, step in ((total[0], 1), (total[2], 4))]
        planes = [block, xp.abs(block), block * xp.roll(block, 1, axis=-1), *haar]
        return stack(xp, [cells.means(xp, plane, valid=valid) for plane in planes])


@operator("toy_ratio", version=1, signature="(y?,x)->(path)")
class Ratio(Toy):
    """|x| over the Haar modulus: of the averages, or of every realization."""

    own: bool = False

    def label(self, spec: ArraySpec, kept: ArraySpec) -> ArraySpec:
        return kept.with_dim("path", 1).with_attrs(units="1")

    def derive(self) -> Derive | None:
        return None if self.own else lambda xp, means: means[..., 1:2] / means[..., 3:4]

    def ratio(self) -> Derive | None:
        return (lambda xp, means: means[..., 1:2] / means[..., 3:4]) if self.own else None


def fgn(repeats: int, n: int, hurst: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Fractional Gaussian noise of unit variance, exact: Davies & Harte 1987."""
    lag = np.arange(n + 1)
    rho = 0.5 * ((lag + 1) ** (2 * hurst) - 2 * lag ** (2 * hurst) + np.abs(lag - 1) ** (2 * hurst))
    power = np.fft.fft(np.concatenate([rho, rho[-2:0:-1]])).real
    noise = rng.standard_normal((repeats, 2 * n)) + 1j * rng.standard_normal((repeats, 2 * n))
    return np.asarray(np.fft.fft(np.sqrt(power / (2 * n)) * noise, axis=1).real[:, :n])


def swendsen_wang(n: int, temperature: float, shape: tuple[int, int], apart: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """Return configurations on the n x n torus: ``shape`` = (independent chains, samples ``apart`` sweeps from another)."""
    chains, count = shape
    site = np.arange(chains * n * n).reshape(chains, n, n)
    ends = np.concatenate([np.roll(site, -1, axis).ravel() for axis in (1, 2)])
    starts = np.concatenate([site.ravel()] * 2)
    spins = np.ones(site.size, dtype=np.int8)
    found = np.empty((chains, count, n, n), dtype=np.int8)
    for sweep in range(-15, count * apart):
        bond = (spins[starts] == spins[ends]) & (rng.random(ends.size) < -math.expm1(-2 / temperature))
        graph = coo_array((np.ones(bond.sum(), dtype=np.int8), (starts[bond], ends[bond])), shape=(site.size,) * 2)
        clusters, label = connected_components(graph, directed=False)
        spins = (2 * rng.integers(0, 2, clusters) - 1).astype(np.int8)[label]
        if sweep >= 0 and sweep % apart == 0:
            found[:, sweep // apart] = spins.reshape(site.shape)
    return found
