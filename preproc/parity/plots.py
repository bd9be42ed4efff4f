"""Plots of a parity report as SVG text; the only module that imports matplotlib."""

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

INK: Final = "#1f2a37"
MUTED: Final = "#6b7684"
GRID: Final = "#e4e8ee"
WITHIN: Final = "#2f7d5b"
BEYOND: Final = "#b3362b"
PROVIDERS: Final = ("#3b6ea5", "#d08a2e", "#7a5ea8", "#4c9a8a", "#a0574f")
BINS: Final = 60
WIDTH: Final = 8.6
"""Inches; the page scales the picture to its column."""

_STYLE: Final[Mapping[Any, Any]] = {
    "svg.fonttype": "none",  # text stays text: readable, searchable, small
    "svg.hashsalt": "preproc",  # the same report, the same bytes
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": INK,
}


def error_plot(errors: Mapping[str, NDArray[np.float64]], bounds: Mapping[str, float]) -> str:
    """Draw how large the absolute errors of one output are, a row a group of settings.

    Parameters
    ----------
    errors
        Name of a group → absolute errors (n,), 0 where bits are equal, infinite where one side is
        NaN.
    bounds
        The same names → absolute bound, 0 where bits must be equal.

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    finite = [found[np.isfinite(found) & (found > 0)] for found in errors.values()]
    drawn = np.concatenate([*finite, [b for b in bounds.values() if b > 0], [1e-18]])
    low, high = np.floor(np.log10(drawn.min())) - 1, np.ceil(np.log10(drawn.max())) + 1
    edges = np.linspace(low, high, BINS + 1)
    with mpl.rc_context(dict(_STYLE)):
        figure = Figure(figsize=(WIDTH, 0.5 + 0.72 * len(errors)), layout="constrained")
        rows = figure.subplots(len(errors), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, found) in zip(rows, errors.items(), strict=True):
            bound = bounds[name]
            _histogram(axes, found, edges, bound)
            axes.set_yticks([])
            axes.set_ylabel(name, rotation=0, ha="right", va="center", color=INK)
        rows[-1].set_xlabel("absolute error, power of ten")
        return _svg(figure)


def placement_plot(counts: Mapping[str, Mapping[str, int]]) -> str:
    """Draw how many nodes each provider computed, a bar a backend.

    Parameters
    ----------
    counts
        Backend → (provider and half of the form → nodes).

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    names = list(dict.fromkeys(name for found in counts.values() for name in found))
    with mpl.rc_context(dict(_STYLE)):
        figure = Figure(figsize=(WIDTH, 0.9 + 0.42 * len(counts)), layout="constrained")
        axes = figure.subplots()
        start = np.zeros(len(counts))
        for at, name in enumerate(names):
            sizes = np.array([found.get(name, 0) for found in counts.values()])
            colour = PROVIDERS[at % len(PROVIDERS)]
            bars = axes.barh(list(counts), sizes, left=start, height=0.62, color=colour, label=name)
            labels = [str(size) if size else "" for size in sizes]
            axes.bar_label(bars, labels, label_type="center", color="white", fontsize=8)
            start += sizes
        axes.invert_yaxis()
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        axes.set_xlabel("nodes")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, fontsize=8)
        return _svg(figure)


def _histogram(
    axes: Any, errors: NDArray[np.float64], edges: NDArray[np.float64], bound: float
) -> None:
    apart = errors[np.isfinite(errors) & (errors > 0)]
    equal, lost = int((errors == 0).sum()), int((~np.isfinite(errors)).sum())
    counts, _ = np.histogram(np.log10(apart), edges)
    beyond = 10 ** edges[:-1] >= bound
    colours = [BEYOND if is_beyond else WITHIN for is_beyond in beyond]
    axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=colours, linewidth=0)
    place = (np.log10(bound) - edges[0]) / (edges[-1] - edges[0]) if bound > 0 else 0.0
    top = {"transform": axes.transAxes, "va": "top", "fontsize": 8, "color": MUTED}
    if bound > 0:
        axes.axvline(np.log10(bound), color=INK, linewidth=1, linestyle=(0, (3, 2)))
        axes.text(place + 0.006, 0.98, f"bound {bound:.1g}", **top)
    share = 100 * equal / errors.size if errors.size else 0.0
    words = f"{int(1e3 * share) / 1e3:g} % of {errors.size:,} equal bit for bit"
    if lost:
        words += f", {lost:,} NaN on one side"
    is_left = place > 0.5  # noqa: PLR2004  # where the bound is not
    axes.text(0.005 if is_left else 0.995, 0.98, words, ha="left" if is_left else "right", **top)
    axes.set_ylim(0, max(1, counts.max()) * 1.7)
    axes.set_xlim(edges[0], edges[-1])
    axes.spines[["top", "left", "right"]].set_visible(False)
    axes.tick_params(axis="x", length=2, color=GRID)


def _svg(figure: Figure) -> str:
    target = io.StringIO()
    figure.savefig(target, format="svg", transparent=True, metadata={"Date": None})
    text = target.getvalue()
    return text[text.index("<svg") :]


def numbered(svgs: Sequence[str]) -> list[str]:
    """Give the ids inside several pictures a number of their own, since one page holds them."""
    return [
        svg.replace('id="', f'id="p{at}-')
        .replace("url(#", f"url(#p{at}-")
        .replace('href="#', f'href="#p{at}-')
        for at, svg in enumerate(svgs)
    ]
