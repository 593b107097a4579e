"""What solid harmonic scattering guarantees as numbers: by how much it can stretch a distance, and the turns of the grid."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import xarray as xr

from scatflow.errors import DimensionError
from scatflow_scattering.harmonic_scattering import HarmonicScattering
from scatflow_scattering.solid_harmonics import scaling

#: Frequencies per octave at which shells are looked at.
_FINENESS = 64


def is_homogeneous(phi: HarmonicScattering) -> bool:
    """Tell whether results are means of moduli themselves, which bound distances and grow with the signal."""
    return phi.powers == (1.0,) and phi.family().profile == "scatflow"


def stretch(phi: HarmonicScattering) -> float:
    """Return the largest factor by which squared distances can grow: means of moduli, scaled by the root of the volume.

    With ``h_jl(w) = sum_m |psi_jlm(w)|^2``, a mean is at most the root mean square, and a modulus moves no more than its fields:
    ``|Phi x - Phi y|^2 <= max over w of sum_jl (1 + b_jl) h_jl(w) |x - y|^2``, where ``b_jl = max over w of sum_{k > j} h_kl(w)`` at
    order 2 and 0 at order 1. Constants attain (J + 1)(J + 2) / 2 and J + 1: every scale has the same mean. A Gaussian sampled
    sums to ``theta^3``, ``theta = sum_p exp(-(2 pi p sigma)^2 / 2)``, which is 1 to 3e-9 at a width of one sample.

    Parameters
    ----------
    phi : HarmonicScattering
        With powers (1,), and widths ``sigma0`` of a sample or more, below which sampling changes the filters.

    Examples
    --------
    >>> round(stretch(HarmonicScattering(J=2, L=0, powers=(1.0,))), 6), round(stretch(HarmonicScattering(J=2, L=0, order=1)), 6)
    (6.0, 3.0)
    """
    sigma = phi.family().sigma0 * 2.0 ** np.arange(phi.J + 1)
    octaves = math.log2(2 * math.pi * sigma[-1])
    w = np.concatenate([[0.0], math.sqrt(3) * math.pi * 2.0 ** np.arange(-octaves - 6, 1 / _FINENESS, 1 / _FINENESS)])
    r = sigma[:, None] * w
    sampled = np.exp(-((2 * math.pi * sigma[:, None] * np.arange(-3, 4)) ** 2) / 2).sum(axis=1) ** 6
    total = np.zeros(w.size)
    for degree in range(phi.L + 1):
        h = scaling(degree) ** 2 * (2 * degree + 1) / (4 * math.pi) * r ** (2 * degree) * np.exp(-(r**2))
        later = [h[j + 1 :].sum(axis=0).max() if phi.order == 2 else 0.0 for j in range(phi.J + 1)]
        total += ((sampled * (1 + np.array(later)))[:, None] * h).sum(axis=0)
    return float(total.max())


def turns(items: xr.DataArray, core: tuple[str, ...]) -> Iterator[xr.DataArray]:
    """Yield periodic fields turned by all turns of the grid onto itself: 3 in two dims, 23 in three, fewer where axes differ.

    Index n goes to -n modulo N where an axis turns around, so that sampled grids go to themselves. Axes change places where
    they have the same length and step.

    Raises
    ------
    DimensionError
        In one dim.
    """
    if len(core) < 2:
        raise DimensionError("rotation", "signals in two or three dims turn", got=core, code="DimensionCount")
    lead = items.ndim - len(core)
    alike = {dim: (items.sizes[dim], _step(items, dim)) for dim in core}
    for order in itertools.permutations(range(len(core))):
        if any(alike[core[a]] != alike[core[b]] for a, b in enumerate(order)):
            continue
        parity = np.linalg.det(np.eye(len(core))[list(order)])
        for signs in itertools.product((1, -1), repeat=len(core)):
            if math.prod(signs) * parity < 0 or (min(signs) > 0 and order == tuple(range(len(core)))):
                continue
            values = np.transpose(items.values, (*range(lead), *(lead + k for k in order)))
            for axis, sign in enumerate(signs, lead):
                values = values if sign > 0 else np.roll(np.flip(values, axis), 1, axis)
            yield items.copy(data=values)


def _step(items: xr.DataArray, dim: str) -> float:
    """Return the step of an axis, 1 without labels, to ten digits."""
    if dim not in items.coords or items.sizes[dim] < 2:
        return 1.0
    values = items.coords[dim].values
    return float(f"{float((values[-1] - values[0]) / (values.size - 1)):.10g}")
