"""Operators as functions: signature, docstring and completion are generated from the declaration."""

from __future__ import annotations

import inspect
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from scatflow.contract import Operator
from scatflow.errors import ParameterError, UnknownParameterError
from scatflow.ops.evaluation import apply

#: Keywords of every call that concern evaluation, not numerical meaning; they never enter identity or provenance.
CALL_KEYWORDS = ("rechunk", "labels")
_SHARED = ("dtype", "dims", "sampling", "boundary", "nan", "missing", "min_valid", "over")


class OperatorFunction:
    """An operator as a function; ``operator`` is the class with the full declaration."""

    def __init__(self, operator: type[Operator]) -> None:
        self.operator = operator
        self.__name__ = self.__qualname__ = operator.name
        self.__module__ = __name__
        self.__doc__ = document(operator)
        self.__signature__ = signature(operator)

    def __call__(self, *data: Any, **keywords: Any) -> Any:
        names = self.operator.inputs
        given = [keywords.pop(name) for name in names[len(data) :] if name in keywords]
        inputs = (*data, *given)
        if len(inputs) != len(names):
            raise UnknownParameterError(self.__name__, "wrong number of inputs", expected=", ".join(names), got=len(inputs))
        options = {key: keywords.pop(key) for key in CALL_KEYWORDS if key in keywords}
        return apply(self.operator(**keywords), *inputs, **options)

    def __repr__(self) -> str:
        return f"<operator {self.__name__}{self.__signature__}>"


def signature(operator: type[Operator]) -> inspect.Signature:
    """Return the call signature generated from the declaration: inputs, own parameters, shared ones."""
    fields = operator.model_fields
    order = [key for key in fields if key not in _SHARED]
    lead = [key for key in ("dims", "over") if key in fields]
    tail = [key for key in _SHARED if key in fields and key not in lead]
    positional = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in operator.inputs]
    keyword = []
    for key in (*lead, *order, *tail):
        default = inspect.Parameter.empty if fields[key].is_required() else fields[key].get_default(call_default_factory=True)
        keyword.append(
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=_plain(fields[key].annotation))
        )
    extra = [
        inspect.Parameter("rechunk", inspect.Parameter.KEYWORD_ONLY, default=None),
        inspect.Parameter("labels", inspect.Parameter.KEYWORD_ONLY, default=True),
    ]
    return inspect.Signature([*positional, *keyword, *extra])


def document(operator: type[Operator]) -> str:
    """Return the docstring: the class's own, then the table of parameters and the references."""
    lines = [inspect.cleandoc(operator.__doc__ or operator.name), "", "Parameters", "----------"]
    lines += [f"{name} : DataArray, Dataset or array" for name in operator.inputs]
    for key, info in operator.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        unit = f" [{extra['unit']}]" if "unit" in extra else ""
        lines.append(f"{key} : {_type_name(_plain(info.annotation))}{unit}")
        lines.append(f"    {info.description or ''}".rstrip())
    if operator.references:
        lines += ["", "References", "----------", *map(str, operator.references)]
    return "\n".join(lines)


def _plain(annotation: Any) -> Any:
    """Return a type as a reader wants it: without the validators that ride on it."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return Union[tuple(_plain(part) for part in get_args(annotation))]  # noqa: UP007  (built at run time)
    return annotation


def _type_name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


class UnknownOperatorError(ParameterError, AttributeError, LookupError):
    """An operator that no active plugin provides."""

    default_code = "ProcessUnsupported"
