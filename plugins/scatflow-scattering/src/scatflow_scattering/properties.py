"""What a representation is worth, as numbers: contraction, energy, invariance to translations, stability to deformations.

Any operator or function of labelled signals can be asked, and fail. The statements are those of Mallat (2012), "Group
invariant scattering", and of Bruna and Mallat (2013), "Invariant scattering convolution networks".
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from scatflow.errors import ParameterError, near
from scatflow_scattering.finding import Finding, Report
from scatflow_scattering.harmonic_scattering import HarmonicScattering
from scatflow_scattering.harmonic_symmetries import is_homogeneous, turns
from scatflow_scattering.parameters import TreeParameters
from scatflow_scattering.probe import scale_free
from scatflow_scattering.representation import (
    Dims,
    Representation,
    columns,
    deformed,
    dims_of,
    family_of,
    features,
    flat,
    frame_bound,
    gradient_of,
    name_of,
    norms,
    stacked,
)
from scatflow_scattering.residual import is_exact, residual_energy
from scatflow_scattering.scattering import Scattering
from scatflow_scattering.stability import CONSTANT, commutator, cropped, wavelet_stability
from scatflow_wavelet.displacement import Family
from scatflow_wavelet.parameters import BankParameters
from scatflow_wavelet.wavelet import Wavelet

__all__ = ["commutator", "contraction", "deformation", "energy", "invariance", "report", "rotation", "translation",
           "wavelet_stability"]  # fmt: skip

Question = Callable[[], Finding | tuple[Finding, ...]]

#: Rounding that exact statements may show.
EXACT = 1e-10
#: Sizes of deformation over which slopes are fitted.
SIZES = (0.005, 0.01, 0.02, 0.04, 0.08)
#: A distance has to grow like the gradient to this power.
SLOPE = (0.9, 1.1)
#: How a change by a translation depends on the averaging scale.
DECAY = (-1.2, -0.8)


def contraction(
    phi: Representation, signals: xr.DataArray, *, dims: Dims = None, bound: float | None = None, pairs: int = 64, seed: int = 0
) -> Finding:
    """Return the largest ``|Phi x - Phi y| / |x - y|`` over pairs of signals.

    Parameters
    ----------
    phi : Operator or callable
        The representation.
    signals : DataArray
        Items along all dims but the core dims.
    dims : str or tuple of str, optional
        One to three core dims; default those of the operator, or all.
    bound : float, optional
        What the ratio may be; default the root of :func:`~scatflow_scattering.representation.frame_bound`, plus 1e-10.
    pairs : int
        Number of pairs: a signal with itself plus noise of 1e-6 to 1 of its size, with its neighbor, its mirror image and
        nothing, in turn.
    seed : int
        Of the noise.

    Returns
    -------
    Finding
        A lower bound of the Lipschitz constant.

    Examples
    --------
    >>> x = xr.DataArray(np.random.default_rng(0).standard_normal((4, 64)), dims=("item", "x"))
    >>> contraction(abs, x, dims="x").passed, contraction(lambda z: z**2, x, dims="x").passed
    (True, False)
    """
    core = dims_of(phi, signals, dims)
    items = stacked(signals, core)
    first, second = _pairs(items, core, pairs, seed)
    apart = norms(flat(first, core) - flat(second, core))
    ratio = norms(features(phi, first, core) - features(phi, second, core))[apart > 0] / apart[apart > 0]
    limit = math.sqrt(frame_bound(phi, items, core)) + EXACT if bound is None else bound
    return Finding(
        "contraction", "largest |Phi x - Phi y| / |x - y|", float(ratio.max()), upper=limit, details={"ratio": columns(ratio)}
    )


def energy(phi: Representation, signals: xr.DataArray, *, dims: Dims = None) -> Finding:
    """Return the share of the energy that a representation keeps, by order where it has orders.

    Of a scattering transform with a tight bank, all paths, no decimation (``tree="all"``, ``oversampling`` at least J,
    ``stride=1``) and periodic signals, the shares of orders 0 to m and of what moduli of order m + 1 hold add up to 1: the
    value is that sum, the bounds 1e-10 around it. Of others it is the share kept, at most the
    :func:`~scatflow_scattering.representation.frame_bound`.

    Parameters
    ----------
    phi, signals, dims
        As for :func:`contraction`.

    Returns
    -------
    Finding
        ``details["order"]`` are shares by order, ``details["residual"]`` that of order m + 1.
    """
    core = dims_of(phi, signals, dims)
    items = stacked(signals, core)
    total = float(np.sum(norms(flat(items, core)) ** 2))
    kept = float(np.sum(norms(features(phi, items, core)) ** 2)) / total
    shares = _shares(phi, items, core, total)
    details: dict[str, tuple[float, ...]] = {"order": shares} if shares else {}
    if not is_exact(phi, items, core):
        return Finding("energy", "|Phi x|^2 / |x|^2", kept, 0.0, frame_bound(phi, items, core) + EXACT, details)
    assert isinstance(phi, Scattering)
    residual = residual_energy(phi, items, core) / total
    details["residual"] = (residual,)
    return Finding(
        "energy", "energy of all orders and of the residual layer over |x|^2", kept + residual, 1 - EXACT, 1 + EXACT, details
    )


def invariance(
    phi: Representation, signals: xr.DataArray, *, dims: Dims = None, family: Family = "translate", size: float = 1.0,
    bound: float | None = None, **deformation: Any,
) -> Finding:  # fmt: skip
    """Return the largest ``|Phi D x - Phi x| / |Phi x|`` over signals, for one transformation.

    Parameters
    ----------
    phi, signals, dims
        As for :func:`contraction`.
    family, size, **deformation
        Parameters of the operator ``deform``; default a translation by one sample along every core dim. Translations are
        periodic.
    bound : float, optional
        What the change may be. Default none, but for translations and a mean over a periodic core (``T="global"``, solid
        harmonic scattering) 1e-10
        where nothing is decimated (``oversampling`` at least J), else ``10^-(2 + oversampling)``.
    """
    core = dims_of(phi, signals, dims)
    items = stacked(signals, core)
    here = features(phi, items, core)
    there = features(phi, deformed(items, core, family, size, **deformation), core)
    change = norms(there - here) / norms(here)
    limit = _global_bound(phi) if bound is None and family == "translate" else math.inf if bound is None else bound
    return Finding("invariance", f"largest |Phi D x - Phi x| / |Phi x|, {family} by {size:g}", float(change.max()), upper=limit,
                   details={"change": columns(change)})  # fmt: skip


def rotation(phi: Representation, signals: xr.DataArray, *, dims: Dims = None, bound: float | None = None) -> Finding:
    """Return the largest ``|Phi R x - Phi x| / |Phi x|`` over signals and over the turns R of a periodic grid onto itself.

    Turns by other angles need values between samples, whose error would be the answer: evaluate a formula on turned positions,
    or ask :func:`invariance` with ``family="rotate"``.

    Parameters
    ----------
    phi, signals, dims
        As for :func:`contraction`; two or three core dims. Axes change places where they have the same length
        and step.
    bound : float, optional
        What the change may be. Default none, but 1e-10 for solid harmonic scattering of periodic fields whose lengths are
        multiples of the coarsest step, with the filters of our own.

    Returns
    -------
    Finding
        ``details["change"]``: the largest of each turn.
    """
    core = dims_of(phi, signals, dims)
    items = stacked(signals, core)
    here = features(phi, items, core)
    change = [float(np.max(norms(features(phi, one, core) - here) / norms(here))) for one in turns(items, core)]
    limit = (EXACT if _turns_exactly(phi, items, core) else math.inf) if bound is None else bound
    return Finding("rotation", f"largest |Phi R x - Phi x| / |Phi x|, {len(change)} turns of the grid", max(change, default=math.nan),
                   upper=limit, details={"change": tuple(change)})  # fmt: skip


def translation(
    phi: Representation | Mapping[int, Representation], signals: xr.DataArray | None = None, *, like: xr.DataArray | None = None,
    dims: Dims = None, scales: Sequence[int] | None = None, shift: float = 1.0, bounds: tuple[float, float] = DECAY,
) -> Finding:  # fmt: skip
    """Return how the change by a translation falls as the averaging scale 2^J grows: the slope of its logarithm.

    The bound of theory is ``C m |x| 2^-J |c|``. It is attained by signals with variations of all lengths; smooth envelopes
    fall faster once 2^J exceeds them, so that the default signal is a wave with an envelope without a scale.

    Parameters
    ----------
    phi : Operator or mapping
        An operator with a parameter ``J``, or J -> representation.
    signals : DataArray, optional
        Default :func:`~scatflow_scattering.probe.scale_free`, shaped like ``like``.
    like : DataArray, optional
        Gives shape and labels of the default signal.
    dims
        As for :func:`contraction`.
    scales : sequence of int, optional
        Values of J; default four from 3 on, up to a quarter of the shortest axis, in one dim, where low-passes are wider, a
        sixteenth.
    shift : float
        Translation along every core dim, in samples.
    bounds : (float, float)
        Of the slope.

    Returns
    -------
    Finding
        ``details``: ``J`` and ``change``, the root mean square over items of ``|Phi D x - Phi x| / |x|``.
    """
    given = signals if signals is not None else like
    if given is None:
        raise ParameterError("translation", "signals, or an array that gives their shape, are needed", expected="signals or like")
    core = dims_of(phi[min(phi)] if isinstance(phi, Mapping) else phi, given, dims)
    longest = int(math.log2(min(given.sizes[dim] for dim in core))) - (4 if len(core) == 1 else 2)
    family = family_of(phi, range(max(3, longest - 3), max(4, longest) + 1) if scales is None else scales)
    items = stacked(scale_free(given, core) if signals is None else signals, core)
    moved = deformed(items, core, "translate", shift)
    size = norms(flat(items, core))
    relative = [norms(features(one, moved, core) - features(one, items, core)) / size for one in family.values()]
    change = [float(np.sqrt(np.mean(values**2))) for values in relative]
    details = {"J": tuple(map(float, family)), "change": tuple(change)}
    return Finding(
        "translation", "slope of log2 |Phi x_c - Phi x| against J", _slope(2.0 ** np.array(list(family)), change), *bounds, details
    )


def deformation(
    phi: Representation, signals: xr.DataArray, *, dims: Dims = None, family: Family = "dilate", sizes: Sequence[float] = SIZES,
    slope: tuple[float, float] = SLOPE, constant: float = CONSTANT, **parameters: Any,
) -> tuple[Finding, Finding]:  # fmt: skip
    """Return how a representation moves under growing deformations: the slope of its logarithm, and the Lipschitz constant.

    ``|Phi D x - Phi x| <= C |x| |grad tau|`` at averaging scales beyond the displacement.

    Parameters
    ----------
    phi, signals, dims
        As for :func:`contraction`.
    family, **parameters
        Parameters of the operator ``deform``.
    sizes : sequence of float
        Sizes of the deformation, growing.
    slope : (float, float)
        Bounds of the slope of log distance against log gradient.
    constant : float
        Largest C allowed.

    Returns
    -------
    slope, constant : Finding
        ``details``: ``size``, ``gradient`` of the displacement, ``distance`` (root mean square over items of
        ``|Phi D x - Phi x| / |x|``).
    """
    core = dims_of(phi, signals, dims)
    items = stacked(signals, core)
    here, size = features(phi, items, core), norms(flat(items, core))
    distances, gradients = [], []
    for amount in sizes:
        moved = deformed(items, core, family, amount, **parameters)
        gradients.append(gradient_of(moved))
        relative = norms(features(phi, moved, core) - here) / size
        distances.append(float(np.sqrt(np.mean(relative**2))))
    details = {"size": tuple(map(float, sizes)), "gradient": tuple(gradients), "distance": tuple(distances)}
    largest = max(d / g for d, g in zip(distances, gradients, strict=True))
    return (
        Finding("deformation", f"slope of log |Phi D x - Phi x| against log |grad tau|, {family}", _slope(gradients, distances), *slope, details),
        Finding("lipschitz", f"largest |Phi D x - Phi x| / (|x| |grad tau|), {family}", largest, 0.0, constant, details),
    )  # fmt: skip


def report(
    phi: Representation, signals: xr.DataArray, *, dims: Dims = None, properties: Sequence[str] | None = None, **parameters: Any
) -> Report:
    """Ask a representation for all properties that make sense for it.

    Parameters
    ----------
    phi : Operator or callable
        A representation: an operator value, or a function of one DataArray.
    signals : DataArray
        Real data: items along all dims but the core dims.
    dims : str or tuple of str, optional
        One to three core dims; default those of the operator, or all.
    properties : sequence of str, optional
        Of contraction, energy, invariance, translation, deformation, commutator, wavelet_stability, rotation. Default: all but
        translation for representations without a scale J, but the next two for those without a filter bank and for volumes,
        which take hours (:mod:`scatflow_scattering.stability` has both for volumes that are small), and but rotation
        for all but solid harmonic scattering. Of that, powers other than 1 bound no distance and are asked for invariance and
        rotation alone; its means are over the whole field whatever J, so that there is no translation.
    **parameters
        Of the operator ``deform``, for the properties that deform: ``family``, ``scale``, ``seed``, ``interpolation``.

    Returns
    -------
    Report

    Raises
    ------
    ParameterError
        A property is unknown, or the representation has no such thing.

    Examples
    --------
    >>> x = xr.DataArray(np.random.default_rng(0).standard_normal((4, 128)), dims=("item", "x"))
    >>> print(report(abs, x, dims="x", properties=("contraction", "energy")))  # doctest: +ELLIPSIS
    abs: 2 of 2 properties hold
      passed  contraction: largest |Phi x - Phi y| / |x - y| = ... (≤ 1.0000000001)
      passed  energy: |Phi x|^2 / |x|^2 = 1 (≥ 0 and ≤ 1.0000000001)
    """
    every = _questions(phi, signals, dims, parameters)
    for name in properties or ():
        if name not in every:
            raise ParameterError("report.properties", f"{name_of(phi)} cannot be asked for {name!r}", expected=tuple(every), got=name,
                                 remedy=near(name, every))  # fmt: skip
    found: list[Finding] = []
    for name in every if properties is None else properties:
        result = every[name]()
        found += [result] if isinstance(result, Finding) else result
    return Report(name_of(phi), tuple(found))


def _questions(phi: Any, signals: xr.DataArray, dims: Dims, parameters: Mapping[str, Any]) -> dict[str, Question]:
    """Return property -> how it is asked, of those that make sense."""
    every: dict[str, Question] = {
        "contraction": functools.partial(contraction, phi, signals, dims=dims), "energy": functools.partial(energy, phi, signals, dims=dims),
        "invariance": functools.partial(invariance, phi, signals, dims=dims),
        "deformation": functools.partial(deformation, phi, signals, dims=dims, **parameters),
    }  # fmt: skip
    if isinstance(phi, HarmonicScattering):
        every["rotation"] = functools.partial(rotation, phi, signals, dims=dims)
        return every if is_homogeneous(phi) else {name: every[name] for name in ("invariance", "rotation")}
    if hasattr(phi, "J"):
        every["translation"] = functools.partial(translation, phi, like=signals, dims=dims)
    if isinstance(phi, BankParameters) and len(dims_of(phi, signals, dims)) < 3:  # volumes take hours to deform band by band
        wavelet = Wavelet(**{key: getattr(phi, key) for key in BankParameters.model_fields if key != "dtype"})
        every["commutator"] = lambda: commutator(*cropped(wavelet, signals, dims), **parameters)
        every["wavelet_stability"] = functools.partial(wavelet_stability, wavelet, signals, dims=dims, **parameters)
    return every


def _pairs(items: xr.DataArray, core: tuple[str, ...], count: int, seed: int) -> tuple[xr.DataArray, xr.DataArray]:
    """Return signals, and to each one that is close to it, another item, its mirror image, or nothing, in turn."""
    rng = np.random.default_rng(seed)
    numbers = np.arange(count)
    first = items.isel(item=numbers % items.sizes["item"])
    values = first.values
    axes = tuple(range(1, values.ndim))
    size = 10.0 ** rng.uniform(-6, 0, count) * values.std(axis=axes)
    noise = rng.standard_normal(values.shape) * size.reshape(-1, *(1,) * len(core))
    others = (values + noise, items.values[(numbers + 1) % items.sizes["item"]], -np.flip(values, axes), 0 * values)
    return first, first.copy(data=np.stack([others[k % 4][k] for k in numbers]))


def _global_bound(phi: Any) -> float:
    """Return how invariant to translations a mean over the whole core has to be: exactly, but for decimation."""
    is_mean = isinstance(phi, HarmonicScattering) or getattr(phi, "T", None) == "global"
    if not is_mean or getattr(phi, "boundary", None) != "periodic":
        return math.inf
    return EXACT if phi.oversampling >= phi.J else 10.0 ** -(2 + phi.oversampling)


def _turns_exactly(phi: Any, items: xr.DataArray, core: tuple[str, ...]) -> bool:
    if not isinstance(phi, HarmonicScattering) or phi.boundary != "periodic" or phi.family().profile != "scatflow":
        return False
    return all(items.sizes[dim] % 2 ** max(phi.plan().exponents) == 0 for dim in core)


def _shares(phi: Representation, items: xr.DataArray, core: tuple[str, ...], total: float) -> tuple[float, ...]:
    """Return the share of each order of a scattering transform; nothing for other representations."""
    if not isinstance(phi, TreeParameters):
        return ()
    orders = [{"order": order} for order in range(phi.order + 1)]
    return tuple(float(np.sum(norms(features(phi.replace(paths=(order,)), items, core)) ** 2)) / total for order in orders)


def _slope(sizes: Any, values: Sequence[float]) -> float:
    """Return the slope of log values against log sizes; NaN where a value is 0, -inf where all are."""
    if not any(values):
        return -math.inf
    if min(values) <= 0 or len(values) < 2:
        return math.nan
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])
