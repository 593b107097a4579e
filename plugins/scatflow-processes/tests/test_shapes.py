"""Shapes and cartoons: areas from formulas, no aliasing, translation, the same numbers however they are read."""

import json
import math
import pickle
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scatflow.errors import ParameterError
from scatflow.labels import axis_of
from scatflow_processes import cartoons, polygons, shapes, strokes
from scatflow_processes.sources.shapes import Cartoon, Shape
from scatflow_processes.streams import realization_generator

CARTOONS = [cartoons.polygons, cartoons.strokes, cartoons.piecewise_smooth]


def random_corners(seed: int, vertices: int = 7, radius: float = 0.3) -> np.ndarray:
    return cartoons.random_polygon(np.random.default_rng(seed), vertices, radius)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), vertices=st.integers(3, 12), size=st.sampled_from([5, 16, 33]))
def test_painted_area_is_the_area(seed: int, vertices: int, size: int) -> None:
    corners = random_corners(seed, vertices)
    area = abs(polygons.signed_area(corners))
    image = polygons.paint(corners, size, periodic=True)
    assert image.mean() == pytest.approx(area, rel=1e-12, abs=1e-14)
    np.testing.assert_array_equal(polygons.paint(corners[::-1], size, periodic=True) > 0.5, image > 0.5)
    assert image.min() >= 0 and image.max() <= 1


def test_coverage_against_dense_sampling() -> None:
    """Each pixel, not only their sum."""
    corners, fine = random_corners(3), 64
    image = polygons.paint(corners, 16)
    u = shapes.centers(16 * fine)
    inside = np.zeros((16 * fine, 16 * fine), dtype=bool)
    for (y0, x0), (y1, x1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crossing = ((y0 > u) != (y1 > u))[:, None] & (u < ((x1 - x0) * (u - y0) / (y1 - y0) + x0)[:, None])
        inside ^= crossing
    counted = inside.reshape(16, fine, 16, fine).mean(axis=(1, 3))
    np.testing.assert_allclose(image, counted, atol=2 / fine)
    assert abs(image - counted).mean() < 1e-3


def test_a_finer_grid_samples_the_same_picture() -> None:
    for make in (shapes.polygon, shapes.star, shapes.edge):
        fine = make(48, angle=20.0).reshape(16, 3, 16, 3).mean(axis=(1, 3))
        np.testing.assert_allclose(make(16, angle=20.0), fine, atol=1e-12)


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize(
    ("make", "area"),
    [
        (lambda size, **k: shapes.disc(size, radius=0.21, **k), math.pi * 0.21**2),
        (lambda size, **k: shapes.polygon(size, 3, radius=0.3, angle=11.0, **k), 1.5 * 0.09 * math.sin(2 * math.pi / 3)),
        (lambda size, **k: shapes.star(size, 6, radius=0.3, inner=0.4, angle=5.0, **k), 6 * 0.4 * 0.09 * math.sin(math.pi / 6)),
    ],
    ids=["disc", "polygon", "star"],
)  # fmt: skip
def test_areas(make: Callable[..., np.ndarray], area: float, periodic: bool) -> None:
    for size in (16, 63):
        assert make(size, center=(0.47, 0.52), periodic=periodic).mean() == pytest.approx(area, rel=1e-12)


def test_disc_follows_the_circle() -> None:
    """The pixels of a disc are those of a circle, not only their sum: against exact integration of one quadrant's columns."""
    image = shapes.disc(32, radius=0.4)
    half = np.linspace(16, 32, 16 * 4001).reshape(16, -1)
    height = np.sqrt(np.clip((0.4 * 32) ** 2 - (half - 16) ** 2, 0, None)).mean(axis=1)
    np.testing.assert_allclose(image[16:, 16:].sum(axis=0), height, atol=5e-3)
    np.testing.assert_allclose(image, image.T, atol=2e-3)


def test_periodic_shapes_go_round() -> None:
    for make in (shapes.disc, shapes.polygon, shapes.star):
        middle = make(32, center=(0.5, 0.5), periodic=True)
        np.testing.assert_allclose(make(32, center=(0.0, 0.25), periodic=True), np.roll(middle, (-16, -8), (0, 1)), atol=1e-12)
        assert make(32, center=(0.0, 0.25)).sum() == pytest.approx(middle.sum() / 2, rel=1e-12)
    assert shapes.disc(32, radius=0.5, periodic=True).mean() == pytest.approx(math.pi / 4, rel=1e-9)


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, 135.0, 200.0, -60.0])
@pytest.mark.parametrize("offset", [0.0, 0.3, -0.9])
def test_edge(angle: float, offset: float) -> None:
    image = shapes.edge(24, angle, offset)
    np.testing.assert_allclose(image + shapes.edge(24, angle + 180, -offset), 1.0, atol=1e-12)
    u = shapes.centers(24) - 0.5
    along = math.cos(math.radians(angle)) * u + math.sin(math.radians(angle)) * u[:, None] - offset
    assert image[along > 0.75 / 24].min(initial=1) == pytest.approx(1)
    assert image[along < -0.75 / 24].max(initial=0) == pytest.approx(0)


def test_sinusoid_is_one_line() -> None:
    spectrum = np.fft.fft2(shapes.sinusoid(32, (3.0, -5.0), phase=40.0)) / 32**2
    assert spectrum[3, -5] == pytest.approx(0.25 * np.exp(1j * (math.radians(40) + 2 * np.pi * (3 - 5) / 64)))
    spectrum[3, -5] = spectrum[-3, 5] = spectrum[0, 0] = 0
    assert abs(spectrum).max() < 1e-14


def test_dirac() -> None:
    image = shapes.dirac(10, (0.99, 0.0))
    assert image[9, 0] == image.sum() == 1


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), pixels=st.floats(1.6, 8.0), dot=st.booleans())
def test_stroke_area(seed: int, pixels: float, dot: bool) -> None:
    """A straight stroke is a rectangle with two half discs, wherever it lies, a dot the disc alone: within 1e-3 as stated."""
    p, q = np.random.default_rng(seed).uniform(0.2, 0.8, (2, 2))
    q = p if dot else q
    width = pixels / 32
    area = math.hypot(*(q - p)) * width + math.pi * width**2 / 4
    assert strokes.draw([[p, q]], 32, width).mean() == pytest.approx(area, rel=1e-3)


@pytest.mark.parametrize("turn", [30.0, 90.0, 150.0])
def test_bent_strokes_are_round_outside_and_sharp_inside(turn: float) -> None:
    """The area of a bend: two rectangles and two half discs, the sector between them outside less the kite they share inside."""
    angle, width, length = math.radians(turn), 0.08, 0.3
    corner = np.array([0.5, 0.5])
    line = [corner - [0.0, length], corner, corner + length * np.array([math.sin(angle), math.cos(angle)])]
    area = 2 * length * width + math.pi * width**2 / 4 + (angle / 2 - math.tan(angle / 2)) * (width / 2) ** 2
    assert strokes.draw([line], 48, width).mean() == pytest.approx(area, rel=1e-3)


def test_thin_strokes_are_faint() -> None:
    """Below a pixel's width what is lost or gained stays below a tenth."""
    for pixels in (0.3, 0.6, 1.0):
        width = pixels / 32
        drawn = strokes.draw([[(0.31, 0.2), (0.52, 0.8)]], 32, width)
        assert drawn.mean() == pytest.approx(math.hypot(0.21, 0.6) * width + math.pi * width**2 / 4, rel=0.1)


def test_periodic_strokes_go_round() -> None:
    line = np.array([(0.45, 0.4), (0.5, 0.5), (0.6, 0.55)])
    moved = strokes.draw([line + np.array([0.5, -0.5])], 32, 0.1, periodic=True)
    np.testing.assert_allclose(moved, np.roll(strokes.draw([line], 32, 0.1), (16, -16), (0, 1)), atol=1e-12)


def test_cells_are_polynomials() -> None:
    """Differences of one order more than the polynomials vanish off the borders, those of their order do not."""
    for order in (0, 1, 3):
        image = cartoons.piecewise_smooth(np.random.default_rng(5), 96, regions=3, order=order)
        higher = np.abs(np.diff(image, order + 1, axis=1))
        assert (higher < 1e-10).mean() > 0.75, order
        assert 1e-3 < (higher > 1e-4).mean() < 0.25
        if order:
            assert (np.abs(np.diff(image, order, axis=1)) > 1e-8).mean() > 0.9
    assert len(np.unique(cartoons.piecewise_smooth(np.random.default_rng(5), 64, 1, 0).round(12))) == 1


@pytest.mark.parametrize("make", CARTOONS)
@pytest.mark.parametrize("periodic", [True, False])
def test_cartoons_stay_in_range(make: Callable[..., np.ndarray], periodic: bool) -> None:
    images = [make(np.random.default_rng(seed), 24, periodic=periodic) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(images[0], images[1])
    assert abs(images[0] - images[2]).max() > 0.1
    assert min(image.min() for image in images) >= 0 and max(image.max() for image in images) <= 1


def test_cartoon_wraps_where_it_says_so() -> None:
    """The step across the border is like one inside only in periodic images."""
    for make in CARTOONS:
        across = {}
        for periodic in (True, False):
            images = [make(np.random.default_rng(seed), 24, periodic=periodic) for seed in range(8)]
            inside = np.mean([abs(np.diff(image, axis=1)).mean() for image in images])
            across[periodic] = np.mean([abs(image[:, 0] - image[:, -1]).mean() for image in images]) / inside
        assert across[True] < 2 and across[False] > 1.3 * across[True]


def test_single_polygons_are_data_of_areas() -> None:
    images = Cartoon(count=1, size=32, realizations=6, dtype="float64").read({})
    for index, image in enumerate(images):
        area = abs(polygons.signed_area(cartoons.random_polygon(realization_generator(0, index), 5, 0.25)))
        assert image.mean() == pytest.approx(area, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: polygons.coverage([(0, 0), (1, 1)]), "three or more"),
        (lambda: polygons.paint([(0, 0), (1, np.nan), (1, 0)], 8), "finite"),
        (lambda: polygons.paint([(0, 0), (0, 1), (1, 0)], 0), "size must be >= 1"),
        (lambda: polygons.paint([(0, 0), (0, 1.5), (1, 0)], 8, periodic=True), "fit into the image"),
        (lambda: shapes.dirac(8, (1.0, 0.0)), r"\[0, 1\)"),
        (lambda: shapes.sinusoid(8, (0.0, 4.0)), "below size / 2"),
        (lambda: shapes.disc(8, radius=0.0), "radius must be finite and > 0"),
        (lambda: shapes.disc(8, radius=0.6, periodic=True), "radius must be <= 1/2"),
        (lambda: shapes.star(8, inner=1.0), "inner"),
        (lambda: shapes.star(8, vertices=2), "vertices must be >= 3"),
        (lambda: shapes.polygon(8, vertices=2), "vertices must be >= 3"),
        (lambda: shapes.polygon(8, vertices=0), "vertices must be >= 3"),
        (lambda: shapes.dirac(0), "size"),
        (lambda: shapes.edge(0), "size"),
        (lambda: shapes.edge(8, math.nan), "angle must be finite"),
        (lambda: shapes.edge(8, 0.0, math.nan), "offset must be finite"),
        (lambda: shapes.sinusoid(8, (0.0, 1.0), math.inf), "phase must be finite"),
        (lambda: shapes.disc(8, radius=math.inf), "radius must be finite"),
        (lambda: shapes.disc(8, center=(math.nan, 0.5)), "vertices must be finite"),
        (lambda: shapes.centers(0), "size"),
        (lambda: strokes.draw([[(0, 0), (0.1, 0)]], 0, 0.1), "size"),
        (lambda: strokes.draw([[(0, 0)]], 8, 0.1), "two or more points"),
        (lambda: strokes.draw([[(0, 0), (np.inf, 0)]], 8, 0.1), "finite"),
        (lambda: strokes.draw([[(0, 0), (1, 0)]], 8, 0.0), "width"),
        (lambda: strokes.draw([[(0, 0), (0.5, 0)]], 8, 0.1, periodic=True), "shorter than 1/4"),
        (lambda: cartoons.random_polygon(np.random.default_rng(0), 2, 0.1), "vertices must be >= 3"),
        (lambda: cartoons.polygons(np.random.default_rng(0), 8, radius=0.7), "radius"),
        (lambda: cartoons.strokes(np.random.default_rng(0), 8, count=0), "count"),
        (lambda: cartoons.piecewise_smooth(np.random.default_rng(0), 8, order=9), "order"),
    ],
)
def test_bad_arguments(call: Callable[[], object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()


def test_bands_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    line = [(0.1, 0.2), (0.15, 0.3), (0.1, 0.4)]
    whole = strokes.draw([line], 40, 0.3, periodic=True), cartoons.piecewise_smooth(np.random.default_rng(1), 40)
    monkeypatch.setattr(strokes, "BAND", 3000)
    assert len(list(strokes.bands(40))) > 5
    np.testing.assert_array_equal(strokes.draw([line], 40, 0.3, periodic=True), whole[0])
    np.testing.assert_allclose(cartoons.piecewise_smooth(np.random.default_rng(1), 40), whole[1], atol=1e-14)


def test_nothing_to_draw_is_black() -> None:
    assert strokes.draw([], 8, 0.1).sum() == 0
    assert polygons.paint(random_corners(1) + 3.0, 8).sum() == 0


SOURCES = [
    *(
        Shape(kind=kind, size=16, realizations=5, pose="random")
        for kind in ("dirac", "edge", "sinusoid", "disc", "polygon", "star")
    ),
    *(Cartoon(kind=kind, size=16, realizations=5) for kind in ("polygons", "strokes", "piecewise_smooth")),
]


@pytest.mark.parametrize("value", SOURCES, ids=lambda value: f"{value.name}-{value.kind}")
def test_sources(value: Shape | Cartoon) -> None:
    spec, whole = value.describe(), value.read({})
    assert (spec.dims, spec.shape, spec.dtype) == (("realization", "y", "x"), (5, 16, 16), "float32")
    assert whole.dtype == np.float32 and whole.min() >= 0 and whole.max() <= 1
    assert all(abs(whole[0] - other).max() > 1e-3 for other in whole[1:])
    for region in ({"realization": slice(1, 4)}, {"realization": slice(4, 5), "x": slice(3, 7)}, {"y": slice(None, None, 3)}):
        expected = whole[tuple(region.get(dim, slice(None)) for dim in spec.dims)]
        np.testing.assert_array_equal(value.read(region), expected)
    np.testing.assert_array_equal(value.replace(realizations=2).read({}), whole[:2])
    assert not (value.replace(seed=1).read({}) == whole).all()
    assert axis_of(spec, "x").periodic is value.periodic
    assert (spec.attrs["kind"], spec.attrs["seed"]) == (value.kind, 0)
    json.dumps(dict(spec.attrs), allow_nan=False)
    again = pickle.loads(pickle.dumps(value))
    assert again == value and type(value)(**value.parameters()) == value


def test_a_shape_stays_where_it_is_put() -> None:
    value = Shape(kind="star", size=24, center=(0.4, 0.6), angle=10.0, vertices=6, periodic=True, dtype="float64")
    np.testing.assert_array_equal(value.read({})[0], shapes.star(24, 6, (0.4, 0.6), angle=10.0, periodic=True))
    attrs = value.describe().attrs
    assert (attrs["center"], attrs["inner"], attrs["radius"], attrs["periodic"]) == ([0.4, 0.6], 0.5, 0.25, 1)
    half = value.replace(pose="random", realizations=3, angle=None)
    assert (half.describe().attrs["center"], half.describe().attrs["angle"]) == ([0.4, 0.6], "random")
    whole = half.read({})
    weights = shapes.centers(24)
    np.testing.assert_allclose((whole * weights).sum(axis=(1, 2)) / whole.sum(axis=(1, 2)), 0.6, atol=1e-3)
    assert Shape(kind="disc", pose="random").describe().attrs["center"] == "random"


@pytest.mark.parametrize(
    ("cls", "parameters", "match"),
    [
        (Shape, {"kind": "hexagon"}, "shape.kind"),
        (Shape, {"kind": "disc", "vertices": 5}, "disc has no parameter vertices; it takes center, radius, periodic"),
        (Shape, {"kind": "dirac", "radius": 0.2}, "dirac has no parameter radius"),
        (Shape, {"kind": "edge", "periodic": True}, "two edges or none"),
        (Shape, {"kind": "sinusoid", "frequency": (0.5, 2.0), "periodic": True}, "whole numbers"),
        (Shape, {"kind": "sinusoid", "size": 8}, "below size / 2"),
        (Shape, {"kind": "disc", "center": (0.5, 1.0)}, "center must lie"),
        (Shape, {"kind": "disc", "realizations": 2}, 'pose="random"'),
        (Shape, {"kind": "disc", "realizations": 2, "pose": "random", "center": (0.5, 0.5)}, "leave some of it open"),
        (Shape, {"kind": "disc", "radius": 0.6}, "shape.radius"),
        (Shape, {"kind": "star", "inner": 1.0}, "shape.inner"),
        (Cartoon, {"kind": "strokes", "regions": 3}, "strokes has no parameter regions"),
        (Cartoon, {"kind": "polygons", "width": 0.1, "order": 1}, "polygons has no parameter width, order"),
        (Cartoon, {"count": 0}, "cartoon.count"),
        (Cartoon, {"kind": "piecewise_smooth", "order": 9}, "cartoon.order"),
        (Cartoon, {"size": 0}, "cartoon.size"),
    ],
)
def test_bad_parameters(cls: type, parameters: dict, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        cls(**parameters)
