"""Flows as sources: series of ages, forced runs, labels, parts of runs, jobs, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest

from scatflow import Pipeline
from scatflow.errors import ParameterError
from scatflow.labels import axis_of
from scatflow_processes.flow_forced import simulate
from scatflow_processes.sources.flows import ForcedTurbulence2D, Turbulence2D
from scatflow_processes.turbulence2d import series
from scatflow_processes.turbulence2d import simulate as decay_to
from scatflow_processes.vorticity import invariants

FORCED = ForcedTurbulence2D(size=32, nu=1e-2, k_forcing=4.0, spin_up=0.5, snapshots=3, realizations=3, seed=4)
SERIES = Turbulence2D(size=32, nu=5e-3, age=(0.0, 1.0, 2.5), k_peak=3.0, realizations=2, seed=2, dtype="float64")


@pytest.mark.parametrize("value", [FORCED, SERIES], ids=["forced", "series"])
def test_any_region_is_a_part_of_the_whole(value: ForcedTurbulence2D | Turbulence2D) -> None:
    for name, spec in value.describe().items():
        whole = value.read({}, name)
        assert whole.shape == spec.shape and whole.dtype == spec.dtype
        for region in (
            {"realization": slice(1, 2)},
            {"time": slice(1, 3), "x": slice(3, 7)},
            {"time": slice(2, 3), "y": slice(0, 9, 2)},
            {"realization": slice(2, 2)},
        ):
            expected = whole[tuple(region.get(dim, slice(None)) for dim in ("realization", "time", "y", "x"))]
            np.testing.assert_array_equal(value.read(region, name), expected)


def test_a_realization_does_not_depend_on_the_others() -> None:
    last = FORCED.read({"realization": slice(2, 3)}, "u")
    np.testing.assert_array_equal(FORCED.replace(realizations=9).read({"realization": slice(2, 3)}, "u"), last)
    first = FORCED.read({"realization": slice(0, 1)}, "u")
    assert (first != last).any()
    assert (FORCED.replace(seed=5).read({"realization": slice(0, 1)}, "u") != first).any()


def test_values_are_the_simulation() -> None:
    run = simulate(FORCED._run(), seed=4, realization=1)
    flows = list(series(32, 2, 1, 5e-3, SERIES.age, k_peak=3.0))
    for name in ("vorticity", "u", "v"):
        np.testing.assert_array_equal(FORCED.read({"realization": slice(1, 2)}, name)[0], run[name])
        found = SERIES.read({"realization": slice(1, 2)}, name)[0]
        np.testing.assert_allclose(found, [getattr(flow, name) for flow in flows], atol=1e-13)


def test_a_chunk_is_a_whole_run() -> None:
    for spec in Turbulence2D(size=256, age=(1.0, 2.0), realizations=6).describe().values():
        assert spec.chunks == ((1,) * 6, (2,), (256,), (256,))
    for spec in ForcedTurbulence2D(size=128, nu=4e-3, snapshots=40, realizations=3).describe().values():
        assert spec.chunks == ((1, 1, 1), (40,), (128,), (128,))


@pytest.mark.parametrize("value", [FORCED, SERIES], ids=["forced", "series"])
def test_labels(value: ForcedTurbulence2D | Turbulence2D) -> None:
    for spec in value.describe().values():
        assert spec.dims == ("realization", "time", "y", "x")
        for dim in ("y", "x"):
            axis = axis_of(spec, dim)
            assert axis.periodic and axis.unit == "m" and axis.step == pytest.approx(2 * np.pi / 32)
        assert spec.coords["time"].attrs["units"] == "s"
        for key in ("nu", "forcing", "age", "T_e", "Re", "kmax_over_kd", "seed", "box"):
            assert key in spec.attrs
        json.dumps(dict(spec.attrs), allow_nan=False)
    times = value.describe()["u"].coords["time"].values
    if value is SERIES:
        assert times / SERIES.describe()["u"].attrs["T_e"] == pytest.approx(SERIES.age)
    else:
        assert axis_of(value.describe()["u"], "time").step == pytest.approx(value.describe()["u"].attrs["T_e"])


def test_a_series_goes_through_its_ages() -> None:
    flows = list(series(32, 2, 0, 5e-3, (0.0, 1.0, 2.5), k_peak=3.0))
    enstrophies = [flow.attrs["enstrophy"] for flow in flows]
    assert enstrophies == sorted(enstrophies, reverse=True)
    assert [flow.attrs["age"] for flow in flows] == [0.0, 1.0, 2.5]
    np.testing.assert_array_equal(flows[1].vorticity, decay_to(32, 2, 0, 5e-3, 1.0, k_peak=3.0).vorticity)
    np.testing.assert_allclose(flows[2].vorticity, decay_to(32, 2, 0, 5e-3, 2.5, k_peak=3.0).vorticity, atol=1e-3)
    assert flows[2].attrs["energy"] == pytest.approx(float(invariants(flows[2].vorticity).energy))


def test_lists_are_accepted_and_one_age_in_a_list_keeps_its_dim() -> None:
    one = SERIES.replace(age=[1.0])
    assert one.age == (1.0,) and one.describe()["u"].sizes["time"] == 1
    assert type(one)(**one.parameters()) == one
    assert one != SERIES.replace(age=1.0)


def test_a_job_writes_the_same_bytes_for_other_chunks(tmp_path: Path) -> None:
    pipeline = Pipeline.from_source("forced_turbulence2d", **FORCED.parameters())
    result = pipeline.run(tmp_path / "flow.zarr")
    lazy = pipeline.lazy()
    for name in ("vorticity", "u", "v"):
        np.testing.assert_array_equal(result[name].values, FORCED.read({}, name))
        part = lazy[name].isel(realization=slice(1, 3), time=1).compute(scheduler="synchronous")
        np.testing.assert_array_equal(part.values, FORCED.read({}, name)[1:3, 1])
    assert result["u"].attrs["forcing"] == "ring, white in time"


@pytest.mark.parametrize(
    ("cls", "parameters", "match"),
    [
        (Turbulence2D, {"age": ()}, "turbulence2d.age"),
        (Turbulence2D, {"age": (2.0, 1.0)}, "increase"),
        (Turbulence2D, {"age": (0.0, -1.0)}, "turbulence2d.age"),
        (Turbulence2D, {"age": float("nan")}, "turbulence2d.age"),
        (Turbulence2D, {"size": 4096, "age": (1.0, 2.0, 3.0)}, "samples"),
        (ForcedTurbulence2D, {"size": 512, "snapshots": 200}, "snapshots.stream"),
        (ForcedTurbulence2D, {"size": 26}, "size"),
        (ForcedTurbulence2D, {"nu": 5.0}, "no turbulence otherwise"),
        (ForcedTurbulence2D, {"spacing": 0.5}, "forced_turbulence2d.spacing"),
        (ForcedTurbulence2D, {"drag": 0.0}, "forced_turbulence2d.drag"),
        (ForcedTurbulence2D, {"k_forcing": 1.0}, "forced_turbulence2d.k_forcing"),
        (ForcedTurbulence2D, {"correlation_time": -1.0}, "forced_turbulence2d.correlation_time"),
        (ForcedTurbulence2D, {"mu": 1.0}, "forced_turbulence2d.mu"),
    ],
)
def test_bad_parameters(cls: type, parameters: dict, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        cls(**parameters)


def test_a_large_step_is_refused_by_the_source() -> None:
    with pytest.raises(ValueError, match="dt must be <="):
        FORCED.replace(dt=0.3, power=30.0).read({})


def kurtosis(field: np.ndarray) -> float:
    centered = field - field.mean()
    return float((centered**4).mean() / (centered**2).mean() ** 2)


def test_vortices_emerge_at_64() -> None:
    flow = Turbulence2D(size=64, nu=2e-3, realizations=2)
    assert np.mean([kurtosis(field) for field in flow.read({})]) > 3.3


@pytest.mark.slow
def test_vortices_dominate_at_256(record_property) -> None:
    flow = Turbulence2D(realizations=8)
    fields = flow.read({})
    found = [kurtosis(field) for field in fields]
    power = (np.abs(np.fft.fft2(fields)) ** 2).mean(axis=0)
    modes = np.fft.fftfreq(256, 1 / 256)
    radius = np.hypot(modes[:, None], modes[None, :])
    shells = np.arange(12, 40)
    # E(k) is the shell sum of the enstrophy over k^2.
    energy = [power[np.rint(radius) == shell].sum() / shell**2 for shell in shells]
    slope = np.polyfit(np.log(shells), np.log(energy), 1)[0]
    record_property("kurtosis", found)
    record_property("slope of E(k), 12 <= k < 40", slope)
    assert np.mean(found) > 5
    assert -6 < slope < -3  # steeper than k^-3, as coherent vortices make it
