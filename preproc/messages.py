"""The part of ONNX's messages that an artifact is read and written by, under ONNX's own numbers.

Why: importing onnx costs a server 12 MB and a third of its start, and an artifact needs ten fields
of it. The numbers are a published format's, which keeps them; a test compares them with onnx's.
"""

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

EXTERNAL: Final = 1
"""Value of `data_location` for data in another file."""

_PACKAGE: Final = "preproc.onnx"
_ONE: Final = FieldDescriptorProto.LABEL_OPTIONAL
_MANY: Final = FieldDescriptorProto.LABEL_REPEATED
_MESSAGES: Final[Mapping[str, Mapping[str, tuple[int, str]]]] = {
    "Entry": {"key": (1, "string"), "value": (2, "string")},
    "Tensor": {
        "dims": (1, "int64*"),
        "data_type": (2, "int32"),
        "float_data": (4, "float**"),
        "int32_data": (5, "int32**"),
        "string_data": (6, "bytes*"),
        "int64_data": (7, "int64**"),
        "name": (8, "string"),
        "raw_data": (9, "bytes"),
        "double_data": (10, "double**"),
        "uint64_data": (11, "uint64**"),
        "external_data": (13, "Entry*"),
        "data_location": (14, "int32"),
    },
    "Graph": {"node": (1, "bytes*"), "initializer": (5, "Tensor*")},
    "Model": {"graph": (7, "Graph")},
    "Stamped": {"metadata_props": (14, "Entry*")},
}
"""Message → field → number and type; ``*`` for many, ``**`` for many in one piece."""


def _field(name: str, number: int, kind: str) -> FieldDescriptorProto:
    plain = kind.rstrip("*")
    label = _MANY if kind.endswith("*") else _ONE
    field = FieldDescriptorProto(name=name, number=number, label=label)
    if plain in _MESSAGES:
        field.type = FieldDescriptorProto.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{plain}"
    else:
        field.type = FieldDescriptorProto.Type.Value(f"TYPE_{plain.upper()}")
    if kind.endswith("**"):
        field.options.packed = True
    return field


def _classes() -> dict[str, Any]:
    """Make the classes of `_MESSAGES`, in a pool of their own."""
    file = FileDescriptorProto(name="preproc/onnx.proto", package=_PACKAGE)
    for message, fields in _MESSAGES.items():
        made = [_field(name, *of) for name, of in fields.items()]
        file.message_type.add(name=message, field=made)
    pool = DescriptorPool()
    pool.Add(file)
    found = pool.FindFileByName(file.name).message_types_by_name
    return {name: GetMessageClass(found[name]) for name in _MESSAGES}


_CLASSES: Final = _classes()
Tensor: Final = _CLASSES["Tensor"]
Model: Final = _CLASSES["Model"]
"""A model by its nodes, unparsed, and its constants."""
Stamped: Final = _CLASSES["Stamped"]
"""A model by its metadata; all else stays as it came, byte for byte."""
