"""Tables on a terminal and in a file: rich where there is a terminal, never cut off where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

#: Width where no terminal tells one: a file has no edge, and a test sees the same everywhere.
FILE_WIDTH = 200


def console(stderr: bool = False) -> Console:
    """Return a console that writes plain text into pipes and files."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, soft_wrap=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, width=FILE_WIDTH)


def print_table(rows: Sequence[Sequence[str]], header: Sequence[str], right: Sequence[int] = (), title: str | None = None) -> None:
    """Print rows under a header; columns named by ``right`` are aligned right, the last one takes the room that is left."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False, header_style="bold")
    for number, name in enumerate(header):
        last = number == len(header) - 1
        table.add_column(Text(name), justify="right" if number in right else "left", no_wrap=not last, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    _print(table)


def print_pairs(pairs: Sequence[tuple[str, str]], indent: int = 2) -> None:
    """Print names with their values, values under each other; continued lines are indented too."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(Text(name), Text(value))
    _print(Padding(table, (0, 0, 0, indent)))


def print_heading(words: str) -> None:
    """Print a line that starts a section."""
    from rich.text import Text

    _print(Text(words, style="bold"))


def _print(content: Any) -> None:
    """Print for a terminal, or plainly and without the blanks that fill up lines."""
    screen = console()
    if screen.is_terminal:
        screen.print(content)
        return
    with screen.capture() as capture:
        screen.print(content)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def size(count: float) -> str:
    """Return a number of bytes for people.

    Examples
    --------
    >>> size(512), size(3 * 2**20), size(5e13)
    ('512 B', '3.0 MiB', '45.5 TiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
