"""Nothing is served before its golden vectors passed in this process."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import grpc
import numpy as np
import onnxruntime
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from numpy.typing import NDArray
from preproc_server.app import Server
from preproc_server.client import Client, ServerError
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.versions import find_versions

from preproc.artifact import Artifact
from preproc.errors import ArtifactError, ParityError
from preproc.runtime import Session, prove

Columns = dict[str, NDArray[Any]]
Write = Callable[..., Artifact]
Start = Callable[..., Server]
SERVICE = "inference.GRPCInferenceService"


@contextmanager
def health_of(server: Server) -> Iterator[Any]:
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        yield health_pb2_grpc.HealthStub(channel)


def statuses(server: Server, *names: str) -> list[str]:
    with health_of(server) as stub:
        found = [stub.Check(health_pb2.HealthCheckRequest(service=name)) for name in names]
    return [health_pb2.HealthCheckResponse.ServingStatus.Name(item.status) for item in found]


def ask(server: Server, method: str, request: Any, response: Any) -> Any:
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        call = channel.unary_unary(
            f"/{SERVICE}/{method}", type(request).SerializeToString, response.FromString
        )
        return call(request)


def is_ready(server: Server) -> bool:
    return bool(ask(server, "ServerReady", pb.ServerReadyRequest(), pb.ServerReadyResponse).ready)


def is_model_ready(server: Server, name: str) -> bool:
    request = pb.ModelReadyRequest(name=name)
    return bool(ask(server, "ModelReady", request, pb.ModelReadyResponse).ready)


def test_health_waits_for_the_proof(models: Path, start: Start, batch: Columns) -> None:
    is_let_go = Event()

    def gate(session: Session, artifact: Artifact) -> None:
        assert is_let_go.wait(60)
        prove(session, artifact)

    server = start(models, gate=gate, is_waited=False)
    with health_of(server) as stub, Client(f"localhost:{server.port}") as client:
        watched = stub.Watch(health_pb2.HealthCheckRequest(service="tiny"))
        assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert statuses(server, "", SERVICE, "tiny") == ["NOT_SERVING"] * 3
        assert ask(server, "ServerLive", pb.ServerLiveRequest(), pb.ServerLiveResponse).live
        assert not is_ready(server)
        assert not is_model_ready(server, "tiny")
        with pytest.raises(ServerError) as caught:
            client.predict("tiny", batch)
        assert caught.value.code is grpc.StatusCode.UNAVAILABLE
        assert caught.value.message == (
            "model 'tiny': expected one that reproduced its golden vectors, got one that is "
            "still being proved; try again"
        )
        is_let_go.set()
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
        assert server.wait_proved(60)
        assert statuses(server, "", SERVICE, "tiny") == ["SERVING"] * 3
        assert is_ready(server)
        assert client.predict("tiny", batch)["label"].shape == (3,)
        watched.cancel()


def test_a_spoiled_vector_keeps_its_model_from_serving(
    tmp_path: Path,
    write: Write,
    start: Start,
    batch: Columns,
    caplog: pytest.LogCaptureFixture,
) -> None:
    write(tmp_path, "good")
    write(tmp_path, "spoiled", is_spoiled=True)
    with caplog.at_level(logging.ERROR):
        server = start(tmp_path)
    assert [record.getMessage() for record in caplog.records] == [
        (
            "model 'spoiled' version 1 is not served: vectors 'real', output 'probabilities' "
            "(answers), row 1: 1 of 4 beyond bitwise, worst 1 ULP, 1.11e-16 absolute"
        )
    ]
    assert statuses(server, "", "good", "spoiled") == ["SERVING", "SERVING", "NOT_SERVING"]
    assert not is_model_ready(server, "spoiled")
    with Client(f"localhost:{server.port}") as client:
        assert client.predict("good", batch)["prediction"].tolist() == [2**62 + 1, -3, 0]
        with pytest.raises(ServerError) as caught:
            client.predict("spoiled", batch)
    assert str(caught.value) == (
        "server: UNAVAILABLE: model 'spoiled': expected one that reproduced its golden vectors, "
        "got a failed one"
    )


def test_a_server_without_a_proved_model_is_not_serving(
    tmp_path: Path, write: Write, start: Start
) -> None:
    write(tmp_path, "spoiled", is_spoiled=True)
    server = start(tmp_path)
    assert statuses(server, "", SERVICE, "spoiled") == ["NOT_SERVING"] * 3


def test_a_broken_folder_is_reported_and_the_others_are_served(
    tmp_path: Path, write: Write, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "good")
    write(tmp_path, "broken")
    (tmp_path / "broken" / "1" / "contract.json").unlink()
    with caplog.at_level(logging.ERROR):
        server = start(tmp_path)
    file = tmp_path / "broken" / "1" / "contract.json"
    assert [record.getMessage() for record in caplog.records] == [
        (
            f"model 'broken' version 1 is not served: artifact {str(file)!r}: expected a file, "
            "got No such file or directory"
        )
    ]
    assert statuses(server, "good", "broken") == ["SERVING", "NOT_SERVING"]


def test_a_gate_that_breaks_fails_its_model_alone(
    models: Path, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    def gate(_: Session, artifact: Artifact) -> None:
        raise ZeroDivisionError(artifact.contract.name)

    server = start(models, gate=gate)
    assert statuses(server, "tiny") == ["NOT_SERVING"]
    assert "ZeroDivisionError: tiny" in caplog.text


def test_a_runtime_known_to_be_wrong_serves_nothing(
    models: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "__version__", "1.27.0")
    server = start(models)
    assert statuses(server, "tiny") == ["NOT_SERVING"]
    (entry,) = server.repository.index()
    want = "onnxruntime 1.27.0: wrong on binary forests; install 1.30 or newer"
    assert (entry.state, entry.reason) == ("failed", want)


def test_a_folder_of_another_name_is_not_served(
    tmp_path: Path, write: Write, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "first")
    (tmp_path / "first").rename(tmp_path / "second")
    server = start(tmp_path)
    assert statuses(server, "second") == ["NOT_SERVING"]
    assert "expected a folder named 'first', got 'second'; rename it" in caplog.text


def test_the_latest_version_is_served(
    tmp_path: Path, write: Write, start: Start, batch: Columns
) -> None:
    write(tmp_path, "good")
    write(tmp_path, "good")
    server = start(tmp_path)
    assert server.repository.versions("good") == [2]
    with (
        Client(f"localhost:{server.port}") as client,
        pytest.raises(ServerError, match="Request for unknown model: 'good' version 1 is not"),
    ):
        client.predict("good", batch, version="1")


def test_only_numbered_folders_are_versions(tmp_path: Path) -> None:
    for name in ("a/10", "a/9", "a/0", "a/tmp", ".hidden/1", "empty"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "README.md").touch()
    assert find_versions(tmp_path) == {"a": {9: tmp_path / "a/9", 10: tmp_path / "a/10"}}


def test_a_repository_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        find_versions(tmp_path / "no")
    assert caught.value.problem == "expected a folder of models, got No such file or directory"


def test_the_gate_is_told_of_every_model(tmp_path: Path, write: Write, start: Start) -> None:
    told: list[str] = []

    def gate(_: Session, artifact: Artifact) -> None:
        told.append(artifact.contract.name)
        raise ParityError("no")

    for name in ("b", "a"):
        write(tmp_path, name)
    start(tmp_path, gate=gate)
    assert told == ["a", "b"]


def test_answers_do_not_depend_on_the_client(
    models: Path, start: Start, session: Session, batch: Columns
) -> None:
    server = start(models)
    with Client(f"localhost:{server.port}") as client:
        got = client.predict("tiny", batch)
    for name, array in session.run(batch).items():
        np.testing.assert_array_equal(got[name], array, strict=True)
