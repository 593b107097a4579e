"""Results that lie off the multiples of a stride, and operators that fix their extension to the sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from scatflow import apply
from scatflow.contract import Window, operator, param
from scatflow.errors import ParameterError
from scatflow.spec import ArraySpec, Place, within


@operator("toy_every_fourth", version=1, signature="(x)->(x)")
class EveryFourth(Window):
    """Every fourth sample from the third on, but for the last: mean over three samples of the signal extended by 5 and 6."""

    length: int = param(0, "Length that the block must have; 0 for any.")

    def output(self, *specs: ArraySpec) -> ArraySpec:
        (spec,) = specs
        return spec.sampled("x", range(3, spec.sizes["x"] - 4, 4))

    def depth(self, tol: float = 1e-4) -> Mapping[str, tuple[int, int]]:
        return {"x": (1, 1)}

    def margins(self, at: Place) -> Mapping[str, tuple[int, int]]:
        return {"x": (5, 6)}

    def exact_margins(self) -> bool:
        return True

    def rules(self) -> tuple[Any, ...]:
        return ("symmetric",)

    def coverage(self, xp: Any, at: Place) -> Mapping[str, Any]:
        samples = np.asarray(at.counted("x", 4, 3))[:, None]
        return {"x": (np.abs(samples - np.arange(at.start["x"], at.stop["x"])) <= 1) / 3.0}

    def apply(self, xp: Any, x: Any, at: Place) -> Any:
        assert self.length in (0, x.shape[-1]) and (at.start["x"], at.stop["x"]) == (-5, at.size["x"] + 6)
        mean = (x[..., :-2] + x[..., 1:-1] + x[..., 2:]) / 3
        index = [k - at.start["x"] - 1 for k in at.samples("x", 4, 3) if 0 < k - at.start["x"] < x.shape[-1] - 1]
        kept = mean[..., index[0] :: 4]
        edge = xp.zeros_like(x[..., :1])  # the sample at the very start has no left neighbor
        return xp.concat([edge, kept], axis=-1) if at.samples("x", 4, 3).start == at.start["x"] else kept


def signal(n: int = 31) -> xr.DataArray:
    values = np.random.default_rng(3).standard_normal((2, n))
    return xr.DataArray(values, dims=("b", "x"), coords={"x": 10 + 0.5 * np.arange(n)}, name="u")


def expected(values: np.ndarray) -> np.ndarray:
    wide = np.pad(values, ((0, 0), (1, 1)), mode="symmetric")
    return ((wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]) / 3)[:, 3 : values.shape[1] - 4 : 4]


def test_samples_carry_their_coordinates_and_margins_are_exact() -> None:
    u = signal()
    out = apply(EveryFourth(dims="x", boundary="symmetric", length=42), u)
    np.testing.assert_allclose(out, expected(u.values), atol=1e-15)
    np.testing.assert_array_equal(out.x, u.x[3:27:4])
    np.testing.assert_array_equal(out.support_start, u.x[2:26:4])
    np.testing.assert_array_equal(out.support_end, u.x[4:28:4])
    np.testing.assert_allclose(out.valid_fraction, 1.0)


def test_lazy_arrays_have_the_same_samples() -> None:
    u = signal()
    xr.testing.assert_allclose(apply(EveryFourth(dims="x", boundary="symmetric"), u.chunk(b=1)).compute(),
                               apply(EveryFourth(dims="x", boundary="symmetric"), u), rtol=1e-15)  # fmt: skip


def test_gaps_and_ends_without_data_reach_as_far_as_the_window() -> None:
    u = signal()
    u[0, :4] = np.nan  # reaches samples up to 4: the first result lies at 3
    u[1, 20] = np.nan  # that at 19
    out = apply(EveryFourth(dims="x", boundary="symmetric"), u)
    assert np.isnan(out.values).tolist() == [[True] + [False] * 5, [False] * 4 + [True, False]]
    masked = apply(EveryFourth(dims="x", boundary="symmetric", nan="mask", min_valid=0.1), u)
    np.testing.assert_allclose(masked.valid_fraction, [[1 / 3, 1, 1, 1, 1, 1], [1, 1, 1, 1, 2 / 3, 1]], rtol=1e-6)


def test_rules_may_depend_on_parameters() -> None:
    with pytest.raises(
        ParameterError, match=r"boundary: not supported with these parameters; expected \('symmetric',\); got reflect.*symmetric"
    ):
        apply(EveryFourth(dims="x"), signal())


@given(
    start=st.integers(-30, 30), count=st.integers(0, 20), step=st.integers(1, 9), low=st.integers(-40, 60), more=st.integers(0, 50)
)
def test_the_part_of_a_grid_in_a_range(start: int, count: int, step: int, low: int, more: int) -> None:
    grid = range(start, start + count * step, step)
    assert list(within(grid, low, low + more)) == [k for k in grid if low <= k < low + more]


@given(start=st.integers(-30, 30), length=st.integers(0, 40), step=st.integers(1, 9), origin=st.integers(-20, 20))
def test_the_samples_inside_a_block(start: int, length: int, step: int, origin: int) -> None:
    found = Place({"x": start}, {"x": start + length}).samples("x", step, origin)
    assert list(found) == [k for k in range(start, start + length) if (k - origin) % step == 0]


def test_samples_of_samples() -> None:
    once = ArraySpec(("x",), (40,), "float64").sampled("x", range(3, 35, 4))
    twice = once.sampled("x", range(1, 8, 3))
    assert (once.shape, once.strides) == ((8,), {"x": 4})
    assert (twice.shape, twice.samples["x"]) == ((3,), range(7, 35, 12))
    assert once.strided("x", 1) is once
    assert ArraySpec(("x",), (1,), "float64").strided("x", 3).strides == {"x": 3}
