"""``show``: what stands in a result, as text and as pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr
from PIL import Image

import scatflow as sf
from cli.conftest import Program
from plots import plot_samples as samples


def store(tmp_path: Path, array: xr.DataArray, name: str = "result.zarr") -> Path:
    """Store an array as a result of the pipeline that only reads it."""
    source = tmp_path / f"source-{name}"
    array.to_dataset(name=array.name).to_zarr(source, consolidated=False)
    sf.Pipeline.from_source("open_zarr", path=str(source)).run(tmp_path / name)
    return tmp_path / name


@pytest.fixture
def coefficients(tmp_path: Path) -> Path:
    return store(tmp_path, samples.scattering2d(J=3, L=4, shape=(2, 2)))


def test_summary_holds_labels_with_units_state_and_provenance(scatflow: Program, coefficients: Path) -> None:
    code, out, err = scatflow("show", coefficients, "--no-pictures")
    assert (code, err) == (0, "")
    for words in (
        f"{coefficients}: complete",
        "scattering of velocity [m/s]",
        "path 61, y 2, x 2",
        "0.0666667 … 0.266667 m on path",  # scale1
        "0 … 135 degree on path",  # theta1
        "0 … 2 on path",  # order and octaves, unused labels left out
        "scatflow:open_zarr 1",
        "numpy ",
        "mean over y, x",
    ):
        assert words in out, words
    assert not list(coefficients.parent.glob("*pictures*"))


def test_table_holds_first_and_second_order_by_scale(scatflow: Program, coefficients: Path) -> None:
    out = scatflow("show", coefficients, "--no-pictures").out
    lines = [line.split() for line in out.splitlines()]
    assert ["j1", "scale", "[m]", "S1", "j2=1", "j2=2"] in lines
    rows = [line for line in lines if len(line) >= 3 and line[:2] in (["0", "0.06667"], ["1", "0.1333"], ["2", "0.2667"])]
    assert [len(row) for row in rows] == [5, 4, 3]
    array = sf.open_result(coefficients)["S"].mean(["y", "x"])
    first = float(array[(array.order == 1) & (array.j1 == 0)].mean())
    second = float(array[(array.order == 2) & (array.j1 == 0) & (array.j2 == 1)].mean())
    assert [float(word) for word in rows[0][2:4]] == pytest.approx([first, second / first], rel=1e-3)


def test_pictures_of_every_kind_that_suits(scatflow: Program, coefficients: Path) -> None:
    code, out, _ = scatflow("show", coefficients)
    folder = coefficients.parent / "result-pictures"
    assert code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["S-coefficients.png", "S-disc.png", "S-spectrum.png"]
    assert out.count("wrote ") == 3
    with Image.open(folder / "S-disc.png") as image:
        assert image.width == 1200


def test_kind_format_and_folder_can_be_chosen(scatflow: Program, coefficients: Path, tmp_path: Path) -> None:
    code, _, _ = scatflow("show", coefficients, "-o", tmp_path / "figures", "--kind", "disc", "--format", "pdf")
    assert code == 0
    (file,) = (tmp_path / "figures").iterdir()
    assert file.name == "S-disc.pdf" and file.read_bytes().startswith(b"%PDF")


def test_a_kind_that_does_not_suit_is_an_error(scatflow: Program, coefficients: Path) -> None:
    code, _, err = scatflow("show", coefficients, "--kind", "scattergram")
    assert code == 2 and "directions" in err
    code, _, err = scatflow("show", coefficients, "--kind", "pie")
    assert code == 2 and "coefficients" in err


def test_a_field_has_a_picture_and_no_table(scatflow: Program, tmp_path: Path) -> None:
    out = scatflow("show", store(tmp_path, samples.vorticity(16)), "-o", tmp_path / "f").out
    assert [path.name for path in (tmp_path / "f").iterdir()] == ["vorticity-field.png"]
    assert "0 … 0.375 m" in out and "S1" not in out


def test_dates_are_shown_as_dates(scatflow: Program, tmp_path: Path) -> None:
    out = scatflow("show", store(tmp_path, samples.market(40)), "--no-pictures").out
    assert "2004-01-05 … 2004-02-27, by sample" in out


def test_statistics_are_drawn_together_with_their_errors(tmp_path: Path) -> None:
    from scatflow.accessor import plots
    from scatflow.cli.coefficients import coefficient_table
    from scatflow.cli.show import pictures

    data = samples.moments2d(J=3, L=4)
    (path,) = pictures({"": data}, tmp_path / "p", ["spectrum"], "png")
    assert path.name == "mean-spectrum.png"
    arranged = plots.arrange(data)
    header, rows = coefficient_table(arranged.tree, arranged.units)
    assert header[:4] == ["j1", "scale [m]", "S1", "± se"] and float(rows[0][3]) > 0


def test_an_incomplete_result_says_so(scatflow: Program, coefficients: Path) -> None:
    from scatflow.store import set_state

    set_state(coefficients, "error")
    code, out, err = scatflow("show", coefficients, "--no-pictures")
    assert (code, err) == (0, "") and "error, what is not finished reads as NaN" in out


def test_what_is_no_result_is_bad_input(scatflow: Program, tmp_path: Path) -> None:
    assert scatflow("show", tmp_path / "nothing.zarr").code == 2
    xr.Dataset({"a": ("x", [1.0])}).to_zarr(tmp_path / "foreign.zarr", consolidated=False)
    code, _, err = scatflow("show", tmp_path / "foreign.zarr")
    assert code == 2 and "not written by scatflow" in err


def test_without_matplotlib_the_summary_stays_and_the_remedy_is_told(
    scatflow: Program, coefficients: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, err = scatflow("show", coefficients)
    assert code == 1 and "scatflow[plot]" in err and "provenance" in out


def test_results_of_different_sizes_are_shown_group_by_group(
    scatflow: Program, coefficients: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attrs = sf.open_result(coefficients).attrs
    fine, coarse = (samples.vorticity(size)[0].to_dataset() for size in (16, 8))
    tree = xr.DataTree.from_dict({"/": xr.Dataset(attrs=attrs), "/fine": fine, "/coarse": coarse})
    monkeypatch.setattr("scatflow.store.open_result", lambda path: tree)
    code, out, _ = scatflow("show", coefficients, "-o", tmp_path / "p")
    assert code == 0 and "variables of fine" in out and "(y 8, x 8)" in out and out.count("provenance") == 1
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["coarse-vorticity-field.png", "fine-vorticity-field.png"]
