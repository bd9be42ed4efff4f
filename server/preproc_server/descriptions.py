"""What clients are told of models: metadata, configuration, statistics, index."""

from collections.abc import Sequence
from typing import Final

from preproc.artifact import CONTRACT_KEY, DIGEST_KEY
from preproc.signature import ROW_ERROR
from preproc_server import wire
from preproc_server.counters import Totals
from preproc_server.loading import Model
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.state import Entry

PLATFORM: Final = "onnxruntime_onnx"
BACKEND: Final = "onnxruntime"
MODEL_FILE: Final = "model.onnx"
PROVED_KEY: Final = "preproc.proved"
BACKEND_KEY: Final = "preproc.backend"
DEVICE_KEY: Final = "preproc.device"
DTYPE_KEY: Final = "preproc.dtype"
FORM_KEY: Final = "preproc.form"
FORM_DIGEST_KEY: Final = "preproc.form_digest"


def describe(model: Model, versions: Sequence[int]) -> pb.ModelMetadataResponse:
    """Tell names, datatypes and shapes of a model, and give its contract along."""
    response = pb.ModelMetadataResponse(
        name=model.name,
        versions=[str(version) for version in versions],
        platform=PLATFORM,
        properties=_properties(model),
    )
    for name, dtype, shape in _inputs(model):
        response.inputs.add(name=name, datatype=wire.BY_DTYPE[dtype].wire, shape=shape)
    for name, dtype, shape in _outputs(model):
        response.outputs.add(name=name, datatype=wire.BY_DTYPE[dtype].wire, shape=shape)
    return response


def config_of(model: Model) -> pb.ModelConfigResponse:
    """Tell the same in the words of Triton's ``config.pbtxt``."""
    config = pb.ModelConfig(
        name=model.name,
        platform=PLATFORM,
        backend=BACKEND,
        default_model_filename=MODEL_FILE,
        model_transaction_policy=pb.ModelTransactionPolicy(decoupled=False),
        parameters={
            key: pb.ModelParameter(string_value=value) for key, value in _properties(model).items()
        },
    )
    for name, dtype, dims in _inputs(model):
        config.input.add(name=name, data_type=_triton_type(dtype), dims=dims)
    for name, dtype, dims in _outputs(model):
        config.output.add(name=name, data_type=_triton_type(dtype), dims=dims)
    return pb.ModelConfigResponse(config=config)


def statistics_of(name: str, version: int, totals: Totals) -> pb.ModelStatistics:
    """Tell the counters of one version."""
    answered = totals.requests
    return pb.ModelStatistics(
        name=name,
        version=str(version),
        last_inference=totals.last_ms,
        inference_count=totals.rows,
        execution_count=answered,
        inference_stats=pb.InferStatistics(
            success=pb.StatisticDuration(count=answered, ns=totals.success_ns),
            fail=pb.StatisticDuration(count=totals.failures, ns=totals.fail_ns),
            queue=pb.StatisticDuration(count=answered, ns=totals.queue_ns),
            compute_input=pb.StatisticDuration(count=answered, ns=totals.input_ns),
            compute_infer=pb.StatisticDuration(count=answered, ns=totals.infer_ns),
            compute_output=pb.StatisticDuration(count=answered, ns=totals.output_ns),
            cache_hit=pb.StatisticDuration(),
            cache_miss=pb.StatisticDuration(),
        ),
    )


def index_of(entries: Sequence[Entry], *, is_ready_only: bool) -> pb.RepositoryIndexResponse:
    """List versions and their states."""
    response = pb.RepositoryIndexResponse()
    for entry in entries:
        if entry.is_served or not is_ready_only:
            response.models.add(
                name=entry.name,
                version=str(entry.version),
                state=_index_state(entry),
                reason=entry.reason or ("unproved" if entry.state == "unproved" else ""),
            )
    return response


def _index_state(entry: Entry) -> str:
    if entry.is_served:
        return "READY"
    return "LOADING" if entry.state == "waiting" else "UNAVAILABLE"


def _properties(model: Model) -> dict[str, str]:
    return {
        CONTRACT_KEY: model.contract,
        DIGEST_KEY: model.digest,
        PROVED_KEY: "true" if model.is_proved else "false",
        BACKEND_KEY: model.session.backend,
        DEVICE_KEY: model.device,
        DTYPE_KEY: model.session.dtype,
        FORM_KEY: model.session.form,
        FORM_DIGEST_KEY: model.session.form_digest,
    }


def _inputs(model: Model) -> list[tuple[str, str, list[int]]]:
    columns = model.session.signature.columns
    return [(column.name, column.dtype, [-1, column.width]) for column in columns]


def _outputs(model: Model) -> list[tuple[str, str, list[int]]]:
    told = [
        (output.name, output.dtype, [-1] if output.width is None else [-1, output.width])
        for output in model.session.signature.outputs
    ]
    return [*told, (ROW_ERROR, "int32", [-1])]


def _triton_type(dtype: str) -> int:
    """Name a dtype as Triton's configuration does: FP64 is TYPE_FP64, and BYTES is TYPE_STRING."""
    name = wire.BY_DTYPE[dtype].wire
    return pb.ModelConfig.DataType.Value("TYPE_STRING" if name == "BYTES" else f"TYPE_{name}")
