"""The paragraph of ``show --methods``: what was computed on what, in the words of the field, with all versions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from scatflow.cli.cite import cited
from scatflow.contract import Source
from scatflow.contract.info import own_parameters
from scatflow.contract.reference import keyed
from scatflow.errors import DimensionError, RegistryError
from scatflow.graph.canonical import after_inputs, reference
from scatflow.graph.model import DATASET, VARIABLE
from scatflow.graph.values import lookup
from scatflow.labels import axis_of
from scatflow.spec import ArraySpec

if TYPE_CHECKING:
    import xarray as xr

    from scatflow.graph import Provenance

Arguments = Mapping[str, Any]

#: Arguments that other words cover, and the blocks to read by.
_SILENT = frozenset({"dims", "path", "variable", "columns", "chunks"})
#: Sources that read files.
_FILES = {"open_zarr": "the zarr store", "open_netcdf": "the file", "open_parquet": "the table"}


def _averaging(value: Any, arguments: Arguments) -> str:
    if value is None:
        return f"averaging scale 2^J = {2 ** arguments['J']} samples" if isinstance(arguments.get("J"), int) else ""
    if value == "global":
        return "averaged over the whole field"
    return f"averaging scale {value:g} samples" if value else "not averaged"


def _filters(value: Any, arguments: Arguments) -> str:
    if not isinstance(value, Mapping):
        return f"{value} filters"
    constants = [
        _plainly(key, item)
        for key, item in sorted(value.items())
        if key not in ("family", "namespace", "version") and item not in (None, False)
    ]
    return f"{value.get('family')} filters" + (f" ({', '.join(constants)})" if constants else "")


def _boundary(value: Any, arguments: Arguments) -> str:
    if value is None:
        return "boundaries periodic where a coordinate declares its period and reflected elsewhere"
    rules = dict.fromkeys([value] if isinstance(value, str) else value)
    return f"{' and '.join(rules)} boundaries" if len(rules) == 1 else f"boundaries {', '.join(value)}"


def _core(counts: tuple[int, ...], words: str) -> Callable[[Any, Arguments], str]:
    """Return the phrase of a parameter that counts in so many core dims only; none where it is left to their number."""

    def phrase(value: Any, arguments: Arguments) -> str:
        dims = arguments.get("dims")
        return "" if value is None or (dims and len(dims) not in counts) else words.format(_listed(value))

    return phrase


#: Parameters whose value always matters, in the order in which they are told: value and all arguments -> words.
_WORDS: Mapping[str, Callable[[Any, Arguments], str]] = {
    "J": lambda value, _: f"J = {value} octaves",
    "Q": _core((1,), "Q = {} bands per octave"),
    "L": _core((2, 3), "L = {} orientations"),
    "order": lambda value, _: f"up to order {value}",
    "filters": _filters,
    "boundary": _boundary,
    "T": _averaging,
    "over": lambda value, _: f"averaged over {_listed(value)}" if value else "",
    "normalize": lambda value, _: f"normalized ({_listed(value)})" if value is not None else "not normalized",
    "nan": lambda value, _: f'missing values by the rule "{value}"' if value != "propagate" else "",
    "stride": lambda value, _: f"one output per {value} samples" if value not in (None, 1) else "",
}


def paragraph(record: Provenance, attrs: Mapping[str, Any], found: Mapping[str, xr.Dataset]) -> str:
    """Return the paragraph for a result.

    Parameters
    ----------
    record : Provenance
        Its record; the operators in it need not be installed.
    attrs : mapping
        Attributes of the result, which tell the plan.
    found : mapping
        Its datasets by group.
    """
    story = _Story(record)
    sentences = [*story.inputs(), *story.steps(), *_reservations(record), _results(found), _versions(record, attrs)]
    return " ".join(sentence for sentence in sentences if sentence)


class _Story:
    """The nodes of a record, inputs and steps numbered as they are told."""

    def __init__(self, record: Provenance) -> None:
        self.record = record
        self.nodes: Mapping[str, Any] = record.document["process_graph"]
        result = next(name for name, node in self.nodes.items() if node.get("result"))
        self.order = [
            name for name in after_inputs(self.nodes, result) if self.nodes[name]["process_id"] not in (VARIABLE, DATASET)
        ]
        self.given = [str(parameter["name"]) for parameter in record.document.get("parameters", [])]
        self.sources = [name for name in self.order if not self._references(name)]
        self.operators = [name for name in self.order if name not in self.sources]

    def _references(self, name: str) -> list[tuple[str, str]]:
        arguments = self.nodes[name]["arguments"]
        return [found for key in self._inputs(name) if (found := reference(arguments[key])) is not None]

    def _inputs(self, name: str) -> Sequence[str]:
        """Return the array arguments of a node in the operator's own order, where that is known."""
        arguments = self.nodes[name]["arguments"]
        cls = _class(self.nodes[name])
        known = [key for key in getattr(cls, "inputs", ()) if key in arguments]
        return known or sorted(key for key, value in arguments.items() if reference(value) is not None)

    def inputs(self) -> list[str]:
        """Return a sentence per source and per array that was given in memory."""
        told = [self._source(name) for name in self.sources]
        return told + [f"The array {name} was given in memory." for name in self.given]

    def _source(self, name: str) -> str:
        node = self.nodes[name]
        arguments, process = node["arguments"], node["process_id"]
        if process in _FILES:
            variable = arguments.get("variable") or _listed(arguments.get("columns") or ())
            what = f"The variable {variable}" if variable else "The data"
            told = f"{what} of {_FILES[process]} {PurePath(str(arguments.get('path'))).name}"
        else:
            told = f"Data of the source {_words(process)}"
        settings = [
            _plainly(key, value) for key, value in arguments.items() if value is not None and key not in (*_SILENT, "dtype")
        ]
        facts = "; ".join(filter(None, [self._origin(name), ", ".join(settings), self._labels(name)]))
        return f"{told} ({facts}) served as input."

    def _labels(self, name: str) -> str:
        """Return sizes, dtype, spacing and units of a source, as far as record or source itself tell."""
        known = self.record.inputs.get(name, {})
        spec = _described(self.nodes[name], self._picked(name))
        if "shape" in known and (spec is None or list(spec.shape) != list(known["shape"])):
            sizes = ", ".join(f"{dim} {size}" for dim, size in zip(known["dims"], known["shape"], strict=True))
            return f"{known.get('dtype', '')}, {sizes}".strip(", ")
        return "" if spec is None else _labelled(spec)

    def _picked(self, name: str) -> str:
        """Return which of a source's variables is used, empty where that is not one."""
        names = [
            str(node["arguments"]["name"])
            for node in self.nodes.values()
            if node["process_id"] == VARIABLE and reference(node["arguments"]["data"]) == ("from_node", name)
        ]
        return names[0] if len(names) == 1 else ""

    def _origin(self, name: str) -> str:
        """Return provider, version of the numerical meaning, and keys of the references of a node."""
        node = self.nodes[name]
        canonical = f"{node.get('namespace')}:{node['process_id']}" if node.get("namespace") else node["process_id"]
        stated = (node["version"],) if "version" in node else self.record.operators.get(canonical, ())
        versions = " and ".join(map(str, stated))
        keys = dict.fromkeys(keyed(one) for part in cited(node) for one in part.references or ())
        return f"{canonical}{f', version {versions}' if versions else ''}" + (f" [{', '.join(keys)}]" if keys else "")

    def steps(self) -> list[str]:
        """Return the sentence that tells the operators in order."""
        if not self.operators:
            return []
        told = [self._step(number, name) for number, name in enumerate(self.operators, start=1)]
        if len(told) == 1:
            return [f"We computed {told[0]}."]
        return ["We computed, in this order, " + "; ".join(f"({n}) {step}" for n, step in enumerate(told, start=1)) + "."]

    def _step(self, number: int, name: str) -> str:
        node = self.nodes[name]
        arguments = node["arguments"]
        dims = arguments.get("dims")
        along = f" along {_listed(dims)}" if dims else ""
        details = ", ".join(_settings(node, arguments, set(self._inputs(name))))
        return f"{_words(node['process_id'])} ({self._origin(name)}){self._of(number, name)}{along}" + (
            f" with {details}" if details else ""
        )

    def _of(self, number: int, name: str) -> str:
        """Return what a step works on; nothing where that is simply what comes before."""
        arguments = self.nodes[name]["arguments"]
        told = [self._named(arguments[key]) for key in self._inputs(name)]
        before = [f"({number - 1})"] if number > 1 else [self._named(value) for value in self._starts()]
        return f" of {_listed(told)}" if told != before else ""

    def _starts(self) -> list[dict[str, str]]:
        return [*({"from_node": name} for name in self.sources), *({"from_parameter": name} for name in self.given)]

    def _named(self, value: Any) -> str:
        """Return how an input is called: step number, name of the data, or the number itself."""
        found = reference(value)
        if found is None:
            return json.dumps(value)
        kind, name = found
        if kind == "from_parameter":
            return name
        node = self.nodes[name]
        if node["process_id"] == VARIABLE:
            inner = self._named(node["arguments"]["data"])
            return f"{node['arguments']['name']} of {inner}" if inner.startswith("(") else str(node["arguments"]["name"])
        if name in self.operators:
            return f"({self.operators.index(name) + 1})"
        return str(node["arguments"].get("variable") or _words(node["process_id"]))


def _settings(node: Mapping[str, Any], arguments: Arguments, inputs: set[str]) -> list[str]:
    """Return the essential parameters in words, then other numbers of the author and whatever else is not as by default."""
    told = [words(arguments[key], arguments) for key, words in _WORDS.items() if key in arguments]
    cls = _class(node)
    fields = getattr(cls, "model_fields", {})
    numbers = own_parameters(cls) if cls is not None else ()
    for key, value in arguments.items():
        if key in _WORDS or key in _SILENT or key in inputs or value is None:
            continue
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and key in numbers
        if (
            key in fields
            and not number
            and json.loads(json.dumps(value)) == json.loads(json.dumps(fields[key].get_default(), default=str))
        ):
            continue
        told.append(_plainly(key, value))
    return [words for words in told if words]


def _reservations(record: Provenance) -> list[str]:
    """Return the sentences that tell where the result is not what its names and versions say."""
    told = [f"{one.id} in version {one.used} where version {one.recorded} was recorded" for one in record.drift]
    sentences = [f"This repeats an earlier computation with {_listed(told)}."] if told else []
    if not record.reproducible:
        sentences.append("Operators of single files took part, so this is not reproducible from published software.")
    return sentences


def _results(found: Mapping[str, xr.Dataset]) -> str:
    """Return the sentence about what is stored: variables with sizes, units and conventions."""
    told = []
    for group, dataset in found.items():
        for name, array in dataset.data_vars.items():
            sizes = ", ".join(f"{dim} {size}" for dim, size in array.sizes.items()) or "a number"
            units = f" in {array.attrs['units']}" if array.attrs.get("units") not in (None, "", "1") else ""
            rule = f", normalized as {array.attrs['normalization']}" if array.attrs.get("normalization") else ""
            told.append(f"{'/'.join(filter(None, (group, str(name))))}{units} ({sizes}{rule})")
    return f"The result holds {_listed(told)}." if told else ""


def _versions(record: Provenance, attrs: Mapping[str, Any]) -> str:
    """Return the sentence about software, with the digests that identify graph and plan."""
    own = f"scatflow {record.versions['scatflow']}" if "scatflow" in record.versions else "scatflow"
    plugins = [
        f"{name} {' and '.join(versions)}".strip() for name, versions in sorted(record.plugins.items()) if name != "scatflow"
    ]
    below = [
        f"{'Python' if name == 'python' else name} {number}"
        for name, number in sorted(record.versions.items())
        if name != "scatflow"
    ]
    stack = f" ({', '.join(below)})" if below else ""
    plan = f", plan {str(attrs['scatflow_plan'])[:12]}" if "scatflow_plan" in attrs else ""
    return f"Computed with {_listed([own, *plugins])}{stack}; process graph {record.hash[:12]}{plan}."


def _class(node: Mapping[str, Any]) -> Any:
    try:
        return lookup(node["process_id"], node.get("namespace"), node.get("version")).cls
    except RegistryError:
        return None


def _described(node: Mapping[str, Any], variable: str) -> ArraySpec | None:
    """Return the labels of a source as it is now; None where it, its file or its plugin is gone."""
    cls = _class(node)
    if cls is None or not issubclass(cls, Source):
        return None
    try:
        found = cls(**node["arguments"]).describe()
    except Exception:  # whatever became of the data: the paragraph is about the result
        return None
    return found if isinstance(found, ArraySpec) else found.get(variable)


def _labelled(spec: ArraySpec) -> str:
    units = f" in {spec.attrs['units']}" if spec.attrs.get("units") not in (None, "", "1") else ""
    sizes = ", ".join(f"{dim} {size}" for dim, size in spec.sizes.items())
    spacing: dict[str, list[str]] = {}
    for dim in spec.dims:
        if dim in spec.coords and (words := _spacing(spec, dim)):
            spacing.setdefault(words, []).append(dim)
    return "; ".join([f"{spec.dtype}{units}, {sizes}", *(f"{words} along {_listed(dims)}" for words, dims in spacing.items())])


def _spacing(spec: ArraySpec, dim: str) -> str:
    try:
        axis = axis_of(spec, dim)
    except DimensionError:
        return "unevenly spaced"
    periodic = " (periodic)" if axis.periodic else ""
    if axis.kind == "index":
        return f"by sample{f' ({axis.unit})' if axis.unit else ''}"
    return f"spacing {abs(axis.step):.6g} {axis.unit}{periodic}" if axis.unit not in ("", "1") else ""


def _words(name: str) -> str:
    return name.replace("_", " ")


def _plainly(key: str, value: Any) -> str:
    if isinstance(value, float):
        return f"{key} = {value:.6g}"
    return f"{key} = {value if isinstance(value, (str, int)) else json.dumps(value)}"


def _listed(items: Any) -> str:
    """Return items as a list in words."""
    if isinstance(items, str) or not isinstance(items, Sequence):
        return str(items)
    texts = [str(item) for item in items]
    return " and ".join(filter(None, [", ".join(texts[:-1]), *texts[-1:]]))
