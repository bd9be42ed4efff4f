"""Rows of a table as traffic, answered by the artifact itself: a log is not needed to see drift."""

from pathlib import Path

import numpy as np

from preproc.artifact import Artifact
from preproc.errors import LogError
from preproc.runtime import open_session
from preproc.runtime.feeding import columns_of
from preproc.signature import ROW_ERROR
from preproc.skew.tables import read_table
from preproc.skew.traffic import Traffic, Windows, labelled


def traffic_of_table(path: Path, artifact: Artifact, by: str) -> tuple[Traffic, Windows]:
    """Read rows, and cut them into windows by a column.

    Parameters
    ----------
    path
        Parquet or CSV, with the columns of the contract.
    artifact
        That answers them; read from its folder.
    by
        Column that names the window of a row; windows are in the order of these names. Empty where
        all rows are one.

    Raises
    ------
    LogError
        When there is no such table, row or column.
    SignatureError
        When the columns are not those of the contract.
    """
    table = read_table(path, "rows")
    if by and by not in table.columns:
        raise LogError(f"rows {str(path)!r}: expected a column {by!r}, got {table.columns}")
    signature = artifact.contract.signature
    names = [column.name for column in signature.columns if column.name in table.columns]
    rows = table.select(names)
    assert artifact.path is not None
    with open_session(artifact.path) as session:
        answers = dict(session.run(rows, refused="report"))
    inputs = columns_of(rows, signature)
    answers.pop(ROW_ERROR, None)
    number = len(table)
    labels = table[by].to_numpy() if by else np.full(number, "all rows", object)
    traffic = Traffic(
        keys=np.array([str(row) for row in range(number)]),
        at=np.full(number, np.datetime64("NaT", "us")),
        inputs=inputs,
        answers=answers,
        groups={},
    )
    return traffic, labelled(labels)
