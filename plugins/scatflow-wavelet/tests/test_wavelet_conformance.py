"""The operators of this plugin, held to the contract like everybody's."""

from __future__ import annotations

from collections.abc import Callable

from scatflow.testing import parametrize_operators


@parametrize_operators("scatflow-wavelet", level=2)
def test_conformance(check: Callable[[], None]) -> None:
    check()
