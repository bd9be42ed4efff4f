"""Over the wire every family refuses what scikit-learn refuses, with row, column and rule."""

import warnings
from collections.abc import Iterator
from itertools import groupby

import grpc
import numpy as np
import pytest
from preproc_server.app import Server
from preproc_server.client import Client, ServerError
from preproc_server.settings import Settings
from sklearn.base import clone

from preproc.artifact import Artifact
from preproc.export import export_pipeline
from preproc.runtime.nulls import nulls_of
from preproc.signature import ROW_ERROR, TEXT
from preproc.vectors import VectorSet
from tests.matrix.coverage import cases
from tests.matrix.data import make_data
from tests.matrix.harness import Case

PER_FAMILY = 2
ONE_BY_ONE = 8


def chosen() -> Iterator[Case]:
    """The first exported cases of each family on data of different kinds."""
    for _, group in groupby(cases(), key=lambda found: found[0]):
        by_data: dict[str, Case] = {}
        for _, case in group:
            if case.expect != "refused":
                by_data.setdefault(case.data, case)
        yield from list(by_data.values())[:PER_FAMILY]


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    repository = tmp_path_factory.mktemp("models")
    exported = {}
    for number, case in enumerate(chosen()):
        data = make_data(case.data, case.target)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn's own, at training
            fitted = clone(case.estimator).fit(data.X, data.y)
        name = f"case{number}"
        exported[name] = export_pipeline(fitted, data.X, repository=repository, name=name)
    return exported


@pytest.fixture(scope="module")
def client(artifacts: dict[str, Artifact]) -> Iterator[Client]:
    path = next(iter(artifacts.values())).path
    assert path is not None
    repository = path.parents[1]
    server = Server(Settings(repository=repository, host="localhost", port=0))
    server.start()
    assert server.wait_proved(120)
    with Client(f"localhost:{server.port}") as opened:
        yield opened
    server.stop(0)


def refused_rows(artifact: Artifact) -> VectorSet | None:
    return next((vectors for vectors in artifact.vectors if vectors.name == "refused"), None)


def test_every_refused_row_is_refused_over_the_wire(
    client: Client, artifacts: dict[str, Artifact]
) -> None:
    compared = 0
    for name, artifact in artifacts.items():
        vectors = refused_rows(artifact)
        if vectors is None:
            continue
        signature = artifact.contract.signature
        texts = {column.name for column in signature.columns if column.dtype == TEXT}
        rows = {
            key: nulls_of(array) if key in texts else array for key, array in vectors.inputs.items()
        }
        outputs = [output.name for output in signature.outputs]
        got = client.predict(name, rows, outputs=[*outputs, ROW_ERROR])
        for output, want in vectors.answers.items():
            is_float = want.dtype.kind == "f"
            assert np.array_equal(got[output], want, equal_nan=is_float), (name, output)
        for row in range(min(vectors.rows, ONE_BY_ONE)):
            with pytest.raises(ServerError) as caught:
                client.predict(name, {key: array[row : row + 1] for key, array in rows.items()})
            rule = signature.rule(int(vectors.answers[ROW_ERROR][row]))
            assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
            assert caught.value.message.startswith(f"row 0, column {rule.column!r}: {rule.text}")
            compared += 1
    assert compared > len(artifacts)
