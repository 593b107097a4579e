"""Derivatives of every installed operator on single blocks, and that wrong ones are found out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from scatflow import Pointwise, Window, operator, param
from scatflow.contract import Whole
from scatflow.errors import NotDifferentiableError, ParameterError
from scatflow.registry import registry
from scatflow.spec import ArraySpec
from scatflow.testing import adjoint_error, block, derivative_error


def instances() -> list[Any]:
    found = []
    for name in registry().names("operators"):
        cls = registry().find("operators", name)
        if cls.differentiable and hasattr(cls, "apply"):
            found += [pytest.param(example, id=f"{name}-{n}") for n, example in enumerate(cls.examples())]
    return found


def data_for(example: Any, seed: int = 1) -> list[xr.DataArray]:
    """Return the samples of an operator that takes certain labels, else positive random arrays on its dims and one batch dim."""
    rng = np.random.default_rng(seed)
    named = (*(getattr(example, "dims", None) or ()), *(getattr(example, "over", None) or ()))
    dims = dict.fromkeys(("item", *(named or ("x",))))
    sizes = {dim: 3 if dim == "item" else 40 for dim in dims}

    def one() -> xr.DataArray:
        values = 2.0 + 0.5 * rng.random(tuple(sizes.values()))
        if "f" not in example.dtypes:
            values = values * np.exp(1j * rng.random(values.shape))
        return xr.DataArray(values, dims=list(sizes))

    return list(example.sample_inputs(rng)) or [one() for _ in example.inputs]


@pytest.mark.parametrize("example", instances())
def test_derivative_of_installed_operators(example: Any) -> None:
    one = block(example, *data_for(example))
    assert derivative_error(one) < 1e-7
    if example.linear:
        assert adjoint_error(one) < 1e-13


@operator("wrong_sign", version=1, signature="(x)->(x)", linear=True, differentiable=True)
class WrongSign(Window):
    """Backward difference whose derivative has the wrong sign at one end."""

    sign: float = param(1.0, "Sign of the neighbor in the derivative.")

    def depth(self, tol: float = 1e-4) -> dict[str, tuple[int, int]]:
        return {"x": (1, 0)}

    def apply(self, xp: Any, x: Any) -> Any:
        return x - xp.roll(x, 1, axis=-1)

    def vjp(self, xp: Any, cotangent: Any, x: Any) -> tuple[Any, ...]:
        return (cotangent - self.sign * xp.roll(cotangent, -1, axis=-1),)


def test_a_wrong_sign_is_found() -> None:
    x = xr.DataArray(np.random.default_rng(0).standard_normal((2, 30)), dims=("b", "x"))
    assert adjoint_error(block(WrongSign(dims="x"), x)) < 1e-14
    assert derivative_error(block(WrongSign(dims="x"), x)) < 1e-9
    assert adjoint_error(block(WrongSign(dims="x", sign=-1.0), x)) > 1e-2
    assert derivative_error(block(WrongSign(dims="x", sign=-1.0), x)) > 1e-2


@operator("thrice", version=1, signature="(x)->(copy,x)")
class Thrice(Whole):
    """The data three times, along a dim of its own."""

    def output(self, *specs: ArraySpec) -> ArraySpec:
        return specs[0].with_dim("copy", 3, at=len(specs[0].dims) - 1)

    def apply(self, xp: Any, x: Any) -> Any:
        return xp.stack([x] * 3, axis=-2)


def test_a_block_knows_its_items_whatever_the_result_has() -> None:
    one = block(Thrice(dims="x"), xr.DataArray(np.zeros((2, 5, 4)), dims=("a", "b", "x")))
    assert (one.at.batch, one.at.items) == ((0, 0), (2, 5))


@operator("no_conjugate", version=1, signature="()->()", dtypes="c", linear=True, differentiable=True)
class NoConjugate(Pointwise):
    """Multiplication by i; its adjoint is multiplication by -i."""

    def apply(self, xp: Any, x: Any) -> Any:
        return 1j * x

    def vjp(self, xp: Any, cotangent: Any, x: Any) -> tuple[Any, ...]:
        return (1j * cotangent,)


def test_a_missing_conjugate_is_found() -> None:
    assert adjoint_error(block(NoConjugate(), xr.DataArray(np.ones(20) * (1 + 1j)))) > 0.05


def test_a_block_is_what_the_engine_would_evaluate() -> None:
    x = xr.DataArray(np.arange(10.0), dims="x")
    one = block(WrongSign(dims="x", boundary="zero"), x)
    assert one.at.start["x"] == -1 and one.data[0][0] == 0 and one.data[0][1:11].tolist() == list(range(10))
    assert one.apply()[""][1:11].tolist() == [0.0] + [1.0] * 9


def test_what_has_no_derivative_or_no_block_is_refused() -> None:
    x = xr.DataArray(np.ones((4, 8)), dims=("b", "x"))
    plain = registry().find("operators", "reduce")
    with pytest.raises(ParameterError, match="kinds with apply"):
        block(plain(over=("x",), reducer="mean") if "reducer" in plain.model_fields else next(iter(plain.examples())), x)
    with pytest.raises(ParameterError, match="double precision"):
        derivative_error(block(WrongSign(dims="x"), x.astype("float32")))

    @operator("shy", version=1, signature="()->()")
    class Shy(Pointwise):
        def apply(self, xp: Any, x: Any) -> Any:
            return x

    with pytest.raises(NotDifferentiableError):
        block(Shy(), x).vjp(np.ones((4, 8)))
    with pytest.raises(ParameterError, match="linear"):
        adjoint_error(block(Shy(), x))
