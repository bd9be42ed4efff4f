"""The passes in their order: each a pure function of the graph that keeps every bit."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import onnx

from preproc.graph.fusion.columns import columns_from_parts
from preproc.graph.fusion.counts import counted_leaves
from preproc.graph.fusion.ensembles import trees_on_inputs
from preproc.graph.fusion.leftovers import (
    columns_of_tables,
    single_columns,
    tables_of_tables,
    without_copies,
)
from preproc.graph.fusion.logarithms import plain_logarithms
from preproc.graph.fusion.pairs import sums_of_pairs
from preproc.graph.fusion.products import weights_by_word
from preproc.graph.fusion.ranks import numbers_beside_columns
from preproc.graph.fusion.refusals import short_refusals
from preproc.graph.fusion.signs import powers_by_sign
from preproc.graph.view import View

STRUCTURE: Final[Mapping[str, Callable[[View], None]]] = {
    "columns_from_parts": columns_from_parts,
    "short_refusals": short_refusals,
    "powers_by_sign": powers_by_sign,
    "weights_by_word": weights_by_word,
    "counted_leaves": counted_leaves,
    "trees_on_inputs": trees_on_inputs,
    "tables_of_tables": tables_of_tables,
    "columns_of_tables": columns_of_tables,
}
"""Name → pass, in the order in which they run: what the graph computes with."""
DETAILS: Final[Mapping[str, Callable[[View], None]]] = {
    "plain_logarithms": plain_logarithms,
    "sums_of_pairs": sums_of_pairs,
    "single_columns": single_columns,
    "numbers_beside_columns": numbers_beside_columns,
    "without_copies": without_copies,
}
"""Those after it: how it computes."""


def fuse(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite a graph so that it computes the same bits with fewer and smaller nodes.

    Parameters
    ----------
    model
        Public graph, or what `pack` or `fast` made of it.

    Returns
    -------
    onnx.ModelProto
        Same inputs and outputs.
    """
    return _rewritten(model, {**STRUCTURE, **DETAILS})


def restructure(model: onnx.ModelProto) -> onnx.ModelProto:
    """Run the first half of the passes alone, for `fast`, which goes on in its own way."""
    refusals = partial(short_refusals, is_exact=False)
    return _rewritten(model, {**STRUCTURE, "short_refusals": refusals})


def _rewritten(
    model: onnx.ModelProto, passes: Mapping[str, Callable[[View], None]]
) -> onnx.ModelProto:
    view = View.of(model)
    for run in passes.values():
        before = _outline(view)
        run(view)
        if _outline(view) != before:
            view = View.of(view.model(is_checked=False))
    return view.model()


def _outline(view: View) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(name, node.op_type, tuple(node.input)) for name, node in view.nodes.items()]
