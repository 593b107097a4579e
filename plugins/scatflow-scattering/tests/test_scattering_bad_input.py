"""What users get wrong, and what they are told, before a single value is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow.errors import ChunkError, DimensionError, DtypeError, ParameterError, RegistryError, ScatflowError

OPERATORS = ["scattering", "wavelet"]
DAYS = np.arange("2001-01-01", "2001-06-01", dtype="M8[D]")
DAYS = DAYS[np.is_busday(DAYS)][:64].astype("M8[ns]")


def unread(
    shape: tuple[int, ...] = (2, 64), dims: tuple[str, ...] = ("name", "time"), dtype: str = "float64", **coords: Any
) -> xr.DataArray:
    """An array whose data cannot be read."""

    def refuse() -> Any:
        raise AssertionError("data were read")

    blocks = {("unread-" + dtype, *(0,) * len(shape)): (refuse,)}
    data = da.Array(blocks, "unread-" + dtype, tuple((n,) for n in shape), dtype=dtype, meta=np.empty((0,) * len(shape), dtype))
    return xr.DataArray(data, dims=dims, coords=coords, name="r")


def units(dim: str, unit: str) -> Any:
    return (dim, np.arange(64.0), {"units": unit})


Case = tuple[Callable[[], Any], dict[str, Any], type[ScatflowError], list[str]]
CASES: dict[str, Case] = {
    "missing dim": (unread, {"dims": "x"}, DimensionError, ["no dim 'x'", "('name', 'time')"]),
    "misspelt dim": (unread, {"dims": "tiem"}, DimensionError, ["no dim 'tiem'", "Did you mean 'time'?"]),
    "duplicated dim": (unread, {"dims": ("time", "time")}, DimensionError, ["named once"]),
    "too many dims": (lambda: unread((2, 3, 4, 64), ("a", "b", "c", "time")), {}, DimensionError, ["1 or 2 or 3", "dims=('b', 'c', 'time')"]),
    "uneven": (lambda: unread(time=np.r_[0:63.0, 70]), {"dims": "time"}, DimensionError,
               ["not uniformly spaced", "worst deviation 6.89 at index 62", "1e-6 of a step", 'sampling={"time": "index"}', "Interpolate"]),
    "unsorted": (lambda: unread(time=np.r_[1.0, 0, 2:64]), {"dims": "time"}, DimensionError, ["not monotonic", 'sampling={"time": "index"}']),
    "repeated": (lambda: unread(time=np.zeros(64)), {"dims": "time"}, DimensionError, ["the same everywhere"]),
    "incomplete": (lambda: unread(time=np.r_[np.nan, 1:64.0]), {"dims": "time"}, DimensionError, ["not complete"]),
    "no date": (lambda: unread(time=np.r_[DAYS[:-1], np.array(["NaT"], "M8[ns]")]), {"dims": "time"}, DimensionError, ["not complete"]),
    "business days": (lambda: unread(time=DAYS), {"dims": "time"}, DimensionError, ['sampling={"time": "index"}']),
    "texts": (lambda: unread(time=[str(k) for k in range(64)]), {"dims": "time"}, DimensionError, ["numeric or datetime", "index"]),
    "sampling of another dim": (lambda: unread(time=DAYS), {"dims": "time", "sampling": {"tme": "index"}}, DimensionError,
                                ["no dim 'tme'", "Did you mean 'time'?"]),
    "sampling word": (unread, {"dims": "time", "sampling": {"time": "indx"}}, ParameterError, ["'index' or 'uniform'"]),
    "object": (lambda: unread(dtype="object"), {"dims": "time"}, DtypeError, ["got object", '.astype("float32")']),
    "bool": (lambda: unread(dtype="bool"), {"dims": "time"}, DtypeError, ["got bool", 'dtype="float32"']),
    "integer": (lambda: unread(dtype="int32"), {"dims": "time"}, DtypeError, ["not converted silently", 'dtype="float32"']),
    "half": (lambda: unread(dtype="float16"), {"dims": "time"}, DtypeError, ["got float16"]),
    "nothing": (lambda: unread((2, 0)), {"dims": "time"}, DimensionError, ["length 0"]),
    "one sample": (lambda: unread((2, 1)), {"dims": "time"}, ParameterError, ["J <= 0", "Use J=0 or less"]),
    "negative J": (unread, {"dims": "time", "J": -1}, ParameterError, [".J", "greater than or equal to 0", "got -1"]),
    "half an octave": (unread, {"dims": "time", "J": 2.5}, ParameterError, [".J", "integer", "got 2.5"]),
    "J as text": (unread, {"dims": "time", "J": "3"}, ParameterError, [".J", "integer"]),
    "no voice": (unread, {"dims": "time", "Q": 0}, ParameterError, [".Q", "positive"]),
    "no orientation": (lambda: unread((64, 64), ("y", "x")), {"L": 0}, ParameterError, [".L", "greater than or equal to 1"]),
    "no step": (unread, {"dims": "time", "stride": 0}, ParameterError, [".stride", "1"]),
    "negative T": (unread, {"dims": "time", "T": -2.0}, ParameterError, [".T", "got -2.0"]),
    "unknown word": (unread, {"dims": "time", "oversamplin": 1}, ParameterError, ["unknown parameter", "'oversampling'"]),
    "unknown boundary": (unread, {"dims": "time", "boundary": "mirror"}, ParameterError, ["'reflect', 'periodic', 'zero' or 'symmetric'"]),
    "boundaries": (unread, {"dims": "time", "boundary": ("zero", "zero")}, ParameterError, ["one per dim"]),
    "unknown policy": (unread, {"dims": "time", "nan": "drop"}, ParameterError, ["'propagate', 'error' or 'mask'"]),
    "unknown family": (unread, {"dims": "time", "filters": "morlett"}, RegistryError, ["Did you mean 'morlet'?"]),
    "family's word": (unread, {"dims": "time", "filters": {"family": "morlet", "contractiv": True}}, ParameterError, ["'contractive'"]),
    "relative steps": (unread, {"dims": "time", "metric": (1.0, 2.0)}, ParameterError, ["one positive step per core dim"]),
    "units": (lambda: unread((64, 64), ("y", "x"), y=units("y", "s"), x=units("x", "m")), {}, DimensionError,
              ["different units", "y: s, x: m", 'metric="index"']),
    "chunks": (lambda: unread().chunk(time=16), {"dims": "time"}, ChunkError, ['.chunk({"time": -1})', 'rechunk="auto"']),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("case", CASES)
def test_the_error_names_what_is_wrong_and_what_to_do(name: str, case: str) -> None:
    make, keywords, kind, words = CASES[case]
    with pytest.raises(kind) as caught:
        getattr(sf.ops, name)(make(), **keywords)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("keywords", [{}, {"dtype": "float32"}])
def test_complex_data_where_real_ones_are_needed(keywords: dict[str, Any]) -> None:
    volume = unread((2, 16, 16, 16), ("name", "z", "y", "x"), dtype="complex128")
    with pytest.raises(DtypeError, match=r"real data.*modulus"):
        sf.ops.harmonic_scattering(volume, dims=("z", "y", "x"), **keywords)


@pytest.mark.parametrize("name", OPERATORS)
def test_two_dims_of_one_name(name: str) -> None:
    with pytest.warns(UserWarning, match="Duplicate dimension names"):
        x = unread((64, 64), ("x", "x"))
    with pytest.raises(DimensionError, match="distinct"):
        getattr(sf.ops, name)(x, dims="x")


def test_the_data_of_these_cases_cannot_be_read() -> None:
    for name in OPERATORS:
        lazy = getattr(sf.ops, name)(unread(), dims="time")
        with pytest.raises(AssertionError, match="data were read"):
            lazy.compute(scheduler="sync")


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize(("shape", "coords", "largest"), [
    ((2, 64), {}, 6), ((2, 63), {}, 5), ((2, 1), {}, 0), ((40, 70), {}, 5), ((40, 70), {"time": np.arange(70) * 0.25}, 4),
])  # fmt: skip
def test_the_largest_scale_it_names_works(name: str, shape: tuple[int, ...], coords: dict[str, Any], largest: int) -> None:
    x = unread(shape, name=np.arange(float(shape[0])), **coords)
    dims = ("name", "time") if shape[0] > 2 else "time"
    keywords = {"dims": dims, "L": 1}
    with pytest.raises(ParameterError, match=f"Use J={largest} or less"):
        getattr(sf.ops, name)(x, J=largest + 1, **keywords)
    real = x.copy(data=np.random.default_rng(0).standard_normal(shape))
    assert np.isfinite(getattr(sf.ops, name)(real, J=largest, **keywords)).all()


def test_what_only_scattering_has() -> None:
    with pytest.raises(ParameterError, match=r"0 < T <= 64.*T=\"global\""):
        sf.ops.scattering(unread(), dims="time", T=65.0)
    with pytest.raises(ParameterError, match="oversampling=3"):
        sf.ops.scattering(unread(), dims="time", tree="all")
    with pytest.raises(ParameterError, match=r"Did you mean 'order'|order, j1"):
        sf.ops.scattering(unread(), dims="time", paths={"ordr": 1})
    with pytest.raises(ParameterError, match="no path"):
        sf.ops.scattering(unread(), dims="time", paths={"order": 5})


@pytest.mark.parametrize(
    ("name", "wanted"), [("scatering", "'scattering'"), ("wavelets", "'wavelet'"), ("Scattering", "'scattering'")]
)
def test_unknown_operators_have_neighbors(name: str, wanted: str) -> None:
    with pytest.raises(AttributeError, match="Did you mean") as caught:
        getattr(sf.ops, name)
    assert wanted in str(caught.value)


# What looks odd and is meant.


@pytest.mark.parametrize("name", OPERATORS)
def test_an_empty_batch_gives_an_empty_result(name: str) -> None:
    for x in (xr.DataArray(np.zeros((0, 32)), dims=("name", "time")), unread((0, 32))):
        out = getattr(sf.ops, name)(x, dims="time")
        assert out.sizes["name"] == 0 and out.sizes["path"] > 1 and out.dtype.kind in "fc"


def test_one_sample_at_scale_one() -> None:
    out = sf.ops.scattering(xr.DataArray(np.full((2, 1), 3.0), dims=("name", "time")), dims="time", J=0)
    np.testing.assert_allclose(out.transpose("name", "time", "path")[:, 0], [[3.0, 0.0], [3.0, 0.0]], atol=1e-14)


def test_integers_with_a_cast_are_those_numbers() -> None:
    counts = xr.DataArray(np.random.default_rng(1).integers(-50, 50, (2, 64)), dims=("name", "time"))
    for dtype in ("float32", "float64"):
        out = sf.ops.scattering(counts, dims="time", dtype=dtype)
        assert out.dtype == dtype
        np.testing.assert_array_equal(out, sf.ops.scattering(counts.astype(dtype), dims="time"))


def test_different_units_count_samples_when_told() -> None:
    x = xr.DataArray(np.random.default_rng(2).standard_normal((64, 64)), dims=("y", "x"),
                     coords={"y": units("y", "s"), "x": units("x", "m")})  # fmt: skip
    out = sf.ops.scattering(x, J=2, L=2, metric="index")
    bare = sf.ops.scattering(x.drop_vars(("y", "x")), J=2, L=2)
    np.testing.assert_array_equal(out, bare)
    assert out.xi1.attrs["units"] == "1"
