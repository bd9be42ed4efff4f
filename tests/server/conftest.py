"""A tiny artifact, written without scikit-learn, and real servers on free ports."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from preproc_server.app import Server
from preproc_server.settings import Settings

from preproc.artifact import Artifact, write_artifact
from preproc.contract import Contract
from preproc.graph import GraphBuilder, logistic, lookup, ordered_sum
from preproc.runtime import Session, open_session
from preproc.runtime.building import session_of
from preproc.signature import NULL_NONE, Column, Output, Signature
from preproc.vectors import VectorSet

Columns = dict[str, NDArray[Any]]

COLUMNS = (
    Column("age", "float64"),
    Column("city", "string", null="none"),
    Column("visits", "int64"),
    Column("is_member", "bool"),
    Column("debt", "float64"),
)
WIRE = {column.name: number for number, column in enumerate(COLUMNS, start=1)}
OUTPUTS = (
    Output("label", "label", "string", None, ""),
    Output("probabilities", "probabilities", "float64", 2, None),
    Output("prediction", "prediction", "int64", None, -1),
)


class Start(Protocol):
    """Starts a server on a free port and stops it after the test."""

    def __call__(self, repository: Path, *, is_waited: bool = True, **options: Any) -> Server: ...


def _batch() -> Columns:
    return {
        "age": np.array([31.5, -0.0, 80.25]),
        "city": np.array(["Oslo", "", "Zürich\0x"], object),
        "visits": np.array([2**62 + 1, -3, 0]),
        "is_member": np.array([True, False, True]),
        "debt": np.array([np.inf, 1e-310, 7.0]),
    }


def _graph(bias: float) -> tuple[onnx.ModelProto, Signature]:
    graph = GraphBuilder()
    age, city, visits, is_member, debt = [graph.input(column) for column in COLUMNS]
    graph.refuse(graph.op("IsNaN", age), ["age"], step="scale", text="expected a number, got NaN")
    code = lookup(graph, city, [{"Oslo": 1, "": 2, NULL_NONE: 3}], unknown=[0], scope="code")
    numbers = [graph.op("Cast", x, to=onnx.TensorProto.DOUBLE) for x in (visits, is_member, code)]
    x = graph.op("Concat", age, debt, *numbers, axis=1)
    weighted = graph.op("Mul", x, np.array([0.03, 0.001, 1e-20, 0.5, -0.7]))
    total = graph.op("Add", ordered_sum(graph, weighted, 5, scope="score"), np.array(bias))
    score = logistic(graph, total, scope="score")
    rest = graph.op("Sub", np.array(1.0), score)
    probabilities = graph.op("Concat", rest, score, axis=1)
    is_yes = graph.op("Squeeze", graph.op("Greater", score, np.array(0.5)), np.array([1]))
    label = graph.op("Where", is_yes, np.array("jå", object), np.array("no", object))
    count = graph.op("Squeeze", visits, np.array([1]))
    values = (label, probabilities, count)
    model = graph.finish(list(zip(values, OUTPUTS, strict=True)))
    return model, Signature("frame", COLUMNS, OUTPUTS, graph.rules)


def _artifact(name: str, *, is_spoiled: bool, bias: float) -> Artifact:
    model, signature = _graph(bias)
    contract = Contract(name, signature, "exact", "whether", {}, WIRE, {"": 21, "ai.onnx.ml": 5})
    rows = {key: array.reshape(-1, 1) for key, array in _batch().items()}
    rows["age"] = np.array([[31.5], [-0.0], [np.nan]])
    with session_of(contract, model) as session:
        answers = session.run_prepared(session.pack(rows))
    if is_spoiled:
        answers["probabilities"][1, 0] = np.nextafter(answers["probabilities"][1, 0], 2)
    vectors = (VectorSet("real", rows, answers),)
    content = model.SerializeToString()
    return Artifact(contract, content, vectors, {"outputs": {}}, {})


@pytest.fixture
def batch() -> Columns:
    return _batch()


@pytest.fixture(scope="session")
def write() -> Callable[..., Artifact]:
    """Write the tiny artifact under a name, spoiled or not."""

    def written(
        repository: Path, name: str, *, is_spoiled: bool = False, bias: float = 0.0
    ) -> Artifact:
        content = _artifact(name, is_spoiled=is_spoiled, bias=bias)
        return write_artifact(content, repository)

    return written


@pytest.fixture
def alter(
    tmp_path: Path, write: Callable[..., Artifact]
) -> Callable[[dict[str, dict[str, Any]]], Path]:
    """Write ``tiny`` with another contract: column → what is another."""

    def altered(
        changes: dict[str, dict[str, Any]], profile: dict[str, Any] | None = None, **others: Any
    ) -> Path:
        artifact = write(tmp_path / "plain", "tiny")
        signature = artifact.contract.signature
        columns = tuple(replace(c, **changes.get(c.name, {})) for c in signature.columns)
        numbers = {**artifact.contract.wire, "debt.status": 6, "debt.event_time": 7}
        contract = replace(
            artifact.contract, signature=replace(signature, columns=columns), wire=numbers, **others
        )
        changed = replace(artifact, contract=contract, profile=profile or {})
        write_artifact(changed, tmp_path / "models")
        return tmp_path / "models"

    return altered


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory, write: Callable[..., Artifact]) -> Path:
    """Repository that holds ``tiny`` alone."""
    repository = tmp_path_factory.mktemp("models")
    write(repository, "tiny")
    return repository


@pytest.fixture(scope="session")
def session(models: Path) -> Iterator[Session]:
    """Local session on the same artifact: what a server must agree with."""
    with open_session(models / "tiny" / "1") as opened:
        yield opened


@pytest.fixture
def start() -> Iterator[Start]:
    servers: list[Server] = []

    def started(repository: Path, *, is_waited: bool = True, **options: Any) -> Server:
        gate = {"gate": options.pop("gate")} if "gate" in options else {}
        settings = Settings(repository=repository, host="localhost", port=0, **options)
        server = Server(settings, **gate)
        servers.append(server)
        server.start()
        assert not is_waited or server.wait_proved(60)
        return server

    yield started
    for server in servers:
        server.stop(0)


@pytest.fixture(scope="session")
def server(models: Path) -> Iterator[Server]:
    """One server of ``tiny`` for all tests that only ask."""
    settings = Settings(repository=models, host="localhost", port=0, metrics_port=0)
    running = Server(settings)
    running.start()
    assert running.wait_proved(60)
    yield running
    running.stop(0)
