"""A request as it came → its message, its model, and its matrices where it is as usual."""

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from google.protobuf.message import DecodeError

from preproc.errors import PreprocError
from preproc_server.calls import Asked
from preproc_server.errors import WireError
from preproc_server.loading import Model
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.reading import Read, start_of_inputs


class Opened(NamedTuple):
    """A request that is for a model.

    Attributes
    ----------
    request
        The message, without its inputs where these are read already.
    model
        That answers.
    read
        The inputs; None where they are still in the message.
    """

    request: pb.ModelInferRequest
    model: Model
    read: Read | None


def open_request(asked: Asked, find: Callable[[pb.ModelInferRequest], Model]) -> Opened:
    """Read a request, where it is as usual without an object a column, and note its model.

    Raises
    ------
    WireError
        For bytes that are no ``ModelInferRequest``.
    PreprocError
        What `find`, which looks the model up, raises for the message.
    """
    content = asked.content
    at = start_of_inputs(content)
    if at > 0:
        with suppress(DecodeError, PreprocError):  # what is wrong is told from the whole, below
            head = pb.ModelInferRequest.FromString(content[:at])
            model = find(head)
            read = None if model.door.fresh else model.reader.read(content, at, head)
            if read is not None:
                asked.model_name = model.name
                return Opened(head, model, read)
    try:
        request = pb.ModelInferRequest.FromString(content)
    except DecodeError as error:
        raise WireError("ModelInfer: expected a ModelInferRequest, got other bytes") from error
    asked.model_name = request.model_name
    return Opened(request, find(request), None)
