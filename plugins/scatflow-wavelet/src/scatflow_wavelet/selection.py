"""Choosing bands and paths by their labels, so that filters nobody asked for are never computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import BeforeValidator

from scatflow.errors import ParameterError, near
from scatflow_wavelet.layout import Band

#: One set of labels: each takes one value or several.
Labels = dict[str, int | tuple[int, ...]]
#: Paths that match any of the sets; a single mapping stands for a set of one.
Selection = Annotated[
    tuple[Labels, ...] | None,
    BeforeValidator(
        lambda value: (value,) if isinstance(value, Mapping) else value,
        json_schema_input_type=Labels | tuple[Labels, ...] | None,
    ),
]


def select(
    paths: Iterable[tuple[Band, ...]], selection: tuple[Labels, ...], depth: int, ndim: int, subject: str
) -> list[tuple[Band, ...]]:
    """Return the paths whose labels match any of the sets.

    Parameters
    ----------
    paths : iterable of tuple of Band
        All paths of the tree.
    selection : tuple of mapping
        Label name (``order``, ``j1``, ``l1``, ``j2``, ..., and ``n1``, ``n2``, ... in one dim) to a value or several.
        A label that a path does not use is -1.
    depth : int
        Highest order, which fixes the names there are.
    ndim : int
        Number of core dims.
    subject : str
        Operator name for errors.

    Raises
    ------
    ParameterError
        A label does not exist, or nothing matches.
    """
    letters = "jln" if ndim == 1 else "jl"
    names = ["order", *(f"{letter}{k}" for k in range(1, depth + 1) for letter in letters)]
    for wanted in selection:
        for name in wanted:
            if name not in names:
                spatial = f"Directions are chosen by their number: {', '.join(names[2::2])}."
                raise ParameterError(
                    f"{subject}.paths", f"there is no integer label {name!r}", expected=", ".join(names),
                    remedy=spatial if ndim == 3 and name.startswith(("theta", "e")) else near(name, names),
                )  # fmt: skip
    sets = [{name: {v} if isinstance(v, int) else set(v) for name, v in wanted.items()} for wanted in selection]
    found = [path for path in paths if any(all(_label(path, name) in values for name, values in wanted.items()) for wanted in sets)]
    if not found:
        raise ParameterError(f"{subject}.paths", "no path of the tree has these labels", got=list(selection))
    return found


def _label(path: tuple[Band, ...], name: str) -> int:
    if name == "order":
        return len(path)
    position = int(name[1:]) - 1
    return int(getattr(path[position], name[0])) if position < len(path) else -1
