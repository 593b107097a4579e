"""Long forced runs written to zarr snapshot by snapshot, from checkpoint to checkpoint.

A source delivers a whole run at once, because a snapshot needs all time before it. This is for runs that are too long for that: each
snapshot is in the store as soon as it is made, the state of the run lies beside the store, and a run that was killed goes on
from there with the same bytes. The store is then data like any other (`scatflow.open_source`, process `open_zarr`).
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scatflow.arrays import Namespace, asnumpy, default_provider, provider, usable_threads
from scatflow_processes.flow_forced import Forced, State, at_rest, fields, states
from scatflow_processes.flow_kernels import grid
from scatflow_processes.flow_labels import VARIABLES, labels
from scatflow_processes.vorticity import invariants_of

SCHEME = 1
"""Version of the numbers: a checkpoint of another one is not continued."""


def stream(path: str | Path, run: Forced, seed: int = 0, realization: int = 0, threads: int | None = None) -> Path:
    """Run forced turbulence into a zarr store, or go on with a run that was interrupted.

    Parameters
    ----------
    path : path
        Store to write, zarr format 3. The state of the run is in ``PATH.checkpoint.npz`` until it is complete.
    run : Forced
        Parameters. Memory does not grow with the number of snapshots.
    seed, realization : int
        Seed of the ensemble and absolute index of this member, >= 0: the snapshots are those that the source
        ``forced_turbulence2d`` has there.
    threads : int, optional
        Threads of the transforms; the bytes do not depend on them. Default `scatflow.arrays.usable_threads`.

    Returns
    -------
    Path
        The store: ``vorticity``, ``u``, ``v`` with dims (realization, time, y, x), one chunk per snapshot, and NaN in snapshots
        still to come; at the end ``energy`` and ``enstrophy`` along ``record``, the time in s from rest through the
        spin-up to the last snapshot. The attribute ``state`` is ``incomplete`` or ``complete``.

    Raises
    ------
    FileExistsError
        If something else is at the path, or the checkpoint is of another run; the message says what differs.
    ValueError
        As `scatflow_processes.flow_forced.states`.

    Examples
    --------
    >>> import tempfile, xarray as xr
    >>> run = Forced(size=32, nu=1e-2, k_forcing=4, snapshots=2, spin_up=0.5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with xr.open_zarr(stream(f"{folder}/run.zarr", run), chunks=None) as store:
    ...         print(dict(store.vorticity.sizes), store.attrs["state"])
    {'realization': 1, 'time': 2, 'y': 32, 'x': 32} complete
    """
    store, xp = Path(path), _namespace(threads)
    mark = store.with_name(f"{store.name}.checkpoint.npz")
    identity = {**dataclasses.asdict(run), "seed": seed, "realization": realization, "scheme": SCHEME, "fft": xp.fft.signature}
    if mark.exists():
        state, record = _restore(mark, identity)
    elif store.exists():
        _check_ours(store, identity, "complete")
        return store
    else:
        state, record = at_rest(run, xp=xp), []
    following = states(run, seed, [realization], state, xp)  # before anything is written: a bad seed leaves nothing behind
    if not mark.exists():
        _checkpoint(mark, identity, state, record)
    tables = grid(run.size, run.box, run.dtype)
    for later in following:
        now = invariants_of(tables, later.spectrum)
        record.append((float(now.energy[0]), float(now.enstrophy[0])))
        _write(store, run, identity, later)
        _checkpoint(mark, identity, later, record)
    _complete(store, run, identity, record)
    mark.unlink()
    return store


def _namespace(threads: int | None) -> Namespace:
    """Return NumPy's namespace with transforms of several threads, which operators never have but a single long run needs."""
    library = importlib.import_module("array_api_compat.numpy")
    return Namespace(library, provider(default_provider(), usable_threads() if threads is None else threads))


def _restore(mark: Path, identity: dict[str, Any]) -> tuple[State, list[tuple[float, float]]]:
    with np.load(mark) as saved:
        _check_same(mark, json.loads(str(saved["identity"])), identity)
        record = [(float(energy), float(enstrophy)) for energy, enstrophy in saved["record"]]
        return State(int(saved["intervals"]), saved["spectrum"], saved["amplitudes"]), record


def _checkpoint(mark: Path, identity: dict[str, Any], state: State, record: Sequence[tuple[float, float]]) -> None:
    """Replace the checkpoint by a newer one, in one move, so that a kill leaves one of them whole."""
    fresh = mark.with_name(f"{mark.name}.part")
    with fresh.open("wb") as file:
        np.savez(
            file,
            identity=np.asarray(json.dumps(identity)),
            intervals=state.intervals,
            spectrum=asnumpy(state.spectrum),
            amplitudes=state.amplitudes,
            record=np.asarray(record, dtype=np.float64).reshape(-1, 2),
        )
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, mark)


def _check_same(place: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    differ = [f"{key}: {found.get(key)!r} there, {value!r} asked for" for key, value in wanted.items() if found.get(key) != value]
    if differ:
        raise FileExistsError(f"{str(place)!r} belongs to another run ({'; '.join(differ)}): take another path, or remove it")


def _check_ours(store: Path, identity: dict[str, Any], admitted: str) -> None:
    """Refuse what is at the path unless it is this very run, in this state."""
    import xarray as xr

    try:
        with xr.open_zarr(store, chunks=None, consolidated=False) as opened:
            found = json.loads(opened.attrs["run"]) if opened.attrs.get("state") == admitted else None
    except (OSError, ValueError, KeyError):
        found = None
    if found is None:
        raise FileExistsError(f"{str(store)!r} exists and is no run that is {admitted}: take another path, or remove it")
    _check_same(store, found, identity)


def _write(store: Path, run: Forced, identity: dict[str, Any], state: State) -> None:
    """Write the snapshot of a state, if it is one; the first one makes the store."""
    import xarray as xr

    index = state.intervals - run.intervals_before
    if index < 0:
        return
    if index == 0:
        _create(store, run, identity)
    found = {name: (("realization", "time", "y", "x"), block[:, None]) for name, block in fields(run, state).items()}
    xr.Dataset(found).to_zarr(store, region={"time": slice(index, index + 1)}, mode="r+", consolidated=False)


def _create(store: Path, run: Forced, identity: dict[str, Any]) -> None:
    """Write labels and metadata of all snapshots, and no data, under another name first: the store is there whole or not at all."""
    import xarray as xr

    if store.exists():  # the run was killed between the store's first snapshot and the checkpoint after it
        _check_ours(store, identity, "incomplete")
        return
    specs = labels(run.size, run.box, run.dtype, {**run.attrs(), "seed": identity["seed"]}, _times(run))
    coords = {name: (coord.dims, coord.values, dict(coord.attrs)) for name, coord in specs["u"].coords.items()}
    coords["realization"] = (("realization",), np.asarray([identity["realization"]]), {"long_name": "realization", "units": "1"})
    nothing = np.asarray(np.nan, dtype=run.dtype)  # broadcast: takes no memory, is never written
    variables = {
        name: (("realization", *spec.dims), np.broadcast_to(nothing, (1, *spec.shape)), dict(spec.attrs))
        for name, spec in specs.items()
    }
    empty = xr.Dataset(variables, coords, _attrs(identity, "incomplete")).chunk({"time": 1}, token="empty")
    encoding = {name: {"chunks": (1, 1, run.size, run.size), "fill_value": float("nan")} for name in VARIABLES}
    encoding["time"] = {"chunks": (run.snapshots,)}
    fresh = store.with_name(f"{store.name}.part")
    shutil.rmtree(fresh, ignore_errors=True)
    empty.to_zarr(fresh, mode="w", compute=False, zarr_format=3, consolidated=False, encoding=encoding)
    fresh.rename(store)


def _complete(store: Path, run: Forced, identity: dict[str, Any], record: Sequence[tuple[float, float]]) -> None:
    """Add the record of the whole run, remove what killed processes left of their writes, and declare the store complete."""
    import xarray as xr

    for left in [path for path in store.rglob("*.partial") if path.is_file()]:  # zarr's name for a chunk until it is whole
        left.unlink()
    energy, enstrophy = np.asarray(record).T
    variables = {
        "energy": ("record", energy, {"units": "m2/s2", "long_name": "half the mean square of the velocity"}),
        "enstrophy": ("record", enstrophy, {"units": "1/s2", "long_name": "half the mean square of the vorticity"}),
    }
    coords = {"record": ("record", run.times(range(1, run.intervals + 1)), {"units": "s", "long_name": "time since rest"})}
    with warnings.catch_warnings():
        # Format 3 has no consolidation in its specification yet; xarray warns readers where it is missing, and zarr writers where not.
        warnings.filterwarnings("ignore", "Consolidated metadata", UserWarning)
        xr.Dataset(variables, coords, _attrs(identity, "complete")).to_zarr(store, mode="a", consolidated=True)


def _attrs(identity: dict[str, Any], state: str) -> dict[str, str]:
    return {"title": "forced two-dimensional turbulence", "state": state, "run": json.dumps(identity)}


def _times(run: Forced) -> list[float]:
    return run.times(range(run.intervals_before, run.intervals + 1))


def main(words: Sequence[str] | None = None) -> None:
    """Run ``python -m scatflow_processes.snapshots STORE --size N ...``, every parameter of `Forced` being an option."""
    parser = argparse.ArgumentParser(prog="python -m scatflow_processes.snapshots", description=__doc__.partition("\n")[0])
    parser.add_argument("store", help="zarr store to write; the same words continue an interrupted run")
    kinds: dict[str, Any] = {"size": int, "snapshots": int, "dtype": str}
    for item in dataclasses.fields(Forced):
        needed = item.default is dataclasses.MISSING
        option = f"--{item.name.replace('_', '-')}"
        parser.add_argument(option, type=kinds.get(item.name, float), required=needed, default=None if needed else item.default)
    for name in ("seed", "realization", "threads"):
        parser.add_argument(f"--{name}", type=int, default=None if name == "threads" else 0)
    asked = vars(parser.parse_args(words))
    others = {name: asked.pop(name) for name in ("store", "seed", "realization", "threads")}
    stream(others.pop("store"), Forced(**asked), **others)


if __name__ == "__main__":
    main()
