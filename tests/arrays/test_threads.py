"""Threads of kernels: how many, in which order, and what happens when a part fails."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

from scatflow.arrays import in_threads, namespace, usable_threads


def test_number_of_threads(monkeypatch):
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for text, expected in [(None, cores), ("3", 3), ("4,2", 4), ("", cores), ("0", cores), ("many", cores), ("²", cores)]:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        if text is not None:
            monkeypatch.setenv("OMP_NUM_THREADS", text)
        assert usable_threads() == expected


def test_parts_run_beside_each_other_and_come_back_in_order():
    meet = threading.Barrier(2, timeout=30)  # passed only by two at a time
    assert in_threads(2, [lambda k=k: (meet.wait(), k)[1] for k in range(4)]) == [0, 1, 2, 3]


def test_one_thread_is_the_callers():
    assert in_threads(1, [threading.get_ident] * 3) == [threading.get_ident()] * 3
    assert in_threads(4, [threading.get_ident]) == [threading.get_ident()]
    assert in_threads(4, []) == []


def test_a_failure_is_raised_and_the_rest_left_out():
    done = []
    with pytest.raises(ZeroDivisionError):
        in_threads(2, [lambda: 1 // 0, *(lambda k=k: (threading.Event().wait(0.01), done.append(k)) for k in range(200))])
    assert len(done) < 200


def test_the_callers_context_holds_in_every_thread():
    with np.errstate(over="ignore", invalid="raise"):
        states = in_threads(2, [np.geterr] * 4)
    assert all((state["over"], state["invalid"]) == ("ignore", "raise") for state in states)


def test_namespaces_carry_their_threads():
    block = np.ones(2)
    assert namespace(block).threads == 1 and namespace(block, threads=3).threads == 3
    assert namespace(block, threads=3) is namespace(block, threads=3) and "threads" in dir(namespace(block))
