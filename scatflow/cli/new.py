"""``new``: a complete plugin written from templates, ready to be installed and checked; needs no network and no plugin."""

from __future__ import annotations

import keyword
import re
import shutil
import string
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from scatflow.api import LOCAL, NAME

TEMPLATES = Path(__file__).parent / "templates"
#: Template -> where it goes; ``window.py`` stands for the chosen kind.
FILES: Mapping[str, str] = {
    "pyproject.toml": "pyproject.toml", "README.md": "README.md", "init.py": "src/$module/__init__.py",
    "plugin.py": "src/$module/plugin.py", "test_operators.py": "tests/test_operators.py",
}  # fmt: skip
KINDS = ("window", "pointwise", "whole", "reduce")
#: The test of each kind's own numbers.
NUMBERS: Mapping[str, str] = {
    "window": """\
    time = np.arange(400)
    wave = xr.DataArray(np.cos(0.3 * time), dims="time")
    smooth = sf.ops.$operator(wave, dims="time", sigma=3.0)
    inside = slice(60, -60)
    np.testing.assert_allclose(smooth[inside], np.exp(-((3.0 * 0.3) ** 2) / 2) * wave[inside], atol=1e-4)""",
    "pointwise": """\
    signal = xr.DataArray([-3.0, -0.5, 0.25, 2.0], dims="time")
    np.testing.assert_array_equal(sf.ops.$operator(signal, threshold=0.5), [-2.5, 0.0, 0.0, 1.5])""",
    "whole": """\
    signal = xr.DataArray(np.random.default_rng(0).standard_normal(50), dims="time")
    ranks = sf.ops.$operator(signal, dims="time")
    np.testing.assert_array_equal(ranks, [(signal < value).mean() for value in signal])""",
    "reduce": """\
    signal = xr.DataArray(np.random.default_rng(0).standard_normal((5, 40)), dims=("name", "time"))
    found = sf.ops.$operator(signal.chunk(name=2), dims="time", over="name")
    np.testing.assert_allclose(found, np.sqrt((signal**2).mean()), rtol=1e-12)""",
}
_DIST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


@click.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), default="window", show_default=True, help="Kind of the first operator.")
@click.option("--operator", metavar="OP", help="Its name; default the plugin's, with underscores.")
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Folder to write into; default here."
)
def new(name: str, kind: str, operator: str | None, into: Path) -> None:
    """Write a complete plugin called NAME: a package with one operator, its tests, and what pip needs to install it."""
    words = names(name, operator)
    target = into / words["dist"]
    if target.exists():
        raise click.UsageError(f"{target} exists already: choose another name, or write elsewhere with --into.")
    write(target, kind, words)
    click.echo(f"{target}: a plugin with the operator {words['operator']}\n")
    for path in sorted(path for path in target.rglob("*") if path.is_file()):
        click.echo(f"  {path.relative_to(target)}")
    click.echo(f"\nNext:\n  pip install -e '{target}[test]'\n  scatflow check {words['dist']}\n  python -m pytest {target}")


def names(name: str, operator: str | None) -> dict[str, str]:
    """Return distribution, module, operator and class name that belong together.

    Raises
    ------
    BadParameter
        A name cannot be used, and why.

    Examples
    --------
    >>> names("Acme_Waves", None)["dist"], names("acme-waves", "ridges")["class_name"]
    ('acme-waves', 'Ridges')
    """
    if not _DIST.fullmatch(name):
        raise click.BadParameter(f"{name!r}: a distribution's name has letters, digits, '-', '_' and '.'", param_hint="NAME")
    dist = re.sub(r"[-_.]+", "-", name).lower()
    module = dist.replace("-", "_")
    if not module.isidentifier() or keyword.iskeyword(module) or module in sys.stdlib_module_names:
        raise click.BadParameter(f"{name!r}: {module!r} cannot be the name of its module", param_hint="NAME")
    if dist == "scatflow" or dist.startswith("scatflow-"):
        raise click.BadParameter(f"{name!r}: names beginning with scatflow are those of the first-party plugins", param_hint="NAME")
    if dist == LOCAL:
        raise click.BadParameter(f"{name!r}: it stands for plugins that are single files", param_hint="NAME")
    called = module if operator is None else operator
    class_name = "".join(word.capitalize() for word in called.split("_"))
    _check_operator(called, class_name)
    from scatflow import __version__

    return {
        "dist": dist, "module": module, "entry": module, "operator": called, "version": __version__, "class_name": class_name,
    }  # fmt: skip


def _check_operator(name: str, class_name: str) -> None:
    from scatflow.registry.offers import RESERVED

    if not NAME.fullmatch(name) or keyword.iskeyword(name) or keyword.iskeyword(class_name):
        raise click.BadParameter(
            f"{name!r}: an operator's name has lower-case letters, digits and '_', is no word of Python and has at most 100 letters",
            param_hint="--operator",
        )
    if name in RESERVED["operators"]:
        raise click.BadParameter(f"{name!r}: this name of an operator is taken by scatflow itself", param_hint="--operator")


def write(target: Path, kind: str, words: Mapping[str, str]) -> None:
    """Write the plugin; a folder that could not be written whole is not left behind."""
    core = kind != "pointwise"
    values = {**words, "call": ', dims="time"' if core else "", "arguments": ", dims: [time]" if core else ""}
    values["numbers"] = string.Template(NUMBERS[kind]).substitute(values)
    target.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for template, path in {**FILES, f"{kind}.py": "src/$module/operators.py"}.items():
            text = string.Template((TEMPLATES / f"{template}.tmpl").read_text(encoding="utf-8")).substitute(values)
            file = place / string.Template(path).substitute(values)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        (place / "src" / values["module"] / "py.typed").touch()
        place.chmod(0o755)  # temporary folders are private
        place.rename(target)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
