"""``rerun``: a result repeated from its own record, and what is different."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from scatflow.cli.difference import Difference, differences
from scatflow.cli.job import execute, values, warned
from scatflow.cli.options import ALLOW_DRIFT, job_options
from scatflow.cli.outcome import FAILED, OK
from scatflow.cli.show import told_drift


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Keep the repeated result here; default a store that is removed."
)
@click.option(
    "--rtol", type=click.FloatRange(0), default=0.0, show_default=True, help="Largest relative difference of a value; 0 asks for the same bytes."
)  # fmt: skip
@ALLOW_DRIFT
@job_options
def rerun(result: Path, output: Path | None, rtol: float, allow_drift: bool, parameters: Sequence[str], **options: Any) -> int:
    """Run again what made RESULT (a zarr store), from its own record, and report the difference.

    Regions are those of the first run unless --region says otherwise. Exit code 0 means that values and labels are equal
    within --rtol, 1 that they are not.
    """
    from scatflow.pipeline import Pipeline
    from scatflow.store import open_result

    if output is None and (options["resume"] or options["update"]):
        raise click.UsageError("--resume and --update go on with a store: name it with -o.")
    if output is not None and output.resolve() == result.resolve():
        raise click.UsageError("the repeated result cannot replace the first one: give -o another name.")
    output = output and output.absolute()  # before any plugin is loaded, which might change the working directory
    before = open_result(result)
    pipeline = warned(Pipeline.from_array(before, allow_drift=allow_drift, **values(parameters)))
    inputs = compared_inputs(pipeline, before.attrs)
    with _place(result, output) as place:
        execute(pipeline, place, options, region=_regions(result))
        after = open_result(place)
        found = differences(before, after)
        _report(result, found, rtol, [*inputs, *compared_records(before.attrs, after.attrs), _compared_plans(result, place)])
    return OK if all(one.within(rtol) for one in found.values()) else FAILED


@contextlib.contextmanager
def _place(result: Path, output: Path | None) -> Iterator[Path]:
    """Yield where to write: a folder beside the result that is removed afterwards, unless one is named."""
    if output is not None:
        yield output
        return
    folder = Path(tempfile.mkdtemp(prefix=f".{result.stem}-rerun-", dir=result.absolute().parent))
    try:
        yield folder / "rerun.zarr"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _plan(result: Path) -> dict[str, Any]:
    from scatflow.errors import StoreError
    from scatflow.store import plan_of

    try:
        return plan_of(result)
    except (StoreError, json.JSONDecodeError):
        return {}


def _regions(result: Path) -> dict[str, int]:
    """Return the region lengths of the first run, as far as its stages agree: grouping may change the last bits."""
    lengths: dict[str, set[int]] = {}
    for stage in _plan(result).get("stages", []):
        for dim, length in stage["regions"][1]:
            lengths.setdefault(dim, set()).add(length)
    return {dim: next(iter(found)) for dim, found in lengths.items() if len(found) == 1}


def compared_inputs(pipeline: Any, attrs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return, per source, whether its data are those of the first run, which their fingerprints tell."""
    from scatflow.contract import Source
    from scatflow.graph import parse_provenance

    known = parse_provenance(attrs).inputs
    rows = []
    for node in pipeline.graph.nodes:
        if isinstance(node.value, Source):
            then = known.get(node.id, {}).get("fingerprint")
            changed = "unchanged" if then == node.value.fingerprint() else "CHANGED since the first run"
            rows.append(("input", f"{node.id}: {changed if then else 'no fingerprint was recorded'}"))
    return rows


def compared_records(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return which versions were other ones then."""
    from scatflow.graph import parse_provenance

    then, now = parse_provenance(before), parse_provenance(after)
    rows = []
    for title in ("operators", "plugins", "versions"):
        old, new = getattr(then, title), getattr(now, title)
        changes = [
            f"{name} {_versions(old.get(name))} → {_versions(new.get(name))}"
            for name in sorted({*old, *new})
            if old.get(name) != new.get(name)
        ]
        rows.append((title, ", ".join(changes) or "the same"))
    if now.drift:
        rows.append(("drift", told_drift(now)))
    return rows


def _versions(found: Any) -> str:
    if not found:
        return "(none)"
    return found if isinstance(found, str) else " and ".join(map(str, found))


def _compared_plans(before: Path, after: Path) -> tuple[str, str]:
    """Return what of the plans differs; names of nodes, which a record does not keep, do not count."""
    old, new = _plan(before), _plan(after)
    if not old:
        return "plan", "none was kept"
    changes = [f"{key} ({old.get(key)} → {new.get(key)})" for key in ("fft", "device") if old.get(key) != new.get(key)]
    for key in ("kind", "steps", "targets", "regions"):
        if [_stages(stage, key) for stage in old["stages"]] != [_stages(stage, key) for stage in new["stages"]]:
            changes.append(key)
    return "plan", f"differs in {', '.join(changes)}" if changes else "the same"


def _stages(stage: Mapping[str, Any], key: str) -> Any:
    return [entry[1:] for entry in stage[key]] if key == "steps" else stage[key]


def _report(result: Path, found: Mapping[str, Difference], rtol: float, facts: Sequence[tuple[str, str]]) -> None:
    from scatflow.cli.screen import print_heading, print_pairs

    print_heading(f"{result}, then and now")
    print_pairs(facts)
    print_heading("\nvariables")
    print_pairs([(name, str(one)) for name, one in found.items()])
    equal = all(one.within(rtol) for one in found.values())
    measure = f"within a relative difference of {rtol:g}" if rtol else "byte by byte"
    click.echo(f"{'equal' if equal else 'NOT equal'} {measure}")
