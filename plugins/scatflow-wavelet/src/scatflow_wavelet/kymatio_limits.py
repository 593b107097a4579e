"""What a scattering transform of Kymatio does not have: refused with filters that promise its numbers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from scatflow.errors import ParameterError
from scatflow_wavelet.layout import Band, Layout

#: Parameters that the package does not have, and the values that stand for not having given them.
_ABSENT: Mapping[str, tuple[Any, ...]] = {
    "order": (0, 1, 2),
    "tree": ("increasing",),
    "oversampling": (1,),
    "pad": (None,),
    "nan": ("propagate", "error"),
    "normalize": (None,),
    "complex": (False,),
}


def refusal(subject: str, name: str, rule: str, expected: Any, got: Any, remedy: str) -> ParameterError:
    """Return the error for a parameter that the package does not have."""
    return ParameterError(subject, f"filters {name!r} reproduce another package: {rule}", expected=expected, got=got,
                          remedy=f'{remedy} Or use filters="morlet".', code="ProfileLacks")  # fmt: skip


def check_bank(name: str, layout: Layout, subject: str) -> None:
    """Refuse filters that are not isotropic in samples, and planes without an octave."""
    if set(layout.aspect) != {1.0}:
        raise refusal(f"{subject}.metric", name, "filters are isotropic in samples", "steps of one length", layout.aspect,
                      'Give metric="index".')  # fmt: skip
    if layout.ndim == 2 and layout.J < 1:
        raise refusal(f"{subject}.J", name, "in two dims there is an octave", "J >= 1", layout.J, "Raise J.")


def check_choices(name: str, asked: Mapping[str, Any], subject: str) -> None:
    """Refuse choices that the package does not offer in any number of dims."""
    for key, allowed in _ABSENT.items():
        if asked[key] not in allowed:
            raise refusal(f"{subject}.{key}", name, "it has no such choice", " or ".join(map(repr, allowed)), repr(asked[key]),
                          "Leave it out.")  # fmt: skip
    if isinstance(asked["Q"], tuple) and len(asked["Q"]) > 2:
        raise refusal(f"{subject}.Q", name, "it has two orders", "one number or two", asked["Q"], "Leave out the others.")


def check_plane(name: str, asked: Mapping[str, Any], J: int, subject: str) -> None:
    """Refuse averaging scales and strides in two dims other than 2^J."""
    for key in ("T", "stride"):
        if asked[key] not in (None, 2**J):
            raise refusal(f"{subject}.{key}", name, "in two dims it is 2^J", 2**J, repr(asked[key]), "Leave it out.")


def check_time(name: str, asked: Mapping[str, Any], largest: int, released: bool, subject: str) -> None:
    """Refuse averaging scales and strides that the package does not have in one dim."""
    T, stride = asked["T"], asked["stride"]
    if T == "global" and released:
        raise refusal(
            f"{subject}.T", name, "the release has no global average", "a number or None", repr(T), 'Use filters="kymatio".'
        )
    if T == "global" and stride is not None:
        raise refusal(f"{subject}.stride", name, "a global average has no stride", None, stride, "Leave it out.")
    if T is not None and T not in (0, "global") and T < 1:
        raise refusal(f"{subject}.T", name, "the averaging scale is at least one sample", "T >= 1", T, "Raise T.")
    if stride is not None and (stride & (stride - 1) or stride > largest):
        raise refusal(f"{subject}.stride", name, "the stride is a power of two up to T", f"1, 2, ..., {largest}", stride,
                      f"Use stride={min(largest, 1 << (stride.bit_length() - 1))}.")  # fmt: skip


def check_pairs(name: str, asked: Mapping[str, Any], first: Sequence[Band], second: Sequence[Band], subject: str) -> None:
    """Refuse banks in which a wavelet of the second order allows a coarser grid but is centered no lower."""
    for a, b in itertools.product(first, second):
        if b.j > a.j and b.xi >= a.xi:
            raise refusal(f"{subject}.Q", name, "wavelets of the second order that allow coarser grids have lower centers",
                          f"xi{b.n} of order 2 below xi{a.n} of order 1", f"Q={asked['Q']}, J={asked['J']}",
                          "Choose another Q or J.")  # fmt: skip
