"""Turns a page into the text of its file."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from itertools import count

from preproc.errors import PageError
from preproc.page.parts import (
    Badge,
    Bullets,
    Cell,
    Code,
    Figure,
    Gallery,
    Heading,
    Page,
    Part,
    Row,
    Section,
    Span,
    Table,
    Words,
)
from preproc.page.style import STYLE


def render_page(page: Page) -> str:
    """Write a page as one HTML file: the same page, the same text.

    Raises
    ------
    PageError
        When it shows nothing, two sections have one name, or a row has not a cell for each head.
    """
    if not page.sections:
        raise PageError(f"page {page.title!r}: expected sections, got none")
    names = Counter(section.name for section in page.sections)
    twice = [name for name, times in names.items() if times > 1]
    if twice:
        raise PageError(f"page {page.title!r}: expected names of their own, got twice {twice}")
    numbers = count()
    body = "".join(_section(section, numbers) for section in page.sections)
    badge = "" if page.badge is None else _span(page.badge)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(page.title)}</title><style>{STYLE}</style></head><body><main>"
        f"<header><h1>{escape(page.title)}</h1>{badge}</header><p>{_spans(page.words)}</p>"
        f"{body}</main></body></html>\n"
    )


def _section(section: Section, numbers: Iterator[int]) -> str:
    parts = "".join(_part(part, numbers) for part in section.parts)
    words = f"<p>{escape(section.words)}</p>" if section.words else ""
    name = escape(section.name)
    return f'<section id="{name}"><h2>{escape(section.title)}</h2>{words}{parts}</section>'


def _part(part: Part, numbers: Iterator[int]) -> str:
    match part:
        case Table():
            return _table(part)
        case Figure():
            return _figure(part, numbers, "scroll")
        case Gallery(figures):
            shown = "".join(_figure(one, numbers, "small") for one in figures)
            return f'<div class="gallery">{shown}</div>'
        case Heading(text):
            return f"<h3>{escape(text)}</h3>"
        case Words(spans):
            return f"<p>{_spans(spans)}</p>"
        case Bullets(items):
            return f"<ul>{''.join(f'<li>{_spans(item)}</li>' for item in items)}</ul>"


def _table(table: Table) -> str:
    kinds = [
        "n" if head in table.numbers else "breaks" if head in table.breaks else ""
        for head in table.heads
    ]
    heads = "".join(
        f'<th scope="col"{_class("n" if kind == "n" else "")}>{escape(head)}</th>'
        for head, kind in zip(table.heads, kinds, strict=True)
    )
    rows = "".join(_row(row, kinds) for row in table.rows)
    return (
        f'<div class="scroll"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(row: Row, kinds: Sequence[str]) -> str:
    if len(row.cells) != len(kinds):
        raise PageError(f"table: expected {len(kinds)} cells, got {len(row.cells)}: {row.cells}")
    cells = "".join(_cell(cell, kind) for cell, kind in zip(row.cells, kinds, strict=True))
    if not row.note:
        return f"<tr>{cells}</tr>"
    note = f'<td colspan="{len(kinds)}" class="note breaks">{escape(row.note)}</td>'
    return f'<tr class="noted">{cells}</tr><tr>{note}</tr>'


def _cell(cell: Span | Cell, kind: str) -> str:
    spans, is_marked = (cell.spans, cell.is_marked) if isinstance(cell, Cell) else ((cell,), False)
    return f"<td{_class(f'{kind} marked' if is_marked else kind)}>{_spans(spans)}</td>"


def _figure(figure: Figure, numbers: Iterator[int], kind: str) -> str:
    label = f'<svg role="img" aria-label="{escape(figure.alt)}"'
    svg = _numbered(figure.svg, next(numbers)).replace("<svg", label, 1)
    title = f"<h3>{escape(figure.title)}</h3>" if figure.title else ""
    caption = f"<figcaption>{escape(figure.caption)}</figcaption>" if figure.caption else ""
    return f'<figure>{title}<div class="{kind}">{svg}</div>{caption}</figure>'


def _numbered(svg: str, number: int) -> str:
    """Give the ids inside a picture a number of their own, since one page holds several."""
    return re.sub(
        r"<[^>]+>",
        lambda tag: re.sub(r'( id="|url\(#|href="#)', rf"\g<1>p{number}-", tag[0]),
        svg,
    )


def _spans(spans: Sequence[Span]) -> str:
    return "".join(_span(span) for span in spans)


def _span(span: Span) -> str:
    match span:
        case Badge(outcome, words):
            return f'<span class="badge {outcome}">{escape(words)}</span>'
        case Code(text):
            return f"<code>{escape(text)}</code>"
        case text:
            return escape(text)


def _class(name: str) -> str:
    return f' class="{name.strip()}"' if name.strip() else ""
