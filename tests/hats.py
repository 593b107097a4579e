"""One operator in three versions, a source and a filter family in two: what plugins of different releases would provide."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import numpy as np

from scatflow.contract import Composite, FilterFamily, Filters, Pointwise, Source, family, operator, param, source, wire
from scatflow.hookspecs import Renamed, hookimpl, renamed
from scatflow.registry import Registry, using
from scatflow.spec import ArraySpec


@operator("hat", version=1, signature="()->()")
class Hat1(Pointwise):
    """Adds 1."""

    by: float = param(1.0, "What is added.")

    def apply(self, xp: Any, *blocks: Any) -> Any:
        return blocks[0] + self.by


@operator("hat", version=2, signature="()->()")
class Hat2(Pointwise):
    """Adds 2."""

    by: float = param(1.0, "What is added, twice.")

    def apply(self, xp: Any, *blocks: Any) -> Any:
        return blocks[0] + 2 * self.by


@operator("hat", version=3, signature="()->()")
class Hat3(Pointwise):
    """Adds 3."""

    by: float = param(1.0, "What is added, three times.")

    def apply(self, xp: Any, *blocks: Any) -> Any:
        return blocks[0] + 3 * self.by


@family("comb", version=1)
class Comb1(FilterFamily):
    """A comb."""

    teeth: int = param(3, "Teeth.")


@family("comb", version=2)
class Comb2(FilterFamily):
    """Another comb."""

    teeth: int = param(3, "Teeth.")


@operator("combed", version=1, signature="()->()")
class Combed(Pointwise):
    """Multiplies by teeth, plus ten per version of the comb."""

    filters: Filters = param(Comb1(), "The comb.")

    def apply(self, xp: Any, *blocks: Any) -> Any:
        comb: Any = self.filters
        return blocks[0] * comb.teeth + 10 * type(comb).version


def ones(version: int) -> type[Source]:
    """Return the source of ones in a version."""

    @source("ones", version=version)
    class Ones(Source):
        """Ones, in a version."""

        size: int = param(4, "Samples.", ge=1)

        def describe(self) -> ArraySpec:
            return ArraySpec(("x",), (self.size,), "float64", ((self.size,),))

        def read(self, region: Mapping[str, slice], variable: str | None = None) -> Any:
            return np.ones(self.size)[region.get("x", slice(None))]

    Ones.__qualname__ = Ones.__name__ = f"Ones{version}"
    return Ones


Ones1, Ones2 = ones(1), ones(2)


@operator("two_hats", version=1, signature="()->()")
class TwoHats(Composite):
    """One hat on another, of the present version."""

    def expand(self, *refs: Any) -> Any:
        return wire(Hat2(), wire(Hat2(), refs[0]))


Offers = Mapping[str, Mapping[str, type[Any] | Renamed]]

#: Releases of a plugin: kind -> name -> class.
OLD: Offers = {"operators": {"hat": Hat1, "combed": Combed}, "sources": {"ones": Ones1}, "filters": {"comb": Comb1}}
KEPT: Offers = {
    "operators": {"hat": Hat2, "hat@1": Hat1, "cap": renamed("hat"), "combed": Combed, "two_hats": TwoHats},
    "sources": {"ones": Ones2, "ones@1": Ones1},
    "filters": {"comb": Comb2, "comb@1": Comb1, "kamm": renamed("comb")},
}
NEW: Offers = {
    "operators": {"hat": Hat2, "combed": Combed, "two_hats": TwoHats},
    "sources": {"ones": Ones1},
    "filters": {"comb": Comb2},
}


@contextmanager
def release(offers: Offers, name: str = "acme") -> Iterator[Registry]:
    """Make one release of a plugin the only one installed."""
    module = ModuleType(name)
    for kind, found in offers.items():
        setattr(module, f"scatflow_{kind}", hookimpl(lambda found=found: found))
    sys.modules[name] = module
    try:
        with using(Registry([EntryPoint("main", name, "scatflow")])) as book:
            assert [plugin.state for plugin in book.plugins] == ["active"], book.plugins
            yield book
    finally:
        del sys.modules[name]
