"""What this distribution provides to scatflow; names only, so that listing imports nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from scatflow import hookimpl

SCATFLOW_API = 1


@hookimpl
def scatflow_operators() -> Mapping[str, str]:
    """Return operator name -> "module:Class"."""
    return {
        "hat_energy": "acme_signals.energy:HatEnergy",
        "mean_square": "acme_signals.energy:MeanSquare",
        "mexican_hat": "acme_signals.hats:MexicanHat",
    }


@hookimpl
def scatflow_commands() -> Mapping[str, str]:
    """Return command name -> "module:command"."""
    return {"hatreach": "acme_signals.commands:hat_reach"}


@hookimpl
def scatflow_event(event: Mapping[str, Any]) -> None:
    """Write down what runs do, where the environment names a file for it."""
    if path := os.environ.get("ACME_SIGNALS_LOG"):
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{event['event']}\n")
