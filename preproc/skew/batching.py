"""Calls that were answered → one Arrow batch of the rows that are kept."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, Protocol
from zlib import crc32

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from preproc.signature import ROW_ERROR, TEXT, Signature
from preproc.skew.privacy import Privacy, key_text, treated
from preproc.skew.record import (
    ANSWERED,
    INPUT,
    OUTPUT,
    OWN,
    REFUSED,
    TURNED_AWAY,
    Field,
    Head,
    age_name,
    schema_of,
    status_name,
    type_of,
)

TRACE_HEADER: Final = "traceparent"
CLIENT_HEADER: Final = "user-agent"
ID_HEADER: Final = "x-request-id"
POLICY_HEADER: Final = "x-preproc-policy"
PROPENSITY_HEADER: Final = "x-preproc-propensity"
_TRACE: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")
_NO_TRACE: Final = "0" * 32

Headers = Sequence[tuple[str, str | bytes]]
Arrays = Mapping[str, NDArray[Any]]


class Told(Protocol):
    """How the look-ups of one column ended; one entry a row, or none at all."""

    @property
    def statuses(self) -> Sequence[str | None]:
        """Statuses."""

    @property
    def event_times_ms(self) -> Sequence[int | None]:
        """Milliseconds since 1970, UTC."""


class Offer(NamedTuple):
    """One call, as it is handed over: references to what is there already, nothing computed.

    Attributes
    ----------
    rows
        Of the batch.
    feeds
        Matrix → array (rows, width).
    answers
        Output → array, ``row_error`` among them; None for a call turned away at the door.
    request_id
        By which it can be found again.
    is_sampled
        Whether the hash of the id chose it; None where a column decides.
    marked
        Rows with something amiss.
    at_s
        Seconds since 1970, UTC.
    latency_ns
        From its arrival to its answer.
    headers
        Of the call.
    told
        Column → how its look-ups ended.
    policy, propensity
        Of the decision, where the request tells; empty and NaN elsewhere.
    """

    rows: int
    feeds: Arrays
    answers: Arrays | None
    request_id: str
    is_sampled: bool | None
    marked: Collection[int]
    at_s: float
    latency_ns: int
    headers: Headers
    told: Mapping[str, Told]
    policy: str = ""
    propensity: float = np.nan


@dataclass(frozen=True, slots=True)
class Source:
    """One version of a model, and how its rows are written.

    Attributes
    ----------
    head
        Of its files.
    schema
        Likewise.
    signature
        Columns and outputs.
    places
        Column → matrix, first index along its second axis.
    privacy
        What is done to its values.
    """

    head: Head
    schema: pa.Schema
    signature: Signature
    places: Mapping[str, tuple[str, int]]
    privacy: Privacy


def source_of(
    head: Head,
    signature: Signature,
    places: Mapping[str, tuple[str, int]],
    privacy: Privacy,
) -> Source:
    """Complete a head by what a signature and a policy say of its columns."""
    columns = []
    for column in signature.columns:
        action = privacy.of_column(column.name).action
        changed = {"hmac": TEXT, "bin": "float64"}.get(action)
        if action == "truncate" and not column.is_text:
            changed = "float64"
        columns.append(Field(column.name, changed or column.dtype, column.width, action))
    outputs = [
        Field(output.name, output.dtype, output.width or 0, privacy.of_output(output.name).action)
        for output in signature.outputs
    ]
    looked_up = [column.name for column in signature.columns if column.freshness is not None]
    whole = replace(
        head, columns=tuple(columns), outputs=tuple(outputs), looked_up=tuple(looked_up)
    )
    return Source(whole, schema_of(whole), signature, places, privacy)


def is_chosen(key: str, rate: float) -> bool:
    """Tell by the hash of a key whether its rows are sampled; the same everywhere and always."""
    return crc32(key.encode("utf-8", "surrogatepass")) < rate * 2**32


def batch_of(source: Source, offers: Sequence[Offer]) -> pa.RecordBatch:
    """Choose the rows that are kept, treat their columns, and lay them out.

    Parameters
    ----------
    source
        Of all of the calls.
    offers
        At least one.

    Returns
    -------
    pyarrow.RecordBatch
        Of the source's schema; may hold no rows.
    """
    rows = [offer.rows for offer in offers]
    columns = _columns(source, offers)
    errors = np.concatenate([_errors(offer) for offer in offers])
    is_away = np.repeat([offer.answers is None for offer in offers], rows)
    is_rare = is_away | (errors != 0) | _marks(offers, rows)
    is_sampled = _sampled(source.head, offers, columns)
    kept = np.flatnonzero(is_sampled | is_rare)
    own = {
        "row": np.concatenate([np.arange(count, dtype=np.int32) for count in rows]),
        "outcome": np.where(is_away, TURNED_AWAY, np.where(errors != 0, REFUSED, ANSWERED)),
        "row_error": errors,
        "is_sampled": is_sampled,
        "weight": np.where(is_rare, 1.0, 1.0 / source.head.rate),
    }
    arrays = {name: pa.array(values[kept], OWN[name]) for name, values in own.items()}
    arrays |= _of_calls(offers, np.repeat(np.arange(len(offers)), rows)[kept])
    for column, field in zip(source.signature.columns, source.head.columns, strict=True):
        treatment = source.privacy.of_column(field.name)
        values = columns[field.name][kept]
        values = values.reshape(-1) if field.width == 1 else values
        done = treated(column, values, source.privacy, treatment)
        if done is not None:
            arrays[INPUT + field.name] = _arrow(done, field)
    for field in source.head.outputs:
        if field.action != "drop":
            values = np.concatenate([_answers(offer, field) for offer in offers])[kept]
            arrays[OUTPUT + field.name] = _arrow(values, field, is_away[kept])
    arrays |= _lookups(source.head, offers, kept)
    schema = source.schema
    ordered = [arrays[name].cast(OWN.get(name, arrays[name].type)) for name in schema.names]
    return pa.RecordBatch.from_arrays(ordered, schema=schema)


def sampled_of(source: Source, offers: Sequence[Offer]) -> tuple[Arrays, Arrays]:
    """Give the rows that the hash chose and the graph took, as they came: inputs and answers."""
    asked = [offer for offer in offers if offer.answers is not None]
    if not asked:
        return {}, {}
    columns = _columns(source, asked)
    kept = np.flatnonzero(_sampled(source.head, asked, columns))
    answers = {
        output.name: np.concatenate([(offer.answers or {})[output.name] for offer in asked])[kept]
        for output in source.signature.outputs
    }
    return {name: values[kept] for name, values in columns.items()}, answers


def header_of(headers: Headers, wanted: str) -> str:
    """Find a header as text, empty where there is none."""
    for name, value in headers:
        if name == wanted:
            return _text(value)
    return ""


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode(errors="replace")


def _columns(source: Source, offers: Sequence[Offer]) -> dict[str, NDArray[Any]]:
    """Join the calls' matrices and take them apart into columns (rows, width)."""
    joined = {
        name: np.concatenate([offer.feeds[name] for offer in offers])
        for name in {matrix for matrix, _ in source.places.values()}
    }
    found = {}
    for column in source.signature.columns:
        matrix, start = source.places[column.name]
        found[column.name] = joined[matrix][:, start : start + column.width]
    return found


def _errors(offer: Offer) -> NDArray[np.int32]:
    return np.zeros(offer.rows, np.int32) if offer.answers is None else offer.answers[ROW_ERROR]


def _marks(offers: Sequence[Offer], rows: Sequence[int]) -> NDArray[np.bool_]:
    """Mark the rows of which something is amiss."""
    marks = np.zeros(sum(rows), bool)
    for start, offer in zip(np.cumsum([0, *rows]).tolist(), offers, strict=False):
        if offer.marked:
            marks[[start + row for row in offer.marked]] = True
    return marks


def _sampled(
    head: Head, offers: Sequence[Offer], columns: Mapping[str, NDArray[Any]]
) -> NDArray[np.bool_]:
    if not head.key:
        chosen = [bool(offer.is_sampled) for offer in offers]
        return np.repeat(chosen, [offer.rows for offer in offers])
    cells = columns[head.key][:, 0].tolist()
    return np.array([is_chosen(key_text(cell), head.rate) for cell in cells], bool)


def _of_calls(offers: Sequence[Offer], calls: NDArray[np.int64]) -> dict[str, pa.Array]:
    """Columns that are the same for all rows of a call; `calls` are positions, one a row."""
    used, at = np.unique(calls, return_inverse=True)
    told = [offers[call] for call in used.tolist()]
    headers = [{name: _text(value) for name, value in offer.headers} for offer in told]
    decisions = [_decision(*both) for both in zip(told, headers, strict=True)]
    values = {
        "request_id": pa.array([offer.request_id for offer in told], pa.string()),
        "trace_id": pa.array([_trace(of.get(TRACE_HEADER, "")) for of in headers], pa.string()),
        "at": pa.array([round(offer.at_s * 1e6) for offer in told], pa.int64()),
        "latency_us": pa.array([offer.latency_ns // 1000 for offer in told], pa.int64()),
        "client": pa.array([of.get(CLIENT_HEADER, "") for of in headers], pa.string()),
        "policy": pa.array([policy for policy, _ in decisions], pa.string()),
        "propensity": pa.array([share for _, share in decisions], pa.float64(), from_pandas=True),
    }
    return {name: array.take(pa.array(at)) for name, array in values.items()}


def _trace(header: str) -> str:
    """Give the trace id of W3C's header, empty where there is none or it is malformed."""
    found = _TRACE.fullmatch(header) if header else None
    return found[1] if found and found[1] != _NO_TRACE else ""


def _decision(offer: Offer, headers: Mapping[str, str]) -> tuple[str, float]:
    """Give policy and propensity: parameters go over headers; what is no probability is NaN."""
    policy = offer.policy or headers.get(POLICY_HEADER, "")
    share = offer.propensity
    if share != share and PROPENSITY_HEADER in headers:  # noqa: PLR0124  # NaN
        try:
            share = float(headers[PROPENSITY_HEADER])
        except ValueError:
            share = np.nan
    return policy, share if 0 < share <= 1 else np.nan


def _answers(offer: Offer, field: Field) -> NDArray[Any]:
    """Give an output (rows, ...); of a call that was turned away, something in its place."""
    if offer.answers is not None:
        return offer.answers[field.name]
    shape = (offer.rows, field.width) if field.width else (offer.rows,)
    is_text = field.dtype == TEXT
    return np.full(shape, "" if is_text else 0, object if is_text else field.dtype)


def _arrow(
    values: NDArray[Any], field: Field, is_absent: NDArray[np.bool_] | None = None
) -> pa.Array:
    """Turn (n,) or (n, width) into Arrow's column; absent rows become nulls, NaN stays NaN."""
    kind = type_of(field)
    if field.width <= 1:
        return pa.array(values.reshape(-1), kind, mask=is_absent, from_pandas=False)
    flat = pa.array(values.reshape(-1), kind.value_type, from_pandas=False)
    mask = None if is_absent is None else pa.array(is_absent)
    return pa.FixedSizeListArray.from_arrays(flat, type=kind, mask=mask)


def _lookups(head: Head, offers: Sequence[Offer], kept: NDArray[np.int64]) -> dict[str, pa.Array]:
    """Status and age of each look-up; null where a caller does not tell."""
    found = {}
    for name in head.looked_up:
        statuses: list[str | None] = []
        ages: list[int | None] = []
        for offer in offers:
            told = offer.told.get(name)
            untold = [None] * offer.rows
            now_ms = round(offer.at_s * 1000)
            statuses += list(told.statuses) if told and told.statuses else untold
            times = told.event_times_ms if told and told.event_times_ms else untold
            ages += [None if time is None else now_ms - time for time in times]
        rows = pa.array(kept)
        found[status_name(name)] = pa.array(statuses, pa.string()).take(rows)
        found[age_name(name)] = pa.array(ages, pa.int64()).take(rows)
    return found
