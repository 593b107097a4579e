"""Densities of molecules: electrons counted, atoms where they are, the published tables, errors that name the atom."""

import itertools
import json
import math
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from scatflow.contract import Source
from scatflow.errors import DataError, ParameterError, StoreError
from scatflow.labels import axis_of
from scatflow_processes import molecules
from scatflow_processes.molecules import BOHR, Grid
from scatflow_processes.sources.molecules import Molecules

DATA = Path(__file__).parents[4] / "shared" / "data"
WATER = np.array([(0.03, 0.01), (0.76, 0.59), (-0.76, 0.62)])
CHARGES = np.array([8, 1, 1])
PLANE, SPACE = Grid((60, 70), (7.5, 8.4)), Grid((30, 32, 36), (6.3, 7.1, 7.4))
R = np.linspace(0, 19, 2001)


def hydrogenic(charge: int) -> np.ndarray:
    """Density of one electron around a charge, in atomic units."""
    return charge**3 / np.pi * np.exp(-2 * charge * R)


TABLES = {
    "density_Hydrogen": hydrogenic(1), "density_Hydrogen_r": R,
    "density_Oxygen": 8 * hydrogenic(3), "density_Oxygen_r": R,
    "density2d_r_angstrom": np.linspace(0, 2.5, 251),
    **{f"density2d_{part}_{element}": np.linspace(0, 2.5, 251) * np.exp(-width * np.linspace(0, 2.5, 251))
       for part, width in (("core", 15.0), ("valence", 3.0)) for element in ("Hydrogen", "Oxygen")},
}  # fmt: skip


def real(name: str) -> str:
    if not (DATA / name).exists():
        pytest.skip(f"not run: no file shared/data/{name} beside the checkout")
    return str(DATA / name)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Three molecules with their tables: water, a hydrogen molecule, water again."""
    positions, charges = np.zeros((3, 4, 2)), np.zeros((3, 4), dtype=np.uint8)
    positions[0, :3], charges[0, :3] = WATER, CHARGES
    positions[1, :2], charges[1, :2] = [(0.0, 0.37), (0.0, -0.37)], 1
    positions[2, :3], charges[2, :3] = WATER[::-1] + 0.2, CHARGES[::-1]
    file = tmp_path / "three.npz"
    np.savez(file, R=positions, Z=charges, energy=np.array([-1.0, -2.0, -3.0]), name=np.array(["a", "b", "c"]), **TABLES)
    return str(file)


def electrons(charges: np.ndarray, channel: str) -> list[int]:
    return [sum(molecules.electrons(z, channel) for z in row if z) for row in charges.tolist()]


def three(path: str, **changes: object) -> Molecules:
    parameters = {"positions": "R", "units": "angstrom", "size": PLANE.size, "box": PLANE.box, "dtype": "float64"}
    return Molecules(path=path, **{**parameters, **changes})


@pytest.mark.parametrize(
    ("grid", "channel"), [*((PLANE, channel) for channel in molecules.CHANNELS), (SPACE, "atomic"), (SPACE, "dirac")]
)
def test_electrons_are_conserved(grid: Grid, channel: str) -> None:
    axes = len(grid.size)
    where = np.concatenate([WATER, np.zeros((3, axes - 2))], axis=1)
    found = molecules.density(where, CHARGES, grid, channel, molecules.tabulated_profiles(TABLES, axes))
    expected = {"atomic": 10, "core": 2, "valence": 8, "dirac": 10}[channel]
    assert found.shape == grid.size and found.min() >= 0
    assert found.sum() * grid.cell == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("grid", [PLANE, SPACE])
def test_order_of_atoms_makes_no_difference(grid: Grid) -> None:
    where = np.concatenate([WATER, np.full((3, len(grid.size) - 2), 0.1)], axis=1)
    whole = molecules.density(where, CHARGES, grid)
    for order in itertools.permutations(range(3)):
        np.testing.assert_array_equal(molecules.density(where[list(order)], CHARGES[list(order)], grid), whole)
    padded = molecules.density(np.pad(where, ((0, 2), (0, 0))), np.pad(CHARGES, (0, 2)), grid)
    np.testing.assert_array_equal(padded, whole)


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(-5, 5), columns=st.integers(-6, 6), seed=st.integers(0, 1000))
def test_whole_pixels_shift_the_density_exactly(rows: int, columns: int, seed: int) -> None:
    where = WATER * 0.5 + 0.2 * np.random.default_rng(seed).standard_normal((3, 2)).clip(-2, 2)
    shift = np.array([columns * PLANE.step[1], rows * PLANE.step[0]])
    radius = 1.9
    moved = molecules.density(where + shift, CHARGES, PLANE, radius=radius)
    np.testing.assert_array_equal(moved, np.roll(molecules.density(where, CHARGES, PLANE, radius=radius), (rows, columns), (0, 1)))


def test_quarter_turns_and_reflections() -> None:
    grid = Grid((64, 64), (8.0, 8.0))
    whole = molecules.density(WATER, CHARGES, grid, "atomic", molecules.tabulated_profiles(TABLES, 2))
    turned = molecules.density(
        np.stack([-WATER[:, 1], WATER[:, 0]], axis=1), CHARGES, grid, "atomic", molecules.tabulated_profiles(TABLES, 2)
    )
    np.testing.assert_allclose(turned, np.rot90(whole, -1), atol=1e-5 * whole.max())
    np.testing.assert_allclose(turned.sum(), whole.sum(), rtol=1e-12)
    flipped = molecules.density(WATER * [-1, 1], CHARGES, grid, "atomic", molecules.tabulated_profiles(TABLES, 2))
    np.testing.assert_allclose(flipped, whole[:, ::-1], atol=1e-5 * whole.max())


@pytest.mark.parametrize("angle", [17.0, 45.0, 160.0])
def test_moments_turn_with_the_molecule(angle: float) -> None:
    """Second moments about the origin, where the pixels are no symmetry of the turn: to 1e-3 of their sum."""
    grid = Grid((80, 80), (8.0, 8.0))
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    turn = np.array([[c, -s], [s, c]])

    def moments(where: np.ndarray) -> np.ndarray:
        found = molecules.density(where, CHARGES, grid) * grid.cell
        y, x = np.meshgrid(grid.centers(0), grid.centers(1), indexing="ij")
        return np.array([[(found * x * x).sum(), (found * x * y).sum()], [(found * x * y).sum(), (found * y * y).sum()]])

    plain = moments(WATER)
    np.testing.assert_allclose(moments(WATER @ turn.T), turn @ plain @ turn.T, atol=1e-3 * np.trace(plain))
    assert abs(plain[0, 0] - plain[1, 1]) > 0.1 * np.trace(plain)


@pytest.mark.parametrize("axes", [2, 3])
def test_gaussian_atoms(axes: int) -> None:
    """Means over pixels of a Gaussian are differences of error functions."""
    grid = PLANE if axes == 2 else SPACE
    place = np.array([0.11, -0.23, 0.31])[:axes]
    found = molecules.density(place[None], [6], grid)
    width = 0.5 * 6 ** (-1 / 3)
    expected = np.full((), 6.0)
    for axis in range(axes):
        edges = np.linspace(-0.5, 0.5, grid.size[axis] + 1) * grid.box[axis] - place[::-1][axis]
        expected = expected[..., None] * np.diff(erf(edges / width / math.sqrt(2)) / 2) / grid.step[axis]
    np.testing.assert_allclose(found, expected, atol=2e-3 * expected.max())
    assert abs(found - expected).sum() * grid.cell < 6 * 3e-3


def test_planar_profile_of_hydrogen() -> None:
    """2 a rho(a) of e^-2r / pi, inside circles: 1 - (1 + 2 r + 2 r²) e^-2r electrons, r in bohr."""
    grid = Grid((400, 400), (12.0, 12.0))
    found = molecules.density([(0.0, 0.0)], [1], grid, "atomic", molecules.tabulated_profiles(TABLES, 2), radius=5.5)
    distance = np.hypot(grid.centers(0)[:, None], grid.centers(1))
    for reach in (0.3, 0.6, 1.2, 2.4):
        r = reach / BOHR
        enclosed = 1 - (1 + 2 * r + 2 * r**2) * math.exp(-2 * r)
        assert found[distance < reach].sum() * grid.cell == pytest.approx(enclosed, abs=3e-3)
    at = found[200, 260]  # 1.8 angstrom from the nucleus, where it changes slowly
    a = float(distance[200, 260]) / BOHR
    assert at == pytest.approx(2 * a * math.exp(-2 * a) / math.pi / BOHR**2, rel=2e-3)


def test_density_in_space_is_the_table() -> None:
    grid = Grid((60, 60, 60), (6.0, 6.0, 6.0))
    found = molecules.density([(0.05, 0.05, 0.05)], [1], grid, "atomic", molecules.tabulated_profiles(TABLES, 3))
    r = (np.arange(30, 50) - 30) * 0.1 / BOHR
    expected = np.exp(-2 * r) / np.pi / BOHR**3
    np.testing.assert_allclose(found[30, 30, 35:50], expected[5:], rtol=2e-2)


def test_dirac_is_in_the_pixel_of_the_nucleus() -> None:
    found = molecules.density([(1.0, -2.0), (4.1999999999, 3.7499999999)], [7, 1], PLANE, "dirac")
    pixels = {(int(y), int(x)): found[y, x] * PLANE.cell for y, x in np.argwhere(found)}
    assert pixels == {(14, 43): pytest.approx(7), (59, 69): pytest.approx(1)}


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: molecules.density([(2.0, 0.0)], [1], PLANE), r"charge 1 at \[2.0, 0.0\] angstrom is outside the box less 2.5"),
        (lambda: molecules.density([(np.nan, 0.0)], [1], PLANE), "finite"),
        (lambda: molecules.density([(0.0, 0.0)], [-1], PLANE), ">= 0"),
        (lambda: molecules.density([(0.0, 0.0, 0.0)], [1], PLANE), r"shape \(n, 2\)"),
        (lambda: molecules.density([(0.0, 0.0)], [1, 1], PLANE), "n charges"),
        (lambda: molecules.density([(0.0, 0.0)], [119], PLANE), "1 to 118"),
        (lambda: molecules.density([(0.0, 0.0)], [1], PLANE, "outer"), "channel must be one of"),
        (lambda: molecules.density([(0.0, 0.0)], [26], PLANE, "core"), "core and valence are known"),
        (lambda: molecules.density([(0.0, 0.0)], [8], PLANE, "core"), "no core profile"),
        (
            lambda: molecules.density([(0.0, 0.0)], [6], PLANE, "atomic", molecules.tabulated_profiles(TABLES, 2)),
            r"profiles of \[1, 8\]",
        ),
        (lambda: molecules.density([(0.0, 0.0)], [1], PLANE, radius=0.0), "radius must be > 0"),
        (
            lambda: molecules.density([(0.0, 0.0)], [1], Grid((8, 8), (8.0, 8.0)), radius=0.01),
            "no density of charge 1 within radius = 0.01",
        ),
        (lambda: molecules.density([(0.0, 0.0)], [1.7], PLANE), r"charges must be whole numbers, got \[1.7\]"),
        (lambda: molecules.density([(0.0, 0.0)], [math.nan], PLANE), "whole numbers"),
        (lambda: molecules.density([(0.0, 0.0)], [1], Grid((8, 8), (8.0, math.nan))), "sides > 0"),
        (lambda: molecules.density([(0.0, 0.0)], [1], Grid((8, 8), (8.0, 8.0, 8.0))), "2 or 3 axes"),
        (lambda: molecules.density([(0.0,)], [1], Grid((8,), (8.0,))), "2 or 3 axes"),
        (lambda: molecules.density([(0.0, 0.0)], [1], Grid((8, 8), (8.0, 0.0))), "sides > 0"),
    ],
)
def test_bad_arguments(call: Callable[[], object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()


def test_source(path: str) -> None:
    value = three(path, channels=("atomic", "core", "valence", "dirac"), labels=("energy",))
    specs = value.describe()
    assert list(specs) == ["atomic", "core", "valence", "dirac"]
    profiles = molecules.tabulated_profiles(TABLES, 2)
    for channel, spec in specs.items():
        assert (spec.dims, spec.shape, spec.dtype, spec.name) == (("realization", "y", "x"), (3, 60, 70), "float64", channel)
        assert tuple(map(sum, spec.chunks)) == spec.shape
        whole = value.read({}, channel)
        np.testing.assert_array_equal(whole[0], molecules.density(WATER, CHARGES, PLANE, channel, profiles))
        counted = whole.sum(axis=(1, 2)) * PLANE.cell
        np.testing.assert_allclose(counted, electrons(np.array([[8, 1, 1], [1, 1, 0], [8, 1, 1]]), channel), rtol=1e-12)
        region = {"realization": slice(1, 3), "x": slice(5, 60, 2)}
        np.testing.assert_array_equal(value.read(region, channel), whole[1:3, :, 5:60:2])
        json.dumps(dict(spec.attrs), allow_nan=False)
    spec = specs["valence"]
    assert spec.attrs["units"] == "electrons/angstrom2"
    assert spec.coords["electrons"].values.tolist() == [10, 2, 10]
    assert spec.coords["atoms"].values.tolist() == [3, 2, 3]
    assert spec.coords["energy"].values.tolist() == [-1.0, -2.0, -3.0]
    axis = axis_of(spec, "x")
    assert (axis.unit, axis.periodic) == ("angstrom", False) and axis.step == pytest.approx(0.12)
    np.testing.assert_array_equal(value.read({}), value.read({}, "atomic"))
    again = pickle.loads(pickle.dumps(value))
    assert again == value and type(value)(**value.parameters()) == value and again.fingerprint() == value.fingerprint()


def test_source_makes_only_what_is_read(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    plain = molecules.density
    monkeypatch.setattr(molecules, "density", lambda where, *rest: made.append(len(where)) or plain(where, *rest))
    value = three(path)
    value.describe()
    assert not made
    value.read({"realization": slice(2, 3)})
    assert len(made) == 1


def test_units_and_space(path: str) -> None:
    flat = three(path)
    bohr = three(path, units="bohr", box=tuple(side * BOHR for side in PLANE.box), radius=2.5 * BOHR, profile="gaussian")
    assert bohr.read({"realization": slice(1, 2)}).sum() * PLANE.cell * BOHR**2 == pytest.approx(2)
    near = three(path, profile="gaussian", units="bohr").read({"realization": slice(1, 2)})[0]
    far = three(path, profile="gaussian").read({"realization": slice(1, 2)})[0]
    spread = [float((image.sum(axis=1) * PLANE.centers(0) ** 2).sum() / image.sum()) for image in (near, far)]
    assert spread[1] - spread[0] == pytest.approx(0.37**2 * (1 - BOHR**2), rel=1e-3)
    space = flat.replace(size=SPACE.size, box=SPACE.box)
    spec = space.describe()
    assert (spec.dims, spec.attrs["units"]) == (("realization", "z", "y", "x"), "electrons/angstrom3")
    assert space.read({"realization": slice(1, 2)}).sum() * SPACE.cell == pytest.approx(2, rel=1e-12)


def test_fingerprint_follows_the_file(path: str) -> None:
    value = three(path)
    before, first = value.fingerprint(), value.read({})
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays)
    assert value.fingerprint() == before  # rewritten with the same content
    arrays["R"][0, 1, 0] += 0.1
    np.savez(path, **arrays)
    assert value.fingerprint() != before and not (value.read({}) == first).all()


def expect(path: str, error: type[Exception], match: str, **changes: object) -> None:
    with pytest.raises(error, match=match):
        three(path, **changes).describe()


def test_errors_of_files(path: str, tmp_path: Path) -> None:
    expect(path, StoreError, "has no array 'P'", positions="P")
    expect(path, StoreError, "Did you mean 'energy'", labels=("energies",))
    expect(path, DataError, "name is not one number per molecule", labels=("name",))
    expect(path, DataError, "R is not one number per molecule", labels=("R",))
    expect(path, DataError, "do not fit together", positions="energy")
    expect(path, DataError, "molecule 0 .* atom 1 is outside the box less 3.2", radius=3.2)
    expect(str(tmp_path / "none.npz"), StoreError, "there is no such file")
    (tmp_path / "text.npz").write_text("no archive")
    expect(str(tmp_path / "text.npz"), StoreError, "it is no npz file")
    np.savez(tmp_path / "bare.npz", R=np.zeros((1, 1, 2)), Z=np.full((1, 1), 92))
    bare = str(tmp_path / "bare.npz")
    expect(bare, StoreError, 'has no tables of atoms.*profile="gaussian"')
    expect(bare, DataError, r"molecule 0 .* has an element without profile.*got 92", tables=path)
    assert three(bare, profile="gaussian").describe().coords["electrons"].values.tolist() == [92]
    np.savez(tmp_path / "hole.npz", R=np.zeros((2, 1, 2)), Z=np.array([[1], [-6]]))
    expect(str(tmp_path / "hole.npz"), DataError, "molecule 1 .* negative charge.*got -6", channels=("dirac",))
    np.savez(tmp_path / "tall.npz", R=np.array([[(0.0, 0.0, 0.0), (0.0, 0.0, 0.5)]]), Z=np.ones((1, 2), dtype=int))
    expect(str(tmp_path / "tall.npz"), DataError, r"molecule 0 .* is not planar.*three numbers", profile="gaussian")
    np.savez(tmp_path / "lost.npz", R=np.array([[(np.nan, 0.0)]]), Z=np.ones((1, 1), dtype=int))
    expect(str(tmp_path / "lost.npz"), DataError, "atom 0 is outside", profile="gaussian")
    with pytest.raises(ParameterError, match="no such variable"):
        three(path).read({}, "valence")


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"size": (8,), "box": (8.0,)}, "two or three numbers"),
        ({"size": (8, 8), "box": (8.0, 8.0, 8.0)}, "two or three numbers"),
        ({"size": (8, 0)}, "size must be >= 1"),
        ({"box": (0.0, 4.0)}, "box in"),
        ({"channels": ()}, "one or more"),
        ({"channels": ("core", "core")}, "each once"),
        ({"channels": ("outer",)}, "molecules.channels"),
        ({"profile": "gaussian", "channels": ("core",)}, "no core and valence"),
        ({"profile": "gaussian", "tables": "x.npz"}, "takes no tables"),
        ({"size": (8, 8, 8), "box": (8.0, 8.0, 8.0), "channels": ("valence",)}, "in the plane only"),
        ({"units": "nm"}, "molecules.units"),
        ({"radius": 0.0}, "molecules.radius"),
    ],
)
def test_bad_parameters(parameters: dict, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        Molecules(path="any.npz", **parameters)


def test_published_molecules() -> None:
    """All 4357 fit the published box; electrons per channel to 1e-6 in float32, and the tables are those of neutral atoms."""
    value: Source = Molecules(
        path=real("qm2d.npz"), size=(100, 128), channels=("core", "valence", "atomic", "dirac"), labels=("atomization_energy_kcal_mol", "fold")
    )  # fmt: skip
    specs = value.describe()
    assert all(spec.shape == (4357, 100, 128) for spec in specs.values())
    assert np.bincount(specs["core"].coords["fold"].values).tolist() == [826, 860, 862, 913, 896]
    region = {"realization": slice(4000, 4006)}
    cell = 14 / 100 * 18 / 128
    total = 0
    with np.load(real("qm2d.npz")) as file:
        charges = file["Z"][4000:4006]
    for channel in specs:
        counted = value.read(region, channel).astype(np.float64).sum(axis=(1, 2)) * cell
        np.testing.assert_allclose(counted, electrons(charges, channel), rtol=1e-6)
        total = total + counted if channel in ("core", "valence") else total
    np.testing.assert_allclose(total, specs["atomic"].coords["electrons"].values[4000:4006], rtol=1e-6)


def test_published_tables() -> None:
    """They hold their electrons before they are scaled, to 1e-5 in space and to 0.5 % of what their short planar parts reach."""
    with np.load(real("qm2d.npz")) as file:
        tables = {name: file[name] for name in file.files if name.startswith("density")}
    for (channel, charge), profile in molecules.tabulated_profiles(tables, 2).items():
        held = np.trapezoid(2 * np.pi * profile.distance * profile.density, profile.distance)
        assert held == pytest.approx(molecules.electrons(charge, channel), rel=2e-5 if channel == "atomic" else 5e-3, abs=1e-9)
    assert len(molecules.tabulated_profiles(tables, 2)) == 18 and len(molecules.tabulated_profiles(tables, 3)) == 6


def test_molecules_of_another_file() -> None:
    """Planar as they lie in space; one of them has an element without table."""
    value = Molecules(path=real("qm9_planar.npz"), positions="xyz_angstrom_plane_aligned", units="angstrom",
                      size=(50, 64), labels=("U0_hartree",), profile="gaussian")  # fmt: skip
    spec = value.describe()
    with pytest.raises(DataError, match=r"molecule 190 .* element without profile.*got 9"):
        value.replace(profile="tables", tables=real("qm2d.npz")).describe()
    assert spec.shape == (2037, 50, 64)
    counted = value.read({"realization": slice(0, 5)}).sum(axis=(1, 2)) * 14 / 50 * 18 / 64
    np.testing.assert_allclose(counted, spec.coords["electrons"].values[:5], rtol=1e-6)
