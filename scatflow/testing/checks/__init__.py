"""The checks of the conformance kit, by group. Their names are stable."""

from scatflow.testing.check import Check
from scatflow.testing.checks import adjoint, batch, cost, declare, device, errors, fresh, labels, lazy, numbers, poor, reach, record

CHECKS: tuple[Check, ...] = (
    *declare.CHECKS, *lazy.CHECKS, *batch.CHECKS, *numbers.CHECKS, *reach.CHECKS, *poor.CHECKS, *adjoint.CHECKS, *device.CHECKS,
    *cost.CHECKS, *errors.CHECKS, *record.CHECKS, *labels.CHECKS, *fresh.CHECKS,
)  # fmt: skip
