"""The parameters by which sources and operators name a spectrum: one declaration, one meaning."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import model_validator

from scatflow.contract import Declared, param
from scatflow_processes.modes import Reals
from scatflow_processes.spectra import NAMES, Given, Name, Spectrum, mode_power


class SpectrumShape(Declared):
    """Mixin of what may have a spectrum; see :class:`scatflow_processes.spectra.Spectrum` for the formulas."""

    spectrum: Name | None = param(None, "Name of the spectrum, or 'table'.", choices=NAMES)
    given: Given | None = param(
        None, "What 'power_law' and 'table' are: a shell spectrum E(k) or the power P(k) of each mode; others say it themselves."
    )
    exponent: float | None = param(None, "Exponent a of 'power_law', k^-a.", ge=-20, le=20)
    k_low: float = param(0.0, "Lowest wave number with power.", ge=0, unit="rad per coordinate unit")
    k_high: float | None = param(
        None, "Highest wave number with power; default all that the grid has.", gt=0, unit="rad per coordinate unit"
    )
    length: float = param(1.0, "Scale of 'matern'.", gt=0, le=1e12, unit="coordinate")
    smoothness: float = param(1.5, "Exponent nu of 'matern'.", gt=0, le=100)
    table_k: tuple[float, ...] = param((), "Wave numbers of 'table', > 0 and increasing.", unit="rad per coordinate unit")
    table_values: tuple[float, ...] = param((), "Values of 'table', > 0, straight lines between them in log-log.")

    def spectrum_of(self, name: Name) -> Spectrum:
        """Return the spectrum of a name with these parameters."""
        high = math.inf if self.k_high is None else self.k_high
        return Spectrum(name, self.given, self.exponent, self.k_low, high, self.length, self.smoothness, self.table_k,
                        self.table_values)  # fmt: skip

    def shape_attrs(self, spectrum: Spectrum) -> dict[str, Any]:
        """Return the attributes that tell the shape of the spectrum of a result."""
        shown: dict[str, Any] = {"spectrum": spectrum.name, "given": spectrum.kind, "k_low": self.k_low, "k_high": self.k_high,
                                 "exponent": self.exponent}  # fmt: skip
        if spectrum.name == "matern":
            shown |= {"length": self.length, "smoothness": self.smoothness}
        if spectrum.name == "table":
            shown |= {"table_k": list(self.table_k), "table_values": list(self.table_values)}
        return {key: value for key, value in shown.items() if value is not None}


class Spectral(SpectrumShape):
    """Mixin of what has a spectrum and a standard deviation."""

    spectrum: Name = param("white", "Name of the spectrum, or 'table'.", choices=NAMES)
    std: float | None = param(1.0, "Standard deviation; None leaves the scale to the spectrum.", gt=0, le=1e12)

    @model_validator(mode="after")
    def _has_spectrum(self) -> Self:
        self.named_spectrum()
        return self

    def named_spectrum(self) -> Spectrum:
        """Return the spectrum."""
        return self.spectrum_of(self.spectrum)

    def power(self, shape: Sequence[int], spacing: Sequence[float]) -> Reals:
        """Return the power of all modes of a grid."""
        return mode_power(self.named_spectrum(), shape, spacing, self.std)

    def spectrum_attrs(self) -> Mapping[str, Any]:
        """Return the attributes that tell the spectrum of a result."""
        return self.shape_attrs(self.named_spectrum()) | ({} if self.std is None else {"std": self.std})
