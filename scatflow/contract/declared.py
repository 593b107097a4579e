"""Values with an identity: parameters as typed fields, one JSON, one hash, the same in every process.

Operators, sources and filter families are all ``Declared``: immutable pydantic models whose fields are their
parameters, their identity, their cache key and their JSON. Identity never rests on pydantic's own state or on
Python's string hash, because a token must be equal on a client and on every worker.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from scatflow.api import is_version
from scatflow.errors import ParameterError, UnknownParameterError, near
from scatflow.texts import portable


def param(
    default: Any = PydanticUndefined,
    doc: str = "",
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    choices: Iterable[Any] | None = None,
    unit: str | None = None,
) -> Any:
    """Declare a parameter: default, one-sentence description, range, choices, unit.

    One declaration gives validation, JSON Schema, command-line help and the documentation table.
    """
    extra: dict[str, Any] = {} if unit is None else {"unit": unit}
    if choices is not None:
        extra["choices"] = list(choices)
    limits: dict[str, Any] = {"ge": ge, "gt": gt, "le": le, "lt": lt}
    return Field(default, description=doc, json_schema_extra=extra or None, **limits)


def check_version(name: str, version: Any) -> None:
    """Refuse what records and documents cannot state as the version of a numerical meaning."""
    if not is_version(version):
        raise ParameterError(name, "the version of a declaration is a positive integer", expected="version=1", got=repr(version),
                             code="VersionInvalid")  # fmt: skip


def plain(value: Any) -> Any:
    """Return ``value`` with NumPy scalars as Python numbers and sequences as tuples, recursively."""
    if isinstance(value, (list, tuple, range)):
        return tuple(plain(item) for item in value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        listed = value.tolist()
        return plain(listed) if isinstance(listed, list) else listed
    return value


#: Numbers that JSON has no digits for, as :meth:`Declared.parameters` writes them.
_WORDS = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}


def _counted(info: FieldInfo | None, value: Any) -> Any:
    """Return a value with the words for infinite and missing numbers read as such, where a field takes numbers and no texts."""
    if isinstance(value, str) and value in _WORDS:
        types = set(_types(info.annotation)) if info is not None else set()
        return _WORDS[value] if float in types and str not in types else value
    if isinstance(value, tuple):
        return tuple(_counted(info, item) for item in value)
    return {key: _counted(info, item) for key, item in value.items()} if isinstance(value, dict) else value


def _types(annotation: Any) -> Iterator[Any]:
    """Yield the types that an annotation is made of."""
    parts = [part for part in get_args(annotation) if get_origin(annotation) is not Literal]
    for part in parts or [annotation]:
        yield from _types(part) if parts else (part,)


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a plain value: sorted keys, no spaces, finite numbers only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """Return a 128-bit hexadecimal digest of a plain value's canonical JSON."""
    return hashlib.blake2b(canonical_json(value).encode(), digest_size=16).hexdigest()


class Declared(BaseModel):
    """Base of everything a graph can hold: frozen, strict, hashable by meaning."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", ser_json_inf_nan="strings")

    #: Stable identifier and integer version of the numerical meaning; set by the declaring decorator.
    name: ClassVar[str] = ""
    version: ClassVar[int] = 0

    def __init__(self, *positional: Any, **parameters: Any) -> None:
        if positional:
            names = ", ".join(f"{name}=" for name in list(type(self).model_fields)[-3:])
            raise ParameterError(type(self).name or type(self).__name__, "parameters are given by name", expected=f"{names} ...",
                                 got=f"{positional[0]!r} without one", code="ParameterUnnamed")  # fmt: skip
        try:
            super().__init__(**parameters)
        except ValidationError as error:
            raise _parameter_error(type(self), error) from None

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {key: _counted(cls.model_fields.get(key), plain(value)) for key, value in values.items()}

    @model_validator(mode="after")
    def _chosen(self) -> Self:
        for key, info in type(self).model_fields.items():
            extra = info.json_schema_extra
            choices = extra.get("choices") if isinstance(extra, dict) else None
            value = getattr(self, key)
            if isinstance(choices, list) and value is not None and value not in choices:
                raise ParameterError(
                    f"{type(self).name}.{key}", "value is not among the choices", expected=choices, got=repr(value),
                    remedy=near(str(value), map(str, choices)),
                )  # fmt: skip
        return self

    def parameters(self) -> dict[str, Any]:
        """Return all parameters, defaults filled in, as plain JSON values."""
        dumped: dict[str, Any] = json.loads(self.model_dump_json())
        return dumped

    def identity(self) -> tuple[str, int, str]:
        """Return (defining package and name, version, canonical JSON of the parameters), which stores keep and compare.

        It outlives a class that moves inside its package. Where two packages may have come by the same name, the graph
        beside it, which states distributions, or the token tell them apart.
        """
        package = type(self).__module__.partition(".")[0]
        return (f"{package}:{type(self).name}", type(self).version, canonical_json(self.parameters()))

    def token(self) -> str:
        """Return a digest of the identity and of where all classes are defined: equal in any process and under any hash seed.

        Two classes that can be imported are defined in different places, so no two of them share a token.
        """
        classes = [f"{type(part).__module__}:{type(part).__qualname__}" for part in parts_of(self)]
        return digest([*self.identity(), classes])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Declared) and self.token() == other.token()

    def __hash__(self) -> int:
        return int(self.token()[:15], 16)

    def __dask_tokenize__(self) -> str:
        return self.token()

    def __reduce__(self) -> tuple[Any, ...]:
        fields = {key: getattr(self, key) for key in type(self).model_fields}
        return (_rebuild, (portable(type(self)), fields))

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some parameters changed (validated like new ones)."""
        fields = {key: getattr(self, key) for key in type(self).model_fields}
        return type(self)(**{**fields, **changes})


def parts_of(value: Declared) -> Iterator[Declared]:
    """Yield a value and every declared value among its parameters, such as filter families, in an order of names."""
    yield value
    waiting: list[Any] = [getattr(value, key) for key in type(value).model_fields]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Declared):
            yield from parts_of(item)
        elif isinstance(item, dict):
            waiting += [item[key] for key in sorted(item, key=str)]
        elif isinstance(item, (tuple, list)):
            waiting += item


def _rebuild(make: Callable[..., Declared], fields: dict[str, Any]) -> Declared:
    return make(**fields)


def _parameter_error(cls: type[Declared], error: ValidationError) -> ParameterError:
    """Turn pydantic's findings into one error that names operator, parameter, rule and value."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    subject = f"{cls.name or cls.__name__}.{name or 'parameters'}"
    if first["type"] == "extra_forbidden":
        known = list(cls.model_fields)
        closest = near(name, known) or f"Known parameters: {', '.join(known)}."
        return UnknownParameterError(subject, "unknown parameter", remedy=closest)
    if first["type"] == "missing":
        return UnknownParameterError(subject, "required parameter is missing", code="ParameterRequired")
    field = cls.model_fields.get(name)
    rule: str = first["msg"][:1].lower() + first["msg"][1:]
    remedy: str | None = None if field is None or not field.description else f"It is: {field.description}"
    if first["type"] == "literal_error":
        rule = "unknown word, " + rule
        remedy = near(str(first["input"]), _words(field.annotation if field else None)) or remedy
    elif len(first["loc"]) > 1 and isinstance(first["loc"][-1], int):
        rule = f"element {first['loc'][-1]}: {rule}"
    return ParameterError(subject, rule, got=repr(first["input"]), remedy=remedy)


def _words(annotation: Any) -> list[str]:
    """Return the words among the choices of a type, wherever in it they stand."""
    found = [word for word in get_args(annotation) if isinstance(word, str)]
    return found + [word for part in get_args(annotation) if not isinstance(part, str) for word in _words(part)]
