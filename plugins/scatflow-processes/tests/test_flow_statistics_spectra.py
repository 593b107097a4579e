"""Spectra and scales of flows: Parseval, closed forms, a Gaussian field of known spectrum, errors, labels, refusals."""

from __future__ import annotations

import math
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import scatflow as sf
from scatflow.contract.estimate import quantile
from scatflow.errors import DimensionError, ParameterError, PlanError
from scatflow_processes import half_spectra
from scatflow_processes.sources.gaussian import SolenoidalField


@pytest.fixture(autouse=True)
def one_thread() -> object:
    with dask.config.set(scheduler="synchronous"):
        yield


def flow_of(values: np.ndarray, lengths: tuple[float, ...], **batch: int) -> xr.DataArray:
    """Return components in m/s on a periodic box, axes (batch..., component, z?, y, x)."""
    ndim = len(lengths)
    dims = (*batch, "component", *"zyx"[-ndim:])
    coords = {
        dim: (dim, np.arange(n) * (length / n), {"units": "m", "period": length})
        for dim, n, length in zip(dims[-ndim:], values.shape[-ndim:], lengths, strict=True)
    }
    return xr.DataArray(values, dims=dims, coords={"component": list("uvw"[:ndim]), **coords}, attrs={"units": "m/s"})


def total(spectrum: xr.Dataset) -> xr.DataArray:
    return (spectrum["mean"] * spectrum.dk).sum("k")


sides = st.lists(st.tuples(st.integers(2, 9), st.floats(0.1, 30.0)), min_size=2, max_size=3)


@settings(max_examples=25, deadline=None)
@given(grid=sides, seed=st.integers(0, 2**31), width=st.one_of(st.none(), st.floats(0.3, 30.0)))
def test_spectra_add_up_on_any_box(grid: list[tuple[int, float]], seed: int, width: float | None) -> None:
    shape, lengths = tuple(n for n, _ in grid), tuple(length for _, length in grid)
    largest = math.hypot(*(math.pi * n / length for n, length in grid))
    if width is not None and largest / width > 500:
        width = largest / 500
    values = np.random.default_rng(seed).standard_normal((len(shape), *shape)) + 0.5
    flow = flow_of(values, lengths)
    dims = flow.dims[1:]
    energy = sf.ops.energy_spectrum(flow, dims=dims, width=width)
    np.testing.assert_allclose(total(energy), 0.5 * (flow**2).mean(dims).sum("component"), rtol=1e-12)
    assert int(energy.modes.sum()) == math.prod(shape)
    curl = sf.ops.vorticity(flow, dims=dims, method="spectral")
    enstrophy = total(sf.ops.energy_spectrum(flow, dims=dims, kind="enstrophy", width=width))
    np.testing.assert_allclose(enstrophy, 0.5 * float((curl**2).sum()) / math.prod(shape), rtol=1e-12, atol=1e-24)
    square = (flow**2).mean(dims)
    for dim, own in zip(dims, reversed(flow.component.values), strict=True):
        found = total(sf.ops.energy_spectrum(flow, dims=dims, kind="longitudinal", along=dim))
        np.testing.assert_allclose(found, square.sel(component=own), rtol=1e-12)
        found = total(sf.ops.energy_spectrum(flow, dims=dims, kind="transverse", along=dim))
        np.testing.assert_allclose(found, square.drop_sel(component=own).mean("component"), rtol=1e-12)
    product = (flow.sel(component="u") * flow.sel(component="v")).mean(dims)
    np.testing.assert_allclose(total(sf.ops.cross_spectrum(flow, dims=dims, pair=("u", "v"))), product, atol=1e-12)


def test_single_precision_is_summed_in_double() -> None:
    values = np.random.default_rng(1).standard_normal((2, 15, 16)).astype("float32")
    flow = flow_of(values, (1.0, 2.0))
    found = total(sf.ops.energy_spectrum(flow, dims=("y", "x")))
    np.testing.assert_allclose(found, 0.5 * (values.astype("float64") ** 2).sum() / (15 * 16), rtol=1e-12)


def test_taylor_green_lies_in_one_shell() -> None:
    n, speed = 24, 2.0
    x = np.arange(n) * (2 * np.pi / n)
    u = speed * np.cos(3 * x) * np.sin(4 * x)[:, None]
    v = -speed * 3 / 4 * np.sin(3 * x) * np.cos(4 * x)[:, None]  # solenoidal: 3 U = 4 V
    flow = flow_of(np.stack([u, v]), (2 * np.pi, 2 * np.pi))
    energy, enstrophy = (sf.ops.energy_spectrum(flow, dims=("y", "x"), kind=kind)["mean"] for kind in ("energy", "enstrophy"))
    exact = speed**2 / 8 * (1 + 9 / 16)
    np.testing.assert_allclose(energy, np.where(np.arange(energy.size) == 5, exact, 0), atol=1e-15)
    np.testing.assert_allclose(enstrophy, np.where(np.arange(energy.size) == 5, 25 * exact, 0), atol=1e-13)
    compensated = sf.ops.energy_spectrum(flow, dims=("y", "x"), compensate=5 / 3)["mean"]
    np.testing.assert_allclose(compensated, energy.k ** (5 / 3) * energy, atol=1e-14)
    assert energy.units == "m3 s-2"
    assert enstrophy.units == "m s-2"
    assert "units" not in compensated.attrs
    assert sf.ops.energy_spectrum(flow, dims=("y", "x"), compensate=3.0)["mean"].units == "s-2"
    assert energy.k.units == energy.dk.units == "rad/m"
    labelled = sf.ops.energy_spectrum(flow, dims=("y", "x"), eta=0.1)
    np.testing.assert_allclose(labelled.k_eta, 0.1 * labelled.k)


def test_weak_shells_are_not_lost_beside_strong_ones() -> None:
    n = 32
    x = np.arange(n) * (2 * np.pi / n)
    u = np.cos(x)[:, None] + 1e-9 * np.cos(9 * x)[:, None] + 0 * x
    found = sf.ops.energy_spectrum(flow_of(np.stack([u, 0 * u]), (2 * np.pi,) * 2), dims=("y", "x"))["mean"]
    np.testing.assert_allclose(found[9], 0.25e-18, rtol=1e-5)


def gaussian(count: int, n: int, spectrum: object, seed: int = 3) -> xr.DataArray:
    """Return solenoidal Gaussian fields whose energy spectrum is ``spectrum(k)``, on a cube of 2 pi."""
    rng = np.random.default_rng(seed)
    k = np.stack(np.meshgrid(*(np.fft.fftfreq(n, 1 / n),) * 3, indexing="ij"))
    size = np.sqrt((k**2).sum(0))
    inside = (size > 0) & (size < n / 2)
    number = np.rint(size).astype(int)
    modes = np.bincount(number.ravel())
    noise = np.fft.fftn(rng.standard_normal((count, 3, n, n, n)), axes=(-3, -2, -1)) / n**1.5  # unit variance per mode
    unit = k / np.where(size > 0, size, 1)
    noise = noise - unit * (noise * unit).sum(1, keepdims=True)  # (z, y, x) components: two degrees of freedom remain
    energy = np.where(inside, spectrum(number.astype(float)) / modes[number], 0)  # per mode: 1/2 <|u|^2>, |noise|^2 = 2
    values = np.fft.ifftn(noise * np.sqrt(energy) * n**3, axes=(-3, -2, -1)).real
    return flow_of(values[:, ::-1], (2 * np.pi,) * 3, realization=count)


def test_a_gaussian_field_gives_back_its_spectrum_within_errors() -> None:
    def spectrum(k: np.ndarray) -> np.ndarray:
        return np.where(k > 0, np.maximum(k, 1) ** (-5 / 3), 0)

    flow = gaussian(24, 16, spectrum)
    found = sf.ops.energy_spectrum(flow, dims=("z", "y", "x"), over="realization")
    shells = found.isel(k=slice(1, 7))  # below the sphere that the box holds
    score = (shells["mean"] - spectrum(shells.k.values)) / shells.se
    assert (shells["count"] == 24).all()
    assert float(abs(score).max()) < 4
    assert 0.3 < float((score**2).mean()) < 3
    # chi-squared with 2 degrees of freedom per pair of modes: se / E = sqrt(2 / (2 modes)) / sqrt(fields).
    ratio = shells.se / shells["mean"] / np.sqrt(1 / shells.modes / 24)
    # Of 24 fields an error is known to 1 / sqrt(2 * 23) = 15 %, the mean of six to 6 %: four times that.
    np.testing.assert_allclose(ratio, 1, atol=0.6)
    np.testing.assert_allclose(ratio.mean(), 1, atol=0.25)
    part = sf.ops.energy_spectrum(flow.chunk(realization=5), dims=("z", "y", "x"), over="realization")
    xr.testing.assert_allclose(part.compute(), found, rtol=1e-12)


def test_the_source_of_velocities_gives_back_its_spectrum() -> None:
    """Source and operator count shells by one rule, so whole shells hold E(k) dk on average."""
    source = SolenoidalField(size=(32, 32), spectrum="kolmogorov", k_high=10.0, std=None, realizations=100, dtype="float64")
    values = np.stack([source.read({}, name) for name in ("u", "v")], axis=1)
    found = sf.ops.energy_spectrum(flow_of(values, (2 * np.pi,) * 2, realization=100), dims=("y", "x"), over="realization")
    inside = found.isel(k=slice(1, 10))
    score = (inside["mean"] - inside.k ** (-5 / 3)) / inside.se
    assert float(abs(score).max()) < 4
    assert float((inside.se / inside["mean"]).max()) < 0.1
    np.testing.assert_allclose(found["mean"][12:], 0, atol=1e-30)


def test_isotropy_relates_e11_and_e22() -> None:
    # E11(k) = integral from k of E(q) / q (1 - k^2 / q^2) dq, which is exp(-k^2) / 2 for E = q^4 exp(-q^2), and E22 = (E11 - k dE11/dk) / 2.
    flow = gaussian(12, 16, lambda k: k**4 * np.exp(-((k / 2.2) ** 2)))
    spectra = [
        sf.ops.energy_spectrum(flow, dims=("z", "y", "x"), kind=kind, over="realization") for kind in ("longitudinal", "transverse")
    ]
    e11, e22 = (each["mean"].values[1:6] for each in spectra)
    k = spectra[0].k.values[1:6] / 2.2
    ratio = 0.5 * (1 + 2 * k**2)
    error = np.hypot(*((each["se"] / each["mean"]).values[1:6] for each in spectra))
    assert (error < 0.07).all()  # so that 0.1 is less than three of them
    np.testing.assert_allclose(e22 / e11, ratio, rtol=0.1)


@pytest.mark.parametrize("size", [(32, 32), (16, 16, 16)])
def test_a_single_field_has_errors_from_groups_of_modes(size: tuple[int, ...]) -> None:
    """Of Gaussian fields the error is that between fields, and 95 % intervals hold the true spectrum as often as they should."""
    source = SolenoidalField(size=size, spectrum="kolmogorov", k_high=size[0] / 2 - 1, std=None, realizations=100, dtype="float64")
    values = np.stack([source.read({}, name) for name in "uvw"[: len(size)]], axis=1)
    flow = flow_of(values, (2 * np.pi,) * len(size), realization=100)
    found = sf.ops.energy_spectrum(flow, dims=flow.dims[2:]).isel(k=slice(1, size[0] // 2 - 1))
    np.testing.assert_array_equal(found["count"], found.dof + 1)
    inside = abs(found["mean"] - found.k ** (-5 / 3)) <= quantile(found.dof.values) * found.se
    # Of 600 or 1400 intervals, those of one field independent: 95 % to 1 %; few modes in the first shells cost a little.
    assert 0.90 < float(inside.mean()) < 0.98
    ratio = np.sqrt((found.se**2).mean("realization")) / found["mean"].std("realization")
    assert float(abs(np.log(ratio)).max()) < math.log(2)  # groups of unequal numbers of modes, in the first shells
    assert 0.9 < float(ratio[3:].mean()) < 1.25
    scales = sf.ops.flow_scales(flow, dims=flow.dims[2:], nu=0.01)
    for name in ("u_rms", "epsilon", "eta", "taylor_length", "Re_lambda", "L11", "T_eddy", "kmax_eta"):
        error = float(np.sqrt((scales[f"{name}_se"] ** 2).mean()) / scales[name].std())
        assert 0.8 < error < 2.2, name


def test_shells_of_one_mode_tell_no_error() -> None:
    found = sf.ops.energy_spectrum(flow_of(np.random.default_rng(0).standard_normal((2, 6, 6)), (1.0, 1.0)), dims=("y", "x"))
    assert np.isnan(found.se[0])
    assert found["count"][0] == 1
    assert (found.se[1:4] > 0).all()


def test_fields_with_a_gap_are_spoiled_left_out_or_refused() -> None:
    values = np.random.default_rng(2).standard_normal((3, 2, 6, 8))
    values[1, 0, 3, 3] = np.nan
    flow = flow_of(values, (1.0, 1.0), time=3)
    options = {"dims": ("y", "x"), "over": "time", "ordered": ()}
    assert np.isnan(sf.ops.energy_spectrum(flow, **options)["mean"]).all()
    kept = sf.ops.energy_spectrum(flow, nan="mask", **options)
    expected = sf.ops.energy_spectrum(flow.isel(time=[0, 2]), **options)
    np.testing.assert_allclose(kept["mean"], expected["mean"], rtol=1e-13)
    np.testing.assert_allclose(kept.valid_fraction, 2 / 3)
    with pytest.raises(ValueError, match="interior NaN"):
        sf.ops.energy_spectrum(flow, nan="error", **options)


def test_jobs_average_over_time(tmp_path: Path) -> None:
    flow = flow_of(np.random.default_rng(4).standard_normal((6, 3, 8, 6, 10)), (1.0, 2.0, 3.0), realization=6).drop_vars(
        "component"
    )
    flow.to_dataset(name="flow").to_zarr(
        tmp_path / "flow.zarr", encoding={"flow": {"chunks": (2, 1, 8, 6, 10)}}, consolidated=False
    )
    options = {"dims": ("z", "y", "x"), "over": "realization", "components": ("x", "y", "z")}
    lazy = sf.ops.energy_spectrum(sf.open_source(tmp_path / "flow.zarr"), rechunk="auto", **options)
    job = sf.Pipeline.from_array(lazy).run(tmp_path / "out.zarr")
    whole = sf.ops.energy_spectrum(flow, **options)
    for name in ("mean", "se"):
        np.testing.assert_allclose(job[name], whole[name], rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "options", "error", "words"),
    [
        ("cut", {}, ParameterError, r"coordinate 'x' does not declare a period.*got boundary=None.*structure functions"),
        ("units", {}, DimensionError, r"'y' and 'x'.*one unit of length"),
        ("none", {"along": "t", "kind": "longitudinal"}, ParameterError, r"along.*spatial core dim"),
        ("none", {"along": "x"}, ParameterError, r'along.*kind="longitudinal"'),
        ("none", {"boundary": "reflect"}, ParameterError, "periodic"),
        ("walls", {}, ParameterError, "'x' has segments"),
        ("none", {"width": 0.0}, ParameterError, "width"),
        ("none", {"width": 1e-4}, ParameterError, "width.*65536 shells"),
    ],
)
def test_refusals(change: str, options: dict[str, object], error: type[Exception], words: str) -> None:
    flow = flow_of(np.ones((2, 6, 8)), (1.0, 1.0))
    if change == "cut":
        flow = flow[:, :, :5]
    elif change == "units":
        del flow.x.attrs["units"]
    elif change == "walls":
        flow = flow.assign_coords(segment=("x", np.repeat([0, 1], 4)))
    with pytest.raises(error, match=words):
        sf.ops.energy_spectrum(flow, dims=("y", "x"), **options)


def test_cross_spectra_need_labels_that_exist() -> None:
    flow = flow_of(np.ones((2, 6, 8)), (1.0, 1.0))
    with pytest.raises(DimensionError, match=r"no 'theta' along 'component'.*\['u', 'v'\]"):
        sf.ops.cross_spectrum(flow, dims=("y", "x"), pair=("u", "theta"))
    both = sf.ops.cross_spectrum(flow, dims=("y", "x"), pair=(0, 1))
    xr.testing.assert_equal(
        both["mean"].drop_attrs(), sf.ops.cross_spectrum(flow, dims=("y", "x"), pair=("u", "v"))["mean"].drop_attrs()
    )


def test_shells_hold_every_mode_once() -> None:
    found = half_spectra.shells((6, 7, 9), (0.5, 1.0, 0.7), 1.3)
    assert sorted(found.order.tolist()) == list(range(6 * 7 * 5))
    assert found.modes.sum() == 6 * 7 * 9
    k = np.sqrt(sum(wave**2 for wave in half_spectra.half_waves((6, 7, 9), (0.5, 1.0, 0.7)))).ravel()[found.order]
    for number, (low, high) in enumerate(zip(found.bounds[:-1], found.bounds[1:], strict=True)):
        assert ((k[low:high] >= (number - 0.5) * 1.3 - 1e-6) & (k[low:high] < (number + 0.5) * 1.3 + 1e-6)).all()


def test_scales_of_a_flow_in_closed_form() -> None:
    # An ABC flow with A = B = C has curl u = u, so k = 1 alone: <|u|^2> = 3 A^2, eps = nu <w^2> = 3 nu A^2.
    n, a, nu = 16, 0.8, 0.02
    x = np.arange(n) * (2 * np.pi / n)
    z, y, x = np.meshgrid(x, x, x, indexing="ij")
    u = a * np.stack([np.sin(z) + np.cos(y), np.sin(x) + np.cos(z), np.sin(y) + np.cos(x)])
    flow = flow_of(u + np.array([5.0, 0.0, -1.0])[:, None, None, None], (2 * np.pi,) * 3)  # a mean flow changes nothing
    found = sf.ops.flow_scales(flow, dims=("z", "y", "x"), nu=nu)
    epsilon = 3 * nu * a**2
    expected = {
        "u_rms": a, "epsilon": epsilon, "eta": (nu**3 / epsilon) ** 0.25, "taylor_length": a * math.sqrt(15 * nu / epsilon),
        "Re_lambda": a * a * math.sqrt(15 * nu / epsilon) / nu, "L11": math.pi / (2 * a**2) * 1.5 * a**2,
        "T_eddy": math.pi / 2 * 1.5 / a, "kmax_eta": 8 * (nu**3 / epsilon) ** 0.25,
    }  # fmt: skip
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12, err_msg=name)
    units = {name: found[name].units for name in expected}
    assert units == {"u_rms": "m/s", "epsilon": "m2 s-3", "eta": "m", "taylor_length": "m", "Re_lambda": "1", "L11": "m", "T_eddy": "s",
                     "kmax_eta": "1"}  # fmt: skip
    assert found.eta.nu == nu
    assert found.eta.k_max == pytest.approx(8)
    loss = sf.ops.dissipation(flow, dims=("z", "y", "x"), nu=nu, method="spectral").mean()
    np.testing.assert_allclose(found.epsilon, loss, rtol=1e-12)


def test_scales_of_realizations_have_errors_and_label_spectra() -> None:
    flow = gaussian(12, 12, lambda k: np.where(k > 0, np.exp(-k), 0))
    found = sf.ops.flow_scales(flow, dims=("z", "y", "x"), nu=0.01, over="realization")
    energy = 0.5 * (flow**2).mean(("z", "y", "x")).sum("component")
    np.testing.assert_allclose(found.u_rms, np.sqrt(energy.mean() * 2 / 3), rtol=1e-12)
    naive = energy.std("realization", ddof=1) / math.sqrt(12) / (2 * energy.mean()) * found.u_rms
    np.testing.assert_allclose(found.u_rms_se, naive, rtol=0.1)  # error propagation, of which the jackknife differs at second order
    for name in ("epsilon", "eta", "taylor_length", "Re_lambda", "L11", "T_eddy", "kmax_eta"):
        assert 0 < float(found[f"{name}_se"]) < 0.2 * float(found[name])
    spectrum = sf.ops.energy_spectrum(flow, dims=("z", "y", "x"), over="realization", eta=float(found.eta))
    np.testing.assert_allclose(spectrum.k_eta, spectrum.k * float(found.eta))
    each = sf.ops.flow_scales(flow, dims=("z", "y", "x"), nu=0.01)
    assert each.epsilon.dims == ("realization",)
    np.testing.assert_allclose(each.epsilon.mean(), found.epsilon, rtol=1e-12)


def test_jobs_and_lazy_arrays_give_the_same_scales(tmp_path: Path) -> None:
    flow = flow_of(np.random.default_rng(6).standard_normal((4, 2, 8, 12)), (1.0, 2.0), realization=4).drop_vars("component")
    flow.to_dataset(name="flow").to_zarr(tmp_path / "flow.zarr", encoding={"flow": {"chunks": (1, 1, 8, 12)}}, consolidated=False)
    for number, over in enumerate(("realization", None)):
        options = {"dims": ("y", "x"), "over": over, "components": ("x", "y"), "nu": 0.1}
        lazy = sf.ops.flow_scales(sf.open_source(tmp_path / "flow.zarr"), rechunk="auto", **options)
        job = sf.Pipeline.from_array(lazy).run(tmp_path / f"out{number}.zarr")
        whole = sf.ops.flow_scales(flow, **options)
        for name in whole.data_vars:
            np.testing.assert_allclose(job[name], whole[name], rtol=1e-12, err_msg=str(name))
            np.testing.assert_allclose(lazy[name].compute(), whole[name], rtol=1e-12, err_msg=str(name))


def test_scales_in_two_dims_are_what_they_mean() -> None:
    # Isotropy by averaging a plane wave over directions: u = A sin(k x) along y and the same along x.
    n, k = 16, 2
    x = np.arange(n) * (2 * np.pi / n)
    y, x = np.meshgrid(x, x, indexing="ij")
    flow = flow_of(np.stack([np.sin(k * y), np.sin(k * x)]), (2 * np.pi,) * 2)
    found = sf.ops.flow_scales(flow, dims=("y", "x"), nu=0.1)
    np.testing.assert_allclose(found.u_rms, math.sqrt(0.5), rtol=1e-13)
    np.testing.assert_allclose(found.epsilon, 0.1 * k**2, rtol=1e-12)  # nu <w^2>, <w^2> = 2 k^2 / 2
    np.testing.assert_allclose(found.taylor_length, math.sqrt(0.5) * math.sqrt(8 / k**2), rtol=1e-12)
    np.testing.assert_allclose(found.L11, 2 / k, rtol=1e-12)  # 2 / u'^2 times (1/2 <|u|^2>) / k, the energy being u'^2


def test_scales_need_units_and_refuse_a_covariance() -> None:
    flow = flow_of(np.random.default_rng(0).standard_normal((2, 6, 8)), (1.0, 1.0))
    with pytest.raises(ParameterError, match="covariance"):
        sf.ops.flow_scales(flow, dims=("y", "x"), nu=0.1, covariance=True)
    for dim in ("y", "x"):
        del flow[dim].attrs["units"]
    with pytest.raises(DimensionError, match=r"coordinate 'y'.*viscosity.*attrs\[\"units\"\] = \"m\""):
        sf.ops.flow_scales(flow, dims=("y", "x"), nu=0.1)
    still = sf.ops.flow_scales(flow_of(np.zeros((2, 4, 4)), (1.0, 1.0)), dims=("y", "x"), nu=0.1)
    assert float(still.epsilon) == 0
    assert np.isnan(still.eta)


def test_simulated_turbulence_from_velocity_to_scales() -> None:
    """The whole way of a user: components of a source, its own vorticity, spectra and scales of the ensemble."""
    flow = sf.Pipeline.from_source("turbulence2d", size=32, nu=5e-3, age=1.0, k_peak=3.0, realizations=3, seed=3).lazy()
    field = sf.ops.vector2(flow.u, flow.v)
    assert field.chunks is not None
    assert field.units == "m/s"
    spin = sf.ops.vorticity(field, dims=("y", "x"), method="spectral")
    assert spin.dtype == "float32"
    scale = float(abs(flow.vorticity).max())
    np.testing.assert_allclose(spin, flow.vorticity, atol=2e-6 * scale)
    enstrophy = sf.ops.energy_spectrum(field, dims=("y", "x"), kind="enstrophy", over="realization").compute()
    np.testing.assert_allclose(total(enstrophy), 0.5 * (flow.vorticity.astype("float64") ** 2).mean(), rtol=1e-5)
    scales = sf.ops.flow_scales(field, dims=("y", "x"), nu=5e-3, over="realization").compute()
    # eps = 2 nu Z of a solenoidal periodic flow.
    np.testing.assert_allclose(scales.epsilon, 2 * 5e-3 * total(enstrophy), rtol=1e-6)


PENCILS = [
    ("energy_spectrum", {"compensate": 5 / 3}),
    ("energy_spectrum", {"kind": "enstrophy", "width": 2.0}),
    ("energy_spectrum", {"kind": "longitudinal", "along": "y", "covariance": True}),
    ("energy_spectrum", {"kind": "transverse"}),
    ("cross_spectrum", {"pair": (1, 0)}),
    ("flow_scales", {"nu": 0.1}),
]


@pytest.mark.parametrize(("name", "options"), PENCILS, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize(("shape", "over"), [((10, 12), None), ((6, 7, 8), "time")])
def test_one_axis_at_a_time_gives_the_same(
    tmp_path: Path, name: str, options: dict[str, object], shape: tuple[int, ...], over: str | None
) -> None:
    """Fields larger than memory: lines along one axis, cut along all others, in regions that divide nothing."""
    flow = flow_of(
        np.random.default_rng(8).standard_normal((3, len(shape), *shape)), (1.0, 2.0, 3.0)[: len(shape)], time=3
    ).drop_vars("component")
    dims = flow.dims[2:]
    named = {} if name == "cross_spectrum" else {"components": tuple(reversed(dims))}
    options = {**options, **named, "dims": dims, "over": over, "ordered": () if over else None}
    whole = getattr(sf.ops, name)(flow, **options)
    flow.to_dataset(name="flow").to_zarr(tmp_path / "flow.zarr", consolidated=False)
    lazy = getattr(sf.ops, name)(sf.open_source(tmp_path / "flow.zarr"), rechunk="auto", **options)
    pipeline = sf.Pipeline.from_array(lazy)
    region = dict.fromkeys(dims, 4) | {"time": 2}
    assert len(pipeline.plan(strategy="pencil", region=region).stages) == len(shape) + 1
    found = pipeline.run(tmp_path / "out.zarr", strategy="pencil", region=region)
    assert set(found.data_vars) == set(whole.data_vars)
    for key, value in whole.data_vars.items():
        scale = float(np.nanmax(abs(value)))
        np.testing.assert_allclose(found[key], value, rtol=1e-10, atol=1e-12 * scale, err_msg=str(key))
        assert found[key].dims == value.dims
        assert found[key].attrs == {name: attr for name, attr in value.attrs.items() if name != "scatflow"}
        assert set(found[key].coords) == set(value.coords)


def test_sentinels_and_gaps_are_refused_one_axis_at_a_time(tmp_path: Path) -> None:
    flow = flow_of(np.random.default_rng(8).standard_normal((2, 8, 8)), (1.0, 1.0))
    flow[0, 3, 3] = np.nan
    flow.to_dataset(name="flow").drop_vars("component").to_zarr(tmp_path / "flow.zarr", consolidated=False)
    options = {"dims": ("y", "x"), "components": ("x", "y"), "rechunk": "auto"}
    source = sf.open_source(tmp_path / "flow.zarr")
    for extra, words in (({"missing": -99.0}, "missing=-99"), ({"nan": "mask"}, "gaps cannot be filled")):
        lazy = sf.ops.energy_spectrum(source, **options, **extra)
        with pytest.raises(PlanError, match=words):
            sf.Pipeline.from_array(lazy).plan(strategy="pencil")
    with pytest.raises(Exception, match="NaN in what is transformed one axis at a time"):
        sf.Pipeline.from_array(sf.ops.energy_spectrum(source, **options)).run(tmp_path / "out.zarr", strategy="pencil")
