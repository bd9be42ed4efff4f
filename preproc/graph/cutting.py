"""A part of a graph between inner values that are given and inner values that are asked for."""

from collections.abc import Mapping, Sequence

import onnx
from onnx import helper

from preproc.graph.builder import dtypes_of, element_type
from preproc.graph.pruning import pruned


def inner_dtypes(model: onnx.ModelProto) -> Mapping[str, str]:
    """Infer the dtype of every value of a model; name → dtype of the contract."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    known = [*graph.value_info, *graph.input, *graph.output]
    return dtypes_of([item for item in known if item.type.tensor_type.elem_type])


def cut(
    model: onnx.ModelProto,
    given: Mapping[str, tuple[str, int]],
    wanted: Sequence[tuple[str, str, int | str | None]],
) -> onnx.ModelProto:
    """Copy what computes some values from others.

    Parameters
    ----------
    model
        Public graph.
    given
        Value that is an input of the copy, in place of what computed it → (dtype, width).
    wanted
        Triples of a value, its dtype and its width, or a word for one that is not known, None for
        one value a row.

    Returns
    -------
    onnx.ModelProto
        Takes what it needs of the model's inputs and the given values; the wanted values are its
        outputs, in their order.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    replaced = set()
    for node in graph.node:
        for at, name in enumerate(node.output):
            if name in given:
                replaced.add(name)
                node.output[at] = f"{name} as computed"
    del graph.output[:]
    graph.output.extend(
        helper.make_tensor_value_info(
            value, element_type(dtype), ["N"] if width is None else ["N", width]
        )
        for value, dtype, width in wanted
    )
    graph.input.extend(
        helper.make_tensor_value_info(value, element_type(dtype), ["N", width])
        for value, (dtype, width) in given.items()
        if value in replaced
    )
    small = pruned(copy)
    read = {name for node in small.graph.node for name in node.input}
    inputs = [item for item in small.graph.input if item.name in read]
    del small.graph.input[:]
    small.graph.input.extend(inputs)
    return small
