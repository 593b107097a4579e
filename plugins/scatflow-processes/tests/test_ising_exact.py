"""Exact Ising results against enumeration, the reference table, series and the infinite lattice."""

import itertools
import math

import numpy as np
import pytest

from scatflow_processes.ising import energy_per_site
from scatflow_processes.ising_exact import (
    CRITICAL_TEMPERATURE,
    infinite_lattice,
    spontaneous_magnetization,
    torus,
)

T_C = CRITICAL_TEMPERATURE

# Project specification X1: (T, n) -> log Z / d, u, c, H per site.
TABLE = [
    (T_C, 16, 0.932196, -1.453065, 1.49870, 0.291850),
    (T_C, 32, 0.930320, -1.433658, 1.84676, 0.298526),
    (T_C, 64, 0.929852, -1.423938, 2.19220, 0.302341),
    (T_C, 128, 0.929734, -1.419075, 2.53628, 0.304367),
    (2.5, 64, 0.879364, -1.106083, 0.86186, 0.436931),
    (2.5, 128, 0.879364, -1.106079, 0.86170, 0.436932),
    (3.0, 64, 0.815883, -0.817310, 0.40138, 0.543446),
    (3.0, 128, 0.815883, -0.817310, 0.40138, 0.543446),
    (4.0, 64, 0.759106, -0.557272, 0.17119, 0.619788),
    (5.0, 64, 0.734531, -0.428229, 0.09765, 0.648885),
    (10.0, 64, 0.703231, -0.203377, 0.02102, 0.682894),
    (10.0, 128, 0.703231, -0.203377, 0.02102, 0.682894),
]


def enumerate_energies(n: int, m: int) -> np.ndarray:
    states = np.array(list(itertools.product((-1, 1), repeat=n * m)), dtype=np.int8)
    return energy_per_site(states.reshape(-1, n, m)) * n * m


@pytest.mark.parametrize("shape", [(2, 2), (2, 5), (4, 4), (3, 5), (5, 3)])
@pytest.mark.parametrize("temperature", [0.5, 1.5, T_C, 3.0, 10.0])
def test_torus_equals_enumeration(shape: tuple[int, int], temperature: float) -> None:
    n, m = shape
    energies = enumerate_energies(n, m)
    k = 1 / temperature
    top = -k * energies.min()
    weights = np.exp(-k * energies - top)
    z = weights.sum()
    mean = (weights * energies).sum() / z
    variance = (weights * (energies - mean) ** 2).sum() / z
    log_z = (top + math.log(z)) / (n * m)
    expected = (log_z, mean / (n * m), k * k * variance / (n * m), log_z + k * mean / (n * m))
    np.testing.assert_allclose(torus(n, m, temperature), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("temperature", "n", "log_z", "u", "c", "h"), TABLE)
def test_torus_equals_table(temperature: float, n: int, log_z: float, u: float, c: float, h: float) -> None:
    exact = torus(n, n, temperature)
    np.testing.assert_allclose((exact.log_z, exact.energy, exact.entropy), (log_z, u, h), rtol=0, atol=1e-5)
    # The table's c is a second difference of log Z with step 1e-4, which is 5e-5 short of the derivative
    # on the 128 x 128 torus at the critical point; so it is compared with the same difference.
    k, step = 1 / temperature, 1e-4
    low, high = (torus(n, n, 1 / (k + sign * step)).log_z for sign in (-1, 1))
    assert k * k * (low - 2 * exact.log_z + high) / step**2 == pytest.approx(c, abs=1e-5)
    assert exact.specific_heat == pytest.approx(c, abs=6e-5)


@pytest.mark.parametrize(
    ("n", "m", "temperature", "log_z", "u", "c"),
    [
        # 60-digit evaluation of Kaufman's formula, differences with step 1e-12.
        (64, 64, T_C, 0.92985163169429, -1.423938389833, 2.1922113931406),
        (128, 128, T_C, 0.92973445577019, -1.419076272085, 2.5363313351086),
        (16, 16, 2.0, 1.0285008220079, -1.7455306689909, 0.72550876773656),
        (33, 20, 2.5, 0.87943925197568, -1.1119431387377, 0.93223048477614),
        (64, 64, 10.0, 0.70323124228583, -0.20337739109736, 0.021022315788654),
    ],
)
def test_torus_equals_high_precision(n: int, m: int, temperature: float, log_z: float, u: float, c: float) -> None:
    np.testing.assert_allclose(torus(n, m, temperature)[:3], (log_z, u, c), rtol=2e-13)


def test_infinite_lattice_equals_table_at_the_critical_point() -> None:
    assert pytest.approx(2.269185314213022, abs=1e-15) == T_C
    exact = infinite_lattice(T_C)
    np.testing.assert_allclose((exact.log_z, exact.energy, exact.entropy), (0.929695, -1.414214, 0.306470), atol=1e-6)
    assert exact.energy == pytest.approx(-math.sqrt(2), abs=1e-15)
    assert math.isinf(exact.specific_heat)
    assert exact.log_z == pytest.approx(math.log(2) / 2 + 2 * 0.915965594177219015 / math.pi, abs=1e-14)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.8, 2.9, 5.0, 20.0])
def test_large_torus_is_the_infinite_lattice(temperature: float) -> None:
    # Below the transition the two ordered states add ln 2 to log Z of a finite torus.
    n = 400
    finite, infinite = torus(n, n, temperature), infinite_lattice(temperature)
    twofold = math.log(2) / n**2 if temperature < T_C else 0.0
    assert finite.log_z - twofold == pytest.approx(infinite.log_z, rel=1e-12)
    assert finite.energy == pytest.approx(infinite.energy, rel=1e-12)
    assert finite.specific_heat == pytest.approx(infinite.specific_heat, rel=1e-9, abs=1e-12)


def test_derivatives_match_differences() -> None:
    k, h = 0.43, 1e-5
    low, mid, high = (torus(20, 13, 1 / (k + step)) for step in (-h, 0.0, h))
    assert mid.energy == pytest.approx(-(high.log_z - low.log_z) / (2 * h), rel=1e-7)
    assert mid.specific_heat == pytest.approx(-k * k * (high.energy - low.energy) / (2 * h), rel=1e-7)


def test_high_temperature_series() -> None:
    k = 0.01
    assert torus(64, 64, 1 / k).log_z == pytest.approx(math.log(2) + 2 * math.log(math.cosh(k)) + math.tanh(k) ** 4, abs=1e-11)


def test_n_and_m_are_exchangeable_and_large_lattices_finite() -> None:
    np.testing.assert_allclose(torus(12, 30, 2.2), torus(30, 12, 2.2), rtol=1e-11)
    assert all(map(math.isfinite, torus(2048, 1024, T_C)))
    assert all(map(math.isfinite, torus(128, 128, 0.01)))


def test_spontaneous_magnetization() -> None:
    for temperature in (0.5, 1.5, 2.0, 2.26):
        expected = (1 - math.sinh(2 / temperature) ** -4) ** 0.125
        assert spontaneous_magnetization(temperature) == pytest.approx(expected, rel=1e-9)
    assert spontaneous_magnetization(0.02) == 1.0
    assert spontaneous_magnetization(T_C) == 0.0
    assert 0.0 < spontaneous_magnetization(T_C * (1 - 1e-12)) < 0.05


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf, 1e-3])
def test_bad_temperature(temperature: float) -> None:
    for function in (infinite_lattice, spontaneous_magnetization, lambda t: torus(4, 4, t)):
        with pytest.raises(ValueError, match="temperature"):
            function(temperature)


def test_bad_size() -> None:
    with pytest.raises(ValueError, match=">= 2"):
        torus(1, 4, 2.0)
    with pytest.raises(TypeError):
        torus(8.5, 8, 2.0)
