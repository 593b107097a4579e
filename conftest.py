"""What all tests share, the engine's and the plugins': reproducible randomness, no cluster left behind, a table of conformance."""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import numpy as np
import pytest

pytest_plugins = ["pytester"]  # tests of this file and of tests/area_report.py run a pytest of their own

# Examples are the same in every CI run, so that red means a change; people at their desks explore.
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("local", deadline=None, print_blob=True)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "local")
hypothesis.settings.load_profile(PROFILE)

# What was measured on this machine, or decided for it, must not change what a test sees.
os.environ["SCATFLOW_CONFIG"] = ""
os.environ["SCATFLOW_CACHE"] = tempfile.mkdtemp(prefix="scatflow-cache-")
atexit.register(shutil.rmtree, os.environ["SCATFLOW_CACHE"], ignore_errors=True)

SEED = int(os.environ.get("SCATFLOW_TEST_SEED", "0"))


def pytest_report_header() -> str:
    return f"scatflow: SCATFLOW_TEST_SEED={SEED} HYPOTHESIS_PROFILE={PROFILE}"


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator of the test's own: the same whatever ran before, another one under SCATFLOW_TEST_SEED."""
    seed = [SEED, zlib.crc32(request.node.nodeid.encode())]
    print(f"rng: np.random.default_rng({seed})")  # pytest shows it when the test fails
    return np.random.default_rng(seed)


@pytest.fixture
def kill_worker() -> Callable[[Any], int]:
    """Kill a worker of a local cluster and return its process id.

    Which processes are alive the nannies know. No worker is asked: one that has just been killed would leave the question open.
    """

    def kill(client: Any, number: int = 0) -> int:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            alive = [pid for nanny in client.cluster.workers.values() if (pid := nanny.pid)]
            if alive:
                pid = int(alive[number % len(alive)])
                with contextlib.suppress(ProcessLookupError):  # it has just ended
                    os.kill(pid, signal.SIGKILL)
                    return pid
            time.sleep(0.02)  # until one is started again
        pytest.fail("no worker was started again within a minute")

    return kill


def _running() -> set[Any]:
    """Clients and clusters that are open; distributed is asked only if something has imported it."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return set()
    clients = {client for client in distributed.Client._instances if client.status not in ("closed", "closing")}
    clusters = {cluster for cluster in distributed.SpecCluster._instances if cluster.status.name not in ("closed", "closing")}
    return clients | clusters


def _close_all(leftover: set[Any]) -> None:
    for item in sorted(leftover, key=lambda item: type(item).__name__):  # clients before their clusters
        item.close()


@pytest.fixture(autouse=True)
def _no_cluster_left_behind() -> Iterator[None]:
    before = _running()  # those of wider fixtures, which pytest sets up first
    yield
    leftover = _running() - before
    if leftover:
        names = ", ".join(sorted(repr(item) for item in leftover))
        _close_all(leftover)
        pytest.fail(f"the test left running: {names}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    leftover = _running()
    if leftover:
        names = ", ".join(sorted(repr(item) for item in leftover))
        _close_all(leftover)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print(f"\na fixture left running: {names}")


#: What the cases of scatflow.testing.parametrize_operators are called.
_CONFORMANCE = re.compile(r"::test_conformance\[(?P<operator>\w+)-\w+\]$")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what the conformance kit found, one line per operator."""
    rows: dict[str, Counter[str]] = {}
    words = {"passed": "passed", "failed": "failed", "xpassed": "failed", "xfailed": "expected", "skipped": "not run"}
    for outcome, word in words.items():
        for report in terminalreporter.stats.get(outcome, []):
            if found := _CONFORMANCE.search(getattr(report, "nodeid", "")):
                rows.setdefault(found["operator"], Counter())[word] += 1
    if not rows:
        return
    columns = ("passed", "failed", "expected", "not run")
    rows[f"all {len(rows)}"] = sum(rows.values(), Counter())
    terminalreporter.section("conformance of operators")
    terminalreporter.line(f"{'operator':<28}" + "".join(f"{column:>10}" for column in columns))
    for name, counts in rows.items():
        terminalreporter.line(f"{name:<28}" + "".join(f"{counts[column]:>10}" for column in columns))
