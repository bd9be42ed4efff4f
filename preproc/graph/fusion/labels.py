"""Labels of two classes: chosen, where a table would be asked with a number made for it."""

import numpy as np
import onnx

from preproc.graph.view import View

_BINARY = 2


def chosen_labels(view: View) -> None:
    """Choose between two entries of a table by the truth value that its index is made of."""
    for node in list(view.nodes.values()):
        table = view.constants.get(node.input[0]) if node.op_type == "Gather" else None
        if table is None or table.shape != (_BINARY,) or node.attribute:
            continue
        index = node.input[1]
        squeeze = view.maker(index, "Squeeze")
        cast = view.maker(index if squeeze is None else squeeze.input[0], "Cast")
        if cast is None or view.kinds.get(cast.input[0]) != onnx.TensorProto.BOOL:
            continue
        truth = cast.input[0]
        if squeeze is not None:
            truth = view.add("Squeeze", truth, squeeze.input[1])
        second, first = (np.array(table[at], table.dtype) for at in (1, 0))
        view.rename(node, view.add("Where", truth, second, first))
