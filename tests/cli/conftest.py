"""The program as a function, and the toys as the only plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import NamedTuple

import pytest

from scatflow.cli.main import main
from scatflow.registry import Registry, using


class Outcome(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Program = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def toys() -> Iterator[Registry]:
    with using(Registry([EntryPoint("toys", "toy_plugin", "scatflow")])) as book:
        yield book


@pytest.fixture
def scatflow(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Run the program in an empty folder as a shell would, and return exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def program(*words: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return Outcome(end.value.code, out, err)

    return program
