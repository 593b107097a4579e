"""Gaussian fields in parts: white noise by position, and the filter one axis at a time."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from scatflow import Pipeline
from scatflow.errors import ChunkError, ParameterError, PlanError
from scatflow_processes import gaussian
from scatflow_processes.operators.filtering import GaussianFilter
from scatflow_processes.sources import exact
from scatflow_processes.sources.gaussian import GaussianField, WhiteNoise


@pytest.mark.parametrize("size", [(50,), (12, 10), (4, 6, 9)])
def test_white_noise_belongs_to_positions(size: tuple[int, ...]) -> None:
    source = WhiteNoise(size=size, realizations=3, seed=4, dtype="float64")
    whole = source.read({})
    np.testing.assert_array_equal(whole, np.stack([gaussian.white_noise(size, 4, index) for index in range(3)]))
    assert tuple(map(sum, source.describe().chunks)) == (3, *size)
    part = source.read({"realization": slice(1, 3), "y": slice(1, 5, 2), "x": slice(2, 9, 3)})
    at = (slice(1, 3), *([slice(None)] if len(size) == 3 else []), *([slice(1, 5, 2)] if len(size) > 1 else []), slice(2, 9, 3))
    np.testing.assert_array_equal(part, whole[at])
    assert source.read({"x": slice(3, 3)}).shape[-1] == 0


def test_white_noise_has_the_law_of_a_white_spectrum() -> None:
    size = (6, 9)
    noise, field = WhiteNoise(size=size, realizations=4, dtype="float64"), GaussianField(size=size, spectrum="white", std=None)
    x = noise.read({})
    np.testing.assert_allclose(exact.neg_log_prob(noise, x), gaussian.neg_log_prob(x, np.ones(size)), rtol=1e-13)
    assert exact.entropy(noise) == pytest.approx(exact.entropy(field), rel=1e-13)
    assert exact.floor(noise) == pytest.approx(exact.floor(field), rel=1e-13)


def field(size: tuple[int, ...], **parameters: object) -> Pipeline:
    noise = {"process_id": "white_noise", "arguments": {"size": list(size), "realizations": 2, "seed": 3, "dtype": "float64"}}
    arguments = {"data": {"from_node": "noise"}, "dims": ["z", "y", "x"][3 - len(size) :], **parameters}
    return Pipeline.from_document(
        {"process_graph": {"noise": noise, "field": {"process_id": "gaussian_filter", "arguments": arguments, "result": True}}}
    )


SPECTRA = [{"spectrum": "kolmogorov", "k_low": 1.5, "std": 2.0}, {"spectrum": "matern", "length": 0.3, "std": None}]


@pytest.mark.parametrize("parameters", SPECTRA, ids=lambda value: value["spectrum"])
@pytest.mark.parametrize("size", [(24, 30), (12, 10, 15)])
def test_filtered_noise_is_the_source_whole_and_one_axis_at_a_time(tmp_path: Path, size: tuple[int, ...], parameters: dict) -> None:
    expected = GaussianField(size=size, realizations=2, seed=3, dtype="float64", **parameters).read({})
    pipeline = field(size, **parameters)
    np.testing.assert_allclose(pipeline.lazy(rechunk="auto").values, expected, atol=1e-12)
    region = dict.fromkeys(("z", "y", "x")[3 - len(size) :], 5)
    plan = pipeline.plan(strategy="pencil", region=region)
    assert len(plan.stages) == 2 * len(size) - 1
    (found,) = pipeline.run(tmp_path / "out.zarr", strategy="pencil", region=region).data_vars.values()
    np.testing.assert_allclose(found.values, expected, atol=1e-12)


def test_a_field_larger_than_memory_is_planned() -> None:
    pipeline = field((4096, 4096), spectrum="vorticity", k_high=1000.0)
    with pytest.raises(PlanError):
        pipeline.plan(memory="600 MiB", strategy="batch")
    assert pipeline.plan(memory="600 MiB", strategy="pencil").max_projected_memory <= 600 * 2**20


MODELS = [{}, {"phase_only": True, "shared": ["channel"]}, {"estimate": "isotropic", "phase_only": True}]


@pytest.mark.parametrize("parameters", MODELS, ids=["periodogram", "phases", "isotropic"])
@pytest.mark.parametrize("size", [(5, 24), (6, 7, 8)])
def test_the_model_of_a_field_whole_and_one_axis_at_a_time(tmp_path: Path, size: tuple[int, ...], parameters: dict) -> None:
    """Measured spectra of fields larger than memory: the noise of a sample belongs to its position, shells are summed over tasks."""
    dims = ["z", "y", "x"][3 - len(size) :]
    values = np.random.default_rng(2).standard_normal((2, *size, 2)) + 1.5
    coords = {dim: (dim, np.arange(n) * 0.5, {"units": "m"}) for dim, n in zip(dims, size, strict=True)}
    field = xr.DataArray(values, dims=("time", *dims, "channel"), coords=coords)
    field.to_dataset(name="field").to_zarr(tmp_path / "field.zarr", consolidated=False)
    options = {"dims": dims, "surrogates": 2, "first": 3, "seed": 5, **parameters}
    whole = sf.ops.gaussian_model(field, **options)
    lazy = sf.ops.gaussian_model(sf.open_source(tmp_path / "field.zarr"), rechunk="auto", **options)
    pipeline, region = sf.Pipeline.from_array(lazy), dict.fromkeys(dims, 5) | {"time": 1, "channel": 1}
    assert len(pipeline.plan(strategy="pencil", region=region).stages) == 3 * len(size) - 2 + 2 * ("estimate" in parameters)
    (found,) = pipeline.run(tmp_path / "out.zarr", strategy="pencil", region=region).data_vars.values()
    assert found.dims == whole.dims
    np.testing.assert_allclose(found, whole, atol=1e-13)
    np.testing.assert_allclose(found.mean(dims), field.mean(dims).expand_dims(surrogate=2).transpose(*found.mean(dims).dims))


LAWS = [{"spectrum": "matern", "length": 0.7, "mean": 1.2}, {"spectrum": "kolmogorov", "k_low": 2.0, "support": "masked"}]


@pytest.mark.parametrize("parameters", LAWS, ids=lambda value: value["spectrum"])
@pytest.mark.parametrize("size", [(11, 24), (6, 7, 8)])
def test_the_log_density_of_a_field_whole_and_one_axis_at_a_time(tmp_path: Path, size: tuple[int, ...], parameters: dict) -> None:
    dims = ["z", "y", "x"][3 - len(size) :]
    coords = {dim: (dim, np.arange(n) * 0.5, {"units": "m"}) for dim, n in zip(dims, size, strict=True)}
    field = xr.DataArray(np.random.default_rng(2).standard_normal((2, *size)) + 1.5, dims=("time", *dims), coords=coords)
    field.to_dataset(name="field").to_zarr(tmp_path / "field.zarr", consolidated=False)
    whole = sf.ops.gaussian_neg_log_prob(field, dims=dims, **parameters)
    lazy = sf.ops.gaussian_neg_log_prob(sf.open_source(tmp_path / "field.zarr"), dims=dims, rechunk="auto", **parameters)
    pipeline, region = sf.Pipeline.from_array(lazy), dict.fromkeys(dims, 5)
    assert len(pipeline.plan(strategy="pencil", region=region).stages) == len(size)
    (found,) = pipeline.run(tmp_path / "out.zarr", strategy="pencil", region=region).data_vars.values()
    np.testing.assert_allclose(found, whole, rtol=1e-12)
    assert found.attrs["long_name"] == whole.attrs["long_name"]
    if "support" in parameters:
        lazy = sf.ops.gaussian_neg_log_prob(
            sf.open_source(tmp_path / "field.zarr"), dims=dims, rechunk="auto", **{**parameters, "support": "full"}
        )
        with pytest.raises(ParameterError, match="modes without power"):
            sf.Pipeline.from_array(lazy).plan(strategy="pencil")


def test_segments_are_no_lines() -> None:
    document = {
        "noise": {"process_id": "white_noise", "arguments": {"size": [64, 64]}},
        "model": {
            "process_id": "gaussian_model",
            "arguments": {"data": {"from_node": "noise"}, "dims": ["y", "x"], "estimate": "welch"},
            "result": True,
        },
    }
    with pytest.raises(PlanError, match="segments are no lines"):
        Pipeline.from_document({"process_graph": document}).plan(strategy="pencil")


def test_no_halo() -> None:
    with pytest.raises(ChunkError, match="no finite reach"):
        GaussianFilter().depth()
    with pytest.raises(PlanError, match="whole lines"):
        field((64,)).plan(strategy="pencil")
