"""The property suite: the numbers of the specification, representations that hold and ones that fail, refusals."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow.contract import Pointwise, operator
from scatflow.errors import DimensionError, ParameterError
from scatflow_scattering.finding import Finding, Report
from scatflow_scattering.linear import Linear
from scatflow_scattering.probe import gabor, scale_free
from scatflow_scattering.properties import (
    commutator,
    contraction,
    deformation,
    energy,
    invariance,
    report,
    translation,
    wavelet_stability,
)
from scatflow_scattering.representation import features, frame_bound, norms
from scatflow_scattering.scattering import Scattering
from scatflow_wavelet import Morlet, Tight
from scatflow_wavelet.deform import Deform
from scatflow_wavelet.modulus import Modulus
from scatflow_wavelet.wavelet import Wavelet

EXACT = {"boundary": "periodic", "stride": 1, "filters": Tight()}


def noise(*sizes: int, seed: int = 0) -> xr.DataArray:
    dims = ("item", "z", "y", "x")
    names = (dims[0], *dims[len(dims) - len(sizes) + 1 :])
    return xr.DataArray(np.random.default_rng(seed).standard_normal(sizes), dims=names)


def empty(*sizes: int) -> xr.DataArray:
    return xr.DataArray(np.zeros(sizes), dims=("z", "y", "x")[3 - len(sizes) :])


def fourier_modulus(signals: xr.DataArray) -> xr.DataArray:
    """The invariant that is not stable, with the norm of the signal."""
    core = signals.dims[1:]
    axes = tuple(range(1, signals.ndim))
    size = math.sqrt(math.prod(signals.shape[1:]))
    return xr.DataArray(np.abs(np.fft.fftn(signals.values, axes=axes)) / size, dims=("item", *(f"k_{dim}" for dim in core)))


def scalogram(signals: xr.DataArray) -> xr.DataArray:
    bands = sf.ops.wavelet(signals, dims="x", J=4, Q=2, filters="tight", boundary="periodic", oversampling=4)
    planes: xr.DataArray = sf.ops.modulus(bands)
    return planes


def test_order_two_scattering_moves_in_proportion_to_a_dilation_and_the_fourier_modulus_does_not() -> None:
    # A Gabor atom of frequency 0.6 pi under a Gaussian of 128 samples; distances as published with the specification.
    atom = gabor(empty(4096), ("x",), 0.6 * math.pi, width=128)
    slope, constant = deformation(Scattering(dims=("x",), J=10, Q=1, oversampling=10, **EXACT), atom)
    np.testing.assert_allclose(slope.details["distance"], [0.0119, 0.0240, 0.0483, 0.0981, 0.2023], atol=6e-5)
    assert slope.passed and slope.value == pytest.approx(1.02, abs=5e-3) and constant.passed and 2.3 < constant.value < 2.6
    slope, constant = deformation(fourier_modulus, atom)
    np.testing.assert_allclose(slope.details["distance"], [0.78, 1.24, 1.42, 1.43, 1.45], atol=6e-3)
    assert not slope.passed and not constant.passed and slope.details["distance"][2] >= 1.2


@pytest.mark.parametrize("kw", [{"J": 10, "Q": 1}, {"J": 8, "Q": (4, 1)}, {"J": 10, "Q": 1, "filters": Tight()}])
def test_decimated_scattering_is_as_stable(kw: dict[str, Any]) -> None:
    atom = gabor(empty(4096), ("x",), 0.6 * math.pi, width=128)
    for finding in deformation(Scattering(dims=("x",), boundary="periodic", **kw), atom):
        assert finding.passed, finding


@pytest.mark.parametrize("order", range(5))
def test_energy_identity_in_one_dim(order: int) -> None:
    found = energy(Scattering(dims=("x",), J=4, Q=1, order=order, oversampling=4, tree="all", **EXACT), noise(3, 64))
    assert found.passed and abs(found.value - 1) < 1e-12 and len(found.details["order"]) == order + 1
    assert sum(found.details["order"]) + found.details["residual"][0] == pytest.approx(found.value, abs=1e-12)


@pytest.mark.parametrize(("dims", "sizes", "kw"), [
    (("y", "x"), (2, 32, 24), {"J": 2, "L": 3, "order": 2}), (("x",), (2, 96), {"J": 5, "Q": (4, 2), "order": 2}),
])  # fmt: skip
def test_energy_identity_in_other_banks(dims: tuple[str, ...], sizes: tuple[int, ...], kw: dict[str, Any]) -> None:
    found = energy(Scattering(dims=dims, oversampling=kw["J"], tree="all", **EXACT, **kw), noise(*sizes))
    assert found.lower == 1 - 1e-10 and found.passed


def test_shares_of_white_noise_by_order() -> None:
    found = energy(Scattering(dims=("x",), J=8, Q=1, order=4, oversampling=8, tree="all", **EXACT), noise(4, 256))
    np.testing.assert_allclose(np.cumsum(found.details["order"]), [0.012, 0.788, 0.962, 0.9951, 0.99951], atol=0.02)
    assert found.passed


def test_the_identity_is_claimed_only_where_it_is_exact() -> None:
    phi = Scattering(dims=("x",), J=4, order=2, oversampling=4, tree="all", **EXACT)
    for change in ({"tree": "increasing"}, {"stride": 2}, {"oversampling": 3}, {"filters": Morlet()}, {"boundary": "reflect"}):
        found = energy(phi.replace(**change), noise(2, 64))
        assert found.lower == 0 and "residual" not in found.details
    assert energy(phi, noise(2, 60)).lower == 0  # no multiple of 2^J


@pytest.mark.parametrize(("phi", "sizes"), [
    (Scattering(dims=("x",), J=4, oversampling=4, **EXACT), (8, 64)),
    (Scattering(dims=("y", "x"), J=2, L=4, oversampling=2, **EXACT), (4, 32, 24)),
    (Scattering(dims=("x",), J=4, boundary="periodic", filters=Morlet(contractive=True), oversampling=4, stride=1), (8, 64)),
    (Wavelet(dims=("x",), J=4, Q=2, oversampling=4, **EXACT), (8, 64)),
    (Wavelet(dims=("y", "x"), J=3, L=4, oversampling=3, stride="octave", filters=Tight(), boundary="periodic"), (4, 32, 32)),
    (scalogram, (8, 64)), (fourier_modulus, (8, 64)), (fourier_modulus, (4, 16, 12)), (fourier_modulus, (3, 8, 6, 10)), (Modulus(), (3, 8, 6, 10)),
])  # fmt: skip
def test_distances_do_not_grow(phi: Any, sizes: tuple[int, ...]) -> None:
    found = contraction(phi, noise(*sizes), dims=("z", "y", "x")[4 - len(sizes) :], pairs=1000 if len(sizes) == 2 else 64)
    assert found.passed and found.upper == pytest.approx(1 + 1e-10, abs=1e-12) and found.value > 0.4


def test_distances_that_grow_are_found() -> None:
    bound = contraction(
        Scattering(dims=("x",), J=3, Q=4, filters=Morlet(), boundary="periodic", oversampling=3, stride=1), noise(8, 64)
    )
    assert bound.upper > 1 and bound.passed  # a frame bound above 1
    assert not contraction(lambda x: 1.001 * x, noise(4, 32), dims="x").passed
    assert not contraction(lambda x: x**2, noise(4, 32), dims="x").passed
    assert contraction(lambda x: 1.001 * x, noise(4, 32), dims="x", bound=1.01).passed


@pytest.mark.parametrize("filters", [Tight(), Morlet()])
@pytest.mark.parametrize(("sizes", "kw"), [((4096,), {"J": 4, "Q": 1}), ((128, 128), {"J": 4, "L": 4})])
def test_a_change_by_a_translation_falls_like_the_averaging_scale(filters: Any, sizes: tuple[int, ...], kw: dict[str, Any]) -> None:
    phi = Scattering(filters=filters, boundary="periodic", **kw)
    found = translation(phi, like=empty(*sizes))
    assert found.passed, found
    assert len(found.details["J"]) >= 3 and np.all(np.diff(found.details["change"]) < 0)


def test_without_averaging_a_translation_changes_as_much_at_all_scales() -> None:
    found = translation(Wavelet(dims=("x",), J=4, boundary="periodic"), like=empty(1024))
    assert not found.passed and abs(found.value) < 0.3


def test_scales_can_be_those_of_any_family_of_functions() -> None:
    def smoothed(J: int) -> Any:
        return lambda x: sf.ops.wavelet(x, dims="x", J=J, boundary="periodic", filters="tight", paths={"order": 0})

    envelopes = scale_free(empty(1024), ("x",))
    slow = envelopes.copy(data=np.abs(envelopes.values))
    found = translation({J: smoothed(J) for J in (6, 4, 5)}, slow, dims="x")
    assert found.details["J"] == (4.0, 5.0, 6.0) and found.value < -0.8


def test_global_averages_are_invariant() -> None:
    phi = Scattering(dims=("x",), J=4, T="global", boundary="periodic", oversampling=4)
    assert invariance(phi, noise(3, 64), size=5.0).value < 1e-12
    assert invariance(phi, noise(3, 64)).upper == 1e-10
    decimated = invariance(phi.replace(oversampling=1), noise(3, 64))
    assert 1e-10 < decimated.value < decimated.upper == 1e-3
    in_two = Scattering(dims=("y", "x"), J=2, L=3, T="global", boundary="periodic", oversampling=2)
    assert invariance(in_two, noise(2, 16, 24)).passed
    assert invariance(fourier_modulus, noise(2, 8, 6, 10), dims=("z", "y", "x"), bound=1e-10).passed
    windowed = invariance(Scattering(dims=("x",), J=2, boundary="periodic"), noise(3, 64), bound=1e-10)
    assert not windowed.passed and windowed.value > 1e-2


def test_orbits_grow_with_the_size_of_a_turn() -> None:
    phi = Scattering(dims=("y", "x"), J=4, L=8)
    changes = [invariance(phi, noise(1, 64, 64), family="rotate", size=size).value for size in (0.01, 0.1, 0.3)]
    assert changes == sorted(changes) and changes[0] < 0.25 * changes[2]


@pytest.mark.parametrize("filters", [Tight(), Morlet()])
def test_wavelets_commute_with_dilations_up_to_their_size_whatever_the_scale(filters: Any) -> None:
    found = commutator(Wavelet(dims=("x",), J=5, filters=filters), empty(512), scales=(2, 3, 4, 5), iterations=12)
    assert found.passed and 1.5 < found.value < 2.5
    assert max(found.details["ratio"]) < 1.1 * min(found.details["ratio"])
    for size, n in ((0.0025, 512), (0.04, 512), (0.02, 1024)):  # in proportion to the gradient, on any length
        other = commutator(Wavelet(dims=("x",), J=5, filters=filters), empty(n), size=size, scales=(4,))
        assert other.value == pytest.approx(found.details["ratio"][2], rel=0.05)


def fall(t: np.ndarray) -> np.ndarray:
    """A smooth step from 1 to 0 on the unit interval."""
    return np.asarray(np.cos(np.pi / 2 * t.clip(0, 1)) ** 2)


def test_the_commutator_is_that_of_matrices() -> None:
    n, like = 32, empty(32)
    wavelet = Linear.of(Wavelet(dims=("x",), J=2, boundary="periodic", oversampling=2), like, ("x",))
    deform = Linear.of(Deform(family="dilate", size=0.05, interpolation="spectral", boundary="periodic"), like, ("x",))
    columns = np.eye(n)
    difference = np.stack([(wavelet(deform(e)) - deform(wavelet(e))).ravel() for e in columns], 1)
    frequency = fall((np.abs(np.fft.fftfreq(n)) - 1 / 8) * 8)
    smooth = np.fft.ifft(np.fft.fft(columns, axis=0) * frequency[:, None], axis=0).real
    window = np.diag(fall(8 * np.abs(np.arange(n) - 15.5) / n - 1))
    expected = np.linalg.norm(np.concatenate([difference.real, difference.imag]) @ smooth @ window, 2)
    found = commutator(Wavelet(dims=("x",), J=2), like, size=0.05, scales=(2,), iterations=200)
    assert 0.05 * found.value == pytest.approx(expected, rel=1e-6)


def test_wavelets_are_stable_and_waves_under_one_envelope_are_not() -> None:
    found = wavelet_stability(Wavelet(dims=("x",), J=5, Q=1), empty(1024))
    assert found.passed and 1.5 < found.value < 3
    bands, waves = (np.array(found.details[key]) for key in ("bands", "waves"))
    assert np.all(np.diff(waves) < 0) and waves[1] > 10 > bands[1:].max()  # from high frequencies to low
    in_two = wavelet_stability(Wavelet(dims=("y", "x"), J=3, L=4), empty(64, 64))
    assert in_two.passed and len(in_two.details["xi"]) == 12


def test_a_report_on_a_scattering_transform_holds_and_stores() -> None:
    phi = Scattering(dims=("x",), J=4, Q=1, boundary="periodic")
    found = report(phi, gabor(empty(512), ("x",), 1.0, width=16))
    assert found.passed, str(found)
    assert [finding.name for finding in found] == [
        "contraction", "energy", "invariance", "deformation", "lipschitz", "translation", "commutator", "wavelet_stability",
    ]  # fmt: skip
    assert Report.from_json(json.loads(json.dumps(found.to_json()))) == found
    table = found.to_dataset()
    assert table.passed.all() and float(table.value.sel(property="lipschitz")) == found["lipschitz"].value
    assert str(found).startswith("scattering: 8 of 8 properties hold") and "lipschitz" in str(found)


def test_a_report_on_the_fourier_modulus_says_what_fails() -> None:
    atom = gabor(empty(4096), ("x",), 0.6 * math.pi, width=128)
    found = report(fourier_modulus, atom, dims="x")
    assert {finding.name for finding in found if not finding.passed} == {"deformation", "lipschitz"}
    assert "FAILED  deformation" in str(found) and not found.passed


def test_a_report_works_in_three_dims_and_for_any_operator() -> None:
    found = report(Modulus(), noise(2, 12, 12, 12), dims=("z", "y", "x"), properties=("contraction", "energy", "invariance"))
    assert found.passed and found["energy"].value == pytest.approx(1)


def test_norms_are_those_of_functions() -> None:
    # Sampling a smooth plane four times coarser leaves its norm; so does a mean of a constant.
    x = xr.DataArray(np.ones((2, 64)), dims=("item", "x"))
    for phi in (Scattering(dims=("x",), J=2, T="global"), Scattering(dims=("x",), J=2), Scattering(dims=("x",), J=2, stride=1)):
        np.testing.assert_allclose(norms(features(phi, x, ("x",))), 8.0, rtol=1e-10)
    both = norms(features(lambda s: xr.Dataset({"a": s, "b": s}), x, ("x",)))
    np.testing.assert_allclose(both, 8.0 * math.sqrt(2))
    assert frame_bound(scalogram, x, ("x",)) == 1.0


def test_verdicts() -> None:
    assert Finding("a", "b", 1.0, 1.0, 1.0).passed and not Finding("a", "b", math.nan).passed
    assert not Finding("a", "b", 1.1, upper=1.0).passed and not Finding("a", "b", 0.9, lower=1.0).passed
    odd = Report("r", (Finding("a", "b", math.inf, details={"c": (1.0,)}),))
    assert Report.from_json(odd.to_json()).to_json() == odd.to_json()


def test_refusals() -> None:
    x = noise(3, 32)
    with pytest.raises(ParameterError, match="has no scale J"):
        translation(Modulus(), x, dims="x")
    with pytest.raises(ParameterError, match="signals or like"):
        translation(Scattering(dims=("x",), J=2))
    with pytest.raises(ParameterError, match="contraction"):
        report(abs, x, dims="x", properties=("contractions",))
    for ask in (deformation, wavelet_stability, commutator):
        with pytest.raises(ParameterError, match="no gradient"):
            ask(Wavelet(dims=("x",), J=2), empty(64), family="translate", **({"sizes": (1.0,)} if ask is deformation else {}))
    with pytest.raises(DimensionError, match="stay apart"):
        contraction(lambda s: s.mean("item"), x, dims="x")
    with pytest.raises(ParameterError, match="labelled arrays"):
        contraction(lambda s: s.values, x, dims="x")
    with pytest.raises(DimensionError, match="no dim 't'"):
        contraction(abs, x, dims="t")
    with pytest.raises(ParameterError, match="periodic as they stand"):
        commutator(Wavelet(dims=("x",), J=4), empty(60))
    with pytest.raises(ParameterError, match="linear window"):
        Linear.of(Modulus(), empty(32), ("x",))
    with pytest.raises(ParameterError, match="cut off"):
        wavelet_stability(Wavelet(dims=("x",), J=1, Q=1, filters=Tight()), empty(32))


def test_an_operator_that_is_not_ours_can_be_asked() -> None:
    @operator("halved", version=1, signature="()->()", linear=True, equation="x / 2")
    class Halved(Pointwise):
        """Half of everything."""

        def apply(self, xp: Any, *blocks: Any) -> Any:
            return blocks[0] / 2

    found = contraction(Halved(), noise(4, 5, 6, 7), dims=("z", "y", "x"))
    assert found.value == pytest.approx(0.5) and found.passed
