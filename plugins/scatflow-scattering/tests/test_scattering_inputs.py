"""What goes in and how it comes out: complex and multichannel input, planes that are not averaged, ratios to parents."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow_scattering.scattering import Scattering
from scatflow_wavelet import Bank, Grid, Morlet, Tight

PLANE = ("y", "x")


def field(rng, shape=(40, 36), dims=PLANE, **kw):
    return xr.DataArray(rng.standard_normal(shape), dims=dims, **kw)


# Complex input


@pytest.mark.parametrize(("dims", "kw"), [(PLANE, {"L": 4}), (("x",), {"Q": (3, 1)})])
def test_real_data_given_as_complex(rng, dims, kw):
    x = field(rng)
    real = sf.ops.scattering(x, dims=dims, J=2, **kw)
    both = sf.ops.scattering(x.astype(complex), dims=dims, J=2, **kw)
    assert both.dtype == "float64" and (both >= 0).all()
    xr.testing.assert_allclose(both.sel(path=both.order == 0), abs(real.sel(path=real.order == 0)), rtol=1e-12)
    voices = kw.get("L", 3)
    for half in (both.l1 < voices, both.l1 >= voices):
        part = both.sel(path=(both.order > 0) & half)
        # Each direction has half of the energy.
        np.testing.assert_allclose(part, real.sel(path=real.order > 0) / np.sqrt(2), rtol=1e-10, atol=1e-12)


def test_a_wave_is_seen_from_where_it_comes(rng):
    y, x = np.mgrid[:64, :64]
    for theta in (45.0, 225.0):
        wave = np.exp(2j * np.pi * 8 / 64 * (x + y) * (1 if theta < 180 else -1))
        kw = {"dims": PLANE, "J": 3, "L": 8, "order": 1, "T": "global", "boundary": "periodic"}
        first = sf.ops.scattering(xr.DataArray(wave, dims=PLANE), **kw)
        first = first.sel(path=first.order == 1)
        best = first.isel(path=int(first.argmax("path")))
        assert best.theta1 == theta and best.j1 == 1 and (best.l1 >= 8) == (theta >= 180)
        opposite = first.sel(path=(first.j1 == 1) & (first.theta1 == (theta + 180) % 360))
        assert float(opposite.item()) < 0.05 * float(best)
    line = sf.ops.scattering(xr.DataArray(np.exp(-0.7j * np.arange(256)), dims="x"), dims="x", J=4, Q=4, order=1, T="global")
    top = line.isel(path=int(line.argmax("path")))
    assert top.xi1 == pytest.approx(-0.7 / (2 * np.pi), rel=0.1) and top.scale1 == -1 / top.xi1


@pytest.mark.parametrize("aspect", [(1.0,), (1.0, 1.0)])
def test_the_full_circle_keeps_norms(rng, aspect):
    shape = (64, 48)[: len(aspect)]
    bank = Bank(Tight(), J=3, voices=4, aspect=aspect, full_circle=True)
    half = Bank(Tight(), J=3, voices=4, aspect=aspect)
    z = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    spectrum = np.fft.fftn(z)
    parts = [np.fft.ifftn(spectrum * m) for m in (bank.low_multiplier(Grid(shape)), *bank.psi(Grid(shape)))]
    assert sum(np.sum(np.abs(part) ** 2) for part in parts) == pytest.approx(np.sum(np.abs(z) ** 2), rel=1e-12)
    assert bank.bounds(Grid(shape)) == half.bounds(Grid(shape)) and len(bank.bands) == 2 * len(half.bands)


def test_complex_scattering_contracts(rng):
    for _ in range(20):
        a, b = (field(rng) + 1j * field(rng) for _ in range(2))
        kw = {"dims": PLANE, "J": 2, "L": 3, "filters": Tight(), "boundary": "periodic", "oversampling": 2, "stride": 1}
        distance = np.linalg.norm(sf.ops.scattering(a, **kw) - sf.ops.scattering(b, **kw))
        assert distance <= (1 + 1e-10) * np.linalg.norm(a - b)


def test_channels_are_batch_and_variables_are_mapped(rng):
    x = field(rng, (3, 32, 32), ("channel", *PLANE), coords={"channel": ["u", "v", "w"]})
    whole = sf.ops.scattering(x, dims=PLANE, J=2, L=2)
    assert whole.dims == ("channel", "y", "x", "path") and list(whole.channel.values) == ["u", "v", "w"]
    xr.testing.assert_allclose(whole.sel(channel="v"), sf.ops.scattering(x.sel(channel="v"), dims=PLANE, J=2, L=2))
    mapped = sf.ops.scattering(x.to_dataset("channel"), dims=PLANE, J=2, L=2)
    np.testing.assert_allclose(mapped["w"], whole.sel(channel="w"), rtol=1e-12)


# Planes


def test_planes_by_octave_are_moduli_of_bands(bench, rng):
    operator = Scattering(dims=PLANE, J=3, L=4, T=0, oversampling=1)
    data = rng.standard_normal((48, 40))
    block = bench.block(operator, data, "periodic")
    out = operator.apply(block.xp, block.data, at=block.at, **block.constants)
    assert {name: value.shape[1:] for name, value in out.items()} == {
        "order0": (48, 40), "j0": (48, 40), "j1": (48, 40), "j2": (24, 20),
    }  # fmt: skip
    np.testing.assert_array_equal(out["order0"][0], data)
    bank = Bank(Morlet(), 3, 4, aspect=(1.0, 1.0))
    for j in range(3):
        bands = bank.psi(Grid((48, 40)), range(4 * j, 4 * j + 4))
        expected = np.abs(np.fft.ifft2(np.fft.fft2(data) * bands))[:, :: 2 ** max(0, j - 1), :: 2 ** max(0, j - 1)]
        np.testing.assert_allclose(out[f"j{j}"][:4], expected, atol=1e-13)
    assert out["j2"].shape[0] == 4 + 2 * 16  # order 1, then pairs with (j1, j2) = (0, 2) and (1, 2)


def test_planes_have_labels_and_their_mean_is_the_global_average(rng):
    x = field(rng, (2, 48, 40), ("t", *PLANE), coords={"y": np.arange(48) * 0.5, "x": np.arange(40) * 0.5})
    kw = {"dims": PLANE, "J": 3, "L": 4, "boundary": "periodic"}
    planes = sf.ops.scattering(x, T=0, **kw)
    means = sf.ops.scattering(x, T="global", **kw)
    assert isinstance(planes, xr.DataTree) and list(planes.children) == ["order0", "j0", "j1", "j2"]
    found = 0
    for name, node in planes.children.items():
        (array,) = node.data_vars.values()
        assert array.dims == ("t", "y", "x", "path") and name in ("order0", f"j{int(array.isel(path=0).j1)}", "j1", "j2")
        assert float(array.x[1]) == 0.5 * 48 / array.sizes["y"]
        for path in range(array.sizes["path"]):
            one = array.isel(path=path)
            same = (
                (means.order == one.order)
                & (means.j1 == one.j1)
                & (means.l1 == one.l1)
                & (means.j2 == one.j2)
                & (means.l2 == one.l2)
            )
            np.testing.assert_allclose(one.mean(PLANE), means.sel(path=same)[:, 0], rtol=1e-10)
            found += 1
    assert found == means.sizes["path"]


def test_planes_are_lazy_and_chunked_equals_whole(rng):
    x = field(rng, (4, 200), ("t", "x"))
    kw = {"dims": "x", "J": 3, "Q": (2, 1), "T": 0, "paths": ({"order": 2}, {"j1": 1})}
    whole, lazy = sf.ops.scattering(x, **kw), sf.ops.scattering(x.chunk(t=1), **kw)
    assert set(whole.children) == set(lazy.children) and all(
        v.chunks for node in lazy.children.values() for v in node.data_vars.values()
    )
    for name in whole.children:
        (a,), (b,) = whole[name].data_vars.values(), lazy[name].data_vars.values()
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-14)


# Ratios


def test_ratios_to_parents(rng):
    x = field(rng, (3, 300), ("t", "x"))
    kw = {"dims": "x", "J": 4, "Q": (4, 1)}
    plain, ratio = sf.ops.scattering(x, **kw), sf.ops.scattering(x, normalize="parent", **kw)
    size = sf.ops.scattering(abs(x), dims="x", J=4, Q=(4, 1), order=0)[..., 0]
    first, second = (plain.sel(path=plain.order == k) for k in (1, 2))
    np.testing.assert_allclose(ratio.sel(path=ratio.order == 0)[..., 0], plain[..., 0] / size, rtol=1e-12)
    np.testing.assert_allclose(ratio.sel(path=ratio.order == 1), first / size, rtol=1e-12)
    parent = [int(np.flatnonzero(first.n1 == n)[0]) for n in second.n1]
    np.testing.assert_allclose(ratio.sel(path=ratio.order == 2), second / first.isel(path=parent).values, rtol=1e-12)
    assert ratio.attrs["units"] == "1" and "parent" in ratio.attrs["normalization"]
    np.testing.assert_allclose(sf.ops.scattering(1e-3 * x, normalize="parent", **kw), ratio, rtol=1e-9)
    some = sf.ops.scattering(x, normalize="parent", paths={"order": 2, "j1": 1}, **kw)  # parents are not among the results
    np.testing.assert_allclose(some, ratio.sel(path=(ratio.order == 2) & (ratio.j1 == 1)), rtol=1e-12)


def test_ratios_over_nothing_are_nan():
    silence = xr.DataArray(np.zeros(64), dims="x")
    assert np.isnan(sf.ops.scattering(silence, dims="x", J=3, normalize="parent")).all()
