"""Paths, labels, selection, geometry of results and errors: everything that is known before any data."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scatflow.errors import DimensionError, ParameterError
from scatflow.spec import ArraySpec, Coord, Place
from scatflow_scattering.scattering import Scattering
from scatflow_wavelet.tight import Tight


def coord(dim, n, step=1.0, units="m"):
    return Coord((dim,), np.arange(n) * step, {"units": units})


def plane(ny=64, nx=64, **coords):
    return ArraySpec(("y", "x"), (ny, nx), "float32", coords=coords, attrs={"units": "m s-1", "long_name": "velocity"})


@pytest.mark.parametrize(("J", "L", "count"), [(4, 4, 113), (3, 8, 217), (4, 8, 417), (5, 8, 681), (8, 8, 1857)])
def test_number_of_paths(J, L, count):
    # 1 + J L + L^2 J (J - 1) / 2
    assert len(Scattering(dims=("y", "x"), J=J, L=L).paths_of(2).paths) == count


def test_number_of_paths_of_any_order():
    for order in range(5):
        paths = Scattering(dims=("y", "x"), J=5, L=3, order=order).paths_of(2).paths
        assert len(paths) == sum(3**k * math.comb(5, k) for k in range(order + 1))
        everything = Scattering(dims=("x",), J=3, order=order, tree="all", oversampling=3, filters=Tight())
        assert len(everything.paths_of(1).paths) == sum(3**k for k in range(order + 1))


def test_labels_in_coordinate_units():
    spec = plane(64, 128, y=coord("y", 64, -0.5), x=coord("x", 128, 0.25))
    out = Scattering(dims=("x", "y"), J=3, L=4).output(spec)
    assert out.dims == ("path", "y", "x") and out.shape == (1 + 12 + 48, 8, 16) and out.dtype == "float32"
    c = {name: value.values for name, value in out.coords.items()}
    assert c["order"].dtype == np.int8 and c["j1"].dtype == c["l2"].dtype == np.int16
    assert c["order"].tolist() == [0] * 1 + [1] * 12 + [2] * 48
    assert c["j1"][:4].tolist() == [-1, 0, 0, 0] and c["j2"][12:15].tolist() == [-1, 1, 1]
    assert np.isnan(c["xi1"][0]) and np.isnan(c["theta2"][12])
    # Octaves are counted from the coarsest spacing, 0.5 m: 3/8 cycles per 0.5 m at the finest.
    np.testing.assert_allclose(c["xi1"][1:13:4], 0.75 * 2.0 ** -np.arange(3))
    np.testing.assert_allclose(c["scale1"][1:], 1 / c["xi1"][1:])
    # y decreases, so that angles are mirrored: index angles 0, 45, 90, 135 become 0, 135, 90, 45.
    np.testing.assert_allclose(c["theta1"][1:5], [0, 135, 90, 45])
    assert out.coords["xi1"].attrs["units"] == "1/m" and out.coords["scale1"].attrs["units"] == "m"
    assert out.coords["theta1"].attrs["units"] == "degree" and all(
        "long_name" in x.attrs for k, x in out.coords.items() if x.dims == ("path",)
    )
    assert out.attrs == {"units": "m s-1", "long_name": "scattering coefficients of velocity"}
    np.testing.assert_allclose(c["y"], -0.5 * np.arange(0, 64, 8))
    assert out.strides == {"y": 8, "x": 8}


def test_labels_in_one_dim():
    spec = ArraySpec(("name", "time"), (3, 1000), "float64", coords={"time": coord("time", 1000, 0.01, "s")})
    out = Scattering(dims=("time",), J=5, Q=4).output(spec)
    assert out.dims == ("name", "path", "time") and out.sizes["time"] == 32
    first = out.coords["order"].values == 1
    n = out.coords["n1"].values[first]
    assert n.tolist() == list(range(n.size))
    assert (out.coords["j1"].values[first] == n // 4).all() and (out.coords["l1"].values[first] == n % 4).all()
    assert out.coords["xi1"].attrs["units"] == "1/s" and "theta1" not in out.coords
    assert out.coords["xi1"].values[1] == pytest.approx(100 / (1 + 2**0.75))
    second = out.coords["order"].values == 2
    assert (out.coords["j2"].values[second] > out.coords["j1"].values[second]).all()
    assert (out.coords["l2"].values[second] == 0).all()  # one band per octave from the second order on


def test_paths_are_sorted_by_order_and_indices():
    paths = Scattering(dims=("y", "x"), J=3, L=2, order=3).paths_of(2).paths
    assert list(paths) == sorted(paths, key=lambda path: (len(path), path))


@pytest.mark.parametrize(
    ("selection", "count", "filters"),
    [
        ({"order": (0, 1)}, 1 + 12, 12),
        ({"order": 2, "j1": 0, "l1": 1, "j2": 2}, 4, 1 + 4),
        ([{"order": 0}, {"j1": 1, "l1": 3, "order": 1}], 2, 1),
        ({"j2": 2, "l2": 0}, 8, 8 + 2),
    ],
)
def test_selection_prunes_filters(selection, count, filters):
    operator = Scattering(dims=("y", "x"), J=3, L=4, oversampling=0, paths=selection)
    tree = operator.paths_of(2)
    assert len(tree.paths) == count
    assert sum(len(numbers) for numbers in tree.edges.values()) == filters
    constants = operator.prepare(np, ArraySpec(("y", "x"), (64, 64), "float32"), None)
    assert {key: bands.numbers for key, bands in constants["bands"].items()} == tree.edges


def test_selected_paths_have_the_values_of_the_whole(bench, rng):
    data = rng.standard_normal((2, 40, 48))
    whole = Scattering(dims=("y", "x"), J=3, L=4)
    part = whole.replace(paths=({"order": 2, "l1": (0, 3)}, {"j1": 2}))
    kept = [whole.paths_of(2).position[path] for path in part.paths_of(2).paths]
    np.testing.assert_array_equal(bench(part, data), bench(whole, data)[:, kept])


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"J": 7}, "J <= 6"),
        ({"T": 0, "stride": 2}, "None with T=0"),
        ({"T": 0, "normalize": "parent"}, "None with T=0"),
        ({"T": 65.0}, "global"),
        ({"filters": Tight(), "L": 1}, "at least 2"),
        ({"tree": "all"}, "oversampling=2"),
        ({"paths": {"j3": 0}}, "order, j1, l1, j2, l2"),
        ({"paths": {"j1": 9}}, "no path"),
        ({"Q": (2, 0)}, "positive"),
        ({"metric": (1.0,)}, "one positive step per core dim"),
        ({"T": "global", "nan": "mask"}, "scattering_moments"),
    ],
)
def test_errors_name_the_remedy(parameters, words):
    with pytest.raises(ParameterError, match=words.replace("(", r"\(")):
        Scattering(**{"dims": ("y", "x"), "J": 3, **parameters}).output(plane())


def test_octaves_count_from_the_coarsest_spacing():
    spec = plane(64, 64, y=coord("y", 64, 1.0), x=coord("x", 64, 0.25))
    with pytest.raises(ParameterError, match="J <= 4"):
        Scattering(dims=("y", "x"), J=5).output(spec)
    assert Scattering(dims=("y", "x"), J=6, metric="index", L=1, order=1).output(spec).sizes["x"] == 1


def test_units_must_agree_or_samples_be_counted():
    spec = plane(64, 64, y=coord("y", 64, 1.0, "s"), x=coord("x", 64, 1.0, "m"))
    operator = Scattering(dims=("y", "x"), J=2, L=4)
    with pytest.raises(DimensionError, match='metric="index"'):
        operator.output(spec)
    out = operator.replace(metric="index").output(spec)
    assert out.coords["xi1"].values[1] == pytest.approx(0.375) and out.coords["xi1"].attrs["units"] == "1"


def test_resolution_keeps_equal_steps_unwritten():
    operator = Scattering(dims=("y", "x"))
    assert operator.resolve(plane(y=coord("y", 64), x=coord("x", 64))) == operator
    uneven = operator.resolve(plane(y=coord("y", 64), x=coord("x", 64, 0.5)))
    assert uneven.metric == pytest.approx((1.0, 0.5))
    assert uneven.margins(_whole(64))["x"] == (32, 32) and uneven.margins(_whole(64))["y"] == (16, 16)


def _whole(n):

    size = {"y": n, "x": n}
    return Place({"y": 0, "x": 0}, size, {"y": (0, n), "x": (0, n)}, size)


def test_extension():
    from dataclasses import replace

    operator = Scattering(dims=("y", "x"), J=3)
    assert operator.align() == {"z": 8, "y": 8, "x": 8}
    assert operator.margins(_whole(64)) == {"y": (16, 16), "x": (16, 16)}
    assert operator.replace(pad=3.5).margins(_whole(64))["y"] == (28, 28)
    periodic = replace(_whole(64), periodic={"y": True, "x": False})
    assert operator.margins(periodic) == {"y": (0, 0), "x": (16, 16)}
    # A length that the grid does not divide cannot be periodic after sampling: it is extended by wrapping.
    assert operator.margins(replace(_whole(60), periodic={"y": True, "x": True}))["y"] == (16, 16)
    line = replace(_whole(64), start={"x": 0}, stop={"x": 64}, core={"x": (0, 64)}, size={"x": 64})
    assert Scattering(dims=("x",), J=3).margins(line) == {"x": (40, 40)}
    sides = {"z": (0, 64), "y": (0, 64), "x": (0, 64)}
    cube = Place(dict.fromkeys(sides, 0), dict.fromkeys(sides, 64), sides, dict.fromkeys(sides, 64))
    assert Scattering(dims=("z", "y", "x"), J=3).margins(cube) == dict.fromkeys(sides, (16, 16))


def test_coverage_rows_are_shares_of_the_window():
    operator = Scattering(dims=("y", "x"), J=3)
    at = _whole(64)
    weights = operator.coverage(np, at)
    assert weights["y"].shape == (8, 64) and weights["y"].dtype == np.float64
    np.testing.assert_allclose(weights["y"].sum(axis=1), 1)
    assert (weights["y"].argmax(axis=1) == np.arange(0, 64, 8)).all()
    width = 0.8 * 2**2
    np.testing.assert_allclose(weights["y"][4, 36] / weights["y"][4, 32], np.exp(-0.5 * (4 / width) ** 2))
    assert operator.replace(T="global").coverage(np, at) == {}
