"""Results of different sizes, such as wavelet bands sampled octave by octave, as one array on the finest grid."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from scatflow.errors import DimensionError


def are_octaves(tree: xr.DataTree) -> bool:
    """Tell whether the groups of a tree are paths of one transform, sampled at different steps."""
    found = _arrays(tree)
    dims = {frozenset(array.dims) for array in found}
    return bool(found) and len(dims) == 1 and all({"order", "j1", "l1"} <= set(array.coords) for array in found)


def joined(tree: xr.DataTree) -> xr.DataArray:
    """Return the groups of a tree as one array on the grid of the finest, each sample held up to halfway to the next.

    Nothing is computed: lazy groups give a lazy array.

    Raises
    ------
    DimensionError
        The groups are not paths of one transform.
    """
    if not are_octaves(tree):
        names = [node.path.strip("/") for node in tree.leaves]
        raise DimensionError("plot", "the groups of the tree are no paths of one transform, so they have no common picture", got=names,
                             remedy=f'Draw one of them: tree["{names[0]}"].to_dataset().scatflow.plot().', code="GroupsDiffer")  # fmt: skip
    found = _arrays(tree)
    finest = max(found, key=lambda array: array.size // array.sizes["path"])
    fine = finest.isel(path=0, drop=True)
    aligned = []
    for array in found:
        places = {dim: _nearest(array, fine, str(dim)) for dim in fine.dims if array.sizes[dim] != fine.sizes[dim]}
        own = array.drop_vars([name for name, coord in array.coords.items() if coord.dims != ("path",)])
        aligned.append(own.isel(places))
    whole = xr.concat(aligned, dim="path", coords="minimal", compat="override", join="override", combine_attrs="override")
    return whole.assign_coords({name: coord for name, coord in fine.coords.items() if name not in whole.coords})


def _arrays(tree: xr.DataTree) -> list[xr.DataArray]:
    """Return the variables of all groups that have paths; none if a group has another number than one."""
    found = [list(node.to_dataset(inherit=False).data_vars.values()) for node in tree.subtree if node.data_vars]
    if any(len(variables) != 1 or "path" not in variables[0].dims for variables in found):
        return []
    return [variables[0] for variables in found]


def _nearest(array: xr.DataArray, fine: xr.DataArray, dim: str) -> npt.NDArray[np.intp]:
    """Return for every sample of the fine grid the number of the nearest one of an array."""
    at = _positions(array, fine, dim)
    # Samples in the middle between two belong to the earlier one.
    return np.searchsorted((at[1:] + at[:-1]) / 2, np.arange(fine.sizes[dim]))


def _positions(array: xr.DataArray, fine: xr.DataArray, dim: str) -> npt.NDArray[np.intp]:
    """Return where samples of an array lie on the fine grid: by their labels, without any at a power of two of its step."""
    if dim in array.coords and dim in fine.coords:
        at = fine.indexes[dim].get_indexer(array.indexes[dim])
        if (at < 0).any():
            raise DimensionError("plot", f"groups of the tree have labels along {dim!r} that the finest one lacks",
                                 remedy="Draw one group alone.", code="GroupsDiffer")  # fmt: skip
        return np.asarray(at)
    step = 1
    while -(-fine.sizes[dim] // step) > array.sizes[dim]:
        step *= 2
    return np.arange(array.sizes[dim]) * step
