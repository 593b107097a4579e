"""Papers, books, programs and data that a declaration rests on: as text for people, as BibTeX for ``show --cite``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from scatflow.contract.declared import digest
from scatflow.errors import ParameterError

Kind = Literal["article", "book", "proceedings", "software", "data"]

#: BibTeX entry type of a kind, and the field that ``where`` fills. Styles without ``@software`` would drop the entry.
_ENTRIES: dict[str, tuple[str, str]] = {
    "article": ("article", "journal"),
    "book": ("book", "publisher"),
    "proceedings": ("inproceedings", "booktitle"),
    "software": ("misc", "howpublished"),
    "data": ("misc", "howpublished"),
}
#: Words that make no key.
_SMALL = frozenset(["a", "an", "the", "on", "in", "of", "for", "to", "and", "from", "with", "by", "its", "their"])
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "ß": r"{\ss}", "ø": r"{\o}", "Ø": r"{\O}", "ł": r"{\l}", "Ł": r"{\L}", "æ": r"{\ae}", "Æ": r"{\AE}", "œ": r"{\oe}",
    "å": r"{\aa}", "Å": r"{\AA}", "ı": r"{\i}", "–": "--", "—": "---", "’": "'", "“": "``", "”": "''",
}  # fmt: skip
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u ", "\u0307": ".", "\u0308": '"',
    "\u030a": "r ", "\u030b": "H ", "\u030c": "v ", "\u0327": "c ", "\u0328": "k ",
}  # fmt: skip


@dataclass(frozen=True)
class Reference:
    r"""A publication, program or data set.

    Parameters
    ----------
    authors : tuple of str
        ``"Family, Given"`` each; a name without a comma is that of a group and stays as it is.
    title : str
        In sentence case: later words keep their capitals.
    year : int, optional
        Year of publication.
    where : str
        Journal, proceedings, publisher, or place of a program.
    volume, number, pages, edition : str
        As far as there are any.
    doi, url : str, optional
        Identifier without a prefix; address where there is no identifier.
    kind : {"article", "book", "proceedings", "software", "data"}
        What it is.
    detail : str
        What of it, or what for (``"section 4"``); stands in the text only.

    Raises
    ------
    ParameterError
        There is no author or title, the kind is unknown, or the identifier carries a prefix.

    Examples
    --------
    >>> paper = Reference(("Bruna, Joan", "Mallat, Stéphane"), "Invariant scattering convolution networks", 2013, "IEEE TPAMI", "35")
    >>> print(paper)
    Bruna & Mallat, Invariant scattering convolution networks, IEEE TPAMI 35 (2013)
    >>> paper.key
    'bruna2013invariant'
    >>> print(paper.bibtex())
    @article{bruna2013invariant,
      author = {Bruna, Joan and Mallat, St{\'e}phane},
      title = {Invariant scattering convolution networks},
      year = {2013},
      journal = {IEEE TPAMI},
      volume = {35},
    }
    """

    authors: tuple[str, ...]
    title: str
    year: int | None = None
    where: str = ""
    volume: str = ""
    number: str = field(default="", kw_only=True)
    pages: str = field(default="", kw_only=True)
    edition: str = field(default="", kw_only=True)
    doi: str | None = field(default=None, kw_only=True)
    url: str | None = field(default=None, kw_only=True)
    kind: Kind = field(default="article", kw_only=True)
    detail: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        subject = f"Reference({self.title!r})"
        if isinstance(self.authors, str) or not self.authors or not all(self.authors):
            raise ParameterError(subject, "authors are a tuple of names", expected='("Mallat, Stéphane",)', got=repr(self.authors))
        if not self.title.strip():
            raise ParameterError(subject, "a title is needed", got=repr(self.title))
        if self.kind not in get_args(Kind):
            raise ParameterError(subject, "unknown kind", expected=", ".join(get_args(Kind)), got=repr(self.kind))
        if self.doi is not None and not re.match(r"10\.\d{4,9}/\S+$", self.doi):
            raise ParameterError(
                subject, "a doi starts with 10. and has no prefix", expected="10.1002/cpa.21413", got=repr(self.doi)
            )

    def part(self, detail: str) -> Reference:
        """Return the reference to a part of the work."""
        return replace(self, detail=detail)

    @property
    def key(self) -> str:
        """Family name of the first author (not of a group), year, first word of the title that says something."""
        words = [_ascii(word) for word in re.split(r"[\s\-–—/]+", self.title)]
        word = next((word for word in words if word and word not in _SMALL), "")
        year = "" if self.year is None else str(self.year)
        family, comma, _ = self.authors[0].partition(",")
        return (_ascii(family) if comma else "") + year + word

    def __str__(self) -> str:
        families = [name.partition(",")[0].strip() for name in self.authors]
        if len(families) > 5:
            families = [families[0], "others"]
        names = " & ".join(filter(None, [", ".join(families[:-1]), families[-1]]))
        edition = f"{self.edition} ed." if self.edition else ""
        place = " ".join(filter(None, [self.where, self.volume, "" if self.year is None else f"({self.year})"]))
        link = f"doi:{self.doi}" if self.doi else self.url or ""
        return ", ".join(filter(None, [names, self.title, edition, place, self.detail, link]))

    def bibtex(self, key: str | None = None) -> str:
        """Return the BibTeX entry, under another key where ours is taken."""
        entry, where = _ENTRIES[self.kind]
        names = [escaped(name) if "," in name else f"{{{escaped(name)}}}" for name in self.authors]
        fields = {
            "author": " and ".join(names), "title": _capitals(self.title), "year": "" if self.year is None else str(self.year),
            "edition": escaped(self.edition), where: escaped(self.where), "volume": escaped(self.volume),
            "number": escaped(self.number), "pages": escaped(self.pages), "doi": _verbatim(self.doi), "url": _verbatim(self.url),
        }  # fmt: skip
        return _entry(entry, key or self.key, fields)


def bibliography(references: Iterable[Reference | str]) -> list[str]:
    """Return one BibTeX entry for each reference, without repetitions, in order of keys.

    Texts become ``@misc`` with a note. References to different parts of one work are one entry; two works that share a
    key get ``b``, ``c``, … behind it.

    Examples
    --------
    >>> print(bibliography(["Hand-made, 2020"])[0])
    @misc{note13ec2d62,
      note = {Hand-made, 2020},
    }
    """
    found: dict[str, dict[str, str]] = {}  # key -> entry under that key -> entry under the key it gets
    for reference in references:
        key = keyed(reference)
        same = found.setdefault(key, {})
        entry = _entry_of(reference, key)
        same.setdefault(entry, entry if not same else _entry_of(reference, key + chr(ord("a") + len(same))))
    return [entry for key in sorted(found) for entry in found[key].values()]


def keyed(reference: Reference | str) -> str:
    """Return the BibTeX key of a reference or of a text."""
    return reference.key if isinstance(reference, Reference) else f"note{digest(reference)[:8]}"


def _entry_of(reference: Reference | str, key: str) -> str:
    return reference.bibtex(key) if isinstance(reference, Reference) else _entry("misc", key, {"note": escaped(reference)})


def escaped(text: str) -> str:
    r"""Return text as BibTeX and LaTeX read it: special characters escaped, accents as commands.

    Examples
    --------
    >>> print(escaped("100 % of S&P, Andén"))
    100 \% of S\&P, And{\'e}n
    """
    return "".join(map(_letter, unicodedata.normalize("NFC", text)))


def _letter(letter: str) -> str:
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    base, *marks = list(unicodedata.normalize("NFD", letter))
    if len(marks) == 1 and marks[0] in _ACCENTS:
        return f"{{\\{_ACCENTS[marks[0]]}{base}}}"
    return letter


def _capitals(title: str) -> str:
    """Protect capitals from styles that change the case of titles: of later words, and inside a word."""
    first, *later = title.split(" ")
    guarded = [any(letter.isupper() for letter in first[1:]), *(any(letter.isupper() for letter in word) for word in later)]
    return " ".join(f"{{{escaped(w)}}}" if guard else escaped(w) for w, guard in zip([first, *later], guarded, strict=True))


def _verbatim(link: str | None) -> str:
    """Return an address as it is, for LaTeX reads it as such; only what would end the field is encoded."""
    return (link or "").replace("{", "%7B").replace("}", "%7D").replace("\\", "%5C")


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def _ascii(word: str) -> str:
    """Return the letters and digits of a word without accents, in lower case."""
    plain = unicodedata.normalize("NFKD", word.casefold().replace("ø", "o").replace("ł", "l").replace("æ", "ae"))
    return re.sub(r"[^a-z0-9]", "", plain)
