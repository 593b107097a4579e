"""``compare``: the table of what differs most, the test of all together, JSON, a picture, exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import scatflow as sf
from cli.conftest import Program
from scatflow.registry import Registry, using


@pytest.fixture(autouse=True)
def installed() -> Iterator[Registry]:
    """The first-party plugins in place of the toys."""
    with using(Registry()) as book:
        yield book


def stored(folder: Path, name: str, rng: np.random.Generator, scale: float = 1.0, **changes: object) -> Path:
    noise = scale * rng.standard_normal((12, 32, 32))
    xr.DataArray(noise, dims=("realization", "y", "x"), name="u").to_dataset().to_zarr(
        folder / f"u-{name}.zarr", consolidated=False
    )
    u = sf.open_source(folder / f"u-{name}.zarr", "u")
    parameters = {"dims": ("y", "x"), "J": 2, "L": 2, "over": ("realization",), "covariance": True, **changes}
    sf.Pipeline.from_array(sf.ops.scattering_moments(u, **parameters)).run(folder / f"{name}.zarr")
    return folder / f"{name}.zarr"


def test_table_and_test_of_all_together(scatflow: Program, tmp_path: Path, rng: np.random.Generator) -> None:
    a, b = stored(tmp_path, "a", rng), stored(tmp_path, "b", rng, 1.1)
    code, out, err = scatflow("compare", a, b, "--top", "3", "--plot", "c.png")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert any(line.startswith("all together: chi-squared") for line in lines)
    head = next(k for k, line in enumerate(lines) if line.split()[:2] == ["largest", "|z|"])
    rows = [line.split() for line in lines[head + 2 : head + 5]]
    assert all(row[0].startswith("j1=") and len(row) == 6 for row in rows)
    assert abs(float(rows[0][3])) >= abs(float(rows[1][3])) >= abs(float(rows[2][3]))
    assert "wrote c.png" in out and (tmp_path / "c.png").stat().st_size > 1000


def test_json_is_what_compare_returns(scatflow: Program, tmp_path: Path, rng: np.random.Generator) -> None:
    a, b = stored(tmp_path, "a", rng), stored(tmp_path, "b", rng)
    code, out, _ = scatflow("compare", a, b, "--json", "--top", "2")
    found, expected = json.loads(out), sf.compare(a, b)
    assert code == 0 and found["global_p"] == expected.attrs["global_p"] and len(found["largest"]) == 2
    assert abs(found["largest"][0]["z"]) == float(abs(expected["z"]).max())


def test_what_cannot_be_compared_is_bad_input(scatflow: Program, tmp_path: Path, rng: np.random.Generator) -> None:
    a, b = stored(tmp_path, "a", rng), stored(tmp_path, "b", rng, filters="tight")
    code, _, err = scatflow("compare", a, b)
    assert code == 2 and "filters" in err and "tight" in err and "morlet" in err
    code, _, err = scatflow("compare", a, tmp_path / "nothing.zarr")
    assert code == 2 and "does not exist" in err
    assert scatflow("compare", a).code == 2
