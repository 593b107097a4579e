"""What kernels are handed: inputs that meet by dim name, roles, the place of a block in the batch, and what is refused back."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from scatflow import apply
from scatflow.contract import Composite, Pointwise, Whole, Window, operator, param, wire
from scatflow.errors import DimensionError, DtypeError, ParameterError
from scatflow.spec import ArraySpec, Place
from scatflow.testing import block
from toys import Anomaly, Mean

RNG = np.random.default_rng(0)


@operator("weighted", version=1, signature="(y,x),(x)->(y)", dtypes="fc", differentiable=True)
class Weighted(Whole):
    """Sum over x with weights."""

    def output(self, *specs: ArraySpec) -> ArraySpec:
        joined = super().output(*specs)
        assert isinstance(joined, ArraySpec)
        return joined.without((self.dims or ())[-1])

    def apply(self, xp: Any, *blocks: Any, **prepared: Any) -> Any:
        field, weights = blocks
        return xp.sum(field * weights[..., None, :], axis=-1)

    def vjp(self, xp: Any, cotangent: Any, *blocks: Any, **prepared: Any) -> tuple[Any, ...]:
        field, weights = blocks
        along = cotangent[..., None]
        return along * weights[..., None, :], xp.sum(along * field, axis=-2)


@operator("product", version=1, signature="(),()->()", dtypes="fc", differentiable=True)
class Product(Pointwise):
    """Product by the defaults of the contract."""

    def apply(self, xp: Any, *blocks: Any) -> Any:
        return blocks[0] * blocks[1]

    def vjp(self, xp: Any, cotangent: Any, *blocks: Any, **prepared: Any) -> tuple[Any, ...]:
        return cotangent * blocks[1], cotangent * blocks[0]


def test_batch_dims_of_several_inputs_meet_by_name() -> None:
    field = xr.DataArray(RNG.standard_normal((2, 3, 4, 5)), dims=("run", "item", "y", "x"))
    weights = xr.DataArray(RNG.standard_normal((6, 5, 2)), dims=("member", "x", "run"))
    out = apply(Weighted(dims=("y", "x")), field, weights)
    expected = xr.dot(field, weights, dim="x").transpose(*out.dims)
    assert out.dims == ("run", "item", "y", "member") and np.allclose(out, expected)
    lazy = apply(Weighted(dims=("y", "x")), field.chunk(item=1), weights.chunk(member=4))
    assert np.array_equal(lazy, out)


def test_what_was_broadcast_is_summed_in_gradients() -> None:
    field = xr.DataArray(RNG.standard_normal((3, 4, 5)), dims=("item", "y", "x"))
    weights = xr.DataArray(RNG.standard_normal(5), dims="x")
    one = block(Weighted(dims=("y", "x")), field, weights)
    cotangent = RNG.standard_normal((3, 4))
    by_field, by_weights = one.vjp(cotangent)
    assert np.allclose(by_field, cotangent[..., None] * weights.values) and by_weights.shape == one.data[1].shape
    assert np.allclose(by_weights.reshape(5), np.einsum("iy,iyx->x", cotangent, field.values))
    number = block(Product(), field, xr.DataArray(2.0))
    assert np.allclose(number.vjp(np.ones(field.shape))[1], field.values.sum())


def test_several_inputs_share_their_labels_by_default() -> None:
    x = xr.DataArray(np.ones((2, 3)), dims=("b", "x"), coords={"x": [0.0, 1.0, 2.0]}, attrs={"units": "m", "site": "A"})
    y = xr.DataArray(np.full(4, 2j), dims="z", attrs={"site": "A"})
    out = apply(Product(), x, y)
    assert (
        out.dims == ("b", "x", "z")
        and out.dtype == "complex128"
        and dict(out.attrs) | {"scatflow": ""} == {"site": "A", "scatflow": ""}
    )
    assert apply(Product(), 2.0, x).attrs["units"] == "m"


@operator("numbered", version=1, signature="(x)->(x)")
class Numbered(Whole):
    """The absolute number of every item, counted along all batch dims."""

    def apply(self, xp: Any, *blocks: Any, at: Place, **prepared: Any) -> Any:
        (block,) = blocks
        index = xp.zeros_like(block)
        for axis, start in enumerate(at.batch):
            numbers = xp.arange(start, start + block.shape[axis], dtype=block.dtype)
            index = 100 * index + xp.reshape(numbers, (-1,) + (1,) * (block.ndim - axis - 1))
        return index


@operator("numbered_window", version=1, signature="(x)->(x)")
class NumberedWindow(Window):
    """The same of a kind that is extended."""

    def depth(self, tol: float = 1e-4) -> dict[str, tuple[int, int]]:
        return {"x": (1, 1)}

    def apply(self, xp: Any, *blocks: Any, at: Place, **prepared: Any) -> Any:
        return Numbered.apply(self, xp, *blocks, at=at)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [Numbered, NumberedWindow])
@pytest.mark.parametrize("dims", [("run", "item", "x"), ("x", "item", "run")])
def test_a_lazy_block_knows_its_place_in_the_batch(kind: Any, dims: tuple[str, ...]) -> None:
    array = xr.DataArray(np.zeros((3, 5, 7)), dims=("run", "item", "x")).transpose(*dims)
    whole = apply(kind(dims="x"), array)
    for chunks in ({"run": 1, "item": 2}, {"run": (2, 1), "item": 5}):
        assert np.array_equal(apply(kind(dims="x"), array.chunk(chunks)), whole)
    assert np.array_equal(apply(kind(), da.zeros(7, chunks=7)), np.zeros(7))


@operator("time_step", version=1, signature="(time,scale)->(time,scale)")
class TimeStep(Whole):
    """Sum with the sample before along the role time."""

    def apply(self, xp: Any, *blocks: Any, **prepared: Any) -> Any:
        return blocks[0] + xp.roll(blocks[0], 1, axis=-2)


@pytest.mark.parametrize("dims", [("time", "scale"), ("scale", "time")])
@pytest.mark.parametrize("names", [("time", "scale"), ("time", "octave"), ("clock", "scale")])
def test_a_dim_called_like_a_role_takes_it(dims: tuple[str, ...], names: tuple[str, ...]) -> None:
    new = dict(zip(("time", "scale"), names, strict=True))
    array = xr.DataArray(RNG.standard_normal((4, 6)), dims=names)
    expected = array + array.roll({new["time"]: 1}, roll_coords=False)
    turned = array.transpose(*(new[dim] for dim in dims))
    for order in (names, names[::-1]):
        assert np.allclose(apply(TimeStep(dims=order), turned).transpose(*names), expected)


@operator("halved", version=1, signature="()->()", dtypes="fci")
class Halved(Pointwise):
    """Declares the input's dtype, whatever it returns."""

    def apply(self, xp: Any, *blocks: Any) -> Any:
        return blocks[0] * 0.5 * (1j if xp.isdtype(blocks[0].dtype, "real floating") else 1)


@operator("states", version=1, signature="()->()", dtypes="i")
class States(Pointwise):
    """Takes whole numbers alone."""

    def apply(self, xp: Any, *blocks: Any) -> Any:
        return blocks[0] + 1


def test_numbers_are_not_truncated_on_their_way_out() -> None:
    for data in (np.array([1, 2]), np.array([1.0, 2.0])):
        with pytest.raises(DtypeError, match="numbers that the declared dtype cannot hold") as caught:
            apply(Halved(), data)
        assert caught.value.code == "ResultMisdeclared"
        with pytest.raises(DtypeError, match="cannot hold"):
            apply(Halved(), da.from_array(data)).compute()
    assert apply(Halved(), np.array([2j])).values.tolist() == [1j]


def test_whole_numbers_are_not_made_of_others() -> None:
    with pytest.raises(DtypeError, match="whole numbers are needed"):
        apply(States(), np.array([1.0]))
    assert apply(States(), np.array([1], dtype="int16")).dtype == "int16"


@operator("banded", version=1, signature="(x)->(band,x)")
class Banded(Whole):
    """Two copies along a new dim."""

    def output(self, *specs: ArraySpec) -> ArraySpec:
        return specs[0].with_dim("band", 2)

    def apply(self, xp: Any, *blocks: Any, **prepared: Any) -> Any:
        return xp.stack([blocks[0], blocks[0]], axis=-1)


def test_a_new_dim_that_the_input_has_is_refused_by_name() -> None:
    once = apply(Banded(dims="x"), xr.DataArray(np.zeros((2, 4)), dims=("b", "x")))
    with pytest.raises(DimensionError, match=r"banded input: it has a dim 'band'.*rename\(band="):
        apply(Banded(dims="x"), once)
    assert apply(Banded(dims="x"), once.rename(band="outer")).dims == ("b", "x", "outer", "band")


def keyed_by_dim(method: str) -> Window:
    class Keyed(Window):
        """Keys one mapping by the name of the dim."""

        def depth(self, tol: float = 1e-4) -> dict[str, tuple[int, int]]:
            return {"x": (1, 1)}

        def apply(self, xp: Any, *blocks: Any, **prepared: Any) -> Any:
            return blocks[0]

    value: Any = {"t": 2} if method == "align" else {"t": (1, 1)} if method == "margins" else {"t": np.ones((1, 1))}
    setattr(Keyed, method, lambda self, *_: value)
    return operator("keyed", version=1, signature="(x)->(x)")(Keyed)(dims="t")


@pytest.mark.parametrize("method", ["align", "margins", "coverage"])
def test_what_is_keyed_by_dims_instead_of_roles_is_refused(method: str) -> None:
    """A dim called like its role would hide it, and any other be at the mercy of defaults."""
    with pytest.raises(ParameterError, match=rf"keyed\.{method}: is .*roles? of the signature"):
        apply(keyed_by_dim(method), xr.DataArray(np.zeros((2, 9)), dims=("b", "t")))


@operator("parts", version=1, signature="()->()")
class Parts(Composite):
    """Two results by name."""

    whole: bool = param(False, "Whether results of a part are taken together.")

    def expand(self, *refs: Any) -> Any:
        mean = wire(Mean(dims=("x",)), refs[0])
        return {"mean": mean if self.whole else mean["mean"], "anomaly": wire(Anomaly(dims=("x",)), refs[0])}


def test_a_composite_may_wire_several_results() -> None:
    array = xr.DataArray(RNG.standard_normal((2, 5)), dims=("b", "x"))
    out = apply(Parts(), array)
    assert set(out.data_vars) == {"mean", "anomaly"} and np.allclose(out["mean"], array.mean("x"))
    assert np.allclose(out.anomaly, array / array.mean("x"))
    with pytest.raises(ParameterError, match=r"result 'mean' is one of several results of a part.*wire\(\.\.\.\)\[\"mean\"\]"):
        apply(Parts(whole=True), array)
