"""The cache of prepared constants: limits, threads, failures."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import array_api_strict as strict
import numpy as np
import pytest

from scatflow.arrays import PreparedCache, prepared_cache
from scatflow.errors import ParameterError


def bank(count):
    return {"psi": np.ones(count)}


def test_builds_once_and_returns_the_same_object():
    cache = PreparedCache(1000)
    first = cache.get("a", lambda: bank(4))
    assert cache.get("a", pytest.fail) is first
    assert (cache.stats.hits, cache.stats.misses, cache.stats.entries, cache.nbytes) == (1, 1, 1, 32)


def test_numpy_arrays_become_read_only_wherever_they_hide():
    inner = np.ones(2)
    value = {"psi": [np.ones(3), (inner,)], "more": {"phi": np.ones(1)}, "count": 3}
    got = PreparedCache(1000).get("a", lambda: value)
    for array in (got["psi"][0], inner, got["more"]["phi"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 2


def test_least_recently_used_goes_first():
    cache = PreparedCache(100)
    for key in "abc":
        cache.get(key, lambda: bank(4))
    cache.get("a", pytest.fail)
    cache.get("d", lambda: bank(4))
    assert cache.stats.evictions == 1 and cache.nbytes == 96
    for key in "acd":
        cache.get(key, pytest.fail)
    rebuilt = []
    cache.get("b", lambda: rebuilt.append(1) or bank(1))
    assert rebuilt == [1]


def test_oversize_values_are_returned_and_not_kept():
    cache = PreparedCache(100)
    cache.get("small", lambda: bank(2))
    assert cache.get("big", lambda: bank(50))["psi"].size == 50
    assert cache.stats.oversize == 1 and cache.nbytes == 16
    cache.get("small", pytest.fail)
    assert PreparedCache(0).get("a", lambda: bank(1))["psi"].size == 1


def test_arrays_are_counted_once_and_on_any_library():
    x = np.ones(4)
    cache = PreparedCache(1000)
    cache.get("twice", lambda: {"a": x, "b": x})
    assert cache.nbytes == 32
    cache.get("strict", lambda: {"a": strict.ones((2, 3), dtype=strict.complex64)})
    assert cache.nbytes == 32 + 48


def test_clear():
    cache = PreparedCache(1000)
    cache.get("a", lambda: bank(4))
    cache.clear()
    assert cache.nbytes == 0 and cache.stats.entries == 0
    assert cache.get("a", lambda: bank(1))["psi"].size == 1


def test_concurrent_requests_build_once():
    cache, calls, started, go = PreparedCache(1000), [], threading.Event(), threading.Event()

    def build():
        calls.append(1)
        started.set()
        assert go.wait(10)
        return bank(4)

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(cache.get, "a", build)
        assert started.wait(10)
        others = [pool.submit(cache.get, "a", build) for _ in range(7)]
        # Another key is not held up by the build under way.
        assert cache.get("b", lambda: bank(1))["psi"].size == 1
        go.set()
        values = {id(future.result(10)) for future in [first, *others]}
    assert len(values) == 1 and calls == [1]


def test_a_failed_build_fails_its_waiters_and_is_forgotten():
    cache, started, go = PreparedCache(1000), threading.Event(), threading.Event()

    def build():
        started.set()
        assert go.wait(10)
        raise ArithmeticError("no bank")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, "a", build)
        assert started.wait(10)
        second = pool.submit(cache.get, "a", build)
        while cache.stats.hits == 0:
            pass
        go.set()
        for future in (first, second):
            with pytest.raises(ArithmeticError, match="no bank"):
                future.result(10)
    assert cache.get("a", lambda: bank(2))["psi"].size == 2


def test_cleared_while_building():
    cache, started, go = PreparedCache(1000), threading.Event(), threading.Event()

    def build():
        started.set()
        assert go.wait(10)
        return bank(4)

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(cache.get, "a", build)
        assert started.wait(10)
        cache.clear()
        fresh = cache.get("a", lambda: bank(2))
        go.set()
        assert future.result(10)["psi"].size == 4
    assert cache.get("a", pytest.fail) is fresh
    assert cache.nbytes == 16


def test_builds_may_nest_but_not_ask_for_themselves():
    cache = PreparedCache(1000)
    outer = cache.get("a", lambda: {"parent": cache.get("b", lambda: bank(2))["psi"]})
    assert outer["parent"].size == 2
    with pytest.raises(RuntimeError, match="asks for itself"):
        cache.get("c", lambda: cache.get("c", lambda: bank(1)))


def test_many_threads_stay_within_the_limit():
    cache = PreparedCache(500)

    def work(seed):
        for key in np.random.default_rng(seed).integers(0, 12, 300).tolist():
            assert cache.get(key, lambda key=key: bank(key + 1))["psi"].size == key + 1
            assert cache.nbytes <= 500

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    stats = cache.stats
    assert stats.hits + stats.misses == 1200
    assert stats.nbytes == sum(8 * (key + 1) for key in cache._entries)


def test_negative_limit():
    with pytest.raises(ParameterError, match="limit_bytes"):
        PreparedCache(-1)


def limit_with(environment):
    code = "from scatflow.arrays import prepared_cache; print(prepared_cache().stats.limit_bytes)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)


def test_process_cache_limit_comes_from_the_environment(monkeypatch):
    import os

    assert prepared_cache() is prepared_cache()
    environment = {k: v for k, v in os.environ.items() if k != "SCATFLOW_CACHE_BYTES"}
    assert limit_with(environment).stdout.strip() == str(1 << 30)
    assert limit_with({**environment, "SCATFLOW_CACHE_BYTES": "12345"}).stdout.strip() == "12345"
    refused = limit_with({**environment, "SCATFLOW_CACHE_BYTES": "1GiB"})
    assert refused.returncode != 0 and "number of bytes" in refused.stderr


def test_a_new_scope_starts_empty() -> None:
    cache = PreparedCache(1000)
    assert cache.enter("first stage") and not cache.enter("first stage")
    cache.get("bank", lambda: {"psi": np.ones(8)})
    assert not cache.enter("first stage") and cache.nbytes == 64
    assert cache.enter("second stage") and cache.nbytes == 0
