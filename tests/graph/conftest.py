"""Plugins for tests of graphs: the toys, and operators that are awkward in every way a plugin can be."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import toys
from scatflow.contract import Composite, Operator, Pointwise, Program, Source, operator, param, source, wire
from scatflow.errors import GraphError, ParameterError
from scatflow.graph import Graph, parse
from scatflow.hookspecs import hookimpl
from scatflow.registry import Registry, using
from scatflow.spec import ArraySpec, Coord

Document = dict[str, Any]


@operator("picky", version=3, signature="()->()")
class Picky(Pointwise):
    """Parameters of every kind."""

    count: int = param(doc="A required count.", ge=1, le=8)
    scale: float = param(1.0, "A scale.", gt=0)
    word: str = param("red", "A word.", choices=["red", "green"])
    reach: int | tuple[int, int] | None = param(None, "One number or two.")
    table: dict[str, tuple[int, ...]] = param({}, "A table.")

    def apply(self, xp: Any, *blocks: Any) -> Any:
        return blocks[0] * self.scale


@operator("dream", version=1, signature="()->()")
class Dream(Program):
    """An eager program."""

    def run(self, ctx: Any, *inputs: Any) -> Any:
        return inputs[0]


@operator("nested", version=1, signature="()->()")
class Nested(Composite):
    """A composite of composites, with a shared part and a number."""

    def expand(self, *refs: Any) -> Any:
        inner = wire(toys.Anomaly(dims=("x",)), refs[0])
        return wire(toys.Divide(), wire(toys.Divide(), inner, inner), 2)


@operator("both", version=1, signature="()->()")
class Both(Composite):
    """Two named results of one shared operator."""

    def expand(self, *refs: Any) -> Any:
        shared = wire(toys.Mean(dims=("x",)), refs[0])
        return {"average": shared["mean"], "number": shared["count"]}


@operator("doubling", version=1, signature="()->()")
class Doubling(Composite):
    """A tree of 2^60 paths over 60 shared parts, ending in a node of several results."""

    def expand(self, *refs: Any) -> Any:
        part = wire(Picky(count=1), refs[0])
        for _ in range(60):
            part = wire(toys.Divide(), part, part)
        return wire(toys.Mean(dims=("x",)), part)


@operator("wrong", version=1, signature="()->()")
class Wrong(Composite):
    """Fails in the way it is told."""

    way: str = param("raise", "How to fail.")

    def expand(self, *refs: Any) -> Any:
        if self.way == "endless":
            return wire(self, refs[0])
        if self.way == "raise":
            raise KeyError("oops")
        if self.way == "refuse":
            raise ParameterError("wrong.way", "is refused")
        stranger = type(refs[0])("stranger")
        returns: dict[str, Any] = {
            "none": None, "number": 3.0, "count": wire(toys.Divide(), refs[0]), "class": wire(Picky, refs[0]),  # type: ignore[arg-type]
            "text": wire(Picky(count=1), "u"), "stranger": wire(Picky(count=1), stranger), "empty": {},  # type: ignore[arg-type]
        }  # fmt: skip
        return returns[self.way]


@operator("crash", version=1, signature="()->()")
class Crash(Pointwise):
    """A plugin with a defect in ``output``."""

    def output(self, *specs: ArraySpec) -> ArraySpec:
        raise KeyError("oops")


@source("fields", version=2)
class Fields(Source):
    """Two variables; reading is a test failure."""

    seed: int = param(7, "Seed.", ge=0)
    broken: bool = param(False, "Fail when described.")

    def describe(self) -> Mapping[str, ArraySpec]:
        if self.broken:
            raise ParameterError("fields.broken", "is true")
        x = Coord(("x",), np.arange(8.0), {"units": "m"})
        return {name: ArraySpec(("x",), (8,), "float64", ((8,),), {"x": x}, {}, name) for name in ("u", "v")}

    def read(self, region: Mapping[str, slice], variable: str | None = None) -> Any:
        raise AssertionError("data were read")


@source("unread", version=1)
class UnreadNoise(toys.Noise):
    """The noise of the toys, whose reading is a test failure."""

    def read(self, region: Mapping[str, slice], variable: str | None = None) -> Any:
        raise AssertionError("data were read")


OPERATORS: dict[str, type[Operator]] = {
    cls.name: cls for cls in (Picky, Dream, Nested, Both, Doubling, Wrong, Crash)
}  # fmt: skip


def _plugin(name: str, operators: Mapping[str, Any], sources: Mapping[str, Any]) -> ModuleType:
    module = ModuleType(name)
    module.scatflow_operators = hookimpl(lambda: operators)  # type: ignore[attr-defined]
    module.scatflow_sources = hookimpl(lambda: sources)  # type: ignore[attr-defined]
    return module


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[EntryPoint]]:
    """Return a function that makes entry points of plugins given as ``name=(operators, sources)``."""

    def make(**contents: tuple[Mapping[str, Any], Mapping[str, Any]]) -> list[EntryPoint]:
        for name, (operators, sources) in contents.items():
            monkeypatch.setitem(sys.modules, name, _plugin(name, operators, sources))
        return [EntryPoint(name, name, "scatflow") for name in contents]

    return make


@pytest.fixture(autouse=True)
def book(plugins: Callable[..., list[EntryPoint]]) -> Iterator[Registry]:
    """Make the toys and the awkward operators the only plugins of the process."""
    points = plugins(awkward=(OPERATORS, {"fields": Fields, "unread": UnreadNoise}))
    with using(Registry([EntryPoint("toys", "toy_plugin", "scatflow"), *points])) as made:
        yield made


@pytest.fixture
def awkward() -> SimpleNamespace:
    """Return the awkward classes."""
    return SimpleNamespace(Picky=Picky, Dream=Dream, Nested=Nested, Both=Both, Crash=Crash, Fields=Fields, UnreadNoise=UnreadNoise)


@pytest.fixture
def node() -> Callable[..., Document]:
    """Return a function that writes a node: array arguments as ids, the rest as they are."""

    def write(process: str, *inputs: str | float, result: bool = False, namespace: str | None = None, **arguments: Any) -> Document:
        names = ("x", "y") if len(inputs) == 2 else ("data",)
        wired = {name: {"from_node": item} if isinstance(item, str) else item for name, item in zip(names, inputs, strict=False)}
        entry: Document = {"process_id": process, "arguments": {**wired, **arguments}}
        if result:
            entry["result"] = True
        return entry if namespace is None else {**entry, "namespace": namespace}

    return write


@pytest.fixture
def problems() -> Callable[..., dict[str, list[tuple[str | None, str | None]]]]:
    """Return a function that tries something and returns code -> (node, argument) of the findings."""

    def attempt(function: Callable[..., Any], *arguments: Any) -> dict[str, list[tuple[str | None, str | None]]]:
        with pytest.raises(GraphError) as caught:
            function(*arguments)
        found: dict[str, list[tuple[str | None, str | None]]] = {}
        for problem in caught.value.problems:
            found.setdefault(problem.code, []).append((problem.node, problem.argument))
        return found

    return attempt


@pytest.fixture
def graph_of_nodes() -> Callable[..., Graph]:
    """Return a function that parses nodes given by keyword."""

    def make(**nodes: Document) -> Graph:
        return parse({"process_graph": nodes})

    return make
