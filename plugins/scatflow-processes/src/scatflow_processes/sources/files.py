"""The files behind a source: their state, and refusals that name the source."""

from __future__ import annotations

from typing import Any

from scatflow.contract import Source
from scatflow.errors import DataError
from scatflow_processes.tables import stamp


def states(source: Source, path: str, *others: str | None) -> tuple[Any, ...]:
    """Return the state (``tables.stamp``) of a source's main file and of others that it may have.

    Raises
    ------
    DataError
        If a file does not exist.
    """
    try:
        return tuple(stamp(each) for each in (path, *others) if each is not None)
    except ValueError as error:
        raise _refused(source, path, error, "StoreMissing") from error


def invalid(source: Source, path: str, error: ValueError) -> DataError:
    """Return the error of a file that is there but not sound: what a plain function said of it, under the source's name."""
    return _refused(source, path, error, "TableInvalid")


def _refused(source: Source, path: str, error: ValueError, code: str) -> DataError:
    return DataError(f"{source.name} {path!r}", str(error), code=code)
