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
    "data": ("scatflow.cli.job", "Write a source to a zarr store: example data, simulators; convert files."),
    "show": ("scatflow.cli.show", "Summarize a result and draw its pictures."),
    "rerun": ("scatflow.cli.rerun", "Repeat a result from its own record and report the difference."),
    "ops": ("scatflow.cli.catalog", "List operators, sources and filter families, or describe one."),
    "plugins": ("scatflow.cli.catalog", "List plugins with their state and reason."),
    "check": ("scatflow.cli.check", "Hold the operators of a plugin to the contract."),
    "new": ("scatflow.cli.new", "Write a complete plugin to start from."),
    "version": ("scatflow.cli.catalog", "Print the version."),
}


class Commands(click.Group):
    """A group that knows its commands' names and helps without importing them; plugins may add commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return our names in the order of the table; plugins are not loaded to list theirs."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module on first use."""
        if cmd_name in COMMANDS:
            return _built_in(cmd_name)
        return _plugin_command(cmd_name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Offer the nearest name where there is no such command."""
        from scatflow.errors import near

        if args and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"No such command {args[0]!r}. {near(args[0], COMMANDS) or 'scatflow --help lists them.'}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the one-line helps from the table, so that ``--help`` imports no command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])
        formatter.write_paragraph()
        formatter.write_text("Plugins may add commands: scatflow plugins lists what each one provides.")


def _built_in(name: str) -> click.Command:
    command: click.Command = getattr(importlib.import_module(COMMANDS[name][0]), name)
    return command


def _plugin_command(name: str) -> click.Command | None:
    """Return the command that a plugin provides; one of ours is never asked for, so that no plugin can replace it."""
    from scatflow.errors import RegistryError
    from scatflow.registry import registry

    book = registry()
    if name.rpartition(":")[2] not in book.names("commands"):
        return None
    found: Any = book.find("commands", name)
    if not isinstance(found, click.Command):
        raise RegistryError(f"command {name!r}", f"{book.provider('commands', name).dist} provides something else",
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
