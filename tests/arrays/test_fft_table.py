"""The committed table of FFT measurements is the committed result file, and names its licenses."""

import importlib.util
import json
from pathlib import Path

import pytest

from scatflow.arrays.fft import PROVIDERS

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "fft-providers.json"
PAGE = ROOT / "docs" / "fft.md"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("fft_providers", ROOT / "benchmarks" / "fft_providers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_shows_the_result_file(script):
    report = json.loads(RESULTS.read_text())
    page = PAGE.read_text()
    assert script.table(report) in page
    assert report["command"] in page
    assert report["date"] in page
    assert report["machine"]["cpu"] in page
    for name, version in report["providers"].items():
        assert f"{name} {version}" in page


def test_every_provider_was_measured_in_every_row(script):
    report = json.loads(RESULTS.read_text())
    assert tuple(report["providers"]) == PROVIDERS
    expected = len(script.CASES) * len(script.KINDS) * len(script.PRECISIONS) * 2 * len(PROVIDERS)
    assert len(report["rows"]) == expected
    assert all(row["runs"] >= 5 for row in report["rows"])


def test_script_runs(script, monkeypatch):
    monkeypatch.setattr(script, "CASES", {"tiny": ((2, 16, 16), (1, 2))})
    monkeypatch.setattr(script, "QUICK_CASES", ("tiny",))
    report = script.run(quick=True, runs=5)
    assert "| tiny complex, float32 | 1 |" in script.table(report)


def test_page_states_the_licenses():
    page = PAGE.read_text()
    for word in ("BSD", "GPL", "proprietary"):
        assert word in page
