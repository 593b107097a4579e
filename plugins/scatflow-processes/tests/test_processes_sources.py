"""The sources: labels, any region the same numbers, parameters checked, identity stable."""

import json
import pickle

import numpy as np
import pytest

from scatflow.contract import Source
from scatflow.errors import ParameterError
from scatflow.labels import axis_of
from scatflow.registry import Registry
from scatflow.spec import ArraySpec
from scatflow_processes import plugin
from scatflow_processes.ising import ensemble
from scatflow_processes.sources.flows import Turbulence2D
from scatflow_processes.sources.markets import SP500
from scatflow_processes.sources.spins import Ising
from scatflow_processes.stylized_facts import leverage
from scatflow_processes.turbulence2d import simulate

ISING = Ising(size=8, temperature=2.5, realizations=7, seed=3, sweeps=25)
FLOW = Turbulence2D(size=32, nu=5e-3, age=1.0, k_peak=3.0, realizations=3, seed=2, dtype="float64")


def test_plugin_names_importable_classes() -> None:
    for name, target in plugin.scatflow_sources().items():
        module, _, attribute = target.partition(":")
        found = getattr(__import__(module, fromlist=[attribute]), attribute)
        assert issubclass(found, Source)
        assert found.name == name


def test_plugin_loads_through_the_registry() -> None:
    from importlib.metadata import EntryPoint

    registry = Registry([EntryPoint("processes", "scatflow_processes.plugin", "scatflow")])
    assert [p.state for p in registry.plugins] == ["active"]
    assert registry.find("sources", "ising") is Ising


def test_ising_is_the_ensemble() -> None:
    spins = ISING.read({})
    assert spins.dtype == np.float32
    np.testing.assert_array_equal(spins, ensemble(8, 2.5, 3, range(7), 25))
    assert ISING.replace(dtype="int8").read({"realization": slice(0, 1)}).dtype == np.int8


@pytest.mark.parametrize("value", [ISING, FLOW], ids=["ising", "turbulence2d"])
def test_any_region_is_a_part_of_the_whole(value: Source) -> None:
    whole = value.read({})
    regions = [
        {"realization": slice(1, 3)},
        {"realization": slice(2, 3), "x": slice(3, 7)},
        {"y": slice(0, 5), "x": slice(None, None, 2)},
        {"realization": slice(1, 1)},
    ]
    for region in regions:
        expected = whole[tuple(region.get(dim, slice(None)) for dim in ("realization", "y", "x"))]
        np.testing.assert_array_equal(value.read(region), expected)


def test_realizations_do_not_depend_on_their_number() -> None:
    np.testing.assert_array_equal(ISING.replace(realizations=2).read({}), ISING.read({"realization": slice(0, 2)}))


def test_turbulence_variables_are_the_simulation() -> None:
    fields = simulate(32, 2, 1, 5e-3, 1.0, k_peak=3.0)
    region = {"realization": slice(1, 2)}
    np.testing.assert_array_equal(FLOW.read(region)[0], fields.vorticity)
    for name in ("vorticity", "u", "v"):
        block = FLOW.read(region, name)
        np.testing.assert_allclose(block[0], getattr(fields, name), atol=1e-13)
        assert FLOW.replace(dtype="float32").read(region, name).dtype == np.float32


def check_spec(spec: ArraySpec, realizations: int) -> None:
    assert spec.dims == ("realization", "y", "x")
    assert spec.chunks is not None
    assert tuple(map(sum, spec.chunks)) == spec.shape
    assert spec.shape[0] == realizations
    for dim in ("y", "x"):
        assert axis_of(spec, dim).periodic
    json.dumps(dict(spec.attrs), allow_nan=False)
    for coord in spec.coords.values():
        json.dumps(dict(coord.attrs), allow_nan=False)


def test_ising_labels() -> None:
    spec = ISING.describe()
    check_spec(spec, 7)
    assert (spec.attrs["temperature"], spec.attrs["size"], spec.attrs["seed"], spec.attrs["sweeps"]) == (
        2.5,
        8,
        3,
        25,
    )
    assert spec.attrs["units"] == "1"
    many = Ising(size=64, realizations=150).describe()
    assert many.chunks == ((64, 64, 22), (64,), (64,))
    assert many.attrs["sweeps"] == 60


def test_turbulence_labels() -> None:
    specs = FLOW.describe()
    assert all(spec.chunks is not None and spec.chunks[0] == (1, 1, 1) for spec in specs.values())  # a run takes long
    assert {name: spec.attrs["units"] for name, spec in specs.items()} == {
        "vorticity": "1/s",
        "u": "m/s",
        "v": "m/s",
    }
    expected = simulate(32, 2, 0, 5e-3, 1.0, k_peak=3.0).attrs
    for spec in specs.values():
        check_spec(spec, 3)
        assert axis_of(spec, "x").unit == "m"
        assert axis_of(spec, "x").step == pytest.approx(2 * np.pi / 32)
        for key in ("nu", "forcing", "age", "T_e", "Re", "kmax_over_kd", "time"):
            assert spec.attrs[key] == expected[key]


def test_sp500() -> None:
    pytest.importorskip("arch")
    source = SP500()
    spec = source.describe()
    assert (spec.dims, spec.shape, spec.dtype) == (("time",), (5030,), "float64")
    axis = axis_of(spec, "time")
    assert (axis.kind, axis.step, axis.unit) == ("index", 1.0, "trading_day")
    assert (spec.attrs["units"], spec.attrs["input"]) == ("1", "increments")
    values = source.read({})
    assert leverage(values, [1]).round() == -30
    np.testing.assert_array_equal(source.read({"time": slice(10, 20)}), values[10:20])
    assert len(source.fingerprint()) == 32
    values[:] = 0  # a reader's own copy
    assert source.read({}).any()


@pytest.mark.parametrize("value", [ISING, FLOW, SP500()], ids=lambda value: value.name)
def test_values_survive_pickle_and_json(value: Source) -> None:
    if value.name == "sp500":
        pytest.importorskip("arch")
    again = pickle.loads(pickle.dumps(value))
    assert again == value
    assert again.token() == value.token()
    assert type(value)(**value.parameters()) == value
    assert again.fingerprint() == value.fingerprint()


@pytest.mark.parametrize(
    ("cls", "parameters", "match"),
    [
        (Ising, {"size": 1}, "ising.size"),
        (Ising, {"temperature": 0.0}, "ising.temperature"),
        (Ising, {"temperature": float("inf")}, "ising.temperature"),
        (Ising, {"realizations": 0}, "ising.realizations"),
        (Ising, {"seed": -1}, "ising.seed"),
        (Ising, {"sampler": "metropolis"}, "ising.sampler"),
        (Ising, {"dtype": "complex64"}, "ising.dtype"),
        (Ising, {"sweeps": 0}, "ising.sweeps"),
        (Ising, {"T": 2.0}, "ising.T"),
        (Turbulence2D, {"size": 33, "k_peak": 3.0}, "even"),
        (Turbulence2D, {"size": 32}, "6 k_peak"),
        (Turbulence2D, {"nu": 0.0}, "turbulence2d.nu"),
        (Turbulence2D, {"age": -1.0}, "turbulence2d.age"),
        (SP500, {"start": "2000"}, "sp500.start"),
    ],
)
def test_bad_parameters(cls: type[Source], parameters: dict, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        cls(**parameters)


def test_unknown_variable() -> None:
    with pytest.raises(ParameterError, match="vorticity"):
        FLOW.read({}, "vorticty")
