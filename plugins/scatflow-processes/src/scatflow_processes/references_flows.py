"""Publications that flows and their statistics rest on."""

from __future__ import annotations

from scatflow.contract import Reference

TURBULENT_FLOWS = Reference(
    ("Pope, Stephen B.",), "Turbulent flows", 2000, "Cambridge University Press", doi="10.1017/CBO9780511840531", kind="book"
)
FORNBERG = Reference(
    ("Fornberg, Bengt",),
    "Generation of finite difference formulas on arbitrarily spaced grids",
    1988,
    "Math. Comput.",
    "51",
    number="184",
    pages="699--706",
    doi="10.1090/S0025-5718-1988-0935077-0",
)
STREAMS_EDDIES = Reference(
    ("Hunt, Julian C. R.", "Wray, Alan A.", "Moin, Parviz"),
    "Eddies, streams, and convergence zones in turbulent flows",
    1988,
    "Center for Turbulence Research, Proceedings of the Summer Program",
    pages="193--208",
    kind="proceedings",
)
LOCAL_STRUCTURE = Reference(
    ("Kolmogorov, Andrei N.",),
    "The local structure of turbulence in incompressible viscous fluid for very large Reynolds numbers",
    1941,
    "Dokl. Akad. Nauk SSSR",
    "30",
    pages="301--305",
)
FRISCH = Reference(
    ("Frisch, Uriel",), "Turbulence: the legacy of A. N. Kolmogorov", 1995, "Cambridge University Press",
    doi="10.1017/CBO9781139170666", kind="book",
)  # fmt: skip
TWO_DIMENSIONS = Reference(
    ("Boffetta, Guido", "Ecke, Robert E."),
    "Two-dimensional turbulence",
    2012,
    "Annu. Rev. Fluid Mech.",
    "44",
    pages="427--451",
    doi="10.1146/annurev-fluid-120710-101240",
)
