"""The words of the registry: a plugin and what became of it, a name and who provides it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from scatflow.api import ENGINE

Kind = Literal["operators", "sources", "filters", "commands"]
KINDS: tuple[Kind, ...] = ("operators", "sources", "filters", "commands")
#: What one of a kind is called in a message.
SINGULAR: Mapping[Kind, str] = {"operators": "operator", "sources": "source", "filters": "filter family", "commands": "command"}

#: States of a plugin; those that are nobody's fault come first.
FINE = ("active", "denied", "blocked")
STATES = (*FINE, "failed:import", "failed:api", "failed:hook", "failed:spec", "shadowed")

#: What the engine itself provides, as ``"module:Class"``.
BUILT_IN: Mapping[Kind, Mapping[str, str]] = {
    "sources": {
        "open_zarr": "scatflow.store.source:ZarrSource",
        "open_netcdf": "scatflow.store.files:NetcdfSource",
        "open_parquet": "scatflow.store.files:ParquetSource",
    }
}

#: Distribution that provides a first-party name, for the error when it is not installed (U28).
FIRST_PARTY: Mapping[str, str] = {
    **dict.fromkeys(
        ("absolute", "add", "cast", "center", "cumsum", "demean", "detrend", "divide", "drop_labels", "increments", "lagged", "ln",
         "log", "multiply", "norm", "power", "reduce", "rename", "rescale", "select", "standardize", "subtract", "taper"),
        "scatflow-arrays"),
    **dict.fromkeys(
        ("absolute_autocorrelation", "hill", "horizon_moments", "ising", "leverage", "sp500", "turbulence2d", "zumbach"),
        "scatflow-processes"),
    **dict.fromkeys(("scattering", "scattering_moments"), "scatflow-scattering"),
    **dict.fromkeys(("gammatone", "modulus", "morlet", "tight", "wavelet"), "scatflow-wavelet"),
}  # fmt: skip


@dataclass(frozen=True)
class Plugin:
    """One entry point, or one local file, and what became of it.

    Attributes
    ----------
    dist, version : str
        Distribution, its name normalized, and its version; of a local file ``local`` and the hash of its text.
    entry : str
        Name of the entry point, or of the file.
    state, reason : str
        One of :data:`STATES`, and why where it is not ``active``.
    seconds : float
        Time that loading took.
    names : mapping
        Kind -> names provided, those of kept versions (``hat@1``) and old names among them.
    origin, where : str
        Where it comes from (``index``, ``editable``, ``git.<commit>``, ``folder``, ``archive``, ``file``), and its place.
    notes : tuple of str
        What to know of an active plugin: names that others provide too.
    """

    dist: str
    version: str
    entry: str
    state: str
    reason: str = ""
    seconds: float = 0.0
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    origin: str = ""
    where: str = ""
    notes: tuple[str, ...] = ()

    @property
    def fine(self) -> bool:
        """Whether its state is what somebody wants it to be."""
        return self.state in FINE

    @property
    def called(self) -> str:
        """What messages call it: its distribution, or its file."""
        return f"{self.dist} {self.entry}" if self.origin == "file" else self.dist

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON for ``scatflow plugins --json``."""
        return {
            "dist": self.dist, "version": self.version, "entry": self.entry, "state": self.state, "reason": self.reason,
            "seconds": round(self.seconds, 4), "names": {kind: list(names) for kind, names in self.names.items()},
            "origin": self.origin, "where": self.where, "notes": list(self.notes),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote."""
        names = {kind: tuple(found) for kind, found in plain["names"].items()}
        return cls(**{**plain, "names": names, "notes": tuple(plain["notes"])})


@dataclass(frozen=True)
class Provided:
    """A name with its provider.

    Attributes
    ----------
    dist, version : str
        Distribution, and its version with a label of its origin where that is not an index (``0.1.0+editable``).
    name : str
        Short name.
    target : object
        Class or command, or the string ``"module:Class"`` that names it.
    number : int or None
        Version of an operator that is kept beside the current one.
    was : str
        The old name by which it was asked for.
    """

    dist: str
    version: str
    name: str
    target: Any
    number: int | None = None
    was: str = ""

    @property
    def canonical(self) -> str:
        """``dist:name``, with ``@number`` where it is not the current one."""
        return f"{self.dist}:{self.name}" + (f"@{self.number}" if self.number is not None else "")

    @property
    def renaming(self) -> str:
        """What to say where an old name was used."""
        return f"{self.was!r} of {self.dist} is called {self.name!r} now"


def noted(plugins: Iterable[Plugin], ours: Mapping[Kind, Iterable[str]] = BUILT_IN) -> tuple[Plugin, ...]:
    """Return plugins with a note for every name that another distribution, or the engine, provides too.

    Parameters
    ----------
    plugins : iterable of Plugin
        All of them.
    ours : mapping
        Kind -> names that the engine provides.
    """
    plugins = tuple(plugins)
    providers: dict[tuple[str, str], list[str]] = {(kind, name): [ENGINE] for kind, names in ours.items() for name in names}
    for plugin in plugins:
        for kind, names in plugin.names.items():
            for name in names:
                dists = providers.setdefault((kind, name), [])
                dists += [plugin.dist] if plugin.dist not in dists else []
    return tuple(_noted(plugin, providers) for plugin in plugins)


def _noted(plugin: Plugin, providers: Mapping[tuple[str, str], list[str]]) -> Plugin:
    notes = list(plugin.notes)
    for kind, names in plugin.names.items():
        for name in names:
            others = [dist for dist in providers[kind, name] if dist != plugin.dist]
            if others and "@" not in name:
                word = SINGULAR[kind]  # type: ignore[index]
                notes.append(f"{word} {name!r} is also provided by {' and '.join(others)}: write {plugin.dist}:{name}")
    return replace(plugin, notes=tuple(dict.fromkeys(notes)))
