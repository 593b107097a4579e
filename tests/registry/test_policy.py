"""Who may be loaded is decided before anything is imported, from patterns that mean something or are refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_plugins import Folder, operators
from scatflow.api import normalized
from scatflow.errors import ParameterError, SettingsError
from scatflow.registry import Choice, Policy, Registry
from scatflow.settings import PluginSettings, Settings

ACME = ("acme-ops", "2.1")


@pytest.mark.parametrize(
    ("allow", "deny", "fine"),
    [
        (("*",), (), True), ((), (), False), (("acme-ops",), (), True), (("Acme.Ops",), (), True), (("acme",), (), False), (("acme*",), (), True),
        (("*-ops",), (), True), (("a*e-o*s",), (), True), (("acme-ops==2.1",), (), True), (("acme-ops == 2.1",), (), True),
        (("acme-ops==2.2",), (), False), (("acme-*>=2,<3",), (), True), (("acme-*>=2,<2.1",), (), False), (("acme-ops~=2.0",), (), True),
        (("other", "acme-ops!=2.2"), (), True), (("*",), ("acme-ops",), False), (("acme-ops",), ("*",), False), (("*",), ("acme-ops<2",), True),
        (("*",), ("acme-*>=2",), False), (("*",), ("acme",), True),
    ],
)  # fmt: skip
def test_patterns(allow: tuple[str, ...], deny: tuple[str, ...], fine: bool) -> None:
    refused = Policy(allow, deny).refuses(*ACME)
    assert refused is None if fine else refused is not None and refused[0] == "denied"


def test_deny_beats_allow_and_both_beat_what_is_left_out() -> None:
    assert Policy(("acme-ops",), ("acme-ops",)).refuses(*ACME) == ("denied", "the pattern 'acme-ops' of deny matches")
    assert Policy(deny=("acme-ops",), blocked=("acme-ops",), no_plugins=True).refuses(*ACME)[0] == "denied"  # type: ignore[index]
    assert Policy(blocked=("Acme_Ops",)).refuses(*ACME)[0] == "blocked"  # type: ignore[index]
    assert Policy(no_plugins=True).refuses(*ACME)[0] == "blocked"  # type: ignore[index]


def test_versions_before_a_release_count() -> None:
    assert Policy(("acme-ops>=2",)).refuses("acme-ops", "2.1rc1") is None
    assert Policy(("acme-ops==2.1",)).refuses("acme-ops", "2.1+cu12") is None


@pytest.mark.parametrize(
    ("pattern", "version", "allowed", "denied"),
    [
        ("a<2.1", "2.1.dev0", False, True), ("a<2.1", "2.1rc1", False, True), ("a<2.1", "2.0.post1", True, True),
        ("a<2.1", "2.1", False, False), ("a<2.1", "2.1+cu12", False, False), ("a<2.1rc2", "2.1rc1", True, True),
        ("a>2.1", "2.1.post1", False, True), ("a>2.1", "2.1+cu12", False, False), ("a>2.1", "2.2rc1", True, True),
        ("a>=2,<3", "3.0a1", False, True), ("a>=2,<3", "2.0rc1", False, False), ("a<=2.1", "2.1+cu12", True, True),
        ("a~=2.1", "2.2rc1", True, True), ("a!=2.1", "2.1rc1", True, True), ("a==2.*", "2.1rc1", True, True),
    ],
)  # fmt: skip
def test_versions_at_an_edge_are_not_loaded(pattern: str, version: str, allowed: bool, denied: bool) -> None:
    assert (Policy(allow=(pattern,)).refuses("a", version) is None) is allowed
    assert (Policy(deny=(pattern,)).refuses("a", version) is not None) is denied


@pytest.mark.parametrize("where", ["allow", "deny", "blocked"])
def test_one_text_is_no_sequence_and_any_sequence_will_do(where: str) -> None:
    with pytest.raises(ParameterError, match=f"Policy.{where}: is a sequence of texts"):
        Policy(**{where: "acme"})  # type: ignore[arg-type]
    made = Policy(**{where: (name for name in ["acme"])})  # type: ignore[arg-type]
    assert made == Policy(**{where: ["acme"]}) == Policy(**{where: ("acme",)})  # type: ignore[arg-type]
    assert (made.refuses("acme", "1") is None) is (where == "allow") and made.refuses("acme", "1") == made.refuses("acme", "1")


@pytest.mark.parametrize("version", ["", "unknown", "2019-final", "0a1b2c3d4e5f"])
def test_a_version_that_cannot_be_compared_is_on_the_safe_side(version: str) -> None:
    assert Policy(allow=("acme-ops>=0",)).refuses("acme-ops", version) is not None
    assert Policy(deny=("acme-ops<1",)).refuses("acme-ops", version) is not None
    assert Policy(deny=("other<1",)).refuses("acme-ops", version) is None


@pytest.mark.parametrize(
    "pattern", ["", " ", "-acme", "acme-", "acme ops", "acme[all]", "ac?me", "[a-z]*", "acme==", "acme=2", "acme @ file:///x", "../x", "acme>=x y", 3]
)  # fmt: skip
@pytest.mark.parametrize("where", ["allow", "deny"])
def test_a_pattern_that_means_nothing_is_refused_by_name(pattern: str, where: str) -> None:
    with pytest.raises(ParameterError) as caught:
        Policy(**{where: ("fine", pattern)})  # type: ignore[arg-type]
    assert repr(pattern) in str(caught.value) and where in str(caught.value)


@pytest.mark.parametrize("name", ["acme-*", "", "acme==2", "a b"])
def test_what_is_left_out_is_a_name(name: str) -> None:
    with pytest.raises(ParameterError, match="--no-plugins"):
        Policy(blocked=(name,))


@given(name=st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,10}[A-Za-z0-9])?", fullmatch=True))
def test_any_name_matches_itself_however_it_is_written(name: str) -> None:
    assert Policy((name,)).refuses(normalized(name), "1.0") is None
    assert Policy((name.upper().replace("-", "_"),)).refuses(normalized(name), "1.0") is None
    assert Policy(blocked=(name,)).refuses(normalized(name), "1.0") is not None


def test_what_is_denied_or_left_out_is_never_imported(folder: Folder) -> None:
    folder.dist("acme-ops", operators(a='"m:A"'), version="2.1")
    folder.dist("beta", operators(b='"m:B"'))
    for policy, state in (
        (Policy(allow=("beta",)), "denied"), (Policy(deny=("acme-ops>=2",)), "denied"), (Policy(blocked=("acme_ops",)), "blocked"),
    ):  # fmt: skip
        book = Registry(policy=policy)
        assert [(plugin.dist, plugin.state) for plugin in book.plugins] == [("acme-ops", state), ("beta", "active")]
        assert book.plugins[0].reason and book.plugins[0].version == "2.1" and book.names("operators") == ("b",)
        assert "acme_ops_plugin" not in folder.imported()
    assert {plugin.state for plugin in Registry(policy=Policy(no_plugins=True)).plugins} == {"blocked"}


def test_patterns_without_versions_need_no_parser_of_versions() -> None:
    code = "import sys; from scatflow.registry import Policy; Policy(('acme-*',), ('x',)).refuses('acme-ops', '1'); "
    for pattern, needed in (("y", False), ("y>1", True)):
        done = subprocess.run(
            [sys.executable, "-c", f"{code}Policy(({pattern!r},)); print('packaging' in sys.modules)"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == str(needed)


def test_a_choice_from_settings_and_what_a_run_adds() -> None:
    given = Settings(PluginSettings(("a*",), ("ab",), ("ac",), True, Path("/plugins")), Path("/etc/scatflow.toml"))
    made = Choice.of(given)
    assert made == Choice(Policy(("a*",), ("ab",), ("ac",), strict=True), Path("/plugins"))
    more = made.overridden(blocked=("x",), no_plugins=True, local=Path("/others"))
    assert more == Choice(Policy(("a*",), ("ab",), ("ac", "x"), True, True), Path("/others"))
    assert made.overridden() == made  # nothing asked for: nothing loosened
    with pytest.raises(SettingsError, match=r"/etc/scatflow\.toml, plugins: pattern '\?' of deny"):
        Choice.of(Settings(PluginSettings(deny=("?",)), Path("/etc/scatflow.toml")))
