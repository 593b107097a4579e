"""From a process id and its arguments to an operator or source value, with every finding, not only the first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from scatflow import registry as plugins
from scatflow.api import LOCAL, Revision, normalized
from scatflow.contract import Declared, Operator, Source
from scatflow.errors import Problem, RegistryError, ScatflowError, near
from scatflow.graph.inline import failed
from scatflow.graph.model import DATASET, VARIABLE
from scatflow.registry import Kind, Provided

_KINDS: tuple[Kind, ...] = ("operators", "sources")
_FILE = "A single file provided it: name its folder with --plugins-dir."


@dataclass(frozen=True)
class Found:
    """A class with who provides it; ``provided.was`` is the old name that was used, ``kept`` the other versions there are."""

    cls: type[Any]
    provided: Provided
    kept: tuple[int, ...] = ()


def lookup(process: str, namespace: str | None, stated: Revision | None = None) -> Found:
    """Return the class that a process id names, in a stated version where one is given, and who provides it.

    Raises
    ------
    RegistryError
        Nobody provides it, several do, not this distribution, or not in this version (``OperatorVersionDiffers``).
    """
    book = plugins.registry()
    known = [kind for kind in _KINDS if book.knows(kind, process)]
    if not known:
        raise _unknown(process, namespace)
    providers: list[tuple[Kind, Provided]] = []
    errors: list[RegistryError] = []
    for kind in known:
        try:
            providers.append((kind, book.provider(kind, f"{namespace}:{process}" if namespace else process)))
        except RegistryError as error:
            errors.append(error)
    if len(providers) == 1 and (namespace or not errors):
        return _versioned(*providers[0], stated)
    if not providers and namespace:
        raise _elsewhere(process, namespace)
    if len(providers) < 2 and errors:
        raise _ambiguous(process, f"{errors[0].expected}")
    raise _ambiguous(process, f"one kind; {' and '.join(kind for kind, _ in providers)} have this name")


def _versioned(kind: Kind, provided: Provided, stated: Revision | None) -> Found:
    book = plugins.registry()
    kept = book.kept(kind, provided)
    if stated is None:
        return Found(book.find(kind, provided.canonical), provided, kept)
    cls = book.versioned(kind, provided, stated)
    if cls is None:
        raise RegistryError(
            f"process {provided.canonical!r}", "is not provided in this version", got=stated, code="OperatorVersionDiffers"
        )
    return Found(cls, provided, kept)


def _unknown(process: str, namespace: str | None) -> RegistryError:
    """Return the registry's own error, with near matches among sources and the graph's own processes too."""
    book = plugins.registry()
    error: RegistryError | None = None
    try:
        book.provider("operators", process)
    except RegistryError as caught:
        error = caught
    guess = near(process, [*book.names("operators"), *book.names("sources"), VARIABLE, DATASET])
    remedy = (error.remedy if error else None) or ""
    if remedy.startswith("Did you mean"):  # among operators only
        remedy = remedy.partition("?")[2].strip()
    if guess and "provides it" not in remedy:
        remedy = f"{guess} {remedy}"
    if namespace == LOCAL:
        remedy = _FILE
    elif namespace and "provides it" not in remedy and normalized(namespace) not in {plugin.dist for plugin in book.plugins}:
        remedy = f"The graph names the distribution {namespace!r}, which is not installed. {remedy}"
    return RegistryError(f"process {process!r}", "no active plugin provides it", remedy=remedy.strip() or None)


def _elsewhere(process: str, namespace: str) -> RegistryError:
    book = plugins.registry()
    dists: set[str] = set()
    for kind in _KINDS:
        dists |= {provided.dist for provided in book.entries(kind) if provided.name == process}
    absent = [plugin for plugin in book.plugins if plugin.dist == normalized(namespace) and plugin.state != "active"]
    told = " ".join(f"Plugin {plugin.called} is {plugin.state} ({plugin.reason})." for plugin in absent)
    if namespace == LOCAL:
        told = told or _FILE
    return RegistryError(f"process {process!r}", "this namespace does not provide it", expected=" or ".join(sorted(dists)), got=namespace,
                         remedy=told or near(namespace, dists) or f"Install {namespace}: what others call {process} need not be the same.",
                         code="NamespaceInvalid")  # fmt: skip


def _ambiguous(process: str, expected: str) -> RegistryError:
    return RegistryError(f"process {process!r}", "the name is provided twice", expected=expected,
                         remedy="Add the distribution: namespace: <dist>.", code="ProcessAmbiguous")  # fmt: skip


def build(
    cls: type[Operator | Source], arguments: Mapping[str, Any], node: str, ignored: Collection[str] = ()
) -> tuple[Operator | Source | None, list[Problem]]:
    """Return the value made from its parameters, or None and all findings.

    Parameters
    ----------
    cls : type
        Operator or source class.
    arguments : mapping
        Arguments that are no arrays, references already substituted.
    node : str
        Node id for the findings.
    ignored : collection of str
        Arguments whose values are not known because of an earlier finding; nothing is said about them.
    """
    problems = [
        Problem("ParameterUnknown", node, name, f"{cls.name} has no argument {name!r}", remedy=_known(cls, name))
        for name in arguments if name not in cls.model_fields
    ]  # fmt: skip
    accepted = {name: value for name, value in arguments.items() if name in cls.model_fields and name not in ignored}
    try:
        value = cls(**accepted)
    except ScatflowError as error:
        problems += [problem for problem in _findings(cls, error, node, accepted) if problem.argument not in ignored]
        return None, problems
    except Exception as error:  # validators are a plugin's code
        return None, [*problems, failed(error, node, f"{cls.name} with these arguments")]
    return (None if problems or ignored else value), problems


def at_node(error: ScatflowError, value: Declared | type[Declared], node: str) -> Problem:
    """Return an error of an operator as a finding, naming the argument where its subject does."""
    cls = value if isinstance(value, type) else type(value)
    _, _, word = error.subject.partition(f"{cls.name}.")
    argument = word.partition(".")[0]
    names = (*cls.model_fields, *(cls.inputs if issubclass(cls, Operator) else ()))
    return Problem.from_error(error, node, argument if argument in names else None)


def _known(cls: type[Operator | Source], name: str) -> str:
    names = [*(cls.inputs if issubclass(cls, Operator) else ()), *cls.model_fields]
    return near(name, names) or (f"Known arguments: {', '.join(names)}." if names else "It has no arguments.")


def _findings(cls: type[Declared], error: ScatflowError, node: str, arguments: Mapping[str, Any]) -> list[Problem]:
    """Return one finding per argument from what pydantic collected; the error raised holds only the first."""
    cause = error.__context__
    if not isinstance(cause, ValidationError):
        return [at_node(error, cls, node)]
    found: dict[Any, Problem] = {}
    texts: dict[Any, list[str]] = {}
    for detail in cause.errors(include_url=False):
        argument = str(detail["loc"][0]) if detail["loc"] else None
        original = detail.get("ctx", {}).get("error")
        if isinstance(original, ScatflowError):
            problem = at_node(original, cls, node)
            key = argument or problem.argument or problem.message
            found.setdefault(key, Problem.from_error(original, node, argument or problem.argument))
            continue
        message = detail["msg"][:1].lower() + detail["msg"][1:]
        if message not in texts.setdefault(argument, []):
            texts[argument].append(message)
        found.setdefault(argument, _finding(cls, argument, detail, node, arguments))
    # A field of several types fails once per type: one finding that names them all.
    for argument, messages in texts.items():
        if len(messages) > 1:
            first = found[argument]
            text = f"{cls.name}.{argument}: {', or '.join(messages)}"
            found[argument] = Problem(first.code, node, argument, text, first.expected, first.got, first.remedy)
    return list(found.values())


def _finding(cls: type[Declared], argument: str | None, detail: Any, node: str, arguments: Mapping[str, Any]) -> Problem:
    field = cls.model_fields.get(argument or "")
    expected = (field.description or None) if field is not None else None
    if detail["type"] == "missing" and len(detail["loc"]) == 1:
        return Problem("ParameterRequired", node, argument, f"{cls.name}.{argument}: required parameter is missing", expected)
    where = ".".join([cls.name, *map(str, detail["loc"])])
    message = detail["msg"][:1].lower() + detail["msg"][1:]
    return Problem(
        "ParameterInvalid", node, argument, f"{where}: {message}", expected, short(arguments.get(argument or "", arguments))
    )


def short(value: Any) -> str:
    """Return a value's text, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
