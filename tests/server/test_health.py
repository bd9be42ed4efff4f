"""Health, reflection and streams: calls that stay open take nothing from the others."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from numpy.typing import NDArray
from preproc_server.app import Server
from preproc_server.client import Client
from preproc_server.pb import open_inference_pb2 as pb

Columns = dict[str, NDArray[Any]]
Start = Callable[..., Server]
SERVING = health_pb2.HealthCheckResponse.SERVING
SERVICE = "inference.GRPCInferenceService"


@contextmanager
def channel_of(server: Server) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        yield channel


def watch(channel: grpc.Channel, service: str = "") -> Any:
    watched = health_pb2_grpc.HealthStub(channel).Watch(
        health_pb2.HealthCheckRequest(service=service)
    )
    return watched, next(watched).status


def open_stream(channel: grpc.Channel) -> tuple[Any, SimpleQueue[Any]]:
    sent: SimpleQueue[Any] = SimpleQueue()
    call = channel.stream_stream(
        f"/{SERVICE}/ModelStreamInfer",
        pb.ModelInferRequest.SerializeToString,
        pb.ModelStreamInferResponse.FromString,
    )
    return call(iter(sent.get, None)), sent


def test_check_names_each_model_and_refuses_others(server: Server) -> None:
    with channel_of(server) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", SERVICE, "tiny"):
            request = health_pb2.HealthCheckRequest(service=name)
            assert stub.Check(request).status == SERVING
        with pytest.raises(grpc.RpcError) as caught:
            stub.Check(health_pb2.HealthCheckRequest(service="tinny"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == "unknown service 'tinny'"


def test_watch_of_an_unknown_service_waits_for_it(server: Server) -> None:
    with channel_of(server) as channel:
        watched, status = watch(channel, "later")
        assert status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        server.services.health.set("later", SERVING)
        assert next(watched).status == SERVING
        server.services.health.forget("later")
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        watched.cancel()


def test_one_watch_too_many_is_refused_and_room_is_given_back(models: Path, start: Start) -> None:
    server = start(models, max_watches=2)
    with channel_of(server) as channel:
        first, _ = watch(channel)
        second, _ = watch(channel)
        with pytest.raises(grpc.RpcError) as caught:
            watch(channel)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert caught.value.details() == (
            "expected at most 2 open calls of watch, got one more; close some, or try again"
        )
        first.cancel()
        until = time.monotonic() + 30
        while True:  # the server hears of it a moment later
            try:
                third, _ = watch(channel)
                break
            except grpc.RpcError:
                assert time.monotonic() < until
        for call in (second, third):
            call.cancel()


def test_a_shutdown_ends_open_watches_at_once(models: Path, start: Start) -> None:
    server = start(models)
    with channel_of(server) as channel:
        watched, _ = watch(channel)
        began = time.monotonic()
        server.stop(600)
        assert time.monotonic() - began < 60  # at once: far from its patience
        assert [item.status for item in watched] == [health_pb2.HealthCheckResponse.NOT_SERVING]


def test_a_shutdown_ends_idle_streams_at_once(models: Path, start: Start) -> None:
    server = start(models)
    with channel_of(server) as channel:
        answers, sent = open_stream(channel)
        sent.put(pb.ModelInferRequest(model_name="tinny", id="1"))
        assert next(answers).error_message
        began = time.monotonic()
        server.stop(600)
        assert time.monotonic() - began < 60  # at once: far from its patience
        with pytest.raises(grpc.RpcError) as caught:
            next(answers)
        assert caught.value.code() is grpc.StatusCode.CANCELLED


def test_open_streams_and_watches_take_no_thread_from_calls(
    models: Path, start: Start, batch: Columns
) -> None:
    server = start(models, threads=1, max_streams=3)
    with channel_of(server) as channel, Client(f"localhost:{server.port}") as client:
        streams = [open_stream(channel) for _ in range(3)]
        for answers, sent in streams:
            sent.put(pb.ModelInferRequest(model_name="tinny", id="1"))
            assert next(answers).error_message
        watched = [watch(channel)[0] for _ in range(3)]
        assert client.predict("tiny", batch)["label"].shape == (3,)
        refused, _ = open_stream(channel)
        with pytest.raises(grpc.RpcError) as caught:
            next(refused)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        for answers, sent in streams:
            sent.put(pb.ModelInferRequest(model_name="tiny"))
            assert next(answers).error_message.startswith("batch: expected 5 inputs but got 0")
            sent.put(None)
            assert list(answers) == []
        for call in watched:
            call.cancel()


def test_a_stream_that_is_left_makes_room_and_no_noise(
    models: Path, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    server = start(models, max_streams=1)
    with channel_of(server) as channel:
        answers, sent = open_stream(channel)
        sent.put(pb.ModelInferRequest(model_name="tinny"))
        assert next(answers).error_message
        answers.cancel()
        until = time.monotonic() + 30
        while True:  # the server hears of it a moment later
            answers, sent = open_stream(channel)
            sent.put(pb.ModelInferRequest(model_name="tinny"))
            try:
                assert next(answers).error_message
                break
            except grpc.RpcError:
                assert time.monotonic() < until
        sent.put(None)
        assert list(answers) == []
    assert caplog.text == ""


def test_reflection_suffices_to_call_by_json(server: Server) -> None:
    with channel_of(server) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        services = set(database.get_services())
        assert {SERVICE, "grpc.health.v1.Health", "preproc.v1.Preproc"} <= services
        pool = DescriptorPool(database)
        service = pool.FindServiceByName(SERVICE)
        method = service.FindMethodByName("ModelReady")
        request = json_format.ParseDict({"name": "tiny"}, GetMessageClass(method.input_type)())
        call: Any = channel.unary_unary(
            f"/{SERVICE}/ModelReady",
            lambda message: message.SerializeToString(),
            GetMessageClass(method.output_type).FromString,
        )
        assert json_format.MessageToDict(call(request)) == {"ready": True}
        assert pool.FindMessageTypeByName("grpc.health.v1.HealthCheckRequest")


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_answers_under_both_of_its_names(server: Server, version: str) -> None:
    with channel_of(server) as channel:
        call = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            reflection_pb2.ServerReflectionRequest.SerializeToString,
            reflection_pb2.ServerReflectionResponse.FromString,
        )
        asked = [
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol="no.Such"),
        ]
        found, missing = call(iter(asked))
    assert found.file_descriptor_response.file_descriptor_proto
    assert missing.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


def test_reflection_can_be_turned_off(models: Path, start: Start) -> None:
    server = start(models, reflection=False)
    with channel_of(server) as channel, pytest.raises(grpc.RpcError) as caught:
        ProtoReflectionDescriptorDatabase(channel).get_services()
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_model_that_is_unloaded_is_not_serving(models: Path, start: Start) -> None:
    server = start(models, mode="explicit", load_models=("*",))
    with channel_of(server) as channel:
        watched, status = watch(channel, "tiny")
        assert status == SERVING
        server.repository.unload("tiny")
        assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watched.cancel()
