"""Derivatives, vorticity, strain, Q and dissipation: closed forms, orders of accuracy, edges, jobs in blocks, refusals."""

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
from scatflow.errors import DimensionError, ParameterError
from scatflow.graph import bind
from scatflow.labels import spec_of
from scatflow_processes import flow_gradients
from scatflow_processes.operators.velocity_gradients import Vorticity


@pytest.fixture(autouse=True)
def one_thread() -> object:
    with dask.config.set(scheduler="synchronous"):
        yield


def box(**sides: tuple[int, float]) -> dict[str, xr.DataArray]:
    """Return periodic coordinates in m by dim from (samples, length)."""
    coords = {dim: (dim, np.arange(n) * (length / n), {"units": "m", "period": length}) for dim, (n, length) in sides.items()}
    return dict(xr.Dataset(coords=coords).coords)


def vector(**components: xr.DataArray) -> xr.DataArray:
    """Return components in m/s along the dim ``component``."""
    flow = xr.Dataset(components).to_dataarray("component").assign_attrs(units="m/s")
    return flow.transpose(*(dim for dim in ("component", "z", "y", "x") if dim in flow.dims))


def abc_flow(n: int = 24, a: float = 1.0, b: float = 0.7, c: float = 0.4) -> xr.DataArray:
    at = box(z=(n, 2 * np.pi), y=(n + 2, 2 * np.pi), x=(n + 1, 2 * np.pi))
    x, y, z = at["x"], at["y"], at["z"]
    return vector(
        u=a * np.sin(z) + c * np.cos(y) + 0 * x, v=b * np.sin(x) + a * np.cos(z) + 0 * y, w=c * np.sin(y) + b * np.cos(x) + 0 * z
    )


def taylor_green(ny: int = 16, nx: int = 20, k: int = 3, speed: float = 2.0) -> xr.DataArray:
    """Return u = U cos(kx) sin(ky), v = -U sin(kx) cos(ky)."""
    at = box(y=(ny, 2 * np.pi), x=(nx, 2 * np.pi))
    x, y = k * at["x"], k * at["y"]
    return vector(u=speed * np.cos(x) * np.sin(y), v=-speed * np.sin(x) * np.cos(y))


def test_the_curl_of_an_abc_flow_is_the_flow() -> None:
    flow = abc_flow()
    found = sf.ops.vorticity(flow, dims=("z", "y", "x"), method="spectral")
    assert found.dims == flow.dims
    assert found.units == "s-1"
    assert found.component.values.tolist() == ["u", "v", "w"]
    np.testing.assert_allclose(found, flow.transpose(*found.dims), atol=1e-12)


def test_components_are_told_by_their_labels() -> None:
    flow = abc_flow(12)
    dims = ("z", "y", "x")
    expected = sf.ops.vorticity(flow, dims=dims, method="spectral")
    turned = sf.ops.vorticity(flow.sel(component=["w", "u", "v"]), dims=("x", "z", "y"), method="spectral")
    xr.testing.assert_allclose(turned.sel(component=["u", "v", "w"]), expected, atol=1e-13)
    named = flow.assign_coords(component=["x", "y", "z"])
    np.testing.assert_array_equal(sf.ops.vorticity(named, dims=dims, method="spectral"), expected)
    bare = flow.drop_vars("component")
    np.testing.assert_array_equal(sf.ops.vorticity(bare, dims=dims, components=dims[::-1], method="spectral"), expected)
    with pytest.raises(ParameterError, match=r"along which dim each component points.*components=\('x', 'y', 'z'\)"):
        sf.ops.vorticity(bare, dims=dims)


def test_taylor_green_in_closed_form() -> None:
    k, speed, nu = 3, 2.0, 0.25
    flow = taylor_green(k=k, speed=speed)
    x, y = k * flow.x, k * flow.y
    found = sf.ops.vorticity(flow, dims=("y", "x"), method="spectral")
    np.testing.assert_allclose(found, -2 * k * speed * np.cos(y) * np.cos(x), atol=1e-12)
    # <u^2 + v^2> = U^2 / 2 and <w^2> = k^2 U^2; dissipation of a periodic flow is nu <w^2>.
    np.testing.assert_allclose(0.5 * (flow**2).sum("component").mean(), speed**2 / 4, rtol=1e-14)
    np.testing.assert_allclose((found**2).mean(), k**2 * speed**2, rtol=1e-13)
    loss = sf.ops.dissipation(flow, dims=("y", "x"), method="spectral", nu=nu)
    assert loss.units == "m2 s-3"
    assert loss.nu == nu
    np.testing.assert_allclose(loss.mean(), nu * k**2 * speed**2, rtol=1e-13)
    # S_xx = -S_yy = -k U sin sin, S_xy = 0; Q = (w^2 / 2 - S:S) / 2.
    strain = sf.ops.strain(flow, dims=("y", "x"), method="spectral")
    assert strain.tensor.flag_meanings == "y,y y,x x,x"
    diagonal = -k * speed * np.sin(x) * np.sin(y)
    np.testing.assert_allclose(strain.sel(tensor=2), diagonal.transpose("y", "x"), atol=1e-12)
    np.testing.assert_allclose(strain.sel(tensor=1), 0, atol=1e-12)
    np.testing.assert_allclose(loss, 2 * nu * 2 * diagonal.transpose("y", "x") ** 2, atol=1e-11)
    q = sf.ops.q_criterion(flow, dims=("y", "x"), method="spectral")
    np.testing.assert_allclose(q, found**2 / 4 - loss / (4 * nu), atol=1e-11)
    assert q.units == "s-2"
    np.testing.assert_allclose(q.mean(), 0, atol=1e-12)


def test_strain_and_rotation_make_up_the_gradient() -> None:
    flow = abc_flow(10)
    dims = ("z", "y", "x")
    loss = sf.ops.dissipation(flow, dims=dims, nu=0.5, method="spectral")  # = S:S
    spin = sf.ops.vorticity(flow, dims=dims, method="spectral")
    q = sf.ops.q_criterion(flow, dims=dims, method="spectral")
    np.testing.assert_allclose(q, 0.5 * (0.5 * (spin**2).sum("component") - loss), atol=1e-12)
    strain = sf.ops.strain(flow, dims=dims, method="spectral")
    assert strain.tensor.flag_meanings == "z,z z,y z,x y,y y,x x,x"
    twice = xr.where(strain.tensor.isin([0, 3, 5]), 1.0, 2.0)
    np.testing.assert_allclose((strain**2 * twice).sum("tensor"), loss, atol=1e-12)
    trace = strain.sel(tensor=[0, 3, 5]).sum("tensor")
    np.testing.assert_allclose(trace, 0, atol=1e-12)


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("periodic", [True, False])
def test_differences_converge_at_their_order(order: int, periodic: bool) -> None:
    errors = []
    for n in (32, 64):
        x = box(x=(n, 2 * np.pi))["x"] if periodic else xr.DataArray(np.linspace(0, 3, n), dims="x", attrs={"units": "m"})
        u = xr.DataArray(np.sin(2 * x.values), dims="x", coords={"x": x})
        found = sf.ops.derivative(u, dims="x", order=order)
        errors.append(float(abs(found - 2 * np.cos(2 * x)).max()))
    measured = math.log2(errors[0] / errors[1])
    # One-sided errors converge from above: at 32 samples the next order still counts.
    assert order - 0.15 < measured < order + (0.15 if periodic else 0.8), measured


@settings(max_examples=25, deadline=None)
@given(
    order=st.sampled_from([2, 4, 6]),
    extra=st.integers(1, 9),
    step=st.floats(0.01, 10.0),
    sign=st.sampled_from([1.0, -1.0]),
    seed=st.integers(0, 2**31),
)
def test_polynomials_are_differentiated_exactly_at_edges_too(order: int, extra: int, step: float, sign: float, seed: int) -> None:
    place = np.arange(order + extra, dtype=float)
    polynomial = np.polynomial.Polynomial(np.random.default_rng(seed).uniform(-1, 1, order + 1), domain=[0, place[-1]])
    u = xr.DataArray(polynomial(place), dims="x", coords={"x": sign * step * place})
    found = sf.ops.derivative(u, dims="x", order=order)
    expected = polynomial.deriv()(place) / (sign * step)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * np.abs(u).max().item() / step)


def test_weights_are_those_of_the_textbooks() -> None:
    np.testing.assert_array_equal(flow_gradients.weights((-1, 0, 1)), [-1 / 2, 0, 1 / 2])
    np.testing.assert_array_equal(flow_gradients.weights(tuple(range(-3, 4))), [-1 / 60, 3 / 20, -3 / 4, 0, 3 / 4, -3 / 20, 1 / 60])
    np.testing.assert_array_equal(flow_gradients.weights((0, 1, 2)), [-3 / 2, 2, -1 / 2])
    for bad in ((0,), (1, 1, 2)):
        with pytest.raises(ValueError, match="distinct and at least two"):
            flow_gradients.weights(bad)


def test_no_difference_crosses_a_wall() -> None:
    x = np.arange(20.0)
    u = np.where(x < 12, 3 * x, 100 - 2 * x)
    walled = xr.DataArray(u, dims="x", coords={"x": x, "segment": ("x", np.repeat([0, 1], [12, 8]))})
    np.testing.assert_allclose(sf.ops.derivative(walled, dims="x"), np.repeat([3.0, -2.0], [12, 8]), atol=1e-12)
    free = sf.ops.derivative(walled.drop_vars("segment"), dims="x")
    assert abs(free[11] - 3.0) > 1


def test_extended_edges_follow_the_boundary_rule() -> None:
    u = xr.DataArray(np.arange(12.0), dims="x", coords={"x": np.arange(12.0)})
    mirrored = sf.ops.derivative(u, dims="x", order=2, edges="extended", boundary="reflect")
    np.testing.assert_allclose(mirrored, [0, *[1.0] * 10, 0], atol=1e-14)
    np.testing.assert_allclose(sf.ops.derivative(u, dims="x", order=2), 1.0, atol=1e-14)


def test_spectral_derivatives_of_odd_and_even_lengths() -> None:
    for n in (15, 16):
        x = box(x=(n, 3.0))["x"]
        wave = 2 * np.pi / 3.0
        u = xr.DataArray(300 + np.sin(7 * wave * x.values), dims="x", coords={"x": x}, attrs={"units": "m s-1"})
        for dtype, tol in (("float64", 1e-11), ("float32", 2e-3)):  # single: 300 is rounded to 2e-5, times the wave number
            found = sf.ops.derivative(u.astype(dtype), dims="x", method="spectral")
            assert found.dtype == dtype
            np.testing.assert_allclose(found, 7 * wave * np.cos(7 * wave * x), atol=tol)


@pytest.mark.parametrize(
    ("name", "options"), [("vorticity", {}), ("strain", {}), ("q_criterion", {}), ("dissipation", {"nu": 0.1})]
)
@pytest.mark.parametrize("boundary", [None, "periodic"])
def test_jobs_in_blocks_are_the_whole(tmp_path: Path, name: str, options: dict[str, object], boundary: str | None) -> None:
    rng = np.random.default_rng(5)
    at = {dim: (dim, np.arange(n) * 0.5, {"units": "m"}) for dim, n in (("y", 61), ("x", 50))}
    field = xr.DataArray(rng.standard_normal((2, 61, 50)), dims=("component", "y", "x"), coords=at)
    field.attrs["units"] = "m/s"
    encoding = {"flow": {"chunks": (1, 16, 16)}}
    field.to_dataset(name="flow").to_zarr(tmp_path / "flow.zarr", encoding=encoding, consolidated=False)
    stored = sf.open_source(tmp_path / "flow.zarr")
    options = {**options, "dims": ("y", "x"), "components": ("x", "y"), "boundary": boundary}
    lazy = getattr(sf.ops, name)(stored, rechunk="auto", **options)
    job = sf.Pipeline.from_array(lazy).run(tmp_path / "out.zarr", strategy="halo", region={"y": 16, "x": 24})
    whole = getattr(sf.ops, name)(field, **options)
    np.testing.assert_allclose(job[next(iter(job.data_vars))].transpose(*whole.dims), whole, rtol=1e-12, atol=1e-12)


def test_three_dims_in_blocks_keep_vectors_together(tmp_path: Path) -> None:
    field = xr.DataArray(np.random.default_rng(6).standard_normal((3, 20, 22, 18)), dims=("component", "z", "y", "x"), name="flow")
    field.to_dataset().to_zarr(tmp_path / "flow.zarr", encoding={"flow": {"chunks": (1, 10, 11, 9)}}, consolidated=False)
    options = {"dims": ("z", "y", "x"), "components": ("x", "y", "z"), "order": 2}
    lazy = sf.ops.vorticity(sf.open_source(tmp_path / "flow.zarr"), rechunk="auto", **options)
    job = sf.Pipeline.from_array(lazy).run(tmp_path / "out.zarr", strategy="halo", region={"z": 8, "y": 8, "x": 9})
    whole = sf.ops.vorticity(field, **options)
    np.testing.assert_allclose(job[next(iter(job.data_vars))].transpose(*whole.dims), whole, rtol=1e-12, atol=1e-12)


def test_spectral_lines_need_only_their_own_dim_whole() -> None:
    at = box(y=(12, 1.0), x=(16, 2.0))
    u = xr.DataArray(np.random.default_rng(7).standard_normal((12, 16)), dims=("y", "x"), coords=at)
    lazy = sf.ops.derivative(u.chunk(y=3), dims="x", method="spectral")
    assert lazy.chunks == ((3, 3, 3, 3), (16,))
    np.testing.assert_allclose(lazy.compute(), sf.ops.derivative(u, dims="x", method="spectral"), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("boundary", "reach"), [("reflect", 2), ("periodic", 1), (None, 1)])
def test_gaps_spoil_what_stencils_reach_and_nothing_else(boundary: str | None, reach: int) -> None:
    """One-sided differences reach as many samples as their order, and on periodic axes, which have none, central ones half of that."""
    flow = taylor_green()
    flow[0, 5, 7] = np.nan
    found = sf.ops.vorticity(flow, dims=("y", "x"), order=2, boundary=boundary)
    clean = sf.ops.vorticity(taylor_green(), dims=("y", "x"), order=2, boundary=boundary)
    reached = np.isnan(found)
    declared = np.zeros(reached.shape, dtype=bool)
    declared[5 - reach : 6 + reach, 7 - reach : 8 + reach] = True
    np.testing.assert_array_equal(reached, declared)
    np.testing.assert_array_equal(found.where(~reached, 0), clean.where(~reached, 0))


def test_on_periodic_axes_stencils_reach_half_as_far() -> None:
    at = {dim: (dim, np.arange(32.0), {"units": "m", "period": 32.0}) for dim in ("y", "x")}
    flow = xr.DataArray(np.random.default_rng(9).standard_normal((2, 32, 32)), dims=("component", "y", "x"), coords=at)
    for boundary, reach in ((None, 3), ("reflect", 6)):  # of order 6
        operator = Vorticity(dims=("y", "x"), components=("x", "y"), boundary=boundary)
        kernel = bind(operator, spec_of(flow)).kernel
        assert {role: kernel.operator.depth()[role] for role in ("y", "x")} == {"y": (reach, reach), "x": (reach, reach)}
        lazy = sf.ops.vorticity(flow, dims=("y", "x"), components=("x", "y"), boundary=boundary)
        assert '"edges":"one-sided"' in lazy.attrs["scatflow"]  # what was asked for is recorded, not what follows from it
    mixed = flow.assign_coords(y=("y", np.arange(32.0), {"units": "m"}))
    assert bind(operator.replace(boundary=None), spec_of(mixed)).kernel.operator.depth()["x"] == (6, 6)


def without_unit_of_x(flow: xr.DataArray) -> xr.DataArray:
    return flow.assign_coords(x=("x", flow.x.values, {"period": flow.x.period}))


REFUSALS = {
    "unit of one coordinate": (without_unit_of_x, {}, DimensionError, r"'y' and 'x'.*one unit of length.*'m' and ''"),
    "no unit": (lambda flow: flow.drop_vars(["y", "x"]), {"nu": 1.0}, DimensionError, r"coordinate 'y'.*the viscosity.*attrs\[\"units\"\]"),
    "no component": (lambda flow: flow.sel(component="u"), {}, DimensionError, "component"),
    "three components": (lambda flow: xr.concat([flow, flow[:1]], "component"), {}, DimensionError, r"as many components.*2 for \('y', 'x'\)"),
    "no period": (lambda flow: flow[:, :, :8], {"method": "spectral"}, ParameterError,
                  r"coordinate 'x' does not declare a period.*\"period\".*method=\"difference\""),
    "too short": (lambda flow: flow[:, :, :5], {}, ParameterError, r"'x' is too short.*at least 7 samples.*got 5"),
    "dataset": (lambda flow: flow.to_dataset("component"), {}, ParameterError, "component"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSALS)
def test_refusals_name_the_coordinate_and_the_remedy(what: str) -> None:
    change, options, error, words = REFUSALS[what]
    flow = change(taylor_green())
    run = sf.ops.dissipation if "nu" in options else sf.ops.vorticity
    with pytest.raises(error, match=words):
        run(flow, dims=("y", "x"), **options)


def test_rotating_a_field_by_90_degrees_rotates_its_strain() -> None:
    rng = np.random.default_rng(8)
    values = rng.standard_normal((2, 14, 14))
    at = box(y=(14, 1.0), x=(14, 1.0))
    flow = xr.DataArray(values, dims=("component", "y", "x"), coords={"component": ["u", "v"], **at})
    # (x, y) -> (-y, x): u' = -v, v' = u at the rotated place.
    turn = [np.rot90(part, -1) for part in (-values[1], values[0])]
    turned = flow.copy(data=np.stack(turn))
    before, after = (sf.ops.strain(one, dims=("y", "x")) for one in (flow, turned))
    for component, image, sign in ((0, 2, 1), (2, 0, 1), (1, 1, -1)):
        np.testing.assert_allclose(after.sel(tensor=image), sign * np.rot90(before.sel(tensor=component), -1), atol=1e-12)
    before, after = (sf.ops.vorticity(one, dims=("y", "x")) for one in (flow, turned))
    np.testing.assert_allclose(after, np.rot90(before, -1), atol=1e-12)


def test_components_stored_apart_make_a_vector_in_jobs(tmp_path: Path) -> None:
    flow = taylor_green()
    apart = flow.to_dataset("component")
    for part in apart.data_vars.values():
        part.attrs["units"] = "m/s"
    apart.to_zarr(tmp_path / "flow.zarr", consolidated=False)
    u, v = (sf.open_source(tmp_path / "flow.zarr", name) for name in ("u", "v"))
    made = sf.ops.vector2(u, v)
    assert made.component.values.tolist() == ["u", "v"]
    assert made.units == "m/s"
    lazy = sf.ops.vorticity(made, dims=("y", "x"), method="spectral")
    job = sf.Pipeline.from_array(lazy).run(tmp_path / "out.zarr")
    expected = sf.ops.vorticity(flow, dims=("y", "x"), method="spectral")
    np.testing.assert_allclose(job[next(iter(job.data_vars))], expected, rtol=1e-13)
    with pytest.raises(ParameterError, match="all different"):
        sf.ops.vector2(u, v, names=("u", "u"))
    still = sf.ops.vector3(flow[0], flow[1], 0.0)
    np.testing.assert_array_equal(still.isel(component=2), np.zeros((16, 20)))


@pytest.mark.parametrize(
    ("name", "options"), [("vorticity", {}), ("strain", {}), ("q_criterion", {}), ("dissipation", {"nu": 0.1})]
)
def test_spectral_derivatives_go_one_axis_at_a_time(tmp_path: Path, name: str, options: dict[str, object]) -> None:
    flow = abc_flow(10).drop_vars("component") if name != "strain" else taylor_green().drop_vars("component")
    flow = flow + np.random.default_rng(9).standard_normal(flow.shape)
    flow.attrs["units"] = "m/s"
    chunks = (1, *(4,) * (flow.ndim - 1))
    flow.to_dataset(name="flow").to_zarr(tmp_path / "flow.zarr", encoding={"flow": {"chunks": chunks}}, consolidated=False)
    dims = flow.dims[1:]
    options = {**options, "dims": dims, "components": dims[::-1], "method": "spectral"}
    pipeline = sf.Pipeline.from_array(getattr(sf.ops, name)(sf.open_source(tmp_path / "flow.zarr"), rechunk="auto", **options))
    stages = pipeline.plan(strategy="pencil").stages
    assert len(stages) == len(dims)  # the last one also makes the result
    whole_axes = [{axis.dim for step in stage.graph.steps for axis in step.kernel.axes} & set(dims) for stage in stages]
    assert sorted(map(tuple, whole_axes)) == sorted((dim,) for dim in dims)
    job = pipeline.run(tmp_path / "out.zarr", strategy="pencil")
    whole = getattr(sf.ops, name)(flow, **options)
    found = job[next(iter(job.data_vars))]
    assert found.units == whole.units
    np.testing.assert_allclose(found.transpose(*whole.dims), whole, rtol=1e-12, atol=1e-12)


def test_differences_have_no_lines_to_wait_for(tmp_path: Path) -> None:
    flow = taylor_green().drop_vars("component")
    flow.to_dataset(name="flow").to_zarr(tmp_path / "flow.zarr", consolidated=False)
    lazy = sf.ops.vorticity(sf.open_source(tmp_path / "flow.zarr"), dims=("y", "x"), components=("x", "y"))
    with pytest.raises(RuntimeError, match=r"differences need no whole lines"):
        sf.Pipeline.from_array(lazy).plan(strategy="pencil")
