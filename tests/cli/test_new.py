"""Plugins written from templates: names, refusals, and nothing half-written."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from cli.conftest import Program
from scatflow.cli.new import KINDS, names, write


@pytest.mark.parametrize("kind", KINDS)
def test_a_plugin_is_written_whole(scatflow: Program, kind: str) -> None:
    code, out, _ = scatflow("new", "Acme.Waves", "--kind", kind, "--operator", "ridge_lines", "--into", "somewhere/new")
    folder = Path("somewhere/new/acme-waves")
    assert code == 0 and "scatflow check acme-waves" in out and "src/acme_waves/operators.py" in out
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert written == {
        "pyproject.toml", "README.md", "src/acme_waves/__init__.py", "src/acme_waves/plugin.py", "src/acme_waves/operators.py",
        "src/acme_waves/py.typed", "tests/test_operators.py",
    }  # fmt: skip
    texts = {name: (folder / name).read_text() for name in written}
    assert not any("$" in text for text in texts.values())
    assert "class RidgeLines(" in texts["src/acme_waves/operators.py"]
    assert '"ridge_lines": "acme_waves.operators:RidgeLines"' in texts["src/acme_waves/plugin.py"]
    assert tomllib.loads(texts["pyproject.toml"])["project"]["entry-points"]["scatflow"] == {"acme_waves": "acme_waves.plugin"}
    for name, text in texts.items():
        if name.endswith(".py"):
            compile(text, name, "exec")
    assert [path.name for path in folder.parent.iterdir()] == ["acme-waves"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-x-"], "No such option"),
        (["acme waves"], "letters, digits"),
        (["scatflow-mine"], "those of the first-party plugins"),
        (["json"], "cannot be the name of its module"),
        (["class"], "cannot be the name of its module"),
        (["9lives"], "cannot be the name of its module"),
        (["acme", "--operator", "Ridge"], "lower-case letters"),
        (["acme", "--operator", "lambda"], "lower-case letters"),
        (["none"], "no word of Python"),
        (["acme", "--operator", "true"], "no word of Python"),
        (["acme", "--operator", "a" * 101], "at most 100 letters"),
        (["dataset"], "taken by scatflow itself"),
        (["acme", "--operator", "variable"], "taken by scatflow itself"),
        (["Local"], "plugins that are single files"),
        (["acme", "--kind", "wavy"], "'wavy' is not one of"),
    ],
)
def test_names_that_cannot_be_used_are_refused(scatflow: Program, words: list[str], told: str) -> None:
    code, _, err = scatflow("new", *words)
    assert code == 2 and told in err and list(Path().iterdir()) == []


def test_what_is_there_is_not_touched(scatflow: Program) -> None:
    Path("acme").mkdir()
    Path("acme/mine.txt").write_text("precious")
    code, _, err = scatflow("new", "acme")
    assert code == 2 and "exists already" in err and [path.name for path in Path("acme").iterdir()] == ["mine.txt"]


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, *_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path / "acme", "window", names("acme", None))
    assert list(tmp_path.iterdir()) == []
