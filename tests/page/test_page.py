"""A page holds what it was given: as text, once, in the colours of its theme, and nothing else."""

import re

import pytest

from preproc.errors import PageError
from preproc.page import (
    Badge,
    Bullets,
    Cell,
    Code,
    Figure,
    Gallery,
    Heading,
    Page,
    Row,
    Section,
    Table,
    Words,
    renamed,
    render_page,
)
from preproc.page.drawing import SMALL, drawing, shortened
from preproc.page.style import DARK, LIGHT


def bars(names: list[str]) -> str:
    with drawing(SMALL, 1.0) as made:
        axes = made.axes[0, 0]
        axes.barh(range(len(names)), range(len(names)), color=LIGHT["breach"])
        axes.set_yticks(range(len(names)), names)
    return made.svg


FIGURE = Figure(bars(["a", "b"]), 'two bars, "a" & b', "title", "caption")
SECTION = Section(
    "one",
    "First",
    "words",
    [
        Heading("heading"),
        Words(("see ", Code("x < y"), Badge("warn", "open"))),
        Bullets([("item",)]),
        Table(
            ("name", "rows"),
            [Row(("a", Cell(("1",), is_marked=True)), "note"), Row(("<b>", "2"))],
            frozenset(("rows",)),
        ),
        FIGURE,
        Gallery([FIGURE, FIGURE]),
    ],
)


def page_of(*sections: Section) -> Page:
    return Page("Title of <i>", Badge("pass", "pass"), ("all ", Code("well")), sections)


def test_text_is_never_markup() -> None:
    page = render_page(page_of(SECTION))
    assert "<i>" not in page
    assert "<td>&lt;b&gt;</td>" in page
    assert "see <code>x &lt; y</code>" in page
    assert '<td class="n marked">1</td>' in page
    assert '<td colspan="2" class="note breaks">note</td>' in page
    assert 'aria-label="two bars, &quot;a&quot; &amp; b"' in page


def test_sections_of_two_reports_stand_on_one_page_with_ids_of_their_own() -> None:
    page = render_page(page_of(SECTION, *renamed([SECTION], "other")))
    assert re.findall(r'<section id="([\w-]+)"', page) == ["one", "other-one"]
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) > 20
    used = re.findall(r'(?:url\(#|href="#)([^)"]+)', page)
    assert used
    assert set(used) <= set(ids)


def test_nothing_comes_from_elsewhere_and_nothing_runs() -> None:
    page = render_page(page_of(SECTION))
    assert "http" not in page
    assert "<script" not in page
    assert not re.findall(r' (?:src|href)="(?!#)', page)


def test_pictures_follow_the_theme() -> None:
    svg = FIGURE.svg
    assert "fill: var(--breach)" in svg
    assert not set(re.findall(r"#[0-9a-f]{6}", svg)) & set(LIGHT.values())
    assert LIGHT.keys() == DARK.keys()
    assert len(set(LIGHT.values())) == len(LIGHT)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_what_is_written_can_be_read_in_light_and_in_dark(theme: dict[str, str]) -> None:
    """Ratios of luminance of WCAG 2, 1.4.3 and 1.4.11."""
    for ground in ("paper", "back", "mark"):
        assert contrast(theme["ink"], theme[ground]) >= 7
    for ground in ("paper", "back"):
        assert contrast(theme["muted"], theme[ground]) >= 4.5
    for badge in ("pass", "breach", "warn"):
        assert contrast(theme["on"], theme[badge]) >= 4.5
    for mark in ("now", "breach", "warn", "c3"):
        assert contrast(theme[mark], theme["paper"]) >= 3


def contrast(one: str, other: str) -> float:
    low, high = sorted(luminance(colour) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_same_picture_is_the_same_text() -> None:
    assert bars(["a", "b"]) == FIGURE.svg
    assert bars(["a", "c"]) != FIGURE.svg


def test_names_of_any_script_stay_text() -> None:
    svg = bars(["東京", "$x^2$", "🙂 <b>", 'id="x"'])
    assert "東京" in svg
    assert "$x^2$" in svg
    assert "🙂 &lt;b&gt;" in svg
    page = render_page(page_of(Section("one", "", "", [Figure(svg, "names")])))
    assert '>id="x"<' in page


def test_long_names_keep_both_ends() -> None:
    assert shortened("input a_very_long_name: spike", 17) == "input a_…e: spike"
    assert shortened("a\nb", 5) == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (page_of(), "page 'Title of <i>': expected sections, got none"),
        (
            page_of(SECTION, SECTION),
            "page 'Title of <i>': expected names of their own, got twice ['one']",
        ),
        (
            page_of(Section("one", "", "", [Table(("a", "b"), [Row(("1",))])])),
            "table: expected 2 cells, got 1: ('1',)",
        ),
    ],
    ids=["empty", "twice", "ragged"],
)
def test_what_does_not_fit_is_refused(page: Page, message: str) -> None:
    with pytest.raises(PageError) as caught:
        render_page(page)
    assert str(caught.value) == message
