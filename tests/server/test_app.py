"""Starting, counting, draining, stopping."""

import ctypes
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.request import urlopen

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from numpy.typing import NDArray
from preproc_server.app import Server, channel_options
from preproc_server.client import Client, ServerError
from preproc_server.errors import ListenError
from preproc_server.settings import Settings
from preproc_server.versions import nothing_served

from preproc import Artifact
from preproc.runtime import open_session
from preproc.runtime.forms import VARIABLE

Columns = dict[str, NDArray[Any]]
Start = Callable[..., Server]
PROGRAM = """
import sys
from pathlib import Path
from preproc_server.app import serve
from preproc_server.settings import Settings

serve(Settings(repository=Path(sys.argv[1]), host="localhost", port=0))
"""
HASTY = """
import logging, os, signal

class Stopping(logging.Handler):
    def emit(self, record):
        if record.getMessage().startswith("model 'model10' version 1 is proved"):
            os.kill(os.getpid(), signal.SIGTERM)

logging.getLogger("preproc_server").addHandler(Stopping())
"""


@contextmanager
def started(repository: Path, before: str = "") -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", before + PROGRAM, str(repository)], stderr=subprocess.PIPE, text=True
    ) as running:
        yield running
        running.kill()


@pytest.fixture
def process(models: Path) -> Iterator[subprocess.Popen[str]]:
    with started(models) as running:
        yield running


def port_of(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"listening on port (\d+)", line):
            return int(found[1])
    raise AssertionError("expected a port in the log, got none")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["term", "int"])
def test_a_signal_drains_before_the_process_ends(
    process: subprocess.Popen[str], number: signal.Signals
) -> None:
    with grpc.insecure_channel(f"localhost:{port_of(process)}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        watched = stub.Watch(health_pb2.HealthCheckRequest())
        seen = next(watched).status
        while seen != health_pb2.HealthCheckResponse.SERVING:
            seen = next(watched).status
        process.send_signal(number)
        assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watched.cancel()
    assert process.wait(60) == 0
    assert process.stderr is not None
    log = process.stderr.read()
    assert f"{number.name}: draining; once more to stop at once" in log
    assert log.endswith("INFO preproc_server.app: stopped\n")


def test_a_signal_that_another_thread_is_given_ends_the_process_too(
    process: subprocess.Popen[str],
) -> None:
    port_of(process)
    open_to_all = set()
    for thread in Path(f"/proc/{process.pid}/task").iterdir():
        with suppress(OSError):  # it has ended
            status = (thread / "status").read_text(encoding="ascii")
            if re.search(r"SigBlk:\s*0+\n", status):
                open_to_all.add(int(thread.name))
    other = min(open_to_all - {process.pid})
    assert ctypes.CDLL(None).tgkill(process.pid, other, signal.SIGTERM) == 0
    assert process.wait(60) == 0


def test_a_stop_while_models_are_proved_is_no_abort(
    tmp_path: Path, write: Callable[..., Artifact], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "forms"))
    names = [f"model{at}" for at in range(10, 50)]
    for name in names:
        path = write(tmp_path / "models", name).path
        assert path is not None
        open_session(path).close()  # which keeps its form, so that the server has but to prove
    with started(tmp_path / "models", before=HASTY) as process:
        assert process.stderr is not None
        log = process.stderr.read()
        assert process.wait(60) == 0, log
    assert log.endswith("INFO preproc_server.app: stopped\n")
    assert f"model {names[0]!r} version 1 is proved" in log
    assert f"model {names[-1]!r} version 1 is proved" not in log


def test_a_folder_without_models_is_told_what_it_should_hold(
    tmp_path: Path, write: Callable[..., Artifact]
) -> None:
    write(tmp_path, "late")
    with started(tmp_path / "late") as process:  # one level too deep
        assert process.stderr is not None
        said = next(line for line in process.stderr if " ERROR " in line)
    problem = f"no model is served from {tmp_path / 'late'}"
    hint = "expected folders of models with folders of versions, such as late/1"
    assert said.endswith(f"ERROR preproc_server.app: {problem}; {hint}\n")
    assert nothing_served(tmp_path, ["late"]) == f"no model is served from {tmp_path}"


def test_a_second_signal_kills(process: subprocess.Popen[str]) -> None:
    with grpc.insecure_channel(f"localhost:{port_of(process)}") as channel:
        sent: SimpleQueue[bytes] = SimpleQueue()
        stream: Any = channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer")
        answers = stream(iter(sent.get, None))
        sent.put(b"")
        next(answers)  # a call under way, for which draining would wait
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert any("draining" in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == -signal.SIGTERM


def test_a_second_server_on_the_port_fails_loudly(server: Server, models: Path) -> None:
    second = Server(Settings(repository=models, host="localhost", port=server.port))
    with pytest.raises(ListenError) as caught:
        second.start()
    assert str(caught.value).startswith(
        f"port {server.port} of host 'localhost': expected a free port, got "
    )
    assert str(caught.value).endswith("; choose another")


def test_a_used_metrics_port_fails_loudly(server: Server, models: Path) -> None:
    settings = Settings(
        repository=models, host="localhost", port=0, metrics_port=server.metrics_port
    )
    second = Server(settings)
    with pytest.raises(
        ListenError, match=f"^metrics_port {server.metrics_port} of host 'localhost': expected"
    ):
        second.start()


def test_a_drained_server_is_not_ready_but_still_answers(
    models: Path, start: Start, batch: Columns
) -> None:
    server = start(models)
    server.drain()
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        status = stub.Check(health_pb2.HealthCheckRequest(service="tiny")).status
    assert status == health_pb2.HealthCheckResponse.NOT_SERVING
    with Client(f"localhost:{server.port}") as client:
        assert client.predict("tiny", batch)["label"].shape == (3,)


def test_a_message_beyond_the_limit_is_refused(models: Path, start: Start, batch: Columns) -> None:
    server = start(models, max_receive_bytes=1024)
    with Client(f"localhost:{server.port}") as client:
        client.predict("tiny", batch)
        with pytest.raises(ServerError) as caught:
            client.predict("tiny", {name: np.repeat(batch[name], 50) for name in batch})
    assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_fault_of_the_server_is_told_to_the_log_alone(
    models: Path,
    start: Start,
    batch: Columns,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = start(models)
    model = server.repository.model("tiny", "")
    monkeypatch.setattr(model.session, "_executor", None)  # a fault made on purpose
    with Client(f"localhost:{server.port}") as client, pytest.raises(ServerError) as caught:
        client.predict("tiny", batch)
    assert str(caught.value) == "server: INTERNAL: internal error"
    assert "ModelInfer: internal error" in caplog.text
    assert "AttributeError" in caplog.text


def test_calls_refusals_and_proofs_are_counted(models: Path, start: Start, batch: Columns) -> None:
    server = start(models, metrics_port=0)
    with Client(f"localhost:{server.port}") as client:
        client.predict("tiny", batch)
        batch["age"][:2] = np.nan
        with pytest.raises(ServerError):
            client.predict("tiny", batch)
        with pytest.raises(ServerError):
            client.predict("tinny", batch)
    value = server.metrics.registry.get_sample_value
    labels = {"model": "tiny", "method": "ModelInfer"}
    assert value("preproc_calls_total", {**labels, "code": "OK"}) == 1
    assert value("preproc_calls_total", {**labels, "code": "INVALID_ARGUMENT"}) == 1
    unknown = {"model": "", "method": "ModelMetadata", "code": "NOT_FOUND"}
    assert value("preproc_calls_total", unknown) == 1
    assert value("preproc_call_seconds_count", labels) == 2
    rule = {"model": "tiny", "rule": "1 age: expected a number, got NaN"}
    assert value("preproc_refused_rows_total", rule) == 2
    assert value("preproc_model_proved", {"model": "tiny", "version": "1"}) == 1
    with urlopen(f"http://localhost:{server.metrics_port}/metrics") as page:
        assert b'preproc_model_proved{model="tiny",version="1"} 1.0' in page.read()


def test_metrics_of_two_servers_do_not_meet(models: Path, start: Start, batch: Columns) -> None:
    first, second = start(models), start(models)
    with Client(f"localhost:{first.port}") as client:
        client.predict("tiny", batch)
    labels = {"model": "tiny", "method": "ModelInfer", "code": "OK"}
    assert first.metrics.registry.get_sample_value("preproc_calls_total", labels) == 1
    assert second.metrics.registry.get_sample_value("preproc_calls_total", labels) is None


def test_the_options_are_in_the_units_of_grpc(models: Path) -> None:
    options = dict(channel_options(Settings(repository=models)))
    assert options == {
        "grpc.so_reuseport": 0,
        "grpc.max_receive_message_length": 67108864,
        "grpc.max_send_message_length": 67108864,
        "grpc.default_compression_level": 0,
        "grpc.keepalive_time_ms": 60000,
        "grpc.keepalive_permit_without_calls": 1,
        "grpc.http2.min_recv_ping_interval_without_data_ms": 10000,
    }
