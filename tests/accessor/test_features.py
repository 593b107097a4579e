"""Tables of samples by features: values, names, labels, laziness, and the way back (U27)."""

from __future__ import annotations

from random import Random

import dask
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import scatflow as sf
from scatflow.accessor.features import features, unstack
from scatflow.errors import DimensionError, DtypeError, ParameterError


def fields(rng: np.random.Generator, count: int = 5, dtype: str = "float32") -> xr.DataArray:
    x = ("x", np.arange(32) * 0.5, {"units": "m"})
    return xr.DataArray(
        rng.standard_normal((count, 32, 32)).astype(dtype),
        dims=("realization", "y", "x"),
        coords={"y": ("y", np.arange(32) * 0.5, {"units": "m"}), "x": x, "realization": np.arange(count) + 10},
        name="u",
        attrs={"units": "m/s"},
    )


def raising(*_: object, **__: object) -> None:
    raise AssertionError("something was computed")


def test_a_table_holds_every_coefficient_once_under_its_name(rng: np.random.Generator) -> None:
    S = sf.ops.scattering(fields(rng), dims=("y", "x"), J=3, L=4)
    F = S.scatflow.features("realization")
    assert F.dims == ("sample", "feature") and F.shape == (5, S.size // 5) and F.dtype == np.float32
    assert F.sample.values.tolist() == [10, 11, 12, 13, 14] and F.attrs["units"] == "m/s"
    assert F.feature.to_index().is_unique
    path = int(np.flatnonzero((S.j1 == 0) & (S.l1 == 3) & (S.j2 == 2) & (S.l2 == 1))[0])
    np.testing.assert_array_equal(F.sel(feature="y=4,x=12,j1=0,l1=3,j2=2,l2=1"), S.sel(y=4.0, x=12.0).isel(path=path))
    np.testing.assert_array_equal(F.sel(feature="y=4,x=12,order=0"), S.sel(y=4.0, x=12.0).isel(path=0))
    wide = F.where((F.order == 1) & (F.scale1 > 4), drop=True)  # every label can select
    assert set(wide.j1.values) == {2} and wide.sizes["feature"] == 4 * 16


def test_pandas_and_estimators_take_it_as_it_is(rng: np.random.Generator) -> None:
    F = sf.ops.scattering(fields(rng), dims=("y", "x"), J=3, L=2, order=1).mean(("y", "x")).scatflow.features("realization")
    table = F.to_pandas()
    assert table.shape == F.shape and list(table.columns)[:2] == ["order=0", "j1=0,l1=0"] and list(table.index) == list(F.sample)
    assert isinstance(F.values, np.ndarray) and F.values.flags.c_contiguous
    fitted, *_ = np.linalg.lstsq(F.values[:, 1:4], F.values[:, 1], rcond=None)  # what a linear model does
    np.testing.assert_allclose(fitted, [1, 0, 0], atol=1e-4)


def test_weights_come_back_on_labels(rng: np.random.Generator) -> None:
    S = sf.ops.scattering(fields(rng), dims=("y", "x"), J=3, L=4)
    F = S.scatflow.features("realization")
    back = F.scatflow.unstack(np.arange(F.sizes["feature"]))
    assert set(back.dims) == {"y", "x", "path"} and back.name == "weights" and "units" not in back.attrs
    xr.testing.assert_equal(back.j1, S.j1)
    assert back.x.attrs == S.x.attrs and "path" not in back.coords
    one = F.isel(feature=777)
    there = xr.ones_like(back, dtype=bool)
    for label in ("y", "x", "j1", "l1", "j2", "l2"):
        there &= back[label] == one[label].item()
    assert back.where(there).max() == 777 and int(there.sum()) == 1
    many = F.scatflow.unstack(np.ones((2, F.sizes["feature"])))
    assert many.dims == ("output", "y", "x", "path")


def test_the_round_trip_gives_back_the_array(rng: np.random.Generator) -> None:
    S = sf.ops.scattering(fields(rng), dims=("y", "x"), J=3, L=2)
    back = S.scatflow.features("realization").scatflow.unstack()
    xr.testing.assert_identical(back.drop_attrs(), S.drop_attrs())
    assert back.attrs == {"units": "m/s", "long_name": S.attrs["long_name"]}


@settings(max_examples=25)
@given(st.permutations(["a", "b", "path", "x"]), st.integers(0, 3), st.randoms())
def test_any_order_of_dims_and_any_part_of_rows_and_columns(dims: list[str], rows: int, random: Random) -> None:
    sizes = {"a": 2, "b": 3, "path": 4, "x": 2}
    values = np.arange(48.0).reshape([sizes[dim] for dim in dims])
    S = xr.DataArray(values, dims=dims, coords={"j1": ("path", [-1, 0, 1, 1]), "l1": ("path", [-1, 0, 0, 1]), "x": [0.5, 1.5]})
    F = features(S, dims[:rows])
    xr.testing.assert_identical(unstack(F), S)
    columns = sorted(random.sample(range(F.sizes["feature"]), F.sizes["feature"] // 2), reverse=True)
    taken = F.isel(feature=columns)
    part = unstack(taken)
    assert sorted(part.values[np.isfinite(part.values)]) == sorted(taken.values.ravel())
    assert set(part.dims) == set(dims)


def test_several_sample_dims_are_stacked_in_the_order_named() -> None:
    S = xr.DataArray(
        np.arange(24.0).reshape(2, 3, 4), dims=("t", "name", "path"), coords={"name": ["a", "b", "c"], "j1": ("path", range(4))}
    )
    F = features(S, ("name", "t"))
    np.testing.assert_array_equal(F.values, S.transpose("name", "t", "path").values.reshape(6, 4))
    assert F.coords["name"].values.tolist() == ["a", "a", "b", "b", "c", "c"] and F.t.values.tolist() == [0, 1] * 3
    assert F.sample.values.tolist() == list(range(6)) and F.feature.values.tolist() == ["j1=0", "j1=1", "j1=2", "j1=3"]
    assert features(S, ()).shape == (1, 24)


def test_supports_and_dates_ride_along(rng: np.random.Generator) -> None:
    time = np.datetime64("2000-01-01") + np.arange(256) * np.timedelta64(1, "D")
    S = sf.ops.scattering(xr.DataArray(rng.standard_normal(256), dims="time", coords={"time": time}), J=4, Q=2)
    F = S.scatflow.features("time")
    np.testing.assert_array_equal(F.support_end, S.support_end)
    np.testing.assert_array_equal(F.support_start, S.support_start)
    assert F.support_end.dims == ("sample",) and F.to_pandas().index.inferred_type == "datetime64"
    xr.testing.assert_identical(F.scatflow.unstack().support_end, S.support_end)


def test_lazy_arrays_stay_lazy_in_chunks_of_samples(rng: np.random.Generator) -> None:
    with dask.config.set(scheduler=raising):
        S = sf.ops.scattering(fields(rng).chunk(realization=2), dims=("y", "x"), J=3, L=2)
        F = S.scatflow.features("realization")
        back = F.scatflow.unstack()
    assert F.chunks == ((2, 2, 1), (F.sizes["feature"],))
    np.testing.assert_array_equal(F, S.compute().scatflow.features("realization"))
    np.testing.assert_array_equal(back, S)


def test_moments_give_their_means(rng: np.random.Generator) -> None:
    M = sf.ops.scattering_moments(fields(rng), dims=("y", "x"), J=3, L=2)
    F = M.scatflow.features("realization")
    assert F.shape == (5, M.sizes["path"]) and F.dtype == np.float64
    np.testing.assert_array_equal(F, M["mean"])
    both = M.scatflow.features("realization", variables=("mean", "se"))
    assert both.feature.values[[0, -1]].tolist() == ["mean:order=0", "se:j1=1,l1=1,j2=2,l2=1"]
    xr.testing.assert_identical(both.scatflow.unstack()["se"].drop_attrs(), M["se"].drop_attrs())


def test_results_of_other_sizes_are_put_side_by_side(rng: np.random.Generator) -> None:
    W = sf.ops.wavelet(fields(rng), dims=("y", "x"), J=2, L=2, stride="octave")
    tree = xr.DataTree.from_dict({name: sf.ops.modulus(node.to_dataset()) for name, node in W.children.items()})
    F = tree.scatflow.features("realization")
    name = str(tree["j1"].data_vars and next(iter(tree["j1"].data_vars)))
    assert F.sizes["feature"] == sum(node.to_dataset()[name].size for node in tree.children.values()) // 5
    assert F.feature.values[0].startswith(f"j0/{name}:y=0,x=0,j1=0,l1=0") and F.feature.to_index().is_unique
    back = F.scatflow.unstack(F.values[2])["low/" + name]
    np.testing.assert_array_equal(back.transpose("y", "x", "path"), tree["low"][name].isel(realization=2))
    flat = xr.Dataset({"m": ("t", np.arange(3.0)), "v": (("t", "k"), np.ones((3, 2), "float32"))}, coords={"k": [0, -1]})
    G = features(flat, "t")
    assert G.feature.values.tolist() == ["m", "v:k=0", "v:k=-1"] and G.dtype == np.float64
    assert unstack(G, [1, 2, 3])["v"].sel(k=-1) == 3 and unstack(G, [1, 2, 3])["m"] == 1


def test_what_is_not_finite_stays_and_can_be_dropped() -> None:
    S = xr.DataArray([[1.0, np.nan], [2.0, 3.0], [np.inf, 4.0]], dims=("t", "path"), coords={"j1": ("path", [0, 1])})
    F = features(S, "t")
    np.testing.assert_array_equal(F, S)
    assert F.dropna("sample").sample.values.tolist() == [1, 2] and F.dropna("feature").feature.values.tolist() == ["j1=0"]


def test_labels_that_do_not_tell_columns_apart_get_positions() -> None:
    S = xr.DataArray(np.zeros((1, 2)), dims=("t", "path"), coords={"j1": ("path", [0, 0])})
    assert features(S, "t").feature.values.tolist() == ["j1=0,path=0", "j1=0,path=1"]
    assert features(S.drop_vars("j1"), "t").feature.values.tolist() == ["path=0", "path=1"]


def test_bad_input_names_what_is_wrong(rng: np.random.Generator) -> None:
    S = sf.ops.scattering(fields(rng), dims=("y", "x"), J=2, L=2)
    with pytest.raises(DimensionError, match=r"no dim 'realisation'.*realization"):
        S.scatflow.features("realisation")
    with pytest.raises(DimensionError, match="named once"):
        S.scatflow.features(("y", "y"))
    with pytest.raises(DimensionError, match="Rename it"):
        S.rename(x="feature").scatflow.features("realization")
    with pytest.raises(DimensionError, match="Rename it"):
        S.rename(x="sample").scatflow.features("realization")
    with pytest.raises(DtypeError, match="modulus"):
        sf.ops.wavelet(fields(rng), dims=("y", "x"), J=2, L=2).scatflow.features("realization")
    with pytest.raises(ParameterError, match="mean"):
        xr.Dataset({"mean": S}).scatflow.features("realization", variables="means")
    with pytest.raises(ParameterError, match="no variable"):
        features(xr.Dataset(), "t")
    with pytest.raises(DimensionError, match="other samples"):
        features(xr.DataTree.from_dict({"a": xr.Dataset({"u": ("t", [1.0])}), "b": xr.Dataset({"u": ("t", [1.0, 2.0])})}), "t")
    F = S.scatflow.features("realization")
    with pytest.raises(DimensionError, match=r"one number per feature.*got \(3,\)"):
        F.scatflow.unstack([1, 2, 3])
    with pytest.raises(DimensionError, match="not one of features"):
        S.scatflow.unstack()
