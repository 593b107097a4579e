"""Publications that several operators and families rest on."""

from __future__ import annotations

from scatflow.contract import Reference

GROUP_INVARIANT_SCATTERING = Reference(
    ("Mallat, Stéphane",),
    "Group invariant scattering",
    2012,
    "Comm. Pure Appl. Math.",
    "65",
    number="10",
    pages="1331--1398",
    doi="10.1002/cpa.21413",
)
SCATTERING_NETWORKS = Reference(
    ("Bruna, Joan", "Mallat, Stéphane"),
    "Invariant scattering convolution networks",
    2013,
    "IEEE Trans. Pattern Anal. Mach. Intell.",
    "35",
    number="8",
    pages="1872--1886",
    doi="10.1109/TPAMI.2012.230",
)
DEEP_SCATTERING_SPECTRUM = Reference(
    ("Andén, Joakim", "Mallat, Stéphane"),
    "Deep scattering spectrum",
    2014,
    "IEEE Trans. Signal Process.",
    "62",
    number="16",
    pages="4114--4128",
    doi="10.1109/TSP.2014.2326991",
)
PARAMETRIC_TEXTURE_MODEL = Reference(
    ("Portilla, Javier", "Simoncelli, Eero P."),
    "A parametric texture model based on joint statistics of complex wavelet coefficients",
    2000,
    "Int. J. Comput. Vis.",
    "40",
    number="1",
    pages="49--70",
    doi="10.1023/A:1026553619983",
)
COMPACT_WAVELETS = Reference(
    ("Daubechies, Ingrid",),
    "Orthonormal bases of compactly supported wavelets",
    1988,
    "Comm. Pure Appl. Math.",
    "41",
    number="7",
    pages="909--996",
    doi="10.1002/cpa.3160410705",
)
WAVELET_TOUR = Reference(
    ("Mallat, Stéphane",),
    "A wavelet tour of signal processing: the sparse way",
    2009,
    "Academic Press",
    edition="3rd",
    kind="book",
)
JOINT_SCATTERING = Reference(
    ("Andén, Joakim", "Lostanlen, Vincent", "Mallat, Stéphane"),
    "Joint time-frequency scattering",
    2019,
    "IEEE Trans. Signal Process.",
    "67",
    number="14",
    pages="3704--3718",
    doi="10.1109/TSP.2019.2918992",
)
GAMMATONE_FILTERBANK = Reference(
    ("Patterson, Roy D.", "Nimmo-Smith, Ian", "Holdsworth, John", "Rice, Peter"),
    "An efficient auditory filterbank based on the gammatone function",
    1987,
    "MRC Applied Psychology Unit, Cambridge",
)
KYMATIO = Reference(
    (
        "Andreux, Mathieu",
        "Angles, Tomás",
        "Exarchakis, Georgios",
        "Leonarduzzi, Roberto",
        "Rochette, Gaspar",
        "Thiry, Louis",
        "Zarka, John",
        "Mallat, Stéphane",
        "Andén, Joakim",
        "Belilovsky, Eugene",
        "Bruna, Joan",
        "Lostanlen, Vincent",
        "Chaudhary, Muawiz",
        "Hirn, Matthew J.",
        "Oyallon, Edouard",
        "Zhang, Sixin",
        "Cella, Carmine",
        "Eickenberg, Michael",
    ),
    "Kymatio: scattering transforms in Python",
    2020,
    "J. Mach. Learn. Res.",
    "21",
    number="60",
    pages="1--6",
    url="https://jmlr.org/papers/v21/19-047.html",
)
