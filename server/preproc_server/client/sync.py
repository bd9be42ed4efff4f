"""The blocking client."""

import time
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


class Client:
    """A connection to one server; a context manager, safe to use from several threads.

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

        with Client("localhost:8001") as client:
            client.wait_ready("flight_delay", timeout_s=60)
            answers = client.predict("flight_delay", flights, frame="pandas")
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
            self._channel = grpc.insecure_channel(target, options, compression)
        else:
            credentials = credentials_of(connection.tls)
            self._channel = grpc.secure_channel(target, credentials, options, compression)
        self._methods = {
            name: self._channel.unary_unary(
                f"/{SERVICE}/{name}",
                request_serializer=flows.serialize,
                response_deserializer=parse,
            )
            for name, parse in flows.PARSERS.items()
        }

    @overload
    def predict(
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
    def predict(
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

    def predict(
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
        return self._run(flow)

    def contract(
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
        return (self._run(flow)).contract

    def signature(
        self, model: str, *, version: str | int = "", timeout_s: float | None = None
    ) -> Signature:
        """Ask once for the columns, outputs and rules of a model; raises as `contract` does."""
        found = self.contract(model, version=version, timeout_s=timeout_s)
        return found.signature

    def versions(self, model: str, *, timeout_s: float | None = None) -> tuple[int, ...]:
        """Ask for the versions of a model that are proved, ascending.

        Raises
        ------
        ServerError
            When the model is not known, or the server cannot be reached.
        """
        deadline = self._policy.deadline(timeout_s)
        response = self._run(flows.described(self._policy, model, "", deadline))
        return tuple(int(version) for version in response.versions)

    def is_ready(
        self, model: str = "", *, version: str | int = "", timeout_s: float | None = None
    ) -> bool:
        """Ask whether a model is ready; without a name, whether the server is.

        Raises
        ------
        ServerError
            When the server cannot be reached.
        """
        return self._run(flows.readiness(self._policy, model, str(version), timeout_s))

    def wait_ready(
        self, model: str = "", *, version: str | int = "", timeout_s: float | None = None
    ) -> None:
        """Wait until a model is ready, or the server where no name is given.

        A server that cannot be reached yet is waited for too.

        Raises
        ------
        DeadlineError
            When the time is over first.
        """
        self._run(flows.waited(self._policy, model, str(version), timeout_s))

    def close(self) -> None:
        """Close the connection; calls under way end as CANCELLED, a second close does nothing."""
        self._is_closed = True
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, flow: Flow[T]) -> T:
        try:
            step = next(flow)
            while True:
                try:
                    got = self._take(step)
                except ServerError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(got)
        except StopIteration as done:
            return cast("T", done.value)

    def _take(self, step: Call | Pause) -> Any:
        if isinstance(step, Pause):
            return time.sleep(step.seconds)
        if self._is_closed:
            raise ServerError(grpc.StatusCode.CANCELLED, "the client is closed")
        method, headers = self._methods[step.method], (*self._headers, *step.headers)
        try:
            return method(step.request, timeout=step.timeout_s, metadata=headers)
        except grpc.RpcError as error:
            call = cast("grpc.Call", error)  # what a blocking call raises is both
            raise error_of(call.code(), call.details(), call.trailing_metadata()) from error
