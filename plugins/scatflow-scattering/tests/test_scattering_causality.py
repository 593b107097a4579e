"""Nothing that comes later changes an earlier result of a causal bank (U5), and what that is worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow.errors import ParameterError
from scatflow_scattering.scattering import Scattering
from scatflow_wavelet.gammatone import Gammatone

LENGTH = 420
#: What the periodic grid may bring round from the end, relative to the rms of a path: 1e-8 in rms over the paths of an
#: order, and the largest of a thousand values is some times that.
TOLERANCE = 1e-7


def series(n: int = LENGTH, seed: int = 0, **coords: Any) -> xr.DataArray:
    return xr.DataArray(np.random.default_rng(seed).standard_normal(n), dims="time", coords=coords, name="r")


def causal(x: xr.DataArray, **keywords: Any) -> Any:
    return sf.ops.scattering(x, **{"J": 3, "filters": "gammatone", "stride": 1, **keywords})


def values(out: Any) -> xr.DataArray:
    return out["scattering"] if isinstance(out, xr.Dataset) else out


def assert_same_past(early: Any, whole: Any, scale: Any, size: float = 1.0) -> None:
    """Compare all samples of ``early`` with the first of ``whole``, NaN included."""
    a, b, s = values(early).transpose("time", ...), values(whole).transpose("time", ...), values(scale)
    b = b[: a.sizes["time"]]
    np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
    rms = np.sqrt((s**2).mean("time"))
    assert float((np.abs(a - b) / rms).fillna(0.0).max()) < size * TOLERANCE


@pytest.mark.parametrize("oversampling", [0, 1, 2])
@pytest.mark.parametrize(("stride", "order", "keywords"), [
    (1, 2, {}), (3, 2, {"Q": (4, 2)}), (8, 1, {"Q": 8}), (20, 2, {"T": 20.0}), (16, 0, {}), (1, 3, {"J": 2, "pad": 1.0}),
    (2, 2, {"tree": "all", "oversampling": 3}), (5, 2, {"pad": 0.0}),
])  # fmt: skip
def test_the_future_changes_nothing(oversampling: int, stride: int, order: int, keywords: dict[str, Any]) -> None:
    keywords = {"stride": stride, "order": order, "oversampling": oversampling, **keywords}
    x = series()
    whole = causal(x, **keywords)
    for last in (37, 200, 413):
        changed = x.copy()
        changed[last + 1 :] = 50 * np.random.default_rng(1).standard_normal(LENGTH - last - 1)
        seen = range(0, last + 1, stride)
        assert_same_past(causal(changed, **keywords)[: len(seen)], whole, whole, size=50)
        assert_same_past(causal(x[: last + 1], **keywords), whole, whole)


@pytest.mark.parametrize("policy", ["propagate", "mask"])
@pytest.mark.parametrize("stride", [1, 4])
def test_the_future_changes_nothing_about_gaps(policy: str, stride: int) -> None:
    x = series()
    x[:9] = np.nan
    x[100:106] = np.nan
    x[250] = np.nan
    whole = causal(x, nan=policy, stride=stride)
    for last in (8, 99, 103, 105, 106, 249, 250, 260, 400):
        early = causal(x[: last + 1], nan=policy, stride=stride)
        assert_same_past(early, whole, causal(series(), stride=stride))
        changed = x.copy()
        changed[last + 1 :] = np.nan
        assert_same_past(values(causal(changed, nan=policy, stride=stride))[: early.sizes["time"]], whole, causal(series()))
        if policy == "mask":
            np.testing.assert_allclose(early.valid_fraction, whole.valid_fraction[: early.sizes["time"]], atol=1e-7)


def test_a_gap_is_filled_from_its_past_and_says_so() -> None:
    x = series() + 5.0
    x[200:204] = np.nan
    out = causal(x, nan="mask", order=0)
    filled = x.copy()
    filled[200:204] = float(x[:200].mean())
    expected = causal(filled, order=0)
    inside = np.arange(LENGTH)
    valid = (inside < 200) | (inside >= 204)
    enough = valid & (out.valid_fraction.values >= 0.5 * expected.valid_fraction.values)
    np.testing.assert_allclose(out.scattering[enough], expected[enough], atol=1e-12)
    assert np.isnan(out.scattering[~valid]).all() and (out.valid_fraction[~valid] == 0).all()
    assert float(out.valid_fraction[199]) > 0.99 and 0.85 < float(out.valid_fraction[225]) < 0.99


def test_a_gap_reaches_the_future_alone() -> None:
    x = series()
    x[100] = np.nan
    gone = np.isnan(causal(x, order=1).values).any(axis=1)
    before = Scattering(dims=("time",), J=3, order=1, filters=Gammatone()).depth(1e-4)["x"][0]
    np.testing.assert_array_equal(gone, (np.arange(LENGTH) >= 100) & (np.arange(LENGTH) <= 100 + before))


@pytest.mark.parametrize(("J", "Q", "order"), [(2, 1, 2), (3, 8, 1), (4, 1, 1), (3, (1, 4), 2)])
@pytest.mark.parametrize("tol", [1e-2, 1e-4, 1e-6])
def test_what_lies_further_back_than_the_reach_does_not_matter(J: int, Q: Any, order: int, tol: float) -> None:
    operator = Scattering(dims=("time",), J=J, Q=Q, order=order, filters=Gammatone(), stride=2**J)
    before, after = operator.depth(tol)["x"]
    assert after == 0
    n, rng = 64 * 2**J, np.random.default_rng(J)
    x = xr.DataArray(rng.standard_normal((200, n)), dims=("item", "time"))
    at = n // 2**J - 1
    start = at * 2**J - before
    other = x.copy()
    other[:, :start] = rng.standard_normal((200, start))
    a, b = (sf.ops.scattering(v, dims="time", J=J, Q=Q, order=order, filters="gammatone").isel(time=at) for v in (x, other))
    for m in range(order + 1):
        one, two = a.where(a.order == m, drop=True), b.where(b.order == m, drop=True)
        assert float(np.sqrt(((one - two) ** 2).mean() / (one**2).mean())) < 1.1 * tol


def test_labels_of_a_causal_result() -> None:
    days = np.arange("2001-01-01", "2002-03-01", dtype="M8[D]").astype("M8[ns]")[:LENGTH]
    out = causal(series(time=("time", days)), stride=8)
    np.testing.assert_array_equal(out.support_end, out.time)
    before = Scattering(dims=("time",), J=3, filters=Gammatone()).depth(1e-4)["x"][0]
    assert out.support_start.values[40] == days[320 - before]
    assert out.attrs["boundary"] == "zero"
    # One-sided shares: an early sample has little of its window inside the data, the last sample all of it.
    assert float(out.valid_fraction[1]) < 0.05 and float(out.valid_fraction[-1]) == pytest.approx(1, abs=1e-6)
    symmetric = sf.ops.scattering(series(time=("time", days)), J=3)
    assert float(symmetric.valid_fraction[-1]) < 0.9


def test_walls_and_listings_begin_anew() -> None:
    x = series(segment=("time", [0] * 152 + [1] * 268))
    alone = causal(series()[152:])  # from a multiple of 2^J on, so that planes are sampled alike
    np.testing.assert_allclose(causal(x)[152:], alone, atol=1e-12)
    late = x.drop_vars("segment").copy()
    late[:152] = np.nan
    np.testing.assert_allclose(causal(late)[152:], alone, atol=1e-12)
    assert np.isnan(causal(late)[:152]).all()


def test_means_over_everything_mirror_as_usual() -> None:
    x = series()
    whole = sf.ops.scattering(x, J=3, filters="gammatone", T="global")
    moments = sf.ops.scattering_moments(x, J=3, filters="gammatone")
    np.testing.assert_allclose(moments["mean"], whole, atol=1e-12)
    np.testing.assert_allclose(whole[0], x.mean(), atol=1e-12)
    assert sf.ops.scattering(x, J=3, filters="gammatone", T="global", boundary="symmetric").sizes == {"path": 11}
    with pytest.raises(ParameterError, match="what comes later"):
        causal(x, boundary="symmetric")


def test_lazy_equals_eager() -> None:
    x = xr.DataArray(np.random.default_rng(2).standard_normal((5, 200)), dims=("name", "time"))
    x[1, 30:33] = np.nan
    for policy in ("propagate", "mask"):
        eager = causal(x, dims="time", nan=policy)
        lazy = causal(x.chunk(name=2), dims="time", nan=policy)
        xr.testing.assert_allclose(lazy.compute(scheduler="sync"), eager, atol=1e-13)


CASES: list[dict[str, Any]] = [
    {"J": 3, "Q": (2, 1)}, {"J": 4, "order": 3, "stride": 5, "oversampling": 0}, {"J": 3, "T": "global"}, {"J": 2, "T": 20.0},
]  # fmt: skip


@pytest.mark.parametrize("keywords", CASES)
def test_gradient_against_central_differences(bench: Any, rng: np.random.Generator, keywords: dict[str, Any]) -> None:
    operator = Scattering(dims=("x",), filters=Gammatone(), **keywords)
    block = bench.block(operator, rng.standard_normal((2, 60)))  # mirrored: a modulus has no derivative at zero

    def f(x: np.ndarray) -> np.ndarray:
        return np.asarray(operator.apply(block.xp, x, at=block.at, **block.constants))

    cotangent = rng.standard_normal(f(block.data).shape)
    (gradient,) = operator.vjp(block.xp, cotangent, block.data, at=block.at, **block.constants)
    assert gradient.shape == block.data.shape and gradient.dtype == block.data.dtype
    step = 1e-6
    for _ in range(5):
        direction = rng.standard_normal(block.data.shape)
        numeric = np.sum(cotangent * (f(block.data + step * direction) - f(block.data - step * direction))) / (2 * step)
        analytic = np.sum(gradient * direction)
        scale = np.linalg.norm(gradient) * np.linalg.norm(direction) / np.sqrt(direction.size)
        assert abs(numeric - analytic) < 1e-6 * max(scale, abs(analytic))


# What dating is worth: regression of white noise on features of it, one step ahead.

SAMPLES = 40_000


def r_squared(features: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the share of variance explained out of sample: fitted on the first half, judged on the second.

    ``target`` has one column per regression.
    """
    half = len(features) // 2
    design = np.column_stack([np.ones(len(features)), features])
    weights = np.linalg.lstsq(design[:half], target[:half], rcond=None)[0]
    left = target[half:] - design[half:] @ weights
    return np.asarray(1 - (left**2).sum(axis=0) / ((target[half:] - target[:half].mean(axis=0)) ** 2).sum(axis=0))


def one_step_ahead(out: xr.DataArray, date: np.ndarray, x: np.ndarray) -> tuple[float, float]:
    """Return R2 of the sample after each date, and its rms over targets that know nothing of the features."""
    known = slice(1000, SAMPLES - 1000)
    features, when = out.values[known], np.asarray(date)[known]
    target = x[when + 1]
    shifts = np.random.default_rng(3).integers(2000, len(target) - 2000, 60)
    null = np.stack([np.roll(target, s) for s in shifts], axis=1)
    return float(r_squared(features, target[:, None])[0]), float(np.sqrt(np.mean(r_squared(features, null) ** 2)))


@pytest.fixture(scope="module")
def noise() -> xr.DataArray:
    return series(SAMPLES, seed=11)


def test_white_noise_cannot_be_foretold(noise: xr.DataArray) -> None:
    out = causal(noise, J=2, oversampling=2)
    found, error = one_step_ahead(out, out.support_end.values, noise.values)
    assert error < 2e-3 and abs(found) <= 2 * error
    # The same features dated before their support ends, by the middle of the window, contain their target.
    middle = (out.support_end.values - 3.4 * 2**2).astype(int)
    found, error = one_step_ahead(out, middle, noise.values)
    assert found > 10 * error


def test_dating_by_the_center_of_a_symmetric_window_foretells_noise(noise: xr.DataArray) -> None:
    out = sf.ops.scattering(noise, J=2, stride=1, oversampling=2)
    found, error = one_step_ahead(out, np.arange(SAMPLES), noise.values)
    assert found > 10 * error
    # Joined by the end of their support, the same features know nothing either.
    found, error = one_step_ahead(out, np.minimum(out.support_end.values, SAMPLES - 2), noise.values)
    assert abs(found) <= 2 * error
