"""Columns that are taken out of joined ones: taken from where they come from instead.

Why: a check of a few columns then no longer needs the wide join, whose other columns may be
hundreds of one-hot ones. Moving numbers about changes none of them.
"""

import numpy as np
from numpy.typing import NDArray

from preproc.graph.view import View, attributes_of


def columns_from_parts(view: View) -> None:
    """Take columns from the one part of a join that holds them all."""
    for node in list(view.nodes.values()):
        columns = None if node.op_type != "Gather" else view.constants.get(node.input[1])
        if columns is None or columns.ndim != 1 or attributes_of(node).get("axis") != 1:
            continue
        taken = _taken(view, node.input[0], columns.astype(np.int64))
        if taken is not None:
            view.rename(node, taken)


def _taken(view: View, value: str, columns: NDArray[np.int64]) -> str | None:
    """Take columns from behind joins and casts; None where there is no join to see through."""
    cast = view.maker(value, "Cast")
    if cast is not None:
        taken = _taken(view, cast.input[0], columns)
        kind = attributes_of(cast)["to"]
        return None if taken is None else view.add("Cast", taken, to=kind)
    join = view.maker(value, "Concat")
    if join is None or attributes_of(join)["axis"] != 1:
        return None
    start = 0
    for part in join.input:
        width = view.widths.get(part, 0)
        if not width:
            return None
        inside = columns - start
        if (inside >= 0).all() and (inside < width).all():
            deeper = _taken(view, part, inside)
            if deeper is not None:
                return deeper
            is_all = np.array_equal(inside, np.arange(width))
            return part if is_all else view.add("Gather", part, inside, axis=1)
        start += width
    return None
