"""One sentence for every parameter of a plain function that is out of range."""

from __future__ import annotations

from collections.abc import Iterable


def check(name: str, value: object, holds: bool, rule: str) -> None:
    """Raise unless a rule holds; comparisons with NaN do not hold, so it is refused by any range.

    Parameters
    ----------
    name : str
        The parameter.
    value : object
        What was given.
    holds : bool
        Whether it obeys the rule.
    rule : str
        The rule, after "must be".

    Raises
    ------
    ValueError
        If ``holds`` is false.

    Examples
    --------
    >>> check("hurst", 1.5, 0 < 1.5 < 1, "in (0, 1)")
    Traceback (most recent call last):
    ValueError: hurst must be in (0, 1), got 1.5
    """
    if not holds:
        raise ValueError(f"{name} must be {rule}, got {value}")


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Raise unless a value is one of those that there are.

    Parameters
    ----------
    name : str
        The parameter.
    value : object
        What was given.
    choices : iterable of str
        What may be given.

    Raises
    ------
    ValueError
        If it is none of them; names them all.

    Examples
    --------
    >>> check_choice("mean", "zero", ("variance", "none"))
    Traceback (most recent call last):
    ValueError: mean must be one of variance, none, got 'zero'
    """
    known = tuple(choices)
    check(name, repr(value), value in known, f"one of {', '.join(known)}")
