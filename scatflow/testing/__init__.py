"""What authors of operators test with: the conformance kit, and one block as a kernel sees it with its derivative."""

from scatflow.testing.block import Block, block
from scatflow.testing.conformance import check_operator
from scatflow.testing.derivative import adjoint_error, derivative_error
from scatflow.testing.parametrize import parametrize_operators
from scatflow.testing.report import Outcome, Report

__all__ = ["Block", "Outcome", "Report", "adjoint_error", "block", "check_operator", "derivative_error", "parametrize_operators"]
