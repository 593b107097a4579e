"""What an operator, source or filter family declares, as plain data: for the command line, the service, the docs, the kit."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from pydantic_core import to_json

from scatflow.api import API
from scatflow.contract.declared import Declared, canonical_json
from scatflow.contract.operator import Composite, Extended, Operator, Pointwise, Program, Reduce, Whole, Window
from scatflow.contract.select import Select
from scatflow.contract.source import FilterFamily, Source
from scatflow.errors import ParameterError

#: Kind -> base class, the one that comes first wins.
KINDS: Mapping[str, type[Declared]] = {
    "pointwise": Pointwise, "window": Window, "whole": Whole, "reduce": Reduce, "select": Select, "composite": Composite,
    "program": Program, "source": Source, "filters": FilterFamily,
}  # fmt: skip


@dataclass(frozen=True)
class Info:
    """A declaration as JSON can hold it.

    Attributes
    ----------
    name, version, kind : str, int, str
        Identifier, version of the numerical meaning, and one of :data:`KINDS`.
    summary, description : str
        First line of the docstring, and the docstring up to its sections.
    equation : str
        What is computed, in LaTeX; empty where the description says it.
    signature : str or None
        Axis roles; None of sources and filter families.
    inputs : tuple of str
        Names of the array arguments.
    dtypes : str
        Kinds of input: ``f`` real, ``c`` complex, ``i`` integer and bool.
    boundaries : tuple of str
        Boundary rules of a kind that looks beyond its samples.
    claims : tuple of str
        Those of ``linear``, ``differentiable`` and ``stochastic`` that are declared.
    parameters : mapping
        Name -> JSON Schema with ``type`` in words, ``required``, and ``unit`` and ``choices`` where declared; what the
        author declared comes first, what all operators share last.
    references, aliases : tuple of str
        Papers, and other names in use.
    api : int
        Version of the contract.
    """

    name: str
    version: int
    kind: str
    summary: str
    description: str = ""
    equation: str = ""
    signature: str | None = None
    inputs: tuple[str, ...] = ()
    dtypes: str = ""
    boundaries: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    api: int = API

    @classmethod
    def of(cls, declared: type[Declared]) -> Self:
        """Read a class.

        Raises
        ------
        ParameterError
            The class is of no kind, or was not declared by a decorator.

        Examples
        --------
        >>> from scatflow import Pointwise, operator, param
        >>> @operator("gain", version=1, signature="()->()", linear=True, equation="c x")
        ... class Gain(Pointwise):
        ...     '''An array times a number.'''
        ...     factor: float = param(1.0, "The number c.", ge=0)
        >>> info = Info.of(Gain)
        >>> info.kind, info.summary, info.claims, info.parameters["factor"]["minimum"]
        ('pointwise', 'An array times a number.', ('linear',), 0)
        """
        kind = next((kind for kind, base in KINDS.items() if issubclass(declared, base)), None)
        if kind is None or not declared.name:
            raise ParameterError(declared.__qualname__, "is not declared", got=f"bases {[base.__name__ for base in declared.__bases__]}",
                                 expected="@operator, @source or @family on a subclass of one of their bases")  # fmt: skip
        signature = getattr(declared, "signature", None)
        return cls(
            declared.name, declared.version, kind, summary_of(declared), description_of(declared),
            getattr(declared, "equation", ""), signature.text if signature else None,
            tuple(declared.inputs) if issubclass(declared, Operator) else (), getattr(declared, "dtypes", ""),
            tuple(declared.boundaries) if issubclass(declared, Extended) else (),
            tuple(claim for claim in ("linear", "differentiable", "stochastic") if getattr(declared, claim, False)),
            _parameters(declared), tuple(map(str, getattr(declared, "references", ()))), tuple(getattr(declared, "aliases", ())),
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        plain: dict[str, Any] = json.loads(canonical_json(asdict(self)))
        plain["parameters"] = {name: plain["parameters"][name] for name in self.parameters}  # in the author's order
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote."""
        values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
        return cls(**values)


def summary_of(declared: type[Any]) -> str:
    """Return the first line of a docstring; an inherited one says nothing of this class."""
    return inspect.cleandoc(vars(declared).get("__doc__") or "").partition("\n")[0].strip()


def description_of(declared: type[Any]) -> str:
    """Return a docstring up to its sections, whose parameters are listed apart."""
    lines = inspect.cleandoc(vars(declared).get("__doc__") or "").splitlines()
    rules = [number for number, line in enumerate(lines) if line and set(line) == {"-"}]
    return "\n".join(lines[: rules[0] - 1] if rules else lines).strip()


def own_parameters(declared: type[Declared]) -> tuple[str, ...]:
    """Return the parameters that the author declared, without those of the bases in the engine."""
    bases = [base for base in declared.__mro__ if not base.__module__.startswith("scatflow.")]
    names = {name for base in bases for name in vars(base).get("__annotations__", ())}
    return tuple(name for name in declared.model_fields if name in names)


def limits(schema: Mapping[str, Any]) -> str:
    """Return range, choices and unit of a parameter's schema in words.

    Examples
    --------
    >>> limits({"minimum": 0, "exclusiveMaximum": 1, "unit": "sample"})
    '≥ 0 < 1 [sample]'
    """
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    parts = list(_parts(schema))
    found = [f"{sign} {part[key]:g}" for part in parts for key, sign in signs.items() if key in part]
    choices = [", ".join(map(str, part["choices"])) for part in parts if "choices" in part]
    unit = [f"[{schema['unit']}]"] if "unit" in schema else []
    return " ".join([*dict.fromkeys(found), *choices, *unit])


def _parts(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a schema and each of its alternatives."""
    yield schema
    yield from schema.get("anyOf", ())


def _parameters(declared: type[Declared]) -> dict[str, dict[str, Any]]:
    # Through pydantic's own JSON: defaults that JSON has no digits for are the words that parameters have there.
    schema = json.loads(to_json(declared.model_json_schema(), inf_nan_mode="strings"))
    shared, required = schema.get("$defs", {}), schema.get("required", ())
    own = own_parameters(declared)
    return {
        name: {**{key: value for key, value in entry.items() if key != "title"}, "type": _type(entry, shared), "required": name in required}
        for name, entry in sorted(schema.get("properties", {}).items(), key=lambda item: item[0] not in own)
    }  # fmt: skip


def _type(entry: Mapping[str, Any], shared: Mapping[str, Any]) -> str:
    """Return the type of a JSON Schema in words."""
    if "$ref" in entry:
        return str(entry["$ref"]).rpartition("/")[2]
    if "anyOf" in entry:
        return " or ".join(dict.fromkeys(_type(part, shared) for part in entry["anyOf"]))
    if "enum" in entry:
        return "one of " + ", ".join(map(str, entry["enum"]))
    if "const" in entry:
        return json.dumps(entry["const"])
    if entry.get("type") == "array":
        inside = entry.get("items") or {}
        return f"list of {_type(inside, shared)}" if inside else "list"
    return str(entry.get("type", "any"))
