"""What operators share that halve the number of samples octave by octave: lengths, blocks that start at multiples of 2^J."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from scatflow.contract import Window, param
from scatflow.errors import ParameterError
from scatflow.labels import axis_of
from scatflow.spec import ArraySpec, Place
from scatflow_wavelet.labels import core_names

#: Lengths of samples for the checks, by number of core dims.
_SAMPLES = {1: (64,), 2: (16, 24), 3: (8, 4, 12)}
Normalize = Literal["orthonormal", "mean"]


class Dyadic(Window):
    """Base of critically sampled transforms, which exist for periodic lengths that are multiples of 2^J."""

    J: int = param(3, "Octaves; every core length must be a multiple of 2^J.", ge=0, le=30)
    normalize: Normalize = param(
        "orthonormal", "orthonormal keeps sums of squares; mean makes low-passed values averages, whose weights sum to one."
    )
    boundary: Literal["periodic"] | tuple[Literal["periodic"], ...] = param(
        "periodic", "Only periodic keeps as many numbers as there are samples; filters of two taps never reach over an edge."
    )

    def align(self) -> Mapping[str, int]:
        """Return where blocks must start: at multiples of 2^J."""
        return dict.fromkeys(self.signature.roles, 2**self.J)

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        """Return the depth, and nothing where the block is a whole periodic axis."""
        depth = self.depth()
        return {role: (0, 0) if at.core[role] == (0, at.size[role]) else depth[role] for role in at.size}

    def ndim(self, block: Any) -> int:
        """Return the number of core axes of a block; all where no dims are named."""
        return len(self.dims) if self.dims is not None else int(block.ndim)

    def sample_inputs(self, rng: Any) -> tuple[Any, ...]:
        """Return noise on lengths that can be halved."""
        import xarray as xr

        dims = self.dims or ("x",)
        sizes = {"item": 2, **dict(zip(dims, _SAMPLES[len(dims)], strict=True))}
        coords = {dim: (dim, 0.5 * np.arange(size), {"units": "m"}) for dim, size in sizes.items()}
        attrs = {"units": "m s-1", "long_name": "velocity"}
        return (xr.DataArray(rng.standard_normal(tuple(sizes.values())), dims=tuple(sizes), coords=coords, name="u", attrs=attrs),)

    def core(self, spec: ArraySpec) -> tuple[str, ...]:
        """Return the core dims in kernel order, having checked that they can be halved J times.

        Raises
        ------
        ParameterError
            A length, or that of a segment, is not a multiple of 2^J; the nearest ones are named.
        """
        names = core_names(spec, self.dims)
        for dim in names:
            for start, stop in axis_of(spec, dim, self.sampling).spans():
                if start % 2**self.J or stop % 2**self.J:
                    self._refuse(dim, start, stop, spec.sizes[dim])
        return names

    def _refuse(self, dim: str, start: int, stop: int, size: int) -> None:
        what = f"the length of {dim!r}" if stop - start == size else f"the segment of {dim!r} from sample {start} to {stop}"
        length, step = stop - start, 2**self.J
        largest = int(math.log2((start | stop) & -(start | stop)))
        near = f"{length // step * step} or {-(-length // step) * step}" if length >= step else f"{step}"
        raise ParameterError(
            f"{self.name}.J", f"{what} cannot be halved {self.J} times: it must start at and last a multiple of 2^J = {step} samples",
            expected=f"a length of {near}, or J <= {largest}", got=f"length {length}, J={self.J}",
            remedy="Crop or pad the data first, or lower J.", code="LengthNotDyadic",
        )  # fmt: skip


def total_of(normalize: Normalize) -> float:
    """Return the sum of the low-pass weights along an axis."""
    return math.sqrt(2) if normalize == "orthonormal" else 1.0
