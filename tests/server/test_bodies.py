"""Bodies of every size and dtype: answered exactly or refused clearly, in bounded time."""

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from preproc_server import plan, wire
from preproc_server.app import Server
from preproc_server.client import Client
from preproc_server.settings import Settings

from preproc.errors import SignatureError
from preproc.runtime.layout import Layout
from preproc.signature import Column, Signature

from .echo import (
    ARRAYS,
    AS,
    MAX_SECONDS,
    MEBIBYTE,
    SOME,
    numbers,
    raw_request,
    refused,
    sent,
    write_echo,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    repository = tmp_path_factory.mktemp("bodies")
    write_echo(
        repository, "narrow", [Column(f"c{at}", "float64") for at in range(28)], is_joined=True
    )
    write_echo(
        repository, "wide", [Column(f"c{at}", "float64") for at in range(10_000)], is_joined=True
    )
    write_echo(repository, "long", [Column("c0", "float64")], is_joined=True)
    write_echo(repository, "words", [Column("c0", "string", null="none")], is_joined=True)
    kinds = [Column(dtype, dtype, null="none" if dtype == "string" else None) for dtype in SOME]
    write_echo(repository, "kinds", kinds, is_joined=False)
    running = Server(Settings(repository=repository, host="localhost", port=0))
    running.start()
    assert running.wait_proved(120)
    yield running
    running.stop(0)


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    with Client(f"localhost:{server.port}", timeout_s=MAX_SECONDS) as opened:
        yield opened


SHAPES = pytest.mark.parametrize(
    ("name", "columns", "rows"),
    [("narrow", 28, 64), ("wide", 10_000, 1), ("long", 1, 10**6)],
    ids=["28 x 64", "10000 x 1", "1 x 1000000"],
)


@SHAPES
def test_numbers_of_every_shape_come_back_bit_for_bit(
    client: Client, name: str, columns: int, rows: int
) -> None:
    batch = numbers(columns, rows)
    got = client.predict(name, batch)["echo"]
    assert got.tobytes() == np.column_stack(list(batch.values())).tobytes()


@SHAPES
@pytest.mark.parametrize("is_raw", [True, False], ids=["raw", "typed"])
def test_the_same_holds_for_other_clients(
    server: Server, name: str, columns: int, rows: int, *, is_raw: bool
) -> None:
    batch = numbers(columns, rows)
    backwards = {column: batch[column] for column in reversed(batch)}
    got = sent(server, raw_request(name, backwards, is_raw=is_raw))
    want = np.column_stack(list(batch.values()))
    assert list(got.outputs[0].shape) == [rows, columns]
    assert got.raw_output_contents[0] == want.tobytes()


@pytest.mark.parametrize("is_raw", [True, False], ids=["raw", "typed"])
def test_each_dtype_comes_back_bit_for_bit(server: Server, client: Client, *, is_raw: bool) -> None:
    answers = client.predict("kinds", ARRAYS)
    response = sent(server, raw_request("kinds", ARRAYS, is_raw=is_raw))
    for at, (dtype, array) in enumerate(ARRAYS.items()):
        want = array.astype(AS.get(dtype, array.dtype))
        np.testing.assert_array_equal(answers[f"echo_{dtype}"], want, strict=True)
        assert response.raw_output_contents[at] == wire.raw_of(want)


@pytest.mark.parametrize("dtype", SOME)
def test_another_dtype_is_refused_by_name(server: Server, client: Client, dtype: str) -> None:
    other = np.array([1, 0, 1], "float64" if dtype == "float32" else "float32")
    batch = {**ARRAYS, dtype: other}
    message = f"field {dtype!r}: expected dtype {dtype}, got {other.dtype.name}"
    with pytest.raises(SignatureError) as caught:
        client.predict("kinds", batch)
    assert str(caught.value) == message
    assert refused(server, raw_request("kinds", batch)) == ("INVALID_ARGUMENT", message)


def test_nulls_of_text_come_back_as_nulls(client: Client) -> None:
    words = np.array([None, "", np.nan, "nan"], object)
    got = client.predict("words", {"c0": words})["echo"][:, 0].tolist()
    assert got[0] is None
    assert got[1::2] == ["", "nan"]
    assert got[2] != got[2]


@pytest.mark.parametrize("name", ["narrow", "words", "kinds"])
@pytest.mark.parametrize("is_raw", [True, False], ids=["raw", "typed"])
def test_no_rows_are_refused(server: Server, client: Client, name: str, *, is_raw: bool) -> None:
    columns = client.signature(name).columns
    batch = {column.name: ARRAYS[column.dtype][:0] for column in columns}
    message = "batch: expected at least one row, got none"
    with pytest.raises(SignatureError) as caught:
        client.predict(name, batch)
    assert str(caught.value) == message
    assert refused(server, raw_request(name, batch, is_raw=is_raw)) == (
        "INVALID_ARGUMENT",
        message,
    )


def test_fifty_mebibytes_of_text_come_back(client: Client) -> None:
    words = np.array([f"{at:06} Zürich " * 16 for at in range(200_000)], object)
    assert 45 * MEBIBYTE < sum(len(word.encode()) for word in words) < 55 * MEBIBYTE
    got = client.predict("words", {"c0": words})["echo"][:, 0]
    assert got.tolist() == words.tolist()


@SHAPES
@pytest.mark.parametrize("is_raw", [True, False], ids=["raw", "typed"])
def test_decoding_takes_little_more_than_the_body(
    name: str, columns: int, rows: int, *, is_raw: bool
) -> None:
    signature = Signature("frame", tuple(Column(f"c{at}", "float64") for at in range(columns)))
    places = {column.name: ("m", at) for at, column in enumerate(signature.columns)}
    made = plan.plan_of(name, signature, Layout(places, {"m": ("float64", columns)}))
    request = raw_request(name, numbers(columns, rows), is_raw=is_raw)
    size = request.ByteSize()
    tracemalloc.start()
    plan.decode(made, request)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * size + columns * 1000


def test_a_body_of_text_that_lies_about_its_lengths_costs_nothing(server: Server) -> None:
    request = raw_request("words", {"c0": ARRAYS["string"]})
    request.raw_input_contents[0] = b"\xff" * 64
    request.inputs[0].shape[0] = 2**62
    assert refused(server, request) == (
        "INVALID_ARGUMENT",
        (
            "incomplete string data for inference input 'c0' for model 'words', "
            "expecting string of length 4294967295 but only 60 bytes available"
        ),
    )
