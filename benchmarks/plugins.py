"""What the command line costs beside many plugins: whole processes, with generated distributions on the path.

``python benchmarks/plugins.py [--quick] [-o FILE]`` prints a table and writes JSON. Twenty distributions provide five
operators each, in modules of some hundred lines; the first-party plugins are there too. Commands take turns within a round, so that
a busy moment of a shared machine falls on all alike.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

DISTRIBUTIONS, OPERATORS = 20, 5
#: Lines that make a module as long as those that people write.
FILLING = 100
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "scatflow --help": ["-m", "scatflow.cli.main", "--help"],
    "scatflow version": ["-m", "scatflow.cli.main", "version"],
    "scatflow plugins": ["-m", "scatflow.cli.main", "plugins"],
    "scatflow ops": ["-m", "scatflow.cli.main", "ops"],
}
_OPERATOR = '''"""An operator of a generated distribution."""

from scatflow import Pointwise, operator, param


@operator("{name}", version=1, signature="()->()", aliases=("{name} also",))
class {cls}(Pointwise):
    """Adds {number} to every sample.

    Nothing else.
    """

    by: float = param({number}.0, "What is added.", ge=0)

    def apply(self, xp, *blocks):
        return blocks[0] + self.by
'''


def write(folder: Path) -> None:
    """Write the distributions as an installer leaves them."""
    for number in range(DISTRIBUTIONS):
        package = folder / f"bench_{number}"
        package.mkdir()
        (package / "__init__.py").touch()
        names = [f"bench_{number}_{letter}" for letter in "abcde"[:OPERATORS]]
        for name in names:
            filling = "".join(f"\n\ndef _step_{i}(x, y={i}):\n    return (x + y) * {i} - x\n" for i in range(FILLING // 4))
            (package / f"{name}.py").write_text(_OPERATOR.format(name=name, cls=name.title(), number=number) + filling)
        targets = {name: f"bench_{number}.{name}:{name.title()}" for name in names}
        (package / "plugin.py").write_text(
            f"from scatflow.hookspecs import hookimpl\n\n\n@hookimpl\ndef scatflow_operators():\n    return {targets!r}\n"
        )
        info = folder / f"bench_{number}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: bench-{number}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[scatflow]\nbench = bench_{number}.plugin\n")


def seconds(words: list[str], folder: Path) -> float:
    """Return how long a command takes as a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "SCATFLOW_CONFIG": ""}
    start = time.perf_counter()
    subprocess.run([sys.executable, *words], env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def measure(runs: int) -> dict[str, list[float]]:
    """Return the times of every command, after one round to compile what is new."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write(folder)
        rounds = [{name: seconds(words, folder) for name, words in COMMANDS.items()} for _ in range(runs + 1)]
    return {name: [one[name] for one in rounds[1:]] for name in COMMANDS}


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three runs instead of fifteen")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    times = measure(3 if options.quick else 15)
    print(f"{DISTRIBUTIONS} distributions with {DISTRIBUTIONS * OPERATORS} operators, beside those installed")
    for name, taken in times.items():
        print(f"{name:<18} {1e3 * statistics.median(taken):6.0f} ms  ({1e3 * min(taken):.0f}-{1e3 * max(taken):.0f})")
    record: dict[str, Any] = {
        "benchmark": "plugins", "date": datetime.date.today().isoformat(), "python": platform.python_version(), "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2), "distributions": DISTRIBUTIONS, "operators": DISTRIBUTIONS * OPERATORS, "seconds": times,
    }  # fmt: skip
    if options.output:
        options.output.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
