"""The asynchronous client."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, cast, overload

import grpc

from preproc.contract import Contract
from preproc.signature import Signature
from preproc_server.client import flows
from preproc_server.client.connection import (
    Connection,
    compression_of,
    credentials_of,
    headers_of,
    options_of,
)
from preproc_server.client.contracts import Contracts
from preproc_server.client.errors import ServerError
from preproc_server.client.faults import error_of
from preproc_server.client.flows import SERVICE, Call, Flow, Pause, Policy, T
from preproc_server.client.messages import Answers, Batch, Frame, Parameter
from preproc_server.client.retry import Retry


class AsyncClient:
    """A connection to one server, for one event loop; an asynchronous context manager.

    Must be made while the loop runs, and used in it alone.

    Parameters
    ----------
    target
        Such as ``localhost:8001``.
    timeout_s
        Deadline of each call that does not bring its own, repetitions included.
    retry
        When a call is repeated; by default up to 4 attempts.
    connection
        Encryption, credentials, headers, compression and limits; by default none of them.

    Examples
    --------
    ::

        async with AsyncClient("localhost:8001") as client:
            calls = [client.predict("flight_delay", batch) for batch in batches]
            answers = await asyncio.gather(*calls)
    """

    def __init__(
        self,
        target: str,
        *,
        timeout_s: float = 30.0,
        retry: Retry | None = None,
        connection: Connection | None = None,
    ) -> None:
        connection = connection or Connection()
        self._policy = Policy(timeout_s, retry or Retry(), connection.max_send_bytes)
        self._contracts = Contracts()
        self._headers = headers_of(connection)
        self._is_closed = False
        options, compression = options_of(connection), compression_of(connection)
        if connection.tls is None:
            self._channel = grpc.aio.insecure_channel(target, options, compression)
        else:
            credentials = credentials_of(connection.tls)
            self._channel = grpc.aio.secure_channel(target, credentials, options, compression)
        self._methods = {
            name: self._channel.unary_unary(
                f"/{SERVICE}/{name}",
                request_serializer=flows.serialize,
                response_deserializer=parse,
            )
            for name, parse in flows.PARSERS.items()
        }

    @overload
    async def predict(
        self,
        model: str,
        data: Any,
        *,
        version: str | int = ...,
        timeout_s: float | None = ...,
        outputs: Sequence[str] | None = ...,
        frame: None = ...,
        key: str = ...,
        parameters: Mapping[str, Parameter] | None = ...,
        request_id: str = ...,
    ) -> Answers: ...

    @overload
    async def predict(
        self,
        model: str,
        data: Any,
        *,
        version: str | int = ...,
        timeout_s: float | None = ...,
        outputs: Sequence[str] | None = ...,
        frame: Frame,
        key: str = ...,
        parameters: Mapping[str, Parameter] | None = ...,
        request_id: str = ...,
    ) -> Any: ...

    async def predict(
        self,
        model: str,
        data: Any,
        *,
        version: str | int = "",
        timeout_s: float | None = None,
        outputs: Sequence[str] | None = None,
        frame: Frame | None = None,
        key: str = "",
        parameters: Mapping[str, Parameter] | None = None,
        request_id: str = "",
    ) -> Any:
        """Answer a batch.

        Parameters
        ----------
        model
            Name in the repository of the server.
        data
            Frame of pandas, polars or pyarrow, mapping of arrays (n,) or (n, width), list of
            dictionaries or of dataclass instances, or array (n, features).
        version
            Integer above 0, or its decimal digits; empty for the one that the server chooses.
        timeout_s
            Deadline of the whole, repetitions included; by default that of the client.
        outputs
            Names of outputs, by default all. With ``row_error`` among them refused rows are
            reported there instead of refusing the batch.
        frame
            Library of the frame that is wanted: ``pandas``, ``polars`` or ``pyarrow``.
        key
            What a request is about, such as a customer: a share of keys that is given to another
            version stays with it.
        parameters
            Of the request. One with ``sequence_id`` is never repeated.
        request_id
            By which labels and inputs computed anew find its rows in the request log.

        Returns
        -------
        dict or frame
            Output → array (n,) or (n, width). In a frame an output with a width is one column for
            each class or feature, and the rows of pandas keep their index.

        Raises
        ------
        SignatureError
            When columns, dtypes or shapes differ from the contract; they were not sent.
        ValueError
            For a parameter of another type, or a frame of another library.
        ServerError
            One of its branch in `preproc_server.client.errors`, when the server refuses rows, is
            not ready, or cannot be reached.
        """
        batch = Batch(model, str(version), data, tuple(outputs or ()), parameters, request_id)
        flow = flows.predicted(
            self._policy, self._contracts, batch, timeout_s=timeout_s, frame=frame, key=key
        )
        return await self._run(flow)

    async def contract(
        self, model: str, *, version: str | int = "", timeout_s: float | None = None
    ) -> Contract:
        """Ask once for what the caller and the model agree on.

        Raises
        ------
        ServerError
            When the server does not give its contract along.
        """
        deadline = self._policy.deadline(timeout_s)
        flow = flows.known(self._policy, self._contracts, model, str(version), deadline)
        return (await self._run(flow)).contract

    async def signature(
        self, model: str, *, version: str | int = "", timeout_s: float | None = None
    ) -> Signature:
        """Ask once for the columns, outputs and rules of a model; raises as `contract` does."""
        found = await self.contract(model, version=version, timeout_s=timeout_s)
        return found.signature

    async def versions(self, model: str, *, timeout_s: float | None = None) -> tuple[int, ...]:
        """Ask for the versions of a model that are proved, ascending.

        Raises
        ------
        ServerError
            When the model is not known, or the server cannot be reached.
        """
        deadline = self._policy.deadline(timeout_s)
        response = await self._run(flows.described(self._policy, model, "", deadline))
        return tuple(int(version) for version in response.versions)

    async def is_ready(
        self, model: str = "", *, version: str | int = "", timeout_s: float | None = None
    ) -> bool:
        """Ask whether a model is ready; without a name, whether the server is.

        Raises
        ------
        ServerError
            When the server cannot be reached.
        """
        return await self._run(flows.readiness(self._policy, model, str(version), timeout_s))

    async def wait_ready(
        self, model: str = "", *, version: str | int = "", timeout_s: float | None = None
    ) -> None:
        """Wait until a model is ready, or the server where no name is given.

        A server that cannot be reached yet is waited for too.

        Raises
        ------
        DeadlineError
            When the time is over first.
        """
        await self._run(flows.waited(self._policy, model, str(version), timeout_s))

    async def close(self) -> None:
        """Close the connection; calls under way are cancelled, a second close does nothing."""
        self._is_closed = True
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _run(self, flow: Flow[T]) -> T:
        try:
            step = next(flow)
            while True:
                try:
                    got = await self._take(step)
                except ServerError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(got)
        except StopIteration as done:
            return cast("T", done.value)

    async def _take(self, step: Call | Pause) -> Any:
        if isinstance(step, Pause):
            return await asyncio.sleep(step.seconds)
        if self._is_closed:
            raise ServerError(grpc.StatusCode.CANCELLED, "the client is closed")
        method, headers = self._methods[step.method], (*self._headers, *step.headers)
        try:
            return await method(step.request, timeout=step.timeout_s, metadata=headers)
        except grpc.aio.AioRpcError as error:
            raise error_of(error.code(), error.details(), error.trailing_metadata()) from error
