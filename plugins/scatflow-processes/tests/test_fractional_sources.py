"""Walks and points as sources: labels, any region the same numbers, parameters checked, lazily through the engine."""

import json
import pickle
import subprocess
import sys

import dask
import numpy as np
import pytest

from scatflow import Pipeline
from scatflow.contract import Source
from scatflow.errors import ParameterError
from scatflow.labels import axis_of
from scatflow.spec import ArraySpec
from scatflow_processes import cox, fractional, levy, multifractal, multifractal_field
from scatflow_processes.sources.fractional import (
    CompoundPoisson,
    FractionalBrownian,
    MultifractalField,
    MultifractalRandomWalk,
    StableLevy,
)
from scatflow_processes.sources.points import Bernoulli, CoxBlocks, CoxLognormal, CoxShot, CoxTwoLevel
from scatflow_processes.sources.uniform import UniformMeasure
from scatflow_processes.spectral_parameters import SpectrumShape

SOURCES: list[Source] = [
    FractionalBrownian(size=40, hurst=0.3, realizations=5, seed=1),
    MultifractalRandomWalk(size=40, integral_scale=20.0, skew=0.1, input="increments", realizations=5, seed=1),
    MultifractalField(size=16, integral_scale=8.0, realizations=5, seed=1),
    CompoundPoisson(size=40, jumps="laplace", realizations=5, seed=1),
    StableLevy(size=40, alpha=1.4, beta=0.3, realizations=5, seed=1),
    Bernoulli(size=16, intensity=0.3, realizations=5, seed=1),
    CoxTwoLevel(size=32, realizations=5, seed=1),
    CoxLognormal(size=32, realizations=5, seed=1, dtype="int8"),
    CoxShot(size=32, realizations=5, seed=1),
    CoxBlocks(size=32, realizations=5, seed=1, dtype="float64"),
    UniformMeasure(shape=(6, 7), realizations=5, seed=1),
]
every_source = pytest.mark.parametrize("value", SOURCES, ids=lambda value: value.name)


def specs(value: Source) -> dict[str, ArraySpec]:
    found = value.describe()
    return {value.name: found} if isinstance(found, ArraySpec) else dict(found)


@every_source
def test_any_region_is_a_part_of_the_whole(value: Source) -> None:
    for name, spec in specs(value).items():
        variable = name if len(specs(value)) > 1 else None
        whole = value.read({}, variable)
        assert whole.shape == spec.shape and whole.dtype == spec.dtype
        last = spec.dims[-1]
        for region in ({"realization": slice(1, 4)}, {"realization": slice(4, 5), last: slice(3, 7)}, {last: slice(None, None, 3)}):
            cut = tuple(region.get(dim, slice(None)) for dim in spec.dims)
            np.testing.assert_array_equal(value.read(region, variable), whole[cut])
        np.testing.assert_array_equal(value.replace(realizations=2).read({}, variable), whole[:2])
        assert (whole[0] != whole[1]).any()


@every_source
def test_values_survive_pickle_and_json(value: Source) -> None:
    again = pickle.loads(pickle.dumps(value))
    assert again == value and again.token() == value.token()
    assert type(value)(**value.parameters()) == value


@every_source
def test_attributes_tell_what_defines_the_data(value: Source) -> None:
    left_out = {"realizations", "dtype", "step", "box", "shape", "dims", "steps", "unit"}
    if isinstance(value, CoxLognormal) and value.spectrum is None:
        left_out |= set(SpectrumShape.model_fields)  # of a spectrum that is not there
    for spec in specs(value).values():
        json.dumps(dict(spec.attrs), allow_nan=False)
        assert spec.attrs["units"] == "1" and spec.attrs["seed"] == 1
        for name, parameter in value.parameters().items():
            assert name in left_out or spec.attrs[name] == parameter


def test_sources_are_the_plain_functions() -> None:
    fbm, mrw, field, poisson, stable = (value.replace(dtype="float64").read({}) for value in SOURCES[:5])
    np.testing.assert_array_equal(fbm, fractional.brownian(40, 0.3, 1, range(5)))
    np.testing.assert_array_equal(mrw, multifractal.increments(40, 0.02, 20, 1, range(5), skew=multifractal.Skew(0.1)))
    steps = multifractal_field.increments(16, 0.02, 8, 1, range(5))
    np.testing.assert_allclose(field, multifractal_field.path(steps, 0.5), atol=1e-13)
    np.testing.assert_array_equal(poisson, np.cumsum(levy.poisson_increments(40, 0.1, 1, range(5), "laplace"), axis=1))
    np.testing.assert_array_equal(stable, np.cumsum(levy.stable_increments(40, 1.4, 1, range(5), 0.3), axis=1))
    found, intensity = cox.ensemble(cox.Blocks(1.0, 4.0, 4), (32, 32), 1, range(5))
    np.testing.assert_array_equal(SOURCES[9].read({}), found)
    np.testing.assert_array_equal(SOURCES[9].read({}, "intensity"), intensity)


def test_paths_are_sums_of_increments() -> None:
    for value in (*SOURCES[:2], *SOURCES[3:5]):
        wide = value.replace(dtype="float64")
        steps = wide.replace(input="increments")
        np.testing.assert_allclose(wide.replace(input="path").read({}), np.cumsum(steps.read({}), axis=1))
        assert specs(steps)[value.name].attrs["input"] == "increments"
        assert specs(wide.replace(input="path"))[value.name].attrs["input"] == "path"


def test_axes_are_physical_where_asked() -> None:
    plain = axis_of(FractionalBrownian().describe(), "time")
    assert (plain.kind, plain.step) == ("index", 1.0)
    axis = axis_of(FractionalBrownian(step=0.25).describe(), "time")
    assert (axis.kind, axis.step, axis.unit, axis.periodic) == ("uniform", 0.25, "s", False)
    square = axis_of(MultifractalField(box=2.0).describe(), "y")
    assert (square.step, square.unit, square.periodic) == (2.0 / 256, "m", True)
    assert axis_of(Bernoulli().describe(), "x").periodic
    assert CoxLognormal(dtype="int8").describe()["intensity"].dtype == "float32"


def test_importing_the_sources_is_light() -> None:
    modules = ("fractional", "points", "uniform", "tables", "exact")
    code = "import sys\n" + "".join(f"import scatflow_processes.sources.{name}\n" for name in modules)
    code += "print(*[name for name in ('scipy', 'pandas', 'xarray', 'dask', 'numba') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == []


def test_lazily_through_the_engine() -> None:
    with dask.config.set(scheduler="synchronous"):
        returns = Pipeline.from_source("mrw", size=64, integral_scale=16.0, input="increments", realizations=4, seed=3).lazy()
        assert returns.chunks is not None
        expected = MultifractalRandomWalk(size=64, integral_scale=16.0, input="increments", realizations=4, seed=3).read({})
        np.testing.assert_array_equal(returns.isel(time=slice(5, 20)).values, expected[:, 5:20])
        both = Pipeline.from_source("cox_blocks", size=16, realizations=2).lazy()
        assert set(both.data_vars) == {"points", "intensity"}


@pytest.mark.parametrize(
    ("cls", "parameters", "match"),
    [
        (FractionalBrownian, {"hurst": 0.0}, "fbm.hurst"),
        (FractionalBrownian, {"hurst": 1.0}, "fbm.hurst"),
        (FractionalBrownian, {"size": 0}, "fbm.size"),
        (FractionalBrownian, {"size": (1 << 24) + 1}, "fbm.size"),
        (FractionalBrownian, {"input": "noise"}, "fbm.input"),
        (FractionalBrownian, {"step": 0.0}, "fbm.step"),
        (FractionalBrownian, {"H": 0.5}, "fbm.H"),
        (MultifractalRandomWalk, {"lam2": 0.25}, "mrw.lam2"),
        (MultifractalRandomWalk, {"lam2": -0.1}, "mrw.lam2"),
        (MultifractalRandomWalk, {"size": 100, "integral_scale": 101.0}, "integral_scale must be at most size"),
        (MultifractalRandomWalk, {"integral_scale": 0.0}, "mrw.integral_scale"),
        (MultifractalRandomWalk, {"mean": "zero"}, "mrw.mean"),
        (MultifractalRandomWalk, {"skew_decay": -1.0}, "mrw.skew_decay"),
        (MultifractalRandomWalk, {"skew": 10.0, "skew_exponent": 0.1}, "lower the skew"),
        (MultifractalRandomWalk, {"hurst": 1.0}, "mrw.hurst"),
        (MultifractalField, {"lam2": 0.25}, "mrw2d.lam2"),
        (MultifractalField, {"hurst": 0.0}, "mrw2d.hurst"),
        (MultifractalField, {"size": 16, "integral_scale": 17.0}, "integral_scale must be at most size"),
        (MultifractalField, {"box": -1.0}, "mrw2d.box"),
        (CompoundPoisson, {"rate": 0.0}, "compound_poisson.rate"),
        (CompoundPoisson, {"jumps": "cauchy"}, "compound_poisson.jumps"),
        (StableLevy, {"alpha": 0.0}, "stable_levy.alpha"),
        (StableLevy, {"alpha": 2.1}, "stable_levy.alpha"),
        (StableLevy, {"alpha": 0.4}, "float64"),
        (StableLevy, {"beta": 1.1}, "stable_levy.beta"),
        (Bernoulli, {"intensity": 0.0}, "bernoulli.intensity"),
        (Bernoulli, {"intensity": 1.0}, "bernoulli.intensity"),
        (CoxTwoLevel, {"low": 0.5, "high": 0.2}, "low must be at most high"),
        (CoxTwoLevel, {"fraction": 1.0}, "cox_two_level.fraction"),
        (CoxLognormal, {"size": 16}, "eighth"),
        (CoxLognormal, {"mean": 1.0}, "cox_lognormal.mean"),
        (CoxShot, {"height": 0.0}, "cox_shot.height"),
        (CoxBlocks, {"size": 30}, "multiples of block"),
        (CoxBlocks, {"alpha": 0.0}, "cox_blocks.alpha"),
    ],
)
def test_bad_parameters(cls: type[Source], parameters: dict, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        cls(**parameters)
