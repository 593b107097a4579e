"""How the nodes of a document hang together: what each needs, cycles, what the result reaches. Without recursion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

Edges = Mapping[str, Sequence[str]]


def cycles(edges: Edges) -> list[list[str]]:
    """Return cycles, at least one of every knot, each starting where it was entered.

    Examples
    --------
    >>> cycles({"a": ["b"], "b": ["a"], "c": ["a"]})
    [['a', 'b']]
    """
    found: list[list[str]] = []
    done: set[str] = set()
    for start in edges:
        if start in done:
            continue
        path = {start: 0}  # an insertion-ordered path with positions
        stack: list[Iterator[str]] = [iter(edges[start])]
        while stack:
            following = next((name for name in stack[-1] if name not in done), None)
            if following is None:
                stack.pop()
                done.add(path.popitem()[0])
            elif following in path:
                found.append(list(path)[path[following] :])
                done.add(following)  # one cycle per entry is enough; its other nodes finish as usual
            else:
                path[following] = len(path)
                stack.append(iter(edges[following]))
    return found


def reachable(edges: Edges, starts: Iterable[str]) -> set[str]:
    """Return everything that ``starts`` need, themselves included."""
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += edges[name]
    return found
