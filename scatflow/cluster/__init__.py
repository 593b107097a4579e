"""Clients and workers: where tasks run, and whether all of them would compute the same."""

from scatflow.cluster.clients import MALLOC, SETTINGS, connect, count, device, has_gpu, lanes, limits, local
from scatflow.cluster.fingerprint import Wanted, fingerprint, wanted
from scatflow.cluster.handshake import handshake

__all__ = [
    "MALLOC", "SETTINGS", "Wanted", "connect", "count", "device", "fingerprint", "handshake", "has_gpu", "lanes", "limits", "local", "wanted",
]  # fmt: skip
