"""A graph whose inner values can be seen."""

from collections.abc import Sequence

import onnx
from onnx import helper

from preproc.graph.builder import element_type


def expose(model: onnx.ModelProto, values: Sequence[tuple[str, str, int | str]]) -> onnx.ModelProto:
    """Copy a model with inner values as further outputs.

    Parameters
    ----------
    model
        Public graph.
    values
        Triples of a value of shape (n, width), its dtype and its width, or a word for one that is
        not known; inputs are left out, since whoever feeds them knows them.

    Returns
    -------
    onnx.ModelProto
        The same computation, more outputs.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    known = {item.name for item in (*copy.graph.input, *copy.graph.output)}
    for value, dtype, width in values:
        if value and value not in known:
            known.add(value)
            copy.graph.output.append(
                helper.make_tensor_value_info(value, element_type(dtype), ["N", width])
            )
    return copy
