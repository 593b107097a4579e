"""Graphs of operators and what they mean for labels, before any data."""

from scatflow.graph.bind import Call, bind
from scatflow.graph.kernel import Kernel, Port

__all__ = ["Call", "Kernel", "Port", "bind"]
