"""The block evaluator through the public functions: extension, stride, walls, absence, gaps, kinds, laziness."""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from scatflow import apply
from scatflow.blocks import evaluate
from scatflow.contract import Pointwise, Reduce, Window, operator
from scatflow.errors import ChunkError, DataError, DimensionError, DtypeError, ParameterError
from scatflow.graph import bind
from scatflow.labels import assemble, spec_of
from toys import Anomaly, Bands, Divide, Every, Flip, Mean, Smooth

MODES = {"reflect": "reflect", "symmetric": "symmetric", "periodic": "wrap", "zero": "constant"}


def signal(*shape: int, dims: str = "bx", dtype: str = "float64", seed: int = 0) -> xr.DataArray:
    values = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    coords = {dim: np.arange(n) * 0.5 for dim, n in zip(dims, shape, strict=True) if dim in "xyt"}
    return xr.DataArray(values, dims=list(dims), coords=coords, name="u")


def moving_mean(values: np.ndarray, radius: int, mode: str) -> np.ndarray:
    padded = np.pad(values, radius, mode=MODES[mode])  # type: ignore[call-overload]
    return np.convolve(padded, np.ones(2 * radius + 1) / (2 * radius + 1), "valid")


def refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("a graph was computed while it was built")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("stride", [1, 3, 4])
def test_window_equals_numpy_padding(mode: str, stride: int) -> None:
    x = signal(2, 37)
    out = apply(Smooth(dims="x", radius=3, stride=stride, boundary=mode), x)
    expected = [moving_mean(row, 3, mode)[::stride] for row in x.values]
    np.testing.assert_allclose(out, expected, atol=1e-14)
    np.testing.assert_array_equal(out.x, x.x[::stride])


def test_radius_beyond_the_size_applies_the_rule_as_often_as_needed() -> None:
    x = signal(1, 5)
    out = apply(Smooth(dims="x", radius=12, boundary="reflect"), x)
    np.testing.assert_allclose(out[0], moving_mean(x.values[0], 12, "reflect"), atol=1e-14)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(0, 4), st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_any_batch_chunking_gives_the_same_bytes(chunks: list[int], radius: int, stride: int) -> None:
    x = signal(sum(chunks), 23, dtype="float32")
    operator = Smooth(dims="x", radius=radius, stride=stride)
    eager = apply(operator, x)
    lazy = apply(operator, x.chunk({"b": tuple(chunks)}))
    assert eager.dtype == np.float32
    np.testing.assert_array_equal(eager, lazy.compute(scheduler="sync"))


def test_lazy_stays_lazy_and_describes_itself() -> None:
    x = signal(8, 64, dtype="float32").chunk({"b": 2})
    with dask.config.set(scheduler=refuse):
        out = apply(Bands(dims="x"), x)
    assert isinstance(out.data, da.Array) and out.dims == ("b", "x", "path") and out.dtype == np.float32
    assert out.sel(path=2).lag == 4
    computed = out.compute(scheduler="sync")
    np.testing.assert_array_equal(computed, apply(Bands(dims="x"), x.compute(scheduler="sync")))


def test_layout_changes_nothing_but_layout() -> None:
    x = signal(3, 12, 16, dims="byx")
    a = apply(Smooth(dims=("y", "x")), x)
    b = apply(Smooth(dims=("x", "y")), x)
    c = apply(Smooth(dims=("y", "x")), x.transpose("x", "b", "y"))
    assert c.dims == ("x", "b", "y")
    xr.testing.assert_identical(a.drop_attrs(), b.drop_attrs())
    xr.testing.assert_allclose(a, c.transpose(*a.dims), atol=1e-15)


def test_walls_are_boundaries() -> None:
    x = signal(2, 30)
    walled = x.assign_coords(segment=("x", [0] * 13 + [1] * 17))
    out = apply(Smooth(dims="x", radius=2), walled)
    np.testing.assert_allclose(out[:, :13], apply(Smooth(dims="x", radius=2), x[:, :13]), atol=1e-14)
    np.testing.assert_allclose(out[:, 13:], apply(Smooth(dims="x", radius=2), x[:, 13:]), atol=1e-14)


def test_leading_and_trailing_nan_is_absence() -> None:
    x = signal(4, 30)
    gone = x.copy()
    gone[0, :7] = np.nan
    gone[1, 25:] = np.nan
    gone[2] = np.nan
    out = apply(Smooth(dims="x", radius=2), gone)
    np.testing.assert_allclose(out[0, 7:], apply(Smooth(dims="x", radius=2), x[:1, 7:])[0], atol=1e-14)
    np.testing.assert_allclose(out[1, :25], apply(Smooth(dims="x", radius=2), x[1:2, :25])[0], atol=1e-14)
    np.testing.assert_allclose(out[3], apply(Smooth(dims="x", radius=2), x)[3], atol=1e-14)
    assert np.isnan(out[0, :7]).all() and np.isnan(out[1, 25:]).all() and np.isnan(out[2]).all()


def test_interior_nan_propagates_as_far_as_the_reach() -> None:
    x = signal(2, 40)
    x[0, 20] = np.nan
    out = apply(Smooth(dims="x", radius=3), x)
    assert np.flatnonzero(np.isnan(out[0])).tolist() == list(range(17, 24))
    assert not np.isnan(out[1]).any()


def test_interior_nan_in_two_dims() -> None:
    x = signal(20, 24, dims="yx")
    x[10, 12] = np.nan
    bad = np.isnan(apply(Smooth(dims=("y", "x"), radius=2), x).values)
    expected = np.zeros((20, 24), bool)
    expected[8:13, 10:15] = True
    np.testing.assert_array_equal(bad, expected)


def test_interior_nan_is_refused_with_its_place() -> None:
    x = signal(2, 40)
    x[1, 20] = np.nan
    with pytest.raises(DataError, match="1 interior NaN"):
        apply(Smooth(dims="x", nan="error"), x)


def test_mask_reports_the_valid_fraction() -> None:
    x = signal(1, 40)
    x[0, 18:21] = np.nan
    out = apply(Smooth(dims="x", radius=2, nan="mask"), x)
    assert set(out.data_vars) == {"toy_smooth", "valid_fraction"}
    np.testing.assert_allclose(out.valid_fraction[0, 16:23], [0.8, 0.6, 0.4, 0.4, 0.4, 0.6, 0.8], atol=1e-6)
    assert np.flatnonzero(np.isnan(out.toy_smooth[0])).tolist() == [18, 19, 20]


def test_mask_counts_borders_in_its_own_result_when_strided() -> None:
    x = signal(1, 40)
    x[0, 18:21] = np.nan
    out = apply(Smooth(dims="x", radius=2, stride=4, nan="mask"), x)
    np.testing.assert_allclose(out.valid_fraction[0], [0.6, 1, 1, 1, 0.8, 0.4, 1, 1, 1, 1], atol=1e-6)
    assert np.flatnonzero(np.isnan(out.toy_smooth[0])).tolist() == [5]


def test_sentinels_are_missing_values() -> None:
    x = signal(1, 40)
    x[0, 20] = 999.0
    out = apply(Smooth(dims="x", radius=1, missing=999.0), x)
    assert np.flatnonzero(np.isnan(out[0])).tolist() == [19, 20, 21]


def test_support_along_an_ordered_axis() -> None:
    out = apply(Smooth(dims="x", radius=2, stride=4), signal(1, 20))
    np.testing.assert_array_equal(out.support_start, [0, 1, 3, 5, 7])
    np.testing.assert_array_equal(out.support_end, [1, 3, 5, 7, 9])
    np.testing.assert_allclose(out.valid_fraction, [0.6, 1, 1, 1, 1])


def test_support_does_not_depend_on_the_stride() -> None:
    every, fourth = (apply(Smooth(dims="x", radius=2, stride=stride), signal(1, 20)) for stride in (1, 4))
    for name in ("support_start", "support_end", "valid_fraction"):
        np.testing.assert_array_equal(every[name][::4], fourth[name])


@pytest.mark.parametrize("chunks", [(6,), (2, 4), (1, 1, 1, 1, 1, 1)])
def test_reduction_tree_equals_the_whole(chunks: tuple[int, ...]) -> None:
    x = signal(6, 3, 50, dims="bcx", dtype="float32")
    out = apply(Mean(dims="x", over="b"), x.chunk({"b": chunks, "c": 2}))
    assert out["mean"].dims == ("c",) and out["mean"].dtype == np.float64
    np.testing.assert_allclose(out["mean"], x.astype("float64").mean(("b", "x")), rtol=1e-13)
    np.testing.assert_array_equal(out["count"], [300, 300, 300])


def test_batch_dims_are_never_pooled_unasked() -> None:
    assert apply(Mean(dims="x"), signal(6, 3, 50, dims="bcx"))["mean"].dims == ("b", "c")


def test_tasks_are_linear_and_pickles_small() -> None:
    import pickle

    def graph(blocks: int) -> Any:
        x = xr.DataArray(da.zeros((blocks, 1024), chunks=(1, 1024)), dims=("b", "x"))
        return apply(Bands(dims="x"), x).__dask_graph__()

    assert len(dict(graph(400))) == 2 * len(dict(graph(200)))
    assert len(pickle.dumps(graph(1000))) < 2**20


def test_composite_and_numbers() -> None:
    x = signal(4, 16) + 3.0
    out = apply(Anomaly(dims=("x",)), x)
    np.testing.assert_allclose(out, x / x.mean("x"), rtol=1e-14)
    np.testing.assert_allclose(apply(Divide(), x, 2), x / 2)


def test_select_and_whole() -> None:
    x = signal(7, 16)
    picked = apply(Every(dim="b", start=1, step=3), x.chunk({"b": 2}))
    xr.testing.assert_equal(picked.compute(scheduler="sync"), x[1::3])
    np.testing.assert_array_equal(apply(Flip(dims="x"), x), x.values[:, ::-1])


def test_containers() -> None:
    x = np.random.default_rng(0).standard_normal((3, 16))
    labelled = apply(Smooth(dims="dim_1"), x)
    assert labelled.dims == ("dim_0", "dim_1")
    assert isinstance(apply(Smooth(dims="dim_1"), x, labels=False), np.ndarray)
    dataset = xr.Dataset({"u": (("b", "x"), x), "v": (("b", "x"), x + 1), "w": ("b", x[:, 0])})
    mapped = apply(Smooth(dims="x"), dataset)
    assert set(mapped.data_vars) == {"u", "v"}


@pytest.mark.parametrize(
    ("dims", "words"),
    [("xx", "no dim 'xx'"), (("x", "x"), "named once"), (("b", "x", "c"), "number of core dims"), ("X", "Did you mean 'x'")],
)
def test_bad_dims(dims: Any, words: str) -> None:
    with pytest.raises(DimensionError, match=words):
        apply(Smooth(dims=dims), signal(2, 3, 16, dims="bcx"))


@pytest.mark.parametrize(
    ("values", "words"),
    [([0, 1, 2, 4, 5], "not uniformly spaced"), ([0, 2, 1, 3, 4], "not monotonic"), (list("abcde"), "numeric or datetime")],
)
def test_bad_coordinates_name_the_remedies(values: list[Any], words: str) -> None:
    x = xr.DataArray(np.zeros(5), dims="x", coords={"x": values})
    with pytest.raises(DimensionError, match=words) as caught:
        apply(Smooth(dims="x"), x)
    assert 'sampling={"x": "index"}' in str(caught.value)
    assert apply(Smooth(dims="x", sampling={"x": "index"}), x).shape == (5,)


def test_business_days_need_a_declared_sampling() -> None:
    days = np.arange("2001-01-01", "2001-02-01", dtype="M8[D]")
    days = days[np.is_busday(days)].astype("M8[ns]")
    x = xr.DataArray(np.zeros(days.size), dims="time", coords={"time": days})
    with pytest.raises(DimensionError, match="by sample"):
        apply(Smooth(dims="time"), x)
    x.time.attrs["sampling"] = "index"
    assert apply(Smooth(dims="time"), x).time.variable.equals(x.time.variable)


def test_float32_coordinates_are_uniform() -> None:
    x = xr.DataArray(np.zeros(1000), dims="x", coords={"x": (np.arange(1000) * 0.1).astype("float32")})
    assert apply(Smooth(dims="x"), x).shape == (1000,)


def test_periodic_is_the_default_only_for_the_whole_period() -> None:
    x = xr.DataArray(np.arange(8.0), dims="x", coords={"x": ("x", np.arange(8) * 0.5, {"period": 4.0})})
    assert apply(Smooth(dims="x"), x).attrs["boundary"] == "periodic"
    assert apply(Smooth(dims="x"), x[:5]).attrs["boundary"] == "reflect"


@pytest.mark.parametrize("dtype", ["int64", "bool", "complex128", "object", "float16"])
def test_dtypes_that_are_refused(dtype: str) -> None:
    x = xr.DataArray(np.zeros(8).astype(dtype), dims="x")
    with pytest.raises(DtypeError) as caught:
        apply(Smooth(dims="x"), x)
    assert isinstance(caught.value, TypeError) and isinstance(caught.value, ValueError)


def test_integers_with_a_declared_cast() -> None:
    assert apply(Smooth(dims="x", dtype="float32"), xr.DataArray(np.arange(8), dims="x")).dtype == np.float32


def test_chunked_core_names_the_exact_call() -> None:
    x = signal(4, 32).chunk({"x": 8})
    with pytest.raises(ChunkError, match=r'\.chunk\(\{"x": -1\}\)'):
        apply(Smooth(dims="x"), x)
    merged = apply(Smooth(dims="x"), x, rechunk="auto")
    np.testing.assert_array_equal(merged.compute(scheduler="sync"), apply(Smooth(dims="x"), x.compute(scheduler="sync")))


def test_degenerate_sizes() -> None:
    assert apply(Smooth(dims="x"), signal(0, 16)).shape == (0, 16)
    np.testing.assert_allclose(apply(Smooth(dims="x"), signal(2, 1)), signal(2, 1))
    with pytest.raises(DimensionError, match="length 0"):
        apply(Smooth(dims="x"), signal(2, 0))


def test_differing_coordinates_are_refused() -> None:
    with pytest.raises(ParameterError, match="differ"):
        apply(Divide(), signal(2, 8), signal(2, 8).assign_coords(x=np.arange(8.0)))


def test_select_on_bare_and_labelled_numpy() -> None:
    x = signal(7, 16)
    xr.testing.assert_equal(apply(Every(dim="b", start=1, step=3), x), x[1::3])
    np.testing.assert_array_equal(apply(Every(dim="dim_0", start=3, step=2), np.arange(8.0)), [3, 5, 7])


def test_the_same_data_under_other_coordinates_is_another_task() -> None:
    base = da.from_array(np.random.default_rng(0).standard_normal((2, 16)), chunks=(1, 16))
    plain = xr.DataArray(base, dims=("b", "x"), coords={"x": np.arange(16) * 0.5})
    whole = plain.assign_coords(x=("x", np.arange(16) * 0.5, {"period": 8.0}))
    reflected, wrapped = (apply(Smooth(dims="x"), array) for array in (plain, whole))
    assert reflected.data.name != wrapped.data.name
    assert not np.allclose(*dask.compute(reflected, wrapped, scheduler="sync"))


@operator("twice", version=1, signature="()->()")
class Twice(Pointwise):
    """Says which of its kernels ran."""

    def apply(self, xp: Any, *blocks: Any) -> Any:
        return 2 * blocks[0]

    def apply_numpy(self, xp: Any, *blocks: Any) -> Any:
        return -2 * blocks[0]


def test_a_specialized_kernel_serves_its_library_alone() -> None:
    strict = pytest.importorskip("array_api_strict", reason="missing: array-api-strict")
    kernel = bind(Twice(), spec_of(xr.DataArray(np.ones(2)))).kernel
    assert evaluate(kernel, [np.ones(2)])[""].tolist() == [-2.0, -2.0]
    assert np.asarray(evaluate(kernel, [strict.ones(2)])[""]).tolist() == [2.0, 2.0]


@operator("thrice", version=1, signature="(x)->(x)")
class Thrice(Smooth):
    """A window with a specialized kernel that wants the place and the constants."""

    def prepare(self, xp: Any, block: Any, device: Any) -> dict[str, Any]:
        return {"factor": 3.0}

    def apply(self, xp: Any, *blocks: Any, factor: float) -> Any:  # type: ignore[override]
        return factor * blocks[0]

    def apply_numpy(self, xp: Any, *blocks: Any, at: Any, factor: float) -> Any:
        return -factor * blocks[0] * at.size["x"]


def test_a_specialized_kernel_gets_what_it_asks_for() -> None:
    assert apply(Thrice(dims="x", radius=0), xr.DataArray(np.ones(4), dims="x")).values.tolist() == [-12.0] * 4


def test_results_with_equal_sizes_and_other_labels_are_no_dataset() -> None:
    """A dataset has one coordinate per name; results that disagree become groups of a tree."""
    one = xr.DataArray(np.zeros(2), dims="path", coords={"j1": ("path", [0, 0])}, name="w")
    groups = assemble({"j0": one, "j1": one.assign_coords(j1=("path", [1, 1]))})
    assert isinstance(groups, xr.DataTree) and set(groups.children) == {"j0", "j1"}
    assert groups["j1"]["w"].j1.values.tolist() == [1, 1]
    assert set(assemble({"a": one, "b": one + 1}).data_vars) == {"a", "b"}


def test_a_composite_counts_its_inputs() -> None:
    with pytest.raises(ParameterError, match="toy_anomaly: wrong number of inputs"):
        apply(Anomaly(dims=("x",)), signal(2, 5), signal(2, 5))


def test_a_selection_takes_the_kinds_that_it_declares_and_what_is_no_number() -> None:
    with pytest.raises(DtypeError, match="toy_every input"):
        apply(Every(dim="x"), xr.DataArray(np.array([None, 1, None], dtype=object), dims="x"))
    dates = xr.DataArray(np.arange("2001-01-01", "2001-01-05", dtype="M8[D]").astype("M8[ns]"), dims="x")
    assert apply(Every(dim="x"), dates).values.tolist() == dates.values[::2].tolist()


@operator("pairs", version=1, signature="(x)->()")
class Pairs(Reduce):
    """Mean product of neighbors, which a plain reduction must not take across a wall."""

    def output(self, *specs: Any) -> Any:
        return specs[0].without(*(self.dims or ()), *(self.over or ())).with_dtype("float64")

    def chunk(self, xp: Any, *blocks: Any) -> tuple[Any, ...]:
        product = blocks[0][..., 1:] * blocks[0][..., :-1]
        count = float(product.shape[-1] * product.shape[-2])
        return xp.sum(product, axis=(-2, -1)), xp.full(product.shape[:-2], count, dtype=xp.float64)

    def finalize(self, xp: Any, *state: Any) -> Any:
        return state[0] / state[1]


def test_a_reduction_sees_no_pair_across_a_wall() -> None:
    x = signal(3, 20).assign_coords(segment=("x", np.repeat([0, 1, 2], [5, 8, 7])))
    parts = [x[:, 0:5], x[:, 5:13], x[:, 13:20]]
    expected = sum((part[:, 1:].values * part[:, :-1].values).sum(1) for part in parts) / 17
    np.testing.assert_allclose(apply(Pairs(dims="x"), x), expected, rtol=1e-13)
    np.testing.assert_allclose(apply(Pairs(dims="x", over="b"), x.chunk(b=1)).compute(), expected.mean(), rtol=1e-13)


def test_a_window_that_forgets_its_reach_or_an_axis_is_told() -> None:
    class Half(Smooth):
        def depth(self, tol: float = 1e-4) -> dict[str, tuple[int, int]]:
            return {"x": (2, 2)}

    class Number(Smooth):
        def depth(self, tol: float = 1e-4) -> Any:
            return 3

    for wrong in (Half(dims=("b", "x")), Number(dims="x")):
        with pytest.raises(ParameterError, match=r"toy_smooth\.depth: is \(before, after\) in samples for every axis role"):
            apply(wrong, signal(9, 9))
    with pytest.raises(NotImplementedError, match=r"operator 'blank' is a Window and needs the method depth\(self, tol\)"):
        apply(Blank(dims="x"), signal(3, 9))


@operator("blank", version=1, signature="(x)->(x)")
class Blank(Window):
    """Nothing yet."""


def test_parameters_are_given_by_name_and_dims_offered_only_where_there_are_some() -> None:
    with pytest.raises(ParameterError, match=r"toy_smooth: parameters are given by name(.|\n)*got 3 without one"):
        Smooth(3)  # type: ignore[call-arg]
    with pytest.raises(ParameterError, match=r"toy_smooth\.radius(.|\n)*It is: Half-width of the window\."):
        Smooth(radius=-1)
    with pytest.raises(DimensionError) as caught:
        apply(Plane(), signal(4, 5)[0])
    assert caught.value.remedy is None


@operator("plane", version=1, signature="(y,x)->(y,x)")
class Plane(Smooth):
    """Needs two dims."""
