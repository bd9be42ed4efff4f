"""Values that training never saw, on real servers: categories, and numbers beyond its range."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import grpc
import numpy as np
import pytest
from google.rpc.error_details_pb2 import BadRequest
from grpc_status import rpc_status
from preproc_server.spans import spans_of

from preproc.runtime import Session
from preproc.runtime.layout import public_layout
from preproc.signature import Column, Signature

from .conftest import Columns, Start
from .door import infer, refusal, request_of, sample

SEEN = {"city": {"domain": {"categories": ["", "Oslo", "Zürich\0x"]}}}


def test_a_category_that_training_never_saw_is_counted(
    alter: Callable[..., Path], start: Start, batch: Columns
) -> None:
    server = start(alter(SEEN))
    batch["city"] = np.array(["Bergen", "Oslo", "\0none"], object)
    got = infer(server, request_of(batch))
    assert got.parameters["flagged"].int64_param == 1
    labels = {"model": "tiny", "column": "city", "reason": "unseen"}
    assert sample(server, "preproc_flagged_values_total", **labels) == 1


def test_a_category_that_training_never_saw_is_refused_by_setting(
    alter: Callable[..., Path], start: Start, batch: Columns
) -> None:
    server = start(alter(SEEN), unseen_values="refuse")
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
