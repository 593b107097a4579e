"""Workers compute what this process would, or the job does not start: single files are sent, other code is refused."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
from distributed import Client, LocalCluster

import hats
import scatflow as sf
from fake_plugins import pointwise
from scatflow import cluster
from scatflow.cluster.fingerprint import ABSENT, Wanted, fingerprint, wanted
from scatflow.cluster.handshake import LocalModule, _differences, _listed
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


def test_a_single_file_runs_on_workers_and_survives_their_deaths(mine: Path, tmp_path: Path) -> None:
    with using(Registry([EntryPoint("toys", "toy_plugin", "scatflow")], local=mine)) as book, workers(2) as client:
        job = sf.Pipeline(document("own_hat", items=30))
        name = book.find("operators", "own_hat").__module__
        killed: list[int] = []

        def kill_one(event: Any) -> None:
            if event["event"] == "region" and event["done"] in (5, 15):
                killed.append(next(iter(client.run(os.getpid).values())))
                os.kill(killed[-1], signal.SIGKILL)

        result = job.run(tmp_path / "out.zarr", client=client, region={"item": 1}, progress=kill_one)
        assert len(set(killed)) == 2
        np.testing.assert_array_equal(next(iter(result.data_vars.values())), job.lazy().compute(scheduler="sync"))
        job.run(tmp_path / "again.zarr", client=client)
        registered = client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.worker_plugins))
        assert [plugin for plugin in registered if plugin.startswith("scatflow")] == [f"scatflow-{name}"]
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
    points = [EntryPoint("toys", "toy_plugin", "scatflow"), EntryPoint("d", "drifting_plugin", "scatflow")]
    with using(Registry(points)):
        yield here, there
    for name in ("drifting", "drifting_plugin"):
        sys.modules.pop(name, None)


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
    assert [line.partition(":")[0] for line in lines] == ["drifting, source", "drifting, code"]
    assert all(": here " in line and ", there " in line for line in lines)


def test_workers_that_are_older_than_a_change_are_refused(two_texts: tuple[Path, Path], tmp_path: Path) -> None:
    """They have the old code in memory while the source, which both read, is the new one."""
    here, _ = two_texts
    with workers(1) as client:
        client.run(lambda: bool(importlib.import_module("drifting")))
        (here / "drifting.py").write_text(pointwise("drifting", body="blocks[0] + 1 + 1"))
        importlib.invalidate_caches()
        with pytest.raises(JobError, match="drifting, code: here") as caught:
            sf.Pipeline(document("drifting")).run(tmp_path / "out.zarr", client=client)
        assert "drifting, source" not in str(caught.value) and "restart workers" in str(caught.value)


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
    said = fingerprint([Wanted("no_such_module", "A"), Wanted("json", "NoSuch"), Wanted("toys", "Flip", "no-such-dist")], "scipy")
    assert said["no_such_module:A, version"].startswith(f"{ABSENT}ModuleNotFoundError")
    assert said["json:NoSuch, version"].startswith(ABSENT) and said["no-such-dist"].startswith(ABSENT)
    assert said["toys:Flip, version"] == "1" and not said["toys, source"].startswith(ABSENT) and said["toys, code"]


def test_the_same_code_has_the_same_digest_in_another_process() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); from scatflow.cluster import Wanted, fingerprint; import json; "
    code += "print(json.dumps(fingerprint([Wanted('toys', 'Flip'), Wanted('scatflow_wavelet.morlet', 'Morlet')], 'scipy')))"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code, str(Path(__file__).parents[1])], env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert json.loads(done.stdout) == fingerprint(
            [Wanted("toys", "Flip"), Wanted("scatflow_wavelet.morlet", "Morlet")], "scipy"
        )


def test_code_of_rewritten_assertions_is_not_compared() -> None:
    ours, theirs = {"m, code": "", "m, source": "1"}, {"m, code": "abc", "m, source": "1"}
    assert list(_differences(ours, theirs)) == [] == list(_differences(theirs, ours))
    here = fingerprint([Wanted(Here.__module__, "Here")], "scipy")
    assert here[f"{Here.__module__}, code"] == "" and here[f"{Here.__module__}:Here, version"] == "1"


@operator("here", version=1, signature="()->()")
class Here(Pointwise):
    """An operator in a module of tests."""

    def apply(self, xp: Any, *blocks: Any) -> Any:
        assert blocks
        return blocks[0]


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


class Foreign:
    """A cluster whose workers or scheduler lack scatflow."""

    def __init__(self, workers: bool, scheduler: bool) -> None:
        self.workers, self.scheduler, self.registered = workers, scheduler, []

    def run(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        return {"tcp://a": True, "tcp://b": True if self.workers else ModuleNotFoundError("scatflow")}

    def run_on_scheduler(self, *arguments: Any) -> None:
        if not self.scheduler:
            raise ModuleNotFoundError("scatflow")

    def register_plugin(self, plugin: Any, name: str) -> None:
        self.registered.append(name)
        raise OSError("a worker is gone")


def test_nothing_is_left_on_workers_that_cannot_load_it(mine: Path) -> None:
    book = Registry([], local=mine)
    hat = Wanted(book.find("operators", "own_hat").__module__, "OwnHat")
    cluster.ship(lacking := Foreign(workers=False, scheduler=True), [hat])  # type: ignore[arg-type]
    assert lacking.registered == []
    with pytest.raises(JobError, match="scheduler: cannot take"):
        cluster.ship(Foreign(workers=True, scheduler=False), [hat])  # type: ignore[arg-type]
    cluster.ship(able := Foreign(workers=True, scheduler=True), [hat, Wanted("toys", "Flip")])  # type: ignore[arg-type]
    assert able.registered == [f"scatflow-{hat.module}"]


def test_setting_up_a_worker_twice_changes_nothing() -> None:
    plugin = LocalModule({"local_x_0123456789ab": ("/nowhere/x.py", b"X = 1\n")})
    plugin.setup(None)
    plugin.setup(None)
    try:
        assert importlib.import_module("local_x_0123456789ab").X == 1
        assert sum(type(finder).__name__ == "_Finder" and hasattr(finder, "sources") for finder in sys.meta_path) == 1
    finally:
        del sys.modules["local_x_0123456789ab"]
