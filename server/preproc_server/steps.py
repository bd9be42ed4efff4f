"""A call in steps: it stops where it needs a graph, so that several can be computed at once."""

from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import grpc
from google.protobuf.message import Message

from preproc.runtime import Prepared
from preproc_server.calls import Call, Guard
from preproc_server.loading import Answers, Model


class Job(NamedTuple):
    """A batch that a model is to compute.

    Attributes
    ----------
    model
        That answers.
    prepared
        The rows, laid out.
    """

    model: Model
    prepared: Prepared


Steps = Generator[Job, Answers, Message | bytes]
"""Reads and checks a request, yields at most one job, is sent its answers, returns a response."""


def alone(steps: Steps) -> Message | bytes:
    """Take a call through its steps, by itself."""
    try:
        job = next(steps)
        try:
            answers = job.model.run(job.prepared)
        except Exception as error:  # noqa: BLE001  # the call itself tells what became of it
            steps.throw(error)
        else:
            steps.send(answers)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise RuntimeError("expected a call that computes once, got one that goes on")


class Method(NamedTuple):
    """A method of one request and one response that computes.

    Attributes
    ----------
    name
        Without its service.
    read
        Makes a request of its bytes.
    steps
        Answers it.
    """

    name: str
    read: Callable[[bytes], Any]
    steps: Callable[[Any, Call], Steps]


def handler_of(method: Method, guard: Guard) -> "grpc.RpcMethodHandler[Any, Any]":
    """Make what gRPC's server takes: each call goes through its steps by itself."""
    behave = guard.unary(method.name, lambda request, call: alone(method.steps(request, call)))
    return grpc.unary_unary_rpc_method_handler(behave, method.read)
