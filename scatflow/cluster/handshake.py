"""Before a job starts: a worker that would compute otherwise keeps it from starting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from distributed import Client

from scatflow.cluster.asking import ask
from scatflow.cluster.code import roots
from scatflow.cluster.fingerprint import ABSENT, AS_HELD, LOADED, Wanted, fingerprint, wanted
from scatflow.contract import Declared
from scatflow.errors import JobError
from scatflow.registry.guard import told
from scatflow.texts import Texts, install, installed

#: Workers that a message names; others it counts.
_NAMED = 8


def handshake(client: Client, values: Iterable[Declared], fft: str) -> None:
    """Compare the fingerprints of all workers with ours and refuse on any difference.

    Raises
    ------
    JobError
        Workers differ or lack something, or nobody but this process can have a class; the text holds the differences. Or
        they do not answer, see :func:`scatflow.cluster.asking.ask`.
    """
    classes = wanted(values)
    files = roots(one.module for one in classes)
    ours = fingerprint(classes, files, fft)
    _check_importable(classes, ours)
    _check_current(files, ours)
    texts = installed(one.module for one in classes)
    theirs = ask(client, _told, texts, classes, files, fft)
    groups: dict[tuple[str, ...], list[str]] = {}
    for worker, found in sorted(theirs.items()):
        if different := tuple(_differences(ours, found)):
            groups.setdefault(different, []).append(worker)
    if groups:
        count = sum(map(len, groups.values()))
        raise JobError(f"{count} of {len(theirs)} workers", f"would not compute what this process does{_listed(groups)}",
                       remedy="Use one environment everywhere, and restart workers that are older than a change of their code.",
                       code="WorkersDiffer")  # fmt: skip


def _told(texts: Texts, classes: Iterable[Wanted], files: Iterable[str], fft: str) -> dict[str, str]:
    """Return a worker's fingerprint; tasks bring the texts of single files along, and so does this."""
    install(texts)
    return fingerprint(classes, files, fft)


def _check_importable(classes: Iterable[Wanted], ours: Mapping[str, str]) -> None:
    """Refuse classes that exist in this process alone."""
    for one in classes:
        if one.module == "__main__":
            raise JobError(f"operator {one.name!r}", "is defined in __main__, which workers cannot import",
                           remedy="Move it into a module or plugin.")  # fmt: skip
        if (said := ours[f"{one.label}, version"]).startswith(ABSENT):
            raise JobError(f"operator {one.label!r}", "cannot be imported by its name, as workers have to", got=said.removeprefix(ABSENT),
                           remedy="Define it at the top of a module.")  # fmt: skip


def _check_current(files: Iterable[str], ours: Mapping[str, str]) -> None:
    """Refuse to compare others with code of which it is not known that it is that of its files."""
    older = [said for root in files if (said := ours[f"{root}{LOADED}"]) != AS_HELD]
    if older:
        raise JobError("this process", "may have loaded other code than workers would", got="; ".join(older),
                       remedy="Restart it: what is loaded once stays as it was.", code="WorkersDiffer")  # fmt: skip


def _differences(ours: Mapping[str, str], theirs: Any) -> Iterator[str]:
    """Yield one line per difference: name, here, there."""
    if not isinstance(theirs, Mapping):
        yield f"the worker cannot tell: {told(theirs) if isinstance(theirs, BaseException) else theirs}"
        return
    for name, here in ours.items():
        there = theirs.get(name, f"{ABSENT}it is not asked there")
        if here != there and here and there:  # of what is empty in one process nothing can be said
            yield f"{name}: here {here}, there {there}"


def _listed(groups: Mapping[tuple[str, ...], list[str]]) -> str:
    lines = []
    for different, workers in groups.items():
        more = f" and {len(workers) - _NAMED} more" if len(workers) > _NAMED else ""
        lines += [f"\n  {', '.join(workers[:_NAMED])}{more}", *(f"\n    {line}" for line in different)]
    return "".join(lines)
