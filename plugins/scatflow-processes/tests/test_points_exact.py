"""One service for probability, entropy and floor, over every source."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from scatflow.contract import Source
from scatflow.errors import DimensionError
from scatflow_processes import points
from scatflow_processes.sources.exact import entropy, floor, neg_log_prob
from scatflow_processes.sources.flows import Turbulence2D
from scatflow_processes.sources.gaussian import GaussianField
from scatflow_processes.sources.points import Bernoulli, CoxBlocks, CoxLognormal, CoxShot, CoxTwoLevel
from scatflow_processes.sources.spins import Ising

BERNOULLI = Bernoulli(size=16, intensity=0.2, realizations=400, seed=1)
BLOCKS = CoxBlocks(size=16, alpha=0.5, beta=2.0, block=4, realizations=400, seed=2)

FIELD = GaussianField(size=(16, 16), spectrum="matern", length=0.5, mean=2.0, realizations=400, seed=3, dtype="float64")


@pytest.mark.parametrize("process", [BERNOULLI, BLOCKS, FIELD], ids=lambda process: process.name)
def test_entropy_and_floor_are_those_of_the_samples(process: Source) -> None:
    cost = neg_log_prob(process, process.read({}))
    assert cost.shape == (400,)
    assert abs(cost.mean() - entropy(process)) < 4 * cost.std(ddof=1) / 20
    squares = (cost - cost.mean()) ** 2
    expected = floor(process) * entropy(process) ** 2
    assert abs(squares.mean() - expected) < 4 * squares.std(ddof=1) / 20 + expected / 400


def test_the_service_is_the_closed_forms() -> None:
    x = BLOCKS.read({})
    np.testing.assert_array_equal(neg_log_prob(BLOCKS, x), points.blocks_neg_log_prob(x, 0.5, 2.0, 4))
    assert entropy(BLOCKS) == points.blocks_entropy(0.5, 2.0, 4)
    assert floor(BERNOULLI) == points.bernoulli_floor(0.2, 256)
    # A block's points know of each other: less entropy than independent ones of the same mean.
    assert entropy(BLOCKS) < points.bernoulli_entropy(0.2)


def test_labelled_samples_in_any_order_of_dims() -> None:
    x = xr.DataArray(BLOCKS.read({}), dims=("realization", "y", "x"), coords={"realization": np.arange(400)})
    cost = neg_log_prob(BLOCKS, x.transpose("y", "realization", "x"))
    assert cost.dims == ("realization",) and cost.attrs["process"] == "cox_blocks"
    np.testing.assert_array_equal(cost.values, neg_log_prob(BLOCKS, x.values))
    np.testing.assert_array_equal(cost["realization"].values, np.arange(400))
    single = neg_log_prob(BLOCKS, x[3])
    assert single.dims == () and float(single) == cost.values[3]


@pytest.mark.parametrize("cls", [CoxLognormal, CoxShot, CoxTwoLevel])
@pytest.mark.parametrize("ask", [entropy, floor, lambda process: neg_log_prob(process, np.zeros((64, 64)))])
def test_intractable_laws_name_what_can_be_computed(cls: type[Source], ask: Callable[[Source], object]) -> None:
    with pytest.raises(
        NotImplementedError, match=f"of {cls.name} has no closed form.*conditional_neg_log_prob.*pair_correlation.*cox_blocks"
    ):
        ask(cls())


@pytest.mark.parametrize("values", ["spins", "occupation"])
def test_the_law_of_spins_by_enumeration(values: str) -> None:
    process = Ising(size=3, temperature=2.0, values=values)
    bits = ((np.arange(512)[:, None] >> np.arange(9)) & 1).reshape(512, 3, 3)
    cost = neg_log_prob(process, 2.0 * bits - 1 if values == "spins" else bits.astype(np.uint8))
    weights = np.exp(-9 * cost)
    assert weights.sum() == pytest.approx(1, rel=1e-12)
    assert weights @ cost == pytest.approx(entropy(process), rel=1e-12)
    assert weights @ (cost - entropy(process)) ** 2 / entropy(process) ** 2 == pytest.approx(floor(process), rel=1e-10)


def test_sources_without_a_known_law() -> None:
    with pytest.raises(NotImplementedError, match="turbulence2d; statistics of its realizations"):
        entropy(Turbulence2D())


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((16, 8)),
        np.zeros(16),
        xr.DataArray(np.zeros((16, 16)), dims=("y", "z")),
        xr.DataArray(np.zeros((8, 16)), dims=("y", "x")),
    ],
)
def test_samples_of_another_shape(x: object) -> None:
    with pytest.raises(DimensionError, match="realization"):
        neg_log_prob(BERNOULLI, x)


def test_samples_that_the_process_never_takes() -> None:
    with pytest.raises(ValueError, match="only 0 and 1"):
        neg_log_prob(BERNOULLI, np.full((16, 16), -1.0))
