"""What users of solid harmonic scattering get wrong, and what they are told before a value is read."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow.errors import ChunkError, DimensionError, DtypeError, ParameterError, UnknownParameterError
from scatflow_scattering.solid_harmonics import SolidHarmonic

DIMS = ("z", "y", "x")
PEER = {"family": "solid-harmonic", "profile": "kymatio"}


def unread(shape: tuple[int, ...] = (16, 16, 16), dims: tuple[str, ...] = DIMS, **coords: Any) -> xr.DataArray:
    """An array whose data cannot be read."""

    def refuse(_: Any) -> Any:
        raise AssertionError("data were read")

    data = da.zeros(shape, chunks=-1).map_blocks(refuse, dtype=float, meta=np.empty((0,) * len(shape)))
    return xr.DataArray(data, dims=dims, coords=coords)


@pytest.mark.parametrize(("parameters", "kind", "words"), [
    ({"filters": "morlet"}, ParameterError, [".filters", "solid harmonics", '"solid-harmonic"', "morlet"]),
    ({"filters": {"family": "solid-harmonic", "sigma": 1.0}}, ParameterError, ["'sigma0'"]),
    ({"filters": {"family": "solid-harmonic", "sigma0": 0.0}}, ParameterError, ["sigma0", "0.1"]),
    ({"filters": {"family": "solid-harmonic", "profile": "kymati"}}, ParameterError, ["profile", "Did you mean 'kymatio'?"]),
    ({"powers": (1.0, 0.0)}, ParameterError, [".powers", "positive"]), ({"powers": (1.0, 1.0)}, ParameterError, ["distinct"]),
    ({"powers": ()}, ParameterError, [".powers"]), ({"powers": (float("inf"),)}, ParameterError, [".powers"]),
    ({"nan": "mask"}, ParameterError, [".nan", "Fill the gaps"]), ({"order": 3}, ParameterError, [".order", "2"]),
    ({"order": 0}, ParameterError, [".order"]), ({"L": 17}, ParameterError, [".L", "16"]), ({"L": -1}, ParameterError, [".L"]),
    ({"J": 5}, ParameterError, ["Use J=4 or less"]), ({"J": -1}, ParameterError, [".J"]), ({"pad": -1.0}, ParameterError, [".pad"]),
    ({"points": ((0, 0, 0),)}, UnknownParameterError, ["points"]), ({"method": "local"}, UnknownParameterError, ["method"]),
    ({"metric": (1.0, 2.0)}, ParameterError, [".metric", "one positive step per core dim"]),
    ({"filters": PEER, "boundary": "reflect"}, ParameterError, [".boundary", '"kymatio"', "reflect"]),
    ({"filters": PEER, "boundary": None}, ParameterError, [".boundary"]),
    ({"filters": PEER, "oversampling": 2}, ParameterError, [".oversampling"]), ({"filters": PEER, "pad": 1.0}, ParameterError, [".pad"]),
    ({"dims": ("y", "x")}, DimensionError, ["3"]), ({"dims": ("z", "y", "w")}, DimensionError, ["'w'"]),
])  # fmt: skip
def test_the_error_names_what_is_wrong_and_what_to_do(parameters, kind, words):
    with pytest.raises(kind) as caught:
        sf.ops.harmonic_scattering(unread(), **parameters)
    for word in words:
        assert word in str(caught.value)


def test_the_peer_has_no_axes_of_different_steps():
    x = unread(z=np.arange(16) * 2.0, y=np.arange(16.0), x=np.arange(16.0))
    with pytest.raises(ParameterError, match='metric="index"'):
        sf.ops.harmonic_scattering(x, J=1, filters=PEER)
    sf.ops.harmonic_scattering(x, J=1, filters=PEER, metric="index")


def test_units_chunks_and_dtypes():
    units = {d: (d, np.arange(16.0), {"units": u}) for d, u in zip(DIMS, ("m", "m", "s"), strict=True)}
    with pytest.raises(DimensionError, match="different units"):
        sf.ops.harmonic_scattering(unread(**units))
    with pytest.raises(ChunkError, match='rechunk="auto"'):
        sf.ops.harmonic_scattering(unread().chunk(z=8))
    with pytest.raises(DtypeError):
        sf.ops.harmonic_scattering(unread().astype("complex128"))


def test_a_missing_value_spoils_its_volume_and_no_other(rng):
    x = rng.standard_normal((3, 8, 8, 8))
    x[1, 2, 3, 4] = np.nan
    found = sf.ops.harmonic_scattering(xr.DataArray(x, dims=("t", *DIMS)), dims=DIMS, J=1, L=1)
    np.testing.assert_array_equal(np.isnan(found).all("path"), [False, True, False])
    assert np.isfinite(found[::2]).all()


def test_no_volume_and_the_smallest_volume():
    empty = sf.ops.harmonic_scattering(xr.DataArray(np.zeros((0, 8, 8, 8)), dims=("t", *DIMS)), dims=DIMS, J=1, L=1)
    assert empty.shape == (0, 18)
    one = sf.ops.harmonic_scattering(xr.DataArray(np.full((1, 1, 1), 2.0), dims=DIMS), J=0, L=1, filters=SolidHarmonic(sigma0=2.0))
    np.testing.assert_allclose(one, [2**0.5, 2, 4, 0, 0, 0], rtol=1e-12)
