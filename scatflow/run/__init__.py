"""Jobs: region tasks on workers, and the runner that submits them and keeps the ledger."""

from scatflow.run.job import run
from scatflow.store import open_result

__all__ = ["open_result", "run"]
