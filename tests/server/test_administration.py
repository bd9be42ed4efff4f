"""Our own service: contract, self-check, promotion, and the way back."""

import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray
from preproc_server.app import Server
from preproc_server.client import Client
from preproc_server.findings import json_of
from preproc_server.pb import preproc_pb2 as pb

from preproc.artifact import Artifact
from preproc.contract import contract_from_json
from preproc.errors import ParityError

from .conftest import Start

Columns = dict[str, NDArray[Any]]


def ask(server: Server, method: str, request: Any, answer: Any) -> Any:
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        call = channel.unary_unary(
            f"/preproc.v1.Preproc/{method}", type(request).SerializeToString, answer.FromString
        )
        return call(request, timeout=30)


def test_contract_and_certificate_are_given_as_they_are(server: Server) -> None:
    got = ask(server, "Contract", pb.ContractRequest(model_name="tiny"), pb.ContractResponse)
    model = server.repository.model("tiny", "")
    contract = contract_from_json(json.loads(got.contract_json), "answer")
    assert contract == model.artifact.contract
    assert json.loads(got.certificate_json) == {"outputs": {}}
    assert (got.model_version, got.model_digest) == ("1", model.digest)
    assert got.contract_digest == model.door.digest


@pytest.mark.parametrize("name", ["", "tiny"], ids=["all", "named"])
def test_a_self_check_replays_what_is_served(server: Server, name: str) -> None:
    got = ask(server, "SelfCheck", pb.SelfCheckRequest(model_name=name), pb.SelfCheckResponse)
    assert got.is_pass
    assert [(c.model_name, c.model_version, c.is_pass, c.reason) for c in got.checks] == [
        ("tiny", "1", True, "")
    ]


def test_a_self_check_that_fails_says_why(models: Path, start: Start) -> None:
    is_wrong = False

    def gate(*_: object) -> None:
        if is_wrong:
            raise ParityError("one bit is off")

    server = start(models, gate=gate)
    is_wrong = True
    got = ask(server, "SelfCheck", pb.SelfCheckRequest(), pb.SelfCheckResponse)
    assert not got.is_pass
    assert [check.reason for check in got.checks] == ["one bit is off"]


def test_a_self_check_of_nothing_has_not_passed(tmp_path: Path, start: Start) -> None:
    server = start(tmp_path)
    got = ask(server, "SelfCheck", pb.SelfCheckRequest(), pb.SelfCheckResponse)
    assert not got.is_pass


def test_promotion_and_the_way_back_are_one_call_each(
    tmp_path: Path, start: Start, write: Callable[..., Artifact]
) -> None:
    write(tmp_path, "tiny")
    write(tmp_path, "tiny")
    server = start(tmp_path, versions="all")
    request = pb.PromoteRequest(model_name="tiny", model_version="1")
    got = ask(server, "Promote", request, pb.PromoteResponse)
    assert (got.model_version, got.previous_version) == ("1", "2")
    assert server.repository.model("tiny", "").version == 1
    back = ask(server, "RollBack", pb.RollBackRequest(model_name="tiny"), pb.RollBackResponse)
    assert (back.model_version, back.previous_version) == ("2", "1")
    assert server.repository.model("tiny", "").version == 2


def test_a_canary_is_set_read_and_ended_by_calls(
    tmp_path: Path, start: Start, write: Callable[..., Artifact]
) -> None:
    write(tmp_path, "tiny")
    server = start(tmp_path)
    write(tmp_path, "tiny", bias=1.0)
    request = pb.SetCanaryRequest(model_name="tiny", model_version="2", share=1.0)
    got = ask(server, "SetCanary", request, pb.DutiesResponse)
    want = {"model_version": "2", "is_served": True, "share": 1.0}
    assert got == pb.DutiesResponse(model_name="tiny", default_version="1", canary=want)
    assert got == ask(server, "Duties", pb.DutiesRequest(model_name="tiny"), pb.DutiesResponse)
    file = tmp_path / "tiny" / "serving.json"
    assert json.loads(file.read_text(encoding="utf-8")) == {
        "default": 1,
        "canary": {"version": 2, "share": 1.0},
    }
    assert server.repository.model("tiny", "").version == 2
    ended = ask(server, "EndCanary", pb.EndCanaryRequest(model_name="tiny"), pb.DutiesResponse)
    assert ended == pb.DutiesResponse(model_name="tiny", default_version="1")
    assert json.loads(file.read_text(encoding="utf-8")) == {"default": 1}
    assert server.repository.model("tiny", "").version == 1


def test_a_shadow_is_set_read_and_ended_by_calls(
    tmp_path: Path, start: Start, write: Callable[..., Artifact], batch: Columns
) -> None:
    write(tmp_path, "tiny")
    server = start(tmp_path)
    write(tmp_path, "tiny", bias=-3.0)
    request = pb.SetShadowRequest(model_name="tiny", model_version="2")
    got = ask(server, "SetShadow", request, pb.DutiesResponse)
    want = {"model_version": "2", "is_served": True}
    assert got == pb.DutiesResponse(model_name="tiny", default_version="1", shadow=want)
    with Client(f"localhost:{server.port}") as client:
        answers = client.predict("tiny", batch)
    server.shadow.wait_idle()
    asked = pb.DutiesRequest(model_name="tiny", max_samples=10)
    shadow = ask(server, "Duties", asked, pb.DutiesResponse).shadow
    assert (shadow.rows, shadow.missed_rows) == (3, 0)
    kinds = [(sample.kind, sample.band) for sample in shadow.samples]
    assert kinds
    assert {(one.kind, one.band): one.rows for one in shadow.disagreements} == Counter(kinds)
    rows = [json.loads(sample.row_json) for sample in shadow.samples]
    at = [row["visits"][0] for row in rows].index(-3)
    assert rows[at]["city"] == [""]
    answered = json.loads(shadow.samples[at].answer_json)
    assert answered["probabilities"] == answers["probabilities"][1].tolist()
    assert json.loads(shadow.samples[at].shadow_json)["probabilities"] != answered["probabilities"]
    ended = ask(server, "EndShadow", pb.EndShadowRequest(model_name="tiny"), pb.DutiesResponse)
    assert not ended.HasField("shadow")


def test_samples_are_as_many_as_asked_for_and_the_latest(
    tmp_path: Path, start: Start, write: Callable[..., Artifact], batch: Columns
) -> None:
    write(tmp_path, "tiny")
    write(tmp_path, "tiny", bias=-3.0)
    server = start(tmp_path, versions="all")
    server.repository.promote("tiny", 1)
    server.repository.shadow("tiny", 2)
    with Client(f"localhost:{server.port}") as client:
        for age in (30.0, 31.0, 32.0):
            client.predict(
                "tiny",
                {name: array[1:2] for name, array in batch.items()} | {"age": np.array([age])},
            )
    server.shadow.wait_idle()
    asked = pb.DutiesRequest(model_name="tiny", max_samples=2)
    samples = ask(server, "Duties", asked, pb.DutiesResponse).shadow.samples
    assert [json.loads(one.row_json)["age"] for one in samples] == [[31.0], [32.0]]
    server.repository.promote("tiny", 2)
    server.repository.shadow("tiny", 1)
    shadow = ask(server, "Duties", asked, pb.DutiesResponse).shadow
    assert (shadow.rows, len(shadow.samples)) == (0, 0)


def test_a_sample_is_json_that_any_language_reads() -> None:
    values = {"x": [math.nan, -math.inf, 1.5], "y": ["\0none", "Zürich"], "z": 2**62}
    assert json_of(values) == (
        '{"x": ["NaN", "-Infinity", 1.5], "y": [null, "Zürich"], "z": 4611686018427387904}'
    )


@pytest.mark.parametrize(
    ("method", "request_", "code"),
    [
        ("Contract", pb.ContractRequest(model_name="tinny"), grpc.StatusCode.NOT_FOUND),
        (
            "Promote",
            pb.PromoteRequest(model_name="tiny", model_version="x"),
            grpc.StatusCode.INVALID_ARGUMENT,
        ),
        (
            "Promote",
            pb.PromoteRequest(model_name="tiny", model_version="9"),
            grpc.StatusCode.FAILED_PRECONDITION,
        ),
        (
            "SelfCheck",
            pb.SelfCheckRequest(model_version="1"),
            grpc.StatusCode.INVALID_ARGUMENT,
        ),
        ("Duties", pb.DutiesRequest(model_name="tinny"), grpc.StatusCode.NOT_FOUND),
        (
            "SetCanary",
            pb.SetCanaryRequest(model_name="tiny", model_version="2"),
            grpc.StatusCode.INVALID_ARGUMENT,
        ),
        (
            "SetShadow",
            pb.SetShadowRequest(model_name="tiny", model_version="9"),
            grpc.StatusCode.FAILED_PRECONDITION,
        ),
        ("EndShadow", pb.EndShadowRequest(model_name="tinny"), grpc.StatusCode.NOT_FOUND),
    ],
    ids=[
        "unknown",
        "no number",
        "absent",
        "no name",
        "no duties",
        "no share",
        "no shadow",
        "no end",
    ],
)
def test_what_cannot_be_is_refused(
    server: Server, method: str, request_: Any, code: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        ask(server, method, request_, pb.ContractResponse)
    assert caught.value.code() is code
