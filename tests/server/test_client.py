"""Our own clients: frames and rows in, the arrays of a local session or a frame out."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from preproc_server.app import Server
from preproc_server.client import (
    AsyncClient,
    Client,
    DeadlineError,
    InvalidRequestError,
    NotFoundError,
    ServerError,
    UnavailableError,
    Violation,
)

from preproc.errors import SignatureError
from preproc.runtime import Session

Columns = dict[str, NDArray[Any]]


@dataclass
class Person:
    age: float
    city: str | None
    visits: int
    is_member: bool
    owed: float = field(metadata={"column": "debt"})


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(f"localhost:{server.port}") as opened:
        yield opened


def as_polars(batch: Columns) -> pl.DataFrame:
    return pl.DataFrame({name: array.tolist() for name, array in batch.items()})


def as_arrow(batch: Columns) -> pa.Table:
    return pa.table({name: array.tolist() for name, array in batch.items()})


def as_dicts(batch: Columns) -> list[dict[str, Any]]:
    cells = zip(*(array.tolist() for array in batch.values()), strict=True)
    return [dict(zip(batch, row, strict=True)) for row in cells]


def as_people(batch: Columns) -> list[Person]:
    return [Person(*row.values()) for row in as_dicts(batch)]


def assert_same(got: Columns, want: Columns) -> None:
    assert list(got) == list(want)
    for name, array in want.items():
        np.testing.assert_array_equal(got[name], array, strict=True)
        assert got[name].flags.writeable


FORMS = pytest.mark.parametrize(
    "form",
    [dict, pd.DataFrame, as_polars, as_arrow, as_dicts, as_people],
    ids=["arrays", "pandas", "polars", "pyarrow", "dicts", "dataclasses"],
)


@FORMS
def test_rows_are_answered_as_by_a_local_session(
    client: Client, session: Session, batch: Columns, form: Callable[[Columns], Any]
) -> None:
    batch["city"][0] = None
    assert_same(client.predict("tiny", form(batch)), session.run(batch))


@FORMS
def test_the_asynchronous_client_answers_the_same(
    server: Server, session: Session, batch: Columns, form: Callable[[Columns], Any]
) -> None:
    async def ask() -> list[Columns]:
        async with AsyncClient(f"localhost:{server.port}") as client:
            calls = (client.predict("tiny", form(batch)) for _ in range(8))
            return await asyncio.gather(*calls)

    answers = asyncio.run(ask())
    assert len(answers) == 8
    for got in answers:
        assert_same(got, session.run(batch))


def test_many_threads_share_a_client(client: Client, session: Session, batch: Columns) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.predict("tiny", batch), range(200)))
    want = session.run(batch)
    for got in answers:
        assert_same(got, want)


def test_a_pandas_frame_keeps_the_index_of_the_rows(client: Client, batch: Columns) -> None:
    frame = pd.DataFrame(batch, index=["a", "b", "c"])
    got = client.predict("tiny", frame, frame="pandas")
    assert got.index.tolist() == ["a", "b", "c"]
    assert list(got) == ["label", "probabilities_0", "probabilities_1", "prediction"]
    want = client.predict("tiny", frame)
    assert got["label"].tolist() == want["label"].tolist()
    assert got["probabilities_1"].tolist() == want["probabilities"][:, 1].tolist()
    assert got["prediction"].dtype == np.int64


def test_a_polars_frame_is_answered_when_asked_for(client: Client, batch: Columns) -> None:
    got = client.predict("tiny", batch, outputs=["label"], frame="polars")
    assert isinstance(got, pl.DataFrame)
    assert got["label"].to_list() == client.predict("tiny", batch)["label"].tolist()


def test_the_signature_is_that_of_the_artifact(client: Client, session: Session) -> None:
    assert client.signature("tiny") == session.signature
    assert client.signature("tiny") is client.signature("tiny")
    assert client.contract("tiny") == session.contract
    assert client.versions("tiny") == (1,)


def test_a_version_is_asked_for_as_it_is_told(client: Client, batch: Columns) -> None:
    (version,) = client.versions("tiny")
    answers = client.predict("tiny", batch, version=version)
    np.testing.assert_array_equal(answers["label"], client.predict("tiny", batch)["label"])
    assert client.is_ready("tiny", version=version)
    assert not client.is_ready("tiny", version=version + 1)


def test_a_bad_batch_does_not_travel(client: Client, batch: Columns) -> None:
    batch["age"] = batch["age"].astype(np.float32)
    with pytest.raises(SignatureError) as caught:
        client.predict("tiny", batch)
    assert str(caught.value) == "field 'age': expected dtype float64, got float32"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            {"parameters": {"a": [1]}},
            "parameter 'a': expected one of bool, int, float, str, got list",
        ),
        ({"frame": "xx"}, "frame: expected one of pandas, polars, pyarrow, got 'xx'"),
    ],
    ids=["parameters", "frame"],
)
def test_what_cannot_be_sent_or_given_is_not_asked_for(
    client: Client, batch: Columns, wanted: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        client.predict("tiny", batch, **wanted)
    assert str(caught.value) == message


def test_text_that_utf8_does_not_hold_does_not_travel(client: Client, batch: Columns) -> None:
    batch["city"][1] = "\udcff"
    with pytest.raises(SignatureError) as caught:
        client.predict("tiny", batch)
    problem = "row 1: expected text that UTF-8 holds, got '\\udcff'"
    assert str(caught.value) == f"field 'city': {problem}"


def test_refused_rows_come_back_as_an_error_of_the_server(client: Client, batch: Columns) -> None:
    batch["age"][1] = np.nan
    with pytest.raises(InvalidRequestError) as caught:
        client.predict("tiny", batch)
    rule = "expected a number, got NaN (rule 1, step scale)"
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.message == f"row 1, column 'age': {rule}"
    assert caught.value.violations == (Violation("rows[1].age", rule),)
    assert caught.value.reason == "REFUSED_ROWS"


def test_refused_rows_are_reported_when_asked_for(client: Client, batch: Columns) -> None:
    batch["age"][1] = np.nan
    got = client.predict("tiny", batch, outputs=["row_error", "label"])
    assert list(got) == ["row_error", "label"]
    assert got["row_error"].tolist() == [0, 1, 0]
    assert got["label"][1] == ""


def test_an_unknown_model_is_not_found(client: Client, batch: Columns) -> None:
    with pytest.raises(NotFoundError) as caught:
        client.predict("tinny", batch)
    assert str(caught.value) == (
        "server: NOT_FOUND: Request for unknown model: 'tinny' is not found"
    )


def test_a_server_that_is_not_there_is_unavailable(batch: Columns) -> None:
    with Client("localhost:1") as client, pytest.raises(UnavailableError) as caught:
        client.predict("tiny", batch, timeout_s=60)
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE


def test_readiness_is_told_of_the_server_and_of_a_model(client: Client) -> None:
    client.wait_ready(timeout_s=60)
    client.wait_ready("tiny", timeout_s=60)
    assert client.is_ready()
    assert client.is_ready("tiny")
    assert not client.is_ready("tinny")


def test_a_wait_for_readiness_ends_at_its_deadline(client: Client) -> None:
    with pytest.raises(DeadlineError) as caught:
        client.wait_ready("tinny", timeout_s=0.05)
    text = "model 'tinny': expected to become ready in time, got (not ready|no answer)"
    assert re.fullmatch(text, caught.value.message)  # none where a machine is too busy to hear one


def test_the_asynchronous_client_knows_all_that_the_other_knows(
    server: Server, session: Session
) -> None:
    async def ask() -> None:
        async with AsyncClient(f"localhost:{server.port}") as client:
            await client.wait_ready("tiny", timeout_s=60)
            assert await client.is_ready("tiny")
            assert await client.versions("tiny") == (1,)
            assert await client.signature("tiny") == session.signature
            with pytest.raises(NotFoundError):
                await client.contract("tinny")

    asyncio.run(ask())


def test_a_closed_client_says_so(server: Server, batch: Columns) -> None:
    client = Client(f"localhost:{server.port}")
    client.close()
    client.close()
    with pytest.raises(ServerError) as caught:
        client.predict("tiny", batch)
    assert str(caught.value) == "server: CANCELLED: the client is closed"


@pytest.mark.parametrize(
    "modules",
    [
        ("tritonclient.grpc", "preproc_server.client", "preproc_server.app"),
        ("preproc_server.app", "preproc_server.client", "tritonclient.grpc"),
    ],
    ids=["after", "before"],
)
def test_another_client_of_the_protocol_fits_in_the_process(modules: tuple[str, ...]) -> None:
    program = f"import {', '.join(modules)}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
