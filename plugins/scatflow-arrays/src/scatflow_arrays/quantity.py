"""The quantity that an array states: its unit, and names of what is computed from it."""

from __future__ import annotations

from typing import Any

from scatflow.contract import QUANTITY_ATTRS
from scatflow.spec import ArraySpec


def unit_of(spec: ArraySpec) -> str | None:
    """Return the unit of a spec's data, None when it states none."""
    unit = spec.attrs.get("units")
    return None if unit is None else str(unit)


def relabeled(spec: ArraySpec, words: str, **attrs: Any) -> ArraySpec:
    """Return the spec as another view of the same quantity: ``long_name`` says so, ``standard_name`` goes.

    Parameters
    ----------
    spec : ArraySpec
        The input.
    words : str
        What the result is, with one ``{}`` for the input's name, for example ``"increment of {}"``.
    **attrs
        Further attributes; None drops one.

    Returns
    -------
    ArraySpec
        With ``long_name`` set where the input has a name at all, else without.

    Examples
    --------
    >>> u = ArraySpec(("x",), (3,), "float32", attrs={"units": "m s-1", "standard_name": "eastward_wind"}, name="u")
    >>> dict(relabeled(u, "increment of {}").attrs)
    {'units': 'm s-1', 'long_name': 'increment of eastward_wind'}
    """
    # An unnamed array in chunks bears the name of its task, which means nothing to a reader.
    name = spec.name if spec.name is not None and spec.name.isidentifier() else None
    known = spec.attrs.get("long_name") or spec.attrs.get("standard_name") or name
    gone = dict.fromkeys(key for key in QUANTITY_ATTRS if key != "units")
    return spec.with_attrs(**{**gone, "long_name": words.format(known) if known else None, **attrs})
