"""Properties that hold for any size, stride, boundary, family, chunking and order of dims."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import scatflow as sf

QUICK = settings(max_examples=25, deadline=None)
FAMILIES = ["morlet", "tight", "gammatone"]


@st.composite
def lines(draw: st.DrawFn) -> tuple[xr.DataArray, dict[str, Any]]:
    """A batch of short signals and parameters of a scattering in one dim."""
    J = draw(st.integers(0, 3))
    n = draw(st.integers(2**J, 60))
    items = draw(st.integers(1, 5))
    family = draw(st.sampled_from(FAMILIES))
    rules = ["periodic", "zero"] if family == "gammatone" else ["reflect", "symmetric", "periodic", "zero"]
    keywords = {
        "dims": "x", "J": J, "Q": draw(st.integers(1, 3)), "order": draw(st.integers(0, 2)), "filters": family,
        "stride": draw(st.integers(1, 9)), "boundary": draw(st.sampled_from(rules)), "oversampling": draw(st.integers(0, 2)),
    }  # fmt: skip
    values = np.random.default_rng(draw(st.integers(0, 99))).standard_normal((items, n))
    return xr.DataArray(values, dims=("name", "x")), keywords


@st.composite
def planes(draw: st.DrawFn) -> tuple[xr.DataArray, dict[str, Any]]:
    """A few small fields and parameters of a scattering in two dims."""
    J = draw(st.integers(1, 2))
    sizes = [draw(st.integers(2**J, 20)) for _ in range(2)]
    keywords = {
        "dims": ("y", "x"), "J": J, "L": draw(st.integers(2, 4)), "order": draw(st.integers(0, 2)), "stride": draw(st.integers(1, 5)),
        "filters": draw(st.sampled_from(FAMILIES[:2])),
        "boundary": tuple(draw(st.sampled_from(["reflect", "symmetric", "periodic", "zero"])) for _ in range(2)),
    }  # fmt: skip
    values = np.random.default_rng(draw(st.integers(0, 99))).standard_normal((draw(st.integers(1, 4)), *sizes))
    return xr.DataArray(values, dims=("name", "y", "x")), keywords


def close(a: Any, b: Any, scale: Any) -> None:
    """Compare to rounding: coefficients may cancel, the planes that they average do not."""
    np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12 * max(1.0, float(np.abs(scale).max())))


def split(data: st.DataObject, total: int) -> tuple[int, ...]:
    """Any cut of ``total`` items into chunks."""
    cuts = data.draw(st.lists(st.integers(1, total - 1), unique=True) if total > 1 else st.just([]))
    return tuple(int(n) for n in np.diff([0, *sorted(cuts), total]))


@QUICK
@given(st.one_of(lines(), planes()), st.data())
def test_lazy_equals_eager_for_any_chunks_of_the_batch(case: tuple[xr.DataArray, dict[str, Any]], data: st.DataObject) -> None:
    x, keywords = case
    eager = sf.ops.scattering(x, **keywords)
    lazy = sf.ops.scattering(x.chunk(name=split(data, x.sizes["name"])), **keywords).compute(scheduler="sync")
    assert lazy.dims == eager.dims and set(lazy.coords) == set(eager.coords)
    close(lazy, eager, x)
    for name in eager.coords:
        np.testing.assert_array_equal(lazy[name], eager[name])


@QUICK
@given(planes(), st.permutations(["name", "y", "x"]))
def test_the_order_of_dims_is_irrelevant(case: tuple[xr.DataArray, dict[str, Any]], layout: list[str]) -> None:
    x, keywords = case
    out = sf.ops.scattering(x, **keywords)
    turned = {**keywords, "dims": ("x", "y"), "boundary": keywords["boundary"][::-1]}
    other = sf.ops.scattering(x.transpose(*layout), **turned)
    assert other.dims == (*layout, "path")
    close(other.transpose(*out.dims), out, x)
    np.testing.assert_array_equal(other.order, out.order)


@QUICK
@given(st.one_of(lines(), planes()), st.floats(1e-6, 1e6))
def test_homogeneous_of_degree_one(case: tuple[xr.DataArray, dict[str, Any]], factor: float) -> None:
    x, keywords = case
    close(sf.ops.scattering(factor * x, **keywords) / factor, sf.ops.scattering(x, **keywords), x)


@QUICK
@given(lines())
def test_a_sign_changes_order_zero_alone(case: tuple[xr.DataArray, dict[str, Any]]) -> None:
    x, keywords = case
    out, turned = sf.ops.scattering(x, **keywords), sf.ops.scattering(-x, **keywords)
    close(turned, out.where(out.order != 0, -out), x)


@QUICK
@given(st.one_of(lines(), planes()), st.data())
def test_items_are_independent(case: tuple[xr.DataArray, dict[str, Any]], data: st.DataObject) -> None:
    x, keywords = case
    out = sf.ops.scattering(x, **keywords)
    chosen = [*data.draw(st.permutations(range(x.sizes["name"]))), 0]
    close(sf.ops.scattering(x.isel(name=chosen), **keywords), out.isel(name=chosen), x)
    one = data.draw(st.sampled_from(chosen))
    alone = sf.ops.scattering(x.isel(name=one), **keywords)
    close(alone, out.isel(name=one), x)


@QUICK
@given(lines())
def test_shapes_and_bounds(case: tuple[xr.DataArray, dict[str, Any]]) -> None:
    x, keywords = case
    out = sf.ops.scattering(x, **keywords)
    assert out.sizes["x"] == -(-x.sizes["x"] // keywords["stride"])
    assert np.isfinite(out).all() and (out.order <= keywords["order"]).all()
    np.testing.assert_allclose(out.valid_fraction.clip(0, 1), out.valid_fraction, atol=1e-12)
    if keywords["boundary"] != "periodic":
        assert (out.support_start <= out.support_end).all()
        if keywords["filters"] == "gammatone":
            np.testing.assert_array_equal(out.support_end, np.arange(0, x.sizes["x"], keywords["stride"]))
