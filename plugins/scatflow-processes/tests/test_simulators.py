"""What every simulator promises: a realization depends on the seed and its own index, whatever else is read, and says all that defines it."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest

from scatflow.contract import Source
from scatflow.errors import ParameterError
from scatflow.spec import ArraySpec
from scatflow_processes import plugin
from scatflow_processes.sources.ensemble import Ensemble

#: Parameters that make a simulator quick, or random where its default is one signal.
SERIES = {"size": 200}
SOUND = {"size": 2048}
QUICK: dict[str, dict[str, Any]] = {
    "chirp": {**SOUND, "onset": "random"}, "crowd": SOUND, "harmonic_am": {**SOUND, "onset": "random"}, "impacts": SOUND,
    "compound_poisson": SERIES, "fbm": SERIES, "garch": SERIES, "stable_levy": SERIES,
    "forced_turbulence2d": {"size": 32, "nu": 1e-2, "spin_up": 1.0, "snapshots": 2},
    "gaussian_field": {"size": (16, 12)},
    "ising_chain": {"size": 8, "length": 4},
    "mrw": {"size": 256, "integral_scale": 32.0},
    "mrw2d": {"size": 32, "integral_scale": 8.0},
    "phi4": {"size": 16},
    "shape": {"pose": "random"},
    "solenoidal_field": {"size": (16, 16)},
    "sound_classes": {"size": 8192},
    "turbulence2d": {"size": 32, "nu": 1e-2, "age": 0.5, "k_peak": 3.0},
    "white_noise": {"size": (16, 12)},
}  # fmt: skip


def simulators() -> list[Any]:
    found = []
    for name, target in plugin.scatflow_sources().items():
        module, _, attribute = target.partition(":")
        cls = getattr(__import__(module, fromlist=[attribute]), attribute)
        if issubclass(cls, Ensemble):
            found.append(pytest.param(cls(**{"realizations": 5, "seed": 7, **QUICK.get(name, {})}), id=name))
    return found


def specs_of(source: Source) -> dict[str, ArraySpec]:
    found = source.describe()
    return {found.name or "": found} if isinstance(found, ArraySpec) else dict(found)


@pytest.mark.parametrize("source", simulators())
def test_a_realization_is_that_of_its_index(source: Ensemble) -> None:
    for name in specs_of(source):
        whole = source.read({}, name)
        last = source.realizations - 1
        alone = source.replace(realizations=last + 1).read({"realization": slice(last, None)}, name)
        np.testing.assert_array_equal(alone[0], whole[last])
        fewer = source.replace(realizations=last).read({}, name)
        np.testing.assert_array_equal(fewer, whole[:last])
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).read({"realization": slice(1, 2)}, name), whole[1:2])
        assert whole.dtype == source.dtype and np.isfinite(whole).all()


@pytest.mark.parametrize("source", simulators())
def test_a_part_is_cut_out_of_the_whole(source: Ensemble) -> None:
    for name, spec in specs_of(source).items():
        whole = source.read({}, name)
        region = {dim: slice(size // 4, size // 4 + max(1, size // 3)) for dim, size in spec.sizes.items()}
        part = source.read(region, name)
        np.testing.assert_array_equal(part, whole[tuple(region[dim] for dim in spec.dims)])
        assert source.read({**region, "realization": slice(2, 2)}, name).shape[0] == 0


@pytest.mark.parametrize("source", simulators())
def test_another_seed_gives_another_draw(source: Ensemble) -> None:
    name = next(iter(specs_of(source)))
    first, second = source.read({}, name), source.replace(seed=8).read({}, name)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first[0], first[1])


@pytest.mark.parametrize("source", simulators())
def test_labels_say_what_defines_the_data(source: Ensemble) -> None:
    for name, spec in specs_of(source).items():
        whole = source.read({}, name)
        assert (spec.shape, np.dtype(spec.dtype)) == (whole.shape, whole.dtype)
        assert spec.chunks is not None and tuple(map(sum, spec.chunks)) == spec.shape
        assert all(len(chunks) == 1 for dim, chunks in zip(spec.dims, spec.chunks, strict=True) if dim != "realization") or (
            source.name == "white_noise"
        )
        assert spec.attrs["seed"] == 7 and "units" in spec.attrs and "long_name" in spec.attrs
        json.dumps(dict(spec.attrs), allow_nan=False)
        for coord in spec.coords.values():
            json.dumps(dict(coord.attrs), allow_nan=False)
    with pytest.raises(ParameterError, match="no such variable"):
        source.read({}, "nothing")


@pytest.mark.parametrize("source", simulators())
@pytest.mark.parametrize("wrong", [{"seed": -1}, {"realizations": 0}, {"nonsense": 1}], ids=str)
def test_parameters_are_checked(source: Ensemble, wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        source.replace(**wrong)
