"""What a call of plot does besides looking right: axes, choice of kind and item, labels, laziness, errors."""

from __future__ import annotations

import doctest
import re
import sys
from pathlib import Path

import dask.array as da
import matplotlib as mpl
import matplotlib.dates
import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from plots import plot_samples as samples
from scatflow.accessor import plots
from scatflow.accessor.plots import disc, ruler, spectrum, text
from scatflow.accessor.plots.field import spin_levels
from scatflow.accessor.plots.paths import paths
from scatflow.cli.coefficients import coefficient_table
from scatflow.errors import DataError, DimensionError, ParameterError, PlanError, ScatflowError, UnknownParameterError


@pytest.fixture
def ax():
    return Figure().subplots()


def texts(axes):
    """Return all words on a picture."""
    return [item.get_text() for item in axes.figure.findobj(mpl.text.Text) if item.get_text()]


@pytest.mark.parametrize("module", [text, ruler])
def test_examples_in_docstrings(module):
    outcome = doctest.testmod(module)
    assert outcome.attempted and not outcome.failed


def test_global_style_is_left_alone_and_axes_are_the_given_ones(ax):
    before = dict(mpl.rcParams)
    assert plots.plot(samples.vorticity(32), ax=ax) is ax
    assert plots.plot(samples.scattering2d(J=3, L=4), ax=ax) is ax
    assert dict(mpl.rcParams) == before


def test_without_axes_a_new_figure_is_made(monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.setattr(plt, "switch_backend", plt.switch_backend)
    plt.switch_backend("Agg")
    axes = plots.plot(samples.market(50))
    assert axes.figure.number in plt.get_fignums()
    plt.close(axes.figure)


def test_what_waking_the_backend_sets_is_kept(monkeypatch):
    import matplotlib.pyplot as plt

    real = plt.subplots

    def waking(*args, **options):
        mpl.interactive(True)  # as the inline backend of notebooks does when its first figure is made
        return real(*args, **options)

    monkeypatch.setattr(plt, "subplots", waking)
    try:
        axes = plots.plot(samples.market(50))
        assert mpl.is_interactive()
        plt.close(axes.figure)
    finally:
        mpl.interactive(False)


@pytest.mark.parametrize(
    ("array", "kinds"),
    [
        (samples.vorticity(16), ("field",)),
        (samples.market(40), ("series",)),
        (samples.scattering2d(J=2, L=2, shape=(2, 2)), ("coefficients", "disc", "spectrum")),
        (samples.moments2d(J=2, L=2), ("spectrum", "coefficients", "disc")),
        (samples.wavelet1d(64), ("scalogram", "spectrum", "coefficients")),
        (abs(samples.wavelet1d(64)).assign_attrs(scatflow='{"operators": [{"id": "scatflow-wavelet:wavelet"}]}'),
         ("scalogram", "spectrum", "coefficients")),
        (samples.scattering1d(J=3, Q=1, days=64), ("scattergram", "spectrum", "coefficients")),
        (samples.scattering1d(J=3, Q=1, days=64).mean("time"), ("spectrum", "coefficients")),
    ],
)  # fmt: skip
def test_kind_follows_from_labels(array, kinds):
    assert plots.kinds(array) == kinds
    assert plots.suggest(array) == kinds[0]


def test_labels_carry_units(ax):
    plots.plot(samples.vorticity(16), ax=ax)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")) == ("x [m]", "y [m]", "Vorticity")
    assert "vorticity [s⁻¹]" in texts(ax)
    assert ax.get_aspect() == 1.0


def test_a_dim_without_coordinate_counts_samples(ax):
    plots.plot(xr.DataArray(np.arange(6.0).reshape(2, 3), dims=("row", "column"), name="a"), ax=ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("column [sample]", "row [sample]")


def test_dims_of_different_units_have_free_aspect(ax):
    field = samples.vorticity(16).assign_coords(x=("x", np.arange(16.0), {"units": "s"}))
    plots.plot(field, ax=ax)
    assert ax.get_aspect() == "auto"


@pytest.mark.parametrize("scrambled", [("x", "y", "time"), ("y", "x", "time")])
def test_order_of_dims_does_not_matter(ax, scrambled):
    plots.plot(samples.vorticity(16).transpose(*scrambled), ax=ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x [m]", "y [m]")


def test_coordinates_increase_to_the_right_and_up(ax):
    field = samples.vorticity(16)[0]
    assert field.y[0] > field.y[-1]
    plots.plot(field, ax=ax)
    (image,) = ax.images
    left, right, bottom, top = image.get_extent()
    assert left < right and bottom < top
    np.testing.assert_array_equal(image.get_array(), field.sortby("y").values)


def test_uneven_coordinates_are_drawn_as_cells(ax):
    field = samples.vorticity(16)[0].assign_coords(x=("x", np.arange(16.0) ** 2))
    plots.plot(field, ax=ax)
    assert not ax.images and ax.collections[0].get_rasterized()


def test_signed_fields_are_centered_on_zero_others_start_at_it(ax):
    plots.plot(samples.vorticity(16) + 0.5, ax=ax)
    norm = ax.images[0].norm
    assert norm.vmin == -norm.vmax
    ax.clear()
    plots.plot(samples.energy(16), ax=ax)
    assert ax.images[0].norm.vmin == 0 and ax.images[0].get_cmap().name == "viridis"
    assert plots.plot(samples.energy(16), ax=ax, vmin=1.0, vmax=2.0).images[-1].norm.vmin == 1.0


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        ([-1, 1, 1], (-1.0, 1.0)),
        ([-1.0, -1.0], (-1.0, 1.0)),
        ([0.0, 1.0], (0.0, 1.0)),
        ([True, True], (0.0, 1.0)),
        ([1.0, 1.0], None),
        ([0.0, 0.0], None),
        ([-1.0, 0.0, 1.0], None),
        ([-1.0, 1.0, np.nan], None),
        ([1j], None),
        ([], None),
    ],
)
def test_two_valued_fields_are_recognized(values, levels):
    assert spin_levels(np.array(values)) == levels


def test_spins_have_two_colors(ax):
    plots.plot(samples.spins(16), ax=ax)
    assert ax.images[0].get_cmap().N == 2
    assert {"−1", "+1"} <= set(texts(ax))


@pytest.mark.parametrize("fill", [np.nan, 0.0, 3.0, -2.0])
def test_constant_and_empty_fields_are_drawn(fill, ax):
    plots.plot(xr.full_like(samples.vorticity(16)[0], fill), ax=ax)
    ax.figure.canvas.draw()


def test_complex_fields_show_the_modulus(ax):
    field = samples.vorticity(16)[0] * (1 + 1j)
    plots.plot(field, "field", ax)
    assert ax.images[0].norm.vmin >= 0 and "modulus" in texts(ax)


def test_one_sample_is_drawn(ax):
    plots.plot(samples.vorticity(16)[:, :1, :1], ax=ax)
    plots.plot(samples.market(1), kind="series", ax=ax)
    ax.figure.canvas.draw()


@pytest.mark.parametrize(
    ("choice", "note"),
    [({}, "time = 0 s"), ({"time": 1}, "time = 0.5 s"), ({"time": -1}, "time = 0.5 s"), ({"time": 0.4}, "time = 0.5 s")],
)
def test_an_item_is_chosen_by_position_or_label_and_named(choice, note, ax):
    plots.plot(samples.vorticity(16), ax=ax, **choice)
    assert note in texts(ax)


def test_a_date_chooses_the_nearest_item(ax):
    plots.plot(samples.scattering1d(J=3, Q=1), "coefficients", ax, time="2005-03-01")
    assert any(words.startswith("time 2005-0") for words in texts(ax))


def test_a_path_is_named_by_its_labels(ax):
    array = samples.scattering2d(J=2, L=2, shape=(4, 4))
    plots.plot(array, "field", ax, path=int(np.flatnonzero(array.order == 2)[0]))
    assert "path order = 2, j1 = 0, l1 = 0, j2 = 1, l2 = 0" in texts(ax)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"time": 2}, ParameterError, "-2 .. 1"),
        ({"time": "noon"}, ParameterError, "cannot be compared"),
        ({"kind": "fild"}, ParameterError, "field"),
        ({"colour": "red"}, UnknownParameterError, "cmap"),
        ({"kind": "spectrum"}, DimensionError, "path"),
        ({"dims": ("y", "z")}, DimensionError, "'z'"),
    ],
)
def test_mistakes_are_explained(options, error, words, ax):
    with pytest.raises(error, match=words):
        plots.plot(samples.vorticity(16), ax=ax, **options)


@pytest.mark.parametrize(
    ("choice", "error"),
    [
        ({"j1": 1}, "1 item; got 2.*Name more of"),
        ({"j1": 1, "l1": 7}, "0 for"),
        ({"octave": 1}, "no such coordinate.*j1"),
    ],
)
def test_labels_of_a_path_must_name_one(choice, error, ax):
    with pytest.raises(ParameterError, match=error):
        plots.plot(samples.wavelet2d(16, J=2, L=2), "planes", ax, sel={"path": choice})


def test_sel_chooses_as_keywords_do(ax):
    plots.plot(samples.vorticity(16), ax=ax, sel={"time": 0.4})
    np.testing.assert_array_equal(ax.images[0].get_array()[::-1], samples.vorticity(16).values[1])
    with pytest.raises(UnknownParameterError, match="dim"):
        plots.plot(samples.vorticity(16), ax=ax, sel={"month": 1})


@pytest.mark.parametrize(
    ("array", "kind", "why", "suiting"),
    [
        (samples.vorticity(16), "spectrum", "dim path", "field"),
        (samples.scattering1d(J=3, Q=1, days=64), "disc", "no direction", "scattergram | spectrum | coefficients"),
        (samples.scattering2d(J=2, L=2, shape=(2, 2)), "scattergram", "have directions", "coefficients | disc | spectrum"),
        (samples.market(40), "field", "2 dims", "series"),
    ],
)
def test_a_kind_that_does_not_suit_names_those_that_do(array, kind, why, suiting, ax):
    with pytest.raises(DimensionError, match=f"{why}.*{re.escape(f'suit the labels: {suiting}.')}") as caught:
        plots.plot(array, kind, ax)
    assert str(caught.value).startswith(f"plot(kind='{kind}')")


def test_more_than_is_worth_a_picture_is_not_computed(ax):
    def block(block_info=None):
        raise AssertionError("computed")

    lazy = da.map_blocks(block, chunks=((1024,) * 40, (1024,) * 40), dtype=np.float64, meta=np.zeros((0, 0)))
    with pytest.raises(PlanError, match=r"at most 4 GiB; got 12\.5 GiB \(y 40960, x 40960\).*isel"):
        plots.plot(xr.DataArray(lazy, dims=("y", "x")), ax=ax)


@pytest.mark.parametrize("kind", ["spectrum", "coefficients", "disc"])
def test_nothing_finite_is_refused(kind, ax):
    with pytest.raises(DataError, match="no value is finite"):
        plots.plot(samples.scattering2d(J=2, L=2) * np.nan, kind, ax)


def test_no_samples_are_refused(ax):
    with pytest.raises(DataError, match=r"no samples.*'time': 0"):
        plots.plot(samples.market(40)[:0], ax=ax)


def test_zeros_are_left_out_of_logarithmic_axes_and_said(ax):
    array = samples.scattering1d(J=4, Q=1, days=200, order=1).mean("time")
    array[1] = 0.0
    (panel,) = plots.plot(array, "spectrum", ax).child_axes
    assert panel.get_yscale() == "log" and "zeros left out" in texts(ax)
    ax.figure.canvas.draw()
    fitted = panel.lines[1].get_ydata()
    others = np.delete(np.arange(4), np.argsort(array.scale1.values).tolist().index(1))
    expected = spectrum.slope(np.sort(array.scale1.values)[others], array.values[np.argsort(array.scale1.values)][others])
    np.testing.assert_allclose(fitted, expected(np.sort(array.scale1.values)))
    ax.clear()
    assert plots.plot(array * 0, "spectrum", ax).child_axes[0].get_yscale() == "linear"


def test_bands_are_two_standard_errors(ax):
    data = samples.moments2d(J=4, L=3)
    left, right = plots.plot(data, "spectrum", ax).child_axes
    first = data.isel(path=data.order.values == 1).groupby("j1").mean()
    line, fit = left.lines
    np.testing.assert_allclose(line.get_ydata(), first["mean"].values)
    low, high = (first["mean"] + sign * 2 * first["se"] for sign in (-1, 1))
    band = left.collections[0].get_paths()[0].vertices
    for x, bottom, top in zip(line.get_xdata(), low.values, high.values, strict=True):
        reached = band[np.isclose(band[:, 0], x), 1]
        np.testing.assert_allclose([reached.min(), reached.max()], [bottom, top])
    found = spectrum.slope(line.get_xdata(), first["mean"].values, first["se"].values)
    assert fit.get_label() == f"slope {text.numbers(found.exponent, found.error)}"
    two = data.isel(path=(data.order.values == 2) & (data.j1.values == 0)).groupby("j2").mean()
    np.testing.assert_allclose(right.lines[0].get_ydata(), two["mean"].values / first["mean"].values[0])


@pytest.mark.parametrize(
    ("convention", "labels"),
    [
        ("ensemble: mean S[p]", ("S₁ / ⟨|x|⟩", "S₂ / S₁")),
        ("given divisors", ("S₁, scaled", "S₂, scaled")),
        (None, ("S₁ [m/s]", "S₂ / S₁")),
    ],
)
def test_the_convention_of_ratios_stands_on_the_axes(convention, labels, ax):
    array = samples.scattering2d(J=3, L=2)
    given = array if convention is None else array.assign_attrs(normalization=convention)
    assert tuple(panel.get_ylabel() for panel in plots.plot(given, "spectrum", ax).child_axes) == labels


def test_second_order_alone_has_a_matrix_and_no_slope(ax):
    array = samples.scattering1d(J=3, Q=1, days=64).mean("time")
    deep = array.isel(path=array.order.values == 2)
    assert plots.kinds(deep) == ("coefficients",)
    plots.plot(deep, ax=ax)
    ax.figure.canvas.draw()
    with pytest.raises(DimensionError, match="no first order"):
        plots.plot(deep, "spectrum", ax)


def test_the_low_pass_alone_is_a_field(ax):
    low = samples.scattering2d(J=2, L=2, shape=(4, 4)).isel(path=[0])
    assert plots.kinds(low) == ("field",)
    with pytest.raises(DimensionError, match="no path has a wavelet"):
        plots.plot(low, "coefficients", ax)


def test_a_result_with_gaps_is_weighted_by_its_valid_fraction(ax):
    array = samples.scattering1d(J=3, Q=1, days=64)
    share = xr.DataArray(np.where(np.arange(array.sizes["time"]) == 0, 0.0, 1.0), dims="time")
    data = xr.Dataset({"S": array, "valid_fraction": share})
    line = plots.plot(data, "spectrum", ax).child_axes[0].lines[0].get_ydata()
    np.testing.assert_allclose(np.sort(line), np.sort(array[:, 1:].mean("time").values[array.order == 1]))


def test_a_missing_matplotlib_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ScatflowError, match=r"pip install 'scatflow\[plot\]'"):
        plots.plot(samples.market(10))


def test_a_dataset_needs_a_variable_unless_it_holds_statistics(ax):
    data = xr.Dataset({"u": samples.vorticity(16)[0], "v": samples.energy(16)})
    with pytest.raises(ParameterError, match="variable"):
        plots.plot(data, ax=ax)
    plots.plot(data, ax=ax, variable="v")
    assert ax.get_title(loc="left") == "Kinetic energy density"
    assert plots.suggest(samples.moments2d(J=2, L=2)) == "spectrum"


def test_only_the_chosen_item_is_computed(ax):
    field = samples.vorticity(16)

    def block(block_info=None):
        (start, _), *_ = block_info[None]["array-location"]
        assert start == 1, "the other item was computed"
        return field.values[1:]

    lazy = da.map_blocks(block, chunks=((1, 1), (16,), (16,)), dtype=field.dtype, meta=field.values[:0])
    plots.plot(field.copy(data=lazy), ax=ax, time=1)
    assert len(ax.images) == 1


def test_long_sides_are_thinned_and_the_title_says_so(ax):
    wide = xr.DataArray(np.zeros((3, 10000), dtype=np.float32), dims=("y", "x"))
    plots.plot(wide, ax=ax)
    assert any("1 of 3 samples along x" in words for words in texts(ax))


def test_pictures_export_as_vectors(tmp_path):
    pdf = plots.save(samples.moments2d(J=3, L=4), tmp_path / "spectrum.pdf").read_bytes()
    assert b"/FontFile2" in pdf and b"/Subtype /Image" not in pdf


def test_dates_stay_dates_and_scale_is_logarithmic(ax):
    for panel in plots.plot(samples.scattering1d(J=4, Q=2), ax=ax).child_axes:
        assert isinstance(panel.xaxis.get_major_locator(), matplotlib.dates.AutoDateLocator)
        assert panel.get_yscale() == "log" and panel.get_ylabel().endswith("scale [trading day]")


def test_averages_weigh_by_the_valid_fraction(ax):
    array = samples.scattering1d(J=3, Q=1, days=64)
    spoiled = array.where(array.time != array.time[0], 1e6)
    weights = xr.where(array.time == array.time[0], 0.0, 1.0)
    drawn = plots.plot(spoiled.assign_coords(valid_fraction=weights), "spectrum", ax)
    line = drawn.child_axes[0].lines[0].get_ydata()
    expected = array.isel(time=slice(1, None)).mean("time")
    np.testing.assert_allclose(np.sort(line), np.sort(expected.values[array.order == 1]))
    assert "mean over time" in texts(drawn)


class TestPaths:
    def test_second_order_has_its_place_by_scale_and_angle(self):
        array = samples.scattering2d(J=3, L=4)
        tree = paths(array)
        row = np.flatnonzero((tree.first.j == 0) & (tree.first.l == 2))[0]
        column = np.flatnonzero((tree.second.j == 2) & (tree.second.l == 1))[0]
        where = (array.order == 2) & (array.j1 == 0) & (array.l1 == 2) & (array.j2 == 2) & (array.l2 == 1)
        assert tree.two[row, column] == float(array[where.values].item())
        assert np.isnan(tree.two[tree.first.j == 2]).all()

    def test_labels_of_the_second_wavelet_may_be_absent(self):
        array = samples.scattering2d(J=3, L=4)
        np.testing.assert_allclose(paths(array.drop_vars(["xi2", "scale2", "theta2"])).second.theta, paths(array).second.theta)

    def test_arrays_without_labels_are_refused(self):
        with pytest.raises(DimensionError, match="j1"):
            paths(samples.scattering2d(J=2, L=2).drop_vars("j1"))

    def test_quotients_are_not_divided_again(self, ax):
        array = samples.scattering2d(J=3, L=4)
        given = array.assign_attrs(normalization="ensemble: S2 over S1", units="1")
        tree = paths(given)
        assert tree.normalized and not paths(array).normalized
        drawn = plots.plot(given, "spectrum", ax)
        values = np.concatenate([line.get_ydata() for line in drawn.child_axes[1].lines])
        two = [
            array.values[(array.order == 2) & (array.j1 == i) & (array.j2 == k)].mean() for i in range(3) for k in range(i + 1, 3)
        ]
        np.testing.assert_allclose(np.sort(values), np.sort(two), rtol=1e-6)
        _, rows = coefficient_table(tree, "")
        assert float(rows[0][3]) == pytest.approx(two[0], rel=1e-3)


class TestSlope:
    def test_a_power_law_is_found_exactly(self):
        x = np.array([1.0, 2.0, 4.0, 8.0])
        found = spectrum.slope(x, 3.0 * x**-0.75)
        assert found.exponent == pytest.approx(-0.75) and found.error == pytest.approx(0.0, abs=1e-12)
        np.testing.assert_allclose(found(x), 3.0 * x**-0.75)

    def test_uncertain_points_count_less(self):
        x = np.array([1.0, 2.0, 4.0, 8.0])
        y = x**0.5
        y[-1] *= 3
        se = y * np.array([0.01, 0.01, 0.01, 10.0])
        assert spectrum.slope(x, y, se).exponent == pytest.approx(0.5, abs=1e-3)
        assert spectrum.slope(x, y).exponent > 0.7

    def test_two_points_have_no_error_and_one_no_slope(self):
        x = np.array([1.0, 2.0])
        assert np.isnan(spectrum.slope(x, x).error)
        assert spectrum.slope(x[:1], x[:1]) is None
        assert spectrum.slope(x, np.array([1.0, np.nan])) is None

    def test_the_range_of_the_fit_can_be_chosen(self, ax):
        array = samples.first_order(samples.scattering2d(J=6, L=4))
        drawn = plots.plot(array, "spectrum", ax, fit=(0.1, 0.6))
        fitted = drawn.child_axes[0].lines[1].get_xdata()
        assert fitted.min() >= 0.1 and fitted.max() <= 0.6


class TestDisc:
    def test_sectors_cover_the_circle_once(self):
        tree = paths(samples.scattering2d(J=3, L=6))
        cells = disc._first_cells(tree)
        area = sum((c.outer**2 - c.inner**2) * (c.stop - c.start) / 360 for c in cells)
        outer, inner = max(c.outer for c in cells), min(c.inner for c in cells)
        assert area == pytest.approx(outer**2 - inner**2)

    def test_second_order_fills_the_sectors_it_divides(self):
        tree = paths(samples.scattering2d(J=3, L=6))
        first, second = disc._first_cells(tree), disc._second_cells(tree)
        area = [sum((c.outer**2 - c.inner**2) * (c.stop - c.start) for c in cells) for cells in (first, second)]
        assert area[0] == pytest.approx(area[1])
        assert sum(np.isfinite(c.value) for c in second) == 2 * int(np.isfinite(tree.two).sum())

    def test_low_frequencies_lie_inside(self):
        tree = paths(samples.scattering2d(J=3, L=6))
        values = {c.value: c.inner for c in disc._first_cells(tree)}
        inner = {float(tree.first.xi[n]): values[float(tree.one[n])] for n in range(len(tree.first))}
        assert [inner[xi] for xi in sorted(inner)] == sorted(inner.values())

    def test_bands_without_direction_have_no_disc(self, ax):
        with pytest.raises(DimensionError, match="direction"):
            plots.plot(samples.scattering1d(J=3, Q=1), "disc", ax)


def test_bands_with_direction_have_no_scattergram(ax):
    with pytest.raises(DimensionError, match="direction"):
        plots.plot(samples.scattering2d(J=2, L=2, shape=(2, 2)), "scattergram", ax, dims="x")


@pytest.mark.parametrize(
    ("low", "high"), [(0.9, 1.2), (0.5, 0.9), (1.0, 5.0), (1e-6, 3e4), (0.0123, 0.4), (3.0, 3.0), (2e-5, 2.1e-5)]
)
def test_ticks_are_few_and_inside(low, high):
    ticks = text.one_two_five(low, high)
    assert 1 <= len(ticks) <= 8
    assert all(low * 0.99 <= tick <= high * 1.01 for tick in ticks)
    assert len({text.number(tick) for tick in ticks}) == len(ticks)


def test_the_accessor_draws(ax):
    import scatflow  # noqa: F401 - registers the accessor

    assert samples.vorticity(16).scatflow.plot(ax=ax, time=1) is ax


def test_a_file_holds_the_picture(tmp_path: Path):
    assert plots.save(samples.market(30), tmp_path / "x.svg").read_text().startswith("<?xml")
