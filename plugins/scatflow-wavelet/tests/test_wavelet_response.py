"""Banks as labelled arrays in frequency."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scatflow.errors import ParameterError
from scatflow.spec import ArraySpec, Coord
from scatflow_wavelet import Bank, Gammatone, Grid, Morlet, Tight, response
from scatflow_wavelet.wavelet import Wavelet


@pytest.mark.parametrize(
    "bank", [Bank(Morlet(), 3, 4), Bank(Tight(), 3, 1), Bank(Gammatone(), 3, 2), Bank(Morlet(), 2, 4, aspect=(1.0, 2.0))], ids=str
)
def test_filters_are_those_of_the_bank_and_their_sum_is_the_littlewood_paley_function(bank: Bank) -> None:
    found = response(bank, size=64)
    grid = Grid((64,) * bank.ndim)
    axes = tuple(range(-bank.ndim, 0))
    filters = np.fft.ifftshift(found.values, axes=axes)
    np.testing.assert_array_equal(filters[0], np.abs(bank.phi(grid)))
    np.testing.assert_array_equal(filters[1:], np.abs(bank.psi(grid)))
    np.testing.assert_allclose(np.fft.ifftshift(found.littlewood_paley.values), bank.littlewood_paley(grid), rtol=1e-13)
    assert (found.attrs["lower_bound"], found.attrs["upper_bound"]) == bank.bounds(grid)
    assert float(found.littlewood_paley.max()) == pytest.approx(found.attrs["upper_bound"], rel=1e-13)


def test_a_tight_bank_keeps_all_energy() -> None:
    found = response(Bank(Tight(), 4, 6, aspect=(1.0, 1.0)))
    np.testing.assert_allclose(found.littlewood_paley, 1.0, atol=1e-12)
    assert found.attrs["lower_bound_disc"] == pytest.approx(1.0, abs=1e-12)


def test_labels_are_those_of_results() -> None:
    x = np.arange(64) * 0.25
    spec = ArraySpec(("y", "x"), (64, 64), "float32", coords={dim: Coord((dim,), x, {"units": "m"}) for dim in ("y", "x")})
    operator = Wavelet(dims=("y", "x"), J=3, L=4)
    result = operator.output(spec)
    assert isinstance(result, ArraySpec)
    found = response(operator.bank(2), step=0.25, unit="m")
    for name in ("order", "j1", "l1", "xi1", "sigma1", "scale1", "theta1"):
        np.testing.assert_array_equal(found.coords[name].values, result.coords[name].values)
        assert found.coords[name].attrs.get("units") == result.coords[name].attrs.get("units")
    assert found.frequency_x.attrs["units"] == "1/m"


@pytest.mark.parametrize("ndim", [1, 2])
def test_filters_peak_at_their_labels(ndim: int) -> None:
    found = response(Bank(Morlet(), 3, 4, aspect=(1.0,) * ndim))
    step = float(found[found.dims[-1]][1] - found[found.dims[-1]][0])
    for path in range(1, found.sizes["path"]):
        peak = found[path].where(found[path] == found[path].max(), drop=True).isel(dict.fromkeys(found.dims[1:], 0))
        place = np.array([float(peak[dim]) for dim in found.dims[1:]])
        xi = float(peak.xi1)
        angle = np.radians(float(peak.theta1)) if ndim == 2 else 0.0
        expected = xi * np.array([np.sin(angle), np.cos(angle)][2 - ndim :])
        assert np.abs(place - expected).max() <= 1.5 * step + 0.06 * xi  # Morlet's correction moves the peak a little


def test_frequencies_are_fine_enough_for_the_lowest_band() -> None:
    found = response(Bank(Morlet(), 6, 4))
    assert 16 <= float(found.sigma1.min()) / float(found.frequency[1] - found.frequency[0]) <= 32
    assert response(Bank(Morlet(), 0, 1)).sizes["frequency"] == 512
    assert response(Bank(Morlet(), 12, 1)).sizes["frequency"] == 16384
    assert response(Bank(Morlet(), 8, 4, aspect=(1.0, 1.0))).sizes["frequency_y"] == 512


@pytest.mark.parametrize(
    ("options", "words"), [({"size": 1}, "size >= 2"), ({"step": 0.0}, "step > 0"), ({"step": -1.0, "unit": "m"}, "step > 0")]
)
def test_sizes_and_steps_are_positive(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        response(Bank(Morlet(), 2, 1), **options)


def test_banks_in_three_dims_are_refused() -> None:
    with pytest.raises(ParameterError, match="one and two dims"):
        response(Bank(Morlet(), 2, 1, aspect=(1.0, 1.0, 1.0)))
