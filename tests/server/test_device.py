"""A server whose models compute on a device: proved there, told everywhere, never on another."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import tritonclient.grpc as triton
from preproc_server.app import Server
from preproc_server.client import Client
from sklearn.pipeline import Pipeline

from preproc import Artifact
from tests.devices import needs
from tests.server.conftest import Start

ROWS = 40


def tensors(batch: pd.DataFrame) -> list[Any]:
    """Columns as tritonclient sends them; null text by its token."""
    found = []
    for name in batch.columns:
        values = batch[name].to_numpy()
        if values.dtype.kind not in "fi":
            values = np.array([str(cell) for cell in values], object)
        kind = {"f": "FP64", "i": "INT64", "O": "BYTES"}[values.dtype.kind]
        tensor = triton.InferInput(name, [len(values), 1], kind)
        tensor.set_data_from_numpy(values.reshape(-1, 1))
        found.append(tensor)
    return found


def devices(server: Server) -> list[tuple[str, ...]]:
    """What the metrics say computes."""
    names = ("model", "backend", "device", "dtype")
    return [
        tuple(sample.labels[name] for name in names)
        for family in server.metrics.registry.collect()
        if family.name == "preproc_model_device"
        for sample in family.samples
        if sample.value == 1
    ]


@pytest.fixture
def rows(served: pd.DataFrame) -> pd.DataFrame:
    return served.dropna(subset=["city"]).head(ROWS)


def test_a_model_is_served_from_webgpu_within_its_declared_bounds(
    start: Start,
    boosting: Pipeline,
    boosting_artifact: Artifact,
    rows: pd.DataFrame,
    caplog: pytest.LogCaptureFixture,
) -> None:
    needs("webgpu")
    assert boosting_artifact.path is not None
    with caplog.at_level(logging.INFO):
        server = start(boosting_artifact.path.parent.parent, backend="webgpu")
    with triton.InferenceServerClient(f"localhost:{server.port}") as client:
        assert client.is_model_ready("boosting")
        answer = client.infer("boosting", tensors(rows))
        config = client.get_model_config("boosting").config
    want = boosting.predict_proba(rows)
    assert np.array_equal(answer.as_numpy("label"), boosting.predict(rows))
    session = server.repository.model("boosting", "").session
    slack = session.slack(session.prepare(rows))["probabilities"]
    error = np.abs(answer.as_numpy("probabilities") - want)
    assert (error <= slack + 1e-15).all()
    assert error.max() > 0  # so it is not the CPU's float64
    told = {
        key.removeprefix("preproc."): parameter.string_value
        for key, parameter in config.parameters.items()
    }
    assert (told["backend"], told["form"], told["dtype"]) == ("webgpu", "halves", "float32")
    assert told["digest"] == boosting_artifact.digest
    assert len(told["form_digest"]) == 64
    assert told["form_digest"] != told["digest"]
    assert told["proved"] == "true"
    device = told["device"]
    assert ("boosting", "webgpu", device, "float32") in devices(server)
    line = f"is proved, digest {told['digest']}, by webgpu on {device} in float32"
    assert any(line in record.getMessage() for record in caplog.records)


def test_a_server_on_the_cpu_says_so(
    start: Start, boosting_artifact: Artifact, rows: pd.DataFrame, boosting: Pipeline
) -> None:
    assert boosting_artifact.path is not None
    repository = boosting_artifact.path.parent.parent
    server = start(repository, mode="explicit", load_models=("boosting",))
    with Client(f"localhost:{server.port}") as client:
        got = client.predict("boosting", rows)
    assert np.array_equal(got["label"], boosting.predict(rows))
    model = server.repository.model("boosting", "")
    assert (model.session.backend, model.device) == ("onnxruntime-cpu", "CPU")
    assert (model.session.dtype, model.session.form) == ("float64", "fused")
    assert devices(server) == [("boosting", "onnxruntime-cpu", "CPU", "float64")]
    server.repository.unload("boosting")
    assert devices(server) == []


def test_cuda_without_a_gpu_fails_in_one_line(models: Path) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("CUDA is compiled in here")
    script = "from preproc.cli import main; main()"
    command = [sys.executable, "-c", script, "serve", str(models), "--backend", "cuda"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 3
    assert done.stderr.startswith("preproc: backend 'cuda': expected CUDAExecutionProvider in ")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
