"""A command of this plugin."""

from __future__ import annotations

import click


@click.command("hatreach")
@click.argument("width", type=float)
def hat_reach(width: float) -> None:
    """Print how far a Mexican hat of WIDTH samples sees."""
    from acme_signals.hats import MexicanHat

    click.echo(MexicanHat(width=width).depth()["x"][0])
