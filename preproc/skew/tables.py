"""Tables that stand beside a log: rows found by request and position."""

from pathlib import Path

import polars as pl

from preproc.errors import LogError
from preproc.skew.traffic import key_of


def keyed_table(path: Path, what: str) -> pl.DataFrame:
    """Read a table and give each row its ``key``.

    Parameters
    ----------
    path
        Parquet or CSV with ``request_id``, and ``row`` where requests have several.
    what
        What it holds, for errors.

    Raises
    ------
    LogError
        When it cannot be read, is empty, has no ``request_id``, or has a row twice.
    """
    table = read_table(path, what)
    where = f"{what} {str(path)!r}"
    if "request_id" not in table.columns:
        raise LogError(f"{where}: expected a column 'request_id', got {table.columns}")
    if "row" not in table.columns:
        table = table.with_columns(row=pl.lit(0))
    keyed = table.with_columns(key=pl.format(key_of("{}", "{}"), "request_id", "row"))
    is_twice = keyed["key"].is_duplicated()
    if is_twice.any():
        first = keyed["key"].filter(is_twice)[0]
        raise LogError(f"{where}: expected one line a row, got several for {first!r}")
    return keyed


def read_table(path: Path, what: str) -> pl.DataFrame:
    """Read Parquet or CSV.

    Raises
    ------
    LogError
        When it cannot be read or is empty.
    """
    where = f"{what} {str(path)!r}"
    if path.suffix not in {".parquet", ".csv"} or not path.is_file():
        got = "none" if path.suffix in {".parquet", ".csv"} else repr(path.suffix)
        raise LogError(f"{where}: expected a .parquet or .csv file, got {got}")
    try:
        table = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise LogError(f"{where}: cannot be read: {error}") from error
    if table.is_empty():
        raise LogError(f"{where}: expected rows, got none")
    return table
