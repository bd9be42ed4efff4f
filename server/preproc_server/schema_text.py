"""A schema → the text of a ``.proto`` file, from which any language makes a client."""

import json
from typing import Final

from preproc_server.schema import (
    METHOD,
    STATUS_ENUM,
    STATUSES,
    Field,
    Message,
    Schema,
    own_json_name,
)

_HEAD: Final = """\
// Typed service of the model {model}, made from its contract; do not edit.
// Every field tells its presence: an absent column is null where the contract has a null,
// and refused where it has none.
syntax = "proto3";

package {package};
"""


def text_of(schema: Schema) -> str:
    """Write a schema as protobuf's own language."""
    parts = [_HEAD.format(model=json.dumps(schema.model), package=schema.package)]
    parts.append(
        f"service {schema.service} {{\n"
        f"  rpc {METHOD}(PredictRequest) returns (PredictResponse);\n"
        "}\n"
    )
    if schema.has_statuses:
        values = [f"  {name} = {number};\n" for number, name in enumerate(STATUSES, start=1)]
        parts.append(f"enum {STATUS_ENUM} {{\n  STATUS_UNSPECIFIED = 0;\n{''.join(values)}}}\n")
    parts += [_message(message) for message in schema.messages]
    return "\n".join(parts)


def _message(message: Message) -> str:
    lines = [f"message {message.name} {{"]
    lines += [f"  reserved {number};" for number in message.reserved]
    lines += [_field(field) for field in message.fields]
    return "\n".join([*lines, "}", ""])


def _field(field: Field) -> str:
    label = "repeated" if field.is_repeated else "optional"
    name = own_json_name(field)
    option = f" [json_name = {_quoted(name)}]" if name else ""
    note = f"  // {_one_line(field.note)}" if field.note else ""
    return f"  {label} {field.kind} {field.name} = {field.number}{option};{note}"


def _quoted(text: str) -> str:
    """Quote for protobuf's language: all but plain ASCII as the octal of its bytes."""
    plain = "".join(
        chr(byte) if 32 <= byte <= 126 and byte not in b'"\\' else f"\\{byte:03o}"  # noqa: PLR2004  # space to tilde
        for byte in text.encode()
    )
    return f'"{plain}"'


def _one_line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
