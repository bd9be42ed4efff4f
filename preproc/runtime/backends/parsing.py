"""A model for runtimes that look into it."""

import onnx

from preproc.runtime.executor import Model


def parsed(model: Model) -> onnx.ModelProto:
    """Give the message, whichever form is at hand."""
    if isinstance(model, bytes):
        read: onnx.ModelProto = onnx.ModelProto.FromString(model)
        return read
    return model
