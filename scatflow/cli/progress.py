"""The progress of a run: a bar with rate and time left on a terminal, a line now and then in a log."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click

Observer = Callable[[Mapping[str, Any]], None]

#: Seconds between lines in a log.
LOG_SECONDS = 30.0


@contextlib.contextmanager
def progress(quiet: bool = False) -> Iterator[Observer | None]:
    """Yield an observer of a run's events; None when nothing is to be shown."""
    if quiet:
        yield None
        return
    from scatflow.cli.screen import console

    screen = console(stderr=True)
    if not screen.is_terminal:
        yield Log(click.echo).observe
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"))
    with Progress(*columns, console=screen) as bar:
        task = bar.add_task("planning", total=None, pace="")
        pace = Pace()

        def observe(event: Mapping[str, Any]) -> None:
            pace.update(event["done"], event["total"])
            words = str(event.get("stage") or event["event"])
            bar.update(task, completed=event["done"], total=event["total"], description=words, pace=str(pace))

        yield observe


class Pace:
    """Rate and time left, from what this run did: regions of an earlier one, found at a resume, took no time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: tuple[float, int] | None = None
        self._now: tuple[float, int, int] = (0.0, 0, 0)

    def update(self, done: int, total: int) -> None:
        """Note how many regions are done."""
        now = self._clock()
        self._began = self._began or (now, done)
        self._now = (now, done, total)

    @property
    def rate(self) -> float:
        """Regions per second; 0 while none is known."""
        if self._began is None:
            return 0.0
        seconds, done = self._now[0] - self._began[0], self._now[1] - self._began[1]
        return done / seconds if seconds > 0 else 0.0

    def __str__(self) -> str:
        rate = self.rate
        if rate <= 0:
            return ""
        shown = f"{rate:.3g}/s" if rate >= 1 else f"{1 / rate:.3g} s each"
        left = self._now[2] - self._now[1]
        return f"{shown}, {duration(left / rate)} left" if left > 0 else shown


class Log:
    """Progress as lines for files: at the start, at the end, and not more often than every half minute."""

    def __init__(self, write: Callable[..., Any], clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write, clock
        self._pace = Pace(clock)
        self._last = -LOG_SECONDS

    def observe(self, event: Mapping[str, Any]) -> None:
        """Write a line if it is time."""
        self._pace.update(event["done"], event["total"])
        now = self._clock()
        if event["event"] == "region" and now - self._last < LOG_SECONDS:
            return
        self._last = now
        pace = str(self._pace)
        words = str(event.get("stage") or event["event"])
        self._write(f"{words}: {event['done']} of {event['total']} regions" + (f", {pace}" if pace else ""), err=True)


def duration(seconds: float) -> str:
    """Return a duration for people.

    Examples
    --------
    >>> duration(42.2), duration(3700), duration(200000)
    ('42 s', '1 h 1 min', '2 d 7 h')
    """
    whole = round(seconds)
    for big, small, unit, part in ((86400, 3600, "d", "h"), (3600, 60, "h", "min"), (60, 1, "min", "s")):
        if whole >= big:
            rest = whole % big // small
            return f"{whole // big} {unit} {rest} {part}" if rest else f"{whole // big} {unit}"
    return f"{whole} s"
