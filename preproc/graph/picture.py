"""A graph as a picture: inputs, steps by their paths and outputs, as one SVG complete in itself."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final

from preproc.graph.flow import Part, flow_of
from preproc.graph.layers import Place, laid_out
from preproc.wording import counted

INK: Final = "#1f2a37"
MUTED: Final = "#6b7684"
LINE: Final = "#aab4c0"
REFUSAL: Final = "#b3362b"
COLOURS: Final = {"input": "#3b6ea5", "step": "#6b7684", "output": "#2f7d5b"}
MAX_SIGNS: Final = 34
MAX_NAMES: Final = 8
"""Inputs that a box lists."""
MAX_OPERATORS: Final = 4
SIGN: Final = 7.3
"""Width of a sign, in pixels: the font has one for all."""
ROW: Final = 17.0
PAD: Final = 10.0
BETWEEN: Final = 70.0
"""Pixels between layers."""
HEAD: Final = 64.0


@dataclass(frozen=True, slots=True)
class _Box:
    kind: str
    lines: tuple[tuple[str, str], ...]
    hint: str

    @property
    def width(self) -> float:
        return max(_signs(text) for text, _ in self.lines) * SIGN + 2 * PAD

    @property
    def height(self) -> float:
        return len(self.lines) * ROW + 2 * PAD - 5


def picture_of(model: bytes, title: str) -> str:
    """Draw a serialised model.

    Parameters
    ----------
    model
        The public graph.
    title
        Stands above it.

    Returns
    -------
    str
        An ``<svg>`` element with nothing from elsewhere; the same model, the same text.
    """
    parts = flow_of(model)
    groups = _groups(parts)
    owner = {number: at for at, group in enumerate(groups) for number in group}
    boxes = [_box([parts[number] for number in group]) for group in groups]
    edges = sorted(
        {(owner[source], at) for at, group in enumerate(groups) for source in parts[group[0]].takes}
    )
    layers = [0] * len(boxes)
    for first, last in sorted(edges, key=lambda edge: edge[1]):
        layers[last] = max(layers[last], layers[first] + 1)
    last_layer = max(layers, default=0)
    layers = [
        last_layer if box.kind == "output" else layer
        for box, layer in zip(boxes, layers, strict=True)
    ]
    places, ways = laid_out([box.height for box in boxes], edges, layers)
    top = min(place.middle - place.height / 2 for place in places) - HEAD
    for place in places:
        place.middle -= top
    widths = [
        max(b.width for b, la in zip(boxes, layers, strict=True) if la == layer)
        for layer in range(last_layer + 1)
    ]
    lefts = [24 + sum(widths[:layer]) + BETWEEN * layer for layer in range(last_layer + 1)]
    bottom = max(place.middle + place.height / 2 for place in places) + 24
    right = max(lefts[-1] + widths[-1] + 24, 48 + SIGN * 1.2 * _signs(title), 560.0)
    drawn = [_edge(way, places, lefts, widths) for way in ways]
    drawn += [
        _drawn(box, place, lefts[place.layer], widths[place.layer])
        for box, place in zip(boxes, places, strict=False)
    ]
    size = f"{right:.0f}", f"{bottom:.0f}"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" '
        f'viewBox="0 0 {size[0]} {size[1]}" role="img" font-size="12" '
        'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace">'
    )
    told = _safe(title)
    name = f'<text x="24" y="30" font-size="14" font-weight="bold" fill="{INK}">{told}</text>'
    ground = '<rect width="100%" height="100%" fill="#ffffff"/>'
    return "\n".join([head, f"<title>{told}</title>", ground, name, *_legend(), *drawn, "</svg>\n"])


def _groups(parts: Sequence[Part]) -> list[list[int]]:
    """Put inputs that the same parts take into one box; any other part has its own."""
    takers: dict[int, list[int]] = {}
    for at, part in enumerate(parts):
        for source in part.takes:
            takers.setdefault(source, []).append(at)
    together: dict[tuple[int, ...], list[int]] = {}
    for at, part in enumerate(parts):
        if part.kind == "input":
            together.setdefault(tuple(takers.get(at, ())), []).append(at)
    rest = [[at] for at, part in enumerate(parts) if part.kind != "input"]
    return [*together.values(), *rest]


def _box(parts: Sequence[Part]) -> _Box:
    first = parts[0]
    if first.kind == "step":
        front, slash, name = first.name.rpartition("/")
        lines = [(front + slash, "front")] if front else []
        lines.append((name or "pipeline", "name"))
        counts = [f"{n} {op}" if n > 1 else op for op, n in first.operators.items()]
        shown = counts[:MAX_OPERATORS]
        lines += [(", ".join(shown[at : at + 2]), "small") for at in range(0, len(shown), 2)]
        if len(counts) > MAX_OPERATORS:
            rest = sum(list(first.operators.values())[MAX_OPERATORS:])
            lines.append((f"and {counted(rest, 'more node')}", "small"))
        if first.refuses:
            lines.append(("refuses rows", "refusal"))
        return _Box("step", tuple((_cut(t), k) for t, k in lines), ", ".join([first.name, *counts]))
    names = [f"{part.name}: {part.dtype}" for part in parts]
    shown = names if len(names) <= MAX_NAMES else names[: MAX_NAMES - 1]
    lines = [(_cut(name), "name") for name in shown]
    if len(shown) < len(names):
        lines.append((f"and {len(names) - len(shown)} more", "small"))
    return _Box(first.kind, tuple(lines), ", ".join(names))


def _drawn(box: _Box, place: Place, left: float, width: float) -> str:
    top = place.middle - box.height / 2
    colour = COLOURS[box.kind]
    rows = [
        f'<text x="{left + PAD:.1f}" y="{top + PAD + 9 + at * ROW:.1f}" {_style(kind)}>'
        f"{_safe(text)}</text>"
        for at, (text, kind) in enumerate(box.lines)
    ]
    shade = "#ffffff" if box.kind == "step" else f'{colour}" fill-opacity="0.09'
    return (
        f'<g><title>{_safe(box.hint)}</title><rect x="{left:.1f}" y="{top:.1f}" '
        f'width="{width:.1f}" height="{box.height:.1f}" rx="6" fill="{shade}" '
        f'stroke="{colour}"/>{"".join(rows)}</g>'
    )


def _style(kind: str) -> str:
    colour = {"name": INK, "refusal": REFUSAL}.get(kind, MUTED)
    return f'fill="{colour}"' + (' font-weight="bold"' if kind == "name" else "")


def _edge(
    way: Sequence[int],
    places: Sequence[Place],
    lefts: Sequence[float],
    widths: Sequence[float],
) -> str:
    """Draw a curve from box to box, level where it passes a layer."""
    first = places[way[0]]
    path = [f"M{lefts[first.layer] + widths[first.layer]:.1f} {first.middle:.1f}"]
    for at, other in pairwise(way):
        one, two = places[at], places[other]
        begin, end = lefts[one.layer] + widths[one.layer], lefts[two.layer]
        half = (begin + end) / 2
        path.append(
            f"C{half:.1f} {one.middle:.1f} {half:.1f} {two.middle:.1f} {end:.1f} {two.middle:.1f}"
        )
        if other != way[-1]:
            path.append(f"H{end + widths[two.layer]:.1f}")
    end, middle = lefts[places[way[-1]].layer], places[way[-1]].middle
    tip = f"M{end - 7:.1f} {middle - 4:.1f}L{end:.1f} {middle:.1f}L{end - 7:.1f} {middle + 4:.1f}"
    return f'<path d="{" ".join(path)} {tip}" fill="none" stroke="{LINE}" stroke-width="1.4"/>'


def _legend() -> list[str]:
    made, left = [], 24.0
    for kind, colour in COLOURS.items():
        made.append(
            f'<rect x="{left:.0f}" y="41" width="9" height="9" rx="2" fill="none" '
            f'stroke="{colour}"/><text x="{left + 15:.0f}" y="50" fill="{MUTED}">{kind}</text>'
        )
        left += 15 + 9 * SIGN
    text = "a row that a step refuses gets row_error"
    made.append(f'<text x="{left:.0f}" y="50" fill="{REFUSAL}">{text}</text>')
    return made


def _signs(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SIGNS else f"{text[: MAX_SIGNS - 1]}…"


def _safe(text: str) -> str:
    """Escape for XML, which knows no control characters."""
    return escape("".join(sign if sign.isprintable() else "\ufffd" for sign in text))
