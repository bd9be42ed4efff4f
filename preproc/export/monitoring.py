"""Training data as the monitor will see live traffic: in blocks, with the graph's own answers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from preproc.drift.baseline import baseline_of, baseline_to_json, worth_of
from preproc.drift.blocks import Blocks
from preproc.drift.cadence import DAY_S, Cadence, cadence_of, is_zone
from preproc.drift.calibration import MIN_ROWS, held_out
from preproc.drift.outcomes import (
    Outcomes,
    expected_of,
    outcomes_of,
    outcomes_to_json,
    truth_of,
)
from preproc.drift.places import Part
from preproc.errors import ExportError
from preproc.export.sampling import rows_at
from preproc.runtime import Session
from preproc.runtime.feeding import columns_of, frame_of, is_sparse
from preproc.signature import Signature
from preproc.wording import counted

MAX_CELLS: Final = 60_000_000
"""Values of training data that are looked at: half a gigabyte."""
CHUNK_ROWS: Final = 65_536

Labelled = tuple[Any, Any, Any]
"""Data, target and blocks of some rows."""
Values = dict[tuple[Part, str, int], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Division:
    """Training rows in blocks.

    Attributes
    ----------
    codes
        Block of each row, (n,), in the order of time; -1 for rows of blocks that are too small.
    in_time
        The same for the replay in time, where blocks are drawn by chance.
    unit, cadence
        As of `baseline_of`.
    """

    codes: NDArray[np.int64]
    in_time: NDArray[np.int64]
    unit: str
    cadence: Cadence | None


@dataclass(frozen=True, slots=True)
class Rates:
    """What the caller wants of the monitor.

    Attributes
    ----------
    false_alarms
        Share of quiet windows that may alarm, between 0 and 1.
    left_out
        Columns that are not watched, beside those that hold times.
    seed
        Of all divisions.
    """

    false_alarms: float
    left_out: tuple[str, ...]
    seed: int


def monitored(
    session: Session, training: Labelled, held_out: Labelled | None, rates: Rates
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Freeze and calibrate what live traffic will be held against.

    Parameters
    ----------
    session
        The graph, which answers all rows.
    training
        Data as given to the export, target (n,) or None, and blocks: labels (n,), or a number.
    held_out
        Rows that were not trained on, likewise, by which later labels are judged.
    rates
        What is wanted.

    Returns
    -------
    tuple
        Line of the certificate and parts of the profile, as plain JSON data.

    Raises
    ------
    ExportError
        When blocks, rate or columns are none.
    """
    signature = session.signature
    known = [column.name for column in signature.columns]
    if strange := sorted(set(rates.left_out) - set(known)):
        raise ExportError("", f"unwatched: expected columns that are read, got {strange}")
    if not 0 < rates.false_alarms < 1:
        raise ExportError("", f"false_alarms: expected a share above 0, got {rates.false_alarms!r}")
    # The time itself is always beyond training: it tells when, not what.
    moments = (column.name for column in signature.columns if column.moment)
    left_out = {*rates.left_out, *moments}
    data, target, blocks = training
    division = divide(blocks, _rows(data), np.random.default_rng(rates.seed))
    kept = _kept_rows(division, signature, np.random.default_rng(rates.seed))
    values, answers = _values(session, data, kept, left_out)
    codes = division.codes[kept]
    baseline = baseline_of(
        Blocks(values, codes, int(codes.max()) + 1),
        Blocks(values, division.in_time[kept], int(division.in_time.max()) + 1),
        false_alarms=rates.false_alarms,
        unit=division.unit,
        cadence=division.cadence,
        left_out=left_out,
        seed=rates.seed,
    )
    if held_out is None:
        outcomes = _outcomes(signature, answers, target, kept, codes)
        outcomes = outcomes and replace(outcomes, is_in_sample=True)
    else:
        outcomes = _held_outcomes(session, held_out, rates.seed)
    parts = {
        "monitor": baseline_to_json(baseline),
        "outcomes": None if outcomes is None else outcomes_to_json(outcomes),
    }
    return worth_of(baseline), parts


def held_rows(pipeline: Any, held_out: Sequence[Any] | None, blocks: Any) -> Labelled | None:
    """Take rows apart that were not trained on.

    Raises
    ------
    ExportError
        When they are not ``(X, y)`` or ``(X, y, blocks)``, or have no blocks.
    """
    if held_out is None:
        return None
    if not isinstance(held_out, tuple | list) or len(held_out) not in {2, 3}:
        raise ExportError("", "held_out: expected (X, y), or (X, y, blocks), got something else")
    if blocks is None:
        raise ExportError("", "held_out: expected blocks= beside it, got none")
    data, target, *rest = held_out
    own = rest[0] if rest else blocks
    if not rest and not isinstance(blocks, str | int):
        raise ExportError(
            "", "held_out: expected (X, y, blocks), since blocks= is neither a column nor a number"
        )
    data, own = without_blocks(pipeline, data, own)
    if target is None or len(np.asarray(target)) != _rows(data):
        raise ExportError(
            "", f"held_out: expected {counted(_rows(data), 'label')}, one a row, got others"
        )
    return data, target, own


def without_blocks(pipeline: Any, data: Any, blocks: Any) -> tuple[Any, Any]:
    """Take a column of blocks out of data, which the pipeline was not fitted on.

    Raises
    ------
    ExportError
        When there is no such column.
    """
    if not isinstance(blocks, str):
        return data, blocks
    if not nw.dependencies.is_into_dataframe(data) or blocks not in frame_of(data).columns:
        raise ExportError("", f"blocks: expected a column of the data, got {blocks!r}")
    frame = frame_of(data)
    is_read = blocks in getattr(pipeline, "feature_names_in_", ())
    return data if is_read else frame.drop(blocks).to_native(), frame[blocks].to_native()


def divide(blocks: Any, rows: int, draw: np.random.Generator) -> Division:
    """Give each row its block.

    Raises
    ------
    ExportError
        When there is no label for a row, or too few rows a block.
    """
    if isinstance(blocks, int) and not isinstance(blocks, bool):
        return _by_number(blocks, rows, draw)
    labels, cadence = _labels(blocks)
    if len(labels) != rows:
        raise ExportError(
            "", f"blocks: expected {counted(rows, 'label')}, one a row, got {len(labels)}"
        )
    names, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    is_kept = counts >= MIN_ROWS
    if not is_kept.any():
        raise ExportError(
            "",
            f"blocks: expected at least {MIN_ROWS} rows in a block, got {int(counts.max())} at "
            f"most in {len(names)} blocks; bring times down to days, say",
        )
    renumbered = np.where(is_kept, np.cumsum(is_kept) - 1, -1)
    codes = renumbered[codes.reshape(-1)]
    length = cadence.window_s if cadence else None
    unit = {DAY_S: "days", 3600.0: "hours", 7 * DAY_S: "weeks"}.get(length or 0, "blocks")
    return Division(codes, codes, unit, cadence)


def _by_number(size: int, rows: int, draw: np.random.Generator) -> Division:
    """Draw rows into blocks; the replay in time takes the last fifth of them as they stand."""
    if size < MIN_ROWS:
        raise ExportError("", f"blocks: expected at least {MIN_ROWS} rows in a block, got {size}")
    number = rows // size
    if not number:
        raise ExportError("", f"blocks: expected at least {size} rows, one block, got {rows}")
    in_order = np.minimum(np.arange(rows) // size, number - 1)
    drawn = in_order[draw.permutation(rows)]
    standing = in_order.copy()
    first = in_order < number - held_out(number)
    standing[first] = draw.permutation(in_order[first])
    unit = f"{size} rows drawn by chance, taken for independent"
    return Division(drawn, standing, unit, Cadence(None, rows=size))


def _labels(blocks: Any) -> tuple[NDArray[Any], Cadence | None]:
    """Find labels that sort in time, and how they follow each other where they are times.

    Days and longer blocks begin by the clock of the labels' own zone, UTC where they have none.
    Shorter ones are told apart by UTC, where no hour comes twice.
    """
    if nw.dependencies.is_into_series(blocks):
        series = nw.from_native(blocks, series_only=True)
    else:
        return _checked(np.asarray(blocks))
    if series.is_null().any():
        raise ExportError("", "blocks: expected a label for each row, got nulls")
    if isinstance(series.dtype, nw.Datetime):
        zone = series.dtype.time_zone or "UTC"
        if is_zone(zone):
            labels, cadence = _checked(series.dt.replace_time_zone(None).to_numpy(), zone)
            if zone == "UTC" or (cadence and not (cadence.window_s or 0) % DAY_S):
                return labels, cadence
        series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return _checked(series.to_numpy())


def _checked(labels: NDArray[Any], zone: str = "UTC") -> tuple[NDArray[Any], Cadence | None]:
    if labels.ndim != 1:
        raise ExportError("", f"blocks: expected labels (n,), got shape {labels.shape}")
    if labels.dtype.kind == "O":
        kinds = sorted({type(label).__name__ for label in labels.tolist()})
        if len(kinds) > 1:
            raise ExportError("", f"blocks: expected labels of one kind, got {kinds}")
        if kinds == ["date"]:
            labels = labels.astype("datetime64[D]")
    if labels.dtype.kind in "fM" and np.isnan(labels).any():
        raise ExportError("", "blocks: expected a label for each row, got nulls")
    if labels.dtype.kind != "M":
        return labels, None
    return labels, cadence_of(np.unique(labels), zone)


def _rows(data: Any) -> int:
    return int(data.shape[0]) if is_sparse(data) else len(data)


def _kept_rows(
    division: Division, signature: Signature, draw: np.random.Generator
) -> NDArray[np.int64]:
    """Choose the rows that are looked at: those of blocks, thinned where they are too many."""
    rows = len(division.codes)
    cells = rows * sum(column.width for column in signature.columns)
    share = min(1.0, MAX_CELLS / cells)
    return np.flatnonzero((division.codes >= 0) & (draw.random(rows) < share))


def _values(
    session: Session, data: Any, kept: NDArray[np.int64], left_out: Collection[str]
) -> tuple[Values, Mapping[str, NDArray[Any]]]:
    """Take what is watched apart into places; answer all rows by the graph."""
    signature = session.signature
    names = [column.name for column in signature.columns]
    frame = frame_of(data).select(names) if signature.kind == "frame" else None
    parts: list[dict[str, NDArray[Any]]] = []
    answers: list[Mapping[str, NDArray[Any]]] = []
    for start in range(0, len(kept), CHUNK_ROWS):
        at = kept[start : start + CHUNK_ROWS]
        part = rows_at(data, at) if frame is None else frame[at.tolist()].to_native()
        columns = {n: v.reshape(len(at), -1) for n, v in columns_of(part, signature).items()}
        parts.append(columns)
        answers.append(session.run_prepared(session.pack(columns)))
    values: Values = {}
    for column in signature.columns:
        if column.name not in left_out:
            joined = np.concatenate([part[column.name] for part in parts])
            values |= {("input", column.name, at): place for at, place in enumerate(joined.T)}
    whole = {
        output.name: np.concatenate([answer[output.name] for answer in answers])
        for output in signature.outputs
    }
    for name, array in whole.items():
        matrix = array.reshape(len(array), -1)
        values |= {("output", name, at): place for at, place in enumerate(matrix.T)}
    return values, whole


def _held_outcomes(session: Session, held_out: Labelled, seed: int) -> Outcomes | None:
    """Add up what came true in rows that were not trained on."""
    data, target, blocks = held_out
    division = divide(blocks, _rows(data), np.random.default_rng(seed))
    kept = _kept_rows(division, session.signature, np.random.default_rng(seed))
    every = {column.name for column in session.signature.columns}
    answers = _values(session, data, kept, every)[1]
    return _outcomes(session.signature, answers, target, kept, division.codes[kept])


def _outcomes(
    signature: Signature,
    answers: Mapping[str, NDArray[Any]],
    target: Any,
    kept: NDArray[np.int64],
    codes: NDArray[np.int64],
) -> Outcomes | None:
    """Add up what came true in training; None without a target of one column."""
    if target is None:
        return None
    labels = np.asarray(target)[kept]
    found = expected_of(signature, answers)
    if found is None or labels.ndim != 1:
        return None
    kind, positive, expected = found
    predicted = next((answers[o.name] for o in signature.outputs if o.role == "label"), None)
    if kind == "confidence" and predicted is None:
        return None
    is_number = np.isfinite(expected)
    truth = truth_of(kind, positive, labels, predicted)
    return outcomes_of(kind, positive, expected[is_number], truth[is_number], codes[is_number])
