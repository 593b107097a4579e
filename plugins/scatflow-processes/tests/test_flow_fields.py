"""A user's own velocity: NetCDF to zarr, checked, used in a pipeline; what is refused."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from scatflow import Pipeline, open_result
from scatflow.errors import DimensionError, StoreError
from scatflow_processes.flow_fields import open_velocity


def abc_flow(size: int = 16) -> xr.Dataset:
    """The ABC flow on a box of 3 cm, dims (time, z, y, x)."""
    axis = np.arange(size) * (3.0 / size)
    coords = {dim: (dim, axis, {"units": "cm", "period": 3.0}) for dim in ("z", "y", "x")}
    z, y, x = np.meshgrid(*(2 * np.pi * axis / 3.0,) * 3, indexing="ij")
    found = {"u": np.sin(z) + np.cos(y), "v": np.sin(x) + np.cos(z), "w": np.sin(y) + np.cos(x)}
    attrs = {"units": "cm/s"}
    fields = {name: (("time", "z", "y", "x"), np.stack([field, 2 * field]).astype("f4"), attrs) for name, field in found.items()}
    return xr.Dataset(fields, {**coords, "time": ("time", [0.0, 0.5], {"units": "s"})})


def test_a_netcdf_file_is_opened_converted_and_used(tmp_path: Path) -> None:
    flow = abc_flow()
    flow.rename(x="lon", u="U").to_netcdf(tmp_path / "flow.nc")
    components, names = ("U", "v", "w"), {"lon": "x"}
    direct = open_velocity(tmp_path / "flow.nc", components, rename=names, chunks={"time": 1})
    for name in ("u", "v", "w"):
        assert direct[name].chunks is not None
        np.testing.assert_array_equal(direct[name], flow[name])

    command = [sys.executable, "-m", "scatflow.cli.main", "data", "convert", "flow.nc", "--chunks", "time=1", "--rename", "lon=x"]
    subprocess.run([*command, "--rename", "U=u", "--quiet"], cwd=tmp_path, check=True, capture_output=True)
    stored = open_velocity(tmp_path / "flow.zarr", ("u", "v", "w"))
    assert stored.u.chunks[0] == (1, 1) and stored.x.attrs == {"units": "cm", "period": 3.0}
    xr.testing.assert_equal(stored.compute(), flow)

    # <|u|^2> of the ABC flow is 3 A^2, here of the squares' mean over space.
    arguments = {"over": ["z", "y", "x"], "statistic": "mean"}
    graph: dict = {
        name: {"process_id": "open_zarr", "arguments": {"path": str(tmp_path / "flow.zarr"), "variable": name}} for name in "uvw"
    }
    graph |= {f"{name}2": {"process_id": "power", "arguments": {"base": {"from_node": name}, "p": 2}} for name in "uvw"}
    graph["uv"] = {"process_id": "add", "arguments": {"x": {"from_node": "u2"}, "y": {"from_node": "v2"}}}
    graph["square"] = {"process_id": "add", "arguments": {"x": {"from_node": "uv"}, "y": {"from_node": "w2"}}}
    graph["mean"] = {"process_id": "reduce", "arguments": {"data": {"from_node": "square"}, **arguments}, "result": True}
    result = Pipeline.from_document({"process_graph": graph}).run(tmp_path / "energy.zarr")
    (name,) = result.data_vars
    np.testing.assert_allclose(result[name], [3.0, 12.0], rtol=1e-6)
    assert result[name].attrs["units"] == "cm2 s-2"
    open_result(tmp_path / "energy.zarr").close()


def test_what_was_opened_is_recorded(tmp_path: Path) -> None:
    abc_flow().to_netcdf(tmp_path / "flow.nc")
    flow = open_velocity(tmp_path / "flow.nc", ("u", "v", "w"), chunks={"time": 1})
    again = Pipeline.from_array(flow.v).lazy()
    np.testing.assert_array_equal(again, flow.v)


def drop_units(name: str) -> Callable[[xr.Dataset], xr.Dataset]:
    def change(flow: xr.Dataset) -> xr.Dataset:
        del flow[name].attrs["units"]
        return flow

    return change


def centimetres(flow: xr.Dataset) -> xr.Dataset:
    flow["z"] = ("z", flow.z.values / 100, {"units": "m"})
    return flow


def staggered(flow: xr.Dataset) -> xr.Dataset:
    half = flow.u.assign_coords(x=("x", flow.x.values + 0.09, flow.x.attrs)).rename(x="xu")
    return flow.drop_vars("u").assign(u=half)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (drop_units("x"), DimensionError, r"coordinate 'x' of 'u' of .*flow.nc.*has no units"),
        (drop_units("z"), DimensionError, r"coordinate 'z'.*has no units"),
        (lambda flow: flow.drop_vars("y"), DimensionError, r"coordinate 'y'.*is missing"),
        (lambda flow: flow.rename(y="lat"), DimensionError, r"has no dim 'y'.*rename"),
        (centimetres, DimensionError, "one unit of length"),
        (lambda flow: flow.assign_coords(x=("x", np.geomspace(1, 3, 16), {"units": "cm"})), DimensionError, "uniform"),
        (drop_units("v"), StoreError, "same units"),
        (lambda flow: flow.drop_vars("w"), StoreError, "no variable 'w'"),
        (lambda flow: flow.assign(w=flow.w[0]), StoreError, "same dims"),
        (staggered, DimensionError, "has no dim 'x'"),
    ],
)
def test_what_has_no_meaning_is_refused(tmp_path: Path, change: Callable, error: type[Exception], match: str) -> None:
    change(abc_flow()).to_netcdf(tmp_path / "flow.nc")
    with pytest.raises(error, match=match):
        open_velocity(tmp_path / "flow.nc", ("u", "v", "w"))


def test_velocity_without_units_is_refused(tmp_path: Path) -> None:
    flow = abc_flow()
    for name in ("u", "v"):
        del flow[name].attrs["units"]
    flow.to_netcdf(tmp_path / "flow.nc")
    with pytest.raises(StoreError, match="components have no units"):
        open_velocity(tmp_path / "flow.nc")
    with pytest.raises(StoreError, match="two components or three"):
        open_velocity(tmp_path / "flow.nc", ("u",))
