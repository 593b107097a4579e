"""References: one style of text, BibTeX that any style reads, keys that stay."""

from __future__ import annotations

import dataclasses
import re

import pytest

from scatflow.contract import FilterFamily, Pointwise, Reference, Source, family, operator, source
from scatflow.contract.reference import bibliography, escaped, keyed
from scatflow.errors import ParameterError
from scatflow.registry import Kind, Registry

MALLAT = Reference(
    ("Mallat, Stéphane",), "Group invariant scattering", 2012, "Comm. Pure Appl. Math.", "65", number="10", pages="1331--1398",
    doi="10.1002/cpa.21413",
)  # fmt: skip


def fields(entry: str) -> dict[str, str]:
    """Read a BibTeX entry: field -> value without the outer braces; braces must balance and special characters be escaped."""
    head, *lines, end = entry.splitlines()
    assert re.fullmatch(r"@\w+\{[a-z0-9]+,", head) and end == "}"
    found = {}
    for line in lines:
        match = re.fullmatch(r"  (\w+) = \{(.*)\},", line)
        assert match, line
        value = match.group(2)
        depth = 0
        for letter in re.sub(r"\\[{}]", "", value):
            depth += {"{": 1, "}": -1}.get(letter, 0)
            assert depth >= 0
        assert depth == 0
        if match.group(1) not in ("doi", "url"):
            assert not re.search(r"(?<!\\)[&%$#_]", value), value
            assert value.isascii(), value
        found[match.group(1)] = value
    return found


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        (MALLAT, "Mallat, Group invariant scattering, Comm. Pure Appl. Math. 65 (2012), doi:10.1002/cpa.21413"),
        (dataclasses.replace(MALLAT, doi=None), "Mallat, Group invariant scattering, Comm. Pure Appl. Math. 65 (2012)"),
        (dataclasses.replace(MALLAT, doi=None).part("section 4"), "Mallat, Group invariant scattering, Comm. Pure Appl. Math. 65 (2012), section 4"),
        (Reference(("A, X", "B, Y", "C, Z"), "Three", 2001, "J."), "A, B & C, Three, J. (2001)"),
        (Reference(tuple(f"N{i}, X" for i in range(6)), "Many", 2001, "J."), "N0 & others, Many, J. (2001)"),
        (Reference(("Mallat, S.",), "A tour", 2009, "Press", edition="3rd", kind="book"), "Mallat, A tour, 3rd ed., Press (2009)"),
        (Reference(("The group",), "Prices", url="https://a.b/c", kind="data"), "The group, Prices, https://a.b/c"),
    ],
)  # fmt: skip
def test_text(reference: Reference, text: str) -> None:
    assert str(reference) == text


@pytest.mark.parametrize(
    ("authors", "title", "year", "key"),
    [
        (("Mallat, Stéphane",), "Group invariant scattering", 2012, "mallat2012group"),
        (("Andén, Joakim", "Mallat, S."), "Deep scattering spectrum", 2014, "anden2014deep"),
        (("Łoś, Jan",), "The on-line æther", 1999, "los1999line"),
        (("O'Brien, X",), "A 2-D model", 2000, "obrien20002"),
        (("The scatflow developers",), "scatflow: statistics", None, "scatflow"),
    ],
)
def test_key(authors: tuple[str, ...], title: str, year: int | None, key: str) -> None:
    assert Reference(authors, title, year).key == key


def test_bibtex_of_every_kind() -> None:
    for kind, entry, place in (
        ("article", "article", "journal"), ("book", "book", "publisher"), ("proceedings", "inproceedings", "booktitle"),
        ("software", "misc", "howpublished"), ("data", "misc", "howpublished"),
    ):  # fmt: skip
        text = dataclasses.replace(MALLAT, kind=kind).bibtex()
        assert text.startswith(f"@{entry}{{mallat2012group,")
        assert fields(text) == {
            "author": r"Mallat, St{\'e}phane", "title": "Group invariant scattering", "year": "2012", place: "Comm. Pure Appl. Math.",
            "volume": "65", "number": "10", "pages": "1331--1398", "doi": "10.1002/cpa.21413",
        }  # fmt: skip


def test_names_of_groups_and_capitals_are_protected() -> None:
    reference = Reference(("Nason & Co.", "Young, É."), "Hidden Markov models for the S&P 500: pH_2 at 5 %", 2020, "A&A", "12_b")
    assert fields(reference.bibtex()) == {
        "author": r"{Nason \& Co.} and Young, {\'E}.", "title": r"Hidden {Markov} models for the {S\&P} 500: {pH\_2} at 5 \%", "year": "2020",
        "journal": r"A\&A", "volume": r"12\_b",
    }  # fmt: skip


def test_every_special_character_is_escaped() -> None:
    assert escaped(r"\ { } & % $ # _ ~ ^") == r"\textbackslash{} \{ \} \& \% \$ \# \_ \textasciitilde{} \textasciicircum{}"
    assert escaped("é è ê ë ñ ç č ø ß å Å e\u0301") == (
        r"{\'e} {\`e} {\^e} "
        r"{\"e} {\~n} {\c c} {\v c} {\o} {\ss} {\aa} {\AA} {\'e}"
    )
    link = Reference(("A, B",), "T", url="https://a.b/c_d?x=1%20&y={z}").bibtex()
    assert fields(link)["url"] == "https://a.b/c_d?x=1%20&y=%7Bz%7D"


@pytest.mark.parametrize(
    "change",
    [{"authors": ()}, {"authors": "Mallat"}, {"authors": ("",)}, {"title": " "}, {"kind": "film"}, {"doi": "doi:10.1/x"}, {"doi": "https://doi.org/10.1002/x"}],
)  # fmt: skip
def test_what_is_no_reference(change: dict[str, object]) -> None:
    with pytest.raises(ParameterError):
        dataclasses.replace(MALLAT, **change)  # type: ignore[arg-type]


def test_bibliography_merges_and_tells_apart() -> None:
    other = dataclasses.replace(MALLAT, title="Group theory of scattering", doi=None)
    third = dataclasses.replace(other, title="Group work")
    entries = bibliography([other, "by hand_made, 50 %", MALLAT, MALLAT.part("section 4"), "by hand_made, 50 %", third])
    heads = [entry.partition(",")[0] for entry in entries]
    assert heads[:3] == ["@article{mallat2012group", "@article{mallat2012groupb", "@article{mallat2012groupc"]
    assert len(entries) == 4 and heads[3] == f"@misc{{{keyed('by hand_made, 50 %')}"
    assert fields(entries[3]) == {"note": r"by hand\_made, 50 \%"}


def test_declarations_take_both() -> None:
    @operator("cited", version=1, signature="()->()", references=(MALLAT, "a text"))
    class Cited(Pointwise):
        """An operator."""

    @source("cited_source", version=1, references=(MALLAT,))
    class CitedSource(Source):
        """A source."""

    @family("cited_family", version=1, references=("a text",))
    class CitedFamily(FilterFamily):
        """A family."""

    assert Cited.references == (MALLAT, "a text") and CitedSource.references == (MALLAT,) and CitedFamily.references == ("a text",)


def test_first_party_references_are_structured() -> None:
    book = Registry()
    kinds: tuple[Kind, ...] = ("operators", "sources", "filters")
    declared = {(name, one) for kind in kinds for name in book.names(kind) for one in book.find(kind, name).references}
    references = [one for _, one in declared if isinstance(one, Reference)]
    assert len(declared) == len(references) > 20
    entries = bibliography(references)
    assert len({entry.partition(",")[0] for entry in entries}) == len(entries) == len({one.key for one in references})
    for entry in entries:
        assert {"author", "title"} <= set(fields(entry))
