"""Jobs: region tasks on workers, and the runner that submits them and keeps the ledger."""

from scatflow.run.calibrate import calibrate, load_rates
from scatflow.run.job import run
from scatflow.run.update import Fixed, fixed
from scatflow.store import open_result

__all__ = ["Fixed", "calibrate", "fixed", "load_rates", "open_result", "run"]
