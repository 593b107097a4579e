"""Forced turbulence: what the ring injects, reproducibility, batches, the statistically steady state, refusals."""

import math
from dataclasses import replace
from itertools import pairwise

import array_api_strict
import numpy as np
import pytest

from scatflow.arrays import asnumpy, namespace
from scatflow_processes.flow_forced import Forced, State, at_rest, fields, interval, simulate, states
from scatflow_processes.forcing import Ring
from scatflow_processes.vorticity import invariants

SMALL = Forced(size=32, nu=1e-2, k_forcing=4.0, spin_up=0.5, snapshots=3, dtype="float64")


def test_the_ring_is_a_ring() -> None:
    ring = Ring(power=1.0, k_forcing=6.5, box=4.0)
    ky, kx = ring.modes
    radius = np.hypot(ky, kx)
    assert radius.min() >= 5.5 and radius.max() <= 7.5
    # The full ring has the symmetries of the square: reflecting and turning the half plane finds the same modes.
    full = set(zip(ky, kx, strict=True)) | set(zip(-ky, -kx, strict=True))
    assert full == {(b, -a) for a, b in full} == {(a, -b) for a, b in full}
    count = sum(5.5 <= math.hypot(a, b) <= 7.5 for a in range(-8, 9) for b in range(-8, 9))
    assert len(full) == 2 * len(ky) == count
    assert ring.mean_square == pytest.approx(np.mean(radius**2) * (2 * np.pi / 4.0) ** 2)


@pytest.mark.parametrize("size", [32, 48])
def test_a_kick_is_a_real_field_of_the_stated_energy(size: int) -> None:
    ring, dt = Ring(power=3.0, k_forcing=5.0, box=2.0), 0.02
    block = ring.force(ring.amplitudes(1, [0, 4], 7, dt), dt, size)
    reach = block.shape[-1] - 1
    spectrum = np.zeros((2, size, size // 2 + 1), complex)
    spectrum[:, : reach + 1, : reach + 1] = block[:, reach:]
    spectrum[:, -reach:, : reach + 1] = block[:, :reach]
    field = np.fft.irfft2(spectrum, s=(size, size))
    np.testing.assert_allclose(np.fft.rfft2(field), spectrum, atol=1e-9 * np.abs(spectrum).max())  # so it was Hermitian
    now = invariants(field * dt, box=2.0)
    np.testing.assert_allclose(now.energy, 3.0 * dt)  # the modulus is fixed, only phases are random
    np.testing.assert_allclose(now.enstrophy, 3.0 * dt * ring.mean_square)


def test_the_force_belongs_to_seed_realization_and_step() -> None:
    ring = Ring(power=1.0, k_forcing=4.0)
    one = ring.amplitudes(1, [5], 9, 0.1)
    np.testing.assert_array_equal(ring.amplitudes(1, [2, 5, 7], 9, 0.1)[1:2], one)
    for other in ((2, [5], 9), (1, [6], 9), (1, [5], 10)):
        assert not np.isclose(ring.amplitudes(*other, 0.1), one).any()


def test_a_correlated_force_forgets_as_stated() -> None:
    ring, dt, steps = Ring(power=1.0, k_forcing=10.0, correlation_time=0.5), 0.1, 2000
    found, last = [], None
    for number in range(steps):
        last = ring.amplitudes(3, [0], number, dt, last)
        found.append(last[0])
    chain = np.asarray(found)
    assert (np.abs(chain) ** 2).mean() == pytest.approx(1.0, abs=0.03)
    for lag in (1, 5, 10):
        assert (chain[lag:] * chain[:-lag].conj()).mean().real == pytest.approx(math.exp(-lag * dt / 0.5), abs=0.03)
    # A long correlation has the smaller force: the integral of its autocorrelation over time is what counts.
    fixed = np.ones((1, ring.modes.shape[1]), complex)
    white = Ring(power=1.0, k_forcing=10.0)
    ratio = np.abs(white.force(fixed, dt, 64)).max() / np.abs(ring.force(fixed, dt, 64)).max()
    decay = math.exp(-dt / 0.5)
    assert ratio**2 == pytest.approx((1 + decay) / (1 - decay))


def test_injected_power_is_the_stated_one() -> None:
    # Energy balance over a run: what is there plus what viscosity and drag took is what the force gave.
    run = Forced(size=32, nu=5e-3, drag=0.3, k_forcing=4.0, spin_up=3.0, snapshots=30, dtype="float64")
    realizations = range(6)
    spent, last, given = np.zeros(len(realizations)), 0.0, np.zeros(len(realizations))
    for state in states(run, 1, realizations):
        now = invariants(fields(run, state)["vorticity"])
        rate = 2 * run.nu * now.enstrophy + 2 * run.drag * now.energy
        spent += 0.5 * (rate + last) * run.steps_between * run.step_length
        last = rate
        given = now.energy + spent
    power = given / run.times([run.intervals])[0]
    # The trapezoid of a growing sum is good to 2 %; realizations scatter by their few independent turnovers.
    assert power.mean() == pytest.approx(run.power, abs=4 * power.std(ddof=1) / math.sqrt(len(power)) + 0.02)
    assert power.std(ddof=1) < 0.15


def test_states_continue_with_the_same_bytes() -> None:
    for run in (SMALL, replace(SMALL, correlation_time=0.2)):
        whole = list(states(run, 1, [0]))
        assert [state.intervals for state in whole] == list(range(1, run.intervals + 1))
        again = list(states(run, 1, [0], state=whole[1]))
        for one, other in zip(whole[2:], again, strict=True):
            np.testing.assert_array_equal(one.spectrum, other.spectrum)
            np.testing.assert_array_equal(one.amplitudes, other.amplitudes)


def test_realizations_do_not_see_each_other() -> None:
    *_, both = states(SMALL, 1, [4, 2])
    for row, index in enumerate([4, 2]):
        *_, alone = states(SMALL, 1, [index])
        np.testing.assert_array_equal(both.spectrum[row], alone.spectrum[0])
    assert not np.allclose(both.spectrum[0], both.spectrum[1])


def test_an_interval_is_the_same_on_strict_arrays() -> None:
    xp = namespace(array_api_strict.zeros(1))
    strict, plain = at_rest(SMALL, xp=xp), at_rest(SMALL)
    for _ in range(2):
        strict = interval(xp, SMALL, 1, [3], strict)
        plain = interval(namespace(), SMALL, 1, [3], plain)
    scale = np.abs(plain.spectrum).max()
    np.testing.assert_allclose(asnumpy(strict.spectrum), plain.spectrum, atol=1e-10 * scale)
    np.testing.assert_allclose(fields(SMALL, strict)["u"], fields(SMALL, plain)["u"], atol=1e-10)


@pytest.mark.slow
def test_the_flow_is_steady_and_isotropic_after_the_spin_up(record_property) -> None:
    run = Forced(size=96, nu=4e-3, k_forcing=6.0, snapshots=40)
    energies, turnovers, speeds = [], [], []
    for state in states(run, 5, range(4)):
        if state.intervals >= run.intervals_before:
            found = fields(run, state)
            now = invariants(found["vorticity"])
            speeds.append([(found[name] ** 2).mean() for name in "uv"])
            energies.append(now.energy)
            turnovers.append(1 / np.sqrt(2 * now.enstrophy))
    early, late = np.mean(energies[:20]), np.mean(energies[20:])
    record_property("energy early, late, turnover / T_e", (early, late, np.mean(turnovers) / run.eddy_time))
    assert early == pytest.approx(late, rel=0.15)  # four realizations of a few drag times each
    assert np.divide(*np.mean(speeds, axis=0)) == pytest.approx(1.0, abs=0.15)  # isotropic
    assert np.max(turnovers) < run.eddy_time  # so snapshots are more than a turnover apart


def test_snapshots_are_more_than_a_turnover_apart() -> None:
    run = Forced(size=48, nu=8e-3, k_forcing=4.0, spin_up=2.0, snapshots=3)
    flow = simulate(run, 0, 0)
    turnover = 1 / np.sqrt(2 * invariants(flow["vorticity"]).enstrophy)
    pauses = [later - earlier for earlier, later in pairwise(run.times(range(run.intervals_before, run.intervals + 1)))]
    assert max(turnover) < run.eddy_time == pytest.approx(pauses[0])
    assert run.times([run.intervals_before])[0] >= 2.0 / (2 * run.drag)


def test_scales_scale() -> None:
    # Twice the box at the same power: lengths 2, times 4^(1/3), viscosity by length^2 / time.
    time = 4 ** (1 / 3)
    one = Forced(size=64, k_forcing=6.0)
    two = Forced(size=64, k_forcing=6.0, box=2 * one.box, nu=one.nu * 4 / time, drag=one.drag / time)
    assert two.eddy_time == pytest.approx(one.eddy_time * time)
    assert (two.reynolds, two.resolution) == pytest.approx((one.reynolds, one.resolution))
    assert (two.steps_between, two.intervals) == (one.steps_between, one.intervals)


def test_attributes() -> None:
    attrs = SMALL.attrs()
    assert attrs["forcing"] == "ring, white in time"
    assert attrs["spin_up"] == pytest.approx(SMALL.intervals_before * SMALL.eddy_time)
    assert attrs["age"] == pytest.approx(SMALL.intervals_before)
    assert attrs["Re"] == pytest.approx(1 / (1e-2 * SMALL.ring.mean_square * SMALL.eddy_time))
    assert Forced(size=32, nu=0.0, k_forcing=4.0).reynolds == math.inf


def test_a_large_step_is_refused_with_the_admissible_one() -> None:
    run = replace(SMALL, dt=0.2, drag=0.05, spin_up=1.0, power=5.0)
    with pytest.raises(ValueError, match=r"dt must be <= 0\.\d+ s for this flow \(Courant number 1\)"):
        list(states(run, 0, [0]))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"size": 33}, "even"),
        ({"size": 14}, "size"),
        ({"nu": -1.0}, "nu"),
        ({"nu": 1.0}, "no turbulence otherwise"),
        ({"drag": 0.0}, "drag"),
        ({"drag": 50.0}, "no turbulence otherwise"),
        ({"power": 0.0}, "power"),
        ({"k_forcing": 1.0}, "k_forcing"),
        ({"correlation_time": -1.0}, "correlation_time"),
        ({"box": math.inf}, "box"),
        ({"spin_up": 0.0}, "spin_up"),
        ({"spacing": 0.5}, "spacing"),
        ({"snapshots": 0}, "snapshots"),
        ({"snapshots": 2.5}, "whole number"),
        ({"dt": -1.0}, "dt"),
        ({"dt": math.inf}, "dt"),
        ({"dtype": "float16"}, "dtype"),
    ],
)
def test_bad_parameters(change: dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        replace(SMALL, **change)


@pytest.mark.parametrize(("seed", "realization", "match"), [(-1, 0, "seed"), (0, -1, "realization")])
def test_bad_indices(seed: int, realization: int, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        simulate(SMALL, seed, realization)
    with pytest.raises(ValueError, match=match):
        states(SMALL, seed, [0, realization])  # at the call


def test_states_are_values() -> None:
    start = at_rest(SMALL)
    first = interval(namespace(), SMALL, 1, [0], start)
    assert isinstance(first, State)
    assert not start.spectrum.any() and start.intervals == 0
