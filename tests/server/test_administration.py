"""Our own service: contract, self-check, promotion, and the way back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from preproc_server.app import Server
from preproc_server.pb import preproc_pb2 as pb

from preproc.artifact import Artifact
from preproc.contract import contract_from_json
from preproc.errors import ParityError

from .conftest import Start


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
    ],
    ids=["unknown", "no number", "absent", "no name"],
)
def test_what_cannot_be_is_refused(
    server: Server, method: str, request_: Any, code: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        ask(server, method, request_, pb.ContractResponse)
    assert caught.value.code() is code
