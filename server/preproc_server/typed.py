"""A contract → its typed service, loaded into a pool; answers → predictions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, cast

import numpy as np
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from numpy.typing import NDArray

from preproc.contract import Contract
from preproc.errors import ArtifactError
from preproc.signature import NAT, NULL_TOKENS, ROW_ERROR, Column, Signature
from preproc_server.schema import Field, Schema, descriptor_of, schema_of

ABSENT: Final = object()
"""What stands for the value that a column without nulls lacks."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One field of a row.

    Attributes
    ----------
    name
        Of the column, or of what comes along with it.
    field
        Of the message.
    is_repeated
        Whether it holds several values, of which the absence is told by their number.
    fill
        What an absent value means.
    column
        Of the contract, None for what comes along.
    """

    name: str
    field: str
    is_repeated: bool
    fill: object
    column: Column | None


@dataclass(frozen=True, slots=True)
class Typed:
    """One typed service, loaded into a pool.

    Attributes
    ----------
    schema
        What it looks like.
    digest
        Of the contract that it was made from.
    request, response
        Classes of its messages.
    slots
        Fields of a row in the order of their numbers.
    values
        Gives the values of a row, in the same order.
    places
        Column → its position among the slots.
    outputs
        Output → its field, and whether it is repeated.
    """

    schema: Schema
    digest: str
    request: type[Message]
    response: type[Message]
    slots: tuple[Slot, ...]
    values: Callable[[Message], tuple[Any, ...]]
    places: Mapping[str, int]
    outputs: Mapping[str, tuple[str, bool]]


def typed_of(contract: Contract, digest: str, pool: DescriptorPool) -> Typed:
    """Load the service of a contract into a pool.

    Raises
    ------
    ArtifactError
        As `schema_of` does, and when there are more columns than a message can hold.
    """
    schema = schema_of(contract)
    try:
        file = pool.AddSerializedFile(descriptor_of(schema).SerializeToString())
    except TypeError as error:  # a row of more than 64 KiB, which is some 8000 columns
        raise ArtifactError(
            contract.name, f"expected columns that a message can hold, got {error}; use ModelInfer"
        ) from error
    messages = file.message_types_by_name
    row, _, prediction, *_ = schema.messages
    columns = {column.name: column for column in contract.signature.columns}
    slots = tuple(_slot(field, columns.get(field.original)) for field in row.fields)
    return Typed(
        schema,
        digest,
        GetMessageClass(messages["PredictRequest"]),
        GetMessageClass(messages["PredictResponse"]),
        slots,
        _getter([field.name for field in row.fields]),
        {slot.name: at for at, slot in enumerate(slots)},
        {field.original: (field.name, field.is_repeated) for field in prediction.fields[1:]},
    )


def write_predictions(
    typed: Typed, response: Message, answers: Mapping[str, NDArray[Any]], signature: Signature
) -> None:
    """Add one prediction a row to a response; a refused row tells its rule and nothing else."""
    predictions = cast("Any", response).predictions
    given = [(typed.outputs[name], answers[name].tolist()) for name in typed.outputs]
    names = [name for (name, _), _ in given]
    for number, values in zip(
        answers[ROW_ERROR].tolist(), zip(*(column for _, column in given), strict=True), strict=True
    ):
        if number:
            rule = signature.rule(number)
            refusal = {"rule": number, "column": rule.column, "text": rule.text}
            predictions.add(refusal=refusal)
        else:
            predictions.add(**dict(zip(names, values, strict=True)))


def _slot(field: Field, column: Column | None) -> Slot:
    fill: object = None
    if column is not None:
        fill = NAT if column.null == "nat" else np.nan
        if column.is_text and column.null:
            fill = NULL_TOKENS[column.null]
        if column.width > 1 or column.null is None:
            fill = ABSENT
    return Slot(field.original, field.name, field.is_repeated, fill, column)


def _getter(names: Sequence[str]) -> Callable[[Message], tuple[Any, ...]]:
    """Make what gives the values of some fields as a tuple, also where there is one."""
    getter: Callable[[Message], Any] = attrgetter(*names)
    return getter if len(names) > 1 else lambda row: (getter(row),)
