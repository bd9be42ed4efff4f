"""What programs read of an error: google.rpc.Status, whole and small."""

from typing import Any, cast

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from preproc_server.app import Server
from preproc_server.details import DETAILS_KEY, MAX_BYTES, details_of, reason_of
from preproc_server.errors import NotReadyError, RequestError, UnknownModelError
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.status import status_of

from preproc.errors import RefusedRows, SignatureError


def status_from(error: Exception) -> Status:
    code, text = status_of(error)
    ((key, content),) = details_of(error, code, text)
    assert key == DETAILS_KEY
    return Status.FromString(content)


def unpacked(status: Status, kind: Any) -> Any:
    found = [detail for detail in status.details if detail.Is(kind.DESCRIPTOR)]
    if not found:
        return None
    message = kind()
    found[0].Unpack(message)
    return message


@pytest.mark.parametrize(
    ("error", "reason", "violations"),
    [
        (SignatureError("age", "no"), "SIGNATURE", [("inputs[age]", "no")]),
        (SignatureError("", "no rows"), "SIGNATURE", [("inputs", "no rows")]),
        (RefusedRows([3], ["age"], ["NaN"]), "REFUSED_ROWS", [("rows[3].age", "NaN")]),
        (RequestError([("rows[1].b", "no")]), "REQUEST", [("rows[1].b", "no")]),
        (UnknownModelError("no"), "UNKNOWN_MODEL", []),
        (ZeroDivisionError("secret"), "INTERNAL", []),
    ],
    ids=["column", "batch", "rows", "request", "unknown", "internal"],
)
def test_an_error_tells_its_reason_and_its_fields(
    error: Exception, reason: str, violations: list[tuple[str, str]]
) -> None:
    status = status_from(error)
    info = unpacked(status, ErrorInfo)
    assert (info.reason, info.domain) == (reason, "preproc")
    bad = unpacked(status, BadRequest)
    found = [] if bad is None else [(v.field, v.description) for v in bad.field_violations]
    assert found == violations
    assert b"secret" not in status.SerializeToString()


def test_what_passes_by_itself_says_when_to_come_again() -> None:
    assert unpacked(status_from(NotReadyError("no")), RetryInfo).retry_delay.seconds == 1
    assert unpacked(status_from(UnknownModelError("no")), RetryInfo) is None


@pytest.mark.parametrize("letter", ["x", "ü", "\N{GRINNING FACE}"])
def test_details_stay_small_however_much_is_wrong(letter: str) -> None:
    rows = range(100_000)
    error = RefusedRows(rows, [letter * 50] * len(rows), [letter * 1000] * len(rows))
    code, text = status_of(error)
    details = details_of(error, code, text)
    assert sum(len(content) for _, content in details) <= MAX_BYTES


def test_a_reason_is_made_of_the_class_name() -> None:
    assert reason_of(NotReadyError("")) == "NOT_READY"


def test_details_reach_a_foreign_reader(server: Server) -> None:
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        call = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            pb.ModelInferRequest.SerializeToString,
            pb.ModelInferResponse.FromString,
        )
        with pytest.raises(grpc.RpcError) as caught:
            call(pb.ModelInferRequest(model_name="tinny"))
        status = rpc_status.from_call(cast("grpc.Call", caught.value))
    assert status.code == grpc.StatusCode.NOT_FOUND.value[0]
    assert status.message == "Request for unknown model: 'tinny' is not found"
    assert unpacked(status, ErrorInfo).reason == "UNKNOWN_MODEL"
