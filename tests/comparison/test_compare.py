"""``compare`` on results of operators: null tests, what is refused, where labels meet, what is reported (U10)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr
from scipy import stats

import scatflow as sf
from averages import fgn, swendsen_wang
from scatflow.comparison.coefficients import Means, differences
from scatflow.comparison.summary import largest
from scatflow.errors import DimensionError, DtypeError, ParameterError, StoreError

COUNT, REPEATS = 20, 100


def fields(rng: np.random.Generator, count: int = 12, size: int = 32, step: float = 0.5, unit: str = "m") -> xr.DataArray:
    along = {dim: (dim, np.arange(size) * step, {"units": unit}) for dim in ("y", "x")}
    noise = rng.standard_normal((count, size, size))
    return xr.DataArray(
        noise, dims=("realization", "y", "x"), coords=along, name="u", attrs={"units": "m/s", "long_name": "velocity"}
    )


def moments(data: xr.DataArray, **changes: Any) -> xr.Dataset:
    found = sf.ops.scattering_moments(
        data, **{"dims": ("y", "x"), "J": 2, "L": 2, "over": ("realization",), "covariance": True, **changes}
    )
    assert isinstance(found, xr.Dataset)
    return found


def coefficients(data: xr.DataArray, **changes: Any) -> xr.DataArray:
    found: xr.DataArray = sf.ops.scattering(data, **{"dims": ("y", "x"), "J": 2, "L": 2, **changes}).mean(("y", "x"))
    return found


def white(rng: np.random.Generator) -> xr.DataArray:
    return xr.DataArray(rng.standard_normal((REPEATS, COUNT, 32, 32)), dims=("repeat", "realization", "y", "x"))


def ising(rng: np.random.Generator) -> xr.DataArray:
    spins = swendsen_wang(32, 2.5, (REPEATS * COUNT // 8, 8), 4, rng).reshape(-1, 32, 32)
    return xr.DataArray(
        rng.permutation(spins).reshape(REPEATS, COUNT, 32, 32).astype("float64"), dims=("repeat", "realization", "y", "x")
    )


def fractional(rng: np.random.Generator) -> xr.DataArray:
    return xr.DataArray(fgn(REPEATS * COUNT, 512, 0.7, rng).reshape(REPEATS, COUNT, 512), dims=("repeat", "realization", "x"))


CASES = {
    "white noise": (white, {"dims": ("y", "x"), "J": 3, "L": 2}),
    "Ising": (ising, {"dims": ("y", "x"), "J": 3, "L": 2}),
    "fGn": (fractional, {"dims": ("x",), "J": 4, "Q": 2}),
}


def halves(data: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    return data.isel(realization=slice(None, None, 2)), data.isel(realization=slice(1, None, 2))


@pytest.mark.parametrize("name", CASES)
def test_two_halves_of_one_ensemble_differ_by_chance_only(name: str, rng: np.random.Generator) -> None:
    """Uniform p over repeats, of all together and of coefficients, with 5 % false positives within 2 %: by their errors."""
    make, parameters = CASES[name]
    a, b = (sf.ops.scattering_moments(half, **parameters, boundary="periodic", over=("realization",), covariance=True)
            for half in halves(make(rng)))  # fmt: skip
    found = [sf.compare(a.isel(repeat=k), b.isel(repeat=k)) for k in range(REPEATS)]
    together = np.array([one.attrs["global_p"] for one in found])
    each = np.stack([one["p"].values for one in found])
    print(name, "global", (together < 0.05).mean(), stats.kstest(together, "uniform").pvalue, "each", (each < 0.05).mean())
    assert 0.03 <= (each < 0.05).mean() <= 0.07
    # Coefficients of one repeat are correlated, repeats are not: uniformity is asked of each coefficient over repeats.
    assert np.median([stats.kstest(column, "uniform").pvalue for column in each.T]) > 0.1
    assert stats.kstest(together, "uniform").pvalue > 1e-3
    assert (together < 0.05).mean() <= 0.12  # 0.05 and three standard deviations of 100 repeats


@pytest.mark.parametrize("name", CASES)
def test_two_halves_of_one_ensemble_have_a_uniform_permutation_p(name: str, rng: np.random.Generator) -> None:
    make, parameters = CASES[name]
    S = sf.ops.scattering(make(rng), **parameters, boundary="periodic").mean(parameters["dims"])
    a, b = halves(S)
    together = np.array(
        [sf.compare(a.isel(repeat=k), b.isel(repeat=k), n_permutations=99, seed=k).attrs["global_p"] for k in range(REPEATS)]
    )
    assert stats.kstest(together, "uniform").pvalue > 1e-3
    assert (together <= 0.05).mean() <= 0.12
    # Coefficients are correlated, so that their false positives are counted over many ways to halve the same ensembles.
    order = [rng.permutation(COUNT) for _ in range(30)]
    values = S.transpose("realization", "repeat", "path").values
    each = [differences(*(_means(values[part]) for part in (k[: COUNT // 2], k[COUNT // 2 :]))).p for k in order]
    print(
        name, "global", (together <= 0.05).mean(), stats.kstest(together, "uniform").pvalue, "each", (np.array(each) < 0.05).mean()
    )
    assert 0.03 <= (np.array(each) < 0.05).mean() <= 0.07


def _means(samples: np.ndarray) -> Means:
    count = len(samples)
    return Means(samples.mean(0), samples.std(0, ddof=1) / np.sqrt(count), np.full(samples.shape[1:], count - 1.0))


def test_a_difference_is_found_and_ranked(rng: np.random.Generator) -> None:
    a, b = moments(fields(rng, 24)), moments(1.1 * fields(rng, 24))
    C = sf.compare(a, b)
    np.testing.assert_allclose(C["difference"], a["mean"] - b["mean"])
    np.testing.assert_allclose(C["ratio"], a["mean"] / b["mean"])
    np.testing.assert_allclose(C["se"] ** 2, a["se"] ** 2 + b["se"] ** 2)
    xr.testing.assert_equal(C.scale1, a.scale1)
    assert C.attrs["global_p"] < 1e-6 and (C["q"].where(C.order == 1, drop=True) < 0.01).all()
    assert C["difference"].attrs["units"] == "m/s" and "units" not in C["z"].attrs
    rows = largest(C, 3)
    assert abs(rows[0][3]) == float(abs(C["z"]).max()) and rows[0][0].startswith("j1=")
    assert "p < 0.05 in" in C.attrs["summary"] and "chi-squared" in C.attrs["summary"]
    assert json.loads(C.attrs["scatflow_a"])["schema"] == 1


def test_without_covariances_independence_is_assumed_and_said(rng: np.random.Generator) -> None:
    a, b = (moments(fields(rng), covariance=False) for _ in range(2))
    C = sf.compare(a, b)
    assert "covariance=True" in C.attrs["assumption"] and C.attrs["shrinkage"] == 1
    score = stats.norm.ppf(stats.t.sf(abs(C["z"]), C["dof"]))
    assert C.attrs["global_p"] == pytest.approx(stats.chi2.sf(float((score**2).sum()), C.sizes["path"]))


def test_other_dims_are_compared_item_by_item_and_all_together(rng: np.random.Generator) -> None:
    a, b = (moments(xr.concat([fields(rng), fields(rng)], "component")) for _ in range(2))
    C = sf.compare(a, b)
    parts = [sf.compare(a.isel(component=k), b.isel(component=k)) for k in range(2)]
    np.testing.assert_allclose(C["z"], np.stack([part["z"] for part in parts]))
    assert C.attrs["global_statistic"] == pytest.approx(sum(part.attrs["global_statistic"] for part in parts))
    assert C.attrs["global_dof"] == pytest.approx(sum(part.attrs["global_dof"] for part in parts))


def test_only_shared_labels_are_compared_whatever_their_order(rng: np.random.Generator) -> None:
    a, b = moments(fields(rng), J=3), moments(fields(rng), order=1)
    shuffled = b.isel(path=slice(None, None, -1), path_2=slice(None, None, -1))
    C = sf.compare(a, shuffled)
    xr.testing.assert_equal(C.drop_attrs(), sf.compare(a, b).drop_attrs())
    assert C.attrs["global_p"] == pytest.approx(sf.compare(a, b).attrs["global_p"])
    assert C.sizes["path"] == b.sizes["path"] and set(C.j1.values) == {-1, 0, 1}
    k = int(np.flatnonzero((b.j1 == 1) & (b.l1 == 1))[0])
    there = (C.j1 == 1) & (C.l1 == 1)
    assert float(C["mean_b"].values[there.values][0]) == float(b["mean"][k])
    assert "j1=2,l1=0" in C.attrs["only_a"] and "only_b" not in C.attrs and "only in a: j1=2" in C.attrs["summary"]
    with pytest.raises(DimensionError, match=r"no item of dim 'path'.*j1=2,l1=0"):
        sf.compare(a.isel(path=a.j1 == 2, path_2=a.j1.values == 2), b)


def test_what_means_something_else_is_refused_by_name(rng: np.random.Generator) -> None:
    data = fields(rng)
    a = moments(data)
    for changes, words in (
        ({"filters": "tight"}, r'filters: .*"morlet".* in a, .*"tight".* in b.*allow=\(\'filters\',\)'),
        ({"L": 4}, "scattering_moments.L: 2 in a, 4 in b"),
        ({"boundary": "periodic"}, "boundary: reflect,reflect in a, periodic,periodic in b"),
        ({"normalize": "ensemble"}, "normalization: none in a, ensemble: mean"),
    ):
        with pytest.raises(ParameterError, match=words):
            sf.compare(a, moments(data, **changes))
    default, eight = (moments(data, L=L, J=1) for L in (None, 8))  # filled in where dims are named
    assert sf.compare(default, eight).sizes["path"] == 9
    with pytest.raises(ParameterError, match=r"units: m/s in a, km/s in b"):
        sf.compare(a, moments(data.assign_attrs(units="km/s")))
    with pytest.raises(ParameterError, match=r"preparation: \[\] in a, \[\"detrend\"\] in b"):
        sf.compare(a, moments(sf.ops.detrend(data, dims=("x",))))
    with pytest.raises(ParameterError, match="operators: "):
        sf.compare(coefficients(data), sf.ops.modulus(sf.ops.wavelet(data, dims=("y", "x"), J=2, L=2)).mean(("y", "x")))
    with pytest.raises(ParameterError, match=r"T: 2\^2 in a, 2\^3 in b"):
        sf.compare(coefficients(data), coefficients(data, J=3))
    with pytest.raises(ParameterError, match="input: increments in a, path in b"):
        sf.compare(*(coefficients(data.assign_attrs(input=kind)) for kind in ("increments", "path")))


def test_a_difference_that_is_the_question_is_allowed_and_recorded(rng: np.random.Generator) -> None:
    data = fields(rng)
    C = sf.compare(moments(data), moments(data, boundary="periodic"), allow=["boundary"])
    assert C.attrs["differing"] == "boundary: reflect,reflect in a, periodic,periodic in b" and C.attrs["allow"] == "boundary"
    assert "differing, as allowed: boundary" in C.attrs["summary"]
    with pytest.raises(ParameterError, match=r"no such field.*Did you mean 'boundary'"):
        sf.compare(moments(data), moments(data), allow=["boundery"])
    with pytest.raises(ParameterError, match=r"allow=\('filters',\)"):
        sf.compare(moments(data), moments(data), allow="filters")


def test_arrays_without_records_are_compared_and_it_is_said(rng: np.random.Generator) -> None:
    a, b = (moments(fields(rng)).drop_attrs(deep=False) for _ in range(2))
    for one in (a, b):
        for variable in one.data_vars.values():
            del variable.attrs["scatflow"]
    assert "not checked, for want of a record: operators" in sf.compare(a, b).attrs["summary"]
    with pytest.raises(ParameterError, match="units"):
        sf.compare(a, b.assign(mean=b["mean"].assign_attrs(units="1")))


def test_equal_numbers_or_equal_scales(rng: np.random.Generator) -> None:
    """A grid twice as fine: its octave 1 is octave 0 of the other."""
    a, b = moments(fields(rng, step=0.5)), moments(fields(rng, step=1.0))
    with pytest.raises(ParameterError, match=r"equal labels mean another xi1.*0.75 1/m in a, 0.375 1/m in b.*on=\"scale\""):
        sf.compare(a, b)
    by_scale, by_index = sf.compare(a, b, on="scale"), sf.compare(a, b, on="index")
    waves = by_scale.isel(path=np.flatnonzero(by_scale.order == 1))
    assert set(waves.j1_a.values) == {1} and set(waves.j1_b.values) == {0} and (waves.scale1 == 8 / 3 * 0.5 * 2).all()
    assert by_index.sizes["path"] == a.sizes["path"] and float(by_index.scale1_a[1]) == 0.5 * float(by_index.scale1_b[1])
    with pytest.raises(ParameterError, match=r"(units|unit|xi1)"):
        sf.compare(a, moments(fields(rng, unit="km")), on="scale")


def test_ensembles_by_samples_of_any_number(rng: np.random.Generator) -> None:
    a, b = coefficients(fields(rng, 30)), coefficients(1.1 * fields(rng, 20))
    C = sf.compare(a, b)
    expected = stats.ttest_ind(a.values, b.values, axis=a.get_axis_num("realization"), equal_var=False)
    np.testing.assert_allclose(C["p"], expected.pvalue, rtol=1e-6)
    assert C.attrs["global_test"] == "energy distance" and C.attrs["global_p"] == 0.001
    assert (C.attrs["samples_a"], C.attrs["samples_b"], C.attrs["n_permutations"]) == (30, 20, 999)
    xr.testing.assert_allclose(C, sf.compare(a.chunk(realization=7), b.transpose("path", "realization")), rtol=1e-9)
    planes = sf.compare(*(sf.ops.scattering(fields(rng, 6), dims=("y", "x"), J=2, L=2) for _ in range(2)))
    assert planes["z"].dims == ("y", "x", "path") and planes.attrs["global_count"] == planes["z"].size
    each = [moments(data, over=None, covariance=False) for data in (fields(rng), fields(rng))]
    assert sf.compare(*each, variable="mean").attrs["global_test"] == "energy distance"  # one mean per realization
    renamed = sf.compare(a.rename(realization="seed"), b.rename(realization="seed"), sample="seed")
    np.testing.assert_array_equal(renamed["p"], C["p"])


def test_samples_must_be_named_independent_and_enough(rng: np.random.Generator) -> None:
    a = coefficients(fields(rng)).rename(realization="seed")
    with pytest.raises(DimensionError, match="names the dims whose items are independent"):
        sf.compare(a, a)
    with pytest.raises(DimensionError, match="Did you mean 'seed'"):
        sf.compare(a, a, sample="sead")
    ordered = a.rename(seed="time")
    with pytest.raises(DimensionError, match=r"follow one another.*over=\(\"time\",\)"):
        sf.compare(ordered, ordered, sample="time")
    with pytest.raises(DimensionError, match="too few samples"):
        sf.compare(a.isel(seed=[0]), a, sample="seed")


def test_other_bad_input(rng: np.random.Generator, tmp_path: Path) -> None:
    data = fields(rng)
    with pytest.raises(ParameterError, match="statistics and an array"):
        sf.compare(moments(data), coefficients(data))
    with pytest.raises(DimensionError, match="other dims"):
        sf.compare(moments(data), moments(xr.concat([data, data], "component")))
    wave = sf.ops.wavelet(data, dims=("y", "x"), J=2, L=2)
    with pytest.raises(DtypeError, match="real values"):
        sf.compare(wave, wave)
    with pytest.raises(ParameterError, match=r"labels \| index \| scale"):
        sf.compare(moments(data), moments(data), on="path")
    with pytest.raises(ParameterError, match="positive integer"):
        sf.compare(coefficients(data), coefficients(data), n_permutations=0)
    with pytest.raises(ParameterError, match=r"one of \['u', 'v'\]"):
        sf.compare(xr.Dataset({"u": data, "v": data}), xr.Dataset({"u": data, "v": data}))
    with pytest.raises(ParameterError, match="to_dataset"):
        sf.compare(*[xr.DataTree()] * 2)
    with pytest.raises(StoreError, match="does not exist"):
        sf.compare(tmp_path / "none.zarr", tmp_path / "none.zarr")


def test_nan_is_left_out_and_refusals_read_no_data(rng: np.random.Generator) -> None:
    a, b = moments(fields(rng)), moments(fields(rng))
    holed = a.assign(mean=a["mean"].where(a.j1 != 0))
    C = sf.compare(holed, b)
    assert np.isnan(C["p"].values[C.j1.values == 0]).all() and C.attrs["global_count"] == int((a.j1 != 0).sum())

    def raising(*_: object, **__: object) -> None:
        raise AssertionError("something was computed")

    lazy = moments(fields(rng).chunk(realization=4))
    with dask.config.set(scheduler=raising), pytest.raises(ParameterError, match="boundary"):
        sf.compare(lazy, moments(fields(rng).chunk(realization=4), boundary="periodic"))


def test_comparisons_have_a_picture(rng: np.random.Generator, tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    from scatflow.accessor.plots import comparison

    C = sf.compare(moments(fields(rng)), moments(fields(rng)))
    ax = Figure().subplots()
    assert C.scatflow.plot(ax=ax, names=("run 1", "run 2")) is ax
    upper, lower = ax.child_axes
    assert [text.get_text() for text in upper.get_legend().get_texts()] == ["run 1", "run 2"]
    assert lower.get_xlabel() == "scale of the last wavelet, mean at the right [m]" and lower.get_ylabel() == "z"
    drawn = np.concatenate([line.get_ydata() for line in lower.lines if len(line.get_ydata()) > 2 or line.get_marker() == "o"])
    assert set(np.round(C["z"].values, 9)) <= set(np.round(drawn, 9))
    assert upper.get_xlim() == lower.get_xlim()
    assert upper.get_yscale() == "log" and upper.get_ylabel() == "mean [m/s]"
    bare = sf.compare(*(xr.DataArray(rng.standard_normal((9, 4)), dims=("realization", "k")) for _ in range(2)))
    assert comparison.save(bare, tmp_path / "c.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(ParameterError, match="neither an option"):
        C.scatflow.plot(ax=ax, colour="red")


def test_stores_are_compared_like_arrays(rng: np.random.Generator, tmp_path: Path) -> None:
    made = {}
    for key in "ab":
        fields(rng).to_dataset(name="u").to_zarr(tmp_path / f"u-{key}.zarr", consolidated=False)
        pipeline = sf.Pipeline.from_array(moments(sf.open_source(tmp_path / f"u-{key}.zarr", "u")))
        pipeline.run(tmp_path / f"{key}.zarr")
        made[key] = pipeline.lazy()
    C = sf.compare(tmp_path / "a.zarr", str(tmp_path / "b.zarr"))
    np.testing.assert_allclose(C["z"], sf.compare(made["a"], made["b"])["z"])
    assert "unchecked" not in C.attrs
