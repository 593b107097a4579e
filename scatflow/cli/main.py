"""The command group: names, one-line helps, and where each command lives. Nothing is imported until it is called."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

#: Command -> module that holds a click command of that name, and its one-line help.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "run": ("scatflow.cli.job", "Run a pipeline file into a zarr store; resumable."),
    "plan": ("scatflow.cli.plan", "Explain what a run would do: stages, regions, memory, bytes."),
    "data": ("scatflow.cli.job", "Write a source to a zarr store: example data, simulators, files."),
    "show": ("scatflow.cli.show", "Summarize a result and draw its pictures."),
    "ops": ("scatflow.cli.catalog", "List operators, sources and filter families, or describe one."),
    "plugins": ("scatflow.cli.catalog", "List plugins with their state and reason."),
    "version": ("scatflow.cli.catalog", "Print the version."),
}


class Commands(click.Group):
    """A group that knows its commands' names and helps without importing them; plugins may add commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table, then those of plugins."""
        return [*COMMANDS, *_added()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module on first use."""
        if cmd_name in COMMANDS:
            return _built_in(cmd_name)
        return _plugin_command(cmd_name) if cmd_name in _added() else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Offer the nearest name where there is no such command."""
        from scatflow.errors import near

        if args and not args[0].startswith("-") and args[0] not in (names := self.list_commands(ctx)):
            ctx.fail(f"No such command {args[0]!r}. {near(args[0], names) or 'scatflow --help lists them.'}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the one-line helps from the table, so that ``--help`` imports no command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])
        if added := _added():
            with formatter.section("Commands of plugins"):
                formatter.write_dl([(name, f"From {dist}.") for name, dist in added.items()])


def _built_in(name: str) -> click.Command:
    command: click.Command = getattr(importlib.import_module(COMMANDS[name][0]), name)
    return command


def _added() -> dict[str, str]:
    """Return the commands of plugins with their distributions; a plugin cannot replace one of ours."""
    from scatflow.registry import registry

    book = registry()
    names = [name for name in book.names("commands") if name not in COMMANDS]
    return {name: book.provider("commands", name).dist for name in names}


def _plugin_command(name: str) -> click.Command:
    from scatflow.errors import RegistryError
    from scatflow.registry import registry

    found: Any = registry().find("commands", name)
    if not isinstance(found, click.Command):
        raise RegistryError(f"command {name!r}", f"{registry().provider('commands', name).dist} provides something else",
                            expected="a click command", got=type(found).__name__)  # fmt: skip
    return found


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def cli(debug: bool) -> None:
    """Multiscale statistics of labelled arrays far larger than memory.

    Exit codes: 0 complete, 1 failed, 2 bad input, 75 incomplete and resumable.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with 0 complete, 1 failed, 2 bad input, 75 incomplete and resumable."""
    from scatflow.cli.outcome import BAD_INPUT, OK, RESUMABLE, explained, short_warnings

    words = list(sys.argv[1:] if arguments is None else arguments)
    # A group's own options stand before the command; what follows belongs to the command.
    debug = "--debug" in words[: next((n for n, word in enumerate(words) if not word.startswith("-")), len(words))]
    try:
        with short_warnings(debug):
            code = cli.main(args=words, prog_name="scatflow", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(BAD_INPUT)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted: what was finished is kept; the same command with --resume goes on.", err=True)
        sys.exit(RESUMABLE)
    except Exception as error:
        if debug:
            raise
        sys.exit(explained(error))
    sys.exit(code if isinstance(code, int) else OK)


if __name__ == "__main__":
    main()
