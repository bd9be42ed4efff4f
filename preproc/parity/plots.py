"""Plots of a parity report: how large errors are, and where nodes ran."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.page.drawing import WIDTH, drawing
from preproc.page.style import LIGHT

PROVIDERS: Final = tuple(LIGHT[name] for name in ("now", "c2", "c3", "c4", "c5"))
BINS: Final = 60


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
    with drawing(WIDTH, 0.5 + 0.72 * len(errors), rows=len(errors)) as made:
        rows = made.axes[:, 0]
        for axes, (name, found) in zip(rows, errors.items(), strict=True):
            _histogram(axes, found, edges, bounds[name])
            axes.set_yticks([])
            axes.set_ylabel(name, rotation=0, ha="right", va="center", color=LIGHT["ink"])
        rows[-1].set_xlabel("absolute error, power of ten")
    return made.svg


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
    with drawing(WIDTH, 0.9 + 0.42 * len(counts)) as made:
        axes = made.axes[0, 0]
        start = np.zeros(len(counts))
        for at, name in enumerate(names):
            sizes = np.array([found.get(name, 0) for found in counts.values()])
            colour = PROVIDERS[at % len(PROVIDERS)]
            bars = axes.barh(list(counts), sizes, left=start, height=0.62, color=colour, label=name)
            labels = [str(size) if size else "" for size in sizes]
            axes.bar_label(bars, labels, label_type="center", color=LIGHT["on"], fontsize=8)
            start += sizes
        axes.invert_yaxis()
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        axes.set_xlabel("nodes")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return made.svg


def _histogram(
    axes: Any, errors: NDArray[np.float64], edges: NDArray[np.float64], bound: float
) -> None:
    apart = errors[np.isfinite(errors) & (errors > 0)]
    equal, lost = int((errors == 0).sum()), int((~np.isfinite(errors)).sum())
    counts, _ = np.histogram(np.log10(apart), edges)
    beyond = 10 ** edges[:-1] >= bound
    colours = [LIGHT["breach"] if is_beyond else LIGHT["pass"] for is_beyond in beyond]
    axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=colours)
    place = (np.log10(bound) - edges[0]) / (edges[-1] - edges[0]) if bound > 0 else 0.0
    top = {"transform": axes.transAxes, "va": "top", "fontsize": 8, "color": LIGHT["muted"]}
    if bound > 0:
        axes.axvline(np.log10(bound), color=LIGHT["ink"], linewidth=1, linestyle=(0, (3, 2)))
        axes.text(place + 0.006, 0.98, f"bound {bound:.1g}", **top)
    share = 100 * equal / errors.size if errors.size else 0.0
    words = f"{int(1e3 * share) / 1e3:g} % of {errors.size:,} equal bit for bit"
    if lost:
        words += f", {lost:,} NaN on one side"
    is_left = place > 0.5  # noqa: PLR2004  # where the bound is not
    axes.text(0.005 if is_left else 0.995, 0.98, words, ha="left" if is_left else "right", **top)
    axes.set_ylim(0, max(1, counts.max()) * 1.7)
    axes.set_xlim(edges[0], edges[-1])
