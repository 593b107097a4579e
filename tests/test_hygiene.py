"""The test suite's own machinery: clusters are not left behind, seeds are the test's own, areas are recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from area_report import AreaReport

ROOT = Path(__file__).parents[1]


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """An empty project with this suite's conftest."""
    pytester.makeconftest((ROOT / "conftest.py").read_text())
    pytester.makeini("[pytest]\nmarkers = faults: an area\n")
    return pytester


def test_a_cluster_left_running_is_an_error_and_is_closed(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        import pytest
        from distributed import Client, LocalCluster

        OPTIONS = dict(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None)

        @pytest.fixture(scope="module")
        def shared():
            with LocalCluster(**OPTIONS) as cluster, Client(cluster) as client:
                yield client

        def test_uses_a_wider_fixture(shared): pass

        def test_leaves_one(): LocalCluster(**OPTIONS)

        def test_finds_it_gone(shared):
            import distributed
            running = [c for c in distributed.SpecCluster._instances if c.status.name == "running"]
            assert running == [shared.cluster]
    """)
    result = suite.runpytest_subprocess()  # distributed must not be imported twice into this process
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*the test left running: *LocalCluster*"])


def test_random_numbers_depend_on_the_test_and_the_seed_alone(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    suite.makepyfile("""
        def test_one(rng): print("drawn", rng.integers(10**9))
        def test_two(rng): print("drawn", rng.integers(10**9))
    """)

    def drawn(*options: str) -> list[str]:
        lines = suite.runpytest_inprocess("-s", *options).outlines
        return [line.partition("drawn ")[2] for line in lines if "drawn " in line]

    both = drawn()
    assert len(set(both)) == 2
    assert drawn("-k", "two") == both[1:]
    monkeypatch.setenv("SCATFLOW_TEST_SEED", "1")
    assert not set(drawn()) & set(both)


def test_an_area_is_recorded_resumed_and_completed(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        import pathlib, pytest
        pytestmark = pytest.mark.faults
        def test_kill(record_property): record_property("kills", 12)
        def test_flaky(): assert pathlib.Path("repaired").exists()
    """)
    results = suite.path / "results"
    sources = suite.mkdir("scatflow")

    def run() -> pytest.HookRecorder:
        report = AreaReport("faults", results, suite.path)
        return suite.inline_run("-m", "faults", plugins=[report])

    passed, _, failed = run().listoutcomes()
    assert len(passed) == len(failed) == 1
    (path,) = results.iterdir()
    assert path.name.startswith("faults-") and path.suffix == ".json"
    report = json.loads(path.read_text())
    assert not report["complete"]
    kill = next(test for name, test in report["tests"].items() if "test_kill" in name)
    assert kill["outcome"] == "passed" and kill["kills"] == 12

    (suite.path / "repaired").touch()
    passed, _, failed = run().listoutcomes()
    assert ["test_flaky" in test.nodeid for test in passed] == [True] and not failed
    report = json.loads(path.read_text())
    assert report["complete"] and len(report["tests"]) == 2

    (sources / "changed.py").touch()  # other sources: nothing earlier counts
    assert len(run().listoutcomes()[0]) == 2


def test_an_area_without_tests_is_not_an_error(suite: pytest.Pytester) -> None:
    suite.makepyfile("def test_unmarked(): pass")
    result = suite.inline_run("-m", "faults", plugins=[AreaReport("faults", suite.path / "results", suite.path)])
    assert result.ret == 0
    assert not (suite.path / "results").exists()
