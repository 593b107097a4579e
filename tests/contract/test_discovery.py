"""False-discovery rates: the formula written out, what they promise, and what is no p-value."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from scatflow.contract import discovery
from scatflow.contract.discovery import false_discovery


def test_examples_in_docstrings() -> None:
    outcome = doctest.testmod(discovery)
    assert outcome.attempted and not outcome.failed


@given(arrays(np.float64, array_shapes(max_dims=2, max_side=6), elements=st.one_of(st.floats(0, 1), st.just(np.nan))))
def test_rates_are_the_formula(p: np.ndarray) -> None:
    q = false_discovery(p)
    known = p[~np.isnan(p)]
    rank = np.array([(known <= one).sum() for one in known])
    expected = [min((known.size * known / rank)[known >= one]) for one in known]
    np.testing.assert_allclose(q[~np.isnan(p)], expected, rtol=1e-12)
    assert q.shape == p.shape and np.isnan(q[np.isnan(p)]).all()


def test_the_rate_is_kept(rng: np.random.Generator) -> None:
    """Of 40 tests 10 are of something: among those called at q <= 0.2 a share of 0.2 * 30 / 40 is wrong on average."""
    p = rng.random((4000, 40))
    p[:, :10] **= 8
    called = np.stack([false_discovery(one) <= 0.2 for one in p])
    share = called[:, 10:].sum(1) / np.maximum(called.sum(1), 1)
    assert share.mean() == pytest.approx(0.15, abs=4 * share.std() / np.sqrt(len(p)))


@pytest.mark.parametrize("p", [[0.5, -0.1], [1.1], [np.inf]])
def test_what_is_no_p_value_is_refused(p: list[float]) -> None:
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        false_discovery(p)


def test_nothing_tested_gives_nothing() -> None:
    assert np.isnan(false_discovery([np.nan])).all() and false_discovery([]).shape == (0,)
