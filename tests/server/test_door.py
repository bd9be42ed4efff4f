"""The contract at the door, on real servers: digests, statuses, ages, extras, casts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray
from preproc_server import wire
from preproc_server.app import Server

from preproc.artifact import read_contract
from preproc.interface import contract_digest
from preproc.runtime import Session

from .conftest import Columns, Start
from .door import infer, refusal, request_of, sample

NOW_MS = 4_000_000_000_000  # in 2096: every event time of a test is far from the real clock
TERMS = {"allowed": ["OK", "DEFAULT"], "max_age_s": 60.0, "breach": "refuse"}
STRICT = {
    "city": {"domain": {"categories": ["", "Oslo", "Zürich\0x"]}},
    "debt": {"freshness": TERMS},
}


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
