"""The operators of this plugin, held to the contract like everybody's."""

from __future__ import annotations

from collections.abc import Callable

from scatflow.testing import parametrize_operators

EXPECTED = {
    "cast": {
        "dtype": "another dtype is what it is for",
        "choices": "dtypes of a kind differ in their range alone; its own tests go through the kinds",
    },
    "detrend": {"nan_passes": "trends are fitted to the samples that are there, as its documentation says"},
    "taper": {"cost_slack": "declares what records with absent samples take, which need a window each"},
}


@parametrize_operators("scatflow-arrays", level=2, expect_fail=EXPECTED)
def test_conformance(check: Callable[[], None]) -> None:
    check()
