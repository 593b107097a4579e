"""Declared parameters of a pipeline: their schemas, their values, and arrays that a caller supplies."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scatflow.contract import Source
from scatflow.contract.declared import plain
from scatflow.errors import Problem, near

#: Marks a parameter that has neither a value nor a default.
MISSING: Any = object()
_OWN = ("name", "description", "default", "optional", "deprecated", "experimental")
_REMARKS = ("title", "description", "examples", "subtype", "format", "deprecated", "unit", "$schema", "$id")
_TYPES: Mapping[str, tuple[type, ...]] = {
    "integer": (int,), "number": (int, float), "string": (str,), "boolean": (bool,), "array": (list, tuple),
    "object": (dict,), "null": (type(None),),
}  # fmt: skip
#: Schema keyword -> what it says of a value, and whether the value obeys.
_BOUNDS: Mapping[str, tuple[str, Any]] = {
    "minimum": ("at least", lambda value, bound: value >= bound),
    "maximum": ("at most", lambda value, bound: value <= bound),
    "exclusiveMinimum": ("more than", lambda value, bound: value > bound),
    "exclusiveMaximum": ("less than", lambda value, bound: value < bound),
}
_LENGTHS: Mapping[str, tuple[str, Any, Any]] = {
    "minLength": ("text length at least", str, lambda n, bound: n >= bound),
    "maxLength": ("text length at most", str, lambda n, bound: n <= bound),
    "minItems": ("number of items at least", (list, tuple), lambda n, bound: n >= bound),
    "maxItems": ("number of items at most", (list, tuple), lambda n, bound: n <= bound),
}
_KEYWORDS = ("type", "enum", "const", "items", "anyOf", *_BOUNDS, *_LENGTHS)


@dataclass(frozen=True)
class Parameter:
    """A declared parameter; ``default`` is :data:`MISSING` where a value is required.

    A ``faulty`` one has been reported: its name is known, and nothing is said of its values.
    """

    name: str
    schema: Any
    default: Any = MISSING
    faulty: bool = False

    @property
    def is_array(self) -> bool:
        """Whether the parameter stands for a labelled array (openEO's subtype ``datacube`` or ``raster-cube``)."""
        schemas = self.schema if isinstance(self.schema, (list, tuple)) else [self.schema]
        return any(str(s.get("subtype", "")).replace("-", "").endswith("cube") for s in schemas if isinstance(s, Mapping))


def declared(section: Any) -> tuple[dict[str, Parameter], list[Problem]]:
    """Read the section ``parameters``: openEO's list, or a mapping from name to schema with default.

    Returns
    -------
    parameters : dict
        By name, faulty ones included.
    problems : list of Problem
        Findings.
    """
    found: dict[str, Parameter] = {}
    problems: list[Problem] = []
    for name, entry in _entries(section, problems):
        if not isinstance(name, str) or not name.isidentifier():
            problems.append(_problem("DocumentInvalid", None, "a parameter needs a name that is an identifier", got=repr(name)))
        elif name in found:
            problems.append(_problem("KeyDuplicated", name, "two parameters have this name"))
        elif not isinstance(entry, Mapping):
            problems.append(
                _problem("DocumentInvalid", name, "a declaration is a mapping", "{type: integer, default: 6}", repr(entry))
            )
        else:
            found[name] = _parameter(name, entry, problems)
    return found, problems


def resolve(parameters: Mapping[str, Parameter], supplied: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the value of every declared parameter: what was supplied, or the default.

    A :class:`~scatflow.contract.Source` may be supplied for an array. Parameters without a value are left out, those that
    are required and no arrays with a finding.
    """
    values: dict[str, Any] = {}
    problems = [
        _problem("ParameterUnknown", name, "the pipeline declares no such parameter", ", ".join(parameters) or "none",
                 remedy=near(name, parameters) or f"Declare it under parameters, and refer to it: {{from_parameter: {name}}}.")
        for name in supplied if name not in parameters
    ]  # fmt: skip
    for name, parameter in parameters.items():
        if parameter.faulty:
            continue
        value = plain_value(supplied[name]) if name in supplied else parameter.default
        if value is MISSING:
            if not parameter.is_array:
                problems.append(_problem("ParameterRequired", name, "a value is required", describe(parameter.schema),
                                         remedy=f"Pass it: -p {name}=… or parameters={{{name!r}: …}}."))  # fmt: skip
        elif isinstance(value, Source):
            values[name] = value
        elif name in supplied and (wrong := mismatch(value, parameter.schema)):
            problems.append(_problem("ParameterInvalid", name, "the value does not fit the declaration", wrong, repr(value)))
        else:
            values[name] = value
    return values, problems


def plain_value(value: Any) -> Any:
    """Return NumPy scalars as Python numbers, tuples as lists, paths as texts; sources as they are."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value if isinstance(value, Source) else _lists(plain(value))


def _lists(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_lists(item) for item in value]
    return {key: _lists(item) for key, item in value.items()} if isinstance(value, dict) else value


def mismatch(value: Any, schema: Any) -> str | None:
    """Return what a schema expects if ``value`` does not fit it, else None.

    Examples
    --------
    >>> mismatch(0, {"type": "integer", "minimum": 1})
    'at least 1'
    >>> mismatch(3, [{"type": "integer"}, {"type": "null"}]) is None
    True
    """
    if isinstance(schema, (list, tuple)):
        wrong = [mismatch(value, item) for item in schema]
        return None if not wrong or None in wrong else " or ".join(filter(None, wrong))
    types = _types(schema)
    if types and not any(_is(value, name) for name in types):
        return " or ".join(types)
    if "enum" in schema and value not in schema["enum"]:
        return f"one of {', '.join(map(repr, schema['enum']))}"
    if "const" in schema and value != schema["const"]:
        return repr(schema["const"])
    if _is(value, "number"):
        for key, (word, holds) in _BOUNDS.items():
            if key in schema and not holds(value, schema[key]):
                return f"{word} {schema[key]}"
    for key, (word, kind, holds) in _LENGTHS.items():
        if key in schema and isinstance(value, kind) and not holds(len(value), schema[key]):
            return f"{word} {schema[key]}"
    if "anyOf" in schema and (wrong_any := mismatch(value, schema["anyOf"])):
        return wrong_any
    if "items" in schema and isinstance(value, (list, tuple)):
        return next((f"items: {wrong_item}" for item in value if (wrong_item := mismatch(item, schema["items"]))), None)
    return None


def supported(schema: Any, value: Any) -> bool:
    """Tell whether a schema uses only keywords that are understood here, and ``value`` fits it."""
    return not _schema_problems("", schema) and mismatch(value, schema) is None


def describe(schema: Any) -> str | None:
    """Return a short text of what a schema expects."""
    if isinstance(schema, (list, tuple)):
        return " or ".join(filter(None, map(describe, schema))) or None
    parts = [" or ".join(_types(schema))] if _types(schema) else []
    if "enum" in schema:
        parts.append(f"one of {', '.join(map(repr, schema['enum']))}")
    parts += [f"{word} {schema[key]}" for key, (word, _) in _BOUNDS.items() if key in schema]
    return ", ".join(parts) or None


def _types(schema: Mapping[str, Any]) -> tuple[str, ...]:
    types = schema.get("type", ())
    return (types,) if isinstance(types, str) else tuple(types)


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES[name])


def _entries(section: Any, problems: list[Problem]) -> list[tuple[Any, Any]]:
    if section is None:
        return []
    if isinstance(section, Mapping):
        return list(section.items())
    if isinstance(section, (list, tuple)):
        return [(entry.get("name") if isinstance(entry, Mapping) else entry, entry) for entry in section]
    problems.append(_problem("DocumentInvalid", None, "parameters are a list or a mapping", got=repr(section)))
    return []


def _parameter(name: str, entry: Mapping[str, Any], problems: list[Problem]) -> Parameter:
    """Read one declaration; the schema stands under ``schema`` or, in the short form, beside the default."""
    inside = {key: value for key, value in entry.items() if key not in _OWN}
    if "schema" in inside:
        schema = inside.pop("schema")
        problems += [_unknown(name, key, (*_OWN, "schema")) for key in inside]
    else:
        schema = inside
    before = len(problems)
    problems += _schema_problems(name, schema)
    optional = entry.get("optional", False)
    if not isinstance(optional, bool):
        problems.append(_problem("DocumentInvalid", name, "optional is true or false", got=repr(optional)))
    default = entry.get("default", None if optional is True else MISSING)
    if len(problems) == before and default is not MISSING and not (default is None and optional is True):
        wrong = mismatch(default, schema)
        if wrong:
            problems.append(_problem("ParameterInvalid", name, "the default does not fit the declaration", wrong, repr(default)))
    if len(problems) > before:
        return Parameter(name, {}, faulty=True)
    return Parameter(name, schema, default)


def _schema_problems(name: str, schema: Any) -> list[Problem]:
    """Return what in a schema is not understood: a keyword that is not checked would be a promise not kept."""
    if isinstance(schema, (list, tuple)):
        return [problem for item in schema for problem in _schema_problems(name, item)]
    if not isinstance(schema, Mapping):
        return [_problem("SchemaInvalid", name, "a schema is a mapping, or a list of them", got=repr(schema))]
    found = [_unknown(name, key, _KEYWORDS) for key in schema if key not in _KEYWORDS and key not in _REMARKS]
    types = schema.get("type", [])
    for word in [types] if isinstance(types, str) else types if isinstance(types, Sequence) else [types]:
        if not isinstance(word, str) or word not in _TYPES:
            found.append(_problem("SchemaInvalid", name, "unknown type", ", ".join(_TYPES), repr(word), near(str(word), _TYPES)))
    for key in (*_BOUNDS, *_LENGTHS):
        if key in schema and not (_is(schema[key], "number") and math.isfinite(schema[key])):
            found.append(_problem("SchemaInvalid", name, f"{key} is a number", got=repr(schema[key])))
    if "enum" in schema and not isinstance(schema["enum"], (list, tuple)):
        found.append(_problem("SchemaInvalid", name, "enum is a list", got=repr(schema["enum"])))
    if "anyOf" in schema and not isinstance(schema["anyOf"], (list, tuple)):
        found.append(_problem("SchemaInvalid", name, "anyOf is a list", got=repr(schema["anyOf"])))
    return found + [problem for key in ("items", "anyOf") if key in schema for problem in _schema_problems(name, schema[key])]


def _unknown(name: str, key: Any, known: Sequence[str]) -> Problem:
    return _problem("SchemaInvalid", name, f"keyword {key!r} is not supported", ", ".join(known), remedy=near(str(key), known))


def _problem(
    code: str, parameter: str | None, message: str, expected: str | None = None, got: str | None = None, remedy: str | None = None
) -> Problem:
    return Problem(
        code, None, parameter, message if parameter is None else f"parameter {parameter!r}: {message}", expected, got, remedy
    )
