"""Declarations as plain data."""

from __future__ import annotations

import json
from typing import Any

import pytest

import toys
from scatflow.contract import Info, Pointwise, operator, param
from scatflow.contract.info import limits, own_parameters
from scatflow.errors import ParameterError


def test_a_declaration_survives_json() -> None:
    for declared in (toys.Smooth, toys.Mean, toys.Every, toys.Divide, toys.Anomaly, toys.Flip, toys.Noise):
        info = Info.of(declared)
        assert Info.from_json(json.loads(json.dumps(info.to_json()))).to_json() == info.to_json()


def test_kinds_and_claims() -> None:
    assert [Info.of(cls).kind for cls in (toys.Smooth, toys.Mean, toys.Every, toys.Anomaly, toys.Noise)] == [
        "window", "reduce", "select", "composite", "source"]  # fmt: skip
    assert Info.of(toys.Smooth).claims == ("linear",) and Info.of(toys.Flip).claims == ()
    assert Info.of(toys.Smooth).boundaries and not Info.of(toys.Flip).boundaries


def test_own_parameters_come_first() -> None:
    assert own_parameters(toys.Smooth) == ("radius", "stride")
    assert list(Info.of(toys.Smooth).parameters)[:2] == ["radius", "stride"]
    assert not Info.of(toys.Smooth).parameters["radius"]["required"] and Info.of(toys.Every).parameters["dim"]["required"]


def test_a_docstring_that_is_inherited_says_nothing() -> None:
    @operator("bare", version=1, signature="()->()", equation="x")
    class Bare(Pointwise):
        level: float = param(0.0, "Level.", ge=-1, lt=1, unit="data")

        def apply(self, xp: Any, *blocks: Any) -> Any:
            return blocks[0]

    info = Info.of(Bare)
    assert (info.summary, info.description, info.equation) == ("", "", "x")
    assert limits(info.parameters["level"]) == "≥ -1 < 1 [data]"


def test_what_no_decorator_declared_is_refused() -> None:
    class Undeclared(Pointwise):
        """Nobody named it."""

    for cls in (Undeclared, int):
        with pytest.raises(ParameterError, match="is not declared"):
            Info.of(cls)  # type: ignore[arg-type]
