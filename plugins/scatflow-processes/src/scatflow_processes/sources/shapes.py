"""Shapes and cartoon images as scatflow sources."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from pydantic import model_validator

from scatflow.contract import param, source
from scatflow.spec import ArraySpec, Coord
from scatflow_processes import cartoons, shapes
from scatflow_processes.references_shapes import DEAD_LEAVES
from scatflow_processes.sources.ensemble import Block, Ensemble
from scatflow_processes.streams import realization_generator

Dtype = Literal["float32", "float64"]
#: What each kind takes beside the size, with its default: what the function of that name takes.
_SHAPES: dict[str, Callable[..., Block]] = {
    "dirac": shapes.dirac, "edge": shapes.edge, "sinusoid": shapes.sinusoid, "disc": shapes.disc,
    "polygon": shapes.polygon, "star": shapes.star,
}  # fmt: skip
_CARTOONS: dict[str, Callable[..., Block]] = {
    "polygons": cartoons.polygons, "strokes": cartoons.strokes, "piecewise_smooth": cartoons.piecewise_smooth,
}  # fmt: skip


def image_spec(size: int, dtype: str, periodic: bool, attrs: Mapping[str, Any], name: str) -> ArraySpec:
    """Return the labels of an image in the unit square, without data."""
    labels: dict[str, Any] = {"units": "1", "long_name": "position in units of the side", **({"period": 1.0} if periodic else {})}
    coords = {dim: Coord((dim,), shapes.centers(size), {**labels, "axis": dim.upper()}) for dim in ("y", "x")}
    return ArraySpec(("y", "x"), (size, size), dtype, None, coords, {"units": "1", **attrs}, name)


class _Image(Ensemble):
    """What images of several kinds share: of the parameters of all kinds, those of the chosen one may be given."""

    size: int = param(64, "Pixels along y and along x.", ge=1, le=16384)
    dtype: Dtype = param("float32", "Type of the result.", choices=("float32", "float64"))

    def made_by(self) -> Callable[..., Block]:
        """Return the function that makes the chosen kind."""
        raise NotImplementedError

    def chosen(self) -> dict[str, Any]:
        """Return the parameters that the kind has, defaults filled in."""
        taken = inspect.signature(self.made_by()).parameters
        found = {key: item.default for key, item in taken.items() if key not in ("size", "generator")}
        return {key: default if getattr(self, key) is None else getattr(self, key) for key, default in found.items()}

    def stray(self) -> list[str]:
        """Return the parameters that were given and that the kind does not have."""
        own = {*_Image.model_fields, "kind", "pose", "periodic", *self.chosen()}
        return [key for key in type(self).model_fields if key not in own and getattr(self, key) is not None]

    @model_validator(mode="after")
    def _of_the_kind(self) -> Self:
        if stray := self.stray():
            kind = self.made_by().__name__
            raise ValueError(f"{kind} has no parameter {', '.join(stray)}; it takes {', '.join(self.chosen())}")
        return self

    def image(self, kind: str, periodic: bool, long_name: str) -> ArraySpec:
        """Return one image without data."""
        attrs = {key: list(value) if isinstance(value, tuple) else int(value) if isinstance(value, bool) else value
                 for key, value in self.chosen().items()}  # fmt: skip
        return image_spec(self.size, self.dtype, periodic, {"long_name": long_name, "kind": kind, **attrs}, self.name)


@source("shape", version=1)
class Shape(_Image):
    """A plain shape in the unit square: dirac, edge, sinusoid, disc, polygon or star, with values in [0, 1].

    Parameters that a kind does not have are refused. With ``pose="random"`` every realization has its own place (uniform ``center``),
    direction (uniform ``angle``) and ``phase``, whichever the kind has and is not given. Discs and polygons are exact in area,
    the functions are in ``scatflow_processes.shapes``.

    Examples
    --------
    >>> image = Shape(kind="disc", size=32, radius=0.3).read({})
    >>> image.shape, round(float(image.mean()), 4), round(np.pi * 0.3**2, 4)
    ((1, 32, 32), 0.2827, 0.2827)
    """

    kind: Literal["dirac", "edge", "sinusoid", "disc", "polygon", "star"] = param("disc", "Which shape.", choices=tuple(_SHAPES))
    pose: Literal["fixed", "random"] = param(
        "fixed", "Whether place, direction and phase that are not given are drawn for every realization.",
        choices=("fixed", "random"),
    )  # fmt: skip
    center: tuple[float, float] | None = param(None, "Place (y, x) in units of the side, in [0, 1); default the middle.")
    radius: float | None = param(None, "Radius in units of the side; default 0.25.", gt=0.0, le=0.5)
    vertices: int | None = param(None, "Corners of a polygon, rays of a star; default 5.", ge=3, le=1000)
    inner: float | None = param(None, "Distance of a star's notches as a share of the radius; default 0.5.", gt=0.0, lt=1.0)
    angle: float | None = param(
        None, "Direction of the normal of an edge, of the first corner, from x towards y; default 0.", ge=-360.0, le=360.0, unit="degree"
    )  # fmt: skip
    offset: float | None = param(None, "Distance of an edge from the middle, in units of the side; default 0.", ge=-1.0, le=1.0)
    frequency: tuple[float, float] | None = param(None, "Cycles per side of a sinusoid along y and x; default (0, 4).")
    phase: float | None = param(None, "Phase of a sinusoid at the corner; default 0.", ge=-360.0, le=360.0, unit="degree")
    periodic: bool = param(False, "Whether opposite sides fit together: shapes go on there, frequencies are whole numbers.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.kind == "edge" and self.periodic:
            raise ValueError("an edge is not periodic: a periodic image has two edges or none")
        if self.center is not None and not all(0 <= place < 1 for place in self.center):
            raise ValueError(f"center must lie in [0, 1)², got {self.center}")
        frequency = self.chosen().get("frequency", (0.0, 0.0))
        if not all(abs(f) < self.size / 2 for f in frequency):
            raise ValueError(f"frequency must be below size / 2 = {self.size / 2:g} cycles per side, got {frequency}")
        if self.periodic and not all(float(f).is_integer() for f in frequency):
            raise ValueError(f"a periodic sinusoid has whole numbers of cycles per side, got frequency {frequency}")
        if self.realizations > 1 and not self._drawn():
            raise ValueError('all realizations would be the same; choose pose="random", leave some of it open, or realizations=1')
        return self

    def made_by(self) -> Callable[..., Block]:
        """Return the function that makes the chosen kind."""
        return _SHAPES[self.kind]

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return one image without data; what is drawn for every realization says ``random``."""
        spec = self.image(self.kind, self.periodic, self.kind)
        return {self.name: spec.with_attrs(pose=self.pose, periodic=int(self.periodic), **dict.fromkeys(self._drawn(), "random"))}

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Draw poses and make the images."""
        images = [self.made_by()(self.size, **{**self.chosen(), **self._pose(index)}) for index in indices]
        return {self.name: np.stack(images)}

    def _drawn(self) -> list[str]:
        names: list[str] = [key for key in ("center", "angle", "phase") if key in self.chosen() and getattr(self, key) is None]
        return names if self.pose == "random" else []

    def _pose(self, index: int) -> dict[str, Any]:
        generator = realization_generator(self.seed, index)
        pose = {"center": tuple(generator.random(2)), "angle": 360 * generator.random(), "phase": 360 * generator.random()}
        return {key: pose[key] for key in self._drawn()}


@source("cartoon", version=1, references=(DEAD_LEAVES,))
class Cartoon(_Image):
    """Random cartoon images with values in [0, 1]: overlapping polygons, curved strokes, or smooth regions with sharp borders.

    Parameters that a kind does not have are refused. The laws are those of the functions in ``scatflow_processes.cartoons``.

    Examples
    --------
    >>> images = Cartoon(kind="polygons", size=32, count=3, realizations=5).read({"realization": slice(0, 2)})
    >>> images.shape, bool(images.min() >= 0), bool(images.max() <= 1)
    ((2, 32, 32), True, True)
    """

    kind: Literal["polygons", "strokes", "piecewise_smooth"] = param("polygons", "Which images.", choices=tuple(_CARTOONS))
    count: int | None = param(None, "Polygons (default 8) or strokes (default 5).", ge=1, le=10_000)
    vertices: int | None = param(None, "Corners of each polygon; default 5.", ge=3, le=1000)
    radius: float | None = param(None, "Largest radius of a polygon in units of the side; default 0.25.", gt=0.0, le=0.5)
    width: float | None = param(None, "Width of the strokes in units of the side; default 0.04.", gt=0.0, le=0.5)
    regions: int | None = param(None, "Number of smooth regions; default 8.", ge=1, le=10_000)
    order: int | None = param(None, "Degree of the polynomials inside them; default 2.", ge=0, le=8)
    periodic: bool = param(True, "Whether opposite sides fit together.")

    def made_by(self) -> Callable[..., Block]:
        """Return the function that makes the chosen kind."""
        return _CARTOONS[self.kind]

    def labels(self) -> Mapping[str, ArraySpec]:
        """Return one image without data."""
        return {self.name: self.image(self.kind, self.periodic, self.kind.replace("_", " "))}

    def members(self, indices: Sequence[int]) -> Mapping[str, Block]:
        """Draw images."""
        options = self.chosen()
        return {self.name: np.stack([self.made_by()(realization_generator(self.seed, i), self.size, **options) for i in indices])}
