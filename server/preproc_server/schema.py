"""A contract → the schema of its typed service, as a descriptor that a pool can load.

One field a column, all of them ``optional``: the absence of a column that has nulls is that null,
the absence of another is refused, and never read as 0. JSON uses the names of training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)

from preproc.contract import Contract
from preproc.errors import ArtifactError
from preproc.naming import (
    MAX_NUMBER,
    OWN_PACKAGES,
    RESERVED_NUMBERS,
    STATUS,
    companion,
    field_name,
    json_name,
    package_name,
    service_name,
    wire_names,
)
from preproc.signature import TEXT, Column, Output

METHOD: Final = "Predict"
STATUSES: Final = ("OK", "STALE", "DEFAULT", "TIMEOUT")
"""How a look-up ended; on the wire their positions, from 1."""
STATUS_ENUM: Final = "LookupStatus"
REFUSAL_NUMBER: Final = 1
TYPES: Final[Mapping[str, str]] = {
    "bool": "bool",
    "int8": "int32",
    "int16": "int32",
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint32",
    "uint16": "uint32",
    "uint32": "uint32",
    "uint64": "uint64",
    "float32": "float",
    "float64": "double",
    TEXT: "string",
}
"""dtype → scalar of protobuf: wide enough, never wider in precision."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    Attributes
    ----------
    name
        Of the field.
    number
        Of the field, for ever.
    kind
        Scalar of protobuf, or the name of a message or enum of the same package.
    is_repeated
        Whether it holds several values; otherwise its presence is told.
    original
        Name of the column or output, which JSON uses.
    note
        What a reader should know.
    """

    name: str
    number: int
    kind: str
    is_repeated: bool = False
    original: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its fields by number, and numbers of columns that are no more."""

    name: str
    fields: tuple[Field, ...]
    reserved: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Schema:
    """One typed service.

    Attributes
    ----------
    model
        Name in the repository.
    package, service
        Such as ``flight_delay.v1`` and ``FlightDelay``.
    messages
        Row, Refusal, Prediction, PredictRequest, PredictResponse.
    has_statuses
        Whether a look-up's status may come along.
    """

    model: str
    package: str
    service: str
    messages: tuple[Message, ...]
    has_statuses: bool

    @property
    def full_name(self) -> str:
        """Service with its package."""
        return f"{self.package}.{self.service}"

    @property
    def file_name(self) -> str:
        """Under which a pool knows it."""
        return f"{self.package.replace('.', '/')}/{self.package.split('.')[0]}.proto"


def schema_of(contract: Contract) -> Schema:
    """Make the schema of a contract.

    Raises
    ------
    ArtifactError
        When names collide, a column has no field number, or the package is taken.
    """
    package = package_name(contract.name)
    if package.split(".")[0] in OWN_PACKAGES:
        raise ArtifactError(contract.name, f"expected a free package, got {package!r}; rename it")
    signature = contract.signature
    has_statuses = any(column.freshness is not None for column in signature.columns)
    messages = (
        _row(signature.columns, contract.wire),
        Message("Refusal", _REFUSAL),
        _prediction(signature.outputs),
        Message("PredictRequest", _REQUEST),
        Message("PredictResponse", _RESPONSE),
    )
    return Schema(contract.name, package, service_name(contract.name), messages, has_statuses)


def predict_path(model: str) -> str:
    """Give the path of a model's typed method, which its name alone decides."""
    return f"/{package_name(model)}.{service_name(model)}/{METHOD}"


def descriptor_of(schema: Schema) -> FileDescriptorProto:
    """Write a schema as the descriptor of a file."""
    file = FileDescriptorProto(name=schema.file_name, package=schema.package, syntax="proto3")
    if schema.has_statuses:
        enum = file.enum_type.add(name=STATUS_ENUM)
        for number, name in enumerate((f"{STATUS.upper()}_UNSPECIFIED", *STATUSES)):
            enum.value.add(name=name, number=number)
    for message in schema.messages:
        file.message_type.append(_described(message, schema.package))
    service = file.service.add(name=schema.service)
    service.method.add(
        name=METHOD,
        input_type=f".{schema.package}.PredictRequest",
        output_type=f".{schema.package}.PredictResponse",
    )
    return file


def own_json_name(field: Field) -> str:
    """Name in JSON where it is not what protobuf would use, else empty; brackets are protobuf's."""
    name = field.original
    is_taken = (name.startswith("[") and name.endswith("]")) or "\0" in name
    return "" if is_taken or not name or name == json_name(field.name) else name


def oneofs_of(message: Message) -> dict[str, str]:
    """Field → the oneof of its own by which protobuf tells its presence."""
    taken = {field.name for field in message.fields}
    names = {}
    for field in message.fields:
        if not field.is_repeated:
            name = f"_{field.name}"
            while name in taken:
                name = f"X{name}"
            taken.add(name)
            names[field.name] = name
    return names


def _row(columns: Sequence[Column], wire: Mapping[str, int]) -> Message:
    names = wire_names(columns)
    fields = []
    for column in columns:
        kind, is_repeated = TYPES[column.dtype], column.width > 1
        name, at = column.name, _number(column.name, wire)
        fields.append(Field(names[name], at, kind, is_repeated, name, _note(column)))
        if column.freshness is not None:
            for name, kind in zip(_companions(column), (STATUS_ENUM, "int64"), strict=True):
                note = "" if kind == STATUS_ENUM else "milliseconds since 1970, UTC"
                fields.append(Field(names[name], _number(name, wire), kind, False, name, note))
    fields.sort(key=lambda field: field.number)
    used = {field.number for field in fields}
    return Message("Row", tuple(fields), tuple(sorted(set(wire.values()) - used)))


def _companions(column: Column) -> tuple[str, str]:
    return companion(column.name, "status"), companion(column.name, "event_time")


def _note(column: Column) -> str:
    if column.width > 1:
        return f"{column.dtype}, {column.width} values"
    kind = f"int64 for {column.moment}, since 1970 in UTC" if column.moment else column.dtype
    return f"{kind}, " + (f"absent: {column.null}" if column.null else "required")


def _number(name: str, wire: Mapping[str, int]) -> int:
    number = wire.get(name)
    if number is None or not 0 < number <= MAX_NUMBER or number in RESERVED_NUMBERS:
        raise ArtifactError(
            "contract.json", f"wire: expected a field number for {name!r}, got {number}"
        )
    return number


def _prediction(outputs: Sequence[Output]) -> Message:
    """Lay the outputs out by name: all versions of a model have the same, so numbers stay."""
    fields = [Field("refusal", REFUSAL_NUMBER, "Refusal", False, "refusal", "set: no outputs")]
    taken = {"refusal": "refusal"}
    for number, output in enumerate(sorted(outputs, key=lambda output: output.name), start=2):
        name = field_name(output.name)
        other = taken.setdefault(json_name(name), output.name)
        if other != output.name or output.name == "refusal":
            raise ArtifactError(
                "contract.json",
                f"expected outputs that differ as fields, got {other!r} and {output.name!r}",
            )
        note = f"of {', '.join(output.names)}" if output.width and output.names else output.dtype
        if output.role == "features" and output.dtype == TEXT:
            note += "; nulls as zero byte and none or nan"
        kind = TYPES[output.dtype]
        fields.append(Field(name, number, kind, output.width is not None, output.name, note))
    return Message("Prediction", tuple(fields))


def _described(message: Message, package: str) -> DescriptorProto:
    described = DescriptorProto(name=message.name)
    oneofs = oneofs_of(message)
    for field in message.fields:
        added = described.field.add(name=field.name, number=field.number)
        added.label = (
            FieldDescriptorProto.LABEL_REPEATED
            if field.is_repeated
            else FieldDescriptorProto.LABEL_OPTIONAL
        )
        if field.kind in TYPES.values():
            added.type = FieldDescriptorProto.Type.Value(f"TYPE_{field.kind.upper()}")
        else:
            is_enum = field.kind == STATUS_ENUM
            added.type = (
                FieldDescriptorProto.TYPE_ENUM if is_enum else FieldDescriptorProto.TYPE_MESSAGE
            )
            added.type_name = f".{package}.{field.kind}"
        added.json_name = own_json_name(field) or json_name(field.name)
        if field.name in oneofs:
            added.proto3_optional = True
            added.oneof_index = len(described.oneof_decl)
            described.oneof_decl.add(name=oneofs[field.name])
    for number in message.reserved:
        described.reserved_range.add(start=number, end=number + 1)
    return described


_REFUSAL: Final = (
    Field("rule", 1, "int32", note="number in the contract"),
    Field("column", 2, "string"),
    Field("text", 3, "string", note="the rule in words"),
)
_REQUEST: Final = (
    Field("rows", 1, "Row", is_repeated=True),
    Field("contract_digest", 2, "string", note="what the caller was built for; may be absent"),
    Field("report_refused", 3, "bool", note="answer the other rows instead of none"),
    Field("model_version", 4, "string", note="absent: the version that is served"),
)
_RESPONSE: Final = (
    Field("predictions", 1, "Prediction", is_repeated=True),
    Field("model_version", 2, "string"),
    Field("contract_digest", 3, "string"),
    Field("model_digest", 4, "string"),
    Field("flagged", 5, "int64", note="values that the contract lets pass with a mark"),
)
