"""``advise``: how many octaves data can bear, from labels alone, by the rules of the operator itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from scatflow.advice.table import Advice, readable
from scatflow.contract import Operator, Ref, Window
from scatflow.errors import ChunkError, DimensionError, ParameterError, near
from scatflow.graph import Call, bind
from scatflow.labels import spec_of
from scatflow.plan import Rates
from scatflow.plan.memory import Projection, project
from scatflow.plan.rates import speed_of
from scatflow.registry import registry
from scatflow.spec import ArraySpec

#: Independent windows that averages should rest on at least.
ENOUGH = 30
#: Relative change of a coefficient above which a border is said to touch it.
TOUCHED = 1e-2
#: Share of touched outputs that is worth a word.
MANY = 0.5
#: What is priced: orientations in two and three dims, bands per octave in one.
PRICED: dict[int, tuple[str, tuple[int, ...]]] = {1: ("Q", (1, 8, 12)), 2: ("L", (4, 6, 8)), 3: ("L", (6, 10, 15))}
#: The operator that is advised on, and dims that are realizations by their name.
OPERATOR, REALIZATION = "scattering", "realization"


def advise(
    data: xr.DataArray | xr.Dataset | str | Path | Any,
    dims: Sequence[str] | None = None,
    *,
    variable: str | None = None,
    over: Sequence[str] | None = None,
    **parameters: Any,
) -> Advice:
    """Advise on the octaves of a scattering transform, and tell what they cost. Reads labels, no data.

    Parameters
    ----------
    data : DataArray, Dataset, array or path
        The input, or a store or file that holds it. Integers are taken to be converted to float32.
    dims : sequence of str, optional
        Core dims; default all.
    variable : str, optional
        Variable of a Dataset, store or file that holds several.
    over : sequence of str, optional
        Batch dims whose items are realizations; default ``realization`` where there is one. Others are no part of n_eff.
    **parameters
        Of the operator ``scattering``: ``filters``, ``boundary``, ``metric``, ``sampling``, ``order``, ``T``, ``stride``, ...
        A value of L or Q is priced in place of the usual ones.

    Returns
    -------
    Advice
        ``n_eff(j) = prod(N / 2^j) x realizations``, N the lengths of the core dims in samples of the coarsest of them: as many
        windows of 2^j samples lie side by side. J is the largest one with n_eff(J) >= 30, at least 1. Border shares come from the
        operator's reach at 1e-2 along core dims that are not periodic, segment by segment. Flops are the operator's own;
        seconds rest on the rates measured on this machine (``scatflow plan --calibrate``).

    Raises
    ------
    RegistryError
        No plugin provides ``scattering``; the text says what to install.
    DimensionError, ParameterError
        As the operator says of dims, coordinates and parameters; a core dim is shorter than 2 samples.

    Examples
    --------
    >>> field = xr.DataArray(np.zeros((10, 256, 256), "float32"), dims=("realization", "y", "x"))
    >>> advice = advise(field, dims=("y", "x"))
    >>> advice.J, float(advice.octaves["n_eff"].sel(j=7)), int(advice.costs["paths"].sel(L=8))
    (7, 40.0, 1401)
    """
    if "J" in parameters:
        raise ParameterError("advise.J", "is what is advised on", got=parameters["J"], remedy="Leave it out.")
    declared: type[Operator] = registry().find("operators", OPERATOR)
    spec = spec_of(_opened(data, variable, dims))
    if np.dtype(spec.dtype).kind in "iub":
        parameters = {"dtype": "float32", **parameters}

    def bound(**own: Any) -> Call:
        return bind(declared(**{"dims": dims, **parameters, **own}), spec)

    first = bound(J=0)
    extent, coarsest = _extent(first, parameters.get("metric", "space"))
    most = math.floor(math.log2(min(extent)) + 1e-9)
    if most < 1:
        raise DimensionError("advise.dims", "a core dim is too short for any wavelet", expected="at least 2 samples of the coarsest axis",
                             got=f"{min(extent):g}")  # fmt: skip
    realizations = _realizations(first, spec, over)
    octaves = _octaves(bound, extent, coarsest, most, realizations)
    enough = octaves["j"].values[octaves["n_eff"].values >= ENOUGH]
    J = max(1, int(enough.max(initial=0)))
    costs = _costs(bound, spec, J, parameters)
    return Advice(J, _why(J, octaves, realizations, extent), octaves, costs)


def _opened(data: Any, variable: str | None, dims: Sequence[str] | None) -> xr.DataArray:
    """Return the array that is meant, lazy where it comes from a file."""
    if isinstance(data, (str, Path)):
        from scatflow.pipeline import open_source

        return open_source(data, variable)
    if isinstance(data, xr.Dataset):
        names = [str(name) for name, array in data.data_vars.items() if set(dims or ()) <= set(array.dims)]
        chosen = variable if variable is not None else names[0] if len(names) == 1 else ""
        if chosen not in names:
            raise ParameterError("advise.variable", "names one of several variables", expected=f"one of {names}", got=repr(variable),
                                 remedy=near(chosen, names))  # fmt: skip
        return data[chosen]
    return data if isinstance(data, xr.DataArray) else xr.DataArray(data)


def _extent(call: Call, metric: Any) -> tuple[list[float], float]:
    """Return the lengths of the core dims in samples of the coarsest, and its step."""
    axes = call.kernel.axes
    steps = [abs(axis.step) for axis in axes] if metric == "space" else [1.0] * len(axes) if metric == "index" else list(metric)
    return [axis.size * step / max(steps) for axis, step in zip(axes, steps, strict=True)], max(steps) if metric == "space" else 1.0


def _realizations(call: Call, spec: ArraySpec, over: Sequence[str] | None) -> int:
    names = ([REALIZATION] if REALIZATION in spec.dims else []) if over is None else list(over)
    batch = [dim for dim in spec.dims if dim not in call.kernel.core]
    for dim in names:
        if dim not in batch:
            raise DimensionError("advise.over", f"{dim!r} is no batch dim", expected=f"dims among {batch}", got=tuple(names),
                                 remedy=near(dim, batch), code="DimensionMissing")  # fmt: skip
    return math.prod(spec.sizes[dim] for dim in names)


def _octaves(bound: Any, extent: Sequence[float], coarsest: float, most: int, realizations: int) -> xr.Dataset:
    """Return the table by octave."""
    labels = bound(J=most, order=1).outputs[""].coords
    octave, scale = (np.asarray(labels[name].values) for name in ("j1", "scale1"))
    finest = float(np.nanmin(scale[octave == 0]))
    unit = str(labels["scale1"].attrs.get("units") or "1")
    units = {"units": "samples" if unit == "1" else unit}
    j = np.arange(most + 1)
    count = np.array([math.prod(n / 2.0**k for n in extent) * realizations for k in j])
    return xr.Dataset(
        {
            "wavelength": ("j", finest * 2.0**j, {**units, "long_name": "wavelength of the finest band of the octave"}),
            "window": ("j", coarsest * 2.0**j, {**units, "long_name": "2^j samples"}),
            "n_eff": ("j", count, {"units": "1", "long_name": "independent windows of 2^j samples"}),
            "border": ("j", np.array([_border(bound(J=int(k), order=1)) for k in j]),
                       {"units": "1", "long_name": f"share of outputs that borders change by more than {TOUCHED:g}"}),
        },
        coords={"j": ("j", j, {"long_name": "octave"})},
    )  # fmt: skip


def _border(call: Call) -> float:
    """Return the share of outputs that something beyond a border can change."""
    kernel = call.kernel
    assert isinstance(kernel.operator, Window)
    try:
        reach = kernel.operator.depth(TOUCHED)
    except ChunkError:  # no finite reach
        return 1.0
    inside = 1.0
    for role, axis, rule in zip(kernel.roles, kernel.axes, kernel.boundary, strict=True):
        if rule != "periodic":
            inside *= sum(max(0, stop - start - sum(reach[role])) for start, stop in axis.spans()) / axis.size
    return 1.0 - inside


def _costs(bound: Any, spec: ArraySpec, J: int, parameters: dict[str, Any]) -> xr.Dataset:
    """Return the table of what is priced."""
    name, values = PRICED[len(bound(J=J).kernel.core)]
    values = (parameters[name],) if name in parameters else values
    rates = _rates()
    rows = []
    for value in values:
        call = bound(J=J, **{name: value})
        result, one = call.outputs[""], _per_item(call, spec)
        items = math.prod(size for dim, size in spec.sizes.items() if dim not in call.kernel.core)
        seconds = (math.nan, math.nan)
        if rates is not None:
            rate, (low, high) = speed_of(OPERATOR, one.peak, rates)
            seconds = (low * one.flops * items / rate, high * one.flops * items / rate)
        rows.append((result.sizes["path"], result.nbytes, one.flops * items, *seconds))
    columns = zip(*rows, strict=True)
    words = (("paths", "1"), ("bytes", "byte"), ("flops", "1"), ("seconds_low", "s"), ("seconds_high", "s"))
    keys = np.array([str(value) if isinstance(value, tuple) else value for value in values])
    return xr.Dataset({key: (name, np.array(column), {"units": unit}) for (key, unit), column in zip(words, columns, strict=True)},
                      coords={name: keys})  # fmt: skip


def _per_item(call: Call, spec: ArraySpec) -> Projection:
    """Return what one item of the batch dims needs."""
    box = {dim: (0, min(1, size)) for dim, size in spec.sizes.items() if dim not in call.kernel.core}
    data, node = Ref("input"), OPERATOR
    return project({node: call}, {node: (data,)}, {data: spec, Ref(node): call.outputs[""]}, box)


def _rates() -> Rates | None:
    from scatflow.run import load_rates  # brings in the cluster

    return load_rates()


def _why(J: int, octaves: xr.Dataset, realizations: int, extent: Sequence[float]) -> str:
    """Return the reason in one sentence."""
    (unit, factor), count = readable(octaves["window"]), octaves["n_eff"]
    window = f"{float(octaves['window'].sel(j=J)) / factor:.4g} {unit}"
    fields = f" in {realizations} realizations" if realizations > 1 else ""
    touched = float(octaves["border"].sel(j=J))
    here = f"J = {J}: windows of 2^{J} samples ({window}) leave {float(count.sel(j=J)):.3g} independent averages{fields}"
    here += f", {touched:.0%} of them touched by borders" if touched >= MANY else ""
    if float(count.sel(j=J)) < ENOUGH:
        return f"{here}; that is fewer than {ENOUGH}, too few for reliable errors at any scale."
    if int(octaves["j"].max()) == J:
        return f"{here}; no larger window fits the shortest core dim ({min(extent):.4g} samples)."
    return f"{here}; at J = {J + 1} there would be {float(count.sel(j=J + 1)):.3g}, fewer than the {ENOUGH} that errors should rest on."
