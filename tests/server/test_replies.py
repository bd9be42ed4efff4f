"""Usual answers as bytes say what the message says."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.plan import encode
from preproc_server.replies import MAX_HEADS, Replies

OUTPUTS = ("label", "p")


def long_way(rows: int, start: int) -> tuple[pb.ModelInferResponse, dict[str, NDArray[Any]]]:
    answers = {
        "label": np.array([f"é{start + row}" for row in range(rows)], object),
        "p": np.arange(2.0 * rows).reshape(rows, 2) + start,
    }
    response = pb.ModelInferResponse(model_name="m", model_version="3")
    response.parameters["contract_digest"].string_param = "d" * 64
    return encode(response, answers, is_raw=True), answers


def message(rows: int, start: int) -> pb.ModelInferResponse:
    return long_way(rows, start)[0]


@pytest.mark.parametrize("name", ["", "one", "é" * 100], ids=["none", "short", "long"])
@pytest.mark.parametrize("rows", [1, 300])
def test_bytes_are_those_of_the_message_for_the_first_answer_and_all_others(
    name: str, rows: int
) -> None:
    replies = Replies()
    for start in range(3):
        want, answers = long_way(rows, start)
        content = replies.write(rows, name, OUTPUTS, answers, partial(message, rows, start))
        want.id = name
        assert pb.ModelInferResponse.FromString(content) == want


def test_what_is_kept_is_bounded() -> None:
    replies, asked = Replies(), list[int]()

    def long(rows: int) -> pb.ModelInferResponse:
        asked.append(rows)
        return message(rows, 0)

    for rows in [*range(1, MAX_HEADS + 2), 1, MAX_HEADS + 1]:
        replies.write(rows, "", OUTPUTS, long_way(rows, 0)[1], partial(long, rows))
    assert asked == [*range(1, MAX_HEADS + 2), MAX_HEADS + 1]
