"""``NAME=VALUE`` words of the command line as typed values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click


def pairs(words: Sequence[str], option: str = "-p") -> dict[str, Any]:
    """Read ``NAME=VALUE`` words; values are YAML of the same dialect as pipeline files.

    Raises
    ------
    BadParameter
        A word has no name or no value, a name comes twice, or a value is not YAML.

    Examples
    --------
    >>> pairs(["J=6", "nu=2e-3", "dims=[y, x]", "variable=vorticity", "when=2008-10-10"])
    {'J': 6, 'nu': 0.002, 'dims': ['y', 'x'], 'variable': 'vorticity', 'when': '2008-10-10'}
    """
    found: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not (name.strip() and equals):
            raise click.BadParameter(f"{word!r} is not NAME=VALUE", param_hint=option)
        if name.strip() in found:
            raise click.BadParameter(f"{name.strip()!r} is given twice", param_hint=option)
        found[name.strip()] = _value(word, text, option)
    return found


def swept(words: Sequence[str], option: str = "-p") -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Read ``NAME=VALUE`` and ``NAME=VALUE,VALUE`` words: parameters with one value, and those that vary.

    Raises
    ------
    BadParameter
        As for :func:`pairs`.
    UsageError
        No parameter has several values.

    Examples
    --------
    >>> swept(["J=4,5,6", "dims=[y, x]", "boundary=reflect,zero"])
    ({'dims': ['y', 'x']}, {'J': [4, 5, 6], 'boundary': ['reflect', 'zero']})
    """
    several = {}
    for word in words:
        name, equals, text = word.partition("=")
        parts = _split(text)
        if equals and len(parts) > 1:
            if name.strip() in several:
                raise click.BadParameter(f"{name.strip()!r} is given twice", param_hint=option)
            several[name.strip()] = [pairs([f"{name}={part}"], option)[name.strip()] for part in parts]
    if not several:
        raise click.UsageError("--sweep needs a parameter with several values: -p J=4,5,6")
    fixed = pairs([word for word in words if word.partition("=")[0].strip() not in several], option)
    return fixed, several


def _split(text: str) -> list[str]:
    """Return the parts between commas that stand in no bracket or quote."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote or letter in "'\"":
            quote = "" if letter == quote else quote or letter
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and depth == 0 and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def lengths(words: Sequence[str], option: str = "--region") -> dict[str, int]:
    """Read ``DIM=LENGTH`` words; lengths are positive integers."""
    found = pairs(words, option)
    for name, value in found.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise click.BadParameter(f"{name}={value}: a length is a positive integer", param_hint=option)
    return found


def _value(word: str, text: str, option: str) -> Any:
    from scatflow.errors import GraphError
    from scatflow.graph.text import load_text

    try:
        loaded = load_text(f"value: {text}")
    except GraphError as error:
        raise click.BadParameter(f"{word!r}: {error.problems[0].message}", param_hint=option) from None
    if set(loaded) != {"value"}:
        raise click.BadParameter(f"{word!r} holds more than one value", param_hint=option)
    return loaded["value"]
