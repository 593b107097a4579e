"""One call for all pictures: the kind from the labels, one item of what there is, matplotlib axes back."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from scatflow.accessor.plots import style
from scatflow.accessor.plots.paths import Paths, check, paths
from scatflow.accessor.plots.subject import Subject, candidates
from scatflow.accessor.plots.text import name_of
from scatflow.errors import ParameterError, ScatflowError, UnknownParameterError, near

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Kind:
    """A picture: module and function that draw it, whether it averages what is left, size in inches."""

    module: str
    function: str = "draw"
    averages: bool = False
    size: tuple[float, float] = (8.0, 4.5)


#: Kinds of pictures by name.
KINDS: Mapping[str, Kind] = {
    "field": Kind("field", size=(8.0, 6.6)),
    "series": Kind("series"),
    "coefficients": Kind("coefficients", averages=True),
    "disc": Kind("disc", averages=True, size=(8.0, 4.5)),
    "spectrum": Kind("spectrum", averages=True),
    "scalogram": Kind("timefrequency", "scalogram"),
    "scattergram": Kind("timefrequency", "scattergram"),
}


def plot(
    array: xr.DataArray | xr.Dataset,
    kind: str | None = None,
    ax: Axes | None = None,
    *,
    variable: str | None = None,
    dims: str | Sequence[str] | None = None,
    **options: Any,
) -> Axes:
    """Draw an array as its labels suggest, or as ``kind`` says.

    Parameters
    ----------
    array : DataArray or Dataset
        What to draw; of a Dataset with ``mean`` and ``se``, the mean with bands.
    kind : str, optional
        ``field``, ``series``, ``coefficients``, ``disc``, ``spectrum``, ``scalogram`` or ``scattergram``.
    ax : Axes, optional
        Where to draw; default a new figure. Kinds with two panels put them inside.
    variable : str, optional
        Variable of a Dataset.
    dims : str or sequence of str, optional
        Dims that are axes of the picture, or that are averaged in pictures of coefficients.
    **options
        The kind's own options, and for every other dim the item to draw, as position or label, default the first:
        ``plot(S, realization=3, time="2008-10-10")``.

    Returns
    -------
    Axes
        The global style of matplotlib is left alone; ``ax.figure.savefig("x.pdf")`` writes vectors.

    Raises
    ------
    ParameterError
        No such kind, option or item.
    DimensionError
        The array does not have the dims or labels that the kind needs.
    """
    matplotlib = library()
    subject = Subject.of(array, variable)
    name = kind or suggest(array, variable)
    if name not in KINDS:
        raise ParameterError("plot.kind", "no such picture", expected=" | ".join(KINDS), got=repr(name), remedy=near(name, KINDS))
    module = importlib.import_module(f"scatflow.accessor.plots.{KINDS[name].module}")
    function = getattr(module, KINDS[name].function)
    chosen, own = _sorted_options(subject.array, function, options, name)
    # Averaged dims are named by `dims` for pictures of coefficients, whose axes are fixed.
    averaged = _averaged(subject, dims, set(chosen)) if KINDS[name].averages else ()
    axes = module.dims_of(subject.array, None if KINDS[name].averages else dims)
    drawn = subject.pick((*axes, *averaged), chosen).averaged(averaged)
    with matplotlib.rc_context(style.RC):
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(figsize=KINDS[name].size, layout="constrained")
        # The first figure of a session wakes the backend, which may set this: that is not ours to undo.
        interactive = matplotlib.is_interactive()
        function(drawn, ax, axes, **own)
    matplotlib.interactive(interactive)
    return ax


def figure(array: xr.DataArray | xr.Dataset, kind: str | None = None, **options: Any) -> Figure:
    """Return a new figure with the picture, without pyplot and without a display; options as for :func:`plot`."""
    matplotlib = library()
    from matplotlib.figure import Figure

    name = kind or suggest(array, options.get("variable"))
    with matplotlib.rc_context(style.RC):
        drawn = Figure(figsize=KINDS[name].size if name in KINDS else None, layout="constrained")
        plot(array, name, drawn.subplots(), **options)
    return drawn


def save(array: xr.DataArray | xr.Dataset, path: str | Path, kind: str | None = None, **options: Any) -> Path:
    """Draw into a file, PNG, PDF or SVG by its suffix; options as for :func:`plot`."""
    matplotlib = library()
    drawn = figure(array, kind, **options)
    with matplotlib.rc_context(style.RC):
        drawn.savefig(path)
    return Path(path)


@dataclass(frozen=True, eq=False)
class Arranged:
    """Coefficients by scale and angle as a picture would show them, for tables: name, what was selected, unit of scales."""

    name: str
    note: str
    units: str
    tree: Paths


def has_paths(array: xr.DataArray | xr.Dataset) -> bool:
    """Return whether :func:`arrange` can arrange an array."""
    return "path" in array.dims and {"order", "j1", "l1"} <= set(array.coords)


def arrange(array: xr.DataArray | xr.Dataset, variable: str | None = None, **chosen: Any) -> Arranged:
    """Return the first item (or the chosen one), averaged over the core dims, arranged by scale and angle.

    Raises
    ------
    DimensionError
        The array has no labelled dim ``path``.
    """
    subject = Subject.of(array, variable)
    check(subject.array)
    averaged = _averaged(subject, None, set(chosen))
    drawn = subject.pick(("path", *averaged), chosen).averaged(averaged).modulus().loaded()
    units = str(subject.array.coords["scale1"].attrs.get("units", "")) if "scale1" in subject.array.coords else ""
    return Arranged(name_of(subject.array), drawn.note, units, paths(drawn.array, drawn.se))


def suggest(array: xr.DataArray | xr.Dataset, variable: str | None = None) -> str:
    """Return the kind of picture that the labels suggest."""
    return kinds(array, variable)[0]


def kinds(array: xr.DataArray | xr.Dataset, variable: str | None = None) -> tuple[str, ...]:
    """Return the kinds that suit an array, the most telling first.

    Raises
    ------
    ParameterError
        There is none: the array has no dim that can be an axis.
    """
    subject = Subject.of(array, variable)
    data = subject.array
    axes = candidates(data)
    if "path" in data.dims and "order" in data.coords:
        directions = "theta1" in data.coords and bool(np.isfinite(data.coords["theta1"].values).any())
        if directions:
            return ("coefficients", "disc", "spectrum") if subject.se is None else ("spectrum", "coefficients", "disc")
        over_time = bool(axes) and subject.se is None and "xi1" in data.coords
        first = ("scalogram" if _is_wavelet(data) else "scattergram",) if over_time else ()
        return (*first, "spectrum", "coefficients")
    if len(axes) >= 2:
        return ("field",)
    if len(axes) == 1:
        return ("series",)
    raise ParameterError("plot", "the array has no dim that can be an axis", got=tuple(data.dims), remedy="Name one: dims=.")


def _is_wavelet(array: xr.DataArray) -> bool:
    """Whether the values are a wavelet transform or its modulus, by dtype or provenance, and not averages of it."""
    try:
        made = json.loads(array.attrs.get("scatflow", "{}"))
        names = {str(operator["id"]).rpartition(":")[2] for operator in made.get("operators", ())}
    except (TypeError, ValueError, KeyError, AttributeError):  # an attribute of that name that is not ours
        names = set()
    return array.dtype.kind == "c" or ("wavelet" in names and names <= {"wavelet", "modulus", "select"})


def library() -> Any:
    """Return matplotlib, or say how to get it: it is an extra."""
    try:
        import matplotlib
    except ModuleNotFoundError as error:
        raise ScatflowError("pictures", "matplotlib is not installed", remedy="pip install 'scatflow[plot]'",
                            code="DependencyMissing") from error  # fmt: skip
    return matplotlib


def _averaged(subject: Subject, dims: str | Sequence[str] | None, chosen: set[str]) -> tuple[str, ...]:
    """Return the core dims a picture of coefficients averages: as many as the transform has, none of an ensemble's mean."""
    if dims is not None:
        return (dims,) if isinstance(dims, str) else tuple(dims)
    if subject.se is not None:
        return ()
    array = subject.array
    theta = array.coords.get("theta1")
    count = 2 if theta is not None and bool(np.isfinite(theta.values).any()) else 1
    left = tuple(dim for dim in candidates(array) if dim not in chosen)
    return left[-count:] if len(left) >= count else ()


def _sorted_options(
    array: xr.DataArray, function: Any, options: Mapping[str, Any], kind: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part options into items of dims and the kind's own; unknown ones are an error with the nearest name."""
    known = [
        name for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]  # fmt: skip
    chosen = {name: value for name, value in options.items() if name in array.dims}
    own = {name: value for name, value in options.items() if name in known and name not in chosen}
    unknown = [name for name in options if name not in chosen and name not in own]
    if unknown:
        names = [*known, *(str(dim) for dim in array.dims)]
        raise UnknownParameterError(f"plot.{unknown[0]}", f"neither an option of kind {kind!r} nor a dim",
                                    expected=" | ".join(names), remedy=near(unknown[0], names))  # fmt: skip
    return chosen, own
