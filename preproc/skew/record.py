"""The format of a request log: what a row holds, and what a file says of its rows.

A log is a folder. Below ``model=<name>/artifact=<digest>/date=<day>/hour=<hour>/`` stand files of
rows, by the day and hour (UTC) in which a file was begun. ``.arrows``, an Arrow IPC stream, is
being written or was left by a crash; ``.parquet`` is whole. Both have one schema, whose metadata
hold the `Head` as JSON under ``preproc.log``. Each batch of a stream, and each Parquet file, also
tells under ``preproc.counts`` how many rows were seen and dropped, so that the real rate is known.

A row holds ``in.<column>`` as it came, text nulls as their tokens, ``out.<output>`` as it was
answered, and the columns of `OWN`; a looked-up column adds ``lookup.<column>.status`` and
``lookup.<column>.age_ms``.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from preproc.errors import LogError
from preproc.signature import TEXT

FORMAT: Final = 1
HEAD: Final = b"preproc.log"
COUNTS: Final = b"preproc.counts"
INPUT: Final = "in."
OUTPUT: Final = "out."

ANSWERED: Final = "answered"
REFUSED: Final = "refused"
TURNED_AWAY: Final = "turned away"
"""Outcomes: by the graph, by a rule of the graph, and at the door, before the graph."""

OWN: Final[Mapping[str, pa.DataType]] = {
    "request_id": pa.string(),
    "row": pa.int32(),
    "trace_id": pa.string(),
    "at": pa.timestamp("us", "UTC"),
    "latency_us": pa.int64(),
    "client": pa.string(),
    "outcome": pa.string(),
    "row_error": pa.int32(),
    "is_sampled": pa.bool_(),
    "weight": pa.float64(),
    "policy": pa.string(),
    "propensity": pa.float64(),
}
"""Columns of every log.

``row``: position in its batch. ``trace_id``: of W3C's ``traceparent``, empty without one.
``latency_us``: from the arrival of the call to its answer. ``is_sampled``: chosen by the hash of
the key; the others are there because they are rare: refused, unseen, out of range, stale.
``weight``: how many rows of the traffic a row stands for. ``policy``, ``propensity``: by whom, and
how probably, the decision was made that the answer serves, where the client tells.
"""


@dataclass(frozen=True, slots=True)
class Field:
    """One column or output of a log.

    Attributes
    ----------
    name
        Of the contract.
    dtype
        numpy name of what is written, ``string`` for text.
    width
        Values a row; 0 for an output that has one and no second dimension.
    action
        What the policy does to it; dropped ones are not written.
    """

    name: str
    dtype: str
    width: int
    action: str = "keep"


@dataclass(frozen=True, slots=True)
class Head:
    """What holds for all rows of a file.

    Attributes
    ----------
    model, version
        Where the artifact stands in its repository.
    artifact, contract
        Digests, hexadecimal.
    path
        Folder of the artifact on the machine that served it.
    host, process
        Where the rows were answered.
    key
        Column whose hash chose the rows, empty for the id of the request.
    rate
        Share of the keys that are chosen, above 0 and at most 1.
    backend, form
        What computed the answers, and which form of the graph it ran.
    columns, outputs
        What a row holds.
    looked_up
        Columns whose look-up tells status and age.
    """

    model: str
    version: int
    artifact: str
    contract: str
    path: str
    host: str
    process: int
    key: str
    rate: float
    backend: str = ""
    form: str = "packed"
    columns: tuple[Field, ...] = ()
    outputs: tuple[Field, ...] = ()
    looked_up: tuple[str, ...] = ()

    @property
    def obstacle(self) -> str:
        """Why rows cannot be answered once more and compared; empty where they can."""
        changed = [f"{one.name!r} ({one.action})" for one in self.columns if one.action != "keep"]
        if changed:
            return (
                f"the policy changed columns {', '.join(changed)}, so that no pipeline can read "
                "their rows"
            )
        if self.form == "halves":
            return (
                f"backend {self.backend!r} computed in halves, of which the certificate tells no "
                "bound; prove it by preproc parity"
            )
        return ""


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of the traffic behind some rows of a log.

    Attributes
    ----------
    seen
        Rows that were answered or refused.
    dropped
        Rows that were to be logged and for which there was no room or no disk.
    """

    seen: int = 0
    dropped: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.seen + other.seen, self.dropped + other.dropped)

    def to_metadata(self) -> dict[bytes, bytes]:
        """Write as metadata of Arrow."""
        return {COUNTS: json.dumps(asdict(self)).encode()}


def schema_of(head: Head) -> pa.Schema:
    """Make the schema of a file."""
    fields = [pa.field(name, kind) for name, kind in OWN.items()]
    for prefix, told in ((INPUT, head.columns), (OUTPUT, head.outputs)):
        fields += [
            pa.field(prefix + field.name, type_of(field))
            for field in told
            if field.action != "drop"
        ]
    for name in head.looked_up:
        fields.append(pa.field(status_name(name), pa.string()))
        fields.append(pa.field(age_name(name), pa.int64()))
    told_head = json.dumps({"format": FORMAT, **asdict(head)}).encode()
    return pa.schema(fields, metadata={HEAD: told_head})


def type_of(field: Field) -> pa.DataType:
    """Give Arrow's type of a column; several values a row are a list of fixed size."""
    one = pa.string() if field.dtype == TEXT else pa.from_numpy_dtype(np.dtype(field.dtype))
    return pa.list_(one, field.width) if field.width > 1 else one


def head_of(schema: pa.Schema, where: object) -> Head:
    """Read the head of a file; `where` is named in errors.

    Raises
    ------
    LogError
        When it is no file of a log, or of another format.
    """
    told = (schema.metadata or {}).get(HEAD)
    try:
        data = json.loads(told or "")
        if data.pop("format") != FORMAT:
            raise LogError(f"log {str(where)!r}: expected format {FORMAT}; use a newer preproc")
        for key in ("columns", "outputs"):
            data[key] = tuple(Field(**item) for item in data[key])
        return Head(**{**data, "looked_up": tuple(data["looked_up"])})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LogError(
            f"log {str(where)!r}: expected a file of a request log, got another: {error}"
        ) from error


def counts_of(metadata: Mapping[bytes, bytes] | None) -> Counts:
    """Read the counts of a batch or file; nothing where none are told."""
    told = (metadata or {}).get(COUNTS)
    return Counts(**json.loads(told)) if told else Counts()


def status_name(column: str) -> str:
    """Name the status of a looked-up column."""
    return f"lookup.{column}.status"


def age_name(column: str) -> str:
    """Name the age of a looked-up column, milliseconds at the arrival of the call."""
    return f"lookup.{column}.age_ms"
