"""The contract at the door: what dtypes and shapes cannot tell of a batch, checked once laid out.

Looked-up values may come with a status and an event time; the contract says which pass, up to
which age, and whether a breach is refused or let through with a mark. Categories that training
never saw and numbers beyond its range are counted or refused; the graph itself knows what to do
with them, as scikit-learn does.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from preproc.contract import Contract
from preproc.interface import contract_digest
from preproc.runtime.layout import Layout
from preproc.signature import MAX_EXACT_INTEGER, NULL_TOKENS
from preproc_server.errors import RequestError
from preproc_server.spans import Span, is_within, spans_of

SKEW_S: Final = 60.0
"""How far two clocks may differ before an event time counts as one of the future."""
_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Policy:
    """What the server decides where the contract leaves a choice.

    Attributes
    ----------
    extra_columns
        Of columns that the contract does not know; counted ones are left out of the batch.
    empty_digest
        Of requests that do not say which contract they were built for.
    unseen_values
        Of categories that training never saw.
    out_of_range
        Of numbers below the smallest or above the largest that training saw.
    """

    extra_columns: Literal["refuse", "count"] = "refuse"
    empty_digest: Literal["count", "refuse"] = "count"
    unseen_values: Literal["ignore", "count", "refuse"] = "count"
    out_of_range: Literal["ignore", "count", "refuse"] = "count"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column stands in the matrices, and what its values may be."""

    column: str
    matrix: str
    index: int
    known: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Freshness:
    """What a looked-up column may bring along; see `preproc.export.export_pipeline`."""

    column: str
    allowed: tuple[str, ...]
    max_age_s: float | None
    is_refused: bool


@dataclass(frozen=True, slots=True)
class Companion:
    """How the look-ups of one column ended; None where a row does not tell.

    Attributes
    ----------
    statuses
        One a row, or none at all.
    event_times_ms
        One a row, or none at all; milliseconds since 1970, UTC.
    """

    statuses: Sequence[str | None] = ()
    event_times_ms: Sequence[int | None] = ()


@dataclass(frozen=True, slots=True)
class Door:
    """What is checked of one model; made at load.

    Attributes
    ----------
    digest
        Of the contract, as callers rely on it.
    words
        Columns of text with known categories.
    wholes
        Columns of whole numbers that travel as float64.
    fresh
        Columns that are looked up.
    spans
        What numbers training saw.
    """

    digest: str
    words: tuple[Place, ...] = ()
    wholes: tuple[Place, ...] = ()
    fresh: tuple[Freshness, ...] = ()
    spans: tuple[Span, ...] = ()


@dataclass(slots=True)
class Findings:
    """What is amiss in a batch.

    Attributes
    ----------
    marks
        (column, reason) → values, to be counted whether they are let through or refused.
    violations
        Of what is refused: field and rule.
    rows
        Positions of rows with such a value; a caller who does not tell marks none.
    """

    marks: defaultdict[tuple[str, str], int] = field(default_factory=partial(defaultdict, int))
    violations: list[tuple[str, str]] = field(default_factory=list)
    rows: set[int] = field(default_factory=set)

    @property
    def flagged(self) -> int:
        """How many values were marked; what a caller did not tell is no mark."""
        marks = self.marks
        return sum(marks[mark] for mark in marks if mark[1] != "untold") if marks else 0

    def refuse(self) -> None:
        """Raise `RequestError`, naming each row, column and rule, where something is refused."""
        if self.violations:
            raise RequestError(self.violations)


def door_of(contract: Contract, layout: Layout, profile: Mapping[str, Any]) -> Door:
    """Make the door of a model from its contract, the layout of its session and its profile."""
    words, wholes, fresh = [], [], []
    for column in contract.signature.columns:
        matrix, index = layout.places[column.name]
        domain = column.domain or {}
        if column.is_text and column.width == 1 and "categories" in domain:
            known = frozenset(domain["categories"]) | set(NULL_TOKENS.values())
            words.append(Place(column.name, matrix, index, known))
        elif column.dtype == "float64" and column.is_whole:
            wholes.append(Place(column.name, matrix, index))
        if column.freshness is not None:
            terms = column.freshness
            is_refused = terms.get("breach", "refuse") == "refuse"
            allowed = tuple(terms.get("allowed", ("OK",)))
            fresh.append(Freshness(column.name, allowed, terms.get("max_age_s"), is_refused))
    spans = spans_of(contract.signature, layout, profile)
    return Door(contract_digest(contract), tuple(words), tuple(wholes), tuple(fresh), spans)


def check_batch(
    door: Door,
    policy: Policy,
    feeds: Mapping[str, NDArray[Any]],
    companions: Mapping[str, Companion],
    now_s: float,
    *,
    is_known: bool = False,
) -> Findings:
    """Check a batch that is laid out.

    Parameters
    ----------
    door, policy
        Of the model and of the server.
    feeds
        Matrix → array (rows, width).
    companions
        Column → how its look-ups ended.
    now_s
        Seconds since 1970, UTC.
    is_known
        Whether all categories were found to be known already.

    Returns
    -------
    Findings
        To be counted first; then its `refuse` raises for the rows that break the contract.
    """
    found = Findings()
    for place in door.wholes:
        _check_whole(place, feeds[place.matrix][:, place.index], found)
    if not is_known and policy.unseen_values != "ignore":
        for place in door.words:
            values = feeds[place.matrix]
            if len(values) > 1 or values[0, place.index] not in place.known:  # mostly it is one row
                _check_words(place, values[:, place.index], policy, found)
    if policy.out_of_range != "ignore":
        for span in door.spans:
            _check_span(span, feeds[span.matrix], policy, found)
    for terms in door.fresh:
        _check_fresh(terms, companions.get(terms.column, Companion()), now_s, found)
    return found


def _check_whole(place: Place, values: NDArray[np.float64], found: Findings) -> None:
    is_large = (np.abs(values) > MAX_EXACT_INTEGER) & np.isfinite(values)
    for row in np.flatnonzero(is_large).tolist():
        rule = (
            "expected a whole number of magnitude at most 2^53, which float64 holds exactly, "
            f"got {float(values[row])!r}"
        )
        found.violations.append((f"rows[{row}].{place.column}", rule))
        found.rows.add(row)


def _check_words(
    place: Place, values: NDArray[np.object_], policy: Policy, found: Findings
) -> None:
    words = values.tolist()
    if place.known.issuperset(words):
        return
    unseen = set(words) - place.known
    rows = [row for row, word in enumerate(words) if word in unseen]
    found.marks[place.column, "unseen"] += len(rows)
    found.rows.update(rows)
    if policy.unseen_values == "refuse":
        for row in rows:
            rule = f"expected a category that training saw, got {words[row][:_SHOWN]!r}"
            found.violations.append((f"rows[{row}].{place.column}", rule))


def _check_span(span: Span, values: NDArray[Any], policy: Policy, found: Findings) -> None:
    if len(values) == 1 and is_within(span, values[0].tolist()):
        return
    is_out = (values < span.low) | (values > span.high)  # false for NaN, which is a null
    if not np.count_nonzero(is_out):  # sooner than any() on a few rows
        return
    for at in np.flatnonzero(is_out.any(axis=0)).tolist():
        found.marks[span.columns[at], "range"] += int(is_out[:, at].sum())
    found.rows.update(np.flatnonzero(is_out.any(axis=1)).tolist())
    if policy.out_of_range == "refuse":
        for row, at in np.argwhere(is_out).tolist():
            rule = f"expected {span.texts[at]}, got {values[row, at].item()!r}"
            found.violations.append((f"rows[{row}].{span.columns[at]}", rule))


def _check_fresh(terms: Freshness, told: Companion, now_s: float, found: Findings) -> None:
    if not told.statuses and not told.event_times_ms:
        found.marks[terms.column, "untold"] += 1
        return
    breaches = [
        (row, "status", f"expected a look-up that ended {' or '.join(terms.allowed)}, got {status}")
        for row, status in enumerate(told.statuses)
        if status is not None and status not in terms.allowed
    ]
    for row, event_ms in enumerate(told.event_times_ms):
        if event_ms is None:
            continue
        age_s = now_s - event_ms / 1000
        if terms.max_age_s is not None and age_s > terms.max_age_s:
            rule = f"expected an age of at most {terms.max_age_s:g} s, got {age_s:.0f} s"
            breaches.append((row, "age", rule))
        elif age_s < -SKEW_S:
            rule = f"expected an event time of the past, got one {-age_s:.0f} s ahead"
            breaches.append((row, "future", rule))
    for row, reason, rule in breaches:
        found.marks[terms.column, reason] += 1
        found.rows.add(row)
        if terms.is_refused:
            found.violations.append((f"rows[{row}].{terms.column}", rule))
