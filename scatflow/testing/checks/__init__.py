"""The checks of the conformance kit, by group. Their names are stable."""

from scatflow.testing.check import Check
from scatflow.testing.checks import adjoint, cost, declare, device, errors, lazy, numbers, reach, record

CHECKS: tuple[Check, ...] = (
    *declare.CHECKS, *lazy.CHECKS, *numbers.CHECKS, *reach.CHECKS, *adjoint.CHECKS, *device.CHECKS, *cost.CHECKS, *errors.CHECKS,
    *record.CHECKS,
)  # fmt: skip
