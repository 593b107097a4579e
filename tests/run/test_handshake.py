"""Workers compute what this process would, or the job does not start: single files are sent, other code is refused."""

from __future__ import annotations

import copy
import importlib
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr
from distributed import Client, LocalCluster

import hats
import scatflow as sf
from fake_plugins import pointwise
from scatflow import cluster
from scatflow.cluster.code import roots
from scatflow.cluster.fingerprint import ABSENT, AS_HELD, Wanted, fingerprint, wanted
from scatflow.cluster.handshake import _differences, _listed
from scatflow.contract import Pointwise, operator
from scatflow.errors import JobError
from scatflow.registry import Registry, using


def document(process: str, items: int = 12) -> dict[str, Any]:
    return {"process_graph": {
        "u": {"process_id": "toy_noise", "arguments": {"items": items, "size": 8}},
        "h": {"process_id": process, "arguments": {"data": {"from_node": "u"}}, "result": True},
    }}  # fmt: skip


@contextmanager
def workers(count: int, preload: str | None = None) -> Iterator[Any]:
    """Start worker processes; ``preload`` is code that each runs before anything else."""
    with (
        dask.config.set({**cluster.SETTINGS, "distributed.worker.preload": [] if preload is None else [preload]}),
        LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address="127.0.0.1:0") as started,
        Client(started) as client,
    ):
        yield client


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Path]:
    """A single-file plugin beside the toys."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "hats.py").write_text(pointwise("own_hat", body="blocks[0] * 2"))
    yield folder
    for name in [name for name in sys.modules if name.startswith("local_")]:
        del sys.modules[name]


def test_a_single_file_runs_on_workers_and_survives_their_deaths(
    mine: Path, tmp_path: Path, kill_worker: Callable[[Any], int]
) -> None:
    with using(Registry([EntryPoint("toys", "toy_plugin", "scatflow")], local=mine)), workers(2) as client:
        job = sf.Pipeline(document("own_hat", items=30))
        killed: list[int] = []

        def kill_one(event: Any) -> None:
            if event["event"] == "region" and event["done"] in (5, 15):
                killed.append(kill_worker(client))

        result = job.run(tmp_path / "out.zarr", client=client, region={"item": 1}, progress=kill_one)
        assert len(set(killed)) == 2
        np.testing.assert_array_equal(next(iter(result.data_vars.values())), job.lazy().compute(scheduler="sync"))
        # Another text is another module, sent beside the first.
        (mine / "hats.py").write_text(pointwise("own_hat", body="blocks[0] * 3"))
        with using(Registry([EntryPoint("toys", "toy_plugin", "scatflow")], local=mine)):
            tripled = sf.Pipeline(document("own_hat")).run(tmp_path / "tripled.zarr", client=client)
        ratio = next(iter(tripled.data_vars.values()))[0] / next(iter(result.data_vars.values()))[0]
        np.testing.assert_allclose(ratio, 1.5)


@pytest.fixture
def two_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Path]]:
    """A module with an operator here, and another text of it elsewhere."""
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, body in ((here, "blocks[0] + 1"), (there, "blocks[0] + 2")):
        folder.mkdir()
        (folder / "drifting.py").write_text(pointwise("drifting", body=body))
    (here / "drifting_plugin.py").write_text(
        "from scatflow import hookimpl\n@hookimpl\ndef scatflow_operators(): return {'drifting': 'drifting:Drifting'}\n"
    )
    monkeypatch.syspath_prepend(str(here))
    importlib.invalidate_caches()
    with using(drifting()):
        yield here, there
    for name in ("drifting", "drifting_gain", "drifting_plugin"):
        sys.modules.pop(name, None)


def drifting() -> Registry:
    """Return a registry of the toys and an operator whose modules have not been imported yet."""
    for name in ("drifting", "drifting_gain", "drifting_plugin"):
        sys.modules.pop(name, None)
    return Registry([EntryPoint("toys", "toy_plugin", "scatflow"), EntryPoint("d", "drifting_plugin", "scatflow")])


def test_workers_with_another_text_are_refused_and_named(two_texts: tuple[Path, Path], tmp_path: Path) -> None:
    preload = f"import sys\nsys.path.insert(0, {str(two_texts[1])!r})\n"
    with workers(2, preload) as client:
        with pytest.raises(JobError) as caught:
            sf.Pipeline(document("drifting")).run(tmp_path / "out.zarr", client=client)
        addresses = list(client.scheduler_info()["workers"])
    text = str(caught.value)
    assert caught.value.code == "WorkersDiffer" and text.startswith("2 of 2 workers: would not compute what this process does")
    assert all(address in text for address in addresses) and not (tmp_path / "out.zarr").exists()
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    assert [line.partition(":")[0] for line in lines] == ["drifting, source"]
    assert all(": here " in line and ", there " in line for line in lines)


#: What functions can be made of, of which no code object tells; the last one lies in a module of its own.
HEAD = "import functools\nfrom scatflow import Pointwise, operator\n"
BODY = """
@operator("drifting", version=1, signature="()->()")
class Drifting(Pointwise):
    '''Multiplies.'''

    def apply(self, xp, *blocks):
        return blocks[0] * gain()
"""
GAINS = {
    "a constant": "GAIN = {}\ndef gain(): return GAIN\n",
    "a default": "def gain(by={}): return by\n",
    "a closure": "def make(by):\n    def gain(): return by\n    return gain\ngain = make({})\n",
    "a partial": "def _gain(by): return by\ngain = functools.partial(_gain, {})\n",
    "another module": "from drifting_gain import gain\n",
}


def write_gain(folder: Path, text: str, by: int) -> None:
    (folder / "drifting.py").write_text(HEAD + text.format(by) + BODY)
    (folder / "drifting_gain.py").write_text(f"def gain(): return {by}\n")
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    importlib.invalidate_caches()


def test_workers_that_are_older_than_a_change_are_refused(two_texts: tuple[Path, Path], tmp_path: Path) -> None:
    """They have the old code in memory while the files, which both read, are the new ones."""
    here, _ = two_texts
    for word, text in GAINS.items():
        write_gain(here, text, 2)
        with workers(1) as client:
            assert next(iter(client.run(lambda: importlib.import_module("drifting").gain()).values())) == 2
            write_gain(here, text, 3)
            module = "drifting_gain" if word == "another module" else "drifting"
            with using(drifting()), pytest.raises(JobError, match=f"there {module} changed since it was loaded") as caught:
                sf.Pipeline(document("drifting")).run(tmp_path / "out.zarr", client=client)
            assert "source" not in str(caught.value) and "restart workers" in str(caught.value)


def test_workers_with_another_helper_are_refused(two_texts: tuple[Path, Path], tmp_path: Path) -> None:
    for folder, by in zip(two_texts, (2, 3), strict=True):
        write_gain(folder, GAINS["another module"], by)
    with workers(1, f"import sys\nsys.path.insert(0, {str(two_texts[1])!r})\n") as client, using(drifting()):
        with pytest.raises(JobError, match="drifting_gain, source: here") as caught:
            sf.Pipeline(document("drifting")).run(tmp_path / "out.zarr", client=client)
        assert "drifting, source" not in str(caught.value)


def test_a_module_that_is_written_and_imported_or_reloaded_later_is_current(two_texts: tuple[Path, Path], tmp_path: Path) -> None:
    """As in a notebook: installed while it runs, imported by hand, edited and reloaded."""
    here, _ = two_texts
    with workers(1) as client:
        client.run(lambda: importlib.import_module("scatflow"))
        for by in (2, 3):
            write_gain(here, GAINS["a constant"], by)
            for where in (client.run, lambda call: call()):
                where(lambda: importlib.reload(importlib.import_module("drifting")))
            with using(drifting()):
                sf.Pipeline(document("drifting")).run(tmp_path / f"{by}.zarr", client=client)


def test_a_process_that_is_older_than_a_change_compares_nothing(two_texts: tuple[Path, Path], tmp_path: Path) -> None:
    here, _ = two_texts
    with using(drifting()):
        pipeline = sf.Pipeline(document("drifting"))
        with workers(1) as client:
            pipeline.run(tmp_path / "fine.zarr", client=client)
            (here / "drifting.py").write_text(pointwise("drifting", body="blocks[0] + 3"))
            with pytest.raises(JobError, match="drifting changed since it was loaded"):
                pipeline.run(tmp_path / "out.zarr", client=client)


def test_workers_that_lack_or_cannot_import_a_module_are_refused(two_texts: tuple[Path, Path], tmp_path: Path) -> None:
    here, there = two_texts
    for text, words in ((None, "No module named 'drifting'"), ("raise SystemExit(4)\n", "SystemExit: 4")):
        if text is not None:
            (there / "drifting.py").write_text(text)
        preload = f"import sys\nsys.path[:] = [p for p in sys.path if p != {str(here)!r}]\n"
        preload += "" if text is None else f"sys.path.insert(0, {str(there)!r})\n"
        with workers(1, preload) as client, pytest.raises(JobError, match="1 of 1 workers") as caught:
            sf.Pipeline(document("drifting")).run(tmp_path / "out.zarr", client=client)
        assert words in str(caught.value)


# Without workers --------------------------------------------------------------------------------------------------------


def test_what_is_wanted_of_values() -> None:
    with hats.release(hats.KEPT):
        found = {(one.module, one.name, one.dist) for one in wanted([hats.Combed(filters="comb"), hats.Ones2(), hats.Hat1()])}
    assert found == {("hats", name, "") for name in ("Combed", "Comb2", "Ones2", "Hat1")}


def test_bases_and_distributions_are_wanted_too() -> None:
    from scatflow_wavelet.wavelet import Wavelet

    with using(Registry()):
        found = {(one.module, one.name): one.dist for one in wanted([Wavelet()])}
    assert found["scatflow_wavelet.wavelet", "Wavelet"] == "scatflow-wavelet" == found["scatflow_wavelet.morlet", "Morlet"]
    assert ("scatflow_wavelet.parameters", "BankParameters") in found and not any(
        module.startswith("scatflow.") for module, _ in found
    )


def test_a_fingerprint_never_raises() -> None:
    classes = [Wanted("no_such_module", "A"), Wanted("json", "NoSuch"), Wanted("toys", "Flip", "no-such-dist")]
    said = fingerprint(classes, ("toys", "no_such_module"), "scipy")
    assert said["no_such_module:A, version"].startswith(f"{ABSENT}ModuleNotFoundError")
    assert said["json:NoSuch, version"].startswith(ABSENT) and said["no-such-dist"].startswith(ABSENT)
    assert said["toys:Flip, version"] == "1" and not said["toys, source"].startswith(ABSENT)
    assert said["toys, loaded"] == AS_HELD and said["no_such_module, source"].startswith(ABSENT)


def test_the_same_code_has_the_same_digest_in_another_process() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); from scatflow.cluster import Wanted, fingerprint; import json; "
    code += "from scatflow.cluster.code import roots; modules = ['toys', 'scatflow_wavelet.morlet']; "
    code += "print(json.dumps(fingerprint([Wanted('toys', 'Flip'), Wanted(modules[1], 'Morlet')], roots(modules), 'scipy')))"
    classes, files = (
        [Wanted("toys", "Flip"), Wanted("scatflow_wavelet.morlet", "Morlet")],
        roots(["toys", "scatflow_wavelet.morlet"]),
    )
    assert files == ("scatflow", "scatflow_arrays", "scatflow_wavelet", "toys")  # with what these depend on
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code, str(Path(__file__).parents[1])], env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert json.loads(done.stdout) == fingerprint(classes, files, "scipy")


@pytest.mark.parametrize(
    ("name", "module", "words"),
    [
        ("Main", "__main__", "defined in __main__"),
        ("Inner", "toys", "cannot be imported by its name"),
        ("Odd", "nowhere", "No module named"),
    ],
)
def test_classes_that_exist_here_alone_are_refused(name: str, module: str, words: str) -> None:
    @operator("alone", version=1, signature="()->()")
    class Alone(Pointwise):
        """Nobody else has it."""

    Alone.__module__, Alone.__qualname__ = module, name
    with using(Registry([])), pytest.raises(JobError, match=words):
        cluster.handshake(None, [Alone()], "scipy")  # type: ignore[arg-type]


def test_differences_of_many_workers_are_few_lines() -> None:
    lines = tuple(_differences({"numpy": "2.0", "a": "1"}, {"numpy": "2.1"}))
    assert lines == ("numpy: here 2.0, there 2.1", f"a: here 1, there {ABSENT}it is not asked there")
    text = _listed({lines: [f"tcp://w{n}" for n in range(20)], ("b: here 1, there 2",): ["tcp://x"]})
    assert text.splitlines() == [
        "", "  tcp://w0, tcp://w1, tcp://w2, tcp://w3, tcp://w4, tcp://w5, tcp://w6, tcp://w7 and 12 more",
        *(f"    {line}" for line in lines), "  tcp://x", "    b: here 1, there 2",
    ]  # fmt: skip
    assert list(_differences({}, OSError("lost"))) == ["the worker cannot tell: OSError: lost"]


def test_a_value_of_a_single_file_brings_its_text(mine: Path, tmp_path: Path) -> None:
    hat = Registry([], local=mine).find("operators", "own_hat")(dtype="float32")
    assert copy.copy(hat) == hat == copy.deepcopy(hat) and pickle.loads(pickle.dumps(hat)) == hat
    (tmp_path / "hat.pickle").write_bytes(pickle.dumps([hat, hat]))
    code = "import pickle, sys; one, other = pickle.load(open(sys.argv[1], 'rb')); print(one.dtype, one.token(), one == other)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "hat.pickle")], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.split() == ["float32", hat.token(), "True"]


def test_a_single_file_is_computed_on_workers_without_a_job(mine: Path) -> None:
    with using(Registry([], local=mine)), workers(1) as client:
        lazy = sf.ops.own_hat(xr.DataArray(np.ones(4), dims="x").chunk(x=2))
        assert client.compute(lazy.sum().data).result(timeout=60) == 8
        assert lazy.compute().sum() == 8  # the client's workers again, and none of them has died
        assert len(client.scheduler_info()["workers"]) == 1
