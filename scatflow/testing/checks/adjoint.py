"""Group *adjoint*: claims of linearity, block derivatives, and the gradients that follow from them on whole arrays.

Cotangents pair by Re sum conj(a) b. Gradients of graphs are not checked here.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from scatflow.contract import Composite, Operator, Ref, Window, Wire
from scatflow.errors import NotDifferentiableError
from scatflow.testing.block import Block, block
from scatflow.testing.case import Case, results, with_extra
from scatflow.testing.check import Check, Failure, NotApplicable, Subject, check
from scatflow.testing.checks.reach import SLACK, boxes_of, difference_of_boxes
from scatflow.testing.compare import compare_values, difference
from scatflow.testing.derivative import adjoint_error, adjoint_factor, derivative_error, inner, norm
from scatflow.testing.overlap import pull_back

#: Largest errors in double precision: of the dot test, of central differences at the best of the steps, of linearity.
DOT, DIFFERENCES, LINEAR = 1e-11, 1e-6, 1e-9
#: How many times the tolerance of a halo a gradient may be off.
GRADIENT = 30.0
#: Relative steps of central differences, the usual one first, and random directions.
STEPS, DIRECTIONS = (1e-5, 1e-4, 1e-6), 2
#: Factors over which a linear operator is scaled: thresholds and constants that are added show there.
FACTORS = (1e-9, 1e9)


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


@check("adjoint", per_case=False)
def differentiable_claim(subject: Subject) -> None:
    """An operator that declares a derivative has one, and one that does not says so when asked."""
    declared = subject.declared
    if issubclass(declared, Composite):
        return _claims_of_parts(subject)
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


def _claims_of_parts(subject: Subject) -> None:
    """Hold a composite's claim of a derivative to those of what it wires."""
    composites: tuple[Any, ...] = subject.examples if subject.declared.differentiable else ()
    for example in composites:
        left = [example.expand(*(Ref(str(number)) for number in range(len(example.inputs))))]
        while left:
            item = left.pop()
            left += list(item.values()) if isinstance(item, Mapping) else []
            if isinstance(item, Wire):
                left += item.inputs
                if not item.operator.differentiable:
                    raise Failure(
                        f"declared differentiable, and wires {item.operator.name!r}, which is not", remedy="Leave the claim out."
                    )


@check("adjoint", applies=linear)
def linear_claim(case: Case) -> None:
    """A sum of inputs with real factors gives the sum of results with the same factors, over many orders of magnitude."""
    other = case.replaced(lambda array: array.copy(data=_noise(array, 7)))
    one = case.replaced(lambda array: array.copy(data=_noise(array, 8)))
    factor = 1.5  # real: a conjugate is linear too, and derivatives pair by real parts
    mixed = [a.copy(data=factor * a.values + b.values) if isinstance(a, xr.DataArray) and isinstance(b, xr.DataArray) else a
             for a, b in zip(one.inputs, other.inputs, strict=True)]  # fmt: skip
    found = results(case.operator, *mixed)
    expected = {name: factor * array.data + other.whole[name].data for name, array in one.whole.items()}
    compare_values({name: array.data for name, array in found.items()}, expected, LINEAR, "declared linear, but sums are not kept",
                   "Leave linear=True out; constants and fits to the data are not linear.")  # fmt: skip
    for scale in FACTORS:
        scaled = one.replaced(functools.partial(_scaled, by=scale))
        compare_values({name: array.data / scale for name, array in scaled.whole.items()},
                       {name: array.data for name, array in one.whole.items()}, LINEAR,
                       f"declared linear, but {scale:g} times the input is not {scale:g} times the result")  # fmt: skip


def _noise(array: xr.DataArray, seed: int) -> Any:
    return _like(np.random.default_rng(seed), array)


def _scaled(array: xr.DataArray, by: float) -> xr.DataArray:
    return array.copy(data=by * array.values)


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
    """``vjp`` agrees with central differences of the kernel along random directions, at the best of three steps."""
    one = block(case.operator, *case.inputs)
    for seed in range(DIRECTIONS):
        errors: list[float] = []
        for step in STEPS:
            errors.append(derivative_error(one, seed, step))
            if errors[-1] <= DIFFERENCES:
                break
        else:
            raise Failure("vjp is not the derivative of apply", expected=f"at most {DIFFERENCES:g} from central differences",
                          got=", ".join(f"{error:.1e} at step {step:g}" for error, step in zip(errors, STEPS, strict=True)),
                          remedy="Cotangents pair by Re sum conj(a) b; a real input has a real gradient.")  # fmt: skip


@check("adjoint", applies=differentiable)
def vjp_at_zero(case: Case) -> None:
    """At zero, where moduli and phases have no derivative, ``vjp`` is finite wherever the results are."""
    zero = case.replaced(lambda array: array.copy(data=np.zeros_like(array.values)))
    for one in (zero, zero.single()):
        _, found, pulled = _pulled(one)
        for array in pulled:
            if not np.isfinite(array).all() and all(np.isfinite(values).all() for values in found.values()):
                raise Failure(f"vjp is not finite at zero in {one.arrays[0].dtype}",
                              got=f"{int((~np.isfinite(array)).sum())} of {array.size} values are not",
                              remedy="It is 0 where there is no derivative.")  # fmt: skip


@check("adjoint", applies=differentiable)
def vjp_calls(case: Case) -> None:
    """``vjp`` leaves its arguments alone, depends on no earlier call, and treats every item of a batch alone."""
    one, rng = block(case.operator, *case.inputs), np.random.default_rng(3)
    with np.errstate(all="ignore"):
        cotangents = {name: _like(rng, np.asarray(array)) for name, array in one.apply().items()}
        kept = [np.array(array) for array in (*one.arrays, *cotangents.values())]
        first = [np.array(array) for array in _vjp(one, cotangents)]
        if not all(np.array_equal(a, b, equal_nan=True) for a, b in zip((*one.arrays, *cotangents.values()), kept, strict=True)):
            raise Failure("vjp writes into its block or its cotangent", remedy="Copy before writing in place.")
        block(case.other.operator, *case.other.inputs).apply()
        if any(a.tobytes() != np.array(b).tobytes() for a, b in zip(first, _vjp(one, cotangents), strict=True)):
            raise Failure(
                "vjp depends on what apply was called with before", remedy="Compute anew from the blocks; keep nothing on self."
            )
        _item_by_item(case, cotangents, first)


def _item_by_item(case: Case, cotangents: Mapping[str, Any], first: list[Any]) -> None:
    pair = with_extra(case, case.other)
    both = block(pair.operator, *pair.inputs)
    ports = {port.name: port for port in pair.call.kernel.outputs}
    stacked = {
        name: np.stack([array, 0.5 * array], axis=ports[name].kernel_dims.index(case.spare)) for name, array in cotangents.items()
    }
    for number, array in enumerate(_vjp(both, stacked)):
        if difference(array[0], first[number]) > LINEAR:
            raise Failure(
                "vjp of a batch is not that of its items", remedy="Use negative axes and `...`, and sum over core axes alone."
            )


def _vjp(one: Block, cotangents: Mapping[str, Any]) -> list[Any]:
    found = one.vjp(cotangents if len(cotangents) > 1 else next(iter(cotangents.values())))
    return [np.asarray(array) for array in found if array is not None]


@check("adjoint", applies=differentiable)
def vjp_type(case: Case) -> None:
    """Cotangents have the shape and the dtype of their inputs, single precision and realness included."""
    for one in (case, case.single()):
        ready, _, pulled = _pulled(one)
        for array, given in zip(pulled, ready.arrays, strict=True):
            if array.dtype != given.dtype:
                raise Failure("a cotangent has another dtype than its input", expected=given.dtype, got=array.dtype,
                              remedy="Take the real part where the input is real.")  # fmt: skip


def _pulled(case: Case) -> tuple[Block, Mapping[str, Any], tuple[Any, ...]]:
    """Return a block of the case, its results, and the cotangents for cotangents of ones."""
    one = block(case.operator, *case.inputs)
    with np.errstate(all="ignore"):
        found = one.apply()
        cotangent = {name: np.ones_like(array) for name, array in found.items()}
        return one, found, tuple(_vjp(one, cotangent))


@check("adjoint", applies=windowed)
def vjp_whole(case: Case) -> None:
    """With trimming and boundary rules around it, ``vjp`` is the derivative of the operator on whole arrays, at every boundary."""
    operator: Any = case.call.operator
    for rule in operator.rules():
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
    """Return normal numbers for every result as declared, which is cheaper than a result."""
    sizes = {name: spec.sizes for name, spec in case.call.outputs.items()}
    return {
        port.name: _normal(rng, tuple(sizes[port.name][dim] for dim in port.kernel_dims), np.dtype(port.dtype))
        for port in case.call.kernel.outputs
    }


def _like(rng: np.random.Generator, array: Any) -> Any:
    return _normal(rng, array.shape, array.dtype)


def _normal(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Any:
    values = rng.standard_normal(shape)
    return (values + 1j * rng.standard_normal(shape) if dtype.kind == "c" else values).astype(dtype)


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
    vjp_calls,
    vjp_type,
    vjp_whole,
    vjp_halo,
)
