"""The contract of an artifact, and its one form on disk: ``contract.json``."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from preproc.errors import ArtifactError
from preproc.signature import Column, Output, Rule, Signature

FORMAT: Final = 3
"""Number of the artifact format that this version writes."""
_READ: Final = (1, 2, FORMAT)
"""Numbers that it reads; 1 knew no ``float32``, 2 no ``monitor`` and ``outcomes`` in a profile."""


Mode = Literal["exact", "fast"]


@dataclass(frozen=True, slots=True)
class Contract:
    """What caller and graph agree on.

    Attributes
    ----------
    name
        Name of the artifact in its repository.
    signature
        Columns, outputs and refusal rules.
    mode
        ``exact``, or ``fast`` where a form for speed is offered beside it.
    label
        What the label means, in the words of the one who trained it.
    libraries
        Versions at export.
    wire
        Column name → field number of the typed service, never reused.
    domains
        Operator sets of the graph: domain → version.
    float32
        Paths of the steps that compute in float32 in the form for speed.
    """

    name: str
    signature: Signature
    mode: Mode
    label: str
    libraries: Mapping[str, str]
    wire: Mapping[str, int]
    domains: Mapping[str, int]
    float32: tuple[str, ...] = ()


def contract_to_json(contract: Contract) -> dict[str, Any]:
    """Turn a contract into plain JSON data, format number first."""
    return {"format": FORMAT, **asdict(contract)}


def contract_from_json(data: Any, where: object) -> Contract:
    """Turn JSON data into a contract; `where` is named in errors.

    Raises
    ------
    ArtifactError
        When the format is another or a key is missing, unknown or of another type.
    """
    number = data.get("format") if isinstance(data, dict) else type(data).__name__
    if number not in _READ:
        raise ArtifactError(where, f"expected format {FORMAT}, got {number!r}; use a newer preproc")
    data = {"float32": ()} | data if number == 1 else data
    data = {key: value for key, value in data.items() if key != "format"}
    try:
        signature = dict(data.pop("signature"))
        return Contract(
            signature=Signature(
                kind=signature.pop("kind"),
                columns=tuple(Column(**column) for column in signature.pop("columns")),
                outputs=tuple(
                    Output(**{**output, "names": tuple(output["names"])})
                    for output in signature.pop("outputs")
                ),
                rules=tuple(Rule(**rule) for rule in signature.pop("rules")),
                **signature,
            ),
            float32=tuple(data.pop("float32")),
            **data,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(where, f"expected the keys of format {number}: {error}") from error
