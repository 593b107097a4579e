"""JSON and YAML text as plain data, safely: no tags, no aliases, no duplicate keys, bounded size and depth.

YAML is read as events and built here without recursion, with the scalars of YAML's core schema: ``1e-4`` is a number,
``on`` and ``2001-01-01`` are texts, and nothing is ever constructed but mappings, lists, texts, numbers, true, false, null.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml  # type: ignore[import-untyped, unused-ignore]

from scatflow.errors import GraphError, Problem

#: Largest text in bytes. Ten thousand nodes with all their arguments are about 2 MB.
MAX_BYTES = 4 * 2**20
#: Deepest nesting of mappings and lists. Graphs are flat, however long; arguments nest a few levels. A bound well below
#: Python's recursion limit lets json and pydantic, which do recurse, handle whatever passes.
MAX_DEPTH = 100

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")), **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}  # fmt: skip
# Strings are matched whole (an unclosed one to the end of the text), so brackets inside them do not count.
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def load_text(text: str | bytes) -> dict[str, Any]:
    """Read a JSON or YAML mapping.

    Parameters
    ----------
    text : str or bytes
        Text that starts with ``{`` is JSON, or else YAML in flow style; anything else is YAML.

    Raises
    ------
    GraphError
        The text is too large or too deep, malformed, has duplicate keys, tags or aliases, or is not a mapping. The
        message gives line and column.

    Examples
    --------
    >>> load_text("{a: 1e-4, b: [on, 2001-01-01]}")
    {'a': 0.0001, 'b': ['on', '2001-01-01']}
    """
    text = _decoded(text)
    loaded = _load_json(text) if text.lstrip().startswith("{") else _load_yaml(text)
    if not isinstance(loaded, dict):
        _refuse("DocumentInvalid", "the text is not a mapping", expected='keys such as "process_graph"', got=_kind(loaded))
    return loaded


def dump_text(document: Any) -> str:
    """Return YAML that :func:`load_text` reads back as the same data; never with anchors."""
    return str(yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))


def resolve(text: str) -> Any:
    """Return the value of a plain YAML scalar: null, true, false, a number, or the text itself.

    Raises
    ------
    ValueError
        The number is infinite, not a number, or has thousands of digits.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        value = float(text)
        if math.isinf(value):
            raise ValueError(f"{text} overflows")
        return value
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not a finite number, which JSON cannot express")
    return text


def _refuse(code: str, message: str, expected: str | None = None, got: str | None = None, remedy: str | None = None) -> NoReturn:
    raise GraphError([Problem(code, None, None, message, expected, got, remedy)])


def _kind(value: Any) -> str:
    """Return the JSON name of a value's type."""
    names = {dict: "a mapping", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), type(value).__name__)


def _decoded(text: str | bytes) -> str:
    if isinstance(text, bytes):
        if len(text) > MAX_BYTES:
            _too_large(len(text))
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            _refuse("TextInvalid", f"not UTF-8 at byte {error.start}", remedy="Save the file as UTF-8.")
    size = len(text.encode(errors="replace"))
    if size > MAX_BYTES:
        _too_large(size)
    return text.removeprefix("\ufeff")


def _too_large(size: int) -> NoReturn:
    _refuse("TextTooLarge", "the text is too large", f"at most {MAX_BYTES} bytes", f"{size} bytes",
            "Data belong in a store that a source reads, not in the graph.")  # fmt: skip


def _too_deep(line: int) -> NoReturn:
    _refuse("TextTooDeep", f"line {line}: values are nested too deep", f"at most {MAX_DEPTH} levels")


# JSON ---------------------------------------------------------------------------------------------------------------


class _Duplicate(Exception):
    """A key that one JSON object has twice."""


def _load_json(text: str) -> Any:
    _check_depth(text)
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except _Duplicate as error:
        _locate_duplicate(text)
        _refuse("KeyDuplicated", f"key {str(error)!r} appears twice in one object", remedy="Remove or rename one of them.")
    except json.JSONDecodeError as error:
        try:
            return _load_yaml(text)
        except GraphError as other:
            if other.problems[0].code != "TextInvalid":
                raise
        _refuse("TextInvalid", f"line {error.lineno}, column {error.colno}: not JSON: {error.msg}")
    except ValueError as error:
        _refuse("NumberInvalid", str(error))


def _check_depth(text: str) -> None:
    depth = 0
    for token in _NESTING.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                _too_deep(text.count("\n", 0, token.start()) + 1)
        elif token[0] in "]}":
            depth -= 1


def _locate_duplicate(text: str) -> None:
    """Raise the finding with its line where YAML's events, which know lines, can read the same JSON."""
    try:
        _load_yaml(text)
    except GraphError as error:
        if error.problems[0].code == "KeyDuplicated":
            raise


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        raise _Duplicate(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return found


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number in JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} overflows")
    return value


# YAML ---------------------------------------------------------------------------------------------------------------


@dataclass
class _Level:
    """A mapping or list being filled; ``key`` waits for its value."""

    items: dict[str, Any] | list[Any]
    key: str | None = None


def _load_yaml(text: str) -> Any:
    try:
        return _build(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
        what = getattr(error, "problem", None) or str(error).partition("\n")[0]
        _refuse("TextInvalid", f"{where}not YAML: {what}")
    except UnicodeEncodeError as error:
        _refuse("TextInvalid", f"character {error.start} is half of a surrogate pair")


def _build(events: Iterator[Any]) -> Any:
    """Build plain data from YAML events, refusing what a pipeline must not hold as soon as it is seen."""
    stack: list[_Level] = []
    documents: list[Any] = []
    for event in events:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            _refuse(
                "AliasRefused",
                f"line {line}: anchors and aliases are not accepted",
                remedy="Repeat the value, or declare a parameter.",
            )
        if getattr(event, "tag", None) is not None:
            _refuse(
                "TagRefused",
                f"line {line}: tags are not accepted",
                got=event.tag,
                remedy="Remove the tag; quote the value if it is a text.",
            )
        if isinstance(event, yaml.ScalarEvent):
            _put(stack, documents, event, line)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            if len(stack) >= MAX_DEPTH:
                _too_deep(line)
            stack.append(_Level({} if isinstance(event, yaml.MappingStartEvent) else []))
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            _attach(stack, documents, stack.pop().items, line)
        elif isinstance(event, yaml.DocumentStartEvent) and documents:
            _refuse("TextInvalid", f"line {line}: a second document starts", expected="one document")
    return documents[0] if documents else None


def _put(stack: list[_Level], documents: list[Any], event: Any, line: int) -> None:
    """Take a scalar as the next key or value."""
    level = stack[-1] if stack else None
    if level is not None and isinstance(level.items, dict) and level.key is None:
        # Keys are texts whatever they look like, as in JSON: a node may be called 1 or y.
        if event.value in level.items:
            _refuse("KeyDuplicated", f"line {line}: key {event.value!r} appears twice", remedy="Remove or rename one of them.")
        level.key = event.value
        return
    try:
        value = resolve(event.value) if event.implicit[0] else event.value
    except ValueError as error:
        _refuse("NumberInvalid", f"line {line}: {error}")
    _attach(stack, documents, value, line)


def _attach(stack: list[_Level], documents: list[Any], value: Any, line: int) -> None:
    if not stack:
        documents.append(value)
        return
    level = stack[-1]
    if isinstance(level.items, list):
        level.items.append(value)
    elif level.key is None:
        _refuse("TextInvalid", f"line {line}: a key must be a text", got=_kind(value))
    else:
        level.items[level.key] = value
        level.key = None


class _Dumper(yaml.SafeDumper):  # type: ignore[misc, unused-ignore]
    """Writes what :func:`load_text` reads: no anchors, and quotes around texts that the core schema takes for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _quoted_where_needed(dumper: yaml.SafeDumper, text: str) -> Any:
    try:
        plain = isinstance(resolve(text), str)
    except ValueError:
        plain = False
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _quoted_where_needed)
