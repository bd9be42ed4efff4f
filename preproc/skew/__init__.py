"""Skew that can still happen: the request log, and what is found in it."""

from preproc.skew.keeping import Deletion, Limits, delete_key
from preproc.skew.log import LogFile, Part, Rows, open_log, rows_of, tables_of
from preproc.skew.privacy import Privacy, Treatment, check_privacy, read_privacy
from preproc.skew.record import Counts, Field, Head

__all__ = [
    "Counts",
    "Deletion",
    "Field",
    "Head",
    "Limits",
    "LogFile",
    "Part",
    "Privacy",
    "Rows",
    "Treatment",
    "check_privacy",
    "delete_key",
    "open_log",
    "read_privacy",
    "rows_of",
    "tables_of",
]
