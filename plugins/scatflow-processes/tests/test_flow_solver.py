"""The step, the solver and the budgets: any namespace, either precision, batches, drag and forcing, against formulas."""

import math

import array_api_strict
import numpy as np
import pytest

from scatflow.arrays import namespace
from scatflow_processes.flow_kernels import Step, decay, grid, step
from scatflow_processes.flow_solver import advance, evolve, keep, low_modes
from scatflow_processes.turbulence2d import initial_scales, initial_vorticity
from scatflow_processes.vorticity import budget, invariants, velocity

BOX = 2 * math.pi


@pytest.fixture(scope="module")
def flow() -> np.ndarray:
    """Two developed flows, shape (2, 48, 48)."""
    start = np.stack([initial_vorticity(48, 3, index, k_peak=4.0) for index in range(2)])
    return evolve(start, 0.5, nu=2e-3)


@pytest.fixture(scope="module")
def forcing() -> np.ndarray:
    """A smooth steady force, shape (48, 48)."""
    return 3.0 * initial_vorticity(48, 9, 0, k_peak=3.0)


def central_rate(flow: np.ndarray, forcing: np.ndarray, nu: float, drag: float) -> tuple[list, list, np.ndarray]:
    """Return the rates of energy and enstrophy across a short run, and the flow in its middle."""
    pause = 2e-3
    middle = evolve(flow, pause, nu, drag=drag, forcing=forcing)
    after = evolve(middle, pause, nu, drag=drag, forcing=forcing)
    before, later = invariants(flow), invariants(after)
    rates = [(b - a) / (2 * pause) for a, b in zip(before, later, strict=True)]
    return rates[0], rates[1], middle


@pytest.mark.parametrize("drag", [0.0, 0.7])
def test_the_budgets_close(flow: np.ndarray, forcing: np.ndarray, drag: float) -> None:
    nu = 2e-3
    energy_rate, enstrophy_rate, middle = central_rate(flow, forcing, nu, drag)
    found = budget(middle, nu, drag, np.broadcast_to(forcing, middle.shape))
    for rate, balance in ((energy_rate, found.energy), (enstrophy_rate, found.enstrophy)):
        largest = np.max(np.abs(balance[1:]), axis=0)
        np.testing.assert_array_less(np.abs(rate - balance.rate), 1e-4 * largest)
        assert (np.abs(balance.injection) > 0.1 * largest).all()  # so a missing term would show
    np.testing.assert_allclose(found.energy.viscosity, -2 * nu * found.enstrophy.content)
    np.testing.assert_allclose(found.energy.drag, -2 * drag * found.energy.content)


def test_injection_is_the_work_of_the_force(flow: np.ndarray, forcing: np.ndarray) -> None:
    # The force itself has the same relation to f as the velocity has to the vorticity.
    u, v = velocity(flow)
    force_x, force_y = velocity(forcing)
    found = budget(flow, 0.0, forcing=np.broadcast_to(forcing, flow.shape))
    np.testing.assert_allclose(found.energy.injection, (u * force_x + v * force_y).mean(axis=(1, 2)), rtol=1e-12)
    np.testing.assert_allclose(found.enstrophy.injection, (flow * forcing).mean(axis=(1, 2)), rtol=1e-12)


def test_drag_and_steady_forcing_have_an_exact_solution() -> None:
    # One Fourier shell has no advection: dw/dt = -(nu k^2 + mu) w + f, w -> f / (nu k^2 + mu).
    x = np.arange(32) * BOX / 32
    wave, nu, drag, time = np.cos(3 * x)[:, None] * np.cos(4 * x)[None, :], 0.01, 0.3, 1.7
    rate = nu * 25 + drag
    found = evolve(0.5 * wave, time, nu, dt=0.01, drag=drag, forcing=wave)
    expected = 0.5 * math.exp(-rate * time) + (1 - math.exp(-rate * time)) / rate
    np.testing.assert_allclose(found, expected * wave, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_step_is_the_same_on_strict_arrays(flow: np.ndarray, forcing: np.ndarray, dtype: str) -> None:
    tables, spectra = grid(48, BOX, dtype), np.fft.rfft2(flow)
    complex_dtype = "complex64" if dtype == "float32" else "complex128"
    force = low_modes(np, np.fft.rfft2(forcing)).astype(complex_dtype)

    def stepped(xp: object, array: np.ndarray) -> object:
        own = tables.on(xp)
        spectrum = keep(xp, own, xp.asarray(array))
        half = decay(xp, own, 0.01, 2e-3, 0.1)
        return step(xp, spectrum, Step(own, 0.01, half, xp.asarray(force)))

    strict = stepped(namespace(array_api_strict.zeros(1)), spectra.astype(complex_dtype))
    plain = stepped(namespace(np.zeros(1)), spectra.astype(complex_dtype))
    assert str(strict.dtype).endswith(complex_dtype)
    found = np.asarray(strict)
    np.testing.assert_allclose(found, plain, atol=(1e-6 if dtype == "float32" else 1e-14) * np.abs(plain).max())


def test_evolve_keeps_the_container_and_the_precision(flow: np.ndarray) -> None:
    expected = evolve(flow, 0.05, 2e-3, drag=0.1)
    strict = evolve(array_api_strict.asarray(flow), 0.05, 2e-3, drag=0.1)
    assert type(strict) is type(array_api_strict.zeros(1))
    np.testing.assert_allclose(np.asarray(strict), expected, atol=1e-12)
    single = evolve(flow.astype("float32"), 0.05, 2e-3, drag=0.1)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, atol=2e-5 * np.abs(expected).max())
    assert evolve(np.zeros((8, 8), dtype="int16"), 1.0, 0.0).dtype == np.float64


def test_members_of_a_batch_do_not_see_each_other(flow: np.ndarray) -> None:
    both = np.stack((flow[0], 2.5 * flow[1]))  # the second needs shorter steps
    together = evolve(both, 0.2, nu=1e-3)
    for index in range(2):
        np.testing.assert_array_equal(together[index], evolve(both[index], 0.2, nu=1e-3))
    np.testing.assert_array_equal(evolve(both[None], 0.2, nu=1e-3)[0], together)


def test_single_precision_conserves_as_well_as_it_rounds() -> None:
    start = initial_vorticity(64, seed=0, realization=0).astype("float32")
    before, after = invariants(start), invariants(evolve(start, initial_scales(64, 0.0).eddy_time, nu=0.0))
    assert after.energy == pytest.approx(before.energy, rel=3e-6)
    assert after.enstrophy == pytest.approx(before.enstrophy, rel=3e-6)


def test_a_galilean_frame_does_not_matter_and_neither_does_the_mean(flow: np.ndarray) -> None:
    shifted = np.roll(flow, (5, -7), axis=(1, 2)) + 3.0
    np.testing.assert_allclose(evolve(shifted, 0.1, 2e-3), np.roll(evolve(flow, 0.1, 2e-3), (5, -7), axis=(1, 2)), atol=1e-10)


def test_turns_and_mirrors_of_a_flow_are_flows(flow: np.ndarray) -> None:
    later = evolve(flow, 0.1, 2e-3)
    turned = evolve(np.rot90(flow, axes=(1, 2)), 0.1, 2e-3)
    np.testing.assert_allclose(turned, np.rot90(later, axes=(1, 2)), atol=1e-10)
    mirrored = evolve(-flow[:, :, ::-1], 0.1, 2e-3)  # vorticity changes its sense
    np.testing.assert_allclose(mirrored, -later[:, :, ::-1], atol=1e-10)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"duration": -1.0}, "duration"),
        ({"duration": math.inf}, "duration"),
        ({"nu": -1.0}, "nu"),
        ({"drag": -1.0}, "drag"),
        ({"drag": math.nan}, "drag"),
        ({"dt": 0.0}, "dt"),
        ({"dt": 1.0}, r"dt must be <= 0\.\d+ s"),
        ({"box": -1.0}, "box"),
        ({"forcing": np.zeros((4, 5))}, "square"),
        ({"vorticity": np.full((2, 8, 8), np.inf)}, "finite"),
        ({"vorticity": np.full((8, 8), 3e38, dtype="float32") * np.cos(np.arange(8), dtype="float32")}, "overflowed"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid:RuntimeWarning")
def test_bad_arguments(flow: np.ndarray, change: dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        evolve(**{"vorticity": flow, "duration": 0.1, "nu": 1e-3, **change})


def test_advance_leaves_its_input_alone(flow: np.ndarray) -> None:
    spectrum = keep(np, grid(48, BOX), np.fft.rfft2(flow))
    before = spectrum.copy()
    advance(namespace(), grid(48, BOX), spectrum, 0.05, 1e-3)
    np.testing.assert_array_equal(spectrum, before)
