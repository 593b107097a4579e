"""The list of plugins without loading any of them here: a child process does, and may die of it.

The child tells of each plugin before and after it, one JSON line each, on a channel of its own. Where it dies, says what is
no message, or a plugin takes too long, that plugin has failed, and another child goes on without it. It loads again
only what the same distribution provides, whose entry points may not offer one name twice.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

from scatflow.api import LOCAL
from scatflow.errors import RegistryError
from scatflow.registry.plugin import Plugin, noted
from scatflow.registry.policy import Choice, Policy

#: Seconds that one plugin may take, and that finding them may.
LIMIT, FINDING = 20.0, 60.0
_POLL_MS = 100
#: The path comes first, so that the child imports what its parent would.
_CHILD = """
import json, sys
task = json.loads(sys.argv.pop())
sys.path[:] = task["path"]
from scatflow.registry.scan import child
child(task)
"""
_NOBODY = Plugin("", "", "", "")
_Key = tuple[str, str, str]


def scan(choice: Choice, limit: float = LIMIT) -> tuple[Plugin, ...]:
    """Return all plugins with their states, as a registry of this choice would have them.

    Parameters
    ----------
    choice : Choice
        Policy and folder of local files.
    limit : float
        Seconds that one plugin may take to load.

    Raises
    ------
    ParameterError
        There is no such folder.
    RegistryError
        No child process can find plugins.
    """
    if choice.local is not None:
        from scatflow.registry.local import candidates

        candidates(choice.local)  # a missing folder is the caller's mistake, no plugin's
    lost: dict[_Key, Plugin] = {}
    found: list[Plugin] = []
    while True:
        child = _Child(choice, lost, {plugin.dist for plugin in found}, limit)
        with contextlib.closing(child):
            told = list(child.plugins())
        if child.victim is None:
            return noted([*found, *told])
        lost[_key(child.victim)] = child.victim
        found += [plugin for plugin in told if plugin.dist not in (child.victim.dist, LOCAL)]


class _Child:
    """One child process and what it tells; ``victim`` is the plugin that it did not get through."""

    def __init__(self, choice: Choice, lost: Mapping[_Key, Plugin], passed: Set[str], limit: float) -> None:
        policy = choice.policy
        task = {
            "path": [str(Path(entry).absolute()) for entry in sys.path],
            "policy": [policy.allow, policy.deny, policy.blocked, policy.no_plugins],
            "local": None if choice.local is None else str(choice.local.absolute()),
            "lost": [list(key) for key in lost],
            "passed": sorted(passed),
        }
        self.victim: Plugin | None = None
        self._lost, self._limit, self._since = lost, limit, time.monotonic()
        self._late = self._strange = False
        # A process group of its own, so that what a plugin has started ends with it.
        self._process = subprocess.Popen(
            [sys.executable, "-P", *(f"-W{option}" for option in sys.warnoptions), "-c", _CHILD, json.dumps(task)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def plugins(self) -> Iterator[Plugin]:
        """Yield the plugins that the child gets through, those lost earlier in their places; the last one spoken of is to blame."""
        at = _NOBODY
        for line in self._lines():
            try:
                message = json.loads(line)
                if "end" in message:
                    return
                at, done = Plugin.from_dict(message["plugin"]), message["done"]
            except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
                self._strange = True
                break
            if done:
                yield self._lost.get(_key(at), at)
        if at is _NOBODY:
            raise RegistryError("plugins", "cannot be listed", got=self._ended(), remedy="The messages above may tell why.")
        self.victim = replace(at, state="failed:import", reason=self._ended(), seconds=time.monotonic() - self._since)

    def _lines(self) -> Iterator[bytes]:
        """Yield what the child says until it falls silent: dead, or at one plugin for too long."""
        assert self._process.stdout is not None
        channel, text, allowed = self._process.stdout.fileno(), b"", FINDING
        poll = select.poll()
        poll.register(channel, select.POLLIN | select.POLLHUP)
        while not self._late:
            ready = poll.poll(_POLL_MS)
            piece = os.read(channel, 2**16) if ready else b""
            if not piece and (ready or self._process.poll() is not None):
                return  # another process that a plugin has started may hold the channel: it is not waited for
            *lines, text = (text + piece).split(b"\n")
            for line in lines:
                self._since, allowed = time.monotonic(), self._limit
                yield line
            self._late = time.monotonic() - self._since > allowed

    def _ended(self) -> str:
        """Return how the child ended, or that it has not."""
        if self._late:
            return f"was not loaded within {self._limit:g} s"
        if self._strange:
            return "disturbs the process that loads it: what that says is no message"
        code = self._process.wait()
        if code >= 0:
            return f"the interpreter that loaded it ended with exit code {code}"
        names = {number.value: number.name for number in signal.Signals}
        return f"the interpreter that loaded it was killed by {names.get(-code, f'signal {-code}')}"

    def close(self) -> None:
        """End the child and all that it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def _key(plugin: Plugin) -> _Key:
    return plugin.dist, plugin.entry, plugin.where


def child(task: Mapping[str, Any]) -> None:
    """Load plugins and tell of each; the whole life of a child process."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what plugins print, in whatever language, must not mix with the messages
    from scatflow.registry.book import candidates
    from scatflow.registry.guard import program
    from scatflow.registry.loader import Loader

    dumps = json.dumps  # before a plugin can put another one there

    def tell(**message: Any) -> None:
        channel.write(dumps(message) + "\n")
        channel.flush()

    allow, deny, blocked, none = task["policy"]
    loader = Loader(Policy(tuple(allow), tuple(deny), tuple(blocked), none))
    lost = {tuple(key) for key in task["lost"]}
    for candidate in candidates(None, task["local"]):
        if candidate.dist in task["passed"]:
            continue
        ahead = Plugin(candidate.dist, candidate.version, candidate.entry, "", origin=candidate.origin, where=candidate.where)
        tell(plugin=ahead.to_dict(), done=False)
        with program():  # no user interrupts this process, a plugin may
            plugin = ahead if _key(ahead) in lost else loader.load(candidate)[0]
        tell(plugin=plugin.to_dict(), done=True)
    tell(end=True)
    os._exit(0)  # threads and exit handlers that plugins left behind are nobody's concern
