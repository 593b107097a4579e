"""Advice as a value: numbers with labels, and a table for people."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import xarray as xr

from scatflow.plan.table import size, span

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True, eq=False)
class Advice:
    """What ``advise`` found; printing it shows two tables and the reason.

    Attributes
    ----------
    J : int
        Largest number of octaves that leaves enough independent windows.
    why : str
        The reason, in one sentence.
    octaves : Dataset
        By ``j``: ``wavelength`` (of the finest band of the octave, in the unit of the coordinates), ``window`` (2^j
        samples of the coarsest core axis, same unit), ``n_eff`` (independent windows of that size), ``border`` (share
        of the outputs at that J that borders can change by 1 % or more).
    costs : Dataset
        By ``L`` (two dims) or ``Q`` (one) at this J: ``paths``, ``bytes`` of the result, ``flops``, and bounds of the
        time on one core, ``seconds_low`` and ``seconds_high`` (NaN where no rate was measured on this machine).
    """

    J: int
    why: str
    octaves: xr.Dataset
    costs: xr.Dataset

    def tables(self) -> tuple[tuple[Sequence[str], Rows], tuple[Sequence[str], Rows]]:
        """Return header and rows of both tables, as text."""
        unit, factor = readable(self.octaves["window"])
        head = ("j", f"wavelength [{unit}]", f"window 2^j [{unit}]", "n_eff", "borders change by 1 %")
        rows = [
            (f"{int(j)}{' <' if j == self.J else ''}", f"{wave / factor:.4g}", f"{window / factor:.4g}", f"{count:.3g}", f"{border:.0%}")
            for j, wave, window, count, border in zip(
                self.octaves["j"].values, *(self.octaves[name].values for name in ("wavelength", "window", "n_eff", "border")), strict=True
            )
        ]  # fmt: skip
        (dim,) = self.costs.sizes
        columns = [self.costs[name].values for name in ("paths", "bytes", "flops", "seconds_low", "seconds_high")]
        costs = [
            (str(value), str(int(paths)), size(float(count)), f"{flops / 1e9:.3g}", _time(low, high))
            for value, paths, count, flops, low, high in zip(self.costs[dim].values, *columns, strict=True)
        ]
        return (head, rows), ((f"{dim} at J={self.J}", "paths", "result", "Gflop", "time on one core"), costs)

    def __str__(self) -> str:
        return "\n\n".join([*(_text(head, rows) for head, rows in self.tables()), self.why])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(_html(head, rows) for head, rows in self.tables()) + f"<p>{html.escape(self.why)}</p>"


def readable(lengths: xr.DataArray) -> tuple[str, float]:
    """Return a unit for people and how many of the array's own it holds: dates count in seconds, which nobody reads as such."""
    unit = str(lengths.attrs.get("units", "samples"))
    largest = float(lengths.max())
    if unit == "s" and largest >= 2 * 86400:
        return "d", 86400.0
    return ("h", 3600.0) if unit == "s" and largest >= 2 * 3600 else (unit, 1.0)


def _time(low: float, high: float) -> str:
    return "unknown: scatflow plan --calibrate" if math.isnan(low) else f"{span(low)} to {span(high)}"


def _text(head: Sequence[str], rows: Rows) -> str:
    cells = [head, *rows]
    widths = [max(len(row[k]) for row in cells) for k in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _html(head: Sequence[str], rows: Rows) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return f"<table><thead>{row(head, 'th')}</thead><tbody>{''.join(row(cells, 'td') for cells in rows)}</tbody></table>"
