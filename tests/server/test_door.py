"""The contract at the door, on real servers: digests, statuses, ages, extras, unseen values."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import grpc
import numpy as np
import pytest
from google.rpc.error_details_pb2 import BadRequest
from grpc_status import rpc_status
from numpy.typing import NDArray
from preproc_server import wire
from preproc_server.app import Server
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.spans import spans_of

from preproc.artifact import Artifact, read_contract, write_artifact
from preproc.interface import contract_digest
from preproc.runtime import Session
from preproc.runtime.feeding import public_layout
from preproc.signature import Column, Signature

from .conftest import Start

Columns = dict[str, NDArray[Any]]
NOW_MS = 4_000_000_000_000  # in 2096: every event time of a test is far from the real clock
TERMS = {"allowed": ["OK", "DEFAULT"], "max_age_s": 60.0, "breach": "refuse"}
STRICT = {
    "city": {"domain": {"categories": ["", "Oslo", "Zürich\0x"]}},
    "debt": {"freshness": TERMS},
}


@pytest.fixture
def alter(
    tmp_path: Path, write: Callable[..., Artifact]
) -> Callable[[dict[str, dict[str, Any]]], Path]:
    """Write ``tiny`` with another contract: column → what is another."""

    def altered(
        changes: dict[str, dict[str, Any]], profile: dict[str, Any] | None = None, **others: Any
    ) -> Path:
        artifact = write(tmp_path / "plain", "tiny")
        signature = artifact.contract.signature
        columns = tuple(replace(c, **changes.get(c.name, {})) for c in signature.columns)
        numbers = {**artifact.contract.wire, "debt.status": 6, "debt.event_time": 7}
        contract = replace(
            artifact.contract, signature=replace(signature, columns=columns), wire=numbers, **others
        )
        changed = replace(artifact, contract=contract, profile=profile or {})
        write_artifact(changed, tmp_path / "models")
        return tmp_path / "models"

    return altered


def request_of(batch: Columns, **parameters: str | int) -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name="tiny")
    for name, array in batch.items():
        datatype = wire.datatype_of(array).wire
        request.inputs.add(name=name, datatype=datatype, shape=array.shape)
        request.raw_input_contents.append(wire.raw_of(array))
    for key, value in parameters.items():
        if isinstance(value, str):
            request.parameters[key].string_param = value
        else:
            request.parameters[key].int64_param = value
    return request


def infer(server: Server, request: pb.ModelInferRequest) -> pb.ModelInferResponse:
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        call = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            pb.ModelInferRequest.SerializeToString,
            pb.ModelInferResponse.FromString,
        )
        response: pb.ModelInferResponse = call(request, timeout=30)
        return response


def refusal(server: Server, request: pb.ModelInferRequest) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        infer(server, request)
    return caught.value.code(), str(caught.value.details())


def sample(server: Server, name: str, **labels: str) -> float:
    value = server.metrics.registry.get_sample_value(name, labels)
    return 0.0 if value is None else value


def test_every_response_names_contract_and_version(server: Server, batch: Columns) -> None:
    response = infer(server, request_of(batch))
    model = server.repository.model("tiny", "")
    assert response.parameters["contract_digest"].string_param == model.door.digest
    assert response.model_version == "1"


def test_the_digest_that_is_served_passes(server: Server, batch: Columns) -> None:
    digest = server.repository.model("tiny", "").door.digest
    before = sample(server, "preproc_untold_digests_total", model="tiny")
    infer(server, request_of(batch, contract_digest=digest))
    assert sample(server, "preproc_untold_digests_total", model="tiny") == before
    infer(server, request_of(batch))
    assert sample(server, "preproc_untold_digests_total", model="tiny") == before + 1


def test_another_digest_is_a_failed_precondition(server: Server, batch: Columns) -> None:
    served = server.repository.model("tiny", "").door.digest
    code, text = refusal(server, request_of(batch, contract_digest="abc"))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert text == (
        f"contract_digest: expected {served}, got abc; no version here has it, so the columns "
        "cannot be compared"
    )


def test_the_difference_to_a_known_contract_is_told(
    alter: Callable[..., Path], start: Start, batch: Columns
) -> None:
    repository = alter({})
    alter({"age": {"null": "nan"}}, label="something else")
    server = start(repository)
    folders = (repository / "tiny" / number for number in ("1", "2"))
    old, new = (contract_digest(read_contract(folder)) for folder in folders)
    assert list(server.repository.versions("tiny")) == [2]
    code, text = refusal(server, request_of(batch, contract_digest=old))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert text == (
        f"contract_digest: expected {new}, got {old}; since then column 'age': null None became "
        "'nan'; label: 'whether' became 'something else'"
    )


def test_an_empty_digest_is_refused_by_setting(models: Path, start: Start, batch: Columns) -> None:
    server = start(models, empty_digest="refuse")
    code, text = refusal(server, request_of(batch))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert text.endswith("got none; build the caller from the contract served and send its digest")
    digest = server.repository.model("tiny", "").door.digest
    assert infer(server, request_of(batch, contract_digest=digest)).model_version == "1"


def test_the_digest_is_that_of_what_callers_rely_on(
    alter: Callable[..., Path], start: Start
) -> None:
    server = start(alter({"city": {"domain": {"categories": ["x"]}}}, libraries={"a": "2"}))
    contract = server.repository.model("tiny", "").artifact.contract
    plain = replace(contract, libraries={})
    assert contract_digest(contract) == contract_digest(plain)
    assert contract_digest(contract) != contract_digest(replace(contract, label="other"))


def test_extra_columns_are_counted_by_setting(
    models: Path, start: Start, session: Session, batch: Columns
) -> None:
    server = start(models, extra_columns="count")
    got = infer(server, request_of({"zip": np.zeros(3), **batch, "note": np.zeros(3)}))
    assert got.raw_output_contents[1] == wire.raw_of(session.run(batch)["probabilities"])
    assert sample(server, "preproc_extra_columns_total", model="tiny") == 2


def statuses(*words: str) -> NDArray[Any]:
    return np.array(words, object)


@pytest.mark.parametrize(
    ("companions", "rule"),
    [
        (
            {"debt.status": statuses("OK", "STALE", "DEFAULT")},
            "rows[1].debt: expected a look-up that ended OK or DEFAULT, got STALE",
        ),
        (
            {"debt.event_time": np.array([NOW_MS, NOW_MS - 61_000, NOW_MS - 60_000])},
            "rows[1].debt: expected an age of at most 60 s, got 61 s",
        ),
        (
            {"debt.event_time": np.array([NOW_MS, NOW_MS + 61_000, NOW_MS])},
            "rows[1].debt: expected an event time of the past, got one 61 s ahead",
        ),
        (
            {"debt.status": statuses("OK", "GOOD", "OK")},
            "inputs[debt.status]: expected one of OK, STALE, DEFAULT, TIMEOUT, got 'GOOD'",
        ),
        (
            {"debt.status": statuses("OK", "OK")},
            "inputs[debt.status]: expected BYTES of shape [3], got BYTES of shape [2]",
        ),
    ],
    ids=["status", "age", "future", "word", "rows"],
)
def test_a_look_up_that_the_contract_does_not_allow_is_refused(
    alter: Callable[..., Path], start: Start, batch: Columns, companions: Columns, rule: str
) -> None:
    server = start(alter(STRICT))
    set_clock(server)
    code, text = refusal(server, request_of({**batch, **companions}))
    assert (code, text) == (grpc.StatusCode.INVALID_ARGUMENT, rule)


def set_clock(server: Server) -> None:
    services = server.services
    desk = replace(services.desk, clock_s=lambda: NOW_MS / 1000)
    services._servicer._desk = services.typed._desk = desk


def test_a_look_up_that_the_contract_allows_changes_no_bit(
    alter: Callable[..., Path], start: Start, session: Session, batch: Columns
) -> None:
    server = start(alter(STRICT))
    set_clock(server)
    companions = {
        "debt.status": statuses("OK", "", "DEFAULT"),
        "debt.event_time": np.array([NOW_MS, NOW_MS - 60_000, np.iinfo(np.int64).min]),
    }
    got = infer(server, request_of({"debt.status": statuses("OK", "OK", "OK"), **batch}))
    assert got.raw_output_contents[1] == wire.raw_of(session.run(batch)["probabilities"])
    got = infer(server, request_of({**companions, **batch}))
    assert got.raw_output_contents[1] == wire.raw_of(session.run(batch)["probabilities"])
    assert "flagged" not in got.parameters


def test_a_parameter_tells_the_status_of_the_whole_batch(
    alter: Callable[..., Path], start: Start, batch: Columns
) -> None:
    server = start(alter(STRICT))
    _, text = refusal(server, request_of(batch, **{"debt.status": "TIMEOUT"}))
    assert text.startswith("rows[0].debt: expected a look-up that ended OK or DEFAULT, got TIMEOUT")
    assert text.count("rows[") == 3


def test_a_breach_is_flagged_where_the_contract_says_so(
    alter: Callable[..., Path], start: Start, batch: Columns
) -> None:
    server = start(alter({"debt": {"freshness": {**TERMS, "breach": "flag"}}}))
    got = infer(server, request_of({**batch, "debt.status": statuses("OK", "STALE", "TIMEOUT")}))
    assert got.parameters["flagged"].int64_param == 2
    labels = {"model": "tiny", "column": "debt", "reason": "status"}
    assert sample(server, "preproc_flagged_values_total", **labels) == 2


def test_a_category_that_training_never_saw_is_counted(
    alter: Callable[..., Path], start: Start, batch: Columns
) -> None:
    server = start(alter(STRICT))
    batch["city"] = np.array(["Bergen", "Oslo", "\0none"], object)
    got = infer(server, request_of(batch))
    assert got.parameters["flagged"].int64_param == 1
    labels = {"model": "tiny", "column": "city", "reason": "unseen"}
    assert sample(server, "preproc_flagged_values_total", **labels) == 1


def test_a_category_that_training_never_saw_is_refused_by_setting(
    alter: Callable[..., Path], start: Start, batch: Columns
) -> None:
    server = start(alter(STRICT), unseen_values="refuse")
    batch["city"] = np.array(["Oslo", "Bergen", "\0none"], object)
    with pytest.raises(grpc.RpcError) as caught:
        infer(server, request_of(batch))
    bad = BadRequest()
    assert any(
        detail.Unpack(bad)
        for detail in rpc_status.from_call(cast("grpc.Call", caught.value)).details
    )
    assert [(one.field, one.description) for one in bad.field_violations] == [
        ("rows[1].city", "expected a category that training saw, got 'Bergen'")
    ]
    labels = {"model": "tiny", "column": "city", "reason": "unseen"}
    assert sample(server, "preproc_flagged_values_total", **labels) == 1


RANGES = {
    "columns": {
        "age": [{"range": [0.5, 99.0]}],
        "visits": [{"range": [-(2**62), 2**62 - 1]}],
        "debt": [{"range": [None, 7.0]}],
        "city": [{"categories": {}}],
    }
}


def test_numbers_beyond_those_of_training_are_answered_flagged_and_counted(
    alter: Callable[..., Path], start: Start, batch: Columns, session: Session
) -> None:
    server = start(alter({}, RANGES))
    batch["age"] = np.array([0.5, np.nextafter(0.5, 0), 99.0])
    batch["visits"] = np.array([2**62 - 1, -(2**62), 2**62])
    batch["debt"] = np.array([-np.inf, 7.0, np.nan])
    got = infer(server, request_of(batch))
    assert got.parameters["flagged"].int64_param == 2
    marks = "preproc_flagged_values_total"
    for column, count in (("age", 1), ("visits", 1), ("debt", 0)):
        assert sample(server, marks, model="tiny", column=column, reason="range") == count
    want = session.run(batch)["probabilities"]
    at = [output.name for output in got.outputs].index("probabilities")
    assert got.raw_output_contents[at] == want.tobytes()


def test_numbers_beyond_those_of_training_are_refused_by_setting(
    alter: Callable[..., Path], start: Start, batch: Columns
) -> None:
    server = start(alter({}, RANGES), out_of_range="refuse")
    batch["age"] = np.array([31.5, -1.0, 99.5])
    batch["visits"] = np.array([2**62, 0, 0])
    batch["debt"] = np.array([0.0, 0.0, 7.5])
    code, text = refusal(server, request_of(batch))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert text == (
        "rows[1].age: expected a number from 0.5 to 99.0, as in training, got -1.0; "
        "rows[2].age: expected a number from 0.5 to 99.0, as in training, got 99.5; "
        "rows[2].debt: expected a number of at most 7.0, as in training, got 7.5; "
        "rows[0].visits: expected a number from -4611686018427387904 to 4611686018427387903, "
        "as in training, got 4611686018427387904"
    )
    marks = "preproc_flagged_values_total"
    assert sample(server, marks, model="tiny", column="age", reason="range") == 2


@pytest.mark.parametrize(("policy", "flagged"), [("ignore", 0), ("count", 2)], ids=str)
def test_a_column_in_which_training_saw_no_number_is_told_apart(
    alter: Callable[..., Path], start: Start, batch: Columns, policy: str, flagged: int
) -> None:
    profile: dict[str, Any] = {"columns": {"debt": [{"range": []}]}}
    server = start(alter({}, profile), out_of_range=policy)
    batch["debt"] = np.array([np.nan, 0.0, np.inf])
    assert infer(server, request_of(batch)).parameters["flagged"].int64_param == flagged


def test_a_wide_column_names_the_position_that_is_out_of_range() -> None:
    signature = Signature("array", (Column("X", "float64", width=3),), ())
    profile = {"columns": {"X": [{"range": [0.0, 1.0]}, {"range": []}, {"range": [2.0, None]}]}}
    (span,) = spans_of(signature, public_layout(signature), profile)
    assert span.texts == (
        "a number from 0.0 to 1.0 at position 0, as in training",
        "no number at position 1, since training saw none",
        "a number of at least 2.0 at position 2, as in training",
    )
    assert (span.low.tolist(), span.high.tolist()) == (
        [0.0, np.inf, 2.0],
        [1.0, -np.inf, np.inf],
    )
    older = {"columns": {"X": [{"edges": [0.0]}] * 3}}
    assert spans_of(signature, public_layout(signature), older) == ()


@pytest.mark.parametrize(
    ("name", "array", "text"),
    [
        ("debt", np.array([2.0**53, 1.0, np.nan]), ""),
        (
            "debt",
            np.array([1.0, 2.0**53 + 2, 0.0]),
            (
                "rows[1].debt: expected a whole number of magnitude at most 2^53, which float64 "
                "holds exactly, got 9007199254740994.0"
            ),
        ),
        ("debt", np.array([1, 2**53 + 1, 0]), "field 'debt': expected dtype float64, got int64"),
        ("age", np.zeros(3, np.float32), "field 'age': expected dtype float64, got float32"),
        ("visits", np.zeros(3), "field 'visits': expected dtype int64, got float64"),
        ("visits", statuses("1", "2", "3"), "field 'visits': expected dtype int64, got string"),
    ],
    ids=["exact", "inexact", "integer", "single", "fraction", "text"],
)
def test_a_cast_that_could_lose_bits_is_refused(
    alter: Callable[..., Path],
    start: Start,
    batch: Columns,
    name: str,
    array: NDArray[Any],
    text: str,
) -> None:
    server = start(alter({"debt": {"domain": {"whole": True}}}))
    request = request_of({**batch, name: array})
    if text:
        assert refusal(server, request) == (grpc.StatusCode.INVALID_ARGUMENT, text)
    else:
        assert infer(server, request).model_version == "1"


def test_the_typed_service_takes_statuses_and_ages(
    alter: Callable[..., Path], start: Start, batch: Columns
) -> None:
    server = start(alter(STRICT))
    set_clock(server)
    typed: Any = server.services.typed.generation.services["tiny.v1.Tiny"]
    names = list(batch)
    values = zip(*(array.tolist() for array in batch.values()), strict=True)
    rows = [dict(zip(names, row, strict=True)) for row in values]
    rows[0] |= {"debt_status": "DEFAULT", "debt_event_time_ms": NOW_MS}
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        call = channel.unary_unary(
            "/tiny.v1.Tiny/Predict", typed.request.SerializeToString, typed.response.FromString
        )
        assert len(call(typed.request(rows=rows)).predictions) == 3
        rows[2] |= {"debt_status": "STALE", "debt_event_time_ms": NOW_MS - 61_000}
        with pytest.raises(grpc.RpcError) as caught:
            call(typed.request(rows=rows))
        assert caught.value.details() == (
            "rows[2].debt: expected a look-up that ended OK or DEFAULT, got STALE; "
            "rows[2].debt: expected an age of at most 60 s, got 61 s"
        )
        with pytest.raises(grpc.RpcError) as caught:
            call(typed.request(rows=rows[:1], contract_digest="abc"))
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        strange = typed.request(rows=rows[:1]).SerializeToString()
        row = rows_field(strange)
        raw_call: Any = channel.unary_unary("/tiny.v1.Tiny/Predict")
        with pytest.raises(grpc.RpcError) as caught:
            raw_call(row)
        assert caught.value.details() == "rows[0]: expected no such field, got number 99"


def rows_field(content: bytes) -> bytes:
    """Add field 99, a varint, to the only row of a short request."""
    assert content[0] == 0x0A
    row = content[2:] + b"\x98\x06\x01"
    return bytes([0x0A, len(row)]) + row
