"""Publications that fractional and multifractal processes, point processes and uniform measures rest on."""

from __future__ import annotations

from scatflow.contract import Reference

FRACTIONAL_NOISE = Reference(
    ("Mandelbrot, Benoit B.", "Van Ness, John W."),
    "Fractional Brownian motions, fractional noises and applications",
    1968,
    "SIAM Rev.",
    "10",
    number="4",
    pages="422--437",
    doi="10.1137/1010093",
)
CIRCULANT_EMBEDDING = Reference(
    ("Dietrich, C. R.", "Newsam, G. N."),
    "Fast and exact simulation of stationary Gaussian processes through circulant embedding of the covariance matrix",
    1997,
    "SIAM J. Sci. Comput.",
    "18",
    number="4",
    pages="1088--1107",
    doi="10.1137/S1064827592240555",
)
MULTIFRACTAL_WALK = Reference(
    ("Bacry, Emmanuel", "Delour, Jean", "Muzy, Jean-François"),
    "Multifractal random walk",
    2001,
    "Phys. Rev. E",
    "64",
    pages="026103",
    doi="10.1103/PhysRevE.64.026103",
)
SKEWED_WALK = Reference(
    ("Pochart, Benoît", "Bouchaud, Jean-Philippe"),
    "The skewed multifractal random walk with applications to option smiles",
    2002,
    "Quant. Finance",
    "2",
    number="4",
    pages="303--314",
)
STABLE_VARIABLES = Reference(
    ("Chambers, John M.", "Mallows, Colin L.", "Stuck, Barton W."),
    "A method for simulating stable random variables",
    1976,
    "J. Am. Stat. Assoc.",
    "71",
    number="354",
    pages="340--344",
    doi="10.1080/01621459.1976.10480344",
)
COX_PROCESS = Reference(
    ("Cox, David R.",),
    "Some statistical methods connected with series of events",
    1955,
    "J. R. Stat. Soc. B",
    "17",
    number="2",
    pages="129--164",
)
LOG_GAUSSIAN_COX = Reference(
    ("Møller, Jesper", "Syversveen, Anne Randi", "Waagepetersen, Rasmus Plenge"),
    "Log Gaussian Cox processes",
    1998,
    "Scand. J. Stat.",
    "25",
    number="3",
    pages="451--482",
    doi="10.1111/1467-9469.00115",
)
DE_FINETTI = Reference(
    ("Diaconis, Persi", "Freedman, David"),
    "A dozen de Finetti-style results in search of a theory",
    1987,
    "Ann. Inst. H. Poincaré Probab. Stat.",
    "23",
    pages="397--423",
)
