"""The command group: names, one-line helps, and where each command lives. Nothing is imported until it is called."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

#: Command -> module that holds a click command of that name, and its one-line help.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "run": ("scatflow.cli.job", "Run a pipeline file into a zarr store; resumable."),
    "plan": ("scatflow.cli.plan", "Explain what a run would do: stages, regions, memory, bytes."),
    "advise": ("scatflow.cli.advise", "Advise on octaves, angles and their costs for data, from labels alone."),
    "data": ("scatflow.cli.job", "Write a source to a zarr store: example data, simulators; convert files."),
    "show": ("scatflow.cli.show", "Summarize a result and draw its pictures."),
    "compare": ("scatflow.cli.compare", "Compare two results, coefficient by coefficient and as a whole."),
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

    def invoke(self, ctx: click.Context) -> Any:
        """Decide on plugins before the command is looked for, which may load them."""
        asked = ctx.params
        if asked["no_plugin"] or asked["no_plugins"] or asked["strict_plugins"] or asked["plugins_dir"]:
            ctx.with_resource(_chosen(asked))
        from scatflow.cli.outcome import ended
        from scatflow.registry.guard import Interrupted

        try:
            return super().invoke(ctx)
        except (Interrupted, Exception) as error:
            if isinstance(error, EOFError):  # click would take it for an interruption
                raise ended(ctx.invoked_subcommand, error) from error
            raise
        except BaseException as error:
            if isinstance(error, SystemExit) and ctx.invoked_subcommand not in (None, *COMMANDS):
                raise  # a plugin's command ends as it likes
            raise ended(ctx.invoked_subcommand, error) from error

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Look a plugin's command up once, and offer the nearest name where there is none."""
        if not args or args[0] in COMMANDS:
            return super().resolve_command(ctx, args)
        if (command := self.get_command(ctx, args[0])) is None:
            ctx.fail(f"No such command {args[0]!r}. {_remedy(args[0])}")
        return args[0], command, args[1:]

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
    from scatflow.registry import registry

    book = registry()
    if not book.knows("commands", name):
        return None
    if (provided := book.provider("commands", name)).was:
        click.echo(f"Warning: command {provided.renaming}.", err=True)
    found: Any = book.find("commands", provided.canonical)
    return found  # type: ignore[no-any-return]


def _remedy(name: str) -> str:
    """Return what may have been meant by the name of a command that nobody has."""
    from scatflow.errors import near
    from scatflow.registry import registry

    book = registry()
    if any(book.knows(kind, name) for kind in ("operators", "sources", "filters")):
        return f"It is no command: scatflow ops {name} describes it."
    return near(name, [*COMMANDS, *book.names("commands")]) or "scatflow --help lists them, scatflow plugins those of plugins."


def _chosen(asked: Mapping[str, Any]) -> Any:
    """Return the context in which plugins are loaded as the options say."""
    from scatflow.errors import ParameterError, near
    from scatflow.registry import choice, choosing

    made = choice().overridden(
        blocked=asked["no_plugin"], no_plugins=asked["no_plugins"], strict=asked["strict_plugins"], local=asked["plugins_dir"]
    )
    if asked["no_plugin"]:
        from scatflow.api import normalized
        from scatflow.registry.book import candidates

        known = sorted({candidate.dist for candidate in candidates(None, made.local)})
        for name in asked["no_plugin"]:
            if normalized(name) not in known:  # a misspelt name would leave out nothing, unnoticed
                raise ParameterError(f"--no-plugin {name}", "no such plugin is installed", expected=", ".join(known) or None,
                                     remedy=near(normalized(name), known))  # fmt: skip
    return choosing(made)


class _Folder(click.Path):
    """A folder; an empty word, such as a variable that is not set, is none, and not the working directory."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        if value == "":
            self.fail("the name of the folder is empty.", param, ctx)
        return super().convert(value, param, ctx)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.option("--no-plugin", multiple=True, metavar="DIST", help="Leave out the plugins of a distribution; repeatable.")
@click.option("--no-plugins", is_flag=True, help="Leave out all plugins.")
@click.option("--strict-plugins", is_flag=True, help="Fail where a plugin cannot be used.")
@click.option("--plugins-dir", type=_Folder(path_type=Path), metavar="DIR", help="Folder of single-file plugins.")
def cli(debug: bool, no_plugin: Sequence[str], no_plugins: bool, strict_plugins: bool, plugins_dir: Path | None) -> None:
    """Multiscale statistics of labelled arrays far larger than memory.

    Options about plugins act before any is imported.

    Exit codes: 0 complete, 1 failed, 2 bad input, 75 incomplete and resumable.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with 0 complete, 1 failed, 2 bad input, 75 incomplete and resumable."""
    from scatflow.cli.outcome import BAD_INPUT, FAILED, OK, RESUMABLE, explained, heeding, short_warnings
    from scatflow.registry.guard import Interrupted, program

    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = _debugging(words)
    try:
        with short_warnings(debug), heeding(signal.SIGINT), program():
            code = cli.main(args=words, prog_name="scatflow", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        if isinstance(error, click.NoSuchOption) and any(error.option_name in option.opts for option in cli.params):
            click.echo(f"It stands before the command: scatflow {error.option_name} ...", err=True)
        sys.exit(BAD_INPUT)
    except click.Abort as error:
        if not isinstance(error.__cause__, Interrupted):
            sys.exit(FAILED)  # a plugin's command gives up, and has said why
        click.echo("Interrupted: what was finished is kept; the same command with --resume goes on.", err=True)
        sys.exit(RESUMABLE)
    except Exception as error:
        if debug:
            raise
        sys.exit(explained(error))
    sys.exit(code if isinstance(code, int) else OK)


def _debugging(words: Sequence[str]) -> bool:
    """Tell whether ``--debug`` is among the group's own options, which stand before the command, some with a value."""
    valued = {name for option in cli.params if isinstance(option, click.Option) and not option.is_flag for name in option.opts}
    waiting = iter(words)
    for word in waiting:
        if word == "--debug":
            return True
        if word in valued:
            next(waiting, None)
        elif not word.startswith("-") or word == "--":
            return False
    return False


if __name__ == "__main__":
    main()
