"""What authors of operators test with: one block as a kernel sees it, its derivative, and the checks of both."""

from scatflow.testing.block import Block, block
from scatflow.testing.derivative import adjoint_error, derivative_error

__all__ = ["Block", "adjoint_error", "block", "derivative_error"]
