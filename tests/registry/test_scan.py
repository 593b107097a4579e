"""Listing plugins in a process of their own: whatever they do to it, each is listed and this process loads none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fake_plugins import BAD, HOOK, Folder, operators
from scatflow.errors import ParameterError
from scatflow.registry import Choice, Plugin, Policy, Registry
from scatflow.registry.scan import scan

OURS = ("scatflow-*",)


def found(choice: Choice | None = None, limit: float = 20.0) -> dict[str, Plugin]:
    """Return the fake plugins: the child sees those installed too."""
    listed = scan(choice or Choice(Policy(deny=OURS)), limit)
    return {plugin.dist: plugin for plugin in listed if not plugin.dist.startswith("scatflow-")}


def test_a_scan_tells_what_a_registry_would(folder: Folder) -> None:
    for kind in BAD:
        folder.dist(f"bad-{kind}", BAD[kind][0])
    for name in ("acme", "beta"):
        folder.dist(name, operators(hat='"m:Hat"'), direct_url={"url": "file:///x", "dir_info": {"editable": True}})
    folder.dist("denied", operators(hat='"m:Hat"'))
    policy = Policy(deny=("denied", *OURS), blocked=("beta",))
    listed = found(Choice(policy))
    assert not set(sys.modules) & {f"{name.replace('-', '_')}_plugin" for name in listed}
    loaded = {plugin.dist: plugin for plugin in Registry(policy=policy).plugins}
    assert list(listed) == list(loaded)
    for name, plugin in loaded.items():
        assert listed[name].to_dict() | {"seconds": 0} == plugin.to_dict() | {"seconds": 0}


#: What a plugin may do to the process that loads it -> words of the reason.
DEADLY = {
    "leaves": ("import os\nos._exit(7)\n", "ended with exit code 7"),
    "crashes": ("import ctypes\nctypes.string_at(0)\n", "killed by SIGSEGV"),
    "aborts": ("import os\nos.abort()\n", "killed by SIGABRT"),
    "killed": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", "killed by SIGKILL"),
    "loops": ("while True: pass\n", "not loaded within 1.5 s"),
    "sleeps": ("import time\ntime.sleep(1e6)\n", "not loaded within 1.5 s"),
    "stubborn": (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(1e6)\n",
        "not loaded within 1.5 s",
    ),
    "late": (f"{HOOK}\n@hookimpl\ndef scatflow_operators():\n    import os\n    os._exit(0)\n", "ended with exit code 0"),
}


#: What a plugin may say to its parent.
GARBAGE = {
    "pipes": "import os\nfor number in range(3, 64):\n    try: os.write(number, b'garbage\\n')\n    except OSError: pass\n",
    "json": "import json\njson.JSONEncoder.encode = json.encoder.JSONEncoder.iterencode = lambda *_, **__: 'garbage'\n",
    "shape": "import os\nfor number in range(3, 64):\n    try: os.write(number, b'{\"plugin\": 3}\\n')\n    except OSError: pass\n",
}


def test_whatever_disturbs_the_messages_is_listed_and_the_rest_is_too(folder: Folder) -> None:
    for name, text in GARBAGE.items():
        folder.dist(name, text)
    folder.dist("patches", "import json\njson.dumps = lambda *_, **__: 'garbage'\n")
    folder.dist("nested", operators(cap='"m:Cap"'), direct_url="[" * 100_000 + "]" * 100_000)
    for name in ("acme", "zeta"):
        folder.dist(name, operators(**{f"hat_{name}": '"m:Hat"'}))
    listed = found()
    assert {name for name, plugin in listed.items() if plugin.state == "active"} == {"acme", "nested", "patches", "zeta"}
    assert all("disturbs the process" in listed[name].reason for name in GARBAGE) and listed["nested"].origin == "unknown"


def test_a_crash_does_not_load_the_others_again(folder: Folder) -> None:
    for name in ("acme", "zeta"):
        folder.dist(name, operators(**{f"hat_{name}": '"m:Hat"'}))
    folder.dist("beta", entries={"one": "beta_one", "two": "beta_two", "zero": "beta_zero"})
    folder.module("beta_one", operators(hat='"m:Hat"'))
    folder.module("beta_two", operators(hat='"m:Hat"'))
    folder.module("beta_zero", "import os\nos._exit(1)\n")
    listed = scan(Choice(Policy(deny=OURS)))
    states = [(plugin.entry, plugin.state) for plugin in listed if plugin.dist == "beta"]
    assert states == [("one", "active"), ("two", "failed:spec"), ("zero", "failed:import")]
    assert sorted(folder.imported()) == ["acme_plugin", *["beta_one"] * 2, *["beta_two"] * 2, "beta_zero", "zeta_plugin"]


def test_whatever_kills_the_child_is_listed_and_the_rest_is_too(folder: Folder) -> None:
    for name, (text, _) in DEADLY.items():
        folder.dist(name, text)
    for name in ("acme", "zeta"):
        folder.dist(name, operators(**{f"hat_{name}": '"m:Hat"'}))
    listed = found(limit=1.5)
    assert list(listed) == sorted((*DEADLY, "acme", "zeta"))
    for name, (_, words) in DEADLY.items():
        assert listed[name].state == "failed:import" and words in listed[name].reason, listed[name]
        assert listed[name].version == "1.0" and listed[name].where == str(folder.path)
    assert listed["acme"].state == listed["zeta"].state == "active"
    assert listed["zeta"].names == {"operators": ("hat_zeta",)}


def test_the_output_of_plugins_does_not_mix_with_the_messages(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    folder.dist(
        "loud",
        "import os, subprocess\nprint('{\"end\": true}')\nos.write(1, b'by number\\n')\nsubprocess.run(['echo', 'by a child'])\n",
    )
    folder.dist(
        "noisy",
        "import atexit, threading, time\natexit.register(lambda: time.sleep(1e6))\nthreading.Thread(target=time.sleep, args=(1e6,)).start()\n",
    )
    assert {plugin.state for plugin in found().values()} == {"active"}
    out, err = capfd.readouterr()
    assert out == "" and all(words in err for words in ('"end"', "by number", "by a child"))


def test_processes_that_plugins_start_are_not_waited_for(folder: Folder) -> None:
    folder.dist("forks", "import os, time\nif os.fork() == 0:\n    time.sleep(1e6)\n")
    folder.dist("leaves", "import os\nos._exit(3)\n")
    listed = found()
    assert listed["forks"].state == "active" and "exit code 3" in listed["leaves"].reason


def test_a_plugin_that_interrupts_the_child_fails(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    folder.dist("acme", "raise KeyboardInterrupt\n")
    assert (found()["acme"].state, found()["acme"].reason) == ("failed:import", "KeyboardInterrupt")
    assert "Traceback" not in capfd.readouterr().err


def test_the_child_reads_nothing_from_ours(folder: Folder) -> None:
    folder.dist("asks", "input('password? ')\n")
    assert "EOFError" in found()["asks"].reason


def test_local_files_are_scanned(folder: Folder, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "leaves.py").write_text("import os\nos._exit(1)\n")
    (mine / "fine.py").write_text(operators(hat='"m:Hat"'))
    listed = scan(Choice(Policy(deny=OURS), mine))
    assert [(plugin.entry, plugin.state) for plugin in listed if plugin.dist == "local"] == [
        ("fine.py", "active"), ("leaves.py", "failed:import"),
    ]  # fmt: skip
    with pytest.raises(ParameterError, match="is not there"):
        scan(Choice(local=tmp_path / "nowhere"))


def test_files_that_cannot_be_read_to_their_end_are_listed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "device.py").symlink_to("/dev/zero")
    (tmp_path / "fine.py").write_text(operators(hat='"m:Hat"'))
    listed = {plugin.entry: plugin for plugin in scan(Choice(Policy(deny=OURS), tmp_path)) if plugin.dist == "local"}
    assert listed["fine.py"].state == "active"
    for name in ("pipe.py", "device.py"):
        assert listed[name].state == "failed:import" and "is no regular file" in listed[name].reason


def test_no_plugin_at_all() -> None:
    assert {plugin.state for plugin in scan(Choice(Policy(no_plugins=True)))} == {"blocked"}


def test_an_interrupted_scan_leaves_no_child(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.dist("sleeps", "import time\ntime.sleep(1e6)\n")
    children: list[subprocess.Popen[bytes]] = []
    start: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen

    def remember(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        children.append(start(*arguments, **options))
        return children[-1]

    def interrupted(*arguments: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", remember)
    monkeypatch.setattr("json.loads", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scan(Choice())
    assert children[0].returncode == -9
