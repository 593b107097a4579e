"""The vorticity solver against conservation laws, exact solutions and refinement."""

import math

import numpy as np
import pytest

from scatflow_processes.flow_solver import evolve
from scatflow_processes.turbulence2d import initial_scales, initial_vorticity, simulate
from scatflow_processes.vorticity import invariants, velocity

BOX = 2 * math.pi


def kurtosis(field: np.ndarray) -> float:
    centered = field - field.mean()
    return float((centered**4).mean() / (centered**2).mean() ** 2)


def spectral_derivative(field: np.ndarray, axis: int, box: float = BOX) -> np.ndarray:
    n = field.shape[axis]
    wave = 2j * np.pi * np.fft.fftfreq(n, box / n)
    return np.fft.ifft(np.expand_dims(wave, 1 - axis) * np.fft.fft(field, axis=axis), axis=axis).real


def test_energy_and_enstrophy_are_conserved_without_viscosity() -> None:
    start = initial_vorticity(64, seed=0, realization=0)
    before = invariants(start)
    turnover = initial_scales(64, 0.0).eddy_time
    after = invariants(evolve(start, turnover, nu=0.0))
    assert after.energy == pytest.approx(before.energy, rel=3e-8)
    assert after.enstrophy == pytest.approx(before.enstrophy, rel=3e-8)


def test_viscosity_takes_what_it_should() -> None:
    nu, step = 2e-3, 2e-3
    field = simulate(64, seed=1, realization=0, nu=nu, age=3.0).vorticity
    low = invariants(field)
    middle_field = evolve(field, step, nu)
    middle, high = invariants(middle_field), invariants(evolve(middle_field, step, nu))
    assert (high.energy - low.energy) / (2 * step) == pytest.approx(-2 * nu * middle.enstrophy, rel=1e-4)
    assert (high.enstrophy - low.enstrophy) / (2 * step) == pytest.approx(-2 * nu * middle.palinstrophy, rel=1e-3)


@pytest.mark.parametrize("box", [BOX, 3.0])
def test_velocity_is_solenoidal_and_has_the_vorticity(box: float) -> None:
    fields = simulate(64, seed=2, realization=0, nu=2e-3 * (box / BOX) ** 2, age=2.0, box=box)
    divergence = spectral_derivative(fields.u, 1, box) + spectral_derivative(fields.v, 0, box)
    rms = fields.vorticity.std()
    assert np.abs(divergence).max() < 1e-12 * rms
    curl = spectral_derivative(fields.v, 1, box) - spectral_derivative(fields.u, 0, box)
    np.testing.assert_allclose(curl, fields.vorticity, atol=1e-12 * rms)
    speed2 = (fields.u**2 + fields.v**2).mean()
    assert fields.attrs["energy"] == pytest.approx(speed2 / 2, rel=1e-12)
    assert fields.attrs["enstrophy"] == pytest.approx((fields.vorticity**2).mean() / 2, rel=1e-12)


@pytest.mark.parametrize("modes", [(1, 1), (3, 4)])
def test_taylor_green_vortices_decay_exactly(modes: tuple[int, int]) -> None:
    size, nu, time = 32, 0.01, 5.0
    x = np.arange(size) * BOX / size
    field = np.cos(modes[0] * x)[:, None] * np.cos(modes[1] * x)[None, :]
    square = modes[0] ** 2 + modes[1] ** 2
    decayed = evolve(field, time, nu)
    np.testing.assert_allclose(decayed, field * math.exp(-nu * square * time), atol=1e-12)
    energy = invariants(decayed).energy / invariants(field).energy
    assert energy == pytest.approx(math.exp(-2 * nu * square * time), rel=1e-12)


def test_fourth_order_in_time() -> None:
    start = initial_vorticity(32, seed=3, realization=0, k_peak=3.0)
    exact = evolve(start, 0.4, nu=1e-3, dt=0.0025)
    errors = [np.abs(evolve(start, 0.4, nu=1e-3, dt=dt) - exact).max() for dt in (0.04, 0.02)]
    assert 12 < errors[0] / errors[1] < 20


def test_spectral_convergence_in_space() -> None:
    def snapshot(size: int) -> np.ndarray:
        return simulate(size, seed=4, realization=0, nu=5e-2, age=3.0, k_peak=2.0).vorticity

    exact = snapshot(128)
    errors = [np.abs(snapshot(n) - exact[:: 128 // n, :: 128 // n]).max() / exact.std() for n in (32, 64)]
    assert errors[0] < 0.05
    assert errors[1] < 1e-4


@pytest.mark.parametrize(
    ("size", "nu", "resolution", "errors"),
    [(64, 2e-3, 0.7, (0.03, 0.13, 0.35)), pytest.param(128, 1e-3, 1.0, (0.006, 0.03, 0.15), marks=pytest.mark.slow)],
)
def test_resolution_tells_the_error(size: int, nu: float, resolution: float, errors: tuple[float, float, float]) -> None:
    coarse, fine = (simulate(n, seed=1, realization=0, nu=nu, age=8.0) for n in (size, 2 * size))
    assert coarse.attrs["kmax_over_kd_now"] == pytest.approx(resolution, abs=0.06)
    assert 1.8 < coarse.attrs["kmax_over_kd_now"] / coarse.attrs["kmax_over_kd"] < 2.2
    found = [abs(coarse.attrs["enstrophy"] / fine.attrs["enstrophy"] - 1)]
    for name in ("u", "vorticity"):
        expected = getattr(fine, name)[::2, ::2]
        found.append(np.std(getattr(coarse, name) - expected) / np.std(expected))
    assert found == pytest.approx(errors, rel=0.2)  # of one realization


def test_units_scale() -> None:
    # A box `a` times as long at speed `b`: times scale by a / b, viscosity by a b, vorticity by b / a.
    a, b = 3.0, 2.0
    one = simulate(32, 5, 0, nu=5e-3, age=2.0, k_peak=3.0)
    two = simulate(32, 5, 0, nu=5e-3 * a * b, age=2.0, k_peak=3.0, box=a * BOX, rms_speed=b)
    np.testing.assert_allclose(two.vorticity, one.vorticity * b / a, atol=1e-10)
    assert two.attrs["T_e"] == pytest.approx(one.attrs["T_e"] * a / b)
    for key in ("Re", "kmax_over_kd", "kmax_over_kd_now"):
        assert two.attrs[key] == pytest.approx(one.attrs[key])


def test_coherent_vortices_emerge() -> None:
    start = np.mean([kurtosis(initial_vorticity(128, 0, r)) for r in range(8)])
    assert start == pytest.approx(3.0, abs=0.1)
    flow = simulate(128, seed=3, realization=0, nu=1e-3, age=12.0).vorticity
    assert kurtosis(flow) > 3.3
    # It is the phases that make them: with those of noise the same moduli are Gaussian.
    noise = np.fft.fft2(np.random.default_rng(0).standard_normal((16, 128, 128)))
    surrogates = np.fft.ifft2(np.abs(np.fft.fft2(flow)) * noise / np.abs(noise)).real
    assert np.mean([kurtosis(field) for field in surrogates]) == pytest.approx(3.0, abs=0.1)


def test_an_aged_flow_is_isotropic() -> None:
    """Not the initial field alone: components, and waves of every direction, have equal power on average, at large and small scales.

    What a square box may do, the fourth harmonic of the direction, is 3 to 4 % in energetic shells (0.040 and -0.030 with errors of 0.01,
    of 64 runs) and nothing in those beyond.
    """
    size, runs = 64, 24
    flows = [simulate(size, seed=3, realization=index, nu=2e-3, age=8.0) for index in range(runs)]
    speeds = np.array([[(flow.u**2).mean(), (flow.v**2).mean(), 2 * (flow.u * flow.v).mean()] for flow in flows])
    sides = {"u² - v²": speeds[:, 0] - speeds[:, 1], "2 u v": speeds[:, 2]}
    found = {name: values / (speeds[:, 0] + speeds[:, 1]) for name, values in sides.items()}
    power = np.abs(np.fft.fft2([flow.vorticity for flow in flows])) ** 2
    wave = np.fft.fftfreq(size, 1 / size)
    shell = np.rint(np.hypot(wave[:, None], wave)).astype(int)
    angle = np.arctan2(wave[:, None], wave)
    alike = np.stack([(np.bincount(shell.ravel(), one.ravel()) / np.bincount(shell.ravel()))[shell] for one in power])
    for low, high in ((2, 6), (6, 12), (12, 20)):
        inside = (shell >= low) & (shell < high)
        for harmonic in (2,) if low < 12 else (2, 4):
            turned = ((power - alike) * np.exp(1j * harmonic * angle) * inside).sum(axis=(1, 2)) / (power * inside).sum(axis=(1, 2))
            found |= {f"cos {harmonic}, {low}": turned.real, f"sin {harmonic}, {low}": turned.imag}
    for name, values in found.items():
        error = values.std(ddof=1) / math.sqrt(runs)
        assert abs(values.mean()) < 4 * error < 0.15, name


def test_initial_condition() -> None:
    fields = [initial_vorticity(64, seed=7, realization=r, rms_speed=1.5) for r in range(16)]
    speeds = np.array([[(part**2).mean() for part in velocity(field)] for field in fields])
    np.testing.assert_allclose(speeds.sum(axis=1), 2.25, rtol=1e-12)
    assert speeds[:, 0].mean() == pytest.approx(speeds[:, 1].mean(), rel=0.1)
    enstrophies = [invariants(field).enstrophy for field in fields]
    np.testing.assert_allclose(enstrophies, enstrophies[0], rtol=1e-12)
    eddy_time = initial_scales(64, 1e-3, rms_speed=1.5).eddy_time
    assert eddy_time == pytest.approx(1 / math.sqrt(2 * enstrophies[0]))
    np.testing.assert_allclose(initial_vorticity(96, 7, 3)[::3, ::3], initial_vorticity(64, 7, 3)[::2, ::2], atol=1e-12)


def test_initial_spectrum_peaks_where_asked() -> None:
    size = 128
    field = initial_vorticity(size, seed=1, realization=2)
    u, v = velocity(field)
    power = (np.abs(np.fft.fft2(u)) ** 2 + np.abs(np.fft.fft2(v)) ** 2) / (2 * size**4)
    modes = np.fft.fftfreq(size, 1 / size)
    shell = np.rint(np.hypot(modes[:, None], modes[None, :])).astype(int)
    spectrum = np.bincount(shell.ravel(), power.ravel())
    assert spectrum.sum() == pytest.approx(0.5, rel=1e-12)
    assert 5 <= spectrum.argmax() <= 7


def test_same_numbers_for_the_same_index_only() -> None:
    def run(seed: int, realization: int) -> np.ndarray:
        return simulate(32, seed, realization, nu=5e-3, age=1.0, k_peak=3.0).vorticity

    np.testing.assert_array_equal(run(1, 2), run(1, 2))
    assert (run(1, 2) != run(1, 3)).any()
    assert (run(1, 2) != run(2, 2)).any()


def test_attributes() -> None:
    attrs = simulate(32, 1, 4, nu=5e-3, age=1.5, k_peak=3.0).attrs
    assert attrs["forcing"] == "none"
    assert attrs["time"] == pytest.approx(1.5 * attrs["T_e"])
    assert attrs["Re"] == pytest.approx(1.0 / (3.0 * 5e-3))
    assert (attrs["nu"], attrs["age"], attrs["seed"], attrs["realization"]) == (5e-3, 1.5, 1, 4)
    assert 0 < attrs["kmax_over_kd"] < attrs["kmax_over_kd_now"]
    assert math.isinf(simulate(32, 1, 0, nu=0.0, age=0.1, k_peak=3.0).attrs["Re"])


def test_age_zero_is_the_initial_condition() -> None:
    start = initial_vorticity(32, 1, 0, k_peak=3.0)
    np.testing.assert_allclose(simulate(32, 1, 0, 1e-3, 0.0, k_peak=3.0).vorticity, start, atol=1e-13)


def test_too_large_step_is_refused_with_the_admissible_one() -> None:
    with pytest.raises(ValueError, match=r"dt must be <= (\S+) s") as caught:
        simulate(32, 1, 0, nu=5e-3, age=1.0, k_peak=3.0, dt=0.5)
    admissible = float(str(caught.value).split("<= ")[1].split(" s")[0])
    u, v = velocity(initial_vorticity(32, 1, 0, k_peak=3.0))
    assert admissible == pytest.approx(BOX / 32 / (np.abs(u) + np.abs(v)).max(), rel=1e-4)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"size": 33}, "size"),
        ({"size": 6}, "k_peak"),
        ({"nu": -1.0}, "nu"),
        ({"nu": math.nan}, "nu"),
        ({"age": -1.0}, "age"),
        ({"age": math.inf}, "age"),
        ({"box": 0.0}, "box"),
        ({"k_peak": 0.5}, "k_peak"),
        ({"k_peak": 6.0}, "k_peak"),
        ({"rms_speed": 0.0}, "rms_speed"),
        ({"dt": 0.0}, "dt"),
        ({"seed": -1}, "seed"),
        ({"realization": -1}, "realization"),
    ],
)
def test_bad_parameters(change: dict, match: str) -> None:
    good = {"size": 32, "seed": 0, "realization": 0, "nu": 1e-3, "age": 0.1, "k_peak": 3.0}
    with pytest.raises(ValueError, match=match):
        simulate(**{**good, **change})


@pytest.mark.parametrize(
    "field",
    [np.zeros((8, 10)), np.zeros(8), np.full((8, 8), np.nan), np.zeros((9, 9)), np.zeros((8, 8), complex), np.full((8, 8), "a")],
)
def test_bad_fields(field: np.ndarray) -> None:
    with pytest.raises(ValueError, match="must be"):
        velocity(field)
    with pytest.raises(ValueError, match="must be"):
        evolve(field, 1.0, 0.0)


def test_still_fluid_stays_still() -> None:
    assert not evolve(np.zeros((16, 16)), 10.0, nu=1e-3).any()
