"""The committed table of scattering times is the committed result file."""

import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_page_shows_the_result_file():
    spec = importlib.util.spec_from_file_location("scattering_benchmark", ROOT / "benchmarks" / "scattering.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    report = json.loads(script.RESULTS.read_text())
    page = (ROOT / "docs" / "measured.md").read_text()
    assert report["rows"] and {row["case"] for row in report["rows"]} <= set(script.CASES)
    assert script.HEADER in page and all(script.line(row) in page for row in report["rows"])
    assert report["command"] in page and report["date"] in page and report["machine"]["cpu"] in page
    for name, version in report["versions"].items():
        assert f"{name} {version}" in page
