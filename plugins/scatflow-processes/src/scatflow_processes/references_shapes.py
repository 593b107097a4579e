"""Publications that shapes, sounds and molecular densities rest on."""

from __future__ import annotations

from scatflow.contract import Reference

DEAD_LEAVES = Reference(
    ("Lee, Ann B.", "Mumford, David", "Huang, Jinggang"),
    "Occlusion models for natural images: A statistical study of a scale-invariant dead leaves model",
    2001,
    "Int. J. Comput. Vis.",
    "41",
    pages="35--59",
    doi="10.1023/A:1011109015675",
)
DEEP_SPECTRUM = Reference(
    ("Andén, Joakim", "Mallat, Stéphane"),
    "Deep scattering spectrum",
    2014,
    "IEEE Trans. Signal Process.",
    "62",
    number="16",
    pages="4114--4128",
    doi="10.1109/TSP.2014.2326991",
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
RANDOM_NOISE = Reference(
    ("Rice, Stephen O.",),
    "Mathematical analysis of random noise",
    1944,
    "Bell Syst. Tech. J.",
    "23",
    number="3",
    pages="282--332",
    doi="10.1002/j.1538-7305.1944.tb00874.x",
)
QUANTUM_ENERGIES = Reference(
    ("Hirn, Matthew", "Mallat, Stéphane", "Poilvert, Nicolas"),
    "Wavelet scattering regression of quantum chemical energies",
    2017,
    "Multiscale Model. Simul.",
    "15",
    number="2",
    pages="827--863",
    doi="10.1137/16M1075454",
)
