"""What pictures of wavelets and filters show is what the arrays hold: values read back from the drawn artists."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from plots import plot_samples as samples
from scatflow.accessor import plots
from scatflow.accessor.plots import cone, octaves
from scatflow.errors import DimensionError, ParameterError

E_FOLDING = np.sqrt(2) / (2 * np.pi)


@pytest.fixture
def ax() -> Axes:
    return Figure().subplots()


def meshes(ax: Axes) -> list[QuadMesh]:
    return [item for item in ax.collections if isinstance(item, QuadMesh)]


def words(ax: Axes) -> str:
    return "\n".join(text.get_text() for text in ax.texts)


def recorded(array: xr.DataArray, **arguments: object) -> xr.DataArray:
    """Give an array the record of a wavelet transform with arguments, and a modulus after it."""
    nodes = {
        "w": {"process_id": "wavelet", "arguments": {"data": {"from_node": "x"}, **arguments}},
        "m": {"process_id": "modulus", "arguments": {"data": {"from_node": "w"}}, "result": True},
    }
    return array.assign_attrs(scatflow=json.dumps({"graph": {"process_graph": nodes}}))


class TestScalogram:
    def test_rows_are_moduli_by_frequency(self, ax: Axes) -> None:
        array = samples.wavelet1d(128, J=3, Q=2)
        plots.plot(array, "scalogram", ax)
        (mesh,) = meshes(ax)
        order = np.argsort(array.xi1.values)
        np.testing.assert_allclose(mesh.get_array(), np.abs(array.values[order]))
        rows = np.log(mesh.get_coordinates()[:, 0, 1])
        np.testing.assert_allclose(rows[1:-1], 0.5 * np.log(array.xi1.values[order][1:] * array.xi1.values[order][:-1]))
        assert ax.get_yscale() == "log" and ax.get_ylabel() == "frequency [1/s]" and ax.get_xlabel() == "time [s]"

    def test_the_low_pass_is_left_out(self, ax: Axes) -> None:
        array = samples.wavelet1d(64, J=2, Q=1)
        low = array.isel(path=[0]).assign_coords(order=("path", [0]), j1=("path", [-1]), xi1=("path", [np.nan]))
        plots.plot(xr.concat([low, array], "path"), "scalogram", ax)
        assert meshes(ax)[0].get_array().shape == (2, 64)

    def test_one_side_of_complex_data_is_drawn_and_named(self, ax: Axes) -> None:
        above = samples.wavelet1d(128, J=3, Q=2)
        below = (2 * above).assign_coords(xi1=-above.xi1, l1=above.l1 + 2)
        both = xr.concat([above, below], "path")
        plots.plot(both, "scalogram", ax)
        order = np.argsort(above.xi1.values)
        np.testing.assert_allclose(meshes(ax)[0].get_array(), np.abs(above.values[order]))
        assert "frequencies above 0; select xi1 < 0" in words(ax)
        other = Figure().subplots()
        plots.plot(both.sel(path=both.xi1 < 0), "scalogram", other)
        np.testing.assert_allclose(meshes(other)[0].get_array(), 2 * np.abs(above.values[order]))
        np.testing.assert_allclose(meshes(other)[0].get_coordinates(), meshes(ax)[0].get_coordinates())
        assert "frequencies below 0" in words(other)

    def test_the_veil_covers_what_wavelets_reach_beyond_the_ends(self, ax: Axes) -> None:
        array = samples.with_ends(samples.wavelet1d(256, J=4, Q=2))
        plots.plot(array, "scalogram", ax)
        veil = meshes(ax)[1].get_array()
        order = np.argsort(array.xi1.values)
        time, width = array.time.values, E_FOLDING / array.sigma1.values[order]
        inside = np.minimum(time - time[0], time[-1] - time)[None, :] < width[:, None]
        np.testing.assert_array_equal(~np.ma.getmaskarray(veil), inside)
        assert inside.any() and not inside.all() and "cone of influence" in words(ax)

    def test_periodic_data_have_no_cone(self, ax: Axes) -> None:
        plots.plot(samples.wavelet1d(64), "scalogram", ax)
        assert len(meshes(ax)) == 1 and "cone" not in words(ax)

    def test_a_cut_has_no_ends_of_its_own(self) -> None:
        array = samples.with_ends(samples.wavelet1d(512, J=3, Q=1))
        whole = cone.of_wavelets(array, "time")
        cut = cone.of_wavelets(array.isel(time=slice(100, 300)), "time")
        assert whole is not None and cut is not None
        np.testing.assert_allclose(cut, whole[:, 100:300])

    def test_walls_are_ends(self) -> None:
        array = samples.wavelet1d(64, J=2, Q=1)
        time = array.time.values
        start, end = (np.repeat(time[list(index)], 32) for index in ((0, 32), (31, 63)))
        distance = cone.of_wavelets(array.assign_coords(support_start=("time", start), support_end=("time", end)), "time")
        assert distance is not None
        assert (distance[:, [0, 31, 32, 63]] == 0).all() and (distance[:, [16, 48]] > 0).all()

    def test_gaps_are_in_the_cone_and_borders_keep_their_shape(self) -> None:
        array = samples.with_ends(samples.wavelet1d(512, J=3, Q=1))
        clean = cone.of_wavelets(array, "time")
        share = np.ones(512)
        share[:3], share[200:210] = 0.5, 0.9
        found = cone.of_wavelets(array.assign_coords(valid_fraction=("time", share)), "time")
        assert clean is not None and found is not None
        assert (found[:, 200:210] == 0).all() and (clean[:, 200:210] > 1).all()
        np.testing.assert_array_equal(np.delete(found, np.s_[200:210], axis=1), np.delete(clean, np.s_[200:210], axis=1))

    def test_causal_wavelets_do_not_reach_the_end(self) -> None:
        array = samples.with_ends(samples.wavelet1d(64, J=2, Q=1))
        distance = cone.of_wavelets(array.assign_coords(support_end=("time", array.time.values)), "time")
        assert distance is not None
        np.testing.assert_allclose(distance[0], (array.time.values - array.time.values[0]) * array.sigma1.values[0] / E_FOLDING)

    @pytest.mark.parametrize(
        ("arguments", "step"), [({"stride": 4}, 4), ({"stride": None, "J": 3}, 8), ({"stride": "octave", "oversampling": 1}, 1)]
    )
    def test_axes_by_sample_count_in_samples(self, arguments: dict[str, object], step: int) -> None:
        dates = np.busday_offset("2004-01-05", np.arange(0, 64 * step, step)).astype("datetime64[ns]")
        time = ("time", dates, {"sampling": "index"})
        array = samples.wavelet1d(64, J=2, Q=1).assign_coords(time=time)
        array = array.assign_coords(
            {name: ("time", np.full(64, dates[end])) for name, end in (("support_start", 0), ("support_end", -1))}
        )
        distance = cone.of_wavelets(recorded(array, **arguments), "time")
        assert distance is not None
        expected = np.minimum(np.arange(64), 63 - np.arange(64)) * step * array.sigma1.values[:, None] / E_FOLDING
        np.testing.assert_allclose(distance, expected, atol=1e-9)
        assert cone.of_wavelets(array, "time") is None  # nothing tells the step

    def test_ends_beyond_a_cut_are_far_away(self) -> None:
        dates = np.busday_offset("2004-01-05", np.arange(64)).astype("datetime64[ns]")
        array = recorded(samples.wavelet1d(64, J=2, Q=1).assign_coords(time=("time", dates, {"sampling": "index"})), stride=1)
        ends = {"support_start": dates[0] - np.timedelta64(1400, "D"), "support_end": dates[-1] + np.timedelta64(1400, "D")}
        distance = cone.of_wavelets(array.assign_coords({name: ("time", np.full(64, end)) for name, end in ends.items()}), "time")
        assert distance is not None
        np.testing.assert_allclose(distance[0, 0], 1000 * array.sigma1.values[0] / E_FOLDING, rtol=0.05)

    def test_long_signals_are_thinned_and_keep_their_cone(self, ax: Axes) -> None:
        array = samples.with_ends(samples.wavelet1d(9000, J=2, Q=1), reach=9000)
        by_sample = recorded(array.assign_coords(time=array.time.assign_attrs(sampling="index")), stride=1)
        sigma = array.sigma1 / 2048  # per sample
        plots.plot(by_sample.assign_coords(sigma1=sigma), "scalogram", ax)
        mesh, veil = meshes(ax)
        assert mesh.get_array().shape == (2, 3000) and "1 of 3 samples along time" in words(ax)
        expected = np.count_nonzero(np.arange(0, 9000, 3) < E_FOLDING / float(sigma[1]))
        assert abs(np.count_nonzero(~np.ma.getmaskarray(veil.get_array()[0])) - 2 * expected) <= 2

    def test_a_vector_file_has_text_as_text_and_cells_as_an_image(self, tmp_path) -> None:  # type: ignore[no-untyped-def]
        pdf = plots.save(samples.with_ends(samples.wavelet1d(64)), tmp_path / "s.pdf").read_bytes()
        assert b"/FontFile2" in pdf and b"/Subtype /Image" in pdf


class TestOctaves:
    def test_samples_are_held_to_halfway_and_labels_kept(self) -> None:
        tree = samples.octaves(64, J=3, Q=2)
        whole = octaves.joined(tree)
        assert whole.sizes == {"path": 6, "time": 64}
        coarse = tree["j2"]["W"]
        np.testing.assert_array_equal(whole.isel(path=whole.j1.values == 2).values[:, ::4], coarse.values)
        near = np.abs(np.arange(64)[:, None] - np.arange(0, 64, 4)[None, :]).argmin(axis=1)
        np.testing.assert_array_equal(whole.isel(path=whole.j1.values == 2).values, coarse.values[:, near])
        np.testing.assert_array_equal(whole.support_end, tree["j0"]["support_end"])

    def test_dims_without_labels_are_sampled_at_powers_of_two(self) -> None:
        tree = samples.octaves(37, J=3, Q=1)
        bare = xr.DataTree.from_dict({f"/{name}": node.to_dataset().drop_vars("time") for name, node in tree.children.items()})
        np.testing.assert_array_equal(octaves.joined(bare).values, octaves.joined(tree).values)

    def test_a_tree_is_drawn_as_one_scalogram(self, ax: Axes) -> None:
        tree = samples.octaves(64, J=2, Q=2)
        assert plots.kinds(tree)[0] == "scalogram"
        assert tree.scatflow.plot(ax=ax) is ax
        joined = octaves.joined(tree)
        np.testing.assert_allclose(meshes(ax)[0].get_array(), np.abs(joined.values[np.argsort(joined.xi1.values)]))

    def test_nothing_is_computed_to_join(self) -> None:
        tree = samples.octaves(64, J=2, Q=2).chunk()
        assert octaves.joined(tree).chunks is not None

    def test_trees_of_something_else_are_refused_with_their_groups(self, ax: Axes) -> None:
        tree = xr.DataTree.from_dict({"/J=2": samples.vorticity(8).to_dataset(), "/J=3": samples.vorticity(16).to_dataset()})
        with pytest.raises(DimensionError, match=r"J=2.*J=3.*to_dataset"):
            plots.plot(tree, ax=ax)

    def test_averages_of_octaves_are_refused(self, ax: Axes) -> None:
        tree = samples.octaves(64, J=2, Q=2)
        assert plots.kinds(tree) == ("scalogram",)
        with pytest.raises(DimensionError, match="one grid"):
            plots.plot(tree, "spectrum", ax)

    def test_labels_that_the_finest_group_lacks_are_refused(self, ax: Axes) -> None:
        tree = samples.octaves(64, J=2, Q=2)
        shifted = tree["j1"].to_dataset().assign_coords(time=tree["j1"]["time"].values + 1e-4)
        with pytest.raises(DimensionError, match="finest one lacks"):
            plots.plot(tree.assign({"j1": xr.DataTree(shifted)}), ax=ax)


class TestScattergram:
    def test_first_order_above_second_order_of_one_octave(self, ax: Axes) -> None:
        array = samples.scattering1d(J=4, Q=2, days=400)
        upper, lower = plots.plot(array, "scattergram", ax, j1=1).child_axes[:2]
        first = array.isel(path=array.order.values == 1)
        np.testing.assert_allclose(meshes(upper)[0].get_array(), first.values[np.argsort(first.scale1.values)])
        two = array.isel(path=(array.order.values == 2) & (array.j1.values == 1))
        means = two.groupby("scale2").mean()
        np.testing.assert_allclose(meshes(lower)[0].get_array(), means.transpose("scale2", "time").values)
        assert lower.get_title(loc="left") == "order 2, first scale 4.44 – 6.29 trading day"
        assert lower.yaxis_inverted() and lower.get_ylabel() == "second scale [trading day]"

    def test_the_finest_octave_is_the_default_and_others_are_named(self, ax: Axes) -> None:
        array = samples.scattering1d(J=3, Q=1, days=200)
        assert "first scale 2.86" in plots.plot(array, "scattergram", ax).child_axes[1].get_title(loc="left")
        with pytest.raises(ParameterError, match=r"one of \[0, 1\]; got 2"):
            plots.plot(array, "scattergram", ax, j1=2)

    def test_first_order_alone_has_one_panel(self, ax: Axes) -> None:
        assert len(plots.plot(samples.scattering1d(J=3, Q=1, days=200, order=1), "scattergram", ax).child_axes) == 1

    def test_the_veil_is_where_the_window_lacks_weight(self, ax: Axes) -> None:
        array = samples.scattering1d(J=3, Q=1, days=200)
        share = np.full(array.sizes["time"], 1.0)
        share[:3] = (0.5, 0.9213, 0.9214)  # Phi(sqrt 2) = 0.92135
        upper = plots.plot(array.assign_coords(valid_fraction=("time", share)), "scattergram", ax).child_axes[0]
        veil = ~np.ma.getmaskarray(meshes(upper)[1].get_array())
        np.testing.assert_array_equal(veil.all(axis=0), share < 0.92135)
        assert "cone of influence" in words(ax)


class TestPlanes:
    def test_modulus_and_real_part_of_the_chosen_band(self, ax: Axes) -> None:
        array = samples.wavelet2d(16)
        left, right = plots.plot(array, "planes", ax, sel={"path": {"j1": 1, "l1": 2}}, robust=False).child_axes[:2]
        plane = array.values[1 + 4 + 2]
        np.testing.assert_allclose(left.images[0].get_array(), np.abs(plane))
        np.testing.assert_allclose(right.images[0].get_array(), plane.real)
        assert left.images[0].norm.vmin == 0 and right.images[0].norm.vmin == -right.images[0].norm.vmax
        assert left.get_aspect() == right.get_aspect() == 1.0
        assert "path order = 1, j1 = 1, l1 = 2" in words(ax)

    def test_the_first_band_is_the_default_not_the_low_pass(self, ax: Axes) -> None:
        array = samples.wavelet2d(16)
        assert plots.suggest(array) == "planes"
        left = plots.plot(array, ax=ax, robust=False).child_axes[0]
        np.testing.assert_allclose(left.images[0].get_array(), np.abs(array.values[1]))

    def test_real_values_are_referred_to_fields(self, ax: Axes) -> None:
        with pytest.raises(DimensionError, match=r"planes.*real.*float32.*suit the labels: field"):
            plots.plot(samples.vorticity(16), "planes", ax)


class TestFilters:
    def test_lines_are_shares_of_energy_below_their_sum(self, ax: Axes) -> None:
        array = samples.bank1d(J=3, Q=1, size=64)
        plots.plot(array, ax=ax)
        f = array.frequency.values
        shown = f > 0
        energy = array.values[:, shown] ** 2
        mirrored = array.values[:, (f < 0) & (f > -0.5)][:, ::-1] ** 2
        drawn = [line.get_ydata() for line in ax.lines[:4]]
        np.testing.assert_allclose(drawn, 0.5 * (energy + mirrored))
        np.testing.assert_allclose(ax.lines[4].get_ydata(), array.littlewood_paley.values[shown])
        np.testing.assert_allclose(np.sum(drawn, axis=0), ax.lines[4].get_ydata())
        bounds = [line.get_ydata()[0] for line in ax.lines[5:7]]
        assert bounds == [float(array.littlewood_paley.min()), float(array.littlewood_paley.max())]

    def test_contours_are_at_half_height(self, ax: Axes) -> None:
        array = samples.bank2d(J=2, L=4, size=64)
        left, right = plots.plot(array, ax=ax).child_axes[:2]
        assert len(left.collections) == array.sizes["path"]
        for contour, plane in zip(left.collections, array.values, strict=True):
            assert contour.levels == [plane.max() / 2]
        # The filter of xi = 3/8 at angle 0 has half height at a distance of sigma sqrt(2 log 2) from its center.
        (path,) = left.collections[1].get_paths()
        radius = np.hypot(path.vertices[:, 0] - 0.375, path.vertices[:, 1])
        np.testing.assert_allclose(radius, 0.25 * 0.375 * np.sqrt(2 * np.log(2)), rtol=0.02)
        np.testing.assert_allclose(right.images[0].get_array(), array.littlewood_paley.values)

    def test_arrays_that_are_no_filters_are_told_how_to_get_some(self, ax: Axes) -> None:
        with pytest.raises(DimensionError, match=r"scatflow_wavelet\.response"):
            plots.plot(samples.scattering2d(J=2, L=2), "filters", ax)

    def test_too_few_frequencies_are_refused(self, ax: Axes) -> None:
        with pytest.raises(DimensionError, match="4 samples"):
            plots.plot(samples.bank1d(J=2, Q=1, size=32).isel(frequency=[3]), "filters", ax)
