"""Two data sets, two pipelines, results and pictures: everything goes through the ``scatflow`` command.

Run with ``make demo``; results land in ``demo-out/``. Each command is printed before it runs, so that it can be
repeated by hand.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
OUT = Path("demo-out")
WORKERS = ["--workers", "2"]


def scatflow(*arguments: object) -> None:
    """Print and run one command; stop the demo if it fails."""
    words = [str(argument) for argument in arguments]
    print(f"\n$ scatflow {shlex.join(words)}", flush=True)
    subprocess.run([sys.executable, "-m", "scatflow.cli.main", *words], check=True)


def main() -> None:
    """Make the data, run both pipelines on two workers, show what came out."""
    began = time.monotonic()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    scatflow("data", "turbulence2d", "-p", "size=128", "-p", "nu=2e-3", "-p", "age=10", "-p", "realizations=8",
             "-o", OUT / "turbulence2d.zarr", *WORKERS)  # fmt: skip
    scatflow("data", "sp500", "-o", OUT / "sp500.zarr")
    for name in ("turbulence", "sp500"):
        source = OUT / ("turbulence2d.zarr" if name == "turbulence" else "sp500.zarr")
        result = OUT / f"{name}-scattering.zarr"
        scatflow("show", source, "-o", OUT / "pictures" / name)
        scatflow("plan", HERE / f"{name}.yaml", "-p", f"input={source}")
        scatflow("run", HERE / f"{name}.yaml", "-p", f"input={source}", "-o", result, *WORKERS)
        scatflow("show", result, "-o", OUT / "pictures" / name)
    pictures = sorted(str(path) for path in (OUT / "pictures").rglob("*.png"))
    print(f"\nResults in {OUT}/, pictures:", *pictures, sep="\n  ")
    print(f"\n{time.monotonic() - began:.0f} s in all.")


if __name__ == "__main__":
    main()
