"""A comparison in a few lines of words."""

from __future__ import annotations

import numpy as np
import xarray as xr

from scatflow.accessor.features import item_words

#: Level at which coefficients are counted as different, and items that are named one by one.
LEVEL, NAMED = 0.05, 6
Row = tuple[str, float, float, float, float, float]


def summary(found: xr.Dataset) -> str:
    """Return what was compared, how much of it differs, the global test, and what to beware of."""
    finite = np.isfinite(found["p"].values)
    count, below = int(finite.sum()), int((found["p"].values[finite] < LEVEL).sum())
    calls = int((found["q"].values[finite] < LEVEL).sum())
    lines = [
        f"{count} coefficients compared: p < {LEVEL:g} in {below} ({LEVEL * count:.1f} expected without a difference), "
        f"false-discovery rate below {LEVEL:g} in {calls}",
        _global(found),
        f"assumed: {found.attrs['assumption']}",
    ]
    for key in "ab":
        if lost := found.attrs.get(f"only_{key}"):
            more = f" and {len(lost) - NAMED} more" if len(lost) > NAMED else ""
            lines.append(f"only in {key}: {', '.join(lost[:NAMED])}{more}")
    lines += [f"{name}: {found.attrs[key]}" for name, key in (("differing, as allowed", "differing"), ("not checked, for want of a record", "unchecked"))
              if found.attrs.get(key)]  # fmt: skip
    return "\n".join(lines)


def _global(found: xr.Dataset) -> str:
    attrs = found.attrs
    dof = (
        f" with {attrs['global_dof']:.1f} degrees of freedom"
        if "global_dof" in attrs
        else f" from {attrs['n_permutations']} permutations"
    )
    return f"all together: {attrs['global_test']} {attrs['global_statistic']:.4g}{dof}, p = {attrs['global_p']:.3g}"


def largest(found: xr.Dataset, count: int) -> list[Row]:
    """Return the coefficients of the largest \\|z\\|: labels, mean of a, mean of b, z, p, q."""
    z = found["z"]
    flat = {name: found[name].values.reshape(-1) for name in ("mean_a", "mean_b", "z", "p", "q")}
    size = np.nan_to_num(np.abs(flat["z"]), nan=-1.0, posinf=np.inf)
    order = [int(k) for k in np.argsort(-size, kind="stable")[:count] if size[k] >= 0]
    words = [_item_words(found, str(dim)) for dim in z.dims]
    rows = []
    for k in order:
        place = np.unravel_index(k, z.shape)
        label = ",".join(names[int(i)] for names, i in zip(words, place, strict=True))
        mean_a, mean_b, score, p, q = (float(flat[name][k]) for name in flat)
        rows.append((label, mean_a, mean_b, score, p, q))
    return rows


def _item_words(found: xr.Dataset, dim: str) -> list[str]:
    return [f"{dim}={value}" for value in found.indexes[dim]] if dim in found.indexes else item_words(found, dim)
