"""The one reader of ``scatflow.toml``: what a user or an administrator has decided for every run.

The file is named by ``SCATFLOW_CONFIG`` or lies in the user's configuration folder. The working directory is never
looked at, since a folder that somebody cloned must not be able to change which plugins run. A file that is there and cannot
be read is an error: taken for absent, it would let everything run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from scatflow.errors import SettingsError, near

#: Environment variable that names the file; set and empty, there is none.
VARIABLE = "SCATFLOW_CONFIG"
FILE = "scatflow.toml"


@dataclass(frozen=True)
class PluginSettings:
    """The section ``[plugins]``.

    Attributes
    ----------
    allow, deny : tuple of str
        Patterns of distributions (see :class:`scatflow.registry.Policy`).
    disable : tuple of str
        Distributions that are left out, as by ``--no-plugin``.
    strict : bool
        Whether a plugin that fails is an error.
    dir : Path or None
        Folder of single-file plugins.
    """

    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    strict: bool = False
    dir: Path | None = None


@dataclass(frozen=True)
class Settings:
    """What the file says; defaults where there is none. ``path`` is the file."""

    plugins: PluginSettings = PluginSettings()
    path: Path | None = None


def settings() -> Settings:
    """Read the file.

    Raises
    ------
    SettingsError
        The file cannot be read, is not TOML, or has a section, key or value that means nothing; the text names file and key.
    """
    path = location()
    if path is None:
        return Settings()
    return Settings(_plugins(path, _content(path)), path)


def location() -> Path | None:
    """Return the file that counts: that of ``SCATFLOW_CONFIG``, else that of the user if it exists, even if it cannot be read.

    Raises
    ------
    SettingsError
        ``SCATFLOW_CONFIG`` is a relative path, which would stand for another file in every folder.
    """
    named = os.environ.get(VARIABLE)
    if named is not None:
        if not named:
            return None
        path = Path(os.path.expanduser(named))
        if not path.is_absolute():
            raise SettingsError(VARIABLE, "names the configuration file wherever a program is started", expected="an absolute path",
                                got=repr(named))  # fmt: skip
        return path
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or "")
    if not folder.is_absolute():  # which the XDG specification says to ignore
        folder = Path(os.path.expanduser("~/.config"))
    path = folder / "scatflow" / FILE
    return path if folder.is_absolute() and _there(path) else None


def _there(path: Path) -> bool:
    """Tell whether there is anything of this name, in whatever state: what cannot be looked at is not taken for absent."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _content(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        if path.exists() and not path.is_file():  # reading a pipe may never end
            raise OSError("is no regular file")
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"{path}", "cannot be read", got=error.strerror or str(error),
                            remedy=f"Repair it, or set {VARIABLE} to another file or to nothing.") from None  # fmt: skip
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}", "is not TOML", got=str(error)) from None


def _plugins(path: Path, content: Mapping[str, Any]) -> PluginSettings:
    sections = ("plugins",)
    for name in content:
        if name not in sections:
            raise SettingsError(f"{path}, {name}", "unknown section", expected=", ".join(f"[{one}]" for one in sections),
                                remedy=near(name, sections))  # fmt: skip
    table = content.get("plugins", {})
    if not isinstance(table, dict):
        raise SettingsError(f"{path}, plugins", "is a section", expected="[plugins]", got=repr(table))
    known = [field.name for field in fields(PluginSettings)]
    for key in table:
        if key not in known:
            raise SettingsError(f"{path}, plugins.{key}", "unknown key", expected=", ".join(known), remedy=near(key, known))
    return PluginSettings(**{key: _value(path, key, value) for key, value in table.items()})


def _value(path: Path, key: str, value: Any) -> Any:
    """Return a value of the section as its field holds it."""
    if key == "strict" and isinstance(value, bool):
        return value
    if key == "dir" and isinstance(value, str) and value:
        return path.parent / Path(os.path.expanduser(value))  # never below the working directory
    if key in ("allow", "deny", "disable") and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    expected = {"strict": "true or false", "dir": "a folder as text"}.get(key, "a list of texts")
    raise SettingsError(f"{path}, plugins.{key}", "has the wrong type", expected=expected, got=repr(value))
