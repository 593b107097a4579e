"""What holds for all operators of the glue: declaration, identity, other array libraries, derivatives."""

from __future__ import annotations

import importlib
import inspect
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import array_api_strict
import numpy as np
import pytest
import xarray as xr

from scatflow.blocks import evaluate, finalize, partial
from scatflow.contract import Composite, Operator, Reduce, Select
from scatflow.errors import NotDifferentiableError
from scatflow.graph import bind
from scatflow.labels import spec_of
from scatflow_arrays import plugin
from scatflow_arrays.arithmetic import Absolute, Add, Divide, Multiply, Power, Subtract
from scatflow_arrays.detrend import Detrend
from scatflow_arrays.increments import Cumsum
from scatflow_arrays.logarithm import Ln, Log
from scatflow_arrays.reduction import Norm
from scatflow_arrays.relabel import Cast, DropLabels, Rename
from scatflow_arrays.standardization import Center, Rescale
from scatflow_arrays.taper import Taper

#: Official openEO processes that the glue implements, with their argument names.
OFFICIAL = {
    "add": ("x", "y"), "subtract": ("x", "y"), "multiply": ("x", "y"), "divide": ("x", "y"), "power": ("base", "p"),
    "absolute": ("x",), "log": ("x", "base"), "ln": ("x",), "cumsum": ("data",),
}  # fmt: skip


def _classes() -> dict[str, type[Operator]]:
    found = {}
    for name, target in plugin.scatflow_operators().items():
        module, _, attribute = str(target).partition(":")
        found[name] = getattr(importlib.import_module(module), attribute)
    return found


CLASSES = _classes()


@pytest.mark.parametrize("name", CLASSES)
def test_declaration(name: str) -> None:
    operator = CLASSES[name]
    assert operator.name == name
    assert operator.version == 1
    if name in OFFICIAL:
        assert operator.inputs == OFFICIAL[name]
    for key, info in operator.model_fields.items():
        assert info.description, key
    words = inspect.cleandoc(operator.__doc__ or "")  # from 3.13 on, Python keeps docstrings without their indentation
    for section in ("Returns", "Examples"):
        assert f"{section}\n---" in words, section


@pytest.mark.parametrize("name", CLASSES)
def test_examples_survive_json_and_pickle(name: str) -> None:
    for example in CLASSES[name].examples():
        assert type(example)(**json.loads(json.dumps(example.parameters()))) == example
        copy = pickle.loads(pickle.dumps(example))
        assert copy == example
        assert copy.token() == example.token()


def test_anomaly_is_left_to_its_official_meaning() -> None:
    assert "anomaly" not in CLASSES
    assert "anomaly" in CLASSES["demean"].aliases


def test_every_module_fits_a_reader() -> None:
    for path in Path(plugin.__file__).parent.glob("*.py"):
        assert len(path.read_text().splitlines()) <= 400, path.name


def _cases() -> Iterator[tuple[Operator, int]]:
    """Yield each operator with a kernel of its own and its number of arrays (selections have none)."""
    yield from ((item, 2) for item in (Add(), Subtract(), Multiply(), Divide(), Power(), Log(), Center()))
    yield from (
        (item, 1)
        for item in (
            Absolute(),
            Ln(),
            Rename(),
            DropLabels(dim="x"),
            Cast(to="float64"),
            Norm(dims="x"),
            Cumsum(dims="x"),
        )
    )
    yield Rescale(), 3
    yield Detrend(dims="x"), 1
    yield Detrend(dims=("y", "x")), 1
    yield Taper(dims=("y", "x"), kind="tukey"), 1
    yield from ((item, 1) for item in CLASSES["reduce"].examples())


CASES = [pytest.param(*case, id=f"{case[0].name}-{i}") for i, case in enumerate(_cases())]


def _arrays(count: int, dtype: str) -> list[xr.DataArray]:
    rng = np.random.default_rng(11)
    first = rng.uniform(0.5, 2, size=(3, 4, 6)).astype(dtype)
    rest = [rng.uniform(0.5, 2, size=(4, 6)).astype(dtype) for _ in range(count - 1)]
    return [xr.DataArray(first, dims=("t", "y", "x")), *(xr.DataArray(item, dims=("y", "x")) for item in rest)]


@pytest.mark.parametrize(("operator", "count"), CASES)
@pytest.mark.parametrize("nan", [False, True])
def test_another_array_library_and_device(operator: Operator, count: int, nan: bool) -> None:
    arrays = _arrays(count, "float32")
    if nan:
        arrays[0].values[0, 1, [0, 2]] = np.nan
    call = bind(operator, *(spec_of(item) for item in arrays))
    device = array_api_strict.Device("device1")
    blocks = [array_api_strict.asarray(item.values, device=device) for item in arrays]
    if isinstance(operator, Reduce):
        expected = finalize(call.kernel, partial(call.kernel, [item.values for item in arrays]))
        got = finalize(call.kernel, partial(call.kernel, blocks))
    else:
        expected = evaluate(call.kernel, [item.values for item in arrays])
        got = evaluate(call.kernel, blocks)
    for name, value in got.items():
        assert value.device == device
        host = np.asarray(array_api_strict.asarray(value, device=array_api_strict.Device("CPU_DEVICE")))
        np.testing.assert_allclose(host, expected[name], rtol=1e-6)


@pytest.mark.parametrize(("operator", "count"), [case for case in CASES if case.values[0].differentiable])
@pytest.mark.parametrize("kind", ["f", "c"])
def test_derivative_against_a_difference_quotient(operator: Operator, count: int, kind: str) -> None:
    """Re sum conj(c) df equals Re sum conj(vjp(c)) dx for random directions, broadcast inputs included."""
    rng = np.random.default_rng(4)

    def draw(shape: tuple[int, ...]) -> Any:
        real = rng.uniform(0.6, 1.8, size=shape)
        return real + 1j * rng.uniform(-0.5, 0.5, size=shape) if kind == "c" else real

    blocks = [draw((3, 4, 6) if i == 0 else (1, 4, 6)) for i in range(count)]
    steps = [rng.normal(size=block.shape) * (1 + (1j if kind == "c" else 0)) for block in blocks]
    apply: Any = operator.apply  # type: ignore[attr-defined]
    size = 1e-6
    moved = [apply(np, *(b + sign * size * d for b, d in zip(blocks, steps, strict=True))) for sign in (1, -1)]
    slope = (moved[0] - moved[1]) / (2 * size)
    cotangent = rng.normal(size=slope.shape) + (1j * rng.normal(size=slope.shape) if np.iscomplexobj(slope) else 0)
    pulled = operator.vjp(np, cotangent, *blocks)
    left = np.vdot(cotangent, slope).real
    right = sum(np.vdot(item, step).real for item, step in zip(pulled, steps, strict=True))
    assert [item.shape for item in pulled] == [block.shape for block in blocks]
    assert left == pytest.approx(right, rel=1e-6)


def test_derivatives_are_zero_where_there_are_none() -> None:
    zeros, ones = np.zeros((2, 3)), np.ones((2, 3))
    np.testing.assert_array_equal(Absolute().vjp(np, ones, zeros)[0], zeros)
    np.testing.assert_array_equal(Norm(dims="x").vjp(np, np.ones(2), zeros)[0], zeros)
    np.testing.assert_array_equal(Power().vjp(np, ones, zeros, 0.5)[0], zeros)
    np.testing.assert_array_equal(Ln().vjp(np, ones, zeros)[0], zeros)


def test_numbers_have_no_cotangent() -> None:
    one = np.ones(2)
    for operator in (Add(), Subtract(), Multiply(), Divide(), Power(), Log()):
        by_array, by_number = operator.vjp(np, one, one * 2, 3.0)
        assert by_array.shape == (2,)
        assert by_number is None
        by_number, by_array = operator.vjp(np, one, 3.0, one * 2)
        assert by_array.shape == (2,)
        assert by_number is None


def test_claims_match_what_is_there() -> None:
    for operator in CLASSES.values():
        if issubclass(operator, (Composite, Select)):
            continue
        overridden = operator.vjp is not Operator.vjp
        assert operator.differentiable == overridden, operator.name
    with pytest.raises(NotDifferentiableError):
        Cast(to="float32").vjp(np, np.ones(2), np.ones(2))
