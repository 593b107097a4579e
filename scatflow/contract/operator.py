"""The operator contract: what an author writes, and nothing about Dask, chunks on disk or workers.

A kernel sees one block and an array namespace ``xp``. Its axes come in *kernel order*: batch axes first, then
the core axes in the order of the signature's roles. The engine owns laziness, extension at the boundaries,
halos, trimming, reduction trees, labels, memory limits and retries.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BeforeValidator

from scatflow.contract.declared import Declared, check_version, param
from scatflow.contract.joining import joined
from scatflow.contract.reference import Reference
from scatflow.contract.signature import Signature
from scatflow.contract.wiring import Ref, Wire
from scatflow.errors import ChunkError, NotDifferentiableError
from scatflow.spec import ArraySpec, Cost, Place

Array = Any
Prepared = Mapping[str, Array]
Margins = Mapping[str, tuple[int, int]]
Boundary = Literal["reflect", "periodic", "zero", "symmetric"]
Dims = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]
Output = ArraySpec | Mapping[str, ArraySpec]
#: A result made of others: one wire, one per named result, or none.
Stages = Wire | Mapping[str, Wire] | None

D = TypeVar("D", bound=type[Declared])


def operator(
    name: str,
    *,
    version: int,
    signature: str,
    inputs: tuple[str, ...] | None = None,
    dtypes: str = "f",
    linear: bool = False,
    stochastic: bool = False,
    differentiable: bool = False,
    boundaries: tuple[Boundary, ...] = ("reflect", "periodic", "zero", "symmetric"),
    references: tuple[Reference | str, ...] = (),
    aliases: tuple[str, ...] = (),
    equation: str = "",
) -> Callable[[D], D]:
    """Declare an operator class.

    Parameters
    ----------
    name : str
        Lower-case identifier, ``^[a-z][a-z0-9_]*$``; also the process id in pipelines.
    version : int
        Version of the numerical meaning: raise it whenever the same parameters give other numbers.
    signature : str
        Axis roles, for example ``"(y?,x)->(path,y?,x)"``; batch axes are implicit.
    inputs : tuple of str, optional
        Names of the array arguments; default ``("data",)`` for one, ``("x", "y")`` for two.
    dtypes : str
        Kinds of input accepted: ``f`` real, ``c`` complex, ``i`` integer and bool.
    linear, stochastic, differentiable : bool
        Claims; the conformance kit holds an operator to them.
    boundaries : tuple of str
        Boundary rules supported along core axes.
    references : tuple of Reference or str
        Papers or formulas of what is computed (``scatflow show --cite``).
    aliases : tuple of str
        Other names in use in the fields, found by the catalogue's search.
    equation : str
        What is computed, as LaTeX without dollar signs; stands in the catalogue.

    Raises
    ------
    ParameterError
        The version is no positive integer.
    """
    check_version(name, version)

    def declare(cls: D) -> D:
        parsed = Signature.parse(signature)
        default = ("data",) if len(parsed.inputs) == 1 else ("x", "y", "z")[: len(parsed.inputs)]
        for key, value in {
            "name": name, "version": version, "signature": parsed, "inputs": inputs or default, "dtypes": dtypes,
            "linear": linear, "stochastic": stochastic, "differentiable": differentiable,
            "boundaries": boundaries, "references": references, "aliases": aliases, "equation": equation,
        }.items():  # fmt: skip
            setattr(cls, key, value)
        return cls

    return declare


class Operator(Declared):
    """Base of all operators: an immutable value whose fields are its parameters.

    A kind with ``apply`` may add ``apply_numpy`` or ``apply_cupy`` with the same arguments: a specialized kernel for that
    library, which must give the numbers of ``apply``; the conformance kit compares them.
    """

    signature: ClassVar[Signature]
    inputs: ClassVar[tuple[str, ...]] = ("data",)
    dtypes: ClassVar[str] = "f"
    linear: ClassVar[bool] = False
    stochastic: ClassVar[bool] = False
    differentiable: ClassVar[bool] = False
    boundaries: ClassVar[tuple[Boundary, ...]] = ()
    references: ClassVar[tuple[Reference | str, ...]] = ()
    aliases: ClassVar[tuple[str, ...]] = ()
    equation: ClassVar[str] = ""

    dtype: Literal["float32", "float64"] | None = param(None, "Precision to compute in; default the input's own.")

    def arity(self) -> int:
        """Return the number of inputs; default that of their names."""
        return len(self.inputs)

    def resolve(self, *specs: Any) -> Operator:
        """Return the operator with choices that depend on the input's labels made; default itself.

        One spec per input in kernel order; a number stands where one was given for an input.
        """
        return self

    def output(self, *specs: Any) -> Output:
        """Declare the result for inputs in kernel order, without data.

        One spec per input; a number stands where one was given for an input of an element-wise operator. Dims, shape, dtype,
        new coordinates and attributes; for strided axes use :meth:`ArraySpec.strided`, which
        also carries the coordinates. A mapping declares several named results.

        Default: the labels of the input; of several what they share, on all their dims, without a unit.
        """
        arrays = [spec for spec in specs if isinstance(spec, ArraySpec)]
        if len(arrays) == 1:
            return arrays[0]
        shared = joined(arrays, _widest(spec.dtype for spec in arrays), self.name)
        core = [dim for dim in arrays[0].dims if dim in (getattr(self, "dims", None) or ())]
        return shared.transpose([*(dim for dim in shared.dims if dim not in core), *core])

    def prepare(self, xp: Any, block: ArraySpec, device: Any) -> Prepared:
        """Build constants such as filters for one block shape (core axes only, dims are roles).

        Cached per process by (token, dtype, device, block shape, spacing) and never placed in a graph. Declare a
        parameter ``at`` to receive the :class:`~scatflow.spec.Place` (spacing, periodicity).
        """
        return {}

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare flops and peak bytes beyond inputs and outputs, for blocks in kernel order: default one copy of the inputs.

        The blocks are those that the kernel gets: of kinds that look beyond their samples the extended ones.
        """
        return _copies(specs, 1)

    def vjp(self, xp: Any, cotangent: Array, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return the cotangents of the blocks, paired by Re sum conj(a) b; 0 at points without a derivative.

        One per block, in its shape; the engine sums over axes along which a block of length 1 met longer ones.
        """
        raise NotDifferentiableError(f"operator {self.name}", "it declares no derivative")

    @classmethod
    def examples(cls) -> Iterator[Operator]:
        """Yield small instances for the conformance kit and the documentation."""
        yield cls()

    def sample_inputs(self, rng: Any) -> tuple[Any, ...]:
        """Return small labelled inputs for the conformance kit, drawn from a ``numpy.random.Generator``.

        One DataArray (or number) per input, in double precision. Default none: the kit then draws normal numbers on the
        operator's own dims. Override it where inputs must be positive, need a certain coordinate, or differ in shape.
        """
        return ()

    def reference(self, *refs: Any) -> Any:
        """Wire the same result from simpler operators, as :meth:`Composite.expand` does; None where there is no such way.

        Read by the conformance kit alone, which compares; nothing else calls it.
        """
        return None

    @classmethod
    def wants_place(cls, method: str) -> bool:
        """Tell whether the author's ``method`` takes the keyword ``at``."""
        return "at" in inspect.signature(getattr(cls, method)).parameters


class Pointwise(Operator):
    """Element by element: ``apply(xp, *blocks)``; several inputs are aligned by dim name."""

    def apply(self, xp: Any, *blocks: Array) -> Array:
        """Compute one block."""
        raise missing(self, "apply(self, xp, *blocks)")


class Core(Operator):
    """Base of kinds that work along named core dims."""

    # Once bound to labels never None: resolve, output and the kernel see the names.
    dims: Dims | None = param(None, "Core dims by name, in any order; default all when unambiguous.")
    sampling: dict[str, Literal["index", "uniform"]] | None = param(
        None, 'Axes to take by sample whatever their coordinate says: {"time": "index"}.'
    )

    def pencils(self, ref: Ref, spec: ArraySpec, at: Place) -> Stages:
        """Wire the same result, or results by name, from operators that need one core axis whole at a time; default none.

        Where the next needs another axis whole, what one makes is stored. Arguments are as for :meth:`Extended.stages`. A ChunkError
        tells why it cannot be so; None leaves the operator as it is.
        """
        return None


class Whole(Core):
    """Core axes arrive unsplit: ``apply(xp, *blocks)``; every other axis is batch."""

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare flops and peak bytes beyond inputs and outputs: default four copies of the block."""
        return _copies(specs, 4)

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array | Mapping[str, Array]:
        """Compute one block with whole core axes; several results come as a mapping."""
        raise missing(self, "apply(self, xp, *blocks)")


class Extended(Core):
    """Mixin of kinds that look beyond their samples: boundary rule, absence and gaps (U3, U4)."""

    boundary: Boundary | tuple[Boundary, ...] | None = param(
        None, "Rule beyond the edges, one word or one per dim; default periodic where the coordinate declares a period, "
        "else reflect, or zero where filters are causal.",
    )  # fmt: skip
    nan: Literal["propagate", "error", "mask"] = param(
        "propagate", "Policy for interior NaN: pass it on to every result it can reach, refuse, or mask and reweight."
    )
    missing: float | None = param(None, "Sentinel that stands for a missing value, read as NaN.")
    min_valid: float = param(0.5, "Results whose valid_fraction is below this are NaN.", ge=0.0, le=1.0)

    def depth(self, tol: float = 1e-4) -> Margins:
        """Return the reach of the operator as a whole per role: (before, after) samples.

        Beyond it nothing may change a result by more than ``tol`` times the root mean square of the results. It grows as
        ``tol`` falls; of an operator without a finite reach it raises ChunkError.
        """
        raise missing(self, "depth(self, tol) -> {role: (before, after)}")

    def causal(self) -> bool:
        """Tell whether no result depends on later samples; the engine then fills and extends from the past alone."""
        return False

    def margins(self, at: Place) -> Margins:
        """Return the extension beyond the outer edges per role; default the depth, 0 where periodic is exact."""
        return self.depth()

    def rules(self) -> tuple[Boundary, ...]:
        """Return the boundary rules that these parameters allow; default the operator's, without mirrors where causal."""
        if not self.causal():
            return self.boundaries
        return tuple(rule for rule in self.boundaries if rule not in ("reflect", "symmetric"))

    def exact_margins(self) -> bool:
        """Tell whether the margins are those of the signal as a whole, to the sample; default no.

        It then is extended from edge to edge by just these, neither aligned nor rounded up to a fast length, and has no
        parts: no walls, and no absence.
        """
        return False

    def has_absence(self) -> bool:
        """Tell whether NaN before the first and after the last value of one core dim is absence, with the signal between (U4).

        Else it is a gap like others; default where margins are not exact.
        """
        return not self.exact_margins()

    def align(self) -> Mapping[str, int]:
        """Return where blocks must start per role: at absolute multiples of this; default 1."""
        return {}

    def coverage(self, xp: Any, at: Place) -> Mapping[str, Array]:
        """Return, per role, weights of the smoothing that turns validity into ``valid_fraction``: (counted results, block)."""
        return {}

    def coverage_reach(self) -> Margins:
        """Return, per role, how far those weights are not negligible; default the depth at 1e-6.

        Of an operator that has no depth all weights are held at once, which long axes do not allow.
        """
        try:
            return self.depth(1e-6)
        except ChunkError:
            return {}

    def stages(self, ref: Ref, spec: ArraySpec, at: Place) -> Stages:
        """Wire the same result from operators of shorter reach, whose results are stored in between; default none.

        ``spec`` describes the input in kernel order, ``at`` the extended block of the whole signal, whose core axes have no walls;
        the boundary rules are named. An operator with one result returns one wire, one with several a wire for each name. Results
        have the dims and shape of this operator's, its labels too. Where there are no stages, a ChunkError tells why and what
        to do, as a refused plan then does; None leaves it untold.
        """
        return None


class Window(Extended):
    """Short reach along core axes: ``apply`` on the extended or haloed block; the engine trims.

    The kernel treats its block as it likes beyond the reach and returns samples at absolute multiples of the
    output stride inside the block (``at.samples(role, stride)``). New axes and several results are allowed.
    """

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare flops and peak bytes beyond inputs and outputs: default four copies of the extended block."""
        return _copies(specs, 4)

    def apply(self, xp: Any, *blocks: Array, **prepared: Array) -> Array | Mapping[str, Array]:
        """Compute one extended block."""
        raise missing(self, "apply(self, xp, *blocks)")

    def pencils(self, ref: Ref, spec: ArraySpec, at: Place) -> Stages:
        """Refuse: a job that asks for pencils wants every window so."""
        reason = "it declares no way to be computed one core axis at a time (no method pencils)"
        raise ChunkError(f"operator {self.name}", reason, code="PencilsUnfit")


class Reduce(Core):
    """Associative reduction: ``chunk`` each block, ``combine`` in index order, ``finalize`` once.

    Blocks arrive in kernel order with one extra axis ``r`` before the core axes: all batch dims named by
    ``over``, flattened in index order (length 1 when there are none). A state is a tuple of arrays; its arrays
    keep the remaining batch axes first.
    """

    over: Dims | None = param(None, "Dims averaged; default the core dims only, batch dims are never pooled unasked.")

    def cost(self, *specs: ArraySpec) -> Cost:
        """Declare flops and peak bytes: default three float64 (or complex128) copies of the block."""
        wide = sum(math.prod(spec.shape) * (16 if spec.dtype.startswith("complex") else 8) for spec in specs)
        return Cost(flops=float(wide), bytes=3 * wide)

    def chunk(self, xp: Any, *blocks: Array, **prepared: Array) -> tuple[Array, ...]:
        """Return the partial state of one block."""
        raise missing(self, "chunk(self, xp, *blocks) -> tuple of arrays")

    def combine(self, xp: Any, a: tuple[Array, ...], b: tuple[Array, ...]) -> tuple[Array, ...]:
        """Merge two states, ``a`` before ``b`` in index order; default element-wise sum."""
        return tuple(x + y for x, y in zip(a, b, strict=True))

    def continues(self, earlier: tuple[str, int, str]) -> bool:
        """Tell whether states that an operator of identity ``earlier`` left behind can be combined with this one's.

        Asked when an input has grown along a batch dim: default yes where the identity is the same.
        """
        return earlier == self.identity()

    def finalize(self, xp: Any, *state: Array) -> Array | Mapping[str, Array]:
        """Turn the total state into the result; default its only array."""
        return state[0]


class Composite(Operator):
    """Wires other operators: ``expand`` returns the reference to its result."""

    def expand(self, *refs: Any) -> Any:
        """Wire operators with :func:`scatflow.contract.wire` and return the result."""
        raise missing(self, "expand(self, *refs)")


class Program(Operator):
    """Eager, seeded, checkpointed driver (synthesis loops, solvers); lazy graphs refuse it by name."""

    seed: int = param(0, "Seed of all random numbers of the run.", ge=0)

    def run(self, ctx: Any, *inputs: Any) -> Any:
        """Drive other operators to a result, checkpointing through ``ctx``."""
        raise missing(self, "run(self, ctx, *inputs)")


def _copies(specs: Sequence[ArraySpec], count: int) -> Cost:
    """Return the cost of a kernel that makes so many copies of its inputs, each with an operation per byte."""
    size = sum(spec.nbytes for spec in specs)
    return Cost(flops=float(count * size), bytes=count * size)


def _widest(dtypes: Iterable[str]) -> str:
    """Return the dtype that holds numbers of all of these."""
    import numpy as np  # naming operators costs no arrays

    return str(np.result_type(*dtypes))


def missing(operator: Operator, method: str) -> NotImplementedError:
    """Return the error for what the author of a kind has to write."""
    kind = next(base.__name__ for base in type(operator).__mro__ if base.__module__.startswith("scatflow.contract."))
    return NotImplementedError(f"operator {operator.name!r} is a {kind} and needs the method {method}")
