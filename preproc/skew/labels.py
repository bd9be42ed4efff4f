"""What came true, brought to the rows that asked; and which windows are old enough to be judged.

A label that comes late is no missing label, and those that come first are not like the others: of a
fraud the quick ones are the plain ones. So a window counts when all of it is older than the time
that a label takes, and almost all of its rows have one.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from preproc.errors import LogError
from preproc.skew.tables import keyed_table
from preproc.skew.traffic import Traffic, Windows

MIN_LABELLED: Final = 0.95
"""Share of a mature window's rows that must have a label."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels beside traffic.

    Attributes
    ----------
    values
        Of each row, (n,), object; None where there is none.
    is_known
        Where there is one, (n,).
    as_of
        Until when labels were gathered.
    maturity_s
        How long a label takes at most.
    """

    values: NDArray[Any]
    is_known: NDArray[np.bool_]
    as_of: np.datetime64
    maturity_s: float


@dataclass(frozen=True, slots=True)
class Mature:
    """Windows whose labels may be believed.

    Attributes
    ----------
    windows
        Their numbers.
    young
        How many windows are too young.
    unlabelled
        Starts of mature windows that lack too many labels.
    """

    windows: NDArray[np.int64]
    young: int
    unlabelled: tuple[str, ...]


def join_labels(
    path: Path, traffic: Traffic, *, label: str, as_of: np.datetime64 | None, maturity_s: float
) -> Labels:
    """Join a table of labels to traffic.

    Parameters
    ----------
    path
        Parquet or CSV, with ``request_id``, the label, and ``row`` where requests have several.
    traffic
        Rows of a log.
    label
        Name of the label's column.
    as_of
        Until when labels were gathered; by default until the last row of the log.
    maturity_s
        How long a label takes at most.

    Raises
    ------
    LogError
        When the table is unreadable or empty, a column is missing, a row has two labels, or none
        of them is of a row of the log.
    """
    table = keyed_table(path, "labels")
    if label not in table.columns:
        raise LogError(f"labels {str(path)!r}: expected a column {label!r}, got {table.columns}")
    keyed = table.drop_nulls(label).select("key", label=pl.col(label))
    asked = pl.DataFrame({"key": traffic.keys.tolist()})
    joined = asked.join(keyed, on="key", how="left", maintain_order="left")["label"]
    is_known = joined.is_not_null().to_numpy()
    if not is_known.any():
        raise LogError(
            f"labels {str(path)!r}: expected labels of logged rows, got none of "
            f"{len(traffic)} among {len(keyed)}"
        )
    values = np.array(joined.to_list(), object)
    return Labels(values, is_known, traffic.at[-1] if as_of is None else as_of, maturity_s)


def mature_windows(labels: Labels, windows: Windows) -> Mature:
    """Tell which windows are old enough and have their labels."""
    age = np.timedelta64(round(labels.maturity_s * 1e6), "us")
    is_old = windows.ends + age <= labels.as_of
    inside = windows.codes >= 0
    rows = np.bincount(windows.codes[inside], minlength=len(windows))
    known = np.bincount(windows.codes[inside & labels.is_known], minlength=len(windows))
    is_full = known >= MIN_LABELLED * rows
    lacking = np.flatnonzero(is_old & ~is_full).tolist()
    return Mature(
        windows=np.flatnonzero(is_old & is_full),
        young=int((~is_old).sum()),
        unlabelled=tuple(windows.starts[at] for at in lacking),
    )
