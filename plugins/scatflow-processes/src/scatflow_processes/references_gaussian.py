"""Publications that Gaussian fields and surrogate data rest on."""

from __future__ import annotations

from scatflow.contract import Reference

RANDOM_FIELDS = Reference(
    ("Rue, Håvard", "Held, Leonhard"),
    "Gaussian Markov Random Fields: Theory and Applications",
    2005,
    "Chapman and Hall/CRC",
    doi="10.1201/9780203492024",
)
ROGALLO = Reference(
    ("Rogallo, Robert S.",),
    "Numerical experiments in homogeneous turbulence",
    1981,
    "NASA Technical Memorandum",
    "81315",
)
SURROGATE_DATA = Reference(
    ("Theiler, James", "Eubank, Stephen", "Longtin, André", "Galdrikian, Bryan", "Farmer, J. Doyne"),
    "Testing for nonlinearity in time series: the method of surrogate data",
    1992,
    "Physica D",
    "58",
    pages="77--94",
    doi="10.1016/0167-2789(92)90102-S",
)
CROSS_SPECTRA = Reference(
    ("Prichard, Dean", "Theiler, James"),
    "Generating surrogate data for time series with several simultaneously measured variables",
    1994,
    "Phys. Rev. Lett.",
    "73",
    number="7",
    pages="951--954",
    doi="10.1103/PhysRevLett.73.951",
)
IAAFT = Reference(
    ("Schreiber, Thomas", "Schmitz, Andreas"),
    "Improved surrogate data for nonlinearity tests",
    1996,
    "Phys. Rev. Lett.",
    "77",
    number="4",
    pages="635--638",
    doi="10.1103/PhysRevLett.77.635",
)
WELCH = Reference(
    ("Welch, Peter D.",),
    "The use of fast Fourier transform for the estimation of power spectra",
    1967,
    "IEEE Trans. Audio Electroacoust.",
    "15",
    number="2",
    pages="70--73",
    doi="10.1109/TAU.1967.1161901",
)
GARCH = Reference(
    ("Bollerslev, Tim",),
    "Generalized autoregressive conditional heteroskedasticity",
    1986,
    "J. Econometrics",
    "31",
    number="3",
    pages="307--327",
    doi="10.1016/0304-4076(86)90063-1",
)
GJR = Reference(
    ("Glosten, Lawrence R.", "Jagannathan, Ravi", "Runkle, David E."),
    "On the relation between the expected value and the volatility of the nominal excess return on stocks",
    1993,
    "J. Finance",
    "48",
    number="5",
    pages="1779--1801",
    doi="10.1111/j.1540-6261.1993.tb05128.x",
)
BLOCKS = Reference(
    ("Künsch, Hans R.",),
    "The jackknife and the bootstrap for general stationary observations",
    1989,
    "Ann. Statist.",
    "17",
    number="3",
    pages="1217--1241",
    doi="10.1214/aos/1176347265",
)
TIME_SERIES_TESTS = Reference(
    ("Schreiber, Thomas", "Schmitz, Andreas"),
    "Surrogate time series",
    2000,
    "Physica D",
    "142",
    pages="346--382",
    doi="10.1016/S0167-2789(00)00043-9",
)
