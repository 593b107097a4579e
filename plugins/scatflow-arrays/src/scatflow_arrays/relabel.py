"""Other names, fewer labels, another dtype: the values stay what they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from scatflow.contract import Operator, Pointwise, operator, param
from scatflow.errors import DataError, DimensionError, DtypeError, ParameterError, near
from scatflow.spec import ArraySpec

Array = Any
Dtype = Literal[
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float32",
    "float64",
    "complex64",
    "complex128",
]


@operator(
    "rename",
    version=1,
    signature="()->()",
    dtypes="fci",
    linear=True,
    differentiable=True,
    aliases=("rename_dimension",),
)
class Rename(Pointwise):
    """Other names for the variable, its dims and its coordinates.

    Parameters
    ----------
    data : DataArray
        Any dims; float, complex, integer or boolean.
    variable : str, optional
        New name of the variable.
    names : dict of str to str
        Old -> new names of dims and coordinates; a dim takes its coordinate along.

    Returns
    -------
    DataArray
        Same values, dtype, unit and attributes; dims in the same order.

    Raises
    ------
    DimensionError
        An old name does not exist, or a new one is taken.

    Examples
    --------
    >>> spec = ArraySpec(("time", "x"), (3, 4), "int16", name="a")
    >>> out = Rename(variable="b", names={"time": "t"}).output(spec)
    >>> out.dims, out.name
    (('t', 'x'), 'b')
    """

    variable: str | None = param(None, "New name of the variable.")
    names: dict[str, str] = param({}, "Old -> new names of dims and coordinates.")

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the input's labels under the new names."""
        (spec,) = specs
        known = {*spec.dims, *spec.coords}
        for old in self.names:
            if old not in known:
                raise DimensionError(
                    "rename.names",
                    f"the input has no dim or coordinate {old!r}",
                    expected=f"names among {sorted(known)}",
                    got=old,
                    remedy=near(old, known),
                    code="DimensionMissing",
                )
        results = [self.names.get(name, name) for name in sorted(known)]
        taken = sorted({name for name in results if results.count(name) > 1})
        if taken:
            raise DimensionError(
                "rename.names",
                f"two dims or coordinates would be called {taken[0]!r}",
                got=self.names,
                remedy="Choose another name, or rename both.",
                code="DimensionDuplicated",
            )
        coords = {self.names.get(name, name): replace(coord, dims=self._renamed(coord.dims)) for name, coord in spec.coords.items()}
        return replace(spec, dims=self._renamed(spec.dims), coords=coords, name=self.variable or spec.name)

    def _renamed(self, dims: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self.names.get(dim, dim) for dim in dims)

    def apply(self, xp: Any, *blocks: Array) -> Array:
        """Return the block itself."""
        return blocks[0]

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return the cotangent itself."""
        return (cotangent,)


@operator("cast", version=1, signature="()->()", dtypes="fci", aliases=("astype", "convert"))
class Cast(Pointwise):
    """Another dtype.

    Parameters
    ----------
    data : DataArray
        Float, complex, integer or boolean, any dims.
    to : str
        The dtype: ``bool``, ``int8`` to ``int64``, ``uint8`` to ``uint64``, ``float32``, ``float64``, ``complex64``,
        ``complex128``.

    Returns
    -------
    DataArray
        Same labels and unit; truth values have none. Floats become integers by truncation towards 0; anything but 0 is true.

    Raises
    ------
    DtypeError
        Complex to real: what should become of the phase is not for a cast to decide.
    DataError
        When computed: NaN, an infinity or a value beyond the range of an integer dtype.

    Examples
    --------
    >>> import numpy as np
    >>> Cast(to="int16").apply(np, np.array([1.7, -1.7]))
    array([ 1, -1], dtype=int16)
    """

    to: Dtype = param(doc="The new dtype.")

    def resolve(self, *specs: ArraySpec) -> Operator:
        """Return the operator itself, once its only choice is made."""
        if self.dtype is not None:
            raise ParameterError(
                "cast.dtype", "the new dtype is the parameter 'to'", got=self.dtype, remedy=f'Pass to="{self.dtype}".'
            )
        return self

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the input's labels with the new dtype."""
        (spec,) = specs
        if np.dtype(spec.dtype).kind == "c" and np.dtype(self.to).kind != "c":
            raise DtypeError(
                "cast input",
                "complex values are not cast to real ones",
                expected="complex64, complex128",
                got=self.to,
                remedy="Take the modulus first (absolute).",
            )
        # Whether a quantity is there or not is no quantity in its unit.
        return spec.with_dtype(self.to) if self.to != "bool" else spec.with_dtype(self.to).with_attrs(units=None)

    def apply(self, xp: Any, *blocks: Array) -> Array:
        """Cast one block, refusing values that the dtype cannot hold."""
        (block,) = blocks
        target = getattr(xp, self.to)
        if xp.isdtype(target, "integral") and not xp.isdtype(block.dtype, "bool"):
            self._check_range(xp, block, target)
        if xp.isdtype(block.dtype, "complex floating") and xp.isdtype(target, "complex floating"):
            return xp.astype(block, target)
        return block != 0 if xp.isdtype(target, "bool") else xp.astype(block, target)

    def _check_range(self, xp: Any, block: Array, target: Any) -> None:
        info = xp.iinfo(target)
        if xp.isdtype(block.dtype, "integral"):
            have = xp.iinfo(block.dtype)
            if have.min >= info.min and have.max <= info.max:
                return
            # Only bounds that the block's own dtype can write are compared: Python integers do not convert otherwise.
            low = block < info.min if info.min > have.min else xp.zeros_like(block, dtype=xp.bool)
            bad = low | (block > info.max) if info.max < have.max else low
        else:
            # float(max) may round up to the first value that does not fit, so the test is on max + 1, a power of two.
            bad = ~((block > float(info.min) - 1) & (block < float(info.max + 1)))
            if float(info.min) - 1 == float(info.min):
                bad = ~((block >= float(info.min)) & (block < float(info.max + 1)))
        if bool(xp.any(bad)):
            raise DataError(
                "cast input",
                f"{int(xp.sum(xp.astype(bad, xp.int64)))} values do not fit {self.to}",
                expected=f"finite, {info.min} to {info.max}",
                remedy="Fill or select them first.",
                code="ValueOutOfRange",
            )

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield a change of precision."""
        yield cls(to="float32")
        yield cls(to="float64")


@operator("drop_labels", version=1, signature="()->()", dtypes="fci", linear=True, differentiable=True, aliases=("drop_vars",))
class DropLabels(Pointwise):
    """The same samples without the coordinates along one dim, so that they meet others by position.

    Parameters
    ----------
    data : DataArray
        Any dims; float, complex, integer or boolean.
    dim : str, optional
        The dim; every coordinate that lies on it is left out, its own included. Default none.
    attrs : tuple of str, optional
        Attributes that are left out too.

    Returns
    -------
    DataArray
        Same values, dims, dtype, unit and other attributes.

    Raises
    ------
    DimensionError
        There is no such dim.

    Examples
    --------
    >>> import numpy as np
    >>> from scatflow.spec import Coord
    >>> spec = ArraySpec(("x",), (2,), "float32", coords={"x": Coord(("x",), np.array([0.5, 1.0]))})
    >>> dict(DropLabels(dim="x").output(spec).coords)
    {}
    """

    dim: str | None = param(None, "Dim whose coordinates are left out.")
    attrs: tuple[str, ...] = param((), "Attributes that are left out too.")

    def output(self, *specs: ArraySpec) -> ArraySpec:
        """Return the labels of all other dims."""
        (spec,) = specs
        if self.dim is not None and self.dim not in spec.dims:
            raise DimensionError(
                "drop_labels.dim",
                f"the input has no dim {self.dim!r}",
                expected=f"dims among {spec.dims}",
                got=self.dim,
                remedy=near(self.dim, spec.dims),
                code="DimensionMissing",
            )
        kept = {name: coord for name, coord in spec.coords.items() if self.dim not in coord.dims}
        return replace(spec.with_attrs(**dict.fromkeys(self.attrs)), coords=kept)

    def apply(self, xp: Any, *blocks: Array) -> Array:
        """Return the block itself."""
        return blocks[0]

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return the cotangent itself."""
        return (cotangent,)

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield the loss of the labels of ``x``."""
        yield cls(dim="x")
