"""Every picture against its golden image, and whether people can read it: no text over text, none too small or cut off."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import NamedTuple

import pytest
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from plots.pictures import distance, golden, shrunk
from plots.plot_samples import CASES
from scatflow.accessor import plots

#: Levels of 0 to 255, mean and worst block. Fonts and antialiasing of other versions stay below; a missing label does not.
MEAN, BLOCK = 3.0, 30.0
SMALLEST_POINTS = 8.0


def draw(name: str, **changes: object) -> Figure:
    array, kind, options = CASES[name]()
    return plots.figure(array, kind, **{**options, **changes})


class Picture(NamedTuple):
    """A picture in a file, with every text that was drawn into it."""

    name: str
    path: Path
    figure: Figure
    texts: list[Text]


@pytest.fixture(scope="module", params=list(CASES))
def picture(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Picture:
    figure, texts = draw(request.param), []
    path = tmp_path_factory.mktemp("pictures") / f"{request.param}.png"
    draw_text = Text.draw

    def record(self: Text, renderer: RendererBase) -> None:
        if self.get_visible() and self.get_text().strip():
            texts.append(self)
        draw_text(self, renderer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", record)
        figure.savefig(path)
    return Picture(request.param, path, figure, texts)


def test_is_like_its_golden_image(picture: Picture) -> None:
    mean, block = distance(shrunk(picture.path), golden(picture.name))
    assert mean <= MEAN and block <= BLOCK, f"mean {mean:.2f}, worst block {block:.1f}; look at {picture.path}"


def test_is_1200_pixels_wide(picture: Picture) -> None:
    with Image.open(picture.path) as image:
        assert image.width == 1200


def test_texts_are_legible(picture: Picture) -> None:
    renderer = FigureCanvasAgg(picture.figure).get_renderer()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in dict.fromkeys(picture.texts)]
    assert len(boxes) >= 8
    assert min(text.get_fontsize() for text in picture.texts) >= SMALLEST_POINTS
    width, height = picture.figure.bbox.size
    for words, box in boxes:
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1, f"{words!r} is cut off"
    for (one, a), (two, b) in itertools.combinations(boxes, 2):
        overlap = min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
        assert not overlap, f"{one!r} over {two!r}"


@pytest.mark.parametrize("name", ["coefficients", "scattergram"])
def test_a_missing_label_is_seen(name: str, tmp_path: Path) -> None:
    figure = draw(name)
    for axes in figure.findobj(lambda artist: hasattr(artist, "set_ylabel")):
        axes.set_ylabel("")  # type: ignore[attr-defined]
    figure.savefig(tmp_path / "bare.png")
    mean, block = distance(shrunk(tmp_path / "bare.png"), golden(name))
    assert mean > MEAN or block > BLOCK


@pytest.mark.parametrize(
    ("name", "changes"), [("field", {"cmap": "viridis"}), ("spins", {"realization": 0}), ("scattergram", {"log": False})]
)
def test_another_picture_is_seen(name: str, changes: dict[str, object], tmp_path: Path) -> None:
    draw(name, **changes).savefig(tmp_path / "other.png")
    mean, block = distance(shrunk(tmp_path / "other.png"), golden(name))
    assert mean > MEAN or block > BLOCK
