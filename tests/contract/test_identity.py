"""Operators are values: one identity, whatever the process, hash seed, spelling of numbers or path through JSON."""

from __future__ import annotations

import functools
import json
import math
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from dask.base import tokenize

from scatflow.contract import Pointwise, family, operator, param, source
from scatflow.errors import ParameterError, UnknownParameterError
from toys import Every, Smooth

SCRIPT = """
import json, toys
print(toys.Smooth().token(), toys.Smooth(radius=2).token(), toys.Smooth(**json.loads(toys.Smooth().model_dump_json())).token())
"""


def test_token_is_equal_in_three_processes_with_three_hash_seeds() -> None:
    here = Path(__file__).parents[1]
    tokens = {Smooth().token()}
    for seed in ("0", "1", "4711"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(here)}
        done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True)
        tokens |= set(done.stdout.split())
    assert len(tokens) == 1


def test_token_depends_on_every_parameter_and_on_the_operator() -> None:
    values = [Smooth(), Smooth(radius=3), Smooth(stride=2), Smooth(dims="x"), Smooth(dtype="float64"), Every(dim="x")]
    assert len({value.token() for value in values}) == len(values)
    assert len({tokenize(value) for value in values}) == len(values)


def test_numpy_integers_and_lists_are_the_same_value() -> None:
    assert Smooth(radius=np.int64(3), dims=["y", "x"]) == Smooth(radius=3, dims=("y", "x"))
    assert hash(Smooth(radius=np.int32(3))) == hash(Smooth(radius=3))


def test_pickle_holds_parameters_and_nothing_else() -> None:
    value = Smooth(radius=500, dims=("y", "x"))
    assert pickle.loads(pickle.dumps(value)) == value
    assert len(pickle.dumps(value)) < 1000


def test_values_are_frozen() -> None:
    with pytest.raises(Exception, match="frozen"):
        Smooth().radius = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"radius": -1}, ["toy_smooth.radius", "greater than or equal to 0", "-1"]),
        ({"radius": True}, ["toy_smooth.radius", "integer", "True"]),
        ({"radius": 2.0}, ["toy_smooth.radius", "integer", "2.0"]),
        ({"radius": "2"}, ["toy_smooth.radius", "integer"]),
        ({"nan": "ignore"}, ["toy_smooth.nan", "'ignore'"]),
        ({"dtype": "float16"}, ["toy_smooth.dtype"]),
    ],
)
def test_bad_parameters_name_operator_parameter_rule_and_value(parameters: dict[str, object], words: list[str]) -> None:
    with pytest.raises(ParameterError) as caught:
        Smooth(**parameters)
    assert all(word in str(caught.value) for word in words)


def test_unknown_parameter_offers_the_nearest() -> None:
    with pytest.raises(UnknownParameterError, match="Did you mean 'radius'"):
        Smooth(radios=3)
    assert issubclass(UnknownParameterError, TypeError)


def test_errors_survive_pickling() -> None:
    with pytest.raises(ParameterError) as caught:
        Smooth(radius=-1)
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is ParameterError and str(again) == str(caught.value) and again.code == caught.value.code


@pytest.mark.parametrize("version", [0, -1, True, 1.5, "1", None])
def test_a_version_that_records_could_not_state_is_refused_where_it_is_declared(version: Any) -> None:
    for declare in (functools.partial(operator, signature="()->()"), source, family):
        with pytest.raises(ParameterError, match="the version of a declaration is a positive integer") as caught:
            declare("hat", version=version)
        assert caught.value.code == "VersionInvalid" and caught.value.subject == "hat"


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_numbers_that_json_lacks_survive_a_record(value: float) -> None:
    @operator("limited", version=1, signature="()->()")
    class Limited(Pointwise):
        limit: float | Literal["none"] = param(1.0)
        limits: tuple[float, ...] | None = param(None)
        word: str = param("")

    one = Limited(limit=value, limits=(1.0, value), word="Infinity")
    again = Limited(**json.loads(json.dumps(one.parameters(), allow_nan=False)))
    assert again == one and np.array_equal((again.limit, again.limits[1]), (value, value), equal_nan=True)  # type: ignore[index]
    assert again.word == "Infinity"
    with pytest.raises(ParameterError, match=r"limited\.limit"):
        Limited(limit="infinity")
