"""One call for all pictures: the kind from the labels, one item of what there is, matplotlib axes back."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from scatflow.accessor.plots import record, style
from scatflow.accessor.plots.filters import is_bank
from scatflow.accessor.plots.paths import Paths, check, first_band, has_bands, paths
from scatflow.accessor.plots.subject import Drawable, Subject, candidates
from scatflow.accessor.plots.text import name_of
from scatflow.errors import DimensionError, ParameterError, ScatflowError, UnknownParameterError, near

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Kind:
    """A picture: module and function that draw it, whether it averages what is left or shows bands, size in inches."""

    module: str
    function: str = "draw"
    averages: bool = False
    #: Of ``path`` the first band is drawn unless another item is chosen, not the low-pass before it.
    bands: bool = False
    size: tuple[float, float] = (8.0, 4.5)


#: Kinds of pictures by name.
KINDS: Mapping[str, Kind] = {
    "field": Kind("field", size=(8.0, 6.6)),
    "series": Kind("series"),
    "coefficients": Kind("coefficients", averages=True),
    "disc": Kind("disc", averages=True, size=(8.0, 4.5)),
    "spectrum": Kind("spectrum", averages=True),
    "planes": Kind("planes", bands=True, size=(8.0, 4.4)),
    "filters": Kind("filters"),
    "scalogram": Kind("timefrequency", "scalogram"),
    "scattergram": Kind("timefrequency", "scattergram", size=(8.0, 6.0)),
}


def plot(
    array: Drawable,
    kind: str | None = None,
    ax: Axes | None = None,
    *,
    variable: str | None = None,
    dims: str | Sequence[str] | None = None,
    sel: Mapping[str, Any] | None = None,
    **options: Any,
) -> Axes:
    """Draw an array as its labels suggest, or as ``kind`` says.

    Parameters
    ----------
    array : DataArray, Dataset or DataTree
        What to draw; of a Dataset with ``mean`` and ``se``, the mean with bands; of a tree of octaves
        (``wavelet(..., stride="octave")``) all of them, each sample held up to halfway to the next.
    kind : str, optional
        ``field``, ``series``, ``coefficients``, ``disc``, ``spectrum``, ``planes``, ``filters``, ``scalogram`` or
        ``scattergram``.
    ax : Axes, optional
        Where to draw; default a new figure. Kinds with two panels put them inside.
    variable : str, optional
        Variable of a Dataset.
    dims : str or sequence of str, optional
        Dims that are axes of the picture, or that are averaged in pictures of coefficients.
    sel : mapping, optional
        For every other dim the item to draw, as position or label, default the first; of ``path`` also labels:
        ``{"realization": 3, "time": "2008-10-10", "path": {"j1": 1, "l1": 0}}``. The title names what was chosen.
    **options
        The kind's own options, and items as in ``sel``: ``plot(S, realization=3)``.

    Returns
    -------
    Axes
        The global style of matplotlib is left alone; ``ax.figure.savefig("x.pdf")`` writes vectors.

    Raises
    ------
    ParameterError
        No such kind, option or item.
    DimensionError
        The array does not have the dims or labels that the kind needs; the error lists the kinds that suit.
    DataError
        There are no samples, or none is finite.
    PlanError
        What would have to be computed exceeds 4 GiB.
    """
    matplotlib = library()
    subject = Subject.of(array, variable).present()
    name = _named(kind or kinds(array, variable)[0])
    if isinstance(array, xr.DataTree) and KINDS[name].averages:
        raise DimensionError(f"plot(kind={name!r})", "averages need all octaves on one grid", got=[node.path for node in array.leaves],
                             remedy="Draw one group, or transform with a number as stride.", code="GroupsDiffer")  # fmt: skip
    module = importlib.import_module(f"scatflow.accessor.plots.{KINDS[name].module}")
    function = getattr(module, KINDS[name].function)
    chosen, own = _sorted_options(subject.array, function, {**(sel or {}), **options}, name)
    with _suiting(subject, name), matplotlib.rc_context(style.RC):
        axes = module.dims_of(subject.array, None if KINDS[name].averages else dims)
        drawn = _drawn(subject, KINDS[name], axes, dims, chosen)
        # The first figure of a session wakes the backend, which may set this: that is not ours to undo.
        ax = _new_axes(KINDS[name].size) if ax is None else ax
        interactive = matplotlib.is_interactive()
        function(drawn, ax, axes, **own)
    matplotlib.interactive(interactive)
    return ax


def _named(kind: str) -> str:
    if kind not in KINDS:
        raise ParameterError("plot.kind", "no such picture", expected=" | ".join(KINDS), got=repr(kind), remedy=near(kind, KINDS))
    return kind


def _new_axes(size: tuple[float, float]) -> Axes:
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def _drawn(
    subject: Subject, kind: Kind, axes: Sequence[str], dims: str | Sequence[str] | None, chosen: Mapping[str, Any]
) -> Subject:
    """Return the chosen items, averaged where the kind averages."""
    # Averaged dims are named by `dims` for pictures of coefficients, whose axes are fixed.
    averaged = _averaged(subject, dims, set(chosen)) if kind.averages else ()
    if kind.bands and "path" in subject.array.dims and "path" not in axes:
        chosen = {"path": first_band(subject.array), **chosen}
    return subject.pick((*axes, *averaged), chosen).bounded().averaged(averaged)


@contextmanager
def _suiting(subject: Subject, name: str) -> Iterator[None]:
    """Add the kinds that suit to an error that says why one does not."""
    try:
        yield
    except DimensionError as error:
        try:
            suiting = [kind for kind in _kinds(subject) if kind != name]
        except ParameterError:
            suiting = []
        if not suiting or error.code == "DimensionInvalid":
            raise
        raise DimensionError(f"plot(kind={name!r})", error.rule, expected=error.expected, got=error.got, code=error.code,
                             remedy=f"Kinds that suit the labels: {' | '.join(suiting)}. {error.remedy or ''}".rstrip()) from error  # fmt: skip


def figure(array: Drawable, kind: str | None = None, **options: Any) -> Figure:
    """Return a new figure with the picture, without pyplot and without a display; options as for :func:`plot`."""
    matplotlib = library()
    from matplotlib.figure import Figure

    name = kind or suggest(array, options.get("variable"))
    with matplotlib.rc_context(style.RC):
        drawn = Figure(figsize=KINDS[name].size if name in KINDS else None, layout="constrained")
        plot(array, name, drawn.subplots(), **options)
    return drawn


def save(array: Drawable, path: str | Path, kind: str | None = None, **options: Any) -> Path:
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


def has_paths(array: Drawable) -> bool:
    """Return whether :func:`arrange` can arrange an array."""
    return isinstance(array, (xr.DataArray, xr.Dataset)) and has_bands(array)


def arrange(array: Drawable, variable: str | None = None, **chosen: Any) -> Arranged:
    """Return the first item (or the chosen one), averaged over the core dims, arranged by scale and angle.

    Raises
    ------
    DimensionError
        The array has no labelled dim ``path``.
    PlanError
        What would have to be computed exceeds 4 GiB.
    """
    subject = Subject.of(array, variable).present()
    check(subject.array)
    averaged = _averaged(subject, None, set(chosen))
    drawn = subject.pick(("path", *averaged), chosen).bounded().averaged(averaged).modulus().loaded()
    units = str(subject.array.coords["scale1"].attrs.get("units", "")) if "scale1" in subject.array.coords else ""
    return Arranged(name_of(subject.array), drawn.note, units, paths(drawn.array, drawn.se))


def suggest(array: Drawable, variable: str | None = None) -> str:
    """Return the kind of picture that the labels suggest."""
    return kinds(array, variable)[0]


def kinds(array: Drawable, variable: str | None = None) -> tuple[str, ...]:
    """Return the kinds that suit an array, the most telling first.

    Raises
    ------
    ParameterError
        There is none: the array has no dim that can be an axis.
    """
    found = _kinds(Subject.of(array, variable))
    return found if not isinstance(array, xr.DataTree) else tuple(kind for kind in found if not KINDS[kind].averages)


def _kinds(subject: Subject) -> tuple[str, ...]:
    data = subject.array
    axes = candidates(data)
    if is_bank(data):
        return ("filters",)
    if has_bands(data):
        return _kinds_of_paths(subject, axes)
    if len(axes) >= 2:
        return ("planes", "field") if data.dtype.kind == "c" else ("field",)
    if len(axes) == 1:
        return ("series",)
    raise ParameterError("plot", "the array has no dim that can be an axis", got=tuple(data.dims), remedy="Name one: dims=.")


def _kinds_of_paths(subject: Subject, axes: tuple[str, ...]) -> tuple[str, ...]:
    data = subject.array
    first = bool((data.coords["order"].values == 1).any())
    spectrum = ("spectrum",) if first else ()
    if "theta1" in data.coords and bool(np.isfinite(data.coords["theta1"].values).any()):
        planes = ("planes",) if len(axes) >= 2 and data.dtype.kind == "c" else ()
        if subject.se is not None:
            return (*spectrum, "coefficients", "disc")
        return (*planes, "coefficients", "disc", *spectrum)
    over_time = first and bool(axes) and subject.se is None and {"xi1", "scale1"} <= set(data.coords)
    return (*(("scalogram" if _is_wavelet(data) else "scattergram",) if over_time else ()), *spectrum, "coefficients")


def _is_wavelet(array: xr.DataArray) -> bool:
    """Whether the values are a wavelet transform or its modulus, by dtype or provenance, and not averages of it."""
    names = record.operators(array)
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
