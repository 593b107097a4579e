"""Where labelled data come from: stores, files, simulators. And filter families, looked up by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BeforeValidator, SerializeAsAny, model_serializer

from scatflow.api import family_lookup, is_revision, revision_of
from scatflow.contract.declared import Declared, check_version, digest
from scatflow.contract.reference import Reference
from scatflow.errors import ParameterError
from scatflow.spec import ArraySpec

S = TypeVar("S", bound=type[Declared])
Region = Mapping[str, slice]


def source(name: str, *, version: int, references: tuple[Reference | str, ...] = ()) -> Callable[[S], S]:
    """Declare a source class: its process id and the version of what it delivers."""
    check_version(name, version)

    def declare(cls: S) -> S:
        for key, value in {"name": name, "version": version, "references": references}.items():
            setattr(cls, key, value)
        return cls

    return declare


class Source(Declared):
    """A labelled array, or several, that can be read region by region."""

    references: ClassVar[tuple[Reference | str, ...]] = ()

    def describe(self) -> ArraySpec | Mapping[str, ArraySpec]:
        """Return dims, shape, dtype, stored chunks, coordinates and attributes; reads no data."""
        raise NotImplementedError

    def read(self, region: Region, variable: str | None = None) -> Any:
        """Return the block of ``region`` (dims that are not named are whole) as a NumPy array."""
        raise NotImplementedError

    def fingerprint(self, region: Region | None = None) -> str:
        """Return a digest that changes when the data of ``region`` change; costs no data read.

        The default suits generators: what they deliver is fixed by their parameters.
        """
        return digest(list(self.identity()))


class FilterFamily(Declared):
    """A family of wavelets: formulas in continuous frequency, evaluated on whatever grid a block has.

    The numerical interface belongs to the plugin that uses it (:mod:`scatflow_wavelet` documents its own);
    the engine needs only a name, parameters and an identity.
    """

    references: ClassVar[tuple[Reference | str, ...]] = ()

    @model_serializer(mode="wrap")
    def _named(self, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return {"family": type(self).name, "version": revision_of(type(self)), **handler(self)}


def family(name: str, *, version: int, references: tuple[Reference | str, ...] = ()) -> Callable[[S], S]:
    """Declare a filter family class."""
    return source(name, version=version, references=references)


def as_family(value: Any) -> Any:
    """Return a filter family from its name or its spec ``{"family": name, ...}``.

    A spec may state a distribution as ``namespace`` and a version, as those that are stored do; it is then a family of that
    distribution and version or an error. Workers never come here with a name: values are resolved before they are sent.
    """
    if isinstance(value, FilterFamily):
        return value
    if isinstance(value, str):
        value = {"family": value}
    if not isinstance(value, dict) or "family" not in value:
        raise ParameterError("filters", "a filter family is a name or a spec", expected='"morlet" or {"family": ...}',
                             got=repr(value))  # fmt: skip
    find = family_lookup()
    if find is None:
        raise ParameterError("filters", "family names need the plugin registry", got=repr(value["family"]),
                             remedy="Import scatflow.registry first, or pass a family value.")  # fmt: skip
    name, namespace, stated = value["family"], value.get("namespace"), value.get("version")
    if not isinstance(name, str) or not isinstance(namespace, str | None) or not (stated is None or is_revision(stated)):
        raise ParameterError("filters", "a filter family has a name, and may state its distribution and version",
                             expected='{"family": "morlet", "namespace": "scatflow-wavelet", "version": 1}', got=repr(value))  # fmt: skip
    parameters = {key: item for key, item in value.items() if key not in ("family", "namespace", "version")}
    return find(f"{namespace}:{name}" if namespace else name, stated)(**parameters)


#: Type of a ``filters`` parameter: a name, a spec or a family value is accepted, the value is stored.
Filters = Annotated[SerializeAsAny[FilterFamily], BeforeValidator(as_family)]
