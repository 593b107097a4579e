"""An operator whose module loads what only one of its methods would need."""

from __future__ import annotations

from typing import Any

import scipy.ndimage  # noqa: F401  (the defect)

from scatflow.contract import Pointwise, operator


@operator("heavy", version=1, signature="()->()")
class Heavy(Pointwise):
    """The data themselves."""

    def apply(self, xp: Any, *blocks: Any) -> Any:
        return 1 * blocks[0]
