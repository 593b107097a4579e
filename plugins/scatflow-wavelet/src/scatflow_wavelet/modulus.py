"""The operator ``modulus``: the nonlinearity between two wavelet transforms."""

from __future__ import annotations

from typing import Any

from scatflow.arrays import real_dtype
from scatflow.contract import Pointwise, operator
from scatflow.spec import ArraySpec
from scatflow_wavelet.references import GROUP_INVARIANT_SCATTERING

Array = Any


def phase(xp: Any, values: Array) -> Array:
    """Return ``z / |z|``, and 0 at 0: the derivative of the modulus.

    Examples
    --------
    >>> import numpy as np
    >>> phase(np, np.array([3.0j, -2.0, 0.0]))
    array([ 0.+1.j, -1.+0.j,  0.+0.j])
    """
    modulus = xp.abs(values)
    return values / xp.where(modulus > 0, modulus, xp.ones_like(modulus))


@operator(
    "modulus",
    version=1,
    signature="()->()",
    dtypes="fc",
    differentiable=True,
    references=(GROUP_INVARIANT_SCATTERING,),
    aliases=("envelope", "magnitude"),
    equation=r"z = |x|",
)
class Modulus(Pointwise):
    """Modulus ``|z|`` of real or complex values, element by element.

    Never increases a distance: ``| |a| - |b| | <= |a - b|``.

    Returns
    -------
    DataArray
        Same labels and units, real, of the input's precision.

    Examples
    --------
    >>> import numpy as np
    >>> Modulus().apply(np, np.array([3 + 4j, -1.0]))
    array([5., 1.])
    """

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Declare the real result."""
        (spec,) = specs
        title = spec.attrs.get("long_name")
        named = spec.with_attrs(long_name=f"modulus of {title}" if title else None, standard_name=None)
        return named.with_dtype(real_dtype(spec.dtype))

    def apply(self, xp: Any, *blocks: Array) -> Array:
        """Compute one block."""
        return xp.abs(blocks[0])

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return ``g z / |z|``, 0 at z = 0."""
        return (cotangent * phase(xp, blocks[0]),)
