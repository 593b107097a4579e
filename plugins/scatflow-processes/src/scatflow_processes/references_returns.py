"""Publications and data that sources and operators of returns and ticks rest on."""

from __future__ import annotations

from scatflow.contract import Reference

SKFOLIO_DATA = Reference(
    ("Delatte, Hugo",),
    "skfolio: daily prices of 20 stocks and of the S&P 500 among the data of the Python package",
    where="GitHub",
    url="https://github.com/skfolio/skfolio",
    kind="data",
)
INTRADAY_PERIODICITY = Reference(
    ("Andersen, Torben G.", "Bollerslev, Tim"),
    "Intraday periodicity and volatility persistence in financial markets",
    1997,
    "J. Empir. Finance",
    "4",
    number="2--3",
    pages="115--158",
    doi="10.1016/S0927-5398(97)00004-2",
)
EPPS_EFFECT = Reference(
    ("Epps, Thomas W.",),
    "Comovements in stock prices in the very short run",
    1979,
    "J. Amer. Statist. Assoc.",
    "74",
    number="366",
    pages="291--298",
    doi="10.1080/01621459.1979.10482508",
)
