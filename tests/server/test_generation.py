"""Typed services come and go with the models, whole; what cannot have one says why."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from numpy.typing import NDArray
from preproc_server.app import Server
from preproc_server.errors import RequestError
from preproc_server.plan import plan_of
from preproc_server.rows import lay_out, read_rows
from preproc_server.schema import descriptor_of, schema_of
from preproc_server.typed import typed_of

from preproc.artifact import Artifact, write_artifact
from preproc.contract import Contract
from preproc.errors import ArtifactError
from preproc.runtime.layout import public_layout
from preproc.signature import Column, Output, Signature

from .conftest import Start

Columns = dict[str, NDArray[Any]]
LABEL = Output("label", "label", "int64", None, -1)


def contract_of(*columns: Column, name: str = "m", **wire: int) -> Contract:
    numbers = wire or {column.name: at for at, column in enumerate(columns, start=1)}
    return Contract(name, Signature("frame", columns, (LABEL,)), "exact", "", {}, numbers, {})


def feeds_of(contract: Contract, *rows: dict[str, Any]) -> dict[str, NDArray[Any]]:
    typed = typed_of(contract, "", DescriptorPool())
    plan = plan_of("m", contract.signature, public_layout(contract.signature))
    request: Any = typed.request(rows=rows)
    prepared = lay_out(typed, plan, read_rows(typed, request.rows))
    return dict(prepared.feeds)


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("bool", True), ("int8", -128), ("int16", 32767), ("int32", -(2**31)),
        ("int64", 2**62 + 1), ("uint8", 255), ("uint16", 65535), ("uint32", 2**32 - 1),
        ("uint64", 2**64 - 1), ("float32", float(np.float32(0.1))), ("float64", 1e-310),
        ("string", "Zürich\0x"),
    ],
)  # fmt: skip
def test_each_dtype_travels_exactly(dtype: str, value: object) -> None:
    (array,) = feeds_of(contract_of(Column("a", dtype)), {"a": value}).values()
    assert array.tolist() == [[value]]
    assert array.dtype == (object if dtype == "string" else dtype)


def test_a_number_that_its_dtype_does_not_hold_is_refused() -> None:
    with pytest.raises(RequestError) as caught:
        feeds_of(contract_of(Column("a", "int8")), {"a": 1}, {"a": 128})
    assert str(caught.value) == "rows[1].a: expected int8, -128 to 127, got 128"


def test_a_wide_column_takes_several_values_a_row() -> None:
    contract = contract_of(Column("X", "float64", "nan", 3))
    (array,) = feeds_of(contract, {"X": [1, 2, np.nan]}, {"X": [0, 0, 0]}).values()
    np.testing.assert_array_equal(array, [[1, 2, np.nan], [0, 0, 0]])
    with pytest.raises(RequestError, match=r"rows\[1\]\.X: expected 3 values, got 2"):
        feeds_of(contract, {"X": [1, 2, 3]}, {"X": [1, 2]})
    with pytest.raises(RequestError, match=r"rows\[0\]\.X: expected a value, got nothing"):
        feeds_of(contract, {"X": []})


def test_columns_may_be_called_like_methods_of_messages() -> None:
    names = ["Clear", "ListFields", "HasField", "DESCRIPTOR_"]
    contract = contract_of(*(Column(name, "float64", "nan") for name in names))
    feeds = feeds_of(contract, dict(zip(names, [1.0, 0.0, 2.0, 3.0], strict=True)))
    assert [feeds[name].item() for name in names] == [1.0, 0.0, 2.0, 3.0]


def wide(columns: int) -> Contract:
    return contract_of(*(Column(f"c{at}", "float64", "nan") for at in range(columns)))


def test_seven_thousand_columns_are_seven_thousand_fields() -> None:
    feeds = feeds_of(wide(7000), {f"c{at}": float(at) for at in range(0, 7000, 2)})
    values = np.array([feeds[f"c{at}"].item() for at in range(7000)])
    np.testing.assert_array_equal(values[::2], np.arange(0, 7000, 2))
    assert np.isnan(values[1::2]).all()


def test_more_columns_than_a_message_holds_are_left_to_the_protocol() -> None:
    with pytest.raises(ArtifactError, match="expected columns that a message can hold"):
        typed_of(wide(10_000), "", DescriptorPool())


def test_numbers_of_columns_that_are_gone_stay_reserved() -> None:
    contract = contract_of(Column("a", "bool"), a=4, gone=2)
    row = descriptor_of(schema_of(contract)).message_type[0]
    assert [(field.name, field.number) for field in row.field] == [("a", 4)]
    assert [(r.start, r.end) for r in row.reserved_range] == [(2, 3)]


def test_names_that_are_no_identifiers_keep_their_own_in_json() -> None:
    file = descriptor_of(schema_of(contract_of(Column("wind speed", "bool"), Column("a", "bool"))))
    (message, *_), pool = file.message_type, DescriptorPool()
    assert [field.json_name for field in message.field] == ["wind speed", "a"]
    pool.AddSerializedFile(file.SerializeToString())
    GetMessageClass(pool.FindMessageTypeByName("m.v1.Row"))(wind_speed=True)


@pytest.mark.parametrize(
    ("contract", "problem"),
    [
        (contract_of(Column("a", "bool"), b=1), "wire: expected a field number for 'a', got None"),
        (
            contract_of(Column("a", "bool"), a=19_000),
            "wire: expected a field number for 'a', got 19000",
        ),
        (
            contract_of(Column("a", "bool"), name="preproc"),
            "expected a free package, got 'preproc.v1'; rename it",
        ),
        (
            contract_of(Column("a b", "bool"), Column("a_b", "bool")),
            (
                "expected columns that differ as fields of a service, got 'a b' and 'a_b', "
                "both 'a_b'; rename one"
            ),
        ),
    ],
    ids=["no number", "protobuf's", "own package", "collision"],
)
def test_what_cannot_be_a_service_says_why(contract: Contract, problem: str) -> None:
    with pytest.raises(ArtifactError) as caught:
        schema_of(contract)
    assert caught.value.problem == problem


def ask(server: Server, service: str) -> grpc.StatusCode:
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        call: Any = channel.unary_unary(f"/{service}/Predict")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"")
        code: grpc.StatusCode = caught.value.code()
        return code


NO_ROWS = grpc.StatusCode.INVALID_ARGUMENT
"""What an empty request gets where there is a service."""


def test_services_come_and_go_with_their_models(
    tmp_path: Path, start: Start, write: Callable[..., Artifact]
) -> None:
    write(tmp_path, "tiny")
    write(tmp_path, "flight_delay")
    server = start(tmp_path, mode="explicit", load_models=("tiny",))
    before = server.services.typed.generation
    assert ask(server, "flight_delay.v1.FlightDelay") is grpc.StatusCode.UNIMPLEMENTED
    server.repository.load("flight_delay")
    assert ask(server, "flight_delay.v1.FlightDelay") is NO_ROWS
    assert ask(server, "tiny.v1.Tiny") is NO_ROWS
    server.repository.unload("tiny")
    assert ask(server, "tiny.v1.Tiny") is grpc.StatusCode.UNIMPLEMENTED
    after = server.services.typed.generation
    assert list(after.services) == ["flight_delay.v1.FlightDelay"]
    assert before.pool is not after.pool
    assert before.pool.FindServiceByName("tiny.v1.Tiny").name == "Tiny"


def test_a_model_without_a_service_is_served_all_the_same(
    tmp_path: Path,
    start: Start,
    write: Callable[..., Artifact],
    caplog: pytest.LogCaptureFixture,
) -> None:
    artifact = write(tmp_path / "plain", "tiny")
    contract = replace(artifact.contract, wire={}, name="bare")
    write_artifact(replace(artifact, contract=contract), tmp_path / "models")
    write(tmp_path / "models", "a-b")
    write(tmp_path / "models", "a_b")
    with caplog.at_level(logging.ERROR):
        server = start(tmp_path / "models")
    assert [name for name in server.repository.names if server.repository.versions(name)] == [
        "a-b", "a_b", "bare",
    ]  # fmt: skip
    generation = server.services.typed.generation
    assert list(generation.services) == ["a_b.v1.AB"]
    assert generation.reasons == {
        "a_b": "package 'a_b.v1' is that of model 'a-b'; rename one",
        "bare": ("artifact 'contract.json': wire: expected a field number for 'age', got None"),
    }
    assert "model 'a_b' has no typed service: package 'a_b.v1' is that of" in caplog.text


def test_a_canary_of_another_contract_is_refused_by_the_typed_service(
    tmp_path: Path, start: Start, write: Callable[..., Artifact]
) -> None:
    artifact = write(tmp_path, "tiny")
    contract = replace(artifact.contract, label="something else")
    write_artifact(replace(artifact, contract=contract), tmp_path)
    server = start(tmp_path, versions="all")
    typed: Any = server.services.typed.generation.services["tiny.v1.Tiny"]
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        call: Any = channel.unary_unary("/tiny.v1.Tiny/Predict", typed.request.SerializeToString)
        with pytest.raises(grpc.RpcError) as caught:
            call(typed.request(model_version="1"))
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "got version 1 with" in str(caught.value.details())


def test_no_call_fails_or_is_mixed_while_versions_change(
    tmp_path: Path, start: Start, write: Callable[..., Artifact], batch: Columns
) -> None:
    write(tmp_path, "tiny")
    write(tmp_path, "tiny")
    server = start(tmp_path, versions="all")
    typed: Any = server.services.typed.generation.services["tiny.v1.Tiny"]
    rows = [
        dict(zip(batch, row, strict=True))
        for row in zip(*(array.tolist() for array in batch.values()), strict=True)
    ]
    content = typed.request(rows=rows).SerializeToString()
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        call: Any = channel.unary_unary("/tiny.v1.Tiny/Predict")
        calls = []
        for version in (1, 2) * 10:
            calls += [call.future(content, timeout=30) for _ in range(5)]
            calls[-5].result()  # the other four may meet the change
            server.repository.promote("tiny", version)
        answers = [typed.response.FromString(one.result()) for one in calls]
    assert len(answers) == 100
    assert {answer.model_version for answer in answers} == {"1", "2"}
    assert len({answer.predictions[0].probabilities[0] for answer in answers}) == 1
