"""Publications that flows rest on."""

from __future__ import annotations

from scatflow.contract import Reference

TWO_DIMENSIONS = Reference(
    ("Boffetta, Guido", "Ecke, Robert E."),
    "Two-dimensional turbulence",
    2012,
    "Annu. Rev. Fluid Mech.",
    "44",
    pages="427--451",
    doi="10.1146/annurev-fluid-120710-101240",
)
