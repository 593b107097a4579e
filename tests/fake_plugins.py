"""Distributions for tests, written as an installer leaves them: metadata, entry points, modules. Good ones and all kinds of bad.

Every module begins by adding its name to a file, so that a test can tell what was imported, in whatever process.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOOK = "from scatflow.hookspecs import hookimpl, renamed\n"


@dataclass(frozen=True)
class Folder:
    """A folder to be put on the path; what its modules import goes to ``footprints``."""

    path: Path

    @property
    def footprints(self) -> Path:
        """The file that imports leave their names in."""
        return self.path / "imported.txt"

    def imported(self) -> list[str]:
        """Return the modules that have been imported, in order."""
        return self.footprints.read_text().split() if self.footprints.exists() else []

    def module(self, name: str, text: str) -> None:
        """Write a module; ``a.b`` lies in the package ``a``, which gets an ``__init__`` of its own where it has none."""
        file = self.path.joinpath(*name.split(".")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        for folder in file.relative_to(self.path).parents:
            start = self.path / folder / "__init__.py"
            if folder.parts and not start.exists():
                start.write_text(self._step())
        file.write_text(self._step() + textwrap.dedent(text))

    def _step(self) -> str:
        return f"with open({str(self.footprints)!r}, 'a') as _file:\n    print(__name__, file=_file)\n"

    def dist(
        self,
        name: str,
        plugin: str | None = None,
        *,
        version: str = "1.0",
        entries: Mapping[str, str] | None = None,
        direct_url: Any = None,
        raw: str | None = None,
    ) -> Path:
        """Write a distribution; ``plugin`` is the text of the module that its one entry point names.

        Parameters
        ----------
        name, version : str
            As the metadata state them.
        plugin : str, optional
            Text of the module ``<name>_plugin``.
        entries : mapping, optional
            Entry points instead of that one, ``{"hats": "acme_hats.plugin"}``.
        direct_url : object, optional
            JSON of the installer's record of where it came from.
        raw : str, optional
            Text of ``entry_points.txt`` instead.
        """
        word = name.replace("-", "_").replace(".", "_")
        module = f"{word.lower()}_plugin"
        if plugin is not None:
            self.module(module, plugin)
        info = self.path / f"{word}-{version}.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        points = {"main": module} if entries is None else entries
        lines = ["[scatflow]", *(f"{key} = {value}" for key, value in points.items())]
        (info / "entry_points.txt").write_text("\n".join(lines) if raw is None else raw)
        if direct_url is not None:
            (info / "direct_url.json").write_text(direct_url if isinstance(direct_url, str) else json.dumps(direct_url))
        return info


def operators(**targets: str) -> str:
    """Return the text of a plugin that provides operators; values are Python expressions."""
    inside = ", ".join(f"{name!r}: {target}" for name, target in targets.items())
    return f"{HOOK}\n@hookimpl\ndef scatflow_operators():\n    return {{{inside}}}\n"


def pointwise(
    name: str, version: int = 1, summary: str = "Adds one.", aliases: tuple[str, ...] = (), body: str = "blocks[0] + 1"
) -> str:
    """Return the text of an operator class called as the operator, capitalized; a version is part of the class's name."""
    return textwrap.dedent(f'''
        from scatflow import Pointwise, operator, param

        @operator({name!r}, version={version}, signature="()->()", aliases={aliases!r})
        class {name.title().replace("_", "")}{version if version > 1 else ""}(Pointwise):
            """{summary}"""

            def apply(self, xp, *blocks):
                return {body}
    ''')  # fmt: skip


GOOD = operators(good='"good_ops.plus:Plus"')

#: What can be wrong with a plugin -> its text, the state it ends in, and words of the reason.
BAD: Mapping[str, tuple[str, str, str]] = {
    "import-error": ("import no_such_module_anywhere\n", "failed:import", "No module named 'no_such_module_anywhere'"),
    "syntax-error": ("def scatflow_operators(:\n", "failed:import", "SyntaxError"),
    "system-exit": ("raise SystemExit(3)\n", "failed:import", "SystemExit: 3"),
    "generator-exit": ("raise GeneratorExit('gone')\n", "failed:import", "GeneratorExit: gone"),
    "base-exception": ("class Odd(BaseException): pass\nraise Odd('very')\n", "failed:import", "Odd: very"),
    "silent-error": (
        "class Odd(Exception):\n    def __str__(self): raise ValueError('no text')\nraise Odd()\n", "failed:import", "whose text raises ValueError",
    ),
    "leaving-error": (
        "class Odd(Exception):\n    def __str__(self): raise SystemExit(3)\nraise Odd()\n", "failed:import", "Odd, whose text raises SystemExit",
    ),
    "warning-error": ("import warnings\nwarnings.simplefilter('error')\nwarnings.warn('old', UserWarning)\n", "failed:import", "UserWarning: old"),
    "new-api": ("SCATFLOW_API = 99\n", "failed:api", "written for contract 99, this scatflow offers 1"),
    "text-api": ("SCATFLOW_API = '1'\n", "failed:api", "got '1'"),
    "true-api": ("SCATFLOW_API = True\n", "failed:api", "got True"),
    "zero-api": ("SCATFLOW_API = 0\n", "failed:api", "got 0"),
    "bad-signature": (f"{HOOK}\n@hookimpl\ndef scatflow_event(happening): pass\n", "failed:hook", "happening"),
    "mistyped": (f"{HOOK}\n@hookimpl\ndef scatflow_operator(): return {{}}\n", "failed:hook", "'scatflow_operators'"),
    "mistyped-unmarked": ("def scatflow_source(): return {}\n", "failed:hook", "'scatflow_sources'"),
    "unmarked": ("def scatflow_operators(): return {}\n", "failed:hook", "scatflow_operators is not marked with @hookimpl"),
    "named-otherwise": (f"{HOOK}\n@hookimpl(specname='scatflow_oprators')\ndef offers(): return {{}}\n", "failed:hook", "scatflow_oprators"),
    "wrapper": (f"{HOOK}\n@hookimpl(hookwrapper=True)\ndef scatflow_operators(): yield\n", "failed:hook", "wrapper"),
    "raising": (f"{HOOK}\n@hookimpl\ndef scatflow_operators(): raise KeyError('oops')\n", "failed:hook", "KeyError: 'oops'"),
    "exiting": (f"{HOOK}\n@hookimpl\ndef scatflow_operators(): raise SystemExit\n", "failed:hook", "SystemExit"),
    "late-raising": (
        f"{HOOK}\nfrom collections.abc import Mapping\nclass Lazy(Mapping):\n    def __len__(self): return 1\n"
        "    def __iter__(self): raise OSError('disk')\n    def __getitem__(self, key): return 1\n"
        "@hookimpl\ndef scatflow_operators(): return Lazy()\n", "failed:hook", "OSError: disk",
    ),
    "class": (f"{HOOK}\n@hookimpl\nclass scatflow_operators: pass\n", "failed:hook", "is the class scatflow_operators, expected a function"),
    "class-named-otherwise": (
        f"{HOOK}\n@hookimpl(specname='scatflow_event')\nclass Watcher: pass\n", "failed:hook", "is the class Watcher, expected a function",
    ),
    "async": (f"{HOOK}\n@hookimpl\nasync def scatflow_event(event): pass\n", "failed:hook", "scatflow_event is async"),
    "nothing": (f"{HOOK}\n@hookimpl\ndef scatflow_operators(): pass\n", "failed:spec", "type NoneType"),
    "list": (f"{HOOK}\n@hookimpl\ndef scatflow_operators(): return ['hat']\n", "failed:spec", "expected a mapping"),
    "capital": (operators(Hat='"m:Hat"'), "failed:spec", "'Hat'"),
    "newline": (f"{HOOK}\n@hookimpl\ndef scatflow_operators(): return {{'hat\\n': 'm:Hat'}}\n", "failed:spec", "'hat\\n'"),
    "number-name": (f"{HOOK}\n@hookimpl\ndef scatflow_operators(): return {{3: 'm:Hat'}}\n", "failed:spec", "the name 3"),
    "version-zero": (f"{HOOK}\n@hookimpl\ndef scatflow_operators(): return {{'hat': 'm:H', 'hat@0': 'm:H'}}\n", "failed:spec", "'hat@0'"),
    "version-alone": (f"{HOOK}\n@hookimpl\ndef scatflow_operators(): return {{'hat@1': 'm:H'}}\n", "failed:spec", "no current 'hat'"),
    "no-colon": (operators(hat='"acme.hats.Hat"'), "failed:spec", "'acme.hats.Hat'"),
    "path": (operators(hat='"../hats:Hat"'), "failed:spec", "'../hats:Hat'"),
    "call": (operators(hat='"os:system(1)"'), "failed:spec", "'os:system(1)'"),
    "wrong-base": (operators(hat="dict"), "failed:spec", "the class dict, expected a class derived from Operator"),
    "instance": (operators(hat="object()"), "failed:spec", "an object of type object"),
    "wrong-kind": (
        f"{HOOK}\nfrom scatflow import Source\n@hookimpl\ndef scatflow_operators(): return {{'hat': Source}}\n", "failed:spec", "the class Source",
    ),
    "no-command": (f"{HOOK}\n@hookimpl\ndef scatflow_commands(): return {{'hat': print}}\n", "failed:spec", "expected a click command"),
    "dangling": (operators(hat="renamed('cap')"), "failed:spec", "'cap', which this plugin does not provide"),
    "chain": (operators(a="renamed('b')", b="renamed('c')", c='"m:C"'), "failed:spec", "'b', which is renamed itself"),
    "own-circle": (operators(a="renamed('a')"), "failed:spec", "renamed itself"),
    "renamed-version": (
        f"{HOOK}\n@hookimpl\ndef scatflow_operators(): return {{'a': 'm:A', 'b@1': renamed('a')}}\n", "failed:spec", "'b@1'",
    ),
    "asks-while-loading": ("from scatflow import ops\nops.reduce\n", "failed:import", "not there while plugins are loaded"),
}  # fmt: skip
