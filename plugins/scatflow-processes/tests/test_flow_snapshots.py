"""Streamed runs: the source's bytes, kills, resumption, strangers at the path, and the store in a pipeline."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from scatflow import Pipeline, open_source
from scatflow_processes import snapshots
from scatflow_processes.flow_forced import Forced
from scatflow_processes.snapshots import main, stream
from scatflow_processes.sources.flows import ForcedTurbulence2D

RUN = Forced(size=32, nu=1e-2, k_forcing=4.0, spin_up=0.5, snapshots=3, correlation_time=0.1)


def chunks(store: Path) -> dict[str, bytes]:
    """Return the bytes of every file of a store."""
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted(store.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stream(tmp_path_factory.mktemp("whole") / "run.zarr", RUN, seed=4, realization=2)


def test_the_store_is_the_source(whole: Path) -> None:
    source = ForcedTurbulence2D(
        size=32, nu=1e-2, k_forcing=4.0, spin_up=0.5, snapshots=3, correlation_time=0.1, seed=4, realizations=3
    )
    with xr.open_zarr(whole, chunks=None) as store:
        for name, spec in source.describe().items():
            np.testing.assert_array_equal(store[name].values, source.read({"realization": slice(2, 3)}, name))
            assert dict(store[name].attrs) == dict(spec.attrs) and store[name].dims == spec.dims
        for dim in ("time", "y", "x"):
            np.testing.assert_array_equal(store[dim].values, spec.coords[dim].values)
            assert dict(store[dim].attrs) == dict(spec.coords[dim].attrs)
        assert store.realization.values.tolist() == [2] and store.attrs["state"] == "complete"
        assert store.record.size == RUN.intervals
        last = 0.5 * (store.vorticity.isel(time=-1).astype("f8") ** 2).mean()
        assert float(store.enstrophy[-1]) == pytest.approx(float(last), rel=1e-5)
        assert float(store.record[-1]) == pytest.approx(float(store.time[-1]))


def test_the_store_opens_in_a_pipeline(whole: Path, tmp_path: Path) -> None:
    u = open_source(whole, "u")
    assert u.chunks[1] == (1, 1, 1) and u.x.attrs["period"] == RUN.box
    graph = {
        "u": {"process_id": "open_zarr", "arguments": {"path": str(whole), "variable": "u"}},
        "mean": {"process_id": "absolute", "arguments": {"x": {"from_node": "u"}}, "result": True},
    }
    result = Pipeline.from_document({"process_graph": graph}).run(tmp_path / "result.zarr")
    (name,) = result.data_vars
    np.testing.assert_array_equal(result[name].values, np.abs(u.values))


def test_threads_do_not_change_the_bytes(whole: Path, tmp_path: Path) -> None:
    other = stream(tmp_path / "run.zarr", RUN, seed=4, realization=2, threads=3)
    assert chunks(other) == chunks(whole)


def test_a_complete_run_is_left_alone(whole: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    assert stream(whole, RUN, seed=4, realization=2) == whole
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*")} == before


class Killed(BaseException):
    """Ends a run where a test wants it to."""


@pytest.mark.parametrize("place", ["_write", "_checkpoint", "_create", "_complete"])
@pytest.mark.parametrize("late", [False, True])
def test_a_run_that_ends_anywhere_goes_on(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, late: bool
) -> None:
    """Every call of every function that writes ends one try, before or after its work."""
    real = getattr(snapshots, place)
    ended: set[int] = set()

    def ends_once(*arguments: object) -> None:
        state = next((item.intervals for item in arguments if hasattr(item, "intervals") and hasattr(item, "spectrum")), -1)
        if late:
            real(*arguments)
        if state not in ended:
            ended.add(state)
            raise Killed
        if not late:
            real(*arguments)

    monkeypatch.setattr(snapshots, place, ends_once)
    target = tmp_path / "run.zarr"
    for _ in range(2 * RUN.intervals + 4):
        try:
            stream(target, RUN, seed=4, realization=2)
        except Killed:
            continue
        break
    assert ended
    assert chunks(target) == chunks(whole)
    assert [path.name for path in tmp_path.iterdir()] == ["run.zarr"]


def test_a_killed_process_goes_on_with_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    target, mark = tmp_path / "run.zarr", tmp_path / "run.zarr.checkpoint.npz"
    long = replace(RUN, snapshots=20)
    words = ["--size=32", "--nu=1e-2", "--k-forcing=4", "--spin-up=0.5", "--snapshots=20", "--correlation-time=0.1"]
    command = [sys.executable, "-m", "scatflow_processes.snapshots", str(target), *words, "--seed", "4", "--realization", "2"]
    kills = 0
    for wanted in (1, 6):
        process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
        limit = time.monotonic() + 240
        while process.poll() is None and time.monotonic() < limit:
            if (target / "u" / "c" / "0" / str(wanted)).exists():
                process.send_signal(signal.SIGKILL)
            time.sleep(0.002)  # polling a foreign process: there is no event to wait for
        kills += process.wait() == -signal.SIGKILL
    assert kills == 2
    assert mark.exists()
    with xr.open_zarr(target, chunks=None, consolidated=False) as store:
        assert store.attrs["state"] == "incomplete"
        assert np.isfinite(store.u[0, 0]).all() and np.isnan(store.u[0, -1]).all()
    (target / "u" / "c" / "0" / "1" / "0" / "0.d570cbbf41fb433b.partial").touch()  # as a kill within a write leaves it
    main([*command[3:], "--threads", "2"])
    assert not mark.exists()
    undisturbed = stream(tmp_path / "undisturbed.zarr", long, seed=4, realization=2)
    assert chunks(target) == chunks(undisturbed)
    with xr.open_zarr(target, chunks=None) as store, xr.open_zarr(whole, chunks=None) as short:
        np.testing.assert_array_equal(store.u[:, :3], short.u)


def test_strangers_are_refused(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match=r"another run \(.*seed: 4 there, 5 asked for"):
        stream(whole, RUN, seed=5, realization=2)
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(FileExistsError, match="no run that is complete"):
        stream(tmp_path / "a.zarr", RUN)
    xr.Dataset({"u": ("x", np.zeros(3))}).to_zarr(tmp_path / "b.zarr", consolidated=False)
    with pytest.raises(FileExistsError, match="no run that is complete"):
        stream(tmp_path / "b.zarr", RUN)
    assert xr.open_zarr(tmp_path / "b.zarr", chunks=None, consolidated=False).u.size == 3


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(*arguments: object) -> None:
        raise Killed

    monkeypatch.setattr(snapshots, "_complete", ends)
    with pytest.raises(Killed):
        stream(tmp_path / "run.zarr", RUN)
    with pytest.raises(FileExistsError, match=r"nu: 0\.01 there, 0\.02 asked for"):
        stream(tmp_path / "run.zarr", replace(RUN, nu=2e-2))


def test_a_stranger_that_came_during_the_spin_up_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(*arguments: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "_create", ends)
        with pytest.raises(Killed):
            stream(tmp_path / "run.zarr", RUN)
    (tmp_path / "run.zarr").mkdir()
    (tmp_path / "run.zarr" / "thesis.tex").write_text("all of it")
    with pytest.raises(FileExistsError, match="no run that is incomplete"):
        stream(tmp_path / "run.zarr", RUN)
    assert (tmp_path / "run.zarr" / "thesis.tex").read_text() == "all of it"


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"realization": -1}])
def test_a_bad_index_leaves_nothing_behind(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must be >= 0"):
        stream(tmp_path / "run.zarr", RUN, **wrong)
    assert not list(tmp_path.iterdir())


def test_the_command_says_what_is_missing(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["run.zarr"])
    assert "--size" in capsys.readouterr().err
