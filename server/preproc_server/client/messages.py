"""Columns → request, response → answers; pure, the same for both clients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import narwhals as nw
from grpc import StatusCode
from numpy.typing import NDArray

from preproc.runtime.feeding import columns_of
from preproc.runtime.nulls import check_utf8, nulls_of
from preproc.signature import TEXT, Signature
from preproc_server import wire
from preproc_server.client.contracts import DIGEST_PARAMETER, Known
from preproc_server.client.errors import MessageTooLargeError
from preproc_server.client.rows import columns_of_rows, is_rows
from preproc_server.pb import open_inference_pb2 as pb

Answers = dict[str, NDArray[Any]]
Frame = Literal["pandas", "polars", "pyarrow"]
Parameter = bool | int | float | str


_KINDS: Final[Mapping[type, str]] = {
    bool: "bool_param",
    int: "int64_param",
    float: "double_param",
    str: "string_param",
}


@dataclass(frozen=True, slots=True)
class Batch:
    """What a caller wants answered.

    Attributes
    ----------
    model, version
        Which model; an empty version leaves the choice to the server.
    data
        Rows, in any form that `columns_in` knows.
    outputs
        Names of outputs; empty for all.
    parameters
        Of the request, such as Triton's ``sequence_id``.
    request_id
        By which the request log finds it again; empty for one that the server makes.
    """

    model: str
    version: str
    data: Any
    outputs: Sequence[str] = ()
    parameters: Mapping[str, Parameter] | None = None
    request_id: str = ""

    @property
    def is_repeatable(self) -> bool:
        """Whether a second call changes nothing, as it does within a sequence."""
        return "sequence_id" not in (self.parameters or {})


def check_wanted(batch: Batch, frame: str | None) -> None:
    """Raise `ValueError` for a parameter that does not travel, or a frame that is not known."""
    for name, value in (batch.parameters or {}).items():
        if type(value) not in _KINDS:
            known, got = ", ".join(kind.__name__ for kind in _KINDS), type(value).__name__
            raise ValueError(f"parameter {name!r}: expected one of {known}, got {got}")
    if frame is not None and frame not in get_args(Frame):
        raise ValueError(f"frame: expected one of {', '.join(get_args(Frame))}, got {frame!r}")


def columns_in(data: Any, signature: Signature) -> dict[str, NDArray[Any]]:
    """Take a batch apart and check it, as a local session would.

    Raises
    ------
    SignatureError
        When columns, dtypes or shapes differ from the contract.
    """
    if signature.kind == "frame" and is_rows(data):
        data = columns_of_rows(data, signature)
    columns = columns_of(data, signature)
    signature.check(columns)
    return columns


def request_of(batch: Batch, known: Known) -> pb.ModelInferRequest:
    """Write a batch as a request, columns in the order of the contract, which is read fastest.

    The request says for which contract it was made, so that it is not misread under another.

    Raises
    ------
    SignatureError
        When columns, dtypes or shapes differ from the contract, or a text is none that UTF-8 holds.
    """
    columns = columns_in(batch.data, known.signature)
    request = pb.ModelInferRequest(
        model_name=batch.model, model_version=batch.version, id=batch.request_id
    )
    for name, value in (batch.parameters or {}).items():
        setattr(request.parameters[name], _KINDS[type(value)], value)
    request.parameters[DIGEST_PARAMETER].string_param = known.digest
    for column in known.signature.columns:
        array = columns[column.name]
        datatype = wire.BY_DTYPE[column.dtype].wire
        request.inputs.add(name=column.name, datatype=datatype, shape=array.shape)
        try:
            request.raw_input_contents.append(wire.raw_of(array))
        except UnicodeEncodeError:
            check_utf8(column.name, array)
            raise
    for name in batch.outputs:
        request.outputs.add(name=name)
    return request


def check_size(request: pb.ModelInferRequest, limit: int) -> None:
    """Refuse a request that this client may not send, before memory is spent on it.

    Raises
    ------
    MessageTooLargeError
        For more bytes than the limit.
    """
    size = request.ByteSize()
    if size > limit:
        raise MessageTooLargeError(
            StatusCode.RESOURCE_EXHAUSTED,
            f"the request has {size} bytes and this client sends {limit}; send fewer rows at "
            "once, or raise max_send_bytes of the client's Connection",
        )


def answers_of(response: pb.ModelInferResponse, signature: Signature) -> Answers:
    """Read a response as a local session would answer.

    Raises
    ------
    WireError
        When the response does not follow the protocol.
    """
    features = {each.name for each in signature.outputs if each.role == "features"}
    answers = {}
    for output, raw in zip(response.outputs, response.raw_output_contents, strict=True):
        shape = tuple(output.shape)
        width = shape[1] if len(shape) > 1 else 1
        tensor = wire.Tensor(output.name, response.model_name, wire.BY_WIRE[output.datatype], width)
        array = wire.array_of_raw(tensor, raw, shape)
        is_nullable = output.name in features and tensor.datatype.dtype == TEXT
        answers[output.name] = nulls_of(array) if is_nullable else array
    return answers


def frame_of(answers: Answers, signature: Signature, frame: Frame, data: Any) -> Any:
    """Lay answers out as a frame.

    Parameters
    ----------
    answers
        Output → array (n,) or (n, width); a wide one becomes a column for each class or feature,
        named ``probabilities_<class>``, by position where the contract has no names.
    signature
        Knows the names.
    frame
        Library of the frame, which must be installed.
    data
        The batch: where it and the frame are of pandas, the rows keep its index.
    """
    names = {output.name: output.names for output in signature.outputs}
    columns: dict[str, NDArray[Any]] = {}
    for name, array in answers.items():
        if array.ndim == 1:
            columns[name] = array
            continue
        known = names.get(name) or range(array.shape[1])
        columns |= {f"{name}_{each}": array[:, at] for at, each in enumerate(known)}
    native = nw.from_dict(columns, backend=frame).to_native()
    if frame == "pandas" and hasattr(data, "set_axis"):
        native.index = data.index
    return native
