"""The configuration file: where it is looked for and where never, and what it may say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scatflow.errors import SettingsError
from scatflow.settings import PluginSettings, Settings, location, settings


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that SCATFLOW_CONFIG names."""
    path = tmp_path / "conf" / "scatflow.toml"
    path.parent.mkdir()
    monkeypatch.setenv("SCATFLOW_CONFIG", str(path))
    return path


def test_defaults_where_there_is_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SCATFLOW_CONFIG", "")
    assert settings() == Settings() and Settings().plugins == PluginSettings(("*",), (), (), False, None)
    monkeypatch.delenv("SCATFLOW_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert settings() == Settings()


def test_everything_that_can_be_said(file: Path) -> None:
    file.write_text('[plugins]\nallow = ["scatflow-*", "acme==2"]\ndeny = ["x"]\ndisable = ["y"]\nstrict = true\ndir = "mine"\n')
    assert settings() == Settings(PluginSettings(("scatflow-*", "acme==2"), ("x",), ("y",), True, file.parent / "mine"), file)
    file.write_text("")
    assert settings() == Settings(path=file)


def test_the_users_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCATFLOW_CONFIG")
    for folder, name in (("xdg/scatflow", "a"), ("home/.config/scatflow", "b")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "scatflow.toml").write_text(f'[plugins]\ndeny = ["{name}"]\n')
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert settings().plugins.deny == ("a",)
    for relative in ("", "xdg", "."):  # as the XDG specification says
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("XDG_CONFIG_HOME", relative)
        assert settings().plugins.deny == ("b",)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("how", ["dangling", "loop", "folder", "pipe", "behind"])
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, named: bool) -> None:
    path = tmp_path / "scatflow" / "scatflow.toml"
    path.parent.mkdir()
    if how == "folder":
        path.mkdir()
    elif how == "pipe":
        os.mkfifo(path)
    elif how == "behind":
        path.parent.rmdir()
        path.parent.symlink_to(path.parent)
    else:
        path.symlink_to(path if how == "loop" else tmp_path / "nowhere")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("SCATFLOW_CONFIG", str(path))
    if not named:
        monkeypatch.delenv("SCATFLOW_CONFIG")
    with pytest.raises(SettingsError, match=r"scatflow\.toml: cannot be read"):
        settings()


def test_a_mark_of_byte_order_is_no_statement(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf[plugins]\nallow = []\n")
    assert settings().plugins.allow == ()


def test_the_working_directory_is_never_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("scatflow.toml", ".scatflow.toml", "scatflow/scatflow.toml", ".config/scatflow/scatflow.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("not toml at all")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SCATFLOW_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    assert settings() == Settings()
    monkeypatch.setenv("SCATFLOW_CONFIG", "scatflow.toml")
    with pytest.raises(SettingsError, match="absolute path"):
        settings()


def test_a_folder_of_plugins_is_never_below_the_working_directory(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    for said, meant in (("ops", file.parent / "ops"), ("/opt/ops", Path("/opt/ops")), ("~/ops", Path("/home/somebody/ops"))):
        file.write_text(f'[plugins]\ndir = "{said}"\n')
        assert settings().plugins.dir == meant


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[plugins", "is not TOML"), ("a = " + "[" * 5000, "is not TOML"), ("\x00", "is not TOML"), ("[plugin]\n", "plugin: unknown section; expected [plugins]. Did you mean 'plugins'?"),
        ("workers = 3\n", "workers: unknown section"), ("plugins = 3\n", "plugins: is a section"), ("[[plugins]]\n", "plugins: is a section"),
        ('[plugins]\nalow = ["*"]\n', "plugins.alow: unknown key; expected allow, deny, disable, strict, dir. Did you mean 'allow'?"),
        ('[plugins]\nallow = "*"\n', "plugins.allow: has the wrong type; expected a list of texts; got '*'"),
        ("[plugins]\nallow = [3]\n", "plugins.allow"), ("[plugins]\ndeny = true\n", "plugins.deny"), ("[plugins]\nstrict = 1\n", "plugins.strict"),
        ('[plugins]\ndir = ["x"]\n', "plugins.dir: has the wrong type; expected a folder as text"), ('[plugins]\ndir = ""\n', "plugins.dir"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused_with_file_and_key(file: Path, text: str, words: str) -> None:
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        settings()
    assert str(file) in str(caught.value) and words in str(caught.value) and caught.value.code == "SettingsInvalid"


def test_a_file_that_is_named_has_to_be_there(file: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        settings()
    file.mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        settings()
    file.rmdir()
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="is not TOML"):
        settings()


def test_a_home_that_is_unknown_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCATFLOW_CONFIG")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert location() is None


def test_toml_is_parsed_only_where_there_is_a_file() -> None:
    code = "import sys; from scatflow.settings import settings; settings(); print('tomllib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
