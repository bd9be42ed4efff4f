"""Tensors that do not simply lie in the message: in shared memory, or told as classes.

Requests that ask for nothing of the kind never come here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from preproc.signature import Output
from preproc_server import plan, wire
from preproc_server.classification import classify
from preproc_server.errors import WireError
from preproc_server.parameters import Place, classes_of, place_of
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.shared_memory import Regions


@dataclass(frozen=True, slots=True)
class Form:
    """How one output is wanted.

    Attributes
    ----------
    name
        Of the output.
    classes
        How many classes of each row; 0 for the values as they are.
    place
        Where in shared memory; None for the message.
    """

    name: str
    classes: int
    place: Place | None


def is_placed(request: pb.ModelInferRequest) -> bool:
    """Tell whether a tensor of a request may lie in shared memory; quick where none does."""
    if len(request.raw_input_contents) != len(request.inputs) and any(
        "shared_memory_region" in tensor.parameters for tensor in request.inputs
    ):
        return True
    return any("shared_memory_region" in output.parameters for output in request.outputs)


def collect(request: pb.ModelInferRequest, regions: Regions) -> None:
    """Put inputs that lie in shared memory among the raw contents, as if they had come there.

    Raises
    ------
    WireError
        When a parameter is wrong, or the rest of the inputs is not raw.
    RegionError, UnknownRegionError, BusyError
        As `Regions.read` does.
    """
    raws = iter(request.raw_input_contents)
    left_bytes = regions.max_bytes
    found: list[bytes] = []
    for tensor in request.inputs:
        place = place_of(f"input {tensor.name!r}", tensor.parameters)
        if place is not None:
            found.append(regions.read(place, left_bytes))
            left_bytes -= place.size_bytes
            continue
        raw = next(raws, None)
        if raw is None:
            raise WireError(
                f"input {tensor.name!r}: expected raw contents beside shared memory, got none"
            )
        found.append(raw)
    if next(raws, None) is not None:
        raise WireError("raw_input_contents: expected one element an input, got more")
    request.raw_input_contents[:] = found


def forms_of(request: pb.ModelInferRequest) -> tuple[Form, ...]:
    """Tell how each output is wanted; empty where all are wanted as they are.

    Raises
    ------
    WireError
        When a parameter is wrong.
    """
    if not any(output.parameters for output in request.outputs):
        return ()
    return tuple(
        Form(
            output.name,
            classes_of(output),
            place_of(f"output {output.name!r}", output.parameters),
        )
        for output in request.outputs
    )


def deliver(
    response: pb.ModelInferResponse,
    answers: Mapping[str, NDArray[Any]],
    forms: Sequence[Form],
    outputs: Sequence[Output],
    *,
    is_raw: bool,
    regions: Regions | None,
) -> pb.ModelInferResponse:
    """Add answers to a response, each in its form, and give it back.

    Parameters
    ----------
    response
        Receives them.
    answers
        Output → array (n,) or (n, width).
    forms
        What is wanted.
    outputs
        Of the contract, for the names of classes.
    is_raw
        Whether what lies in the message is raw.
    regions
        Shared memory; None where no form asks for it.

    Raises
    ------
    WireError
        When an output cannot be classed.
    RegionError, UnknownRegionError
        As `Regions.write` does.
    """
    labels = {output.name: output.names for output in outputs}
    for form in forms:
        array = answers[form.name]
        if form.classes:
            array = classify(form.name, array, form.classes, labels.get(form.name, ()))
        if form.place is None or regions is None:
            plan.encode(response, {form.name: array}, is_raw=is_raw)
        else:
            _place(response, form.name, array, form.place, regions)
            if is_raw:  # Triton's client counts one element an output
                response.raw_output_contents.append(b"")
    return response


def _place(
    response: pb.ModelInferResponse,
    name: str,
    array: NDArray[Any],
    place: Place,
    regions: Regions,
) -> None:
    content = wire.raw_of(array)
    regions.write(place, name, content)
    datatype = wire.datatype_of(array).wire
    output = response.outputs.add(name=name, datatype=datatype, shape=array.shape)
    output.parameters["shared_memory_region"].string_param = place.region
    output.parameters["shared_memory_byte_size"].int64_param = len(content)
    if place.offset:
        output.parameters["shared_memory_offset"].int64_param = place.offset
