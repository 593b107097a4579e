"""Which plugins a process may load, decided from names and versions alone, before anything of them is imported."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from scatflow.api import normalized
from scatflow.errors import ParameterError, SettingsError

if TYPE_CHECKING:
    from scatflow.settings import Settings

_PATTERN = re.compile(r"\s*([A-Za-z0-9*](?:[A-Za-z0-9*._-]*[A-Za-z0-9*])?)\s*((?:[<>=!~].*)?)")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True)
class Policy:
    """What is loaded and what is not.

    Parameters
    ----------
    allow, deny : sequence of str
        Patterns: a distribution name with ``*`` for any letters, and optionally versions as in requirements
        (``"acme-ops==2.1"``, ``"acme-*>=2,<3"``). Only what is allowed and not denied is loaded. Pre-releases count, and where
        a version is on the edge both err on the side of not loading: ``<3`` does not allow 3.0rc1, and denies it.
    blocked : sequence of str
        Distributions left out of this run.
    no_plugins : bool
        Leave all out of this run.
    strict : bool
        Whether a plugin that fails, or that another copy shadows, is an error.

    Raises
    ------
    ParameterError
        A pattern means nothing; the text names it.

    Examples
    --------
    >>> Policy(allow=("acme-*>=2",)).refuses("acme-ops", "1.4")
    ('denied', "no pattern of allow matches: 'acme-*>=2'")
    """

    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    no_plugins: bool = False
    strict: bool = False
    _read: dict[str, _Pattern] = field(default_factory=dict, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        for where in ("allow", "deny", "blocked"):
            given = getattr(self, where)
            if isinstance(given, str):  # whose letters would each be a pattern
                raise ParameterError(f"Policy.{where}", "is a sequence of texts", expected=f"({given!r},)", got=repr(given))
            object.__setattr__(self, where, tuple(given))
        for where in ("allow", "deny"):
            self._read.update({text: _Pattern.read(text, where) for text in getattr(self, where)})
        for name in self.blocked:
            if not _NAME.fullmatch(name):
                raise ParameterError(f"plugin {name!r}", "is not the name of a distribution",
                                     remedy="To leave all plugins out, use --no-plugins.")  # fmt: skip
        object.__setattr__(self, "blocked", tuple(normalized(name) for name in self.blocked))

    def refuses(self, dist: str, version: str) -> tuple[str, str] | None:
        """Return state and reason where a distribution is not to be loaded, else None."""
        for text in self.deny:
            if self._read[text].matches(dist, version, deny=True):
                return "denied", f"the pattern {text!r} of deny matches"
        if not any(self._read[text].matches(dist, version, deny=False) for text in self.allow):
            return "denied", f"no pattern of allow matches: {', '.join(map(repr, self.allow)) or 'there is none'}"
        if self.no_plugins:
            return "blocked", "all plugins are left out of this run"
        return ("blocked", "left out of this run") if dist in self.blocked else None


@dataclass(frozen=True)
class _Pattern:
    """A name with wildcards, and the versions that count."""

    name: re.Pattern[str]
    versions: Any = None

    @classmethod
    def read(cls, text: str, where: str) -> Self:
        """Read one pattern; packages without versions need no parser of versions."""
        found = _PATTERN.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise _bad(text, where, None)
        name = re.compile(re.sub(r"\\\*", ".*", re.escape(normalized(found[1]))))
        if not found[2]:
            return cls(name)
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        try:
            return cls(name, SpecifierSet(found[2]))
        except InvalidSpecifier as error:
            raise _bad(text, where, str(error)) from None

    def matches(self, dist: str, version: str, deny: bool) -> bool:
        """Tell whether a distribution fits.

        In requirements ``<2.1`` leaves out 2.1rc1 and ``>2.1`` 2.1.post1. That is right of what is allowed; what is denied goes
        by the order of versions too. A version that cannot be compared is denied.
        """
        if not self.name.fullmatch(dist):
            return False
        if self.versions is None:
            return True
        from packaging.version import InvalidVersion, Version

        try:
            found = Version(version)
        except InvalidVersion:
            return deny
        return all(one.contains(found, prereleases=True) or (deny and _ordered(one, found)) for one in self.versions)


def _ordered(specifier: Any, version: Any) -> bool:
    """Tell whether a version is below or above a limit by order alone; what an installer appends after ``+`` does not count."""
    from packaging.version import Version

    if specifier.operator not in ("<", ">"):
        return False
    limit, public = Version(specifier.version), Version(version.public)
    return bool(public < limit if specifier.operator == "<" else public > limit)


def _bad(text: Any, where: str, why: str | None) -> ParameterError:
    return ParameterError(f"pattern {text!r} of {where}", "is no pattern of distributions", got=why,
                          expected='a name with "*" for any letters, and versions: "acme-*", "acme-ops==2.1", "acme-*>=2,<3"')  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """What a process loads: a policy for what is installed, and a folder of single files."""

    policy: Policy = field(default_factory=Policy)
    local: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Read the settings.

        Raises
        ------
        SettingsError
            A pattern or name in the file means nothing.
        """
        given = settings.plugins
        try:
            policy = Policy(given.allow, given.deny, given.disable, strict=given.strict)
        except ParameterError as error:
            raise SettingsError(f"{settings.path}, plugins: {error.subject}", error.rule, expected=error.expected, got=error.got,
                                remedy=error.remedy) from None  # fmt: skip
        return cls(policy, given.dir)

    def overridden(
        self, *, blocked: tuple[str, ...] = (), no_plugins: bool = False, strict: bool = False, local: Path | None = None
    ) -> Self:
        """Return what a run asks for beside the settings: less is loaded than they say, or another folder."""
        policy = replace(
            self.policy,
            blocked=(*self.policy.blocked, *blocked),
            no_plugins=self.policy.no_plugins or no_plugins,
            strict=self.policy.strict or strict,
        )
        return replace(self, policy=policy, local=local or self.local)
