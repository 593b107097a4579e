"""What is drawn: one item of an array, with its error, and the words that say which item it is."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from scatflow.accessor.plots import octaves, text
from scatflow.errors import DataError, DimensionError, ParameterError, PlanError, near
from scatflow.labels import core_dims, spec_of

#: What can be drawn; of trees those whose groups are octaves of one transform.
Drawable = xr.DataArray | xr.Dataset | xr.DataTree
#: Bytes that one picture may compute.
LIMIT = 4 * 2**30
#: Dims that hold several items of the same kind and are never an axis of a picture unless asked for.
_ITEMS = frozenset({"path", "pair", "realization", "component", "variable", "member", "chain", "draw"})
_NAMED_LABELS = ("order", "j1", "l1", "j2", "l2")


@dataclass(frozen=True, eq=False)
class Subject:
    """An array to draw; ``se`` is its standard error where one is known."""

    array: xr.DataArray
    se: xr.DataArray | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: Drawable, variable: str | None = None) -> Subject:
        """Take a DataArray, from a Dataset its statistics (``mean`` with ``se``) or one variable, from a tree its octaves."""
        if isinstance(data, xr.DataArray):
            return cls(data)
        if isinstance(data, xr.DataTree):
            return cls(_recorded(octaves.joined(data), data))
        names = [str(name) for name in data.data_vars]
        if variable is None and "mean" in names:
            return cls(_titled(data["mean"], data), data["se"] if "se" in names else None)
        if variable is None and len(names) == 2 and "valid_fraction" in names:
            # A result with gaps comes with the share of weight that was on valid samples, which is a label of it.
            data = data.set_coords("valid_fraction")
            names.remove("valid_fraction")
        if variable is None and len(names) != 1:
            raise ParameterError("plot.variable", "the Dataset holds several variables", expected=f"one of {names}",
                                 remedy=f'Choose one: plot(..., variable="{names[0] if names else ""}").')  # fmt: skip
        chosen = names[0] if variable is None else variable
        if chosen not in names:
            raise ParameterError("plot.variable", "the Dataset has no such variable", expected=f"one of {names}",
                                 got=repr(chosen), remedy=near(chosen, names))  # fmt: skip
        return cls(_recorded(data[chosen], data))

    def present(self) -> Subject:
        """Return the subject, or raise DataError where it has no samples."""
        if self.array.size == 0:
            raise DataError("plot", "there are no samples", got=dict(self.array.sizes), code="NothingFinite")
        return self

    @property
    def note(self) -> str:
        """The second line of the title."""
        return text.listed(self.notes)

    def noted(self, *notes: str) -> Subject:
        """Return the subject with more to say in the second line of the title."""
        return replace(self, notes=(*self.notes, *(note for note in notes if note)))

    def pick(self, keep: Sequence[str], chosen: Mapping[str, Any]) -> Subject:
        """Reduce every dim outside ``keep`` to one item: the chosen one (position or label), default the first."""
        subject = self
        for dim in [str(dim) for dim in self.array.dims if dim not in keep]:
            position = _position(self.array, dim, chosen.get(dim, 0))
            subject = replace(
                subject,
                array=subject.array.isel({dim: position}),
                se=None if subject.se is None or dim not in subject.se.dims else subject.se.isel({dim: position}),
            ).noted(_which(self.array, dim, position))
        return subject

    def bounded(self) -> Subject:
        """Return the subject, or refuse: what is not in memory yet must have a size that is worth a picture.

        Raises
        ------
        PlanError
            It does.
        """
        size = self.array.nbytes
        if self.array.chunks is None or size <= LIMIT:
            return self
        shape = ", ".join(f"{dim} {length}" for dim, length in self.array.sizes.items())
        raise PlanError("plot", "too much would have to be computed for one picture", expected=f"at most {LIMIT / 2**30:.0f} GiB",
                        got=f"{size / 2**30:.1f} GiB ({shape})", code="PictureTooLarge",
                        remedy="Draw a part, array.isel(...), or reduce first, as scattering_moments does; "
                        "array.compute() if it is meant.")  # fmt: skip

    def averaged(self, dims: Sequence[str]) -> Subject:
        """Return the mean over dims: absent samples are left out, those near borders count by their valid fraction."""
        if not dims:
            return self
        subject = self.modulus()
        valid = self.array.coords.get("valid_fraction")
        if valid is not None and set(dims) <= set(valid.dims):
            mean = subject.array.weighted(valid.fillna(0.0)).mean(dims, skipna=True, keep_attrs=True)
        else:
            mean = subject.array.mean(dims, skipna=True, keep_attrs=True)
        return replace(subject, array=mean, se=None).noted(f"mean over {', '.join(dims)}")

    def modulus(self) -> Subject:
        """Return the modulus of complex values, and say so; real values stay."""
        if self.array.dtype.kind != "c":
            return self
        return replace(self, array=abs(self.array).assign_attrs(self.array.attrs)).noted("modulus")

    def finite(self) -> Subject:
        """Return the subject, loaded, or refuse where there is nothing to draw.

        Raises
        ------
        DataError
            No value is finite.
        """
        loaded = self.loaded()
        if not np.isfinite(loaded.array.values).any():
            raise DataError("plot", "no value is finite", got=self.note or None, code="NothingFinite",
                            remedy="Choose another item with sel=, or see what made them NaN: gaps, borders, an unfinished job.")  # fmt: skip
        return loaded

    def loaded(self) -> Subject:
        """Return the subject with its values in host memory."""
        return replace(self, array=_host(self.array), se=None if self.se is None else _host(self.se))


def _recorded(array: xr.DataArray, data: xr.Dataset | xr.DataTree) -> xr.DataArray:
    """Give a variable the record of how it was made, which the whole has."""
    whole = data.attrs.get("scatflow")
    return array if whole is None or "scatflow" in array.attrs else array.assign_attrs(scatflow=whole)


def _titled(array: xr.DataArray, data: xr.Dataset) -> xr.DataArray:
    """Give the mean a name that says of what, if the Dataset knows."""
    words = array.attrs.get("long_name") or data.attrs.get("long_name") or data.attrs.get("title")
    return array.assign_attrs(long_name=words) if words else array


def _host(array: xr.DataArray) -> xr.DataArray:
    from scatflow.arrays import asnumpy

    computed = array.compute()
    return computed.copy(data=asnumpy(computed.data))


def _position(array: xr.DataArray, dim: str, choice: Any) -> int:
    """Return the position of an item given as position (an integer) or as label."""
    size = array.sizes[dim]
    if isinstance(choice, Mapping):
        return _labelled(array, dim, choice)
    if isinstance(choice, (int, np.integer)) and not isinstance(choice, bool):
        if not -size <= choice < size:
            raise ParameterError(f"plot.{dim}", "no such item", expected=f"{-size} .. {size - 1}", got=int(choice))
        return int(choice) % size
    if dim not in array.coords:
        raise ParameterError(f"plot.{dim}", "the dim has no labels", expected="a position", got=repr(choice))
    index = array.indexes[dim]
    try:
        method = "nearest" if index.dtype.kind in "iufM" else None
        found = index.get_indexer([np.datetime64(choice) if index.dtype.kind == "M" else choice], method=method)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"plot.{dim}", "cannot be compared with the labels", got=repr(choice)) from error
    if found[0] < 0:
        raise ParameterError(f"plot.{dim}", "no item has this label", got=repr(choice), remedy=near(str(choice), map(str, index)))
    return int(found[0])


def _labelled(array: xr.DataArray, dim: str, labels: Mapping[str, Any]) -> int:
    """Return the only item whose coordinates have the given values."""
    known = [str(name) for name, coord in array.coords.items() if coord.dims == (dim,)]
    for name in labels:
        if name not in known:
            raise ParameterError(f"plot.{dim}", "the dim has no such coordinate", expected=f"one of {known}", got=repr(name),
                                 remedy=near(str(name), known))  # fmt: skip
    fits = np.ones(array.sizes[dim], dtype=bool)
    for name, value in labels.items():
        fits &= np.asarray(array.coords[name].values == value)
    found = np.flatnonzero(fits)
    if found.size != 1:
        raise ParameterError(f"plot.{dim}", "one item with these labels is needed", expected="1 item", got=f"{found.size} for {dict(labels)}",
                             remedy=f"Name more of {[name for name in known if name not in labels][:6]}." if found.size else
                             f"Look at array.{next(iter(labels), dim)}.values.")  # fmt: skip
    return int(found[0])


def _which(array: xr.DataArray, dim: str, position: int) -> str:
    """Say which item was taken; nothing where there is only one without a name of its own."""
    if dim == "path":
        return _path_words(array, position)
    if dim not in array.coords:
        return f"{dim} {position}" if array.sizes[dim] > 1 else ""
    label = array.coords[dim].values[position]
    if isinstance(label, np.datetime64):
        return f"{dim} {text.moment(label)}"
    if isinstance(label, (np.floating, float)):
        shown = text.unit(array.coords[dim].attrs.get("units"))
        return f"{dim} = {text.number(float(label), 4)} {shown}".rstrip()
    return f"{dim} {label}" if array.sizes[dim] > 1 or isinstance(label, str) else ""


def _path_words(array: xr.DataArray, position: int) -> str:
    labels = {name: array.coords[name].values[position] for name in _NAMED_LABELS if name in array.coords}
    used = [f"{name} = {int(value)}" for name, value in labels.items() if int(value) >= 0]
    return "path " + ", ".join(used or [str(position)])


def drawable(array: xr.DataArray, count: int, dims: Sequence[str] | str | None) -> tuple[str, ...]:
    """Return the dims that become axes, in kernel order: the given ones, else the last ones that hold no items.

    Raises
    ------
    DimensionError
        The array has too few dims.
    """
    if dims is not None:
        wanted: tuple[str, ...] = (dims,) if isinstance(dims, str) else tuple(dims)
    else:
        wanted = candidates(array)[-count:]
    if dims is None and len(wanted) < count:
        raise DimensionError("plot", f"the picture needs {count} dims that are axes", got=tuple(array.dims),
                             remedy="Choose another kind, or name them: dims=.", code="DimensionCount")  # fmt: skip
    return core_dims(spec_of(array), wanted, (count,), "plot")


def candidates(array: xr.DataArray) -> tuple[str, ...]:
    """Return the dims that can be axes of a picture; time comes first, so that space is preferred."""
    names = [str(dim) for dim in array.dims if dim not in _ITEMS and _is_axis(array, dim)]
    return tuple(sorted(names, key=lambda dim: not _is_time(array, dim)))


def _is_axis(array: xr.DataArray, dim: Hashable) -> bool:
    return dim not in array.coords or array.coords[dim].dtype.kind in "iufmM"


def _is_time(array: xr.DataArray, dim: str) -> bool:
    coord = array.coords.get(dim)
    return dim == "time" or (coord is not None and (coord.dtype.kind == "M" or coord.attrs.get("axis") == "T"))
