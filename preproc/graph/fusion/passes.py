"""The passes in their order: each a pure function of the graph that keeps every bit."""

from collections.abc import Callable, Mapping
from typing import Final

import onnx

from preproc.graph.fusion.columns import columns_from_parts
from preproc.graph.fusion.counts import counted_leaves
from preproc.graph.fusion.ensembles import splits_by_word
from preproc.graph.fusion.products import weights_by_word
from preproc.graph.view import View

PASSES: Final[Mapping[str, Callable[[View], None]]] = {
    "columns_from_parts": columns_from_parts,
    "weights_by_word": weights_by_word,
    "splits_by_word": splits_by_word,
    "counted_leaves": counted_leaves,
}
"""Name → pass, in the order in which they run."""


def fuse(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite a graph so that it computes the same bits with fewer and smaller nodes.

    Parameters
    ----------
    model
        Public graph, or what `fast` made of it.

    Returns
    -------
    onnx.ModelProto
        Same inputs and outputs.
    """
    for run in PASSES.values():
        view = View.of(model)
        run(view)
        model = view.model()
    return model
