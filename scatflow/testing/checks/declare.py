"""Group *declare*: what the declaration says, before any data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from scatflow.api import is_version
from scatflow.contract import Extended, Info, Operator, Reference
from scatflow.contract.info import own_parameters
from scatflow.errors import ParameterError, UnknownParameterError
from scatflow.testing.case import TOLERANCES
from scatflow.testing.check import Check, Failure, NotApplicable, Subject, check, kinds

_NAME = re.compile(r"^[a-z][a-z0-9_]*$")


@check("declare", per_case=False)
def info_json(subject: Subject) -> None:
    """The declaration survives JSON; the operator and every parameter of its own are documented."""
    info = Info.of(subject.declared)
    text = json.dumps(info.to_json())
    if Info.from_json(json.loads(text)).to_json() != info.to_json():
        raise Failure("the declaration does not survive JSON")
    if not _NAME.match(info.name):
        raise Failure("the name is no identifier", expected=_NAME.pattern, got=repr(info.name))
    if not is_version(info.version):
        raise Failure("the version is a positive integer", got=repr(info.version))
    if not info.summary:
        raise Failure("the class has no docstring", remedy="Its first line is what the catalogue shows.")
    silent = [name for name in own_parameters(subject.declared) if not info.parameters[name].get("description")]
    if silent:
        raise Failure("parameters have no description", got=silent, remedy='Give one: param(default, "What it means.").')
    strange = [item for item in subject.declared.references if not isinstance(item, (Reference, str))]
    if strange:
        raise Failure("references are Reference values or texts", got=strange)


@check("declare", per_case=False)
def examples(subject: Subject) -> None:
    """There is at least one example, and each gives a result on its sample inputs; where not, no other check is run."""
    assert not subject.broken  # the kit has evaluated them, and reports what is broken under this name


@check("declare", per_case=False)
def attributes(subject: Subject) -> None:
    """The class is declared by @operator itself, and every public attribute that the author added can be read."""
    if "name" not in vars(subject.declared):
        raise Failure("the class is not declared itself, but goes by its parent's declaration", expected="@operator(...) above it",
                      got=subject.declared.name, remedy="Results and stored graphs would name the parent.")  # fmt: skip
    own = [base for base in subject.declared.__mro__ if not base.__module__.startswith(("pydantic", "scatflow."))]
    names = sorted({name for base in own for name in vars(base) if not name.startswith("_")})
    for example in subject.examples:
        for name in names:
            try:
                getattr(example, name)
            except Exception as error:
                raise Failure(f"attribute {name!r} cannot be read", got=f"{type(error).__name__}: {error}",
                              remedy="Plugins, completion and documentation read attributes.") from error  # fmt: skip


@check("declare", per_case=False)
def params_reject(subject: Subject) -> None:
    """Values outside what is declared raise ParameterError, naming operator and parameter; so do unknown parameters."""
    example, parameters = subject.examples[0], Info.of(subject.declared).parameters
    for name in own_parameters(subject.declared):
        for value, why in invalid(parameters[name]):
            _refused(example, {name: value}, f"{subject.declared.name}.{name}", why)
    try:
        example.replace(no_such_parameter=1)
    except UnknownParameterError:
        return
    except Exception as error:
        raise Failure("an unknown parameter", expected="UnknownParameterError", got=f"{type(error).__name__}: {error}") from error
    raise Failure("an unknown parameter is accepted")


def _refused(example: Operator, change: Mapping[str, Any], subject: str, why: str) -> None:
    try:
        example.replace(**change)
    except ParameterError as error:
        if subject not in str(error):
            raise Failure(f"the error for {change} does not name the parameter", expected=subject, got=str(error)) from error
    except Exception as error:
        raise Failure(f"{change} ({why})", expected="ParameterError", got=f"{type(error).__name__}: {error}") from error
    else:
        raise Failure(f"{change} is accepted", expected=f"ParameterError: {why}",
                      remedy="Do not change or swallow values in validators or __init__.")  # fmt: skip


def invalid(schema: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    """Yield values that a parameter's schema excludes, and which rule they break."""
    parts = [part for part in schema.get("anyOf", [schema]) if part]
    if not parts or any(not set(part) & {"type", "enum", "const", "$ref"} for part in parts):
        return  # anything goes
    for value, why in _candidates(schema, parts):
        if not any(_admits(part, value) for part in parts):
            yield value, why


def _candidates(schema: Mapping[str, Any], parts: list[Mapping[str, Any]]) -> Iterator[tuple[Any, str]]:
    for part in parts:
        if "minimum" in part:
            yield part["minimum"] - 1, f"at least {part['minimum']}"
        if "exclusiveMinimum" in part:
            yield part["exclusiveMinimum"], f"above {part['exclusiveMinimum']}"
        if "maximum" in part:
            yield part["maximum"] + 1, f"at most {part['maximum']}"
        if "exclusiveMaximum" in part:
            yield part["exclusiveMaximum"], f"below {part['exclusiveMaximum']}"
        if part.get("type") == "integer":
            yield True, "not a bool"
            yield 0.5, "an integer"
    if "choices" in schema or any("enum" in part or "const" in part for part in parts):
        yield "no such word", "one of the choices"
    if not any("$ref" in part for part in parts):
        yield object(), "a value of the declared type"


def _admits(part: Mapping[str, Any], value: Any) -> bool:
    """Tell whether one alternative of a schema may take a value; where that is not known, it may."""
    if "enum" in part or "const" in part:
        return value in part.get("enum", [part.get("const")])
    kind, choices = part.get("type"), part.get("choices")
    if choices is not None and isinstance(value, str):
        return value in choices
    if kind in ("integer", "number"):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or (kind == "integer" and value != int(value)):
            return False
        return bool(
            value >= part.get("minimum", value) and value <= part.get("maximum", value)
            and value > part.get("exclusiveMinimum", value - 1) and value < part.get("exclusiveMaximum", value + 1)
        )  # fmt: skip
    types: dict[str, Any] = {"string": str, "boolean": bool, "array": (list, tuple), "object": dict, "null": type(None)}
    return isinstance(value, types[kind]) if kind in types else True


@check("declare", level=2, per_case=False)
def choices(subject: Subject) -> None:
    """Every word of a choice and both values of a switch stand in some example, so that the other checks see them."""
    parameters, missing = Info.of(subject.declared).parameters, []
    for name in own_parameters(subject.declared):
        schema = parameters[name]
        parts = schema.get("anyOf", [schema])
        words = [*(schema.get("choices") or ()), *(word for part in parts for word in part.get("enum", ()))]
        words += [False, True] if any(part.get("type") == "boolean" for part in parts) else []
        shown = [getattr(example, name) for example in subject.examples]
        missing += [f"{name}={word!r}" for word in words if word not in shown]
    if missing:
        raise Failure("no example has " + ", ".join(missing), remedy="Yield one from examples().")


@check("declare", per_case=False, applies=kinds(Extended, word="kinds that look beyond their samples"))
def fits(subject: Subject) -> None:
    """Of an operator with a finite reach some example looks no further than its sample, so that reach and halos are checked."""
    finite = [case for case in subject.cases if case.depth(TOLERANCES[-1]) is not None]
    if not finite:
        raise NotApplicable("no finite reach")
    if all(case.tolerance() is None for case in finite):
        raise Failure("the reach of every example exceeds its sample", got=dict(finite[0].depth(TOLERANCES[-1]) or {}),
                      remedy="Yield an example with a shorter reach, or longer samples; is depth() in samples?")  # fmt: skip


CHECKS: tuple[Check, ...] = (info_json, examples, choices, fits, attributes, params_reject)
