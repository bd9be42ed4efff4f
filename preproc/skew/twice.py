"""Rows that were computed twice, marked one by one: by the pipeline, or from the sources."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from preproc.compare import Tolerance
from preproc.errors import LogError
from preproc.runtime.feeding import columns_of
from preproc.signature import Column, Signature
from preproc.skew.case import Pairs
from preproc.skew.log import Part, rows_of
from preproc.skew.pairing import Pairing
from preproc.skew.tables import keyed_table
from preproc.skew.traffic import Traffic, key_of
from preproc.testimony import Witness
from preproc.wording import counted


def served_pairs(
    parts: Sequence[Part],
    witness: Witness,
    signature: Signature,
    tolerances: Mapping[str, Tolerance],
    traffic: Traffic,
    progress: Callable[[int], None] = lambda _: None,
) -> Pairs | None:
    """Ask a witness for all logged rows; None where the log holds none that can be asked.

    Parameters
    ----------
    parts
        Of the log.
    witness
        Proved by the caller.
    signature, tolerances
        Of the artifact.
    traffic
        Whose rows are marked.
    progress
        Called with the number of rows done so far.
    """
    work = Pairing(witness, signature, tolerances)
    compared: set[str] = set()
    different: set[str] = set()
    done = 0
    for file in (file for part in parts for file in part.files if not file.head.obstacle):
        for rows in rows_of(file):
            marks = work.take(rows)
            own = zip(rows.own["request_id"].to_pylist(), rows.own["row"].to_pylist(), strict=True)
            keys = np.array([key_of(request, row) for request, row in own])
            compared |= set(keys[marks[0]].tolist())
            different |= set(keys[marks[1]].tolist())
            done += len(keys)
            progress(done)
    if not compared:
        return None
    where, by_step = "", {}
    if work.traced:
        inputs = {name: np.concatenate([p[name] for p in work.traced]) for name in work.traced[0]}
        divergence = witness.diverge(inputs)
        if divergence is not None:
            where = str(divergence)
            by_step = {parting.step: parting.rows for parting in divergence.steps}
    keys = traffic.keys.astype(str)
    return Pairs(
        "served",
        np.isin(keys, sorted(compared)),
        np.isin(keys, sorted(different)),
        where,
        by_step,
    )


def asked_pairs(path: Path, traffic: Traffic, signature: Signature) -> Pairs:
    """Compare logged inputs with the same computed anew.

    Parameters
    ----------
    path
        Parquet or CSV: ``request_id``, ``row`` where requests have several, and some columns of
        the contract, from the sources as they were at the time of the request.
    traffic
        Rows of a log.
    signature
        Of the artifact.

    Raises
    ------
    LogError
        When the table is unreadable or has no column, or no row, of the log.
    """
    table = keyed_table(path, "recomputed")
    columns = [c for c in signature.columns if c.name in table.columns and c.name in traffic.inputs]
    if not columns:
        raise LogError(
            f"recomputed {str(path)!r}: expected columns among {sorted(traffic.inputs)}, "
            f"got {table.columns}"
        )
    asked = pl.DataFrame({"key": traffic.keys.tolist()})
    names = [column.name for column in columns]
    known = table.select("key", *names, is_there=pl.lit(True))
    joined = asked.join(known, on="key", how="left", maintain_order="left")
    is_compared = joined["is_there"].fill_null(False).to_numpy()
    if not is_compared.any():
        raise LogError(f"recomputed {str(path)!r}: expected rows of the log, got none of them")
    some = columns_of(joined.filter(pl.col("is_there")).select(names), signature)
    recomputed: dict[str, NDArray[Any]] = {}
    wrong: dict[str, NDArray[np.bool_]] = {}
    for column in columns:
        logged = traffic.inputs[column.name].reshape(len(traffic), -1)[:, 0]
        anew = logged.copy()
        anew[is_compared] = _as(column, some[column.name])
        recomputed[column.name] = anew
        wrong[column.name] = ~_equal(logged, anew)
    is_different = np.any(list(wrong.values()), axis=0)
    by_column = {name: int(marks.sum()) for name, marks in wrong.items()}
    most = max(by_column, key=lambda name: by_column[name])
    where = f"column {most!r}, {counted(by_column[most], 'row')}" if is_different.any() else ""
    return Pairs("asked", is_compared, is_different, where, by_column, recomputed)


def _as(column: Column, values: NDArray[Any]) -> NDArray[Any]:
    """Bring recomputed values to the dtype of the contract, exactly."""
    if column.is_text:
        return values
    cast = values.astype(column.dtype)
    if not _equal(cast.astype(np.float64), values.astype(np.float64)).all():
        raise LogError(
            f"recomputed, column {column.name!r}: expected values of {column.dtype}, "
            f"got {values.dtype} that do not fit"
        )
    return cast


def _equal(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = first == second
    if first.dtype.kind == "f":
        same = same | (np.isnan(first) & np.isnan(second))
    return same
