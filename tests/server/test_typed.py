"""The typed service of a model: by its descriptor, by reflection, by generated code."""

from collections.abc import Iterator
from typing import Any, cast

import grpc
import numpy as np
import pytest
from google.protobuf import descriptor_pool
from google.rpc.error_details_pb2 import BadRequest
from grpc_status import rpc_status
from numpy.typing import NDArray
from preproc_server.app import Server

from preproc.runtime import Session

Columns = dict[str, NDArray[Any]]
PREDICT = "/tiny.v1.Tiny/Predict"


@pytest.fixture
def channel(server: Server) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"localhost:{server.port}") as opened:
        yield opened


def classes(server: Server) -> tuple[Any, Any]:
    typed = server.services.typed.generation.services["tiny.v1.Tiny"]
    return typed.request, typed.response


def predict(server: Server, request: Any, channel: grpc.Channel) -> Any:
    kind, answer = classes(server)
    call = channel.unary_unary(PREDICT, kind.SerializeToString, answer.FromString)
    return call(request)


def raw_call(channel: grpc.Channel, method: str, content: bytes) -> Any:
    call: Any = channel.unary_unary(method)
    return call(content)


def request_of(server: Server, batch: Columns) -> Any:
    kind, _ = classes(server)
    names = list(batch)
    rows = zip(*(array.tolist() for array in batch.values()), strict=True)
    return kind(rows=[dict(zip(names, row, strict=True)) for row in rows])


def test_rows_get_the_bits_of_a_local_session(
    server: Server, channel: grpc.Channel, session: Session, batch: Columns
) -> None:
    response = predict(server, request_of(server, batch), channel)
    want = session.run(batch)
    found = response.predictions
    assert [one.label for one in found] == want["label"].tolist()
    got = np.array([list(one.probabilities) for one in found])
    assert got.tobytes() == want["probabilities"].tobytes()
    assert [one.prediction for one in found] == want["prediction"].tolist()
    model = server.repository.model("tiny", "")
    assert response.model_version == "1"
    assert response.contract_digest == model.door.digest
    assert response.model_digest == model.digest


def test_an_absent_value_is_the_null_of_the_contract(
    server: Server, channel: grpc.Channel, session: Session, batch: Columns
) -> None:
    request = request_of(server, batch)
    request.rows[1].ClearField("city")
    batch["city"][1] = None
    got = predict(server, request, channel).predictions[1].probabilities
    assert list(got) == session.run(batch)["probabilities"][1].tolist()


def violations(error: grpc.RpcError) -> list[tuple[str, str]]:
    for detail in rpc_status.from_call(cast("grpc.Call", error)).details:
        bad = BadRequest()
        if detail.Unpack(bad):
            return [(one.field, one.description) for one in bad.field_violations]
    return []


def test_an_absent_value_without_a_null_is_refused_and_never_zero(
    server: Server, channel: grpc.Channel, batch: Columns
) -> None:
    request = request_of(server, batch)
    request.rows[2].ClearField("visits")
    with pytest.raises(grpc.RpcError) as caught:
        predict(server, request, channel)
    rule = "expected a value, got nothing; the column has no null"
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == f"rows[2].visits: {rule}"
    assert violations(caught.value) == [("rows[2].visits", rule)]


def test_zero_is_a_value(server: Server, channel: grpc.Channel, batch: Columns) -> None:
    request = request_of(server, batch)
    request.rows[2].visits = 0
    assert predict(server, request, channel).predictions[2].prediction == 0


def test_a_text_that_means_null_is_refused(
    server: Server, channel: grpc.Channel, batch: Columns
) -> None:
    request = request_of(server, batch)
    request.rows[0].city = "\0none"
    request.rows[1].ClearField("city")
    with pytest.raises(grpc.RpcError) as caught:
        predict(server, request, channel)
    assert caught.value.details() == (
        "rows[0].city: expected data, got '\\x00none', which is reserved for nulls"
    )


def test_a_refused_row_refuses_the_batch(
    server: Server, channel: grpc.Channel, batch: Columns
) -> None:
    batch["age"] = np.array([1.0, np.nan, 3.0])
    with pytest.raises(grpc.RpcError) as caught:
        predict(server, request_of(server, batch), channel)
    assert violations(caught.value) == [
        ("rows[1].age", "expected a number, got NaN (rule 1, step scale)")
    ]


def test_refused_rows_are_told_apart_on_request(
    server: Server, channel: grpc.Channel, session: Session, batch: Columns
) -> None:
    batch["age"] = np.array([1.0, np.nan, 3.0])
    request = request_of(server, batch)
    request.report_refused = True
    found = predict(server, request, channel).predictions
    want = session.run(batch, refused="report")
    assert [one.HasField("refusal") for one in found] == [False, True, False]
    refused = found[1]
    assert (refused.refusal.rule, refused.refusal.column) == (1, "age")
    assert not refused.HasField("label")
    assert list(found[2].probabilities) == want["probabilities"][2].tolist()


def test_no_rows_are_refused(server: Server, channel: grpc.Channel) -> None:
    kind, _ = classes(server)
    with pytest.raises(grpc.RpcError) as caught:
        predict(server, kind(), channel)
    assert caught.value.details() == "batch: expected at least one row, got none"


@pytest.mark.parametrize("content", [b"\xff\xff\xff", b"\x0a\x02\x12\x09"], ids=["noise", "cut"])
def test_other_bytes_are_refused(channel: grpc.Channel, content: bytes) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        raw_call(channel, PREDICT, content)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == (
        "service 'tiny.v1.Tiny': expected its PredictRequest, got other bytes"
    )


def test_an_unknown_service_is_unimplemented(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        raw_call(channel, "/tinny.v1.Tinny/Predict", b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_the_default_pool_does_not_know_the_service(server: Server) -> None:
    assert server.repository.is_any_proved
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("tiny.v1.Row")


def test_calls_are_counted_as_those_of_the_protocol(
    server: Server, channel: grpc.Channel, batch: Columns
) -> None:
    before = server.services.desk.statistics.totals()["tiny", 1]
    predict(server, request_of(server, batch), channel)
    with pytest.raises(grpc.RpcError):
        predict(server, classes(server)[0](), channel)
    after = server.services.desk.statistics.totals()["tiny", 1]
    assert after.requests - before.requests == 1
    assert after.rows - before.rows == 3
    assert after.failures - before.failures == 1
    labels = {"model": "tiny", "method": "Predict", "code": "INVALID_ARGUMENT"}
    assert server.metrics.registry.get_sample_value("preproc_calls_total", labels)
