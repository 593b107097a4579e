"""Averages as reductions: units, gaps, walls, weights, chunks, libraries, identity."""

from __future__ import annotations

import itertools
import math
import pickle
from typing import Any

import array_api_strict
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from averages import Ratio, Toy
from scatflow import blocks
from scatflow.arrays import namespace
from scatflow.contract import pooling
from scatflow.contract.average import Average
from scatflow.contract.cells import Cells, cell_edges, valid_share
from scatflow.contract.estimate import estimate
from scatflow.errors import DataError, ParameterError, PlanError
from scatflow.graph import bind
from scatflow.labels import spec_of
from scatflow.ops.evaluation import apply
from scatflow.spec import ArraySpec, Place

NAMES = ("mean", "var", "se", "n_eff", "count", "dof", "valid_fraction")


def noise(*sizes: tuple[str, int], seed: int = 0, **coords: Any) -> xr.DataArray:
    data = np.random.default_rng(seed).standard_normal([n for _, n in sizes])
    return xr.DataArray(data, dims=[dim for dim, _ in sizes], coords=coords)


def assert_same(a: xr.Dataset, b: xr.Dataset, rtol: float = 1e-12) -> None:
    assert set(a.data_vars) == set(b.data_vars)
    for name in a.data_vars:
        np.testing.assert_allclose(
            a[name].values, b[name].transpose(*a[name].dims).values, rtol=rtol, atol=1e-14, err_msg=str(name)
        )


# Cells.


@pytest.mark.parametrize("size", [1, 15, 16, 31, 32, 100, 1000, 4096, 5003])
@pytest.mark.parametrize("width", [2, 16, 32, 200])
def test_cells_are_wide_enough_and_aligned(size: int, width: int) -> None:
    edges = np.array(cell_edges(size, width, 64, width // 2))
    assert edges[0] == 0
    assert edges[-1] == size
    assert (edges[1:-1] % (width // 2) == 0).all()
    assert len(edges) == 2 or (np.diff(edges) >= width).all()
    assert len(edges) - 1 == max(1, min(64, size // width))


def place(*axes: tuple[int, int, int, int, int]) -> Place:
    """Return a place from (start, stop, core start, core stop, size) per axis."""
    roles = ("y", "x")[-len(axes) :]
    keys = ("start", "stop", "core", "size")
    values: list[list[Any]] = [[a[0] for a in axes], [a[1] for a in axes], [(a[2], a[3]) for a in axes], [a[4] for a in axes]]
    return Place(**{key: dict(zip(roles, row, strict=True)) for key, row in zip(keys, values, strict=True)})


@pytest.mark.parametrize("stride", [1, 2, 8])
def test_cell_means_add_up_to_the_mean_of_the_samples(stride: int) -> None:
    at = place((-16, 80, 0, 53, 53), (-16, 96, 0, 75, 75))
    x = np.random.default_rng(1).standard_normal((3, 96, 112))[:, ::stride, ::stride]
    cells = Cells(at, {"y": cell_edges(53, 16, 8, 8), "x": cell_edges(75, 16, 8, 8)})
    values, weights = cells.means(np, x, stride)
    first = 16 // stride
    inside = x[:, first : first + -(-53 // stride), first : first + -(-75 // stride)]
    np.testing.assert_allclose((values * weights).sum(-1), inside.mean((1, 2)), rtol=1e-12)
    assert weights.sum() == pytest.approx(1)
    masked, shares = cells.means(np, x, stride, np.ones_like(x))
    np.testing.assert_allclose(masked, values, rtol=1e-12)
    np.testing.assert_allclose(shares, np.broadcast_to(weights, shares.shape), rtol=1e-12)


def test_valid_share_is_a_plain_window_count() -> None:
    valid = np.random.default_rng(2).random((2, 9, 13)) < 0.7
    found = valid_share(np, valid, (2, 3))
    direct = valid[1, max(0, 4 - 2) : 7, max(0, 1 - 3) : 5].mean()
    assert found[1, 4, 1] == pytest.approx(direct)
    around = valid_share(np, valid, (2, 3), periodic=True)
    assert around[1, 0, 12] == pytest.approx(valid[1][[7, 8, 0, 1, 2]][:, [9, 10, 11, 12, 0, 1, 2]].mean())
    np.testing.assert_allclose(around[:, 4, 6], found[:, 4, 6])
    np.testing.assert_allclose(
        valid_share(np, valid, (9, 40), periodic=True), np.broadcast_to(valid.mean((1, 2), keepdims=True), valid.shape)
    )


# Units and labels.


def test_nothing_is_pooled_unasked_and_cells_give_the_error() -> None:
    result = apply(Toy(dims=("y", "x")), noise(("name", 3), ("y", 64), ("x", 80)))
    assert set(result.data_vars) == set(NAMES)
    assert all(result[name].dims == ("name", "path") for name in NAMES)
    assert (result["count"] == 4 * 5).all()
    assert result["mean"].dtype == result["se"].dtype == np.float64
    assert result["count"].dtype == np.int64
    np.testing.assert_allclose(result["n_eff"], result["var"] / result["se"] ** 2)


def test_a_core_too_small_for_two_cells_has_no_error() -> None:
    result = apply(Toy(dims=("x",)), noise(("x", 31)))
    assert np.isfinite(result["mean"]).all()
    assert np.isnan(result["se"]).all()
    assert (result["count"] == 1).all()


def test_order_of_over_and_of_dims_does_not_matter() -> None:
    x = noise(("b", 3), ("y", 32), ("a", 5), ("x", 48))
    first = apply(Toy(dims=("y", "x"), over=("a", "b")), x)
    other = apply(Toy(dims=("x", "y"), over=("b", "a")), x.transpose("x", "a", "b", "y"))
    assert (first["count"] == 15).all()
    assert_same(first, other)


def test_realizations_are_averaged_over_their_own_time() -> None:
    x = noise(("seed", 6), ("time", 10), ("x", 64))
    result = apply(Toy(dims=("x",), over=("time", "seed"), boundary="periodic"), x)
    means = x.mean(("time", "x"))
    assert (result["count"] == 6).all()
    assert result["se"][0] == pytest.approx(float(means.std(ddof=1)) / math.sqrt(6), rel=1e-10)


def test_a_single_pooled_item_falls_back_to_cells() -> None:
    result = apply(Toy(dims=("x",), over="seed"), noise(("seed", 1), ("x", 640)))
    assert (result["count"] == 40).all()


@pytest.mark.parametrize(
    ("dim", "coord", "given", "expected"),
    [
        ("snapshot", np.datetime64("2020-01-01") + np.arange(30).astype("timedelta64[D]"), None, "samples"),
        ("time", None, None, "samples"),
        ("snapshot", None, None, "realizations"),
        ("snapshot", None, ("snapshot",), "samples"),
        ("time", None, (), "realizations"),
        ("snapshot", ("snapshot", np.arange(30.0), {"units": "days since 2000-01-01"}), None, "samples"),
    ],
)
def test_what_is_ordered(dim: str, coord: Any, given: tuple[str, ...] | None, expected: str) -> None:
    x = noise((dim, 30), ("x", 32), **({} if coord is None else {dim: coord}))
    result = apply(Toy(dims=("x",), over=dim, ordered=given), x)
    assert result["count"].attrs["long_name"] == f"number of {expected}"
    assert (result["dof"] == 29).all() == (expected == "realizations")


def test_attributes_and_units() -> None:
    x = noise(("x", 64)).assign_attrs(units="m s-1", long_name="velocity")
    result = apply(Toy(dims=("x",), covariance=True), x)
    assert result["mean"].attrs["units"] == result["se"].attrs["units"] == "m s-1"
    assert result["var"].attrs["units"] == result["covariance"].attrs["units"] == "(m s-1)2"
    assert result["covariance"].dims == ("path", "path_2")
    np.testing.assert_array_equal(result["path_2"], result["path"])
    np.testing.assert_allclose(np.diag(result["covariance"]), result["var"], rtol=1e-12)


# Ratios.


def test_ratios_of_averages_and_of_realizations() -> None:
    x = noise(("seed", 40), ("x", 128))
    parts = apply(Toy(dims=("x",)), x)["mean"]
    ensemble = apply(Ratio(dims=("x",), over="seed"), x)
    each = apply(Ratio(dims=("x",), over="seed", own=True), x)
    ratio = parts[:, 1] / parts[:, 3]
    assert ensemble["mean"][0] == pytest.approx(float(parts[:, 1].mean() / parts[:, 3].mean()), rel=1e-12)
    assert each["mean"][0] == pytest.approx(float(ratio.mean()), rel=1e-12)
    assert each["se"][0] == pytest.approx(float(ratio.std(ddof=1)) / math.sqrt(40), rel=1e-10)
    assert ensemble["se"][0] == pytest.approx(float(each["se"][0]), rel=0.05)


# Chunks.


@pytest.mark.parametrize(
    ("over", "chunks"),
    [
        (("seed",), {"seed": 3}), (("seed",), {"name": 1, "seed": (1, 5, 1, 6)}), (("name", "time"), {"seed": 4}),
        ((), {"seed": 2}), (("time",), {"time": 5, "seed": 3}),
    ],
)  # fmt: skip
def test_chunks_change_nothing(over: tuple[str, ...], chunks: dict[str, Any]) -> None:
    x = noise(("name", 2), ("seed", 13), ("time", 14), ("x", 48)) + 3
    operator = Toy(dims=("x",), over=over or None, covariance=True)
    lazy = apply(operator, x.chunk(chunks))
    assert all(isinstance(variable.data, da.Array) for variable in lazy.data_vars.values())
    assert_same(apply(operator, x), lazy.compute())


@pytest.mark.parametrize("seed", range(5))
def test_random_splits_and_trees_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = noise(("kept", 2), ("time", 40), ("x", 64), seed=seed) * 1e-3 + 5
    call = bind(Toy(dims=("x",), over="time", covariance=True), spec_of(x))
    whole = blocks.finalize(call.kernel, blocks.partial(call.kernel, [x.values]))
    cuts = [0, *np.sort(rng.choice(np.arange(1, 40), 6, replace=False)).tolist(), 40]
    states = [
        blocks.partial(call.kernel, [x.values[:, a:b]], {"time": (a, b), "kept": (0, 2)}) for a, b in itertools.pairwise(cuts)
    ]
    while len(states) > 1:
        i = int(rng.integers(len(states) - 1))
        states[i : i + 2] = [blocks.combine(call.kernel, states[i : i + 2])]
    parts = blocks.finalize(call.kernel, states[0])
    for name, value in whole.items():
        np.testing.assert_allclose(parts[name], value, rtol=1e-12, atol=1e-15, err_msg=name)


@pytest.mark.parametrize("chunks", [{"a": 2}, {"b": 4}, {"a": 3, "b": 5, "kept": 1}])
def test_several_pooled_dims_may_be_split(chunks: dict[str, int]) -> None:
    x = noise(("a", 4), ("kept", 2), ("b", 6), ("x", 32)) + 2
    operator = Toy(dims=("x",), over=("a", "b"), covariance=True)
    whole = apply(operator, x)
    assert (whole["count"] == 24).all()
    assert_same(whole, apply(operator, x.chunk(chunks)).compute())


def test_long_pooled_dims_are_binned_by_absolute_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Means stay exact, errors within the noise of fewer rows, counts those of the items."""
    x = noise(("seed", 103), ("x", 32)) + 1
    exact = apply(Toy(dims=("x",), over="seed"), x)
    monkeypatch.setattr(pooling, "MAX_ROWS", 20)
    binned = apply(Toy(dims=("x",), over="seed"), x)
    assert_same(binned, apply(Toy(dims=("x",), over="seed"), x.chunk({"seed": 7})).compute())
    np.testing.assert_allclose(binned["mean"], exact["mean"], rtol=1e-12)
    assert (binned["count"] == 103).all()
    assert (binned["dof"] == 19).all()
    np.testing.assert_allclose(binned["var"], exact["var"], rtol=0.7)
    np.testing.assert_allclose(binned["n_eff"], 103, rtol=0.1)


# Walls, weights, gaps.


def test_segments_weigh_by_length() -> None:
    x = noise(("seed", 5), ("time", 300), segment=("time", np.repeat([0, 1, 2], [37, 163, 100])))
    result = apply(Toy(dims=("time",), over="seed"), x)
    assert result["mean"][0] == pytest.approx(float(x.mean()), rel=1e-12)
    assert (result["count"] == 5).all()
    np.testing.assert_allclose(result["valid_fraction"], 1, rtol=1e-12)
    single = apply(Toy(dims=("time",)), x)
    np.testing.assert_allclose(single["mean"][:, 0], x.mean("time"), rtol=1e-11)
    assert (single["count"] == 18).all()


def test_gaps_propagate_are_refused_or_weighted() -> None:
    x = noise(("seed", 6), ("y", 32), ("x", 48))
    x[2, 5:9, 10:20] = np.nan
    x[4] = np.nan
    keep = {"dims": ("y", "x"), "over": "seed", "boundary": "periodic"}
    assert np.isnan(apply(Toy(**keep), x)["mean"]).all()
    with pytest.raises(DataError, match="interior NaN"):
        apply(Toy(**keep, nan="error"), x)
    masked = apply(Toy(**keep, nan="mask"), x)
    assert masked["mean"][0] == pytest.approx(float(x.mean()), rel=1e-12)
    np.testing.assert_allclose(masked["valid_fraction"], float(x.notnull().mean()), rtol=1e-12)
    assert (masked["count"] == 5).all()
    assert_same(masked, apply(Toy(**keep, nan="mask"), x.chunk({"seed": 1})).compute())
    assert_same(masked, apply(Toy(**keep, nan="mask", missing=-99.0), x.fillna(-99.0)))


def test_absence_along_one_axis_is_no_gap() -> None:
    """A name that is listed late counts its own span, weighs by it when pooled, and is not spoiled by it."""
    x = noise(("name", 4), ("day", 200))
    x[1, :150] = np.nan
    x[2] = np.nan
    alone = apply(Toy(dims=("day",)), x)
    np.testing.assert_allclose(alone["mean"][[0, 1, 3], 0], x.mean("day")[[0, 1, 3]], rtol=1e-12)
    assert np.isnan(alone["mean"][2]).all()
    np.testing.assert_allclose(alone["valid_fraction"][:, 0], [1, 1, 0, 1], rtol=1e-12)
    pooled = apply(Toy(dims=("day",), over="name"), x)
    assert pooled["mean"][0] == pytest.approx(float(x.mean()), rel=1e-12)
    assert (pooled["count"] == 3).all()


def test_too_little_valid_data_is_nan() -> None:
    x = noise(("seed", 10), ("x", 32))
    x[:6] = np.nan
    result = apply(Toy(dims=("x",), over="seed"), x)
    np.testing.assert_allclose(result["valid_fraction"], 0.4, rtol=1e-12)
    assert np.isnan(result["mean"]).all()
    assert np.isfinite(apply(Toy(dims=("x",), over="seed", min_valid=0.3), x)["mean"]).all()


# Libraries, identity, refusals.


@pytest.mark.parametrize("keywords", [{}, {"ordered": True}, {"grid": (5, 8)}])
def test_the_formulas_follow_the_array_api(keywords: dict[str, Any]) -> None:
    x = np.random.default_rng(3).standard_normal((2, 40, 3))
    w = np.random.default_rng(4).random((2, 40))
    strict = estimate(array_api_strict.asarray(x), array_api_strict.asarray(w), covariance=True, xp=array_api_strict, **keywords)
    plain = estimate(x, w, covariance=True, **keywords)
    for name in ("mean", "var", "se", "n_eff", "count", "dof", "covariance"):
        np.testing.assert_allclose(np.asarray(getattr(strict, name)), getattr(plain, name), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("over", [None, "seed"])
@pytest.mark.parametrize("holes", [False, True])
def test_the_reduction_follows_the_array_api(over: str | None, holes: bool) -> None:
    x = noise(("seed", 6), ("y", 32), ("x", 48))
    if holes:
        x[1, 3, 4] = np.nan
    call = bind(Toy(dims=("y", "x"), over=over, nan="mask"), spec_of(x))
    plain = blocks.finalize(call.kernel, blocks.partial(call.kernel, [x.values]))
    spans = ((0, 2), (2, 6)) if over else ((0, 6),)
    states = [blocks.partial(call.kernel, [array_api_strict.asarray(x.values[a:b])], {"seed": (a, b)}) for a, b in spans]
    strict = blocks.finalize(call.kernel, blocks.combine(call.kernel, states))
    for name, value in plain.items():
        np.testing.assert_allclose(np.asarray(strict[name]), value, rtol=1e-11, atol=1e-14)


def test_identity_depends_on_how_items_are_pooled_and_survives_pickling() -> None:
    operator = Toy(dims=("x",), over="snapshot")
    x = noise(("snapshot", 10), ("x", 32))
    dated = x.assign_coords(snapshot=np.datetime64("2020-01-01") + np.arange(10).astype("timedelta64[D]"))
    free, ordered = (bind(operator, spec_of(item)).operator for item in (x, dated))
    assert len({operator.token(), free.token(), ordered.token()}) == 3
    assert "layout" not in operator.parameters()
    for item in (operator, free, ordered):
        copy = pickle.loads(pickle.dumps(item))
        assert copy == item
        assert copy.token() == item.token()
    assert isinstance(ordered, Average)
    lazy = x.chunk({"snapshot": 5})
    both = da.compute(*(apply(operator, item)["dof"].data for item in (lazy, lazy.assign_coords(snapshot=dated["snapshot"]))))
    assert (both[0] == 9).all()
    assert (both[1] < 9).all()


def test_refusals() -> None:
    x = noise(("seed", 4), ("x", 32))
    with pytest.raises(ParameterError, match="not among the pooled dims"):
        apply(Toy(dims=("x",), ordered=("seed",)), x)
    spec = ArraySpec(("seed", "x"), (5000, 32), "float64")
    with pytest.raises(PlanError, match="a row each"):
        bind(Ratio(dims=("x",), over="seed", own=True), spec)


def test_the_author_sees_kept_axes_then_items_then_core() -> None:
    seen: list[tuple[int, ...]] = []

    class Spy(Toy):
        def observe(self, xp: Any, block: Any, at: Place, cells: Cells, valid: Any, **prepared: Any) -> tuple[Any, Any]:
            seen.append(block.shape)
            return super().observe(xp, block, at, cells, valid, **prepared)

    apply(Spy(dims=("x",), over="b"), noise(("x", 32), ("a", 2), ("b", 3)))
    assert [shape[:2] for shape in seen] == [(2, 3)]


def test_states_are_small_and_double() -> None:
    x = noise(("kept", 3), ("time", 12), ("x", 640)).astype("float32")
    pooled = bind(Toy(dims=("x",), over="time"), spec_of(x))
    state: tuple[NDArray[Any], ...] = blocks.partial(pooled.kernel, [x.values])
    assert [part.shape for part in state] == [(3, 1), (3, 12), (3, 12), (3, 12, 1), (3, 12, 5)]
    assert state[-1].dtype == np.float64
    cells = bind(Toy(dims=("x",)), spec_of(x))
    assert blocks.partial(cells.kernel, [x.values])[-1].shape == (3, 12, 40, 5)
    assert namespace(*state) is namespace(x.values)
