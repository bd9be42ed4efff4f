"""Pictures as SVG text in the colours of the page; the only module that imports matplotlib."""

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from preproc.page.style import LIGHT

WIDTH: Final = 8.6
"""Inches of a picture that fills the page, which scales it to its column."""
SMALL: Final = 3.0
"""Inches of one that stands beside others."""
LINE: Final = 72
"""Letters of a line below a picture that fills the page, names at its side left out."""
MAX_LETTERS: Final = 20

_STYLE: Final[Mapping[Any, Any]] = {
    "svg.fonttype": "none",  # text stays text: readable, searchable, small
    "svg.hashsalt": "preproc",  # the same report, the same bytes
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": LIGHT["ink"],
    "text.parse_math": False,  # a category may hold dollars
    "axes.edgecolor": LIGHT["line"],
    "axes.labelcolor": LIGHT["muted"],
    "axes.unicode_minus": True,
    "xtick.color": LIGHT["muted"],
    "ytick.color": LIGHT["ink"],
    "patch.linewidth": 0,
    "legend.frameon": False,
    "legend.fontsize": 8,
}
_VARIABLES: Final = {colour: f"var(--{name})" for name, colour in LIGHT.items()}
_NOTHING: Final[Mapping[str, None]] = dict.fromkeys(("Creator", "Date", "Format", "Type"))


@dataclass(slots=True)
class Drawing:
    """A picture in the making.

    Attributes
    ----------
    axes
        To draw on, (rows, 1), of matplotlib.
    svg
        The finished ``<svg>`` element, once the drawing is left.
    """

    axes: Any
    svg: str = ""


@contextmanager
def drawing(
    width: float,
    height: float,
    *,
    rows: int = 1,
    heights: Sequence[float] | None = None,
    is_shared: bool = True,
) -> Iterator[Drawing]:
    """Open a picture of some inches; what was drawn is text when it is left.

    Parameters
    ----------
    width, height
        In inches.
    rows
        Of axes, one below the other.
    heights
        Of the rows, in proportion; None for equal ones.
    is_shared
        Whether they have one horizontal axis.

    Yields
    ------
    Drawing
        Colours are those of `preproc.page.style.LIGHT`; on the page they follow its theme.
    """
    with mpl.rc_context(dict(_STYLE)):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, 1, sharex=is_shared, squeeze=False, height_ratios=heights)
        for one in axes.flat:
            one.spines[["top", "left", "right"]].set_visible(False)
            one.tick_params(length=2, color=LIGHT["line"])
        made = Drawing(axes)
        yield made
        made.svg = _svg_of(figure)


def _svg_of(figure: Figure) -> str:
    target = io.StringIO()
    with warnings.catch_warnings():  # the browser has glyphs that the font of the layout has not
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(target, format="svg", transparent=True, metadata=dict(_NOTHING))
    text = target.getvalue()
    svg = text[text.index("<svg") :].strip()
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", lambda tag: _themed(tag[0]), svg)


def _themed(tag: str) -> str:
    """Take the addresses out of a tag, which HTML needs not, and put the theme's colours in."""
    tag = re.sub(r' xmlns(:xlink)?="[^"]*"', "", tag).replace(" xlink:href=", " href=")
    return re.sub(r"#[0-9a-f]{6}\b", lambda found: _VARIABLES.get(found[0], found[0]), tag)


def name_windows(axes: Any, starts: Sequence[str]) -> None:
    """Put the names of windows, drawn at 0, 1, …, below an axis: as many as there is room for."""
    names = [shortened(start, MAX_LETTERS) for start in starts]
    room = LINE // (2 + max(len(name) for name in names))
    step = -(-len(names) // room)
    axes.set_xticks(range(0, len(names), step), names[::step])
    axes.set_xlim(-0.75, len(starts) - 0.25)


def shortened(text: str, letters: int) -> str:
    """Make a text fit into a picture: its beginning and its end, of letters that can be shown."""
    shown = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
    if len(shown) <= letters:
        return shown
    return f"{shown[: letters // 2]}…{shown[1 - letters + letters // 2 :]}"
