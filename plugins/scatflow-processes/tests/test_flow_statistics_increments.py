"""Structure functions: definitions, identities with spectra, Gaussian flatness, histograms, walls, gaps, jobs in blocks, errors."""

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
from scatflow.errors import DimensionError, JobError, ParameterError
from scatflow_processes import flow_increments
from scatflow_processes.operators.flow_vectors import log_spaced
from scatflow_processes.operators.structure_functions import DIRECTIONS, QUANTITIES


@pytest.fixture(autouse=True)
def one_thread() -> object:
    with dask.config.set(scheduler="synchronous"):
        yield


def flow_of(values: np.ndarray, step: float = 0.5, periodic: bool = True, labels: bool = True) -> xr.DataArray:
    """Return components in m/s on a grid of one spacing, axes (batch..., component, z?, y, x)."""
    ndim = 3 if values.ndim >= 4 and values.shape[-4] == 3 else 2
    dims = (*("realization",) * (values.ndim - ndim - 1), "component", *"zyx"[-ndim:])
    coords = {
        dim: (dim, np.arange(n) * step, {"units": "m", **({"period": n * step} if periodic else {})})
        for dim, n in zip(dims[-ndim:], values.shape[-ndim:], strict=True)
    }
    if labels:
        coords["component"] = ("component", list("uvw"[:ndim]))
    return xr.DataArray(values, dims=dims, coords=coords, attrs={"units": "m/s"})


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def part(found: xr.Dataset, quantity: str, direction: str | None = None, name: str = "mean", **labels: float) -> xr.DataArray:
    """Return one kind of statistic, in the order of separations."""
    here = found.quantity == QUANTITIES.index(quantity)
    if direction is not None:
        here &= found.direction == DIRECTIONS.index(direction)
    for label, value in labels.items():
        here &= found[label] == value
    return found[name].isel(path=np.flatnonzero(here))


def test_moments_are_those_of_all_pairs() -> None:
    values = noise(3, 7, 8, 9)
    found = sf.ops.structure_functions(flow_of(values), dims=("z", "y", "x"), separations=(1, 3), orders=(0.5, 2.0, 3.0))
    along = {0: [(2, -3), (1, -2), (0, -1)], 1: [(0, -3), (1, -3), (0, -2), (2, -2), (1, -1), (2, -1)]}
    for side, word in enumerate(DIRECTIONS):
        for lag in (1, 3):
            increments = np.stack([np.roll(values[c], -lag, axis) - values[c] for c, axis in along[side]])
            for order in (0.5, 2.0, 3.0):
                expected = np.mean(np.abs(increments) ** order)
                np.testing.assert_allclose(part(found, "absolute_moment", word, lag=lag, order=order), [expected], rtol=1e-13)
            flat = np.mean(increments**4) / np.mean(increments**2) ** 2
            np.testing.assert_allclose(part(found, "flatness", word, lag=lag), [flat], rtol=1e-12)
            if side == 0:
                np.testing.assert_allclose(part(found, "signed_moment", word, lag=lag), [np.mean(increments**3)], rtol=1e-11)
    assert part(found, "signed_moment", "transverse").size == 0
    assert part(found, "signed_moment").order.values.tolist() == [3.0, 3.0]
    np.testing.assert_array_equal(found.r, 0.5 * found.lag)
    assert found.r.units == "m"
    assert found["mean"].increment_units == "m/s"
    assert "units" not in found["mean"].attrs


@settings(max_examples=12, deadline=None)
@given(shape=st.tuples(st.integers(5, 12), st.integers(5, 12)), seed=st.integers(0, 2**31), along=st.sampled_from(["y", "x"]))
def test_second_order_follows_from_the_spectrum(shape: tuple[int, int], seed: int, along: str) -> None:
    # On a periodic box <(u(x + r) - u(x))^2> = 2 sum E(k) (1 - cos k r) dk, term by term.
    flow = flow_of(noise(2, *shape, seed=seed) + 1.0)
    dims = ("y", "x")
    for word in DIRECTIONS:
        found = sf.ops.structure_functions(
            flow, dims=dims, along=along, separations=(1, 2, 4), orders=(2.0,), directions=word, flatness=False
        )
        spectrum = sf.ops.energy_spectrum(flow, dims=dims, kind=word, along=along)
        expected = (2 * spectrum["mean"] * spectrum.dk * (1 - np.cos(spectrum.k * found.r))).sum("k")
        np.testing.assert_allclose(found["mean"], expected, rtol=1e-10)


def test_second_order_of_a_cube_follows_from_all_its_modes() -> None:
    flow = flow_of(noise(3, 8, 9, 10, seed=1))
    dims = ("z", "y", "x")
    found = sf.ops.structure_functions(flow, dims=dims, separations=(1, 2, 4), orders=(2.0,), flatness=False)
    both = part(found, "absolute_moment", "longitudinal").values + 2 * part(found, "absolute_moment", "transverse").values
    power = np.abs(np.fft.fftn(flow.values, axes=(1, 2, 3)) / flow[0].size) ** 2
    for lag, value in zip((1, 2, 4), both, strict=True):
        turns = [1 - np.cos(2 * np.pi * np.fft.fftfreq(n) * lag) for n in (8, 9, 10)]
        factor = sum(turn.reshape(np.roll((-1, 1, 1), axis)) for axis, turn in enumerate(turns)) / 3
        np.testing.assert_allclose(value, 2 * (power * factor).sum(), rtol=1e-10)


def test_gaussian_increments_have_flatness_three_within_errors() -> None:
    found = sf.ops.structure_functions(flow_of(noise(2, 192, 192, seed=2)), dims=("y", "x"), separations=(1, 2, 5))
    score = (part(found, "flatness") - 3) / part(found, "flatness", name="se")
    assert float(abs(score).max()) < 4
    assert float(part(found, "flatness", name="se").max()) < 0.1
    for order in (1.0, 2.0, 4.0):  # <|d|^p> = 2^p Gamma((p + 1) / 2) / sqrt(pi) of increments of variance 2
        exact = 2**order * math.gamma((order + 1) / 2) / math.sqrt(math.pi)
        moments = (part(found, "absolute_moment", order=order, name=name) for name in ("mean", "se"))
        mean, se = moments
        assert float((abs(mean - exact) / se).max()) < 4
    assert set(found["count"].values) == {64}


def test_errors_from_realizations_are_those_of_their_scatter() -> None:
    flow = flow_of(noise(40, 2, 16, 16, seed=3))
    options = {"dims": ("y", "x"), "separations": (1, 2), "orders": (2.0,), "flatness": False}
    each = sf.ops.structure_functions(flow, **options)["mean"]
    found = sf.ops.structure_functions(flow, over="realization", **options)
    np.testing.assert_allclose(found["mean"], each.mean("realization"), rtol=1e-13)
    np.testing.assert_allclose(found.se, each.std("realization", ddof=1) / math.sqrt(40), rtol=1e-10)


def test_histograms_are_shares_of_named_bins() -> None:
    values = noise(2, 24, 24, seed=4)
    edges = (-2.0, -0.5, 0.0, 1.0)
    found = sf.ops.structure_functions(flow_of(values), dims=("y", "x"), separations=(2,), orders=(), flatness=False, edges=edges)
    assert (found.quantity == QUANTITIES.index("probability")).all()
    shares = part(found, "probability", "longitudinal")
    assert shares.low.values.tolist() == [-math.inf, *edges]
    assert shares.high.values.tolist() == [*edges, math.inf]
    assert shares.low.units == "m/s"
    increments = np.concatenate([(np.roll(values[c], -2, a) - values[c]).ravel() for c, a in ((1, 0), (0, 1))])
    counts = np.histogram(increments, [-math.inf, *edges, math.inf])[0]
    np.testing.assert_allclose(shares, counts / increments.size, rtol=1e-12)
    np.testing.assert_allclose(part(found, "probability").groupby("direction").sum(), 1, rtol=1e-13)


def test_pairs_end_at_edges_and_walls() -> None:
    x = np.arange(12.0)
    values = np.stack([np.where(x < 7, 2 * x, 50 + 3 * x) + np.zeros((9, 1)), np.zeros((9, 12))])
    walled = flow_of(values, step=1.0, periodic=False).assign_coords(segment=("x", np.repeat([0, 1], [7, 5])))
    found = sf.ops.structure_functions(
        walled,
        min_valid=0.2,
        dims=("y", "x"),
        along="x",
        separations=(1, 4),
        orders=(2.0,),
        directions="longitudinal",
        flatness=False,
    )
    # Segments weigh by length: 6 of 7 and 4 of 5 samples have a neighbor, 3 and 1 one that is four apart.
    by_pairs = [(4 * 6 + 9 * 4) / 10, (64 * 3 + 144 * 1) / 4]
    np.testing.assert_allclose(found["mean"], by_pairs, rtol=1e-12)
    free = sf.ops.structure_functions(
        flow_of(values, 1.0, periodic=False), dims=("y", "x"), along="x", separations=(1,), orders=(1.0,), min_valid=0
    )
    np.testing.assert_allclose(part(free, "absolute_moment", "longitudinal"), [(2 * 6 + (71 - 12) + 3 * 4) / 11], rtol=1e-12)


def test_a_decreasing_coordinate_turns_the_sign_of_odd_moments_back() -> None:
    values = np.cumsum(noise(2, 16, 32, seed=5) ** 2, axis=-1)  # skewed
    flow = flow_of(values, periodic=False)
    options = {"dims": ("y", "x"), "along": "x", "separations": (1, 3), "orders": (3.0,), "edges": (0.0, 2.0)}
    found, turned = (sf.ops.structure_functions(one, **options) for one in (flow, flow.isel(x=slice(None, None, -1))))
    assert float(part(found, "signed_moment")[0]) > 0
    for quantity in ("signed_moment", "probability"):
        np.testing.assert_allclose(part(turned, quantity, "longitudinal"), part(found, quantity, "longitudinal"), rtol=1e-12)


def test_rotating_a_field_by_90_degrees_changes_nothing() -> None:
    values = noise(2, 20, 20, seed=6) ** 3
    turned = np.stack([np.rot90(each, -1) for each in (-values[1], values[0])])
    one, other = (
        sf.ops.structure_functions(flow_of(each), dims=("y", "x"), separations=(1, 4))["mean"] for each in (values, turned)
    )
    np.testing.assert_allclose(other, one, rtol=1e-11)


def test_masked_gaps_take_their_pairs_away_and_no_others() -> None:
    values = noise(2, 10, 12, seed=7)
    values[0, 4, 5] = np.nan
    flow = flow_of(values)
    options = {"dims": ("y", "x"), "separations": (1, 2), "orders": (2.0,)}
    assert np.isnan(sf.ops.structure_functions(flow, **options)["mean"]).all()
    with pytest.raises(ValueError, match="interior NaN"):
        sf.ops.structure_functions(flow, nan="error", **options)
    found = sf.ops.structure_functions(flow, nan="mask", **options)
    for lag in (1, 2):
        increments = np.concatenate([(np.roll(values[c], -lag, a) - values[c]).ravel() for c, a in ((0, 1), (1, 0))])
        np.testing.assert_allclose(part(found, "absolute_moment", "longitudinal", lag=lag), [np.nanmean(increments**2)], rtol=1e-12)


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("gap", [False, True])
def test_jobs_in_blocks_are_the_whole(tmp_path: Path, periodic: bool, gap: bool) -> None:
    values = noise(2, 60, 52, seed=8)
    if gap:
        values[1, 20:24, 30] = np.nan
    flow = flow_of(values, periodic=periodic, labels=False)
    flow.to_dataset(name="flow").to_zarr(tmp_path / "flow.zarr", encoding={"flow": {"chunks": (1, 16, 16)}}, consolidated=False)
    options = {
        "dims": ("y", "x"),
        "components": ("x", "y"),
        "separations": (1, 3, 7),
        "orders": (1.5, 3.0),
        "edges": (0.0,),
        "nan": "mask",
    }
    lazy = sf.ops.structure_functions(sf.open_source(tmp_path / "flow.zarr"), rechunk="auto", **options)
    job = sf.Pipeline.from_array(lazy).run(tmp_path / "out.zarr", strategy="halo", region={"y": 16, "x": 20})
    whole = sf.ops.structure_functions(flow, **options)
    for name in ("mean", "se", "valid_fraction"):
        np.testing.assert_allclose(job[name], whole[name], rtol=1e-10, err_msg=name)
    assert np.isfinite(whole["mean"]).all()


def test_three_dims_in_blocks_are_the_whole(tmp_path: Path) -> None:
    flow = flow_of(noise(3, 16, 18, 20, seed=9), labels=False)
    flow.to_dataset(name="flow").to_zarr(tmp_path / "flow.zarr", encoding={"flow": {"chunks": (1, 8, 9, 10)}}, consolidated=False)
    options = {"dims": ("z", "y", "x"), "components": ("x", "y", "z"), "separations": (1, 4), "orders": (2.0, 3.0)}
    lazy = sf.ops.structure_functions(sf.open_source(tmp_path / "flow.zarr"), rechunk="auto", **options)
    job = sf.Pipeline.from_array(lazy).run(tmp_path / "out.zarr", strategy="halo", region={"z": 8, "y": 9, "x": 10})
    whole = sf.ops.structure_functions(flow, **options)
    for name in ("mean", "se"):
        np.testing.assert_allclose(job[name], whole[name], rtol=1e-10)


LINES = [
    {"over": "realization", "edges": (-1.0, 0.0, 1.0)},
    {"along": ("y",), "orders": (0.5, 3.0)},
    {"separations": (1, 5), "directions": "transverse", "covariance": True},
]


@pytest.mark.parametrize("options", LINES, ids=["realizations and bins", "cells along y", "transverse"])
@pytest.mark.parametrize("shape", [(2, 24, 25), (3, 10, 11, 12)])
@pytest.mark.parametrize("periodic", [True, False])
def test_lines_of_one_axis_after_another_are_the_whole(
    tmp_path: Path, shape: tuple[int, ...], periodic: bool, options: dict[str, object]
) -> None:
    """Separations that leave no room for a halo: every task has whole lines along one axis, and some of them."""
    flow = flow_of(noise(4, *shape, seed=3), periodic=periodic, labels=False)
    flow.to_dataset(name="flow").to_zarr(tmp_path / "flow.zarr", consolidated=False)
    dims = flow.dims[2:]
    options = {"dims": dims, "components": tuple(reversed(dims)), **options}
    whole = sf.ops.structure_functions(flow, **options)
    lazy = sf.ops.structure_functions(sf.open_source(tmp_path / "flow.zarr"), rechunk="auto", **options)
    region = {dim: 5 for dim in dims if dim not in options.get("along", ())}
    found = sf.Pipeline.from_array(lazy).run(tmp_path / "out.zarr", strategy="pencil", region=region)
    for name, value in whole.data_vars.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-11, atol=1e-13, err_msg=str(name))
        assert found[name].dims == value.dims
        assert set(found[name].coords) == set(value.coords)


def test_lines_with_gaps_are_refused(tmp_path: Path) -> None:
    values = noise(2, 24, 25)
    values[0, 3, 3] = np.nan
    flow_of(values, labels=False).to_dataset(name="flow").to_zarr(tmp_path / "flow.zarr", consolidated=False)
    lazy = sf.ops.structure_functions(
        sf.open_source(tmp_path / "flow.zarr"), dims=("y", "x"), components=("x", "y"), rechunk="auto"
    )
    with pytest.raises(JobError, match="lines of velocity: there are NaN"):
        sf.Pipeline.from_array(lazy).run(tmp_path / "out.zarr", strategy="pencil")


def test_separations_are_two_per_octave_up_to_a_quarter() -> None:
    found = sf.ops.structure_functions(flow_of(noise(2, 64, 80)), dims=("y", "x"), orders=(2.0,), flatness=False, eta=0.25)
    lags = part(found, "absolute_moment", "longitudinal").lag.values.tolist()
    assert lags == list(log_spaced(16)) == [1, 2, 3, 4, 6, 8, 11, 16]
    np.testing.assert_allclose(found.r_eta, found.r / 0.25)
    assert flow_increments.power(np.array([3.0]), 8.0) == 3.0**8


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"separations": (0,)}, ParameterError, r"separations.*from 1 to 11"),
        ({"separations": (12,)}, ParameterError, r"separations.*from 1 to 11"),
        ({"separations": (2, 2)}, ParameterError, "separations.*different"),
        ({"orders": (0.0,)}, ParameterError, "orders.*above 0"),
        ({"orders": (21.0,)}, ParameterError, "orders.*at most 20"),
        ({"orders": (), "flatness": False}, ParameterError, "orders"),
        ({"edges": (1.0, 1.0)}, ParameterError, "edges.*increase"),
        ({"edges": (0.0, math.inf)}, ParameterError, "edges.*finite"),
        ({"along": ()}, ParameterError, "along.*at least one"),
        ({"along": "t"}, ParameterError, r"along.*'t' is no spatial core dim"),
        ({"eta": -1.0}, ParameterError, "eta"),
        ({"boundary": "zero"}, ParameterError, "boundary"),
    ],
)
def test_bad_parameters(options: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        sf.ops.structure_functions(flow_of(noise(2, 12, 12)), dims=("y", "x"), **options)


def test_coordinates_need_one_spacing_and_one_unit() -> None:
    flow = flow_of(noise(2, 12, 12), periodic=False)
    wide = flow.assign_coords(x=("x", 2 * flow.x.values, flow.x.attrs))
    with pytest.raises(ParameterError, match=r"'y' and 'x' differ in spacing.*along='x'"):
        sf.ops.structure_functions(wide, dims=("y", "x"))
    assert sf.ops.structure_functions(wide, dims=("y", "x"), along="x").r.values[0] == 1.0
    del wide.x.attrs["units"]
    with pytest.raises(DimensionError, match=r"'y' and 'x'.*one unit of length"):
        sf.ops.structure_functions(wide, dims=("y", "x"))
