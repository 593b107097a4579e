"""Licenses of everything that `pip install scatflow` brings: permissive or weak copyleft, stated, never GPL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from email.message import Message
from importlib.metadata import distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

#: SPDX identifiers that may come with the engine. Weak copyleft by file (MPL) binds changes to those files alone.
ALLOWED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "HPND", "ISC", "MIT", "MIT-CMU", "MPL-2.0",
    "PSF-2.0", "Python-2.0", "Unicode-3.0", "Unlicense", "Zlib", "ZPL-2.1",
}  # fmt: skip

#: The GCC exception exists so that compiled programs may carry the Fortran runtime.
ALLOWED_WITH = {"GPL-3.0-or-later WITH GCC-exception-3.1"}

#: Older ways to say it: classifiers and the first words of a free-text license.
CLASSIFIERS = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "License :: OSI Approved :: Python Software Foundation License": "PSF-2.0",
    "License :: OSI Approved :: GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "License :: OSI Approved :: GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.1-or-later",
    "License :: OSI Approved :: GNU Affero General Public License v3": "AGPL-3.0-only",
}
WORDS = {
    "apache 2.0": "Apache-2.0", "apache license 2.0": "Apache-2.0", "apache license, version 2.0": "Apache-2.0",
    "apache-2.0": "Apache-2.0", "bsd": "BSD-3-Clause", "bsd license": "BSD-3-Clause", "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause", "bsd-2-clause": "BSD-2-Clause", "bsd-3-clause": "BSD-3-Clause", "mit": "MIT",
    "mit license": "MIT", "the mit license": "MIT", "mpl-2.0": "MPL-2.0", "gplv3": "GPL-3.0-only",
    "lgplv2.1+": "LGPL-2.1-or-later", "psf": "PSF-2.0",
}  # fmt: skip


def stated(metadata: Message) -> str:
    """Return the SPDX expression a distribution states, in whichever field; empty when it is unknown."""
    if expression := metadata.get("License-Expression"):
        return str(expression)
    named = [CLASSIFIERS[line] for line in metadata.get_all("Classifier", []) if line in CLASSIFIERS]
    if named:
        return " AND ".join(sorted(set(named)))
    first = str(metadata.get("License") or "").strip().splitlines()[:1]
    return WORDS.get(first[0].strip().lower(), "") if first else ""


def acceptable(expression: str) -> bool:
    """Tell whether one alternative of an SPDX expression holds allowed licenses only."""
    flat = expression.replace("(", " ").replace(")", " ")
    if not flat.strip():
        return False
    if "(" in expression:  # brackets bind what the simple reading below cannot: then every license must be allowed
        parts = re.split(r"\s+(?:AND|OR)\s+", flat)
        return all(_allowed(part) for part in parts)
    return any(all(_allowed(part) for part in choice.split(" AND ")) for choice in flat.split(" OR "))


def _allowed(part: str) -> bool:
    return " ".join(part.split()) in ALLOWED | ALLOWED_WITH


def closure(name: str, metadata: Callable[[str], Message]) -> dict[str, Message]:
    """Return the metadata of a distribution's required dependencies and theirs, extras as asked for."""
    found: dict[str, Message] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    open_ends: list[tuple[str, frozenset[str]]] = [(canonicalize_name(name), frozenset())]
    while open_ends:
        current = open_ends.pop()
        if current in seen:
            continue
        seen.add(current)
        found[current[0]] = metadata(current[0])
        open_ends.extend(_needs(found[current[0]], current[1]))
    return found


def _needs(metadata: Message, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for line in metadata.get_all("Requires-Dist", []):
        need = Requirement(line)
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            yield canonicalize_name(need.name), frozenset(need.extras)


def installed(name: str) -> Message:
    """Return the metadata of an installed distribution."""
    return distribution(name).metadata  # type: ignore[return-value]  # a Message in all but its annotation


def test_required_dependencies_have_acceptable_licenses() -> None:
    found = closure("scatflow", installed)
    print(*(f"{name:24} {metadata['Version']:16} {stated(metadata)}" for name, metadata in sorted(found.items())), sep="\n")
    assert {"numpy", "dask", "zarr", "google-crc32c", "pandas"} <= set(found)
    bad = {name: stated(metadata) or "unknown" for name, metadata in found.items() if not acceptable(stated(metadata))}
    assert not bad


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([("License-Expression", "BSD-3-Clause AND MIT")], True),
        ([("License-Expression", "MIT OR GPL-2.0-only")], True),
        ([("License-Expression", "MIT AND GPL-2.0-only")], False),
        ([("License-Expression", "MIT AND (Apache-2.0 OR BSD-2-Clause)")], True),
        ([("License-Expression", "MIT AND (Apache-2.0 OR LGPL-2.1-only)")], False),
        ([("License-Expression", "BSD-3-Clause AND GPL-3.0-or-later WITH GCC-exception-3.1")], True),
        ([("License-Expression", "AGPL-3.0-only")], False),
        ([("License", "Apache 2.0")], True),
        ([("License", "GPLv3")], False),
        ([("License", "LGPLv2.1+")], False),
        ([("License", "All rights reserved")], False),
        ([("Classifier", "License :: OSI Approved :: MIT License")], True),
        ([("Classifier", "License :: OSI Approved :: GNU General Public License v3 (GPLv3)"), ("License", "MIT")], False),
        ([], False),
    ],
)
def test_the_check_reads_every_way_to_state_a_license(fields: list[tuple[str, str]], expected: bool) -> None:
    assert acceptable(stated(fake(fields))) is expected


def test_the_check_follows_dependencies_extras_and_markers() -> None:
    world = {
        "top": [("Requires-Dist", "array[fast]>=1"), ("Requires-Dist", "gone; python_version < '3'"),
                ("Requires-Dist", "extra-only; extra == 'gpu'")],
        "array": [("Requires-Dist", "deep; extra == 'fast'"), ("Requires-Dist", "top")],
        "deep": [("License", "GPLv3")],
    }  # fmt: skip
    found = closure("top", lambda name: fake(world[name]))
    assert set(found) == {"top", "array", "deep"}
    assert not acceptable(stated(found["deep"]))


def fake(fields: list[tuple[str, str]]) -> Message:
    """Return metadata with these fields."""
    message = Message()
    for key, value in fields:
        message[key] = value
    return message
