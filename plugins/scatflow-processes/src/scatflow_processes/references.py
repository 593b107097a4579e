"""Publications and data that sources and operators rest on."""

from __future__ import annotations

from scatflow.contract import Reference

RETARDED_VOLATILITY = Reference(
    ("Bouchaud, Jean-Philippe", "Matacz, Andrew", "Potters, Marc"),
    "Leverage effect in financial markets: the retarded volatility model",
    2001,
    "Phys. Rev. Lett.",
    "87",
    number="22",
    pages="228701",
    doi="10.1103/PhysRevLett.87.228701",
)
LONG_MEMORY = Reference(
    ("Ding, Zhuanxin", "Granger, Clive W. J.", "Engle, Robert F."),
    "A long memory property of stock market returns and a new model",
    1993,
    "J. Empir. Finance",
    "1",
    number="1",
    pages="83--106",
    doi="10.1016/0927-5398(93)90006-D",
)
TIME_REVERSAL = Reference(
    ("Zumbach, Gilles",),
    "Time reversal invariance in finance",
    2009,
    "Quant. Finance",
    "9",
    number="5",
    pages="505--515",
    doi="10.1080/14697680802616712",
)
VOLATILITY_FEEDBACK = Reference(
    ("Chicheportiche, Rémy", "Bouchaud, Jean-Philippe"),
    "The fine-structure of volatility feedback I: multi-scale self-reflexivity",
    2014,
    "Physica A",
    "410",
    pages="174--195",
    doi="10.1016/j.physa.2014.05.007",
)
TAIL_INFERENCE = Reference(
    ("Hill, Bruce M.",),
    "A simple general approach to inference about the tail of a distribution",
    1975,
    "Ann. Statist.",
    "3",
    number="5",
    pages="1163--1174",
    doi="10.1214/aos/1176343247",
)
STYLIZED_FACTS = Reference(
    ("Cont, Rama",),
    "Empirical properties of asset returns: stylized facts and statistical issues",
    2001,
    "Quant. Finance",
    "1",
    number="2",
    pages="223--236",
    doi="10.1080/713665670",
)
SWENDSEN_WANG = Reference(
    ("Swendsen, Robert H.", "Wang, Jian-Sheng"),
    "Nonuniversal critical dynamics in Monte Carlo simulations",
    1987,
    "Phys. Rev. Lett.",
    "58",
    pages="86--88",
    doi="10.1103/PhysRevLett.58.86",
)
WOLFF = Reference(
    ("Wolff, Ulli",),
    "Collective Monte Carlo updating for spin systems",
    1989,
    "Phys. Rev. Lett.",
    "62",
    pages="361--364",
    doi="10.1103/PhysRevLett.62.361",
)
COHERENT_VORTICES = Reference(
    ("McWilliams, James C.",),
    "The emergence of isolated coherent vortices in turbulent flow",
    1984,
    "J. Fluid Mech.",
    "146",
    pages="21--43",
    doi="10.1017/S0022112084001750",
)
ARCH_DATA = Reference(
    ("Sheppard, Kevin",),
    "arch: daily prices of the S&P 500 among the data of the Python package",
    where="GitHub",
    url="https://github.com/bashtage/arch",
    kind="data",
)
