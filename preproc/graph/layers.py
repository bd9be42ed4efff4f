"""Where boxes stand: columns from left to right, by the longest way from what they are made of.

The layered drawing of Sugiyama, Tagawa and Toda (1981): an edge that spans several layers gets a
place in each, so that it passes no box; orders by barycentres; heights by sweeps to the mean of the
neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

SWEEPS: Final = 12
GAP: Final = 22.0
"""Between boxes of one layer, in pixels; half of it beside an edge that passes."""


@dataclass(slots=True)
class Place:
    """A box, or an edge that passes, in a layer.

    Attributes
    ----------
    layer
        From 0, on the left.
    height
        In pixels, 0 for an edge.
    middle
        Vertical, in pixels.
    before, behind
        Numbers of the places that it is joined to, in the layer before and behind.
    """

    layer: int
    height: float
    middle: float
    before: list[int]
    behind: list[int]


def laid_out(
    heights: Sequence[float], edges: Sequence[tuple[int, int]], layers: Sequence[int]
) -> tuple[list[Place], list[list[int]]]:
    """Place boxes.

    Parameters
    ----------
    heights
        Of each box.
    edges
        Pairs of boxes, from and to; the layer of the second is larger.
    layers
        Of each box.

    Returns
    -------
    tuple
        Places, the boxes first; of each edge, the places that it joins, from left to right.
    """
    places = [Place(la, h, 0.0, [], []) for la, h in zip(layers, heights, strict=True)]
    ways = []
    for first, last in edges:
        way = [first]
        for layer in range(layers[first] + 1, layers[last]):
            places.append(Place(layer, 0.0, 0.0, [], []))
            way.append(len(places) - 1)
        way.append(last)
        ways.append(way)
        for left, right in pairwise(way):
            places[left].behind.append(right)
            places[right].before.append(left)
    columns = [
        [at for at, place in enumerate(places) if place.layer == layer]
        for layer in range(max(layers, default=0) + 1)
    ]
    for column in columns:
        _stack(places, column)
    for sweep in range(SWEEPS):
        is_right = sweep % 2 == 0
        for column in columns if is_right else reversed(columns):
            _align(places, column, is_right=is_right, may_reorder=sweep < SWEEPS - 4)
    return places, ways


def _align(places: list[Place], column: list[int], *, is_right: bool, may_reorder: bool) -> None:
    """Move a layer to the mean of its neighbours on one side."""
    wanted = {}
    for at in column:
        near = places[at].before if is_right else places[at].behind
        known = [places[other].middle for other in near]
        wanted[at] = sum(known) / len(known) if known else places[at].middle
    if may_reorder:
        column.sort(key=wanted.__getitem__)
    for at in column:
        places[at].middle = wanted[at]
    _stack(places, column)
    shift = sum(wanted[at] - places[at].middle for at in column) / len(column)
    for at in column:
        places[at].middle += shift


def _stack(places: list[Place], column: list[int]) -> None:
    """Push boxes down until none overlaps."""
    for upper, lower in pairwise(column):
        one, other = places[upper], places[lower]
        gap = GAP if one.height and other.height else GAP / 2
        least = one.middle + (one.height + other.height) / 2 + gap
        other.middle = max(other.middle, least)
