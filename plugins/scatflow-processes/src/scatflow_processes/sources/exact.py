"""What is known exactly about the law of a source: probability of a sample, entropy, and the floor of entropy errors.

``neg_log_prob(process, x)``, ``entropy(process)`` and ``floor(process)`` take any source. A class whose law is tractable
implements `Exact`; one whose law is not says, by `Intractable`, what can be computed instead.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from scatflow.contract import Source
from scatflow.errors import DimensionError
from scatflow.spec import ArraySpec

Numbers = npt.NDArray[np.float64]


class Exact:
    """A source whose law is known in closed form."""

    @abstractmethod
    def neg_log_prob(self, x: npt.NDArray[Any]) -> Numbers:
        """Return ``-ln p / d`` of samples in nats per site: ``x`` has the dims of one realization last, the others are kept."""

    @abstractmethod
    def entropy(self) -> float:
        """Return the entropy in nats per site."""

    @abstractmethod
    def floor(self) -> float:
        """Return the variance of `neg_log_prob` of one realization over the square of its mean."""


class Intractable:
    """A source whose law is known but has no closed form."""

    #: What can be computed instead, as the end of a sentence.
    instead: ClassVar[str]


def neg_log_prob(process: Source, x: Any) -> Any:
    """Return minus the log-probability (or density) per site of samples under the law of a source.

    Parameters
    ----------
    process : Source
        Its parameters define the law; its seed and number of realizations play no part.
    x : array_like or xarray.DataArray
        Samples with the dims of one realization: last and in their order, or by name where labelled. Other dims are
        kept.

    Returns
    -------
    ndarray or DataArray of float64
        ``-ln p(x) / d`` in nats per site, d sites in one realization, over the other dims; labelled as ``x`` is.

    Raises
    ------
    NotImplementedError
        If the law has no closed form; says what can be computed instead.
    DimensionError
        If ``x`` does not have the dims or the shape of a realization.
    ValueError
        If ``x`` holds values the process never takes.

    Examples
    --------
    >>> from scatflow_processes.sources.points import Bernoulli
    >>> field = Bernoulli(size=4, intensity=0.25)
    >>> round(float(neg_log_prob(field, [[0, 0, 0, 1]] + 3 * [[0, 0, 0, 0]])), 6)
    0.356345
    """
    law, spec = _law(process, "probability"), _one(process)
    dims = getattr(x, "dims", None)
    if dims is None:
        values = np.asarray(x)
        if values.shape[-len(spec.shape) :] != spec.shape:
            raise DimensionError("x", "samples need the shape of a realization", expected=f"(..., {', '.join(map(str, spec.shape))})",
                                 got=values.shape)  # fmt: skip
        return law.neg_log_prob(values)
    if not set(spec.dims) <= set(dims) or any(x.sizes[dim] != size for dim, size in spec.sizes.items()):
        raise DimensionError("x", "samples need the dims of a realization", expected=spec.sizes, got=dict(x.sizes))
    first = x.isel(dict.fromkeys(spec.dims, 0), drop=True)
    result = first.copy(data=law.neg_log_prob(x.transpose(..., *spec.dims).transpose(*first.dims, *spec.dims).values))
    result.attrs = {"units": "1", "long_name": "minus log-probability per site", "process": process.name}
    return result.rename("neg_log_prob")


def entropy(process: Source) -> float:
    """Return the entropy of a source's law in nats per site.

    Parameters
    ----------
    process : Source
        Its parameters define the law.

    Returns
    -------
    float
        ``H = E[-ln p] / d`` with d sites in one realization.

    Raises
    ------
    NotImplementedError
        If the law has no closed form; says what can be computed instead.

    Examples
    --------
    >>> from scatflow_processes.sources.points import Bernoulli
    >>> round(entropy(Bernoulli(size=16, intensity=0.5)), 6)
    0.693147
    """
    return _law(process, "entropy").entropy()


def floor(process: Source) -> float:
    """Return the relative squared error of the entropy that single true samples have.

    Parameters
    ----------
    process : Source
        Its parameters, size included, define the law.

    Returns
    -------
    float
        ``Var(-ln p) / (d H)^2``, of order one over the number of sites.

    Raises
    ------
    NotImplementedError
        If the law has no closed form; says what can be computed instead.

    Examples
    --------
    >>> from scatflow_processes.sources.points import Bernoulli
    >>> round(floor(Bernoulli(size=64, intensity=0.02)), 6)
    0.007541
    """
    return _law(process, "entropy").floor()


def _law(process: Source, asked: str) -> Exact:
    """Return the process as one with a known law, or raise, naming what can be computed."""
    if isinstance(process, Exact):
        return process
    name = process.name or type(process).__name__
    if isinstance(process, Intractable):
        raise NotImplementedError(f"the {asked} of {name} has no closed form; {process.instead}")
    raise NotImplementedError(
        f"no closed form is known here for the {asked} of {name}; statistics of its realizations can be computed"
    )


def _one(process: Source) -> ArraySpec:
    """Return the spec of the default variable of one realization."""
    found = process.describe()
    spec = found if isinstance(found, ArraySpec) else next(iter(found.values()))
    return spec.without("realization")
