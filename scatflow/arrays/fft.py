"""Which library does the FFTs on the CPU: the registry of providers and the process default.

Only scipy is required. The others come with the extra ``scatflow[fft]``, are never chosen on their own, and
carry other licenses (``docs/fft.md`` has the table of measurements and licenses).
"""

from __future__ import annotations

import operator
from collections.abc import Callable

from scatflow.arrays.door import Door
from scatflow.arrays.fftw import FftwDoor
from scatflow.arrays.providers import DuccDoor, MklDoor, ScipyDoor
from scatflow.errors import ParameterError, near

_FACTORIES: dict[str, Callable[[int], Door]] = {
    "scipy": ScipyDoor,
    "ducc0": DuccDoor,
    "pyfftw": FftwDoor,
    "mkl_fft": MklDoor,
}
PROVIDERS = tuple(_FACTORIES)

# Doors made so far, by (name, threads): a door is stateless but for the plans it may keep.
_DOORS: dict[tuple[str, int], Door] = {}


# The process default; changed by `use` alone.
_CHOSEN = ["scipy"]


def provider(name: str, threads: int = 1) -> Door:
    """Return the FFT door of a provider.

    Parameters
    ----------
    name : {"scipy", "ducc0", "pyfftw", "mkl_fft"}
        The library; all but scipy are optional.
    threads : int, optional
        Threads of one transform. Leave it at 1 inside kernels: blocks run in parallel, transforms do not.

    Returns
    -------
    Door
        The same object for the same arguments. Its transforms take numpy arrays (float32 or float64 for
        real transforms, complex64 or complex128 for complex ones) and keep their precision.

    Raises
    ------
    ParameterError
        If the name is unknown, or its library is missing or unusable.

    Examples
    --------
    >>> import numpy as np
    >>> door = provider("scipy")
    >>> door.rfftn(np.ones((2, 4), np.float32), axes=(-1,)).dtype
    dtype('complex64')
    """
    check_name(name)
    if isinstance(threads, bool) or threads < 1:
        raise ParameterError("threads", "must be a positive integer", got=repr(threads))
    key = (name, threads)
    if key not in _DOORS:
        try:
            door = _FACTORIES[name](threads)
        except (ImportError, OSError) as error:
            raise ParameterError(
                f"FFT provider {name!r}",
                "must be installed and usable",
                got=str(error),
                remedy="Install it with: pip install 'scatflow[fft]', or choose 'scipy'.",
            ) from error
        # setdefault keeps the first door when two threads arrive here together.
        _DOORS.setdefault(key, door)
    return _DOORS[key]


def check_name(name: str) -> None:
    """Raise ParameterError unless ``name`` is a provider's name (installed or not).

    Parameters
    ----------
    name : str

    Raises
    ------
    ParameterError
        If it is not.

    Examples
    --------
    >>> check_name("ducc0")
    """
    if name not in _FACTORIES:
        raise ParameterError(
            f"FFT provider {name!r}",
            "must be a known provider",
            expected=" | ".join(PROVIDERS),
            got=repr(name),
            remedy=near(str(name), PROVIDERS) or "The optional ones come with: pip install 'scatflow[fft]'.",
        )


def available() -> dict[str, str]:
    """Return, for every provider, its version, or why it cannot be used.

    Loads each library that is installed, so it is meant for diagnosis, not for every start.

    Returns
    -------
    dict of str to str
        ``{"scipy": "1.17.1", "ducc0": "missing: No module named 'ducc0'", ...}``; a reason always begins
        with ``"missing: "``.

    Examples
    --------
    >>> available()["scipy"].startswith("missing")
    False
    """
    found = {}
    for name in PROVIDERS:
        try:
            found[name] = signature(name).partition(" ")[2]
        except ParameterError as error:
            found[name] = f"missing: {error.got}"
    return found


def signature(name: str) -> str:
    """Return the provider's name and version, as they enter plan hashes and worker fingerprints.

    Parameters
    ----------
    name : str
        A provider.

    Returns
    -------
    str
        For example ``"scipy 1.17.1"`` or ``"pyfftw 0.15.1 (FFTW 3.3.5)"``.

    Raises
    ------
    ParameterError
        If the provider is unknown or missing.

    Examples
    --------
    >>> signature("scipy").split()[0]
    'scipy'
    """
    return provider(name).signature


def default_provider() -> str:
    """Return the name of this process's default provider: ``"scipy"`` until :func:`use` is called.

    Returns
    -------
    str

    Examples
    --------
    >>> default_provider()
    'scipy'
    """
    return _CHOSEN[0]


def use(name: str) -> str:
    """Choose this process's default provider and return the one before.

    The only switch: configuration calls it at start. It does not travel to workers; a job's plan names its
    provider and every task passes it on, so bytes never depend on a worker's own default.

    Parameters
    ----------
    name : str
        A provider that is installed.

    Returns
    -------
    str
        The default until now.

    Raises
    ------
    ParameterError
        If the provider is unknown or missing; the default then stays.

    Examples
    --------
    >>> before = use("scipy")
    """
    provider(name)
    before = _CHOSEN[0]
    _CHOSEN[0] = name
    return before


def fast_length(n: int, multiple: int = 1) -> int:
    """Return the smallest length ``m >= n`` that is ``multiple`` times a 2, 3, 5, 7-smooth number.

    Those are the lengths for which all providers, cuFFT among them, have fast code.

    Parameters
    ----------
    n : int
        The least length, at least 1.
    multiple : int, optional
        What the length must be a multiple of, at least 1.

    Returns
    -------
    int

    Raises
    ------
    ParameterError
        If ``n`` or ``multiple`` is not positive.

    Examples
    --------
    >>> fast_length(1009), fast_length(1009, multiple=64)
    (1024, 1024)
    >>> fast_length(300, multiple=32)
    320
    """
    n, multiple = operator.index(n), operator.index(multiple)
    for label, value in (("n", n), ("multiple", multiple)):
        if value < 1:
            raise ParameterError(label, "must be at least 1", got=value)
    least = -(-n // multiple)
    best = 1 << (least - 1).bit_length()
    seven = 1
    while seven < best:
        five = seven
        while five < best:
            three = five
            while three < best:
                # The smallest power of two that lifts this odd part to `least`.
                best = min(best, three << max(0, (-(-least // three) - 1).bit_length()))
                three *= 3
            five *= 5
        seven *= 7
    return best * multiple
