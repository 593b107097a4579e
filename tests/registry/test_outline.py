"""Declarations read from source: the same as importing would tell, nothing imported, and no guess where the source does not tell."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fake_plugins import Folder, operators, pointwise
from scatflow.errors import RegistryError
from scatflow.registry import KINDS, Registry
from scatflow.registry.outline import Outline, of_class, outlines

Put = Callable[..., None]


def test_first_party_outlines_are_what_importing_tells() -> None:
    book = Registry()
    for kind in KINDS[:3]:
        for provided in book.entries(kind):
            module, _, name = provided.target.partition(":")
            read = outlines(module)[name]
            assert read == of_class(book.find(kind, provided.canonical)), provided.canonical
            assert read is not None and read.summary


def hat(folder: Folder, text: str) -> Outline | None:
    folder.module("acme.hats", text)
    (found,) = [found for name, found in outlines("acme.hats").items() if name == "Hat"] or [None]
    assert folder.imported() == []
    return found


PLAIN = '''
@operator("hat", version=2, signature="(x)->(x)", aliases=("ricker", "sombrero"), linear=True)
class Hat(Window):
    """A Mexican hat.

    More.
    """
'''
EXPECTED = Outline("hat", 2, "A Mexican hat.", ("ricker", "sombrero"), "(x)->(x)")


@pytest.mark.parametrize(
    "text",
    [
        f"from scatflow import Window, operator\n{PLAIN}",
        f"from scatflow.contract import Window, operator\n{PLAIN}",
        f"from scatflow.contract.operator import operator\n{PLAIN}",
        "import scatflow as sf\n" + PLAIN.replace("@operator", "@sf.operator"),
        "import scatflow\n" + PLAIN.replace("@operator", "@scatflow.operator"),
        "from scatflow import operator as declare\n" + PLAIN.replace("@operator", "@declare"),
        "from scatflow import operator\n" + PLAIN.replace('"hat", version', 'name="hat", version'),
        "from scatflow import operator\n" + PLAIN.replace("linear=True", "references=(REFERENCE,), equation=f'{x}'"),
        "from scatflow import operator\nif True:\n    import numpy as np\ntry:\n    import cupy\nexcept ImportError:\n    cupy = None\n"
        + PLAIN,
        f"from scatflow import operator\n{PLAIN.replace('Hat', 'Cap')}\nfrom scatflow import operator\n{PLAIN}",
        f"import scatflow\nimport scatflow.spec\n{PLAIN.replace('@operator', '@scatflow.operator')}",
        f"from scatflow import operator\n{PLAIN}\n    def apply(self, Hat, operator):\n        Hat = operator = 1\n",
    ],
)
def test_what_everybody_writes_is_read(folder: Folder, text: str) -> None:
    assert hat(folder, text) == EXPECTED


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,  # the decorator comes from nowhere
        f"from acme.declare import operator\n{PLAIN}",
        f"from .declare import operator\n{PLAIN}",
        f"from scatflow import operator\nfrom acme import *\noperator = wrapped(operator)\n{PLAIN}",
        f"from scatflow import operator\ndef operator(name, **rest): return lambda cls: cls\n{PLAIN}",
        f"from scatflow import operator\nif True:\n    from acme import operator\n{PLAIN}",
        f"from scatflow import operator\nfor operator in (1,): pass\n{PLAIN}",
        "from scatflow import operator\n" + PLAIN.replace("version=2", "version=VERSION"),
        "from scatflow import operator\n" + PLAIN.replace("version=2", "version=1 + 1"),
        "from scatflow import operator\n" + PLAIN.replace("version=2", "version='2'"),
        "from scatflow import operator\n" + PLAIN.replace("version=2, ", ""),
        "from scatflow import operator\n" + PLAIN.replace("linear=True", "**more"),
        "from scatflow import operator\n" + PLAIN.replace('"hat", version', "*names, version"),
        "from scatflow import operator\n" + PLAIN.replace('("ricker", "sombrero")', "ALIASES"),
        "from scatflow import operator\n" + PLAIN.replace("class Hat", "@another\nclass Hat"),
        "from scatflow import operator\n" + PLAIN + "    __doc__ = text()\n",
        "from scatflow import operator\nif True:\n" + "\n".join("    " + line for line in PLAIN.splitlines()),
        "from scatflow import operator\n" + PLAIN + PLAIN,
        *(
            f"from scatflow import operator\n{before}\n{PLAIN}"
            for before in (
                "if True:\n    def operator(name, **rest): return lambda cls: cls",
                "try:\n    class operator: pass\nexcept Exception: pass",
                "match 1:\n    case operator: pass",
                "match [1]:\n    case [*operator]: pass",
                "match {}:\n    case {**operator}: pass",
                "try: pass\nexcept ValueError as operator: pass",
                "from acme.declare import *",
                "def rebind():\n    global operator\n    operator = None",
                "if True:\n    from acme import operator",
            )
        ),
        *(
            f"from scatflow import operator\n{PLAIN}\n{after}\n"
            for after in (
                "Hat = wrapped(Hat)",
                "del Hat",
                "from acme.others import Hat",
                "Hat.__doc__ = 'Another.'",
                "Hat.aliases += ('x',)",
                "if True:\n    class Hat: pass",
                "for Hat in (): pass",
                "raise ImportError('late')",
            )
        ),
        *(
            "from scatflow import operator\n" + PLAIN + f"    {line}\n"
            for line in (
                "__doc__ += 'more'",
                "for __doc__ in 'ab': pass",
                "a, __doc__ = 1, 'b'",
                "def __doc__(self): pass",
            )
        ),
        "from scatflow import operator\n" + PLAIN.replace("version=2", "version=0"),
        "from scatflow import operator\n" + PLAIN.replace("version=2", "version=True"),
        "from scatflow import operator\n" + PLAIN.replace('"ricker", "sombrero"', "1, 2"),
        "from acme.others import Hat\n",
        "Hat = make('hat')\n",
        "def broken(:\n",
    ],
)
def test_where_the_source_does_not_tell_nothing_is_guessed(folder: Folder, text: str) -> None:
    assert hat(folder, text) is None


def test_sources_and_families(folder: Folder) -> None:
    folder.module("acme.rest", (
        "from scatflow import Source, source\nfrom scatflow.contract import FilterFamily, family\n"
        "@source('waves', version=3)\nclass Waves(Source):\n    'Waves.'\n\n@family('comb', version=1)\nclass Comb(FilterFamily):\n    pass\n"
    ))  # fmt: skip
    assert outlines("acme.rest") == {"Waves": Outline("waves", 3, "Waves."), "Comb": Outline("comb", 1, "")}


@pytest.mark.parametrize(
    "module", ["no_such_package.hats", "acme.no_such", "acme.hats.deeper", "json.no_such", "sys", "", "..", "math"]
)
def test_modules_without_source(folder: Folder, module: str) -> None:
    folder.module("acme.hats", PLAIN)
    assert outlines(module) == {} and folder.imported() == []


def test_a_package_in_two_places_and_in_an_archive(tmp_path: Path, on_path: Put) -> None:
    one, two = Folder(tmp_path / "one"), Folder(tmp_path / "two.zip")
    (one.path / "acme").mkdir(parents=True)
    (one.path / "acme" / "hats.py").write_text(f"from scatflow import operator\n{PLAIN}")
    with zipfile.ZipFile(two.path, "w") as archive:
        archive.writestr("zipped/__init__.py", "raise SystemExit")
        archive.writestr("zipped/hats.py", f"from scatflow import operator\n{PLAIN}")
    on_path(one, two)
    assert outlines("acme.hats") == outlines("zipped.hats") == {"Hat": EXPECTED}
    assert "acme" not in sys.modules and "zipped" not in sys.modules


# What the registry makes of it ----------------------------------------------------------------------------------------


def test_errors_find_other_names_without_importing(folder: Folder) -> None:
    folder.dist("acme", operators(hat='"acme_ops.hats:Hat"', lost='"nowhere:Lost"', own='"acme_ops.own:Own"'))
    folder.module("acme_ops.hats", pointwise("hat", aliases=("Mexican hat", "ricker")))
    folder.module("acme_ops.own", "raise SystemExit\n")
    book = Registry()
    for name in ("ricker", "mexican_hat", "acme:ricker"):
        with pytest.raises(RegistryError, match="is another name of 'hat'"):
            book.provider("operators", name)
    assert folder.imported() == ["acme_plugin"]


def test_a_class_that_is_there_tells_itself(folder: Folder) -> None:
    folder.dist("acme", operators(hat='"acme_hats:Hat"'))
    folder.module("acme_hats", pointwise("hat", version=1).replace("version=1", "version=int('1')"))
    book = Registry()
    (provided,) = book.entries("operators")
    assert book.outline("operators", provided) is None
    book.find("operators", "hat")
    assert book.outline("operators", provided) == Outline("hat", 1, "Adds one.", (), "()->()")


def test_an_outline_of_another_name_is_not_believed(folder: Folder) -> None:
    folder.dist("acme", operators(hat='"acme_hats:Cap"'))
    folder.module("acme_hats", pointwise("cap"))
    book = Registry()
    (provided,) = book.entries("operators")
    assert book.outline("operators", provided) is None
