"""Publications that spin sources and operators rest on."""

from __future__ import annotations

from scatflow.contract import Reference

TORUS = Reference(
    ("Kaufman, Bruria",),
    "Crystal statistics. II. Partition function evaluated by spinor analysis",
    1949,
    "Phys. Rev.",
    "76",
    pages="1232--1243",
    doi="10.1103/PhysRev.76.1232",
)
EMBEDDED_CLUSTERS = Reference(
    ("Brower, Richard C.", "Tamayo, Pablo"),
    "Embedded dynamics for phi^4 theory",
    1989,
    "Phys. Rev. Lett.",
    "62",
    pages="1087--1090",
    doi="10.1103/PhysRevLett.62.1087",
)
HYBRID_MONTE_CARLO = Reference(
    ("Duane, Simon", "Kennedy, A. D.", "Pendleton, Brian J.", "Roweth, Duncan"),
    "Hybrid Monte Carlo",
    1987,
    "Phys. Lett. B",
    "195",
    pages="216--222",
    doi="10.1016/0370-2693(87)91197-X",
)
CUMULANT = Reference(
    ("Binder, Kurt",),
    "Finite size scaling analysis of Ising model block distribution functions",
    1981,
    "Z. Phys. B",
    "43",
    pages="119--140",
    doi="10.1007/BF01293604",
)
SECOND_MOMENT_LENGTH = Reference(
    ("Cooper, Fred", "Freedman, Barry", "Preston, Dean"),
    "Solving phi^4_{1,2} field theory with Monte Carlo",
    1982,
    "Nucl. Phys. B",
    "210",
    pages="210--228",
    doi="10.1016/0550-3213(82)90240-1",
)
WINDOWED_SUM = Reference(
    ("Wolff, Ulli",),
    "Monte Carlo errors with less errors",
    2004,
    "Comput. Phys. Commun.",
    "156",
    pages="143--153",
    doi="10.1016/S0010-4655(03)00467-3",
)
PAIR_CORRELATIONS = Reference(
    ("Wu, Tai Tsun", "McCoy, Barry M.", "Tracy, Craig A.", "Barouch, Eytan"),
    "Spin-spin correlation functions for the two-dimensional Ising model: exact theory in the scaling region",
    1976,
    "Phys. Rev. B",
    "13",
    pages="316--374",
    doi="10.1103/PhysRevB.13.316",
)
