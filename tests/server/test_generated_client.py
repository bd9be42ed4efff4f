"""A client generated from the printed schema, and one that knows reflection alone."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from numpy.typing import NDArray
from preproc_server.app import Server
from preproc_server.schema import descriptor_of, schema_of
from typer.testing import CliRunner

from preproc.artifact import read_contract
from preproc.cli.commands import app
from preproc.runtime import Session

Columns = dict[str, NDArray[Any]]
TOOLS = Path(__file__).parents[2] / ".venv-proto" / "bin" / "python"
needs_tools = pytest.mark.skipif(
    "CI" not in os.environ and not TOOLS.exists(),
    reason="the proto tools live in an environment of their own: make proto",
)

CLIENT = """
import json, sys
import grpc
import tiny_pb2, tiny_pb2_grpc

with grpc.insecure_channel(sys.argv[1]) as channel:
    stub = tiny_pb2_grpc.TinyStub(channel)
    rows = [
        tiny_pb2.Row(age=31.5, city="Oslo", visits=2**62 + 1, is_member=True, debt=float("inf")),
        tiny_pb2.Row(age=-0.0, visits=-3, is_member=False, debt=1e-310),
    ]
    answer = stub.Predict(tiny_pb2.PredictRequest(rows=rows), timeout=30)
print(json.dumps([[one.label, [p.hex() for p in one.probabilities]] for one in answer.predictions]))
"""


@pytest.fixture
def printed(models: Path, tmp_path: Path) -> Path:
    """Folder that holds what the command line prints."""
    done = CliRunner().invoke(app, ["proto", str(models / "tiny" / "1")])
    assert done.exit_code == 0, done.output
    (tmp_path / "tiny.proto").write_text(done.stdout, encoding="utf-8")
    return tmp_path


def compiled(folder: Path, *options: str) -> None:
    command = [str(TOOLS), "-m", "grpc_tools.protoc", f"-I{folder}", *options, "tiny.proto"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@needs_tools
def test_the_printed_schema_is_the_served_one(printed: Path, models: Path) -> None:
    compiled(printed, f"--descriptor_set_out={printed / 'out.bin'}")
    (got,) = FileDescriptorSet.FromString((printed / "out.bin").read_bytes()).file
    want = descriptor_of(schema_of(read_contract(models / "tiny" / "1")))
    want.name = got.name
    assert got == want


@needs_tools
def test_a_generated_client_gets_the_bits_of_a_local_session(
    printed: Path, server: Server, session: Session, batch: Columns
) -> None:
    compiled(printed, f"--python_out={printed}", f"--grpc_python_out={printed}")
    (printed / "client.py").write_text(CLIENT, encoding="utf-8")
    command = [str(TOOLS), "client.py", f"localhost:{server.port}"]
    done = subprocess.run(command, cwd=printed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    batch["city"][1] = None
    want = session.run({name: array[:2] for name, array in batch.items()})
    assert json.loads(done.stdout) == [
        [label, [value.hex() for value in values]]
        for label, values in zip(
            want["label"].tolist(), want["probabilities"].tolist(), strict=True
        )
    ]


def test_json_goes_in_and_out_by_reflection(server: Server, session: Session) -> None:
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        (method,) = pool.FindServiceByName("tiny.v1.Tiny").methods
        request = GetMessageClass(method.input_type)()
        rows = [
            {"age": 31.5, "city": "Oslo", "visits": "3", "is_member": True, "debt": "Infinity"},
            {"age": 80, "city": None, "visits": 0, "is_member": False, "debt": 7},
        ]
        json_format.Parse(json.dumps({"rows": rows}), request)
        call = channel.unary_unary(
            "/tiny.v1.Tiny/Predict",
            type(request).SerializeToString,
            GetMessageClass(method.output_type).FromString,
        )
        answer = json.loads(json_format.MessageToJson(call(request)))
    want = session.run(
        {
            "age": np.array([31.5, 80.0]),
            "city": np.array(["Oslo", None], object),
            "visits": np.array([3, 0]),
            "is_member": np.array([True, False]),
            "debt": np.array([np.inf, 7.0]),
        }
    )
    assert [one["probabilities"] for one in answer["predictions"]] == want["probabilities"].tolist()
    assert [one["prediction"] for one in answer["predictions"]] == ["3", "0"]
    assert [one["label"] for one in answer["predictions"]] == want["label"].tolist()


def test_our_own_service_is_asked_in_json_by_reflection(server: Server) -> None:
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        method = pool.FindServiceByName("preproc.v1.Preproc").FindMethodByName("Duties")
        request = json_format.Parse('{"model_name": "tiny"}', GetMessageClass(method.input_type)())
        call = channel.unary_unary(
            "/preproc.v1.Preproc/Duties",
            type(request).SerializeToString,
            GetMessageClass(method.output_type).FromString,
        )
        answer = json.loads(json_format.MessageToJson(call(request)))
    assert answer == {"modelName": "tiny", "defaultVersion": "1"}


def test_json_with_a_column_that_is_not_known_is_refused_by_the_reader(server: Server) -> None:
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        row = GetMessageClass(pool.FindMessageTypeByName("tiny.v1.Row"))()
        with pytest.raises(json_format.ParseError):
            json_format.Parse('{"agee": 3}', row)
