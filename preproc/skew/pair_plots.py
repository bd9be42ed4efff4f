"""Plots of rows that were computed twice: where, for whom and by how much they differ."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from preproc.drift import Band
from preproc.page.drawing import WIDTH, drawing, name_windows, shortened
from preproc.page.style import LIGHT
from preproc.skew.detection import Share

ROW: Final = 0.26
"""Inches of a row."""
MAX_LETTERS: Final = 40
MAX_TICKS: Final = 8
WIDE: Final = 100
"""Ratio of the largest to the smallest from which on an axis goes by powers of ten."""


def counts_plot(counts: Sequence[tuple[str, int]], unit: str, *, is_fault: bool = True) -> str:
    """Draw a bar for each count, with its number.

    Parameters
    ----------
    counts
        Name → how many, at least one; names may be there twice.
    unit
        What is counted.
    is_fault
        Whether a count above 0 is a fault.

    Returns
    -------
    str
        An ``<svg>`` element; the bar of count i has the id ``bar-i``.
    """
    sizes = np.array([number for _, number in counts])
    with drawing(WIDTH, 0.45 + ROW * len(counts)) as made:
        axes = made.axes[0, 0]
        colour = LIGHT["breach"] if is_fault else LIGHT["now"]
        places = np.arange(len(counts))
        bars = axes.barh(places, sizes, 0.66, color=colour)
        for at, bar in enumerate(bars):
            bar.set_gid(f"bar-{at}")
        axes.bar_label(bars, [f"{size:,}" for size in sizes], padding=3, fontsize=8)
        _named(axes, [name for name, _ in counts])
        some = sizes[sizes > 0]
        if some.size and some.max() > WIDE * some.min():
            axes.set_xscale("symlog", linthresh=1)
            powers = range(0, len(str(sizes.max())), 1 + len(str(sizes.max())) // MAX_TICKS)
            axes.set_xticks([0, *(10**power for power in powers)])
            axes.minorticks_off()
        else:
            axes.locator_params(axis="x", integer=True, nbins=MAX_TICKS)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        axes.set_xlim(0, max(1, sizes.max()) * 1.1)
        axes.set_xlabel(unit)
    return made.svg


def shares_plot(shares: Mapping[str, Share]) -> str:
    """Draw the share of rows that differ, with its exact interval.

    Parameters
    ----------
    shares
        Name → share, at least one.

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    with drawing(WIDTH, 0.5 + ROW * len(shares)) as made:
        axes = made.axes[0, 0]
        for at, share in enumerate(shares.values()):
            colour = LIGHT["breach"] if share.count else LIGHT["now"]
            axes.hlines(at, share.low, share.high, color=colour, linewidth=2.4)
            axes.plot([share.rate], [at], "o", color=colour, markersize=5.5, markeredgewidth=0)
            aside: Any = {"xytext": (6, 0), "textcoords": "offset points", "va": "center"}
            words = f"{share.count:,} of {share.of:,}"
            axes.annotate(words, (share.high, at), **aside, fontsize=8, color=LIGHT["muted"])
        _named(axes, list(shares))
        axes.set_xlim(0, max(share.high for share in shares.values()) * 1.25)
        axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")
        axes.grid(axis="x", color=LIGHT["line"], linewidth=0.6)
        axes.set_xlabel("share of the rows that differ, 95 % interval")
    return made.svg


def deltas_plot(deltas: Mapping[str, Mapping[float, float]]) -> str:
    """Draw quantiles of the differences, a row an output: all, 98, 90 and 50 %, and the median.

    Parameters
    ----------
    deltas
        Output → (quantile → served minus witness); none of them empty.

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    height = 0.2 + 0.62 * len(deltas)
    with drawing(WIDTH, height, rows=len(deltas), is_shared=False) as made:
        for axes, (name, quantiles) in zip(made.axes[:, 0], deltas.items(), strict=True):
            for low, width in ((0.0, 1.0), (0.01, 3.0), (0.05, 6.0), (0.25, 11.0)):
                span = quantiles[low], quantiles[1 - low]
                axes.hlines(0, *span, color=LIGHT["now"], linewidth=width, alpha=0.55)
            axes.plot([quantiles[0.5]], [0], "|", color=LIGHT["ink"], markersize=13)
            axes.axvline(0, color=LIGHT["muted"], linewidth=0.8, linestyle=(0, (3, 2)))
            sizes = np.abs([value for value in quantiles.values() if value])
            ends = [quantiles[0.0], quantiles[1.0]]
            if sizes.size and sizes.max() > WIDE * sizes.min():
                axes.set_xscale("symlog", linthresh=float(sizes.min()))
                axes.set_xticks(sorted(set(ends)))
                axes.minorticks_off()
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:.2g}")
            _named(axes, [name])
            axes.margins(x=0.06)
    return made.svg


def differing_plot(starts: Sequence[str], compared: Sequence[int], different: Sequence[int]) -> str:
    """Draw the share of the rows of each window that differ.

    Returns
    -------
    str
        An ``<svg>`` element; the bar of window i has the id ``window-i``. A window of which no row
        was compared is shaded.
    """
    sizes = np.array(compared)
    shares = np.array(different) / np.maximum(sizes, 1)
    with drawing(WIDTH, 1.7) as made:
        axes = made.axes[0, 0]
        bars = axes.bar(range(len(starts)), shares, 0.82, color=LIGHT["breach"])
        for at, bar in enumerate(bars):
            bar.set_gid(f"window-{at}")
        for at in np.flatnonzero(sizes == 0).tolist():
            axes.axvspan(at - 0.5, at + 0.5, color=LIGHT["warn"], alpha=0.3, linewidth=0)
        axes.set_ylim(0, shares.max() * 1.1)
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")
        axes.grid(axis="y", color=LIGHT["line"], linewidth=0.6)
        axes.set_axisbelow(True)
        name_windows(axes, starts)
    return made.svg


def bands_plot(names: Sequence[str], bands: Sequence[Band]) -> str:
    """Draw what came true minus what was expected, by band, then and now.

    Returns
    -------
    str
        An ``<svg>`` element; marks have the ids ``then`` and ``now``.
    """
    with drawing(WIDTH, 2.2) as made:
        axes = made.axes[0, 0]
        axes.axhline(0, color=LIGHT["muted"], linewidth=0.8, linestyle=(0, (3, 2)))
        for side, aside, colour in (("then", -0.1, LIGHT["past"]), ("now", 0.1, LIGHT["now"])):
            known = [at for at, band in enumerate(bands) if getattr(band, side) is not None]
            means = np.array([getattr(bands[at], side) for at in known])
            errors = 1.96 * np.array([getattr(bands[at], f"{side}_error") for at in known])
            places = np.array(known) + aside
            axes.vlines(places, means - errors, means + errors, color=colour, linewidth=2.4)
            style: Any = {"markersize": 6, "markeredgewidth": 0, "gid": side, "color": colour}
            axes.plot(places, means, "o", **style, label={"then": "training"}.get(side, side))
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-0.6, len(names) - 0.4)
        axes.set_xlabel("expected")
        axes.set_ylabel("true minus expected")
        axes.grid(axis="y", color=LIGHT["line"], linewidth=0.6)
        axes.set_axisbelow(True)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    return made.svg


def _named(axes: Any, names: Sequence[str]) -> None:
    axes.set_yticks(
        range(len(names)), [shortened(name, MAX_LETTERS) for name in names], fontsize=8.5
    )
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.set_axisbelow(True)
