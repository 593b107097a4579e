"""Jobs: region tasks on workers, and the runner that submits them and keeps the ledger."""

from scatflow.run.calibrate import calibrate, load_rates
from scatflow.run.job import run
from scatflow.run.update import region_steps
from scatflow.store import open_result

__all__ = ["calibrate", "load_rates", "open_result", "region_steps", "run"]
