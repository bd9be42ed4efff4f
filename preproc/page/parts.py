"""What a page is made of: plain data; the sections of a report can be joined to any page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Outcome = Literal["pass", "warn", "breach"]


@dataclass(frozen=True, slots=True)
class Badge:
    """A verdict in colour; the words alone tell it too."""

    outcome: Outcome
    words: str


@dataclass(frozen=True, slots=True)
class Code:
    """Text of a program: a value, a path."""

    text: str


Span = str | Badge | Code
"""A piece of a sentence; text is never markup."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of several pieces, or one that is marked since it differs."""

    spans: tuple[Span, ...]
    is_marked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Cells under the heads of a table; `note` stands below them, over the whole width."""

    cells: Sequence[Span | Cell]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under heads.

    Attributes
    ----------
    heads, rows
        Each row has as many cells as there are heads.
    numbers
        Heads of columns that are set to the right.
    breaks
        Heads of columns whose long words may be broken.
    """

    heads: Sequence[str]
    rows: Sequence[Row]
    numbers: frozenset[str] = frozenset()
    breaks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture.

    Attributes
    ----------
    svg
        As `preproc.page.drawing.drawing` gives it.
    alt
        What it shows, for those who do not see it: with the numbers that matter.
    title, caption
        Above and below; may be empty.
    """

    svg: str
    alt: str
    title: str = ""
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Gallery:
    """Small pictures side by side, as many in a row as there is room for."""

    figures: Sequence[Figure]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph."""

    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    items: Sequence[tuple[Span, ...]]


Part = Table | Figure | Gallery | Heading | Words | Bullets


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of a page.

    Attributes
    ----------
    name
        By which it is linked; one of its kind on a page.
    title, words
        Heading, and what one needs to know to read what follows.
    parts
        In their order.
    """

    name: str
    title: str
    words: str
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report.

    Attributes
    ----------
    title, badge
        What it is about, and how it went.
    words
        What was done, in a sentence or two.
    sections
        In their order.
    """

    title: str
    badge: Badge | None
    words: tuple[Span, ...]
    sections: Sequence[Section]


def renamed(sections: Iterable[Section], prefix: str) -> tuple[Section, ...]:
    """Put a prefix before the names of sections, for a page that holds several reports."""
    return tuple(replace(one, name=f"{prefix}-{one.name}") for one in sections)
