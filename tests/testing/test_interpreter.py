"""Fresh interpreters that are copies of a process: what they know of the one who asks, and what they do not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scatflow.testing import interpreter
from scatflow.testing.interpreter import INSIDE, Running

#: The least there is to load, so that the process starts at once.
LOADED = ("decimal",)


def printed(program: str, arguments: object = None) -> list[str]:
    return Running(program, arguments, LOADED).output().splitlines()


def test_nothing_is_loaded_but_what_was_asked_for() -> None:
    assert printed("import sys; print(*(name in sys.modules for name in asked))", [*LOADED, "numpy", "xarray", "scatflow"]) == [
        "True False False False"
    ]
    assert printed("import numpy") == []  # in a copy, which ends
    assert printed("import sys; print('numpy' in sys.modules)") == ["False"]


def test_it_is_as_if_the_one_who_asks_had_started_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed("pass")  # the process that is copied is older than what follows
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OF_THE_ONE_WHO_ASKS", "5")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "later")])
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "made_later.py").write_text("value = 7\n")
    program = (
        f"import os, made_later; print(os.getcwd(), os.environ['OF_THE_ONE_WHO_ASKS'], os.environ['{INSIDE}'], made_later.value)"
    )
    assert printed(program) == [f"{tmp_path} 5 1 7"]


def test_hashes_are_others_than_here() -> None:
    (text,) = printed("print(hash('a text'))")
    assert int(text) != hash("a text")


def test_errors_and_deaths_are_told_and_cost_nothing() -> None:
    assert printed("print('first', flush=True); 1 / 0")[-1] == "ZeroDivisionError: division by zero"
    assert printed("import os; os._exit(3)") == printed("raise SystemExit") == []
    assert printed("import subprocess, sys; print(subprocess.run([sys.executable, '-c', '']).returncode)") == ["0"]


def test_programs_run_beside_each_other_and_need_not_be_waited_for() -> None:
    slow = Running("import time; time.sleep(300)", None, LOADED)
    assert printed("print(asked)", {"here": 1}) == ["{'here': 1}"]
    slow.close()


def test_a_process_that_was_killed_is_started_again() -> None:
    printed("pass")
    process, _ = interpreter._copied(LOADED)
    process.kill()
    process.wait()
    assert printed("print(asked)", 3) == ["3"]


def test_a_program_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "PATIENCE", 1)
    hanging = Running("import time; print('begun', flush=True); time.sleep(300)", None, LOADED)
    monkeypatch.undo()
    assert hanging.output() == "begun\n"  # and no more comes, as it has ended
