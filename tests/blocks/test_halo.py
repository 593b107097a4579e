"""Blocks with a halo: the numbers of the whole for every boundary, box and stride, and averages however they are cut."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from averages import Toy
from scatflow.arrays import namespace
from scatflow.blocks import evaluate
from scatflow.blocks.evaluate import partial_box
from scatflow.blocks.halo import evaluate_box, gather, reader
from scatflow.contract import Cells
from scatflow.contract.cells import cell_edges
from scatflow.errors import DataError
from scatflow.graph import Kernel, bind
from scatflow.graph.halo import Halo, halo_place
from scatflow.graph.kernel import extended_place
from scatflow.labels import spec_of
from scatflow.spec import Place
from toys import Bands, Smooth

RULES = ("reflect", "symmetric", "periodic", "zero")


def bound(operator: Any, *shape: int) -> tuple[Kernel, np.ndarray]:
    values = np.random.default_rng(0).standard_normal(shape)
    return bind(operator, spec_of(xr.DataArray(values, dims=("b", "y", "x")[3 - len(shape) :]))).kernel, values


@pytest.mark.parametrize("rule", RULES)
def test_the_whole_box_is_the_extended_signal(rule: str) -> None:
    kernel, values = bound(Smooth(dims="x", radius=4, boundary=rule), 2, 3, 23)
    place = extended_place(kernel, {})
    block = gather(namespace(values), kernel, reader(kernel, values), place)
    mode = {"reflect": "reflect", "symmetric": "symmetric", "periodic": "wrap", "zero": "constant"}[rule]
    widths = [(0, 0), (0, 0), (-place.start["x"], place.stop["x"] - 23)]
    np.testing.assert_array_equal(block, np.pad(values, widths, mode=mode))  # type: ignore[call-overload]


@given(st.sampled_from(RULES), st.integers(0, 9), st.integers(1, 5), st.lists(st.integers(1, 36), max_size=5))
@settings(max_examples=60, deadline=None)
def test_boxes_are_the_whole(rule: str, radius: int, stride: int, cuts: list[int]) -> None:
    kernel, values = bound(Smooth(dims="x", radius=radius, stride=stride, boundary=rule), 2, 37)
    edges = sorted({0, 37, *cuts})
    parts = [
        evaluate_box(namespace(values), kernel, reader(kernel, values), {"x": box}, Halo(1e-6))[""]
        for box in itertools.pairwise(edges)
    ]
    np.testing.assert_allclose(np.concatenate(parts, axis=-1), evaluate(kernel, [values])[""], atol=1e-13)


def test_boxes_of_two_dims_and_of_one_sided_reach() -> None:
    kernel, values = bound(Smooth(dims=("y", "x"), radius=3, stride=2, boundary="zero"), 1, 21, 30)
    whole = evaluate(kernel, [values])[""]
    for y, x in itertools.product(((0, 5), (5, 21)), ((0, 29), (29, 30))):
        part = evaluate_box(namespace(values), kernel, reader(kernel, values), {"y": y, "x": x}, Halo(1e-4))[""]
        np.testing.assert_allclose(part, whole[:, -(-y[0] // 2) : -(-y[1] // 2), -(-x[0] // 2) : -(-x[1] // 2)], atol=1e-13)
    kernel, values = bound(Bands(dims="x", count=3), 20)
    whole = evaluate(kernel, [values])[""]  # dims as the input's, new ones last
    np.testing.assert_allclose(
        evaluate_box(namespace(values), kernel, reader(kernel, values), {"x": (7, 9)}, Halo(1e-4))[""].T, whole[7:9], atol=1e-15
    )


def test_a_halo_larger_than_the_signal_is_the_whole_signal() -> None:
    kernel, _ = bound(Smooth(dims="x", radius=30, boundary="reflect"), 2, 10)
    place, whole = halo_place(kernel, {"x": (0, 9)}, Halo(1e-4)), extended_place(kernel, {})
    assert (place.start, place.stop) == (whole.start, whole.stop) and place.core == {"x": (0, 9)}


@pytest.mark.parametrize("stride", [1, 2, 8])
def test_averages_do_not_depend_on_where_a_segment_is_cut(stride: int) -> None:
    """Samples of a plane weigh the same in all blocks of a segment, the ragged last one included."""
    size, x = 53, np.random.default_rng(1).standard_normal(53)[::stride]
    edges = {"x": cell_edges(size, 16, 8, 8)}
    total = mean = 0.0
    for low, high in ((0, 16), (16, 40), (40, 53)):
        at = Place({"x": 0}, {"x": size}, {"x": (low, high)}, {"x": size}, span={"x": (0, size)})
        values, weights = Cells(at, edges).means(np, x, stride)
        total, mean = total + weights.sum(), mean + (values * weights).sum()
    assert total == pytest.approx(1, rel=1e-14) and mean == pytest.approx(x.mean(), rel=1e-12)


def test_an_average_that_knows_nothing_of_the_whole_refuses_gaps() -> None:
    kernel, values = bound(Toy(dims="x", nan="mask"), 2, 90)
    values[1, 40] = np.nan
    with pytest.raises(DataError, match="NaN in core dims that are averaged in parts"):
        partial_box(kernel, lambda box: values[:, slice(*box["x"])], {"x": (30, 60)}, Halo(1e-6))
