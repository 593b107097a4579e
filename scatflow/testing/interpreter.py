"""Fresh interpreters at the price of a fork: one process has loaded some modules and nothing else; each program runs in a copy of it.

Loading NumPy, xarray and Dask anew for every operator would take longer than most operators take to be checked.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import socket
import subprocess
import sys
import tempfile
from typing import Any

#: Set where the interpreter is one of these, so that a module that checks its own operators starts no others.
INSIDE = "SCATFLOW_INSIDE_PROBE"
#: Seconds after which a fresh interpreter is given up.
PATIENCE = 120

#: The process that is copied. It is sent pairs of files, one with what is asked and one for what is printed, and ends when nobody
#: can send any more. A copy has environment, directory and path of the one who asks, as if it were started by that one, and ends without
#: taking apart what it has loaded, which takes longer than most programs. That threads of BLAS end in a copy, of which Python warns,
#: BLAS minds itself. What a program raises is printed, for the one who asked.
_COPIED = """
import importlib, json, os, signal, socket, sys, traceback, warnings
sys.path[:], loaded = json.loads(sys.argv[1])
for name in loaded:
    importlib.import_module(name)
signal.signal(signal.SIGINT, signal.SIG_DFL)
control = socket.socket(fileno=os.dup(0))
while True:
    _, files, _, _ = socket.recv_fds(control, 1, 2)
    if not files:
        raise SystemExit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if not os.fork():
            break
    for file in files:
        os.close(file)
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
control.close()
for file, place in ((files[0], 0), (files[1], 1), (files[1], 2)):
    os.dup2(file, place)
for file in files:
    os.close(file)
asked = json.load(sys.stdin)
signal.alarm(asked["patience"])
os.environ.clear()
os.environ.update(asked["environment"])
os.chdir(asked["directory"])
sys.path[:] = asked["path"]
importlib.invalidate_caches()
try:
    exec(asked["program"], {"__name__": "__main__", "asked": asked["arguments"]})
except Exception:
    traceback.print_exc()
sys.stdout.flush()
os._exit(0)
"""


class Running:
    """A program that runs in an interpreter of its own, and what it prints."""

    def __init__(self, program: str, arguments: Any, loaded: tuple[str, ...]) -> None:
        """Start a program, which finds its arguments under the name ``asked``, where some modules have been loaded already."""
        asked = {"program": program, "arguments": arguments, "environment": {**os.environ, INSIDE: "1"}, "directory": os.getcwd(),
                 "path": sys.path, "patience": PATIENCE}  # fmt: skip
        self._mine, theirs = socket.socketpair()
        with theirs, tempfile.TemporaryFile("w+") as file:  # a file, so that nobody waits until it is read
            json.dump(asked, file)
            file.seek(0)
            socket.send_fds(_listening(loaded), [b"?"], [file.fileno(), theirs.fileno()])

    def output(self) -> str:
        """Return all that the program prints, errors included, when it has ended."""
        with self._mine:
            self._mine.settimeout(PATIENCE)
            return b"".join(iter(lambda: self._mine.recv(1 << 16), b"")).decode(errors="replace")

    def close(self) -> None:
        """Do not wait for the program."""
        self._mine.close()


def _listening(loaded: tuple[str, ...]) -> socket.socket:
    """Return where the process listens of which copies are made; another one is started where it was killed."""
    process, channel = _copied(loaded)
    if process.poll() is not None:
        _copied.cache_clear()
        _, channel = _copied(loaded)
    return channel


@functools.cache  # one process for each set of modules, as long as this one lives
def _copied(loaded: tuple[str, ...]) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a process of which copies are made, under another hash seed than this one's."""
    mine, theirs = socket.socketpair()
    environment = {**os.environ, "PYTHONHASHSEED": "4321" if os.environ.get("PYTHONHASHSEED") != "4321" else "1234"}
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", _COPIED, json.dumps([sys.path, loaded])], stdin=theirs.fileno(), env=environment
        )
    atexit.register(_ended, process, mine)
    return process, mine


def _ended(process: subprocess.Popen[bytes], channel: socket.socket) -> None:
    channel.close()
    process.wait()
