"""Before a job starts: what workers cannot have is sent to them, and a worker that would compute otherwise keeps it from starting."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from distributed import Client, WorkerPlugin

from scatflow.cluster.fingerprint import ABSENT, Wanted, fingerprint, wanted
from scatflow.contract import Declared
from scatflow.errors import JobError
from scatflow.registry.guard import told
from scatflow.registry.local import Sources, install, sources

#: Workers that a message names; others it counts.
_NAMED = 8


def handshake(client: Client, values: Iterable[Declared], fft: str) -> None:
    """Compare the fingerprints of all workers with ours and refuse on any difference.

    Raises
    ------
    JobError
        Workers differ or lack something, or nobody but this process can have a class; the text holds the differences.
    """
    classes = wanted(values)
    ours = fingerprint(classes, fft)
    _check_importable(classes, ours)
    ship(client, classes)
    theirs: Mapping[str, Any] = client.run(fingerprint, classes, fft, on_error="return")
    groups: dict[tuple[str, ...], list[str]] = {}
    for worker, found in sorted(theirs.items()):
        if different := tuple(_differences(ours, found)):
            groups.setdefault(different, []).append(worker)
    if groups:
        count = sum(map(len, groups.values()))
        raise JobError(f"{count} of {len(theirs)} workers", f"would not compute what this process does{_listed(groups)}",
                       remedy="Use one environment everywhere, and restart workers that are older than a change of their code.",
                       code="WorkersDiffer")  # fmt: skip


def _check_importable(classes: Iterable[Wanted], ours: Mapping[str, str]) -> None:
    """Refuse classes that exist in this process alone."""
    for one in classes:
        if one.module == "__main__":
            raise JobError(f"operator {one.name!r}", "is defined in __main__, which workers cannot import",
                           remedy="Move it into a module or plugin.")  # fmt: skip
        if (said := ours[f"{one.label}, version"]).startswith(ABSENT):
            raise JobError(f"operator {one.label!r}", "cannot be imported by its name, as workers have to", got=said.removeprefix(ABSENT),
                           remedy="Define it at the top of a module.")  # fmt: skip


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


def ship(client: Client, classes: Iterable[Wanted]) -> None:
    """Give scheduler and workers the single-file plugins that classes come from; also workers that start later.

    What goes wrong on a worker is no error here: its fingerprint will tell.

    Raises
    ------
    JobError
        The scheduler, which unpickles what is submitted, cannot take them.
    """
    texts = sources([one.module for one in classes])
    if not texts or any(isinstance(found, Exception) for found in client.run(_ready, on_error="return").values()):
        return  # a worker plugin that some worker cannot even load would keep it from ever starting again
    try:
        client.run_on_scheduler(install, texts)
    except Exception as error:
        raise JobError("scheduler", "cannot take single-file plugins", got=told(error),
                       remedy="Install scatflow where the scheduler runs.") from error  # fmt: skip
    for name, source in texts.items():
        with contextlib.suppress(Exception):
            client.register_plugin(LocalModule({name: source}), name=f"scatflow-{name}")


def _ready() -> bool:
    """Be importable on a worker."""
    return True


class LocalModule(WorkerPlugin):
    """Makes a single-file plugin importable on a worker; it is imported when a task or a fingerprint needs it."""

    #: A worker that has it keeps it: the name holds the content.
    idempotent = True

    def __init__(self, texts: Sources) -> None:
        self.texts = texts

    def setup(self, worker: Any) -> None:
        """Put the text where imports look."""
        install(self.texts)
