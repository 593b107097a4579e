"""The kit is tested by what it must find: every mutant by its named check, and healthy operators by nothing."""

from __future__ import annotations

from collections import Counter

import pytest

import mutants.broken
import mutants.declared
import mutants.unseen  # noqa: F401  (these modules enter their classes into MUTANTS)
from mutants.healthy import HEALTHY
from mutants.heavy import Heavy
from mutants.mutant import MUTANTS, Mutant
from mutants.slow import Slow
from scatflow.contract import Operator
from scatflow.testing import check_operator
from scatflow.testing.checks import CHECKS

#: How many checks say something of each healthy operator: a skip that grows by itself shows here.
APPLICABLE = {
    "taps": 47, "thin": 39, "saturated": 35, "leveled": 39, "averaged": 33, "flipped": 27, "shaped": 25, "bands": 46, "doubled": 32,
    "gain": 30, "dithered": 31,
}  # fmt: skip
ALL = [*MUTANTS, Mutant(Slow, "import_light", {}), Mutant(Heavy, "import_light", {})]
GROUP = {check.name: check.group for check in CHECKS}


@pytest.mark.parametrize("declared", HEALTHY, ids=lambda declared: declared.name)
def test_healthy_operators_pass(declared: type[Operator]) -> None:
    report = check_operator(declared, level=2)
    assert not report.failed, str(report)
    assert set(report.not_run) <= {"cupy_equal"}
    assert len(report.applicable) == APPLICABLE[declared.name]


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.declared.__name__)
def test_a_mutant_is_caught_by_its_check_and_by_no_unrelated_group(mutant: Mutant) -> None:
    report = check_operator(mutant.declared, level=2)
    assert mutant.check in report.failed, str(report)
    groups = {GROUP[name] for name in report.failed}
    assert groups <= {GROUP[mutant.check], *mutant.related}, str(report)


def test_every_check_has_a_mutant() -> None:
    """A check that catches nothing is not known to work; two need what is not here."""
    without = {check.name for check in CHECKS} - Counter(mutant.check for mutant in ALL).keys()
    assert without == {
        "cupy_equal",  # needs a GPU
        "stays_lazy",  # the contract shows authors no data while a graph is built: tests/testing/test_kit.py
    }  # fmt: skip
