"""What a fresh process says of an operator, in groups *declare* and *numbers*: its import, tokens of values, bytes of results.

These come last: the process starts when a check of an operator begins, and works beside the others.
"""

from __future__ import annotations

import json
import pickle

from scatflow.contract import Operator
from scatflow.errors import ScatflowError
from scatflow.testing import probe
from scatflow.testing.check import Check, Failure, NotApplicable, Subject, check
from scatflow.testing.checks.lazy import not_program

#: Seconds that importing the module of an operator may take beyond what every operator needs.
IMPORT_SECONDS = 0.15


@check("declare", per_case=False)
def value_semantics(subject: Subject) -> None:
    """Examples are frozen, equal to what their parameters and pickles rebuild, and have one token in every process."""
    for example in subject.examples:
        _frozen(example)
        hidden = set(type(example).model_fields) - set(example.parameters())
        if hidden:
            raise Failure(
                "parameters are not in the JSON", got=sorted(hidden), remedy="Do not exclude fields or override parameters()."
            )
        for how, copy in (("its parameters", _rebuilt(example)), ("its pickle", _pickled(example))):
            if copy != example or hash(copy) != hash(example) or copy.token() != example.token():
                raise Failure(f"an example differs from what {how} rebuild", expected=example.identity(), got=copy.identity())
    tokens = tuple(example.token() for example in subject.examples)
    if len(set(tokens)) != len(set(map(str, (example.parameters() for example in subject.examples)))):
        raise Failure("examples with different parameters have one token", got=tokens,
                      remedy="Do not override identity() or token().")  # fmt: skip
    there = probe.probe(subject.declared.__module__, subject.examples, subject.cases).tokens
    if there != tokens:
        raise Failure("tokens differ in another process", expected=tokens, got=there,
                      remedy="Nothing in a parameter may depend on hash order, memory addresses or time.")  # fmt: skip


def _frozen(example: Operator) -> None:
    name = next(iter(type(example).model_fields))
    try:
        setattr(example, name, getattr(example, name))
    except Exception:  # pydantic's, or that of an author who forbids it otherwise
        return
    raise Failure("parameters can be assigned", expected="an immutable value", remedy="Leave model_config as it is.")


def _rebuilt(example: Operator) -> Operator:
    try:
        return type(example)(**json.loads(json.dumps(example.parameters())))
    except ScatflowError as error:
        raise Failure("the parameters of an example do not build it again", got=str(error)) from error


def _pickled(example: Operator) -> Operator:
    try:
        copy: Operator = pickle.loads(pickle.dumps(example))
    except Exception as error:  # pickling runs code of whatever the fields hold
        raise Failure("an example cannot be pickled", got=f"{type(error).__name__}: {error}",
                      remedy="Define the class at the top of a module, and keep no functions in its fields.") from error  # fmt: skip
    return copy


@check("declare", per_case=False)
def import_light(subject: Subject) -> None:
    """Importing the module loads no heavy library and takes little time."""
    module = subject.declared.__module__
    if module == "__main__" or "<locals>" in subject.declared.__qualname__:
        raise NotApplicable("the class is not in a module of its own")
    try:
        found = probe.probe(module, subject.examples, subject.cases)
    except Failure:  # of the values, which value_semantics tells
        found = probe.probe(module, ())
    if found.loaded:
        raise Failure(f"importing {module} loads {', '.join(found.loaded)}", remedy="Import heavy libraries inside methods.")
    seconds = found.seconds
    for _ in range(2):
        if seconds > IMPORT_SECONDS:
            seconds = min(seconds, probe.again(module))
    if seconds > IMPORT_SECONDS:
        raise Failure(f"importing {module} takes long", expected=f"{IMPORT_SECONDS} s", got=f"{seconds:.2f} s")


@check("numbers", per_case=False, applies=not_program)
def reproducible(subject: Subject) -> None:
    """A fresh process gives the same bytes, whatever was computed before: no tables, clocks, hash order or unseeded numbers."""
    for case in subject.cases:
        assert case.whole  # here in order, there in reverse
    module = subject.declared.__module__
    if module == "__main__" or "<locals>" in subject.declared.__qualname__:
        raise NotApplicable("the class is not in a module of its own")
    there = probe.probe(module, subject.examples, subject.cases).results
    for case, bytes_there in zip(subject.cases, there, strict=True):
        if probe.hashes(case.whole) != bytes_there:
            raise Failure(f"{case.label}: a fresh process gives other bytes", got=bytes_there.get("error"),
                          remedy="A result may depend on input and parameters alone; a table kept between calls needs all of them as its key.")  # fmt: skip


CHECKS: tuple[Check, ...] = (value_semantics, import_light, reproducible)
