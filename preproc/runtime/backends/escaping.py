"""Zero bytes kept out of text, for a runtime that takes them for its end.

onnxruntime-web hands text over as C strings, so a null token would arrive as empty text. Escaped
texts are equal where plain ones are, and only there; constants of the graph are escaped alike.
"""

import re
from collections.abc import Iterator
from typing import Final

import onnx

MARK: Final = "\x01"
"""Begins an escape, so it is escaped itself."""
ESCAPE: Final = re.compile(MARK + "[ab]")


def escape(text: str) -> str:
    """Put other bytes in place of zero bytes, so that no two texts become the same."""
    return text.replace(MARK, MARK + "a").replace("\0", MARK + "b")


def unescape(text: str) -> str:
    """Undo `escape`."""
    return ESCAPE.sub(lambda found: "\0" if found[0][1] == "b" else MARK, text)


def escaped_model(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a model with the text of its constants and attributes escaped."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for graph in _graphs(copy.graph):
        for tensor in graph.initializer:
            _escape_tensor(tensor)
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("s"):
                    attribute.s = _escaped(attribute.s)
                if attribute.HasField("t"):
                    _escape_tensor(attribute.t)
                attribute.strings[:] = [_escaped(text) for text in attribute.strings]
    return copy


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _graphs(attribute.g)


def _escape_tensor(tensor: onnx.TensorProto) -> None:
    tensor.string_data[:] = [_escaped(text) for text in tensor.string_data]


def _escaped(text: bytes) -> bytes:
    return escape(text.decode()).encode()
