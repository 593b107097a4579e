"""Surrogate data as operators: of whatever is in a graph, labelled, lazy over batch dims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from scatflow.contract import Operator, Whole, operator, param
from scatflow.errors import ParameterError
from scatflow.spec import ArraySpec, Cost, Place
from scatflow_processes import references_gaussian as publications
from scatflow_processes import surrogates as kernels
from scatflow_processes.operators.drawing import DIM, Drawing, refuse_segments

Array = Any


@operator(
    "iaaft",
    version=1,
    signature="(z?,y?,x)->(surrogate,z?,y?,x)",
    stochastic=True,
    references=(publications.IAAFT, publications.SURROGATE_DATA),
    aliases=("amplitude_adjusted_fourier_transform", "aaft"),
    equation=r"x^{(n+1)} = \mathrm{sort}(x) \text{ in the order of } \mathrm{ifft}(|X| \, e^{i \arg X^{(n)}})",
)
class IAAFT(Drawing):
    """Surrogates with the values of the input exactly, and its spectrum to an error that is returned.

    Results ``surrogates`` and, for each, ``iterations`` (that changed something) and ``spectrum_error`` (root mean square difference of the
    moduli of the transforms, relative). Cross-spectra of channels are not kept. NaN give NaN.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> from scatflow import apply
    >>> x = xr.DataArray(np.arange(32.0) ** 2, dims="time")
    >>> found = apply(IAAFT(surrogates=3), x)
    >>> found.surrogates.dims, bool((np.sort(found.surrogates.sel(surrogate=2)) == x.values).all())
    (('time', 'surrogate'), True)
    """

    iterations: int = param(1000, "Most iterations.", ge=1, le=10**6)
    copies: ClassVar[int] = 12

    def output(self, *specs: ArraySpec) -> Mapping[str, ArraySpec]:
        """Return the labels of the surrogates, of the iterations they took, and of the error of their spectrum."""
        result = self.repeated(specs[0])
        each = result.without(*result.dims[result.dims.index(DIM) + 1 :])
        return {
            "surrogates": result,
            "iterations": each.with_dtype("int64").with_attrs(units="1", long_name="iterations"),
            "spectrum_error": each.with_attrs(units="1", long_name="relative error of the spectrum"),
        }

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Array) -> Mapping[str, Array]:
        """Return the surrogates of one block."""
        (x,) = blocks
        ndim, core = self.ndim, x.shape[x.ndim - self.ndim :]
        start = self.drawn(xp, x, at, lambda generator: generator.standard_normal(core), xp.float64)
        found, count, error = kernels.iaaft(xp, xp.expand_dims(x, axis=-1 - ndim), start, ndim, self.iterations)
        return {"surrogates": found, "iterations": count, "spectrum_error": error}

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield few surrogates."""
        yield cls(surrogates=2, iterations=200)


@operator(
    "block_shuffle",
    version=1,
    signature="(x)->(surrogate,x)",
    stochastic=True,
    linear=True,
    references=(publications.BLOCKS, publications.SURROGATE_DATA),
    aliases=("block_bootstrap", "permutation"),
    equation=r"s = (x_{\pi(1)}, \ldots, x_{\pi(n)}), \quad \pi \text{ uniform over orders of the blocks } x_1, \ldots, x_n",
)
class BlockShuffle(Drawing):
    """Surrogates made of the blocks of the input in random order: dependence over more than a block is lost.

    Items along dims that are ``shared`` get the same order. The last block may be shorter than the others.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> from scatflow import apply
    >>> apply(BlockShuffle(block=2), xr.DataArray(np.arange(6.0), dims="time")).sel(surrogate=0).values.tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """

    block: int = param(1, "Samples of a block; 1 shuffles samples.", ge=1, unit="sample")
    copies: ClassVar[int] = 3

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Refuse blocks as long as the series."""
        if self.block >= specs[0].shape[-1]:
            raise ParameterError("block_shuffle.block", "a block must be shorter than the series", expected=f"1 to {specs[0].shape[-1] - 1}",
                                 got=self.block)  # fmt: skip
        return super().resolve(*specs)

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Array) -> Array:
        """Return the surrogates of one block."""
        (x,), n = blocks, blocks[0].shape[-1]
        order = self.drawn(xp, x, at, lambda generator: kernels.shuffled_blocks(generator, n, self.block), xp.int64)
        shape = (*x.shape[:-1], self.surrogates, n)
        return xp.take_along_axis(xp.broadcast_to(xp.expand_dims(x, axis=-2), shape), xp.broadcast_to(order, shape), axis=-1)

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield samples and blocks."""
        yield cls(surrogates=2)
        yield cls(block=3)


@operator(
    "sign_flip",
    version=1,
    signature="(z?,y?,x)->(surrogate,z?,y?,x)",
    stochastic=True,
    linear=True,
    references=(publications.SURROGATE_DATA,),
    aliases=("sign_randomization",),
    equation=r"s(u) = \epsilon(u) \, x(u), \quad \epsilon = \pm 1",
)
class SignFlip(Drawing):
    """Surrogates whose samples have random signs: moduli stay, skewness and leverage go.

    Items along dims that are ``shared`` get the same signs. Means of returns should be removed first.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> from scatflow import apply
    >>> apply(SignFlip(), xr.DataArray(np.arange(1.0, 5.0), dims="time")).sel(surrogate=0).values.tolist()
    [1.0, 2.0, 3.0, -4.0]
    """

    def apply(self, xp: Any, *blocks: Array, at: Place, **prepared: Array) -> Array:
        """Return the surrogates of one block."""
        (x,) = blocks
        ndim, core = self.ndim, x.shape[x.ndim - self.ndim :]
        signs = self.drawn(xp, x, at, lambda generator: 2.0 * generator.integers(0, 2, core) - 1.0, x.dtype)
        return xp.expand_dims(x, axis=-1 - ndim) * signs

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield few surrogates."""
        yield cls(surrogates=2)


@operator(
    "time_reversal",
    version=1,
    signature="(x)->(x)",
    linear=True,
    differentiable=True,
    references=(publications.TIME_SERIES_TESTS,),
    aliases=("reverse",),
    equation=r"y(t) = x(n - 1 - t)",
)
class TimeReversal(Whole):
    """The input from its last sample to its first, on the same coordinates; a series with segments is refused.

    Examples
    --------
    >>> import numpy as np
    >>> TimeReversal().apply(np, np.array([1.0, 2.0, 3.0])).tolist()
    [3.0, 2.0, 1.0]
    """

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Refuse segments: their labels would stay where they are while their samples move."""
        refuse_segments(self.name, specs[0], self.dims or ())
        return self

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array:
        """Return the reversed block."""
        return xp.flip(blocks[0], axis=-1)

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return the reversed cotangent."""
        return (xp.flip(cotangent, axis=-1),)

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare nothing but the result."""
        return Cost(flops=0.0, bytes=0)

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield one instance."""
        yield cls(dims=("x",))
