"""What a Triton server reads of an artifact: ``config.pbtxt``."""

from collections.abc import Mapping
from typing import Final

from preproc.contract import Contract

_TYPES: Final[Mapping[str, str]] = {
    "bool": "TYPE_BOOL",
    "int8": "TYPE_INT8",
    "int16": "TYPE_INT16",
    "int32": "TYPE_INT32",
    "int64": "TYPE_INT64",
    "uint8": "TYPE_UINT8",
    "uint16": "TYPE_UINT16",
    "uint32": "TYPE_UINT32",
    "uint64": "TYPE_UINT64",
    "float32": "TYPE_FP32",
    "float64": "TYPE_FP64",
    "string": "TYPE_STRING",
}


def render_config(contract: Contract) -> str:
    """Render ``config.pbtxt``: inputs and outputs sorted by name, batch dimension included."""
    signature = contract.signature
    inputs = [(column.name, column.dtype, column.width) for column in signature.columns]
    outputs: list[tuple[str, str, int | None]] = [
        (output.name, output.dtype, output.width) for output in signature.outputs
    ]
    lines = [f"name: {_quoted(contract.name)}", 'platform: "onnxruntime_onnx"', "max_batch_size: 0"]
    for word, values in (("input", inputs), ("output", [*outputs, ("row_error", "int32", None)])):
        for name, dtype, width in sorted(values):
            dims = "-1" if width is None else f"-1, {width}"
            type_name = _TYPES[dtype]
            lines.append(
                f"{word} {{ name: {_quoted(name)} data_type: {type_name} dims: [ {dims} ] }}"
            )
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Quote for protobuf text format, bytes outside of printable ASCII as octal escapes."""
    special = {*b'"\\', *range(128, 256)}
    escaped = "".join(
        chr(byte) if chr(byte).isprintable() and byte not in special else f"\\{byte:03o}"
        for byte in text.encode()
    )
    return f'"{escaped}"'
