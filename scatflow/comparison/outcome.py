"""``compare``: two results aligned on labels, tested coefficient by coefficient and as a whole."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from scatflow.comparison import conditions
from scatflow.comparison.chi_square import ChiSquare, chi_square
from scatflow.comparison.coefficients import Differences, Means, differences, shared_dof
from scatflow.comparison.energy import energy_test
from scatflow.comparison.meeting import Meeting, On, meet, shared_coords
from scatflow.comparison.summary import summary
from scatflow.contract.average import ORDERED_NAMES
from scatflow.errors import DimensionError, DtypeError, ParameterError, near

Input = xr.DataArray | xr.Dataset | str | Path

#: Dim whose items are taken for independent samples where none is named.
REALIZATION = "realization"
_ATTRS = {
    "mean_a": "mean of a", "mean_b": "mean of b", "se_a": "standard error of a", "se_b": "standard error of b",
    "difference": "a - b", "ratio": "a / b", "se": "standard error of the difference", "z": "difference over its standard error",
    "dof": "degrees of freedom of the standard error", "p": "two-sided p", "q": "false-discovery rate",
}  # fmt: skip


def compare(
    a: Input,
    b: Input,
    *,
    sample: str | Sequence[str] | None = None,
    variable: str | None = None,
    on: On = "labels",
    allow: Sequence[str] = (),
    n_permutations: int = 999,
    seed: int = 0,
) -> xr.Dataset:
    """Compare two results, aligned on their labels.

    Parameters
    ----------
    a, b : Dataset, DataArray or path
        Both the same: statistics with errors (``mean``, ``se`` and, where known, ``dof`` and ``covariance``, as
        ``scattering_moments`` gives them), or ensembles of coefficients, one per item of the dims ``sample``. Paths are
        those of result stores. The data behind a and b must be independent.
    sample : str or sequence of str, optional
        Dims of ensembles whose items are independent samples; default ``realization`` where there is one.
    variable : str, optional
        Variable of Datasets to take as an ensemble; may be left out where there is one, or a ``mean`` with ``se``.
    on : {"labels", "index", "scale"}
        How coefficients meet: by whole-number labels that stand for the same scales and angles, by these numbers
        whatever they stand for, or by scales and angles whatever their numbers.
    allow : sequence of str
        Fields in which the two may differ although their numbers then mean something else: ``"filters"``,
        ``"normalization"``, ``"boundary"``, ``"input"``, ``"units"``, ``"preparation"``, ``"operators"``, ``"T"``. Recorded.
    n_permutations, seed : int
        Of the permutation test of ensembles.

    Returns
    -------
    Dataset
        ``mean_a, mean_b, se_a, se_b, difference, ratio, se, z, dof, p, q`` on the labels that both have, float64;
        see :func:`scatflow.comparison.coefficients.differences`. Attributes hold the test of everything together
        (``global_test``, ``global_statistic``, ``global_dof``, ``global_p``, ``shrinkage``, ``assumption``), what only one
        of them has (``only_a``, ``only_b``), what differs and was allowed (``differing``), what no record told
        (``unchecked``), the records (``scatflow_a``, ``scatflow_b``), and ``summary``, all of this in words.
        ``.scatflow.plot()`` draws both with bands, and z by scale.

    Raises
    ------
    ParameterError
        Filters, normalization, boundary, kind of input or units differ (each is named with both values), equal labels
        mean other scales, or a parameter is out of range.
    DimensionError
        Nothing meets, dims differ, or it is not clear what the samples are.
    DtypeError
        Values are complex: their errors say nothing of real and imaginary parts.
    StoreError
        A path holds no result.

    Notes
    -----
    Global test of statistics: chi-squared with shrunk correlations where both have a ``covariance``, else under the
    assumption that coefficients are independent, which neighbors in scale and angle are not; items of other dims are taken
    as independent (:func:`scatflow.comparison.chi_square.chi_square`). Of ensembles: energy distance with a permutation p
    (:func:`scatflow.comparison.energy.energy_test`).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, b = (xr.DataArray(x, dims=("realization", "path")) for x in rng.standard_normal((2, 50, 3)))
    >>> found = compare(a, b + 2)
    >>> bool((found.p < 0.05).all()), found.attrs["global_p"]
    (True, 0.001)
    """
    _check_parameters(on, n_permutations, allow)
    sides = [_opened(item, variable) for item in (a, b)]
    attrs = [{**dict(whole.attrs), **dict(array.attrs)} for whole, array in sides]
    statistics = [variable is None and _has_errors(whole) for whole, _ in sides]
    if statistics[0] != statistics[1]:
        raise ParameterError("compare", "one holds statistics with errors, the other does not", expected="both the same",
                             got=f"{_kind(statistics[0])} and {_kind(statistics[1])}")  # fmt: skip
    differing, unchecked = conditions.check(attrs[0], attrs[1], allow)
    for _, array in sides:
        if array.dtype.kind not in "fiub":
            raise DtypeError("compare", "real values are needed", got=str(array.dtype),
                             remedy="Compare moduli, or real and imaginary parts with errors of their own.")  # fmt: skip
    if statistics[0]:
        found = _compared_statistics(sides[0][0], sides[1][0], on)
    else:
        rows = _rows([array for _, array in sides], sample)
        found = _compared_ensembles(sides[0][1], sides[1][1], rows, on, n_permutations, seed)
    words = {"differing": "; ".join(differing), "allow": ", ".join(allow), "unchecked": ", ".join(unchecked), "on": on}
    records = {f"scatflow_{key}": str(one["scatflow"]) for key, one in zip("ab", attrs, strict=True) if "scatflow" in one}
    units = attrs[0].get("units")
    for name in ("mean_a", "mean_b", "se_a", "se_b", "difference", "se"):
        found[name].attrs |= {"units": units} if units and units == attrs[1].get("units") else {}
    long_name = {"long_name": attrs[0]["long_name"]} if "long_name" in attrs[0] else {}
    found = found.assign_attrs({**long_name, **{key: value for key, value in words.items() if value}, **records})
    return found.assign_attrs(summary=summary(found))


def _check_parameters(on: str, n_permutations: int, allow: Sequence[str]) -> None:
    if on not in ("labels", "index", "scale"):
        raise ParameterError("compare.on", "unknown value", expected="labels | index | scale", got=repr(on),
                             remedy=near(str(on), ("labels", "index", "scale")))  # fmt: skip
    if isinstance(n_permutations, bool) or not isinstance(n_permutations, int) or n_permutations < 1:
        raise ParameterError("compare.n_permutations", "is a positive integer", got=repr(n_permutations))
    if isinstance(allow, str):
        raise ParameterError("compare.allow", "is a sequence of names", expected=f"allow=({allow!r},)", got=repr(allow))


def _has_errors(item: Any) -> bool:
    return isinstance(item, xr.Dataset) and {"mean", "se"} <= set(map(str, item.data_vars))


def _kind(statistics: bool) -> str:
    return "statistics" if statistics else "an array"


def _opened(item: Any, variable: str | None) -> tuple[Any, xr.DataArray]:
    """Return a result as it is and the array whose values are compared."""
    if isinstance(item, (str, Path)):
        from scatflow.store import open_result  # brings in zarr, which arrays from elsewhere do not need

        item = open_result(item)
    if isinstance(item, xr.DataArray):
        return item, item
    if not isinstance(item, xr.Dataset):
        raise ParameterError("compare", "cannot be compared", expected="Dataset, DataArray or path of a result", got=type(item).__name__,
                             remedy='Of a DataTree compare groups one by one: tree["j0"].to_dataset().')  # fmt: skip
    names = [str(name) for name in item.data_vars]
    if variable is None and _has_errors(item):
        return item, item["mean"]
    chosen = variable if variable is not None else names[0] if len(names) == 1 else ""
    if chosen not in names:
        raise ParameterError("compare.variable", "names one of several variables", expected=f"one of {names}", got=repr(variable),
                             remedy=near(chosen, names))  # fmt: skip
    record = {"scatflow": item.attrs["scatflow"]} if "scatflow" in item.attrs else {}
    return item[chosen], item[chosen].assign_attrs({**record, **item[chosen].attrs})


def _rows(arrays: Sequence[xr.DataArray], sample: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the dims whose items are samples."""
    rows = (sample,) if isinstance(sample, str) else tuple(sample or ())
    if not rows and all(REALIZATION in array.dims for array in arrays):
        rows = (REALIZATION,)
    for array in arrays:
        missing = [dim for dim in rows if dim not in array.dims]
        if missing or not rows:
            raise DimensionError("compare.sample", "names the dims whose items are independent samples", expected=f"dims among {array.dims}",
                                 got=sample, remedy=near(missing[0], map(str, array.dims)) if missing else None, code="DimensionMissing")  # fmt: skip
        for dim in rows:
            dated = dim in array.coords and array.coords[dim].dtype.kind in "mM"
            if dim in ORDERED_NAMES or dated or ("support_end" in array.coords and dim in array.coords["support_end"].dims):
                raise DimensionError("compare.sample", f"the items of {dim!r} follow one another, so they are no independent samples",
                                     code="SamplesOrdered", remedy=f'Average over it with errors that know of it, scattering_moments(over=("{dim}",)), or, if '
                                     f'they lie further apart than correlations reach, say so by another name: .rename({dim}="sample").drop_vars("sample").')  # fmt: skip
    return rows


def _means(whole: xr.Dataset) -> Means:
    mean = np.asarray(whole["mean"].values, dtype=np.float64)
    dof = np.asarray(whole["dof"].values, dtype=np.float64) if "dof" in whole else np.full(mean.shape, np.nan)
    return Means(mean, np.asarray(whole["se"].values, dtype=np.float64), dof)


def _compared_statistics(a: xr.Dataset, b: xr.Dataset, on: On) -> xr.Dataset:
    """Compare means by their errors."""
    dims = _common_dims(a["mean"], b["mean"])
    paired = all({"covariance", "n_eff"} <= set(map(str, data.data_vars)) for data in (a, b))
    names = ["mean", "se", *(["dof"] if "dof" in a and "dof" in b else []), *(["covariance", "n_eff"] if paired else [])]
    met = meet(a[names], b[names], dims, on)
    ready = [data.transpose(*dims, ...).compute() for data in (met.a, met.b)]
    means = [_means(data) for data in ready]
    found = differences(*means)
    if paired:
        total = _chi_square(found.score, means, [_covariance(data) for data in ready])
        assumption = "correlations of coefficients as estimated, shrunk; items of other dims independent"
    else:
        total = _chi_square(found.score, means, None)
        assumption = "coefficients independent, which neighbors in scale and angle are not: compute both with covariance=True"
    tested = {"global_test": "chi-squared", "global_statistic": total.statistic, "global_dof": total.dof, "global_p": total.p,
              "shrinkage": total.shrinkage, "global_count": total.count, "assumption": assumption}  # fmt: skip
    return _labelled(met, dims, means, found).assign_attrs(tested)


def _covariance(data: xr.Dataset) -> np.ndarray:
    """Return the covariance of the means, (..., K, K): that between units over the effective number of units."""
    dims = [str(dim) for dim in data["mean"].dims]
    between = data["covariance"].transpose(*dims, f"{dims[-1]}_2").values
    root = np.sqrt(data["n_eff"].values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(between / (root[..., :, None] * root[..., None, :]))


def _chi_square(score: np.ndarray, means: Sequence[Means], covariances: Sequence[np.ndarray] | None) -> ChiSquare:
    """Test every item of the other dims by itself, and add the statistics up."""
    width = score.shape[-1] if score.ndim else 1
    matrices = None if covariances is None else (covariances[0] + covariances[1]).reshape(-1, width, width)
    parts = []
    for k, row in enumerate(score.reshape(-1, width)):
        usable, correlation = np.isfinite(row), None
        if matrices is not None:
            scale = np.sqrt(np.diag(matrices[k]))
            with np.errstate(invalid="ignore", divide="ignore"):
                correlation = matrices[k] / (scale[:, None] * scale[None, :])
            usable &= np.isfinite(np.diag(correlation))
            correlation = correlation[np.ix_(usable, usable)]
        a, b = (Means(*(part.reshape(-1, width)[k][usable] for part in (one.mean, one.se, one.dof))) for one in means)
        parts.append(chi_square(row[usable], correlation, shared_dof(a, b)))
    return _summed([part for part in parts if part.count])


def _summed(parts: Sequence[ChiSquare]) -> ChiSquare:
    from scipy.special import chdtrc

    if not parts:
        return chi_square(np.zeros(0), None, np.inf)
    statistic, dof = sum(part.statistic for part in parts), sum(part.dof for part in parts)
    shrinkage = float(np.mean([part.shrinkage for part in parts]))
    return ChiSquare(statistic, dof, float(chdtrc(dof, statistic)), shrinkage, sum(part.count for part in parts))


def _compared_ensembles(
    a: xr.DataArray, b: xr.DataArray, rows: Sequence[str], on: On, n_permutations: int, seed: int
) -> xr.Dataset:
    """Compare means over samples, and the distributions of samples."""
    dims = [dim for dim in _common_dims(a, b) if dim not in rows]
    met = meet(_without(a, rows), _without(b, rows), dims, on)
    arrays = [data["values"].transpose(*rows, *dims).compute() for data in (met.a, met.b)]
    tables = [np.asarray(array.values, dtype=np.float64).reshape(math.prod(array.shape[: len(rows)]), -1) for array in arrays]
    for key, table in zip("ab", tables, strict=True):
        if len(table) < 2:
            raise DimensionError("compare.sample", f"{key} has too few samples", expected="at least 2", got=len(table))
    shape = tuple(arrays[0].sizes[dim] for dim in dims)
    means = [Means(table.mean(axis=0).reshape(shape), (table.std(axis=0, ddof=1) / np.sqrt(len(table))).reshape(shape),
                   np.full(shape, len(table) - 1.0)) for table in tables]  # fmt: skip
    found = differences(*means)
    test = energy_test(tables[0], tables[1], n_permutations, seed)
    tested = {"global_test": "energy distance", "global_statistic": test.distance, "global_p": test.p, "shrinkage": test.shrinkage,
              "global_count": test.features, "n_permutations": n_permutations, "seed": seed, "samples_a": len(tables[0]),
              "samples_b": len(tables[1]), "assumption": f"items of {', '.join(rows)} independent and exchangeable"}  # fmt: skip
    return _labelled(met, dims, means, found).assign_attrs(tested)


def _without(array: xr.DataArray, rows: Sequence[str]) -> xr.Dataset:
    """Return an array as a Dataset without the labels of its samples, which need not meet."""
    return array.drop_vars([name for name, coord in array.coords.items() if set(coord.dims) & set(rows)]).to_dataset(name="values")


def _common_dims(a: xr.DataArray, b: xr.DataArray) -> list[str]:
    if set(a.dims) != set(b.dims):
        raise DimensionError("compare", "the results have other dims", expected=a.dims, got=b.dims, code="DimensionsDiffer",
                             remedy="Select or average what only one of them has.")  # fmt: skip
    return [str(dim) for dim in a.dims]


def _labelled(met: Meeting, dims: Sequence[str], means: Sequence[Means], found: Differences) -> xr.Dataset:
    values: Mapping[str, Any] = {
        "mean_a": means[0].mean, "mean_b": means[1].mean, "se_a": means[0].se, "se_b": means[1].se,
        **{name: getattr(found, name) for name in ("difference", "ratio", "se", "z", "dof", "p", "q")},
    }  # fmt: skip
    variables: dict[Hashable, Any] = {name: (tuple(dims), value, {"long_name": _ATTRS[name]}) for name, value in values.items()}
    keep = set(dims)
    coords = {name: coord for name, coord in shared_coords(met.a, met.b).items() if set(coord.dims) <= keep}
    lost = {f"only_{key}": list(words) for key, words in (("a", met.only_a), ("b", met.only_b)) if words}
    return xr.Dataset(variables, coords=coords, attrs=lost)
