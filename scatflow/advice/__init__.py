"""What to choose for data that have not been looked at yet: octaves, angles or bands, and what they cost (U12)."""

from scatflow.advice.choice import advise
from scatflow.advice.table import Advice

__all__ = ["Advice", "advise"]
