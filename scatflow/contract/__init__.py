"""What a plugin author imports: kinds of operators, parameters, sources, filter families."""

from scatflow.api import API, install_family_lookup
from scatflow.contract.average import Average
from scatflow.contract.cells import Cells, stack
from scatflow.contract.declared import Declared, canonical_json, digest, param, parts_of
from scatflow.contract.info import Info
from scatflow.contract.joining import QUANTITY_ATTRS, joined, shared_attrs
from scatflow.contract.operator import (
    Boundary,
    Composite,
    Core,
    Dims,
    Extended,
    Operator,
    Pointwise,
    Program,
    Reduce,
    Whole,
    Window,
    operator,
)
from scatflow.contract.reference import Reference
from scatflow.contract.select import Extension, Index, Select
from scatflow.contract.signature import Signature
from scatflow.contract.source import FilterFamily, Filters, Source, family, source
from scatflow.contract.wiring import Ref, Wire, wire

__all__ = [
    "API", "QUANTITY_ATTRS", "Average", "Boundary", "Cells", "Composite", "Core", "Declared", "Dims", "Extended", "Extension", "FilterFamily", "Filters", "Index", "Info", "Operator",
    "Pointwise", "Program", "Reduce", "Ref", "Reference", "Select", "Signature", "Source", "Whole", "Window", "Wire", "canonical_json", "digest", "family",
    "install_family_lookup", "joined", "operator", "param", "parts_of", "shared_attrs", "source", "stack", "wire",
]  # fmt: skip
