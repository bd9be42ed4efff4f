"""A graph whose inner values can be seen."""

from collections.abc import Sequence

import onnx
from onnx import helper

from preproc.graph.builder import element_type
from preproc.graph.pruning import pruned


def expose(model: onnx.ModelProto, values: Sequence[tuple[str, str, int | str]]) -> onnx.ModelProto:
    """Copy as much of a model as computes some inner values, which are the outputs of the copy.

    Parameters
    ----------
    model
        Public graph.
    values
        Triples of a value of shape (n, width), its dtype and its width, or a word for one that is
        not known; inputs are left out, since whoever feeds them knows them. Where nothing is left,
        the outputs stay.

    Returns
    -------
    onnx.ModelProto
        The same inputs, other outputs.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    known = {item.name for item in copy.graph.input}
    known |= {item.name for item in copy.graph.output}
    shown = []
    for value, dtype, width in values:
        if value and value not in known:
            known.add(value)
            shown.append(helper.make_tensor_value_info(value, element_type(dtype), ["N", width]))
    if shown:
        del copy.graph.output[:]
        copy.graph.output.extend(shown)
    return pruned(copy)
