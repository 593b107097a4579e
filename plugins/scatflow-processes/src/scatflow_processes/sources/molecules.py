"""Densities of molecules from files as a scatflow source."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import model_validator

from scatflow.arrays import prepared_cache
from scatflow.contract import Source, digest, param, source
from scatflow.errors import DataError, StoreError, near
from scatflow.spec import ArraySpec, Coord
from scatflow_processes import molecules
from scatflow_processes.references_shapes import QUANTUM_ENERGIES
from scatflow_processes.sources.ensemble import Block, Ensemble, Region, named_variable, whole_realizations

_DIMS = ("z", "y", "x")
#: Angstrom per unit of length of a file.
_UNITS = {"angstrom": 1.0, "bohr": molecules.BOHR}
#: How far atoms of a planar molecule may lie off the plane, in angstrom.
FLATNESS = 0.1


@source("molecules", version=1, references=(QUANTUM_ENERGIES,))
class Molecules(Source):
    """Electron densities of the molecules of an npz file, before they bond: sums of the densities of their atoms.

    One variable per channel, with dims (realization, y, x) in electrons/angstrom2, or (realization, z, y, x) in electrons/angstrom3
    where ``size`` and ``box`` have three numbers. Atoms are tabulated, or Gaussian. The sum over pixels times their area is the number of electrons to 1e-12
    in float64. Molecules are placed as the file has them, and their atoms must lie in the box less ``radius`` on every
    side. Further columns of the file, such as energies and folds, become coordinates along realization.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = os.path.join(folder.name, "two.npz")
    >>> np.savez(path, R=[[(0.0, 0.0), (0.0, 1.1)], [(0.0, 0.0), (0.0, 0.7)]], Z=[[6, 8], [1, 1]])
    >>> pair = Molecules(path=path, positions="R", charges="Z", units="angstrom", profile="gaussian", size=(70, 70), box=(8.0, 8.0))
    >>> [round(float(one.sum() * (8 / 70) ** 2), 4) for one in pair.read({})]
    [14.0, 2.0]
    >>> pair.describe().coords["electrons"].values.tolist()
    [14, 2]
    >>> folder.cleanup()
    """

    path: str = param(doc="Path of the npz file.")
    positions: str = param("R_bohr", "Name of the positions in it, shape (molecule, atom, 2 or 3): x, y and perhaps z.")
    charges: str = param("Z", "Name of the charges of the nuclei, shape (molecule, atom); 0 where there is no atom.")
    units: Literal["angstrom", "bohr"] = param("bohr", "Unit of the positions in the file.", choices=tuple(_UNITS))
    labels: tuple[str, ...] = param((), "Names of columns of the file, one number per molecule, to be coordinates.")
    channels: tuple[Literal["atomic", "core", "valence", "dirac"], ...] = param(
        ("atomic",),
        "All electrons, those of the core or the valence shell, or all charge in the nucleus's pixel; one variable each.",
    )
    profile: Literal["tables", "gaussian"] = param(
        "tables", "Shape of the atoms: tables of a file, or Gaussians of width 0.5 Z^(-1/3) angstrom.", choices=("tables", "gaussian")
    )  # fmt: skip
    tables: str | None = param(None, "Path of the npz file with the tables; default the same file.")
    size: tuple[int, ...] = param((398, 512), "Pixels along (y, x) or (z, y, x).")
    box: tuple[float, ...] = param((14.0, 18.0), "Sides of the box along the same axes, centered on the origin.", unit="angstrom")
    radius: float = param(2.5, "Where atoms end.", gt=0.0, le=100.0, unit="angstrom")
    dtype: Literal["float32", "float64"] = param("float32", "Type of the result.", choices=("float32", "float64"))

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.size) != len(self.box) or len(self.size) not in (2, 3):
            raise ValueError(f"size and box have two or three numbers each, got {self.size} and {self.box}")
        if min(self.size) < 1 or not all(0 < side < 1e6 for side in self.box):
            raise ValueError(f"size must be >= 1 and box in (0, 1e6) angstrom along every axis, got {self.size} and {self.box}")
        if not self.channels or len(set(self.channels)) < len(self.channels):
            raise ValueError(f"channels must be one or more, each once, got {self.channels}")
        if self.profile == "gaussian" and (self.tables is not None or {"core", "valence"} & set(self.channels)):
            raise ValueError('profile="gaussian" has no core and valence and takes no tables; choose profile="tables"')
        if len(self.size) == 3 and {"core", "valence"} & set(self.channels):
            raise ValueError("core and valence are tabulated in the plane only; take channels=('atomic',) in space")
        return self

    def describe(self) -> ArraySpec | Mapping[str, ArraySpec]:
        """Return one labelled array, or several where there are several channels; densities are not made."""
        specs: dict[str, ArraySpec] = {channel: self._spec(channel) for channel in self.channels}
        return next(iter(specs.values())) if len(specs) == 1 else specs

    def read(self, region: Region, variable: str | None = None) -> Block:
        """Return the densities of one channel (default the first) in ``region``."""
        channel = named_variable(self, self.channels, variable)
        where, charge = self._molecules().values()
        indices = range(len(charge))[region.get("realization", slice(None))]
        cut = tuple(region.get(dim, slice(None)) for dim in _DIMS[-len(self.size) :])
        shape = tuple(len(range(count)[part]) for count, part in zip(self.size, cut, strict=True))
        block = np.empty((len(indices), *shape), dtype=self.dtype)
        profiles = self._profiles() if channel in ("atomic", "core", "valence") else None
        for row, index in enumerate(indices):
            block[row] = molecules.density(where[index], charge[index], self._grid, channel, profiles, self.radius)[cut]
        return block

    def fingerprint(self, region: Region | None = None) -> str:
        """Return a digest of the parameters and of the checksums that the files keep of their arrays; no array is read."""
        files = [self.path] + ([self.tables] if self.tables else [])
        return digest([*self.identity(), [_checksums(path) for path in files]])

    @property
    def _grid(self) -> molecules.Grid:
        return molecules.Grid(self.size, self.box)

    def _spec(self, channel: str) -> ArraySpec:
        dims, charge = _DIMS[-len(self.size) :], self._molecules()["charges"]
        coords = {
            dim: Coord(
                (dim,),
                self._grid.centers(axis),
                {"units": "angstrom", "axis": dim.upper(), "long_name": "distance from the origin"},
            )
            for axis, dim in enumerate(dims)
        }
        coords["realization"] = Coord(("realization",), np.arange(len(charge)), {"long_name": "molecule", "units": "1"})
        coords["atoms"] = Coord(("realization",), (charge > 0).sum(axis=1), {"long_name": "number of atoms", "units": "1"})
        coords["electrons"] = Coord(("realization",), charge.sum(axis=1), {"long_name": "electrons, of all channels", "units": "1"})
        coords |= {name: Coord(("realization",), self._column(name), {"long_name": name.replace("_", " ")}) for name in self.labels}
        chunks = whole_realizations(len(charge), self.size, Ensemble.samples_per_chunk)
        attrs = {
            "units": f"electrons/angstrom{len(dims)}", "long_name": f"{channel} density", "channel": channel,
            "profile": "nearest pixel" if channel == "dirac" else self.profile, "radius": self.radius, "box": list(self.box),
        }  # fmt: skip
        return ArraySpec(("realization", *dims), (len(charge), *self.size), self.dtype, chunks, coords, attrs, channel)  # fmt: skip

    def _molecules(self) -> Mapping[str, Block]:
        """Return positions in angstrom on the axes of the grid, and charges; checked and kept."""
        return prepared_cache().get(("molecules", self.fingerprint()), self._checked)

    def _checked(self) -> Mapping[str, Block]:
        where, charge = np.asarray(self._column(self.positions), dtype=np.float64), self._column(self.charges)
        if charge.ndim != 2 or where.shape[:-1] != charge.shape or where.shape[-1] not in (2, 3) or charge.dtype.kind not in "iu":
            raise DataError(f"molecules {self.path!r}", "positions and integer charges do not fit together",
                            expected="shapes (molecule, atom, 2 or 3) and (molecule, atom)",
                            got=f"{where.shape} and {charge.shape} of {charge.dtype}")  # fmt: skip
        if (charge < 0).any():
            first = int(np.argmax((charge < 0).any(axis=1)))
            raise DataError(
                f"molecule {first} of {self.path!r}", "has a negative charge", expected=">= 0", got=int(charge[first].min())
            )
        where = where * _UNITS[self.units]
        axes = len(self.size)
        if where.shape[-1] == 3 and axes == 2:
            off = np.abs(where[..., 2] * (charge != 0)).max(axis=1, initial=0.0)
            if off.max(initial=0.0) > FLATNESS:
                raise DataError(f"molecule {int(off.argmax())} of {self.path!r}", "is not planar", expected=f"|z| <= {FLATNESS} angstrom",
                                got=f"{off.max():.3g}", remedy="Give size and box three numbers, or align the molecules.")  # fmt: skip
            where = where[..., :2]
        elif where.shape[-1] < axes:
            where = np.concatenate([where, np.zeros((*charge.shape, 1))], axis=-1)
        self._check_elements(charge)
        self._check_box(where, charge)
        return {"positions": where, "charges": charge.astype(np.int64)}

    def _check_box(self, where: Block, charge: Block) -> None:
        reach = self.radius if set(self.channels) - {"dirac"} else 0.0
        limits = 0.5 * np.asarray(self.box[::-1]) - reach
        outside = (~(np.abs(where) <= limits) & (charge != 0)[..., None]).any(axis=-1)
        if outside.any():
            molecule, atom = (int(i) for i in np.argwhere(outside)[0])
            place = ", ".join(f"{x:.4g}" for x in where[molecule, atom])
            raise DataError(f"molecule {molecule} of {self.path!r}", f"atom {atom} is outside the box less {reach:g} angstrom on every side",
                            expected=" and ".join(f"|{dim}| <= {limit:g}" for dim, limit in zip("xyz", limits, strict=False)),
                            got=f"({place}) angstrom", code="AtomOutside",
                            remedy="Enlarge the box, reduce the radius, or check the units and move the molecule to the origin.")  # fmt: skip

    def _check_elements(self, charge: Block) -> None:
        spread = [channel for channel in self.channels if channel != "dirac"]
        if not spread:
            return
        numbers = [int(z) for z in np.unique(charge) if z]
        profiles = self._profiles()
        known = (
            range(1, 119) if profiles is None else [z for z in molecules.ELEMENTS if all((one, z) in profiles for one in spread)]
        )
        unknown = [z for z in numbers if z not in known]
        if unknown:
            first = int(np.argmax((charge == unknown[0]).any(axis=1)))
            raise DataError(f"molecule {first} of {self.path!r}", "has an element without profile", code="ElementUnknown",
                            expected=f"charges among {list(known)}", got=unknown[0], remedy='Give tables of it, or choose profile="gaussian".')  # fmt: skip

    def _profiles(self) -> molecules.Profiles | None:
        if self.profile == "gaussian":
            return None
        path = self.tables or self.path
        key = ("profiles", len(self.size), *_checksums(path))
        found: molecules.Profiles = prepared_cache().get(key, lambda: self._tabulated(path))["profiles"]
        return found

    def _tabulated(self, path: str) -> Mapping[str, molecules.Profiles]:
        names = [name for name, *_ in _checksums(path) if name.startswith("density")]
        if not names:
            raise StoreError(f"molecules {path!r}", "the file has no tables of atoms", expected="density_Carbon, density_Carbon_r, ...",
                             remedy='Name one that has them (tables=), or choose profile="gaussian".', code="TablesMissing")  # fmt: skip
        return {"profiles": molecules.tabulated_profiles({name: _array(path, name) for name in names}, len(self.size))}

    def _column(self, name: str) -> Block:
        column = _array(self.path, name)
        if name in self.labels and (column.shape != _array(self.path, self.charges).shape[:1] or column.dtype.kind not in "biuf"):
            raise DataError(f"molecules {self.path!r}", f"{name} is not one number per molecule",
                            got=f"shape {column.shape} of {column.dtype}")  # fmt: skip
        return column


def _checksums(path: str) -> list[tuple[str, int, int]]:
    """Return name, checksum and length of every array of an npz file; raises StoreError."""
    try:
        with zipfile.ZipFile(path) as file:
            return [(item.filename.removesuffix(".npy"), item.CRC, item.file_size) for item in file.infolist()]
    except (OSError, zipfile.BadZipFile) as error:
        reason = "there is no such file" if not os.path.exists(path) else f"it is no npz file ({error})"
        raise StoreError(f"molecules {path!r}", reason, expected="an npz file of positions and charges") from None


def _array(path: str, name: str) -> np.ndarray[Any, np.dtype[Any]]:
    names = [known for known, *_ in _checksums(path)]
    if name not in names:
        raise StoreError(f"molecules {Path(path).name!r}", f"has no array {name!r}", expected=f"one of {names}", remedy=near(name, names),
                         code="VariableMissing")  # fmt: skip
    with np.load(path, allow_pickle=False) as file:
        found: np.ndarray[Any, np.dtype[Any]] = file[name]
    return found
