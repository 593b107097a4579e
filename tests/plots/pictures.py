"""Small images of pictures, and how far two of them are apart. Run as a program it draws golden/ anew:

``python tests/plots/pictures.py [NAME ...]`` — then look at what changed before committing it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

GOLDEN = Path(__file__).parent / "golden"
#: Pictures are 1200 pixels wide; a golden image keeps every third, which is enough to miss a label or a color.
SHRINK = 3
BLOCK = 20


def shrunk(path: Path) -> Image.Image:
    """Return a picture at a third of its size, without transparency."""
    with Image.open(path) as image:
        return image.convert("RGB").reduce(SHRINK)


def golden(name: str) -> Image.Image:
    """Return a golden image."""
    with Image.open(GOLDEN / f"{name}.png") as image:
        return image.convert("RGB")


def distance(one: Image.Image, two: Image.Image) -> tuple[float, float]:
    """Return the mean difference of two images, and the largest mean over a block; levels of 0 to 255."""
    if one.size != two.size:
        return 255.0, 255.0
    difference = np.abs(np.asarray(one, dtype=float) - np.asarray(two, dtype=float)).mean(axis=-1)
    rows, columns = (n // BLOCK * BLOCK for n in difference.shape)
    blocks = difference[:rows, :columns].reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK).mean(axis=(1, 3))
    return float(difference.mean()), float(blocks.max())


def write(names: list[str]) -> None:
    """Draw golden images anew."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from plots.plot_samples import CASES
    from scatflow.accessor import plots

    for name in names or list(CASES):
        array, kind, options = CASES[name]()
        path = plots.save(array, GOLDEN / f"{name}.png", kind, **options)
        # A palette keeps a file below some 20 kB; the difference it makes is far below the tolerance.
        shrunk(path).quantize(192, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    write(sys.argv[1:])
