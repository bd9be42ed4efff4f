"""Logged rows in memory, cut into windows of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.drift.cadence import Cadence, zone_of
from preproc.errors import LogError
from preproc.runtime.feeding import unit_of
from preproc.signature import NAT, Signature
from preproc.skew.log import Part, Rows, rows_of
from preproc.wording import counted

LEAD: Final = 0.25
"""Share of a window that may lie before the first row of a log, or after its last: nights."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Rows that were answered or refused, in the order of time.

    Attributes
    ----------
    keys
        Request and position in it, (n,), text.
    at
        When they were asked, or what `timed` reads, (n,), datetime64[us] in UTC.
    inputs, answers
        Column or output → array of n rows; what was not logged as it came is missing.
    groups
        ``client``, ``host``, ``artifact`` → text of each row, (n,).
    hidden
        Columns and outputs that the policy dropped or changed.
    """

    keys: NDArray[np.str_]
    at: NDArray[np.datetime64]
    inputs: Mapping[str, NDArray[Any]]
    answers: Mapping[str, NDArray[Any]]
    groups: Mapping[str, NDArray[Any]]
    hidden: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class Windows:
    """Which window each row falls in.

    Attributes
    ----------
    codes
        (n,), from 0 in the order of time; -1 for rows of windows that are not whole.
    starts
        Of each window, (w,), as text.
    ends
        When each was over, (w,), datetime64[us] in UTC.
    partial
        Starts of the windows that are not whole.
    """

    codes: NDArray[np.int64]
    starts: tuple[str, ...]
    ends: NDArray[np.datetime64]
    partial: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.starts)


def traffic_of(parts: Sequence[Part]) -> Traffic:
    """Read what a log holds of some artifacts of one model: the rows that the hash chose.

    Rows that are kept because they are rare would count twice; the hash is fair.

    Raises
    ------
    LogError
        When there are none, or a file is damaged.
    """
    pieces = [piece for part in parts for file in part.files for piece in rows_of(file)]
    kept = [(piece, np.flatnonzero(_column(piece, "is_sampled").astype(bool))) for piece in pieces]
    kept = [(piece, at) for piece, at in kept if at.size]
    if not kept:
        names = sorted({part.model for part in parts})
        raise LogError(f"log of {names}: expected sampled rows that were answered, got none")
    fields = [[f for f in piece.head.columns if f.action == "keep"] for piece, _ in kept]
    columns = set.intersection(*({field.name for field in some} for some in fields))
    outputs = set.intersection(*(set(piece.answers) for piece, _ in kept))
    seen = {field.name for piece, _ in kept for field in (*piece.head.columns, *piece.head.outputs)}
    groups = {
        "client": _joined([_column(piece, "client")[at] for piece, at in kept]),
        "host": np.concatenate([np.full(len(at), piece.head.host, object) for piece, at in kept]),
        "artifact": np.concatenate(
            [np.full(len(at), piece.head.artifact, object) for piece, at in kept]
        ),
    }
    traffic = Traffic(
        keys=_joined([_keys(piece)[at] for piece, at in kept]).astype(str),
        at=_joined([_column(piece, "at")[at] for piece, at in kept]).astype("datetime64[us]"),
        inputs={n: _joined([piece.inputs[n][at] for piece, at in kept]) for n in sorted(columns)},
        answers={n: _joined([piece.answers[n][at] for piece, at in kept]) for n in sorted(outputs)},
        groups=groups,
        hidden=tuple(sorted(seen - columns - outputs)),
    )
    return taken(traffic, np.argsort(traffic.at, kind="stable"))


def taken(traffic: Traffic, at: NDArray[Any]) -> Traffic:
    """Take some rows, by position or mask."""
    return replace(
        traffic,
        keys=traffic.keys[at],
        at=traffic.at[at],
        inputs={name: values[at] for name, values in traffic.inputs.items()},
        answers={name: values[at] for name, values in traffic.answers.items()},
        groups={name: values[at] for name, values in traffic.groups.items()},
    )


def timed(traffic: Traffic, name: str, signature: Signature) -> Traffic:
    """Put rows in the order of a time that they hold, such as a departure, in place of the call's.

    For calls that come long before or after what they are about: bookings, nightly batches, history
    that is answered once more. Training's blocks are days of such a time too.

    Parameters
    ----------
    traffic
        As `traffic_of` reads it.
    name
        Column of times; those without a zone are taken for UTC.
    signature
        Of the artifact.

    Raises
    ------
    LogError
        When it is no column of times, or was not logged, or a row has none.
    """
    moments = {column.name: column.moment for column in signature.columns if column.moment}
    known = sorted(set(moments) & set(traffic.inputs))
    if name not in known:
        raise LogError(f"time: expected a logged column of times, {known}, got {name!r}")
    ticks = traffic.inputs[name].reshape(-1)
    if absent := int((ticks == NAT).sum()):
        raise LogError(
            f"time: expected one in each row of {name!r}, got {counted(absent, 'row')} without"
        )
    at = ticks.view(f"datetime64[{unit_of(moments[name])}]").astype("datetime64[us]")
    return taken(replace(traffic, at=at), np.argsort(at, kind="stable"))


def cut(traffic: Traffic, cadence: Cadence) -> Windows:
    """Cut traffic into windows, as the blocks of training follow each other.

    Windows at both ends that the log covers in part are not whole: half a day is no quiet day.

    Raises
    ------
    LogError
        When no window is whole.
    """
    if cadence.window_s is None:
        numbers = np.arange(len(traffic)) // cadence.rows
    else:
        numbers = cadence.numbers(traffic.at)
    names, codes = np.unique(numbers, return_inverse=True)
    if cadence.window_s is None:
        starts = traffic.at[names * cadence.rows]
        ends = traffic.at[np.minimum((names + 1) * cadence.rows, len(traffic)) - 1]
        is_whole = np.bincount(codes) == cadence.rows
    else:
        starts, ends = (_moments(cadence, names + past) for past in (0, 1))
        slack = (ends - starts) * LEAD
        is_whole = np.ones(len(names), bool)
        is_whole[0] &= bool(traffic.at[0] - starts[0] <= slack[0])
        is_whole[-1] &= bool(ends[-1] - traffic.at[-1] <= slack[-1])
    if not is_whole.any():
        raise LogError(
            f"log from {traffic.at[0]} to {traffic.at[-1]}: expected a whole window of "
            f"{cadence}, got none"
        )
    renumbered = np.where(is_whole, np.cumsum(is_whole) - 1, -1)
    texts = [told(start, cadence.zone) for start in starts]
    return Windows(
        codes=renumbered[codes],
        starts=tuple(text for text, whole in zip(texts, is_whole, strict=True) if whole),
        ends=ends[is_whole],
        partial=tuple(text for text, whole in zip(texts, is_whole, strict=True) if not whole),
    )


def labelled(labels: NDArray[Any]) -> Windows:
    """Make a window of each label, (n,), in their order; all are whole, by the caller's word."""
    names, codes = np.unique(labels.astype(str), return_inverse=True)
    never = np.full(len(names), np.datetime64("NaT", "us"))
    return Windows(codes, tuple(names.tolist()), never)


def _moments(cadence: Cadence, numbers: NDArray[np.int64]) -> NDArray[np.datetime64]:
    seconds = np.array([cadence.start_s(number) for number in numbers.tolist()])
    return np.rint(seconds * 1e6).astype(np.int64).astype("datetime64[us]")


def told(start: np.datetime64, zone: str) -> str:
    """Write when a window begins, by the clock of a zone."""
    moment = datetime.fromtimestamp(
        int(start.astype("datetime64[s]").astype(np.int64)), zone_of(zone)
    )
    return moment.replace(tzinfo=None).isoformat().removesuffix("T00:00:00")


def _keys(piece: Rows) -> NDArray[Any]:
    rows = _column(piece, "row")
    return np.array(
        [
            key_of(request, row)
            for request, row in zip(_column(piece, "request_id"), rows, strict=True)
        ],
        object,
    )


def key_of(request_id: str, row: object) -> str:
    """Write by what a row can be found."""
    return f"{request_id}#{row}"


def _column(piece: Rows, name: str) -> NDArray[Any]:
    values: NDArray[Any] = piece.own[name].to_numpy()
    return values


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(parts)
