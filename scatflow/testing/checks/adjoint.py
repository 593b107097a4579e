"""Group *adjoint*: claims of linearity, block derivatives, and the gradients that follow from them on whole arrays.

Cotangents pair by Re sum conj(a) b. Gradients of graphs are not checked here.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from scatflow.contract import Composite, Operator, Window
from scatflow.errors import NotDifferentiableError
from scatflow.testing.block import Block, block
from scatflow.testing.case import Case, results
from scatflow.testing.check import Check, Failure, NotApplicable, Subject, check
from scatflow.testing.checks.reach import SLACK, boxes_of, difference_of_boxes
from scatflow.testing.compare import compare_values, difference
from scatflow.testing.derivative import adjoint_error, adjoint_factor, derivative_error, inner, norm
from scatflow.testing.overlap import pull_back

#: Largest errors in double precision: of the dot test, of central differences at the best of the steps, of linearity.
DOT, DIFFERENCES, LINEAR = 1e-11, 1e-6, 1e-9
#: How many times the tolerance of a halo a gradient may be off.
GRADIENT = 30.0
#: Relative steps of central differences.
STEPS = (1e-4, 1e-5, 1e-6)


def has_vjp(declared: type[Operator]) -> bool:
    """Tell whether the author wrote a derivative."""
    return declared.vjp is not Operator.vjp


def linear(declared: type[Operator]) -> str:
    """Only linear operators."""
    return "" if declared.linear else "not declared linear"


def differentiable(declared: type[Operator]) -> str:
    """Only operators with a derivative of single blocks."""
    if not declared.differentiable or not has_vjp(declared):
        return "not declared differentiable, or without vjp"
    return "gradients of reductions and of graphs are not checked yet" if not hasattr(declared, "apply") else ""


def linear_adjoint(declared: type[Operator]) -> str:
    """Only linear operators with a derivative."""
    return linear(declared) or differentiable(declared)


def windowed(declared: type[Operator]) -> str:
    """Only windows with a derivative."""
    return differentiable(declared) or ("" if issubclass(declared, Window) else "for Window")


def not_composite(declared: type[Operator]) -> str:
    """The derivative of a composite is that of its parts."""
    return "the derivative of a composite is that of its parts" if issubclass(declared, Composite) else ""


@check("adjoint", per_case=False, applies=not_composite)
def differentiable_claim(subject: Subject) -> None:
    """An operator that declares a derivative has one, and one that does not says so when asked."""
    declared = subject.declared
    if declared.differentiable and not has_vjp(declared):
        raise Failure("declared differentiable, but there is no vjp", remedy="Write vjp, or leave the claim out.")
    if not declared.differentiable and has_vjp(declared):
        raise Failure("there is a vjp, but differentiable=True is not declared")
    if not has_vjp(declared):
        try:
            subject.examples[0].vjp(np, np.zeros(1))
        except NotDifferentiableError:
            return
        raise Failure("vjp does not raise", expected="NotDifferentiableError")


@check("adjoint", applies=linear)
def linear_claim(case: Case) -> None:
    """A sum of inputs with factors gives the sum of results with the same factors."""
    other = case.replaced(lambda array: array.copy(data=_noise(array, 7)))
    one = case.replaced(lambda array: array.copy(data=_noise(array, 8)))
    factor = 1.5 - 0.5j if case.arrays[0].dtype.kind == "c" else 1.5
    mixed = [a.copy(data=factor * a.values + b.values) if isinstance(a, xr.DataArray) and isinstance(b, xr.DataArray) else a
             for a, b in zip(one.inputs, other.inputs, strict=True)]  # fmt: skip
    found = results(case.operator, *mixed)
    expected = {name: factor * array.data + other.whole[name].data for name, array in one.whole.items()}
    compare_values({name: array.data for name, array in found.items()}, expected, LINEAR, "declared linear, but sums are not kept",
                   "Leave linear=True out; constants and fits to the data are not linear.")  # fmt: skip


def _noise(array: xr.DataArray, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(array.shape)
    return (values + 1j * rng.standard_normal(array.shape) if array.dtype.kind == "c" else values).astype(array.dtype)


@check("adjoint", applies=linear_adjoint)
def dot_test(case: Case) -> None:
    """``vjp`` of a linear kernel is its adjoint on the whole extended block: <A x, c> = <x, A* c>."""
    one = block(case.operator, *case.inputs)
    error = max(adjoint_error(one, seed) for seed in range(2))
    if not error <= DOT:
        factors = [adjoint_factor(one, seed) for seed in range(2)]
        constant = abs(factors[0] - factors[1]) <= 1e-9 * abs(factors[0])
        raise Failure("vjp is not the adjoint of apply" + (f" but {factors[0]:.6g} times that" if constant else ""),
                      expected=f"a dot test of at most {DOT:g}", got=f"{error:.2g}",
                      remedy="Conjugate filters, reverse shifts, mind signs, and keep the factors of transforms.")  # fmt: skip


@check("adjoint", applies=differentiable)
def vjp_directional(case: Case) -> None:
    """``vjp`` agrees with central differences of the kernel, whose error falls with the step until rounding."""
    one = block(case.operator, *case.inputs)
    errors = [derivative_error(one, step=step) for step in STEPS]
    if not min(errors) <= DIFFERENCES:
        raise Failure("vjp is not the derivative of apply", expected=f"at most {DIFFERENCES:g} from central differences",
                      got=", ".join(f"{error:.1e} at step {step:g}" for error, step in zip(errors, STEPS, strict=True)),
                      remedy="Cotangents pair by Re sum conj(a) b; a real input has a real gradient.")  # fmt: skip


@check("adjoint", applies=differentiable)
def vjp_at_zero(case: Case) -> None:
    """At zero, where moduli and phases have no derivative, ``vjp`` is finite wherever the results are."""
    _, found, pulled = _pulled(case.replaced(lambda array: array.copy(data=np.zeros_like(array.values))))
    for array in pulled:
        if not np.isfinite(array).all() and all(np.isfinite(values).all() for values in found.values()):
            raise Failure("vjp is not finite at zero", got=f"{int((~np.isfinite(array)).sum())} of {array.size} values are not",
                          remedy="It is 0 where there is no derivative.")  # fmt: skip


@check("adjoint", applies=differentiable)
def vjp_type(case: Case) -> None:
    """Cotangents have the shape and the dtype of their inputs, single precision and realness included."""
    for one in (case, case.single()):
        ready, _, pulled = _pulled(one)
        for array, given in zip(pulled, ready.data, strict=True):
            if array.dtype != given.dtype:
                raise Failure("a cotangent has another dtype than its input", expected=given.dtype, got=array.dtype,
                              remedy="Take the real part where the input is real.")  # fmt: skip


def _pulled(case: Case) -> tuple[Block, Mapping[str, Any], tuple[Any, ...]]:
    """Return a block of the case, its results, and the cotangents for cotangents of ones."""
    one = block(case.operator, *case.inputs)
    with np.errstate(all="ignore"):
        found = one.apply()
        cotangent = {name: np.ones_like(array) for name, array in found.items()}
        return one, found, one.vjp(cotangent if len(cotangent) > 1 else next(iter(cotangent.values())))


@check("adjoint", applies=windowed)
def vjp_whole(case: Case) -> None:
    """With trimming and boundary rules around it, ``vjp`` is the derivative of the operator on whole arrays, at every boundary."""
    operator: Any = case.call.operator
    for rule in operator.boundaries:
        if operator.causal() and rule in ("reflect", "symmetric"):
            continue
        _whole_gradient(case.replaced(lambda array: array, boundary=rule), rule)


def _whole_gradient(case: Case, rule: str) -> None:
    kernel, (signal,) = case.call.kernel, case.kernel_blocks()
    rng = np.random.default_rng(4)
    cotangents = _cotangents(case, rng)
    gradient = pull_back(kernel, signal, cotangents, [{}], None)
    direction = _like(rng, signal)
    order = [case.arrays[0].dims.index(dim) for dim in kernel.inputs[0].kernel_dims]  # type: ignore[union-attr]
    step = 1e-5 * norm([signal]) / norm([direction])
    moved = np.transpose(direction, np.argsort(order))
    plus, minus = (case.replaced(functools.partial(_moved, by=sign * step * moved)) for sign in (1, -1))
    slope = {port.name: (_kernel_order(plus, port) - _kernel_order(minus, port)) / (2 * step) for port in kernel.outputs}
    left = sum(inner(cotangents[name], values) for name, values in slope.items())
    error = abs(left - inner(direction, gradient)) / (norm(cotangents.values()) * norm(slope.values()))
    if not error <= DIFFERENCES:
        raise Failure(f"the gradient on whole arrays with boundary={rule!r} is not the derivative",
                      expected=f"at most {DIFFERENCES:g} from central differences", got=f"{error:.2g}",
                      remedy="vjp sees what apply saw: the extended block; it must not trim or extend.")  # fmt: skip


def _moved(array: xr.DataArray, by: Any) -> xr.DataArray:
    return array.copy(data=array.values + by)


def _kernel_order(case: Case, port: Any) -> Any:
    return case.whole[port.name].transpose(*port.kernel_dims).values


def _cotangents(case: Case, rng: np.random.Generator) -> dict[str, Any]:
    return {port.name: _like(rng, _kernel_order(case, port)) for port in case.call.kernel.outputs}


def _like(rng: np.random.Generator, array: Any) -> Any:
    values = rng.standard_normal(array.shape)
    return (values + 1j * rng.standard_normal(array.shape) if array.dtype.kind == "c" else values).astype(array.dtype)


@check("adjoint", applies=windowed)
def vjp_halo(case: Case) -> None:
    """Gradients of haloed blocks, added where halos overlap, are the gradient of the whole."""
    tol = case.tolerance()
    if tol is None:
        raise NotApplicable("no finite reach, or one beyond this sample")
    kernel, (signal,) = case.call.kernel, case.kernel_blocks()
    if any(axis.dim not in port.kernel_dims for axis in kernel.axes for port in kernel.outputs):
        raise NotApplicable("a result lacks a core dim")
    boxes = boxes_of(kernel)
    if difference_of_boxes(case, boxes, tol) > SLACK * tol:
        raise NotApplicable("the halo does not suffice, which halo_blocks tells")
    cotangents = _cotangents(case, np.random.default_rng(6))
    whole = pull_back(kernel, signal, cotangents, [{}], None)
    parts = pull_back(kernel, signal, cotangents, boxes, tol)
    distance = difference(parts, whole)
    if not distance <= GRADIENT * tol:
        raise Failure("gradients of haloed blocks do not add up to the gradient of the whole",
                      expected=f"a relative rms difference of at most {GRADIENT * tol:.1g}", got=f"{distance:.2g}",
                      remedy="vjp may use nothing but its block, the cotangent and where the block lies.")  # fmt: skip


CHECKS: tuple[Check, ...] = (
    differentiable_claim,
    linear_claim,
    dot_test,
    vjp_directional,
    vjp_at_zero,
    vjp_type,
    vjp_whole,
    vjp_halo,
)
