"""Graphs of operators and what they mean for labels, before any data."""

from scatflow.graph.bind import Call, bind
from scatflow.graph.document import dump_text, load_text, parse, read_file
from scatflow.graph.drift import Drift
from scatflow.graph.inline import inline
from scatflow.graph.kernel import Kernel, Port
from scatflow.graph.model import Given, Graph, Node
from scatflow.graph.provenance import Origin, Provenance, extend, graph_of, parse_provenance, provenance
from scatflow.graph.validate import Bound, dry_run, infer, table

__all__ = [
    "Bound", "Call", "Drift", "Given", "Graph", "Kernel", "Node", "Origin", "Port", "Provenance", "bind", "dry_run", "dump_text", "extend",
    "graph_of", "infer", "inline", "load_text", "parse", "parse_provenance", "provenance", "read_file", "table",
]  # fmt: skip
