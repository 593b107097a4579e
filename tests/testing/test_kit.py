"""The kit's own manners: reports that hide nothing, pytest cases with expected failures, the command, missing libraries."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from cli.conftest import Program, scatflow  # noqa: F401  (a fixture)
from mutants.broken import HaloOneShort, NaNAtZero
from mutants.healthy import Gain, Shaped, Taps, Thin
from scatflow.errors import DimensionError, ParameterError, RegistryError
from scatflow.hookspecs import hookimpl
from scatflow.ops.evaluation import apply
from scatflow.registry import Registry, using
from scatflow.testing import check_operator, parametrize_operators
from scatflow.testing.case import Case, cases_of
from scatflow.testing.check import Failure
from scatflow.testing.checks import CHECKS, lazy
from scatflow.testing.parametrize import Case as Cell
from scatflow.testing.provided import operators_of
from scatflow.testing.report import Report, table


class Plugin:
    """A plugin in memory: two good operators, and one under a name that it does not declare."""

    @hookimpl
    def scatflow_operators(self) -> dict[str, Any]:
        return {"gain": Gain, "taps": Taps, "renamed": Thin}


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    module = type(sys)("healthy_plugin")
    module.scatflow_operators = Plugin().scatflow_operators  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "healthy_plugin", module)
    with using(Registry([EntryPoint("healthy", "healthy_plugin", "scatflow")])) as book:
        yield book


def test_checks_have_names_groups_and_say_what_they_assert() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names) >= 30
    assert all(check.asserts.endswith(".") and check.level in (1, 2) for check in CHECKS)
    assert {check.group for check in CHECKS} == {"declare", "lazy", "numbers", "adjoint", "device", "cost", "errors", "record"}


def test_a_report_counts_what_ran_and_says_why_the_rest_did_not() -> None:
    report = check_operator(Taps)
    assert report.passed and not report.failed
    assert set(report.ran) | set(report.not_run) == set(report.applicable)
    assert set(report.applicable) | set(report.skipped) == {check.name for check in CHECKS if check.level == 1}
    assert report.skipped["dims_order"] == "for two and more core dims"
    assert str(report).startswith("taps: ")
    again = json.loads(json.dumps(report.to_dict()))
    assert again["applicable"] == len(report.applicable) and len(again["outcomes"]) == len(report.outcomes)


def test_level_two_adds_advice() -> None:
    one, two = check_operator(Taps(), level=1), check_operator(Taps(), level=2)
    assert set(two.applicable) - set(one.applicable) == {"economy", "quiet", "cost_slack", "far_from_zero", "choices"}


def test_some_checks_alone() -> None:
    report = check_operator(Taps(), only=["purity", "economy"])
    assert set(report.ran) == {"purity", "economy"}
    with pytest.raises(ParameterError, match=r"there is no check 'puriti'.*purity"):
        check_operator(Taps(), only=["puriti"])


def test_a_result_of_another_shape_than_declared_is_refused_before_it_is_labelled() -> None:
    class Shorter(Gain):
        """Loses the last sample."""

        def apply(self, xp: Any, *blocks: Any) -> Any:
            return blocks[0][..., :-1]

    with pytest.raises(DimensionError, match=r"operator gain: its kernel does not return the result.*'x': 5") as caught:
        apply(Shorter(), xr.DataArray(np.zeros((2, 5)), dims=("item", "x")))
    assert caught.value.code == "ResultMisdeclared"


def test_an_instance_is_its_own_only_example() -> None:
    assert {outcome.cases for outcome in check_operator(Gain(factor=3.0)).outcomes if outcome.check == "purity"} == {1}
    assert {outcome.cases for outcome in check_operator(Gain).outcomes if outcome.check == "purity"} == {2}


def test_what_is_no_operator_is_refused() -> None:
    for wrong in (int, 3, "taps"):
        with pytest.raises(ParameterError, match="not an operator"):
            check_operator(wrong)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="unknown level"):
        check_operator(Taps(), level=3)


def test_failures_are_raised_on_request_with_all_that_was_found() -> None:
    report = check_operator(HaloOneShort())
    with pytest.raises(AssertionError, match="influence: taps"):
        report.raise_for_failures()
    assert "Declare the depth larger" in report.failed["influence"]


def test_author_code_that_breaks_is_a_finding_with_its_place() -> None:
    class Broken(Gain):
        """Cannot even make its inputs."""

        def sample_inputs(self, rng: Any) -> tuple[Any, ...]:
            raise KeyError("nothing here")

    report = check_operator(Broken)
    assert set(report.failed) == {"examples"} and not report.passed
    assert "KeyError" in report.failed["examples"] and "test_kit.py" in report.failed["examples"]
    assert "the examples cannot be made" in report.not_run["purity"]


def test_a_missing_library_is_not_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "array_api_strict", None)
    report = check_operator(Gain())
    assert "strict_namespace" not in report.ran and "scatflow[kit]" in report.not_run["strict_namespace"]
    assert report.skipped["cupy_equal"] == "no GPU" or "cupy_equal" in report.ran


def test_results_that_are_computed_while_a_graph_is_built_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def eager(operator: Any, *inputs: Any) -> dict[str, xr.DataArray]:
        return {"": inputs[0].compute()}

    def in_memory(operator: Any, *inputs: Any) -> dict[str, xr.DataArray]:
        return {"": xr.DataArray(np.zeros(3))}

    (case,) = cases_of(Gain())
    for wrong, words in ((eager, "building the graph computes blocks"), (in_memory, "results of lazy input are in memory")):
        monkeypatch.setattr(lazy, "results", wrong)
        with pytest.raises(Failure, match=words):
            lazy.stays_lazy.run(case)


def test_inputs_of_a_case_are_copies_and_lazy_ones_raise_when_computed() -> None:
    (case,) = (one for one in cases_of(Gain()) if one.arrays[0].dtype.kind == "f")
    assert isinstance(lazy.unread(case).arrays[0].data, da.Array)
    with pytest.raises(lazy.Computed):
        lazy.unread(case).arrays[0].compute(scheduler="synchronous")
    assert isinstance(case, Case) and case.single().arrays[0].dtype == np.float32


def test_cases_cover_kinds_of_numbers_and_of_core_dims() -> None:
    labels = [case.label for case in cases_of(Taps())]
    assert labels == ["taps()", "taps(), complex"]
    assert len(list(cases_of(Shaped()))) == 1


# Pytest -------------------------------------------------------------------------------------------------------------


def cells(decorator: Any) -> list[Any]:
    """Return the parameters that a decorator gives a test."""

    @decorator
    def test(check: Any) -> None:
        check()

    (mark,) = test.pytestmark
    return list(mark.args[1])


@pytest.mark.usefixtures("plugin")
def test_parametrized_cases_name_operator_and_check() -> None:
    found = cells(parametrize_operators("healthy_plugin"))
    ids = [cell.id for cell in found]
    assert "taps-influence" in ids and "gain-influence" not in ids and len(set(ids)) == len(ids)
    one: Cell = next(cell.values[0] for cell in found if cell.id == "taps-influence")
    one()
    (gpu,) = (cell.values[0] for cell in found if cell.id == "taps-cupy_equal")
    if "cupy" not in sys.modules:
        with pytest.raises(pytest.skip.Exception, match="not run: no GPU"):
            gpu()
    assert [cell.id for cell in cells(parametrize_operators("healthy-plugin:gain"))] == [i for i in ids if i.startswith("gain-")]


@pytest.mark.usefixtures("plugin")
def test_expected_failures_have_reasons_and_name_what_there_is() -> None:
    found = cells(parametrize_operators("healthy_plugin", expect_fail={"taps": {"influence": "to be mended"}}))
    (marked,) = (cell for cell in found if cell.marks)
    assert marked.id == "taps-influence" and marked.marks[0].kwargs["strict"] and marked.marks[0].kwargs["reason"] == "to be mended"
    for wrong, words in (
        ({"tap": {"influence": "x"}}, "there is no operator 'tap'(.|\n)*Did you mean 'taps'"),
        ({"taps": {"influnce": "x"}}, "there is no check 'influnce'(.|\n)*Did you mean 'influence'"),
        ({"taps": {"influence": " "}}, "a reason is needed"),
    ):
        with pytest.raises(ParameterError, match=words):
            parametrize_operators("healthy_plugin", expect_fail=wrong)


@pytest.mark.usefixtures("plugin")
def test_an_operator_under_another_name_than_it_declares_is_found() -> None:
    (one,) = (cell.values[0] for cell in cells(parametrize_operators("healthy_plugin")) if cell.id == "renamed-registered")
    with pytest.raises(Failure, match="another name than it declares"):
        one()


def test_plugins_that_are_not_there_or_not_active_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("good", "toy_plugin", "scatflow"), EntryPoint("bad", "no_such_module", "scatflow")]
    with using(Registry(points)):
        with pytest.raises(RegistryError, match=r"is not installed(.|\n)*Did you mean 'toy"):
            operators_of("toy_plugn")
        with pytest.raises(RegistryError, match="failed:import"):
            operators_of("no_such_module")


def test_in_a_test_file_of_an_author(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real run: the checks of one operator pass, a planted expectation fails because it holds."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))
    pytester.makepyfile(
        """
        from scatflow.testing import parametrize_operators

        @parametrize_operators("scatflow-wavelet:modulus", expect_fail={"modulus": {"purity": "a reason that does not hold"}})
        def test_conformance(check):
            check()
        """
    )
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")
    outcome = result.parseoutcomes()
    assert outcome["failed"] == 1 and outcome["passed"] >= 20
    result.stdout.fnmatch_lines(["*XPASS(strict)*a reason that does not hold*"])


# The command --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("plugin")
def test_check_prints_a_table_and_exits_with_the_verdict(scatflow: Program) -> None:  # noqa: F811
    code, out, _ = scatflow("check", "healthy-plugin:gain")
    assert code == 0 and "healthy-plugin:gain" in out and "all 1" in out
    code, out, _ = scatflow("check", "healthy_plugin", "--level", "2", "--json")
    found = {report["operator"]: report for report in json.loads(out)}
    assert code == 1 and not found["healthy-plugin:renamed"]["passed"] and found["healthy-plugin:taps"]["passed"]
    assert all(outcome["state"] != "passed" or outcome["cases"] for report in found.values() for outcome in report["outcomes"])


@pytest.mark.usefixtures("plugin")
def test_check_with_gpu_fails_where_there_is_none(scatflow: Program) -> None:  # noqa: F811
    code, out, _ = scatflow("check", "healthy-plugin:gain", "--gpu")
    assert (code, "not run  cupy_equal: no GPU" in out) in ((1, True), (0, False))


@pytest.mark.usefixtures("plugin")
def test_check_of_what_is_not_there(scatflow: Program) -> None:  # noqa: F811
    code, _, err = scatflow("check", "healthy_plugim")
    assert code == 2 and "Did you mean 'healthy-plugin'" in err
    code, _, err = scatflow("check", "healthy_plugin:gian")
    assert code == 2 and "Did you mean 'healthy-plugin:gain'" in err


def test_tables_end_with_the_total() -> None:
    reports = [check_operator(NaNAtZero()), check_operator(Gain())]
    rows = table(reports)
    assert (
        rows[-1][0] == "all 2" and int(rows[-1][3]) == 1 and int(rows[-1][1]) == sum(len(report.applicable) for report in reports)
    )
    assert isinstance(reports[0], Report)
