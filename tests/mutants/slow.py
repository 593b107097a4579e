"""An operator whose module takes long to import."""

from __future__ import annotations

import time
from typing import Any

from scatflow.contract import Pointwise, operator

time.sleep(0.3)  # stands for whatever a module may do


@operator("slow", version=1, signature="()->()")
class Slow(Pointwise):
    """The data themselves, late."""

    def apply(self, xp: Any, *blocks: Any) -> Any:
        return 1 * blocks[0]
