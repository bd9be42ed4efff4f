"""Calls to a server of several workers: which of them answers, and what all have counted."""

from collections.abc import Mapping
from typing import Any
from urllib.request import urlopen

import grpc
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.pb import preproc_pb2
from preproc_server.workers.parent import Parent
from prometheus_client.parser import text_string_to_metric_families

from tests.server.calling import infer, one_row, request_of, wait_for

Lines = Mapping[int, grpc.Channel]
INFERENCE, ADMINISTRATION = "inference.GRPCInferenceService", "preproc.v1.Preproc"
WORKERS = 2


def ask(channel: grpc.Channel, method: str, request: Any, kind: Any) -> Any:
    call = channel.unary_unary(method, type(request).SerializeToString, kind.FromString)
    return call(request, timeout=60)


def load(channel: grpc.Channel, name: str) -> None:
    request = pb.RepositoryModelLoadRequest(model_name=name)
    ask(channel, f"/{INFERENCE}/RepositoryModelLoad", request, pb.RepositoryModelLoadResponse)


def unload(channel: grpc.Channel, name: str) -> None:
    request = pb.RepositoryModelUnloadRequest(model_name=name)
    ask(channel, f"/{INFERENCE}/RepositoryModelUnload", request, pb.RepositoryModelUnloadResponse)


def metadata(channel: grpc.Channel, name: str) -> pb.ModelMetadataResponse:
    request = pb.ModelMetadataRequest(name=name)
    found: pb.ModelMetadataResponse = ask(
        channel, f"/{INFERENCE}/ModelMetadata", request, pb.ModelMetadataResponse
    )
    return found


def executions(channel: grpc.Channel, name: str) -> list[int]:
    """How often each version of a model has computed, in all workers."""
    request, method = pb.ModelStatisticsRequest(name=name), f"/{INFERENCE}/ModelStatistics"
    told = ask(channel, method, request, pb.ModelStatisticsResponse)
    return [one.execution_count for one in told.model_stats]


def versions(lines: Lines, name: str) -> list[list[str]]:
    """What each worker says it serves of a model."""
    return [list(metadata(channel, name).versions) for channel in lines.values()]


def administer(
    channel: grpc.Channel, method: str, name: str, **given: Any
) -> preproc_pb2.DutiesResponse:
    """Change the duties of a model, and tell them."""
    request = getattr(preproc_pb2, f"{method}Request")(model_name=name, **given)
    kind = getattr(preproc_pb2, f"{method}Response", preproc_pb2.DutiesResponse)
    ask(channel, f"/{ADMINISTRATION}/{method}", request, kind)
    duties: preproc_pb2.DutiesResponse = ask(
        channel,
        f"/{ADMINISTRATION}/Duties",
        preproc_pb2.DutiesRequest(model_name=name),
        preproc_pb2.DutiesResponse,
    )
    return duties


def predict(channel: grpc.Channel, name: str = "tiny") -> pb.ModelInferResponse:
    """Ask about one row."""
    request = request_of(one_row())
    request.model_name = name
    return infer(channel, request)


def open_channel(port: int) -> grpc.Channel:
    """Open a connection of its own, which the kernel gives to one of the workers."""
    return grpc.insecure_channel(
        f"localhost:{port}", options=[("grpc.use_local_subchannel_pool", 1)]
    )


def calls_of(parent: Parent) -> dict[int, int]:
    """Calls that each listening worker has answered so far, by its process."""
    parent.crew.census()
    return {one.pid: one.census.calls for one in parent.crew.members if one.slot is not None}


def pid_behind(parent: Parent, channel: grpc.Channel) -> int:
    """Find out which worker a connection leads to."""
    before = calls_of(parent)
    ask(channel, f"/{INFERENCE}/ServerLive", pb.ServerLiveRequest(), pb.ServerLiveResponse)
    grown = list[int]()

    def has_grown() -> bool:
        after = calls_of(parent)  # a worker that is slow to count gives what it told last
        grown[:] = [pid for pid in after if after[pid] > before.get(pid, 0)]
        return bool(grown)

    wait_for(has_grown)
    (pid,) = grown
    return pid


def lines_to(parent: Parent) -> dict[int, grpc.Channel]:
    """Open a connection to each worker."""
    found: dict[int, grpc.Channel] = {}
    for _ in range(64):
        channel = open_channel(parent.port)
        pid = pid_behind(parent, channel)
        if pid in found:
            channel.close()
        found.setdefault(pid, channel)
        if len(found) == WORKERS:
            return found
    raise AssertionError(f"expected {WORKERS} workers to answer, got {len(found)}")


def page_of(port: int | None) -> dict[tuple[str, tuple[str, ...]], float]:
    with urlopen(f"http://localhost:{port}/metrics") as page:
        text = page.read().decode()
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
