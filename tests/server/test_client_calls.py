"""Repetitions, deadlines, headers, encryption and compression, behind a proxy that may fail."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import trustme
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from numpy.typing import NDArray
from preproc_server.app import Server
from preproc_server.client import (
    AsyncClient,
    Client,
    Connection,
    CredentialsError,
    DeadlineError,
    InvalidRequestError,
    OverloadedError,
    Retry,
    Tls,
    UnavailableError,
    Violation,
)

from preproc.artifact import Artifact, write_artifact
from tests.server.calling import wait_for
from tests.server.proxy import Proxy, proxy_of, unavailable

Columns = dict[str, NDArray[Any]]
FAST = Retry(attempts=3, first_s=0.001, longest_s=0.002)


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with proxy_of(server.port) as opened:
        yield opened


@pytest.fixture
def client(proxy: Proxy) -> Iterator[Client]:
    with Client(f"localhost:{proxy.port}", retry=FAST) as opened:
        yield opened


def test_a_call_is_repeated_until_the_server_is_there(
    proxy: Proxy, client: Client, batch: Columns
) -> None:
    proxy.faults = {"ModelMetadata": [unavailable()], "ModelInfer": [unavailable()] * 2}
    assert client.predict("tiny", batch)["label"].shape == (3,)
    assert proxy.methods == ["ModelMetadata"] * 2 + ["ModelInfer"] * 3


def test_the_asynchronous_client_repeats_too(proxy: Proxy, batch: Columns) -> None:
    proxy.faults = {"ModelMetadata": [unavailable()], "ModelInfer": [unavailable()] * 2}

    async def ask() -> Columns:
        async with AsyncClient(f"localhost:{proxy.port}", retry=FAST) as client:
            return await client.predict("tiny", batch)

    assert asyncio.run(ask())["label"].shape == (3,)
    assert proxy.methods == ["ModelMetadata"] * 2 + ["ModelInfer"] * 3


def test_attempts_have_an_end(proxy: Proxy, client: Client, batch: Columns) -> None:
    proxy.faults = {"ModelInfer": [unavailable()] * 9}
    with pytest.raises(UnavailableError, match="not now"):
        client.predict("tiny", batch)
    assert proxy.methods.count("ModelInfer") == 3


def test_a_step_of_a_sequence_is_sent_once(proxy: Proxy, client: Client, batch: Columns) -> None:
    proxy.faults = {"ModelInfer": [unavailable()]}
    with pytest.raises(UnavailableError):
        client.predict("tiny", batch, parameters={"sequence_id": 7})
    assert proxy.methods.count("ModelInfer") == 1


def test_an_overloaded_server_is_asked_again_when_it_says_so(
    proxy: Proxy, client: Client, batch: Columns
) -> None:
    wait = RetryInfo(retry_delay=Duration(nanos=50_000_000))
    full = (grpc.StatusCode.RESOURCE_EXHAUSTED, "full")
    proxy.faults = {"ModelInfer": [(*full, [wait])]}
    began = time.monotonic()
    client.predict("tiny", batch)
    assert time.monotonic() - began >= 0.05
    proxy.faults = {"ModelInfer": [(*full, [])]}
    with pytest.raises(OverloadedError):
        client.predict("tiny", batch)


def test_a_pause_beyond_the_deadline_is_not_made(
    proxy: Proxy, client: Client, batch: Columns
) -> None:
    proxy.faults = {"ModelInfer": [unavailable(RetryInfo(retry_delay=Duration(seconds=60)))]}
    with pytest.raises(UnavailableError) as caught:
        client.predict("tiny", batch, timeout_s=50)
    assert caught.value.retry_after_s == 60
    assert proxy.methods.count("ModelInfer") == 1


def test_a_deadline_is_an_error_of_its_own(client: Client, batch: Columns) -> None:
    client.signature("tiny")
    with pytest.raises(DeadlineError):
        client.predict("tiny", batch, timeout_s=0.0)
    with pytest.raises(DeadlineError):
        client.predict("tiny", batch, timeout_s=1e-6)


def test_an_error_carries_its_details(proxy: Proxy, client: Client, batch: Columns) -> None:
    violation = BadRequest.FieldViolation(field="inputs[age]", description="too old")
    details = (
        ErrorInfo(reason="OLD", metadata={"limit": "120"}),
        BadRequest(field_violations=[violation]),
    )
    proxy.faults = {"ModelInfer": [(grpc.StatusCode.INVALID_ARGUMENT, "age: too old", details)]}
    with pytest.raises(InvalidRequestError) as caught:
        client.predict("tiny", batch)
    error = caught.value
    assert error.violations == (Violation("inputs[age]", "too old"),)
    assert (error.reason, error.facts, error.retry_after_s) == ("OLD", {"limit": "120"}, None)
    assert str(error) == "server: INVALID_ARGUMENT: age: too old"


def test_headers_and_key_go_with_each_call(proxy: Proxy, batch: Columns) -> None:
    connection = Connection(headers={"x-team": "blue", "x-raw-bin": b"\0\xff"})
    with Client(f"localhost:{proxy.port}", connection=connection) as client:
        client.predict("tiny", batch, key="customer 7")
    (_, described), (_, inferred) = proxy.calls
    assert described["x-team"] == inferred["x-team"] == "blue"
    assert inferred["x-raw-bin"] == b"\0\xff"
    assert inferred["x-preproc-key"] == "customer 7"
    assert "x-preproc-key" not in described


def test_compression_changes_no_answer(proxy: Proxy, client: Client, batch: Columns) -> None:
    want = client.predict("tiny", batch)
    connection = Connection(compression="gzip")
    with Client(f"localhost:{proxy.port}", connection=connection) as packing:
        got = packing.predict("tiny", batch)
    np.testing.assert_array_equal(got["probabilities"], want["probabilities"], strict=True)


def test_a_contract_that_changes_under_way_is_learned_anew(
    tmp_path: Path, start: Callable[..., Server], write: Callable[..., Artifact], batch: Columns
) -> None:
    first = write(tmp_path, "tiny")
    server = start(tmp_path, mode="watch", watch_interval_s=0.02)
    with Client(f"localhost:{server.port}") as client:
        client.predict("tiny", batch)
        assert client.contract("tiny").label == "whether"
        write_artifact(replace(first, contract=replace(first.contract, label="when")), tmp_path)
        wait_for(lambda: client.versions("tiny") == (2,))
        assert client.predict("tiny", batch)["label"].shape == (3,)
        assert client.contract("tiny").label == "when"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(server: Server, authority: trustme.CA) -> Iterator[Proxy]:
    own = authority.issue_cert("localhost")
    chain = b"".join(blob.bytes() for blob in own.cert_chain_pems)
    credentials = grpc.ssl_server_credentials(
        [(own.private_key_pem.bytes(), chain)],
        root_certificates=authority.cert_pem.bytes(),
        require_client_auth=True,
    )
    with proxy_of(server.port, credentials) as opened:
        yield opened


def tls_of(authority: trustme.CA) -> Tls:
    own = authority.issue_cert("a.client")
    chain = b"".join(blob.bytes() for blob in own.cert_chain_pems)
    return Tls(authority.cert_pem.bytes(), own.private_key_pem.bytes(), chain)


def test_a_token_travels_encrypted_to_a_server_that_knows_the_client(
    secure: Proxy, authority: trustme.CA, batch: Columns
) -> None:
    connection = Connection(tls=tls_of(authority), token="secret")  # noqa: S106  # no real one
    with Client(f"localhost:{secure.port}", connection=connection) as client:
        client.predict("tiny", batch)
    assert [headers["authorization"] for _, headers in secure.calls] == ["Bearer secret"] * 2
    assert "secret" not in repr(connection)


def test_the_asynchronous_client_encrypts_too(
    secure: Proxy, authority: trustme.CA, batch: Columns
) -> None:
    connection = Connection(tls=tls_of(authority))

    async def ask() -> Columns:
        async with AsyncClient(f"localhost:{secure.port}", connection=connection) as client:
            return await client.predict("tiny", batch)

    assert asyncio.run(ask())["label"].shape == (3,)


@pytest.mark.parametrize("kind", ["stranger", "no certificate", "no encryption"])
def test_a_side_that_cannot_be_trusted_is_not_spoken_to(
    secure: Proxy, authority: trustme.CA, batch: Columns, kind: str
) -> None:
    connection = {
        "stranger": Connection(tls=tls_of(trustme.CA())),
        "no certificate": Connection(tls=Tls(authority.cert_pem.bytes())),
        "no encryption": Connection(),
    }[kind]
    with (
        Client(f"localhost:{secure.port}", connection=connection, retry=FAST) as client,
        pytest.raises(UnavailableError),
    ):
        client.predict("tiny", batch, timeout_s=60)
    assert secure.calls == []


def test_a_server_that_refuses_the_caller_is_told_apart(
    proxy: Proxy, client: Client, batch: Columns
) -> None:
    proxy.faults = {"ModelMetadata": [(grpc.StatusCode.UNAUTHENTICATED, "who?", [])]}
    with pytest.raises(CredentialsError, match=r"^server: UNAUTHENTICATED: who\?$"):
        client.predict("tiny", batch)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"token": "t"},
            (
                "token: expected encryption around it, got tls=None; where something else "
                "encrypts, send it in headers"
            ),
        ),
        ({"compression": "br"}, "compression: expected 'gzip' or '', got 'br'"),
    ],
    ids=["token", "compression"],
)
def test_a_connection_is_checked_when_made(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        Connection(**options)
    assert str(caught.value) == message


def test_a_key_without_its_certificate_is_refused() -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        Tls(key=b"k")
    assert str(caught.value) == "tls: expected key and certificates together, got one of them"
