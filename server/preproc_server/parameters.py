"""Parameters of a request, as Triton names them: known ones are checked, reserved ones refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from preproc_server.errors import WireError
from preproc_server.pb import open_inference_pb2 as pb

RESERVED: Final = "triton_"
WHOLE: Final = frozenset({"int64_param", "uint64_param"})
BOOL: Final = frozenset({"bool_param"})
TEXT: Final = frozenset({"string_param"})

KINDS: Final[Mapping[str, frozenset[str]]] = {
    "binary_data_output": BOOL,
    "priority": WHOLE,  # Triton's client sends uint64_param, its documents say int64
    "timeout": WHOLE,
    "sequence_id": WHOLE | TEXT,
    "sequence_start": BOOL,
    "sequence_end": BOOL,
    "triton_enable_empty_final_response": BOOL,
}
"""Name of a parameter → kinds in which it may come."""
OUTPUT_KINDS: Final[Mapping[str, frozenset[str]]] = {
    "classification": WHOLE,
    "binary_data": BOOL,
    "shared_memory_region": TEXT,
    "shared_memory_offset": WHOLE,
    "shared_memory_byte_size": WHOLE,
}
"""The same, of an output; of an input all but the first two."""

Parameters = Mapping[str, pb.InferParameter]


@dataclass(frozen=True, slots=True)
class Options:
    """What the parameters of a request ask for.

    Attributes
    ----------
    is_raw
        Whether the answer is raw, not typed.
    timeout_us
        From the arrival, microseconds; 0 for none.
    sequence_id
        Comes back; None where there is none.
    """

    is_raw: bool = True
    timeout_us: int = 0
    sequence_id: int | str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor lies in shared memory.

    Attributes
    ----------
    region
        Name by which it was registered.
    offset, size_bytes
        Within the region.
    """

    region: str
    offset: int
    size_bytes: int


USUAL: Final = Options()


def options_of(request: pb.ModelInferRequest) -> Options:
    """Read the parameters of a request.

    Raises
    ------
    WireError
        When one is of another kind than its name demands, or has a reserved name.
    """
    if not request.parameters:
        return USUAL
    values = _values("", request.parameters, KINDS)
    timeout_us = values.get("timeout", 0)
    if not isinstance(timeout_us, int) or timeout_us < 0:
        raise WireError(f"parameter 'timeout': expected microseconds from 0 on, got {timeout_us}")
    return Options(bool(values.get("binary_data_output", True)), timeout_us, _sequence(values))


def classes_of(output: pb.ModelInferRequest.InferRequestedOutputTensor) -> int:
    """Tell how many classes of each row an output is to name; 0 where it is wanted as it is.

    Raises
    ------
    WireError
        When a parameter is of another kind than its name demands, or the number is below 1.
    """
    values = _values(f"output {output.name!r}: ", output.parameters, OUTPUT_KINDS)
    if "classification" not in values:
        return 0
    classes = values["classification"]
    if not isinstance(classes, int) or classes < 1:
        raise WireError(
            f"output {output.name!r}: parameter 'classification': expected 1 or more classes, "
            f"got {classes}"
        )
    return classes


def place_of(title: str, parameters: Parameters) -> Place | None:
    """Tell where in shared memory a tensor lies, None where it travels in the message.

    Parameters
    ----------
    title
        Names the tensor in errors, such as ``input 'age'``.
    parameters
        Of the tensor.

    Raises
    ------
    WireError
        When the size is missing, or a parameter is of another kind than its name demands.
    """
    values = _values(f"{title}: ", parameters, OUTPUT_KINDS)
    if "shared_memory_region" not in values:
        return None
    offset, size_bytes = (
        values.get("shared_memory_offset", 0),
        values.get("shared_memory_byte_size", 0),
    )
    if not isinstance(offset, int) or not isinstance(size_bytes, int) or offset < 0:
        raise WireError(f"{title}: expected 'shared_memory_offset' from 0 on, got {offset}")
    if size_bytes < 1:
        raise WireError(f"{title}: expected 'shared_memory_byte_size' above 0, got {size_bytes}")
    return Place(str(values["shared_memory_region"]), offset, size_bytes)


def _values(
    where: str, parameters: Parameters, kinds: Mapping[str, frozenset[str]]
) -> dict[str, bool | int | str | float]:
    """Give known parameters by name; others are the caller's own, but for reserved names."""
    values = {}
    for name, parameter in parameters.items():
        if name in kinds:
            kind = parameter.WhichOneof("parameter_choice")
            if kind not in kinds[name]:
                wanted = " or ".join(sorted(kinds[name]))
                raise WireError(f"{where}parameter {name!r}: expected {wanted}, got {kind}")
            values[name] = getattr(parameter, kind)
        elif name.startswith(RESERVED):
            raise WireError(f"{where}parameter {name!r}: expected no reserved name, got one")
    return values


def _sequence(values: Mapping[str, bool | int | str | float]) -> int | str | None:
    found = values.get("sequence_id")
    if not found:  # 0 and empty: no sequence, as Triton has it
        if values.get("sequence_start") or values.get("sequence_end"):
            raise WireError("parameter 'sequence_id': expected one with a start or end, got none")
        return None
    return found if isinstance(found, str) else int(found)
