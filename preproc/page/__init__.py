"""Reports as one HTML file: no script, nothing from elsewhere, readable in light and in dark."""

from preproc.page.parts import (
    Badge,
    Bullets,
    Cell,
    Code,
    Figure,
    Gallery,
    Heading,
    Outcome,
    Page,
    Part,
    Row,
    Section,
    Span,
    Table,
    Words,
    renamed,
)
from preproc.page.rendering import render_page

__all__ = [
    "Badge",
    "Bullets",
    "Cell",
    "Code",
    "Figure",
    "Gallery",
    "Heading",
    "Outcome",
    "Page",
    "Part",
    "Row",
    "Section",
    "Span",
    "Table",
    "Words",
    "renamed",
    "render_page",
]
