"""Pytest plugin behind ``make test-all``: writes benchmarks/results/AREA-DATE.json and resumes an unfinished one.

The file is rewritten after each test, so a run that was stopped goes on where it ended: tests that passed on the same
sources are not repeated. It records what a reader needs to judge it: versions, sources, outcomes, seconds.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

SCHEMA = 1
ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PACKAGES = ("scatflow", "numpy", "scipy", "xarray", "dask", "distributed", "zarr")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--area", default=None, help="area whose results are recorded in benchmarks/results")


def pytest_configure(config: pytest.Config) -> None:
    area = config.getoption("--area")
    if area and not config.option.collectonly:
        config.pluginmanager.register(AreaReport(area, RESULTS), "area-report-of-" + area)


def sources_digest(root: Path) -> str:
    """Digest of all Python sources: a result older than the last change does not count."""
    digest = hashlib.sha256()
    for folder in ("scatflow", "plugins", "tests"):
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


class AreaReport:
    """Collects outcomes of one area and keeps its result file up to date."""

    def __init__(self, area: str, folder: Path, root: Path = ROOT) -> None:
        self.path = folder / f"{area}-{datetime.date.today().isoformat()}.json"
        self.report: dict[str, Any] = {
            "schema": SCHEMA,
            "area": area,
            "date": datetime.date.today().isoformat(),
            "sources": sources_digest(root),
            "machine": {"cores": os.cpu_count(), "architecture": platform.machine(), "system": platform.system()},
            "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
            "complete": False,
            "tests": self._earlier(sources_digest(root)),
        }

    def _earlier(self, sources: str) -> dict[str, Any]:
        if not self.path.exists():
            return {}
        earlier = json.loads(self.path.read_text())
        if earlier["complete"] or earlier["sources"] != sources:
            return {}
        return {name: test for name, test in earlier["tests"].items() if test["outcome"] == "passed"}

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self.report, indent=1, sort_keys=True) + "\n")
        part.replace(self.path)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        passed = [item for item in items if item.nodeid in self.report["tests"]]
        if passed:
            config.hook.pytest_deselected(items=passed)
            items[:] = [item for item in items if item not in passed]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
        outcome = yield
        tests = self.report["tests"]
        if outcome.when == "call" or outcome.outcome != "passed":
            # What a test measured, it hands over with record_property.
            properties = dict(item.user_properties)
            tests[item.nodeid] = {"outcome": outcome.outcome, "seconds": round(call.duration, 2), **properties}
            self._write()
        return outcome

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self.report["tests"] and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            self.report["complete"] = True
            self._write()
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK  # an area may have no tests left to run, or none yet
