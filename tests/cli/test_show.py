"""``show``: what stands in a result, as text and as pictures."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from PIL import Image

import scatflow as sf
import toys
from cli.conftest import Program
from plots import plot_samples as samples
from scatflow.contract import FilterFamily, Filters, Reference, Whole, family, operator, param
from scatflow.contract.reference import keyed
from scatflow.graph import load_text, parse_provenance
from scatflow.hookspecs import hookimpl
from scatflow.registry import Registry, using


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
    assert code == 2 and "directions" in err and "coefficients | disc | spectrum" in err
    code, _, err = scatflow("show", coefficients, "--kind", "pie")
    assert code == 2 and "coefficients" in err


def test_an_item_of_a_batch_dim_can_be_chosen(scatflow: Program, tmp_path: Path) -> None:
    result = store(tmp_path, samples.vorticity(16))
    for choice in ("time=1", "time=0.5"):
        folder = tmp_path / choice
        assert scatflow("show", result, "--sel", choice, "-o", folder).code == 0
        assert (folder / "vorticity-field.png").read_bytes() == (tmp_path / "time=1" / "vorticity-field.png").read_bytes()
    assert scatflow("show", result, "-o", tmp_path / "first").code == 0
    assert (tmp_path / "first" / "vorticity-field.png").read_bytes() != (tmp_path / "time=1" / "vorticity-field.png").read_bytes()


@pytest.mark.parametrize(("choice", "words"), [("tme=1", "'time'"), ("time", "DIM=ITEM"), ("time=9", "no such item")])
def test_items_that_are_not_there_are_bad_input(scatflow: Program, tmp_path: Path, choice: str, words: str) -> None:
    code, _, err = scatflow("show", store(tmp_path, samples.vorticity(16)), "--sel", choice)
    assert code == 2 and words in err


def test_what_is_not_computed_yet_is_passed_over_and_told(scatflow: Program, tmp_path: Path) -> None:
    code, out, err = scatflow("show", store(tmp_path, samples.scattering2d(J=2, L=2, shape=(2, 2)) * np.nan), "-o", tmp_path / "p")
    assert code == 0 and "path 9" in out
    assert "not drawn: S as disc: plot: no value is finite" in err and not list((tmp_path / "p").iterdir())


def test_octaves_are_drawn_together(scatflow: Program, coefficients: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = samples.octaves(64, J=2, Q=2)
    tree.attrs.update(sf.open_result(coefficients).attrs)
    monkeypatch.setattr("scatflow.store.open_result", lambda path: tree)
    code, out, _ = scatflow("show", coefficients, "-o", tmp_path / "p")
    assert code == 0 and "variables of j0" in out
    assert [path.name for path in (tmp_path / "p").iterdir()] == ["W-scalogram.png"]


def test_too_much_for_a_picture_is_told(scatflow: Program, coefficients: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scatflow.accessor.plots.subject.LIMIT", 1000)
    code, _, err = scatflow("show", coefficients)
    assert code == 0 and "no table: plot: too much" in err and "not drawn: S as disc: plot: too much" in err


def test_kinds_are_listed_in_the_help_and_in_errors(scatflow: Program, coefficients: Path) -> None:
    from scatflow.accessor import plots

    listed, err = " ".join(scatflow("show", "--help").out.split()), scatflow("show", coefficients, "--kind", "pie").err
    assert all(kind in listed and kind in err for kind in plots.KINDS)


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
    (path,) = pictures({"mean": data}, tmp_path / "p", ["spectrum"], "png")
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


# For a paper ---------------------------------------------------------------------------------------------------------

PAPER = Reference(("Doe, Jane", "Müller, Ö."), "Fancy waves & more", 2021, "J. Waves", "3", doi="10.1000/waves")


@family("fancy", version=1, references=(Reference(("Roe, R.",), "Filters", 1999, "Proc. F", kind="proceedings"),))
class Fancy(FilterFamily):
    """A family of filters."""

    width: float = param(2.0, "Width.")


@operator("fancy_waves", version=3, signature="(x)->(x)", references=(PAPER, "made by hand, 50 %"))
class FancyWaves(Whole):
    """An operator with the parameters of the field."""

    J: int = param(3, "Octaves.")
    L: int = param(8, "Orientations.")
    Q: int = param(1, "Bands.")
    order: int = param(2, "Order.")
    T: float | str | None = param(None, "Averaging.")
    filters: Filters = param(Fancy(), "Family.")
    boundary: str | None = param(None, "Rule.")
    normalize: str | None = param(None, "Ratios.")
    gain: float = param(1.0, "Gain.")
    offset: float = param(0.0, "Offset.")

    def apply(self, xp: Any, *blocks: Any, **prepared: Any) -> Any:
        return blocks[0]


@pytest.fixture
def papers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """Toys and a plugin with references."""
    plugin = ModuleType("papers")
    plugin.scatflow_operators = hookimpl(lambda: {"fancy_waves": FancyWaves})  # type: ignore[attr-defined]
    plugin.scatflow_filters = hookimpl(lambda: {"fancy": Fancy})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "papers", plugin)
    points = [EntryPoint("toys", "toy_plugin", "scatflow"), EntryPoint("papers", "papers", "scatflow")]
    with using(Registry(points)) as book:
        yield book


@pytest.fixture
def velocity(tmp_path: Path) -> Path:
    x = ("x", np.arange(16) * 0.25, {"units": "m", "period": 4.0})
    data = xr.Dataset({"u": (("item", "x"), np.ones((3, 16), "f4"), {"units": "m/s", "doi": "10.5555/data_1"})}, coords={"x": x})
    data.to_zarr(tmp_path / "velocity.zarr", consolidated=False)
    return tmp_path / "velocity.zarr"


def waves(velocity: Path, **parameters: Any) -> Path:
    """Store the result of two operators on the velocity."""
    result = velocity.with_name("waves.zarr")
    graph = {
        "u": {"process_id": "open_zarr", "arguments": {"path": str(velocity), "variable": "u"}},
        "s": {"process_id": "toy_smooth", "arguments": {"data": {"from_node": "u"}, "dims": ["x"], "stride": 2}},
        "w": {"process_id": "fancy_waves", "arguments": {"data": {"from_node": "s"}, "dims": ["x"], **parameters}, "result": True},
    }
    sf.Pipeline({"process_graph": graph}).run(result)
    return result


def test_methods_tells_what_was_computed_on_what(scatflow: Program, papers: Registry, velocity: Path) -> None:
    result = waves(velocity, J=4, Q=8, gain=2.5, normalize="parent", boundary="periodic", filters={"family": "fancy", "width": 0.5})
    code, out, err = scatflow("show", result, "--methods")
    attrs = sf.open_result(result).attrs
    assert (code, err) == (0, "")
    assert out == (
        "The variable u of the zarr store velocity.zarr (scatflow:open_zarr, version 1; float32 in m/s, item 3, x 16; "
        "spacing 0.25 m (periodic) along x) served as input. We computed, in this order, (1) toy smooth "
        "(toy-plugin:toy_smooth, version 1) along x with boundaries periodic where a coordinate declares its period and "
        "reflected elsewhere, one output per 2 samples, radius = 2; (2) fancy waves (papers:fancy_waves, version 3 "
        f"[doe2021fancy, {keyed('made by hand, 50 %')}, roe1999filters]) along x with J = 4 octaves, Q = 8 bands per octave, "
        "up to order 2, fancy filters (width = 0.5), periodic boundaries, averaging scale 2^J = 16 samples, "
        "normalized (parent), gain = 2.5, offset = 0. The result holds u in m/s (item 3, x 8). "
        f"Computed with scatflow {sf.__version__}, {_plugins(attrs)} ({_stack(attrs)}); "
        f"process graph {json.loads(attrs['scatflow'])['hash'][:12]}, plan {attrs['scatflow_plan'][:12]}.\n"
    )


def _plugins(attrs: Any) -> str:
    entries = json.loads(attrs["scatflow"])["plugins"]
    return " and ".join(f"{entry['name']} {entry['version']}".strip() for entry in entries if entry["name"] != "scatflow")


def _stack(attrs: Any) -> str:
    versions = json.loads(attrs["scatflow"])["versions"]
    return ", ".join(f"{name.replace('python', 'Python')} {versions[name]}" for name in sorted(versions) if name != "scatflow")


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "averaging scale 2^J = 8 samples, not normalized, gain = 1, offset = 0."), ({"T": 0.0}, "fancy filters (width = 2), boundaries periodic where"),
        ({"T": 0.0}, "not averaged"), ({"T": "global"}, "averaged over the whole field"), ({"T": 12.0}, "averaging scale 12 samples"),
        ({"J": 5}, "J = 5 octaves, Q = 1 bands per octave, up to order 2"), ({"dims": None}, "L = 8 orientations"),
    ],
)  # fmt: skip
def test_parameters_in_words(papers: Registry, velocity: Path, parameters: dict[str, Any], words: str) -> None:
    from scatflow.cli.methods import paragraph

    made = sf.apply(FancyWaves(**{"dims": ("x",), **parameters}), sf.open_source(velocity, "u")[0])
    assert words in paragraph(parse_provenance(made.attrs), {}, {})


def test_cite_prints_software_methods_and_data(scatflow: Program, papers: Registry, velocity: Path) -> None:
    result = waves(velocity)
    code, out, err = scatflow("show", result, "--cite")
    assert (code, err) == (0, "")
    entries = re.findall(r"^@(\w+)\{([a-z0-9]+),", out, re.MULTILINE)
    assert entries[6:] == [
        ("article", "doe2021fancy"), ("misc", keyed("made by hand, 50 %")), ("inproceedings", "roe1999filters"),
        ("misc", keyed("doi:10.5555/data_1")),
    ]  # fmt: skip
    assert {("article", "hoyer2017xarray"), ("inproceedings", "rocklin2015dask"), ("misc", "scatflow"), ("misc", "zarr")} <= set(
        entries[:6]
    )
    for words in (
        "% software", "% methods and models", "% data", r"M{\"u}ller, {\"O}.", r"title = {Fancy waves \& more}", r"note = {made by hand, 50 \%}",
        f"howpublished = {{Python package, version {sf.__version__}}}", f"version {zarr.__version__}", r"doi:10.5555/data\_1",
    ):  # fmt: skip
        assert words in out, words


def test_both_at_once(scatflow: Program, papers: Registry, velocity: Path) -> None:
    result = waves(velocity)
    alone = [scatflow("show", result, option).out for option in ("--methods", "--cite")]
    assert scatflow("show", result, "--methods", "--cite").out == "\n".join(alone)
    assert not list(velocity.parent.glob("*pictures*"))


def test_operators_that_are_gone_leave_a_paragraph(scatflow: Program, papers: Registry, velocity: Path) -> None:
    result = waves(velocity, J=4, gain=2.5)
    with using(Registry([EntryPoint("toys", "toy_plugin", "scatflow")])):
        code, out, err = scatflow("show", result, "--methods")
        assert code == 0
        assert "(2) fancy waves (papers:fancy_waves, version 3) along x with J = 4 octaves" in out and "gain = 2.5" in out
        missing = ["papers:fancy_waves", "filters fancy"]
        assert err.splitlines() == [f"Warning: {name} is not installed, so its references are missing." for name in missing]
        out = scatflow("show", result, "--cite").out
    assert "doe2021fancy" not in out and "hoyer2017xarray" in out
    for name in missing:
        assert f"% references of {name} are missing: it is not installed" in out.splitlines()


def test_data_that_are_gone_leave_a_paragraph(scatflow: Program, papers: Registry, velocity: Path) -> None:
    result = waves(velocity)
    shutil.rmtree(velocity)
    out = scatflow("show", result, "--methods").out
    assert "The variable u of the zarr store velocity.zarr (scatflow:open_zarr, version 1" in out and "fancy waves" in out


def test_steps_say_what_they_work_on_where_it_is_not_what_comes_before(papers: Registry, velocity: Path) -> None:
    from scatflow.cli.methods import paragraph

    u, given = sf.open_source(velocity, "u"), xr.DataArray(np.ones((3, 16), "f4"), dims=("item", "x"))
    waves = sf.apply(FancyWaves(dims=("x",)), u)
    mean = sf.apply(toys.Mean(dims=("x",)), waves)["mean"]
    ratio = sf.apply(toys.Divide(), sf.apply(toys.Divide(), waves, mean), 2.0)
    text = paragraph(parse_provenance(ratio.attrs), {}, {})
    assert "(2) toy mean (toy-plugin:toy_mean, version 1) along x" in text
    assert "(3) toy divide (toy-plugin:toy_divide, version 1) of (1) and mean of (2);" in text
    assert "(4) toy divide (toy-plugin:toy_divide, version 1) of (3) and 2.0." in text
    text = paragraph(parse_provenance(sf.apply(toys.Divide(), given, given + 1).attrs), {}, {})
    assert text.startswith("The array x was given in memory. The array y was given in memory. We computed toy divide")


def test_the_pipeline_is_shown_in_the_order_of_computation(scatflow: Program, papers: Registry, velocity: Path) -> None:
    assert "open_zarr → toy_smooth → fancy_waves" in scatflow("show", waves(velocity), "--no-pictures").out


def test_catalog_and_documentation_show_references_as_text(scatflow: Program, papers: Registry) -> None:
    text = "Doe & Müller, Fancy waves & more, J. Waves 3 (2021), doi:10.1000/waves"
    assert text in scatflow("ops", "fancy_waves").out
    assert json.loads(scatflow("ops", "fancy_waves", "--json").out)["references"] == [text, "made by hand, 50 %"]
    assert (sf.ops.fancy_waves.__doc__ or "").endswith(f"References\n----------\n{text}\nmade by hand, 50 %")


def test_the_citation_file_says_the_same() -> None:
    from scatflow.cli.cite import software
    from scatflow.graph import Provenance

    file = load_text((Path(__file__).parents[2] / "CITATION.cff").read_text())
    own = software(Provenance({}, versions={"scatflow": sf.__version__}))[0]
    assert isinstance(own, Reference)
    assert (own.title, own.authors) == (file["title"], tuple(author["name"] for author in file["authors"]))
    assert file["version"] == sf.__version__ and sf.__version__ in own.where
