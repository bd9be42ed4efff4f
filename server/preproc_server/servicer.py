"""The calls of ``inference.GRPCInferenceService``: look up, ask the core, answer.

Methods raise the library's errors; `Guard` turns each into a status.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from threading import Semaphore
from typing import Any, Final, cast

import grpc
from google.protobuf.message import Message

from preproc_server import core, descriptions
from preproc_server.calls import Answer, Asked, Call, Guard, Service
from preproc_server.core import Desk
from preproc_server.counters import Counted, Totals
from preproc_server.errors import NotReadyError, UnknownModelError, WireError
from preproc_server.lanes import Idle, Lane
from preproc_server.loading import Model
from preproc_server.opening import open_request
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.repository import Repository
from preproc_server.steps import Method, Steps, alone, handler_of

SERVICE: Final = "inference.GRPCInferenceService"
INFER: Final = "ModelInfer"
DISTRIBUTION: Final = "preproc-runtime"
EXTENSIONS: Final = (
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "model_repository(unload_dependents)",
    "parameters",
    "sequence",
    "statistics",
)
SHARED_MEMORY: Final = "system_shared_memory"
FINAL: Final = "triton_final_response"


class Servicer:
    """Answers from one repository.

    Parameters
    ----------
    repository
        Models.
    desk
        What all calls share.
    server_name
        What ServerMetadata says.
    is_ready
        What ServerReady says.
    totals
        What ModelStatistics says.
    """

    def __init__(
        self,
        repository: Repository,
        desk: Desk,
        *,
        server_name: str,
        is_ready: Callable[[], bool],
        totals: Callable[[], Counted],
    ) -> None:
        self._repository = repository
        self._desk = desk
        self._totals = totals
        self._server_name = server_name
        self._is_ready = is_ready

    def server_live(self, _: pb.ServerLiveRequest, __: Call) -> pb.ServerLiveResponse:
        """Answer at all."""
        return pb.ServerLiveResponse(live=True)

    def server_ready(self, _: pb.ServerReadyRequest, __: Call) -> pb.ServerReadyResponse:
        """Tell whether proving has ended and draining has not begun."""
        return pb.ServerReadyResponse(ready=self._is_ready())

    def model_ready(self, request: pb.ModelReadyRequest, _: Call) -> pb.ModelReadyResponse:
        """Tell whether a model is served; one that is not known is not ready."""
        try:
            self._repository.model(request.name, request.version)
        except (NotReadyError, UnknownModelError):
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=True)

    def server_metadata(self, _: pb.ServerMetadataRequest, __: Call) -> pb.ServerMetadataResponse:
        """Name the server and what it can do."""
        is_shared = self._desk.regions is not None
        extensions = (*EXTENSIONS, SHARED_MEMORY) if is_shared else EXTENSIONS
        return pb.ServerMetadataResponse(
            name=self._server_name, version=server_version(), extensions=extensions
        )

    def model_metadata(self, request: pb.ModelMetadataRequest, _: Call) -> pb.ModelMetadataResponse:
        """Tell names, datatypes and shapes of a model."""
        return descriptions.describe(*self._repository.described(request.name, request.version))

    def model_config(self, request: pb.ModelConfigRequest, _: Call) -> pb.ModelConfigResponse:
        """Tell the configuration of a model."""
        return descriptions.config_of(self._repository.model(request.name, request.version))

    def model_statistics(
        self, request: pb.ModelStatisticsRequest, _: Call
    ) -> pb.ModelStatisticsResponse:
        """Tell the counters of one version, of all of a model, or of all models."""
        response = pb.ModelStatisticsResponse()
        places = self._versions(request.name, request.version)
        counted = self._totals()
        for place in places:
            told = descriptions.statistics_of(*place, counted.get(place, Totals()))
            response.model_stats.append(told)
        return response

    def model_infer(self, asked: Asked, call: Call) -> Steps:
        """Answer a batch of rows."""
        request, model, read = open_request(asked, lambda named: self._model(named, call))
        return (yield from core.infer(model, request, self._desk, call, read))

    def stream_infer(
        self, request: pb.ModelInferRequest, call: Call
    ) -> pb.ModelStreamInferResponse:
        """Answer one batch of a stream."""
        content = alone(core.infer(self._model(request, call), request, self._desk, call))
        response = pb.ModelInferResponse.FromString(cast("bytes", content))
        response.parameters[FINAL].bool_param = True
        return pb.ModelStreamInferResponse(infer_response=response)

    def repository_index(
        self, request: pb.RepositoryIndexRequest, _: Call
    ) -> pb.RepositoryIndexResponse:
        """List the versions of all models."""
        return descriptions.index_of(self._repository.index(), is_ready_only=request.ready)

    def repository_model_load(
        self, request: pb.RepositoryModelLoadRequest, _: Call
    ) -> pb.RepositoryModelLoadResponse:
        """Load and prove a model."""
        name = _named(request)
        if request.parameters:
            raise WireError(
                f"failed to load {name!r}: expected no parameters, since a model is served as it "
                f"was proved, got {sorted(request.parameters)}"
            )
        self._repository.load(name)
        is_told = not request.model_name  # KServe's client, which reads the answer
        return pb.RepositoryModelLoadResponse(model_name=name if is_told else "", isLoaded=is_told)

    def repository_model_unload(
        self, request: pb.RepositoryModelUnloadRequest, _: Call
    ) -> pb.RepositoryModelUnloadResponse:
        """Serve a model no longer."""
        name = _named(request)
        self._repository.unload(name)
        is_told = not request.model_name
        return pb.RepositoryModelUnloadResponse(
            model_name=name if is_told else "", isUnloaded=is_told
        )

    def shared_memory_status(
        self, request: pb.SystemSharedMemoryStatusRequest, call: Call
    ) -> pb.SystemSharedMemoryStatusResponse:
        """Tell the regions that are registered."""
        response = pb.SystemSharedMemoryStatusResponse()
        for region in core.check_regions(self._desk, call).status(request.name):
            told = response.regions[region.name]
            told.name, told.key = region.name, region.key
            told.offset, told.byte_size = region.offset, region.size_bytes
        return response

    def shared_memory_register(
        self, request: pb.SystemSharedMemoryRegisterRequest, call: Call
    ) -> pb.SystemSharedMemoryRegisterResponse:
        """Open memory that a client on this machine has made."""
        regions = core.check_regions(self._desk, call)
        regions.register(request.name, request.key, request.offset, request.byte_size)
        return pb.SystemSharedMemoryRegisterResponse()

    def shared_memory_unregister(
        self, request: pb.SystemSharedMemoryUnregisterRequest, call: Call
    ) -> pb.SystemSharedMemoryUnregisterResponse:
        """Give one region back, or all."""
        core.check_regions(self._desk, call).unregister(request.name)
        return pb.SystemSharedMemoryUnregisterResponse()

    def _model(self, request: pb.ModelInferRequest, call: Call) -> Model:
        key = "" if request.model_version else call.key
        return self._repository.model(request.model_name, request.model_version, key=key)

    def _versions(self, name: str, number: str) -> list[tuple[str, int]]:
        if name:
            model, numbers = self._repository.described(name, number)
            return [(name, found) for found in ([model.version] if number else numbers)]
        served = self._repository.state.versions
        return [(name, found) for name, numbers in sorted(served.items()) for found in numbers]


def handlers(
    servicer: Servicer, guard: Guard, lane: Lane, turns: Semaphore, idle: Idle
) -> grpc.GenericRpcHandler:
    """Make the service of a servicer, each method guarded; streams have a lane of their own."""
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        method: grpc.unary_unary_rpc_method_handler(guard.unary(method, answer), read)
        for method, (answer, read) in unary_methods(servicer).items()
    }
    methods[INFER] = handler_of(inference(servicer), guard)
    stream = guard.stream("ModelStreamInfer", servicer.stream_infer, _refused, turns, idle)
    methods["ModelStreamInfer"] = grpc.stream_stream_rpc_method_handler(
        lane.carry(stream), pb.ModelInferRequest.FromString
    )
    return Service(SERVICE, methods)


def inference(servicer: Servicer) -> Method:
    """Give the method that most calls are for."""
    return Method(INFER, Asked, servicer.model_infer)


def unary_methods(servicer: Servicer) -> Mapping[str, tuple[Answer, Callable[[bytes], Any]]]:
    """Name each method of one request and one response, with what reads it; not the inference."""
    found: dict[str, tuple[Answer, type[Message]]] = {
        "ServerLive": (servicer.server_live, pb.ServerLiveRequest),
        "ServerReady": (servicer.server_ready, pb.ServerReadyRequest),
        "ModelReady": (servicer.model_ready, pb.ModelReadyRequest),
        "ServerMetadata": (servicer.server_metadata, pb.ServerMetadataRequest),
        "ModelMetadata": (servicer.model_metadata, pb.ModelMetadataRequest),
        "ModelConfig": (servicer.model_config, pb.ModelConfigRequest),
        "ModelStatistics": (servicer.model_statistics, pb.ModelStatisticsRequest),
        "RepositoryIndex": (servicer.repository_index, pb.RepositoryIndexRequest),
        "RepositoryModelLoad": (servicer.repository_model_load, pb.RepositoryModelLoadRequest),
        "RepositoryModelUnload": (
            servicer.repository_model_unload,
            pb.RepositoryModelUnloadRequest,
        ),
        "SystemSharedMemoryStatus": (
            servicer.shared_memory_status,
            pb.SystemSharedMemoryStatusRequest,
        ),
        "SystemSharedMemoryRegister": (
            servicer.shared_memory_register,
            pb.SystemSharedMemoryRegisterRequest,
        ),
        "SystemSharedMemoryUnregister": (
            servicer.shared_memory_unregister,
            pb.SystemSharedMemoryUnregisterRequest,
        ),
    }
    return {name: (answer, message.FromString) for name, (answer, message) in found.items()}


def server_version() -> str:
    """Version of the installed distribution, ``0`` in a source tree that is not installed."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0"


def _named(request: pb.RepositoryModelLoadRequest | pb.RepositoryModelUnloadRequest) -> str:
    return request.model_name or request.repository_name


def _refused(request: pb.ModelInferRequest, text: str) -> Message:
    answer = pb.ModelInferResponse(id=request.id)
    return pb.ModelStreamInferResponse(error_message=text, infer_response=answer)
