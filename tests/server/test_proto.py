"""The stubs: fresh, and nobody else's business."""

import os
import subprocess
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool
from preproc_server.pb import open_inference_pb2 as pb

ROOT = Path(__file__).parents[2]
GENERATE = ROOT / "proto" / "generate.py"
TOOLS = ROOT / ".venv-proto" / "bin" / "python"


@pytest.mark.skipif(
    "CI" not in os.environ and not TOOLS.exists(),
    reason="the proto tools live in an environment of their own: make proto",
)
def test_the_stubs_are_fresh() -> None:
    done = subprocess.run([TOOLS, GENERATE, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_default_pool_does_not_know_our_messages() -> None:
    pool = descriptor_pool.Default()
    assert pb.DESCRIPTOR.pool is not pool


@pytest.mark.parametrize(
    ("message", "numbers"),
    [
        (
            pb.InferParameter,
            {"bool_param": 1, "int64_param": 2, "string_param": 3, "double_param": 4,
             "uint64_param": 5},
        ),
        (
            pb.ModelInferRequest,
            {"model_name": 1, "model_version": 2, "id": 3, "parameters": 4, "inputs": 5,
             "outputs": 6, "raw_input_contents": 7},
        ),
        (
            pb.ModelInferResponse,
            {"model_name": 1, "model_version": 2, "id": 3, "parameters": 4, "outputs": 5,
             "raw_output_contents": 6},
        ),
        (
            pb.ModelMetadataResponse,
            {"name": 1, "versions": 2, "platform": 3, "inputs": 4, "outputs": 5,
             "properties": 6},
        ),
    ],
    ids=["parameter", "request", "response", "metadata"],
)  # fmt: skip
def test_field_numbers_are_those_of_the_protocol(
    message: type[pb.ModelInferRequest], numbers: dict[str, int]
) -> None:
    assert {field.name: field.number for field in message.DESCRIPTOR.fields} == numbers
