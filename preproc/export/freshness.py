"""What the caller of an export says of looked-up values, checked and put into the signature."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from preproc.errors import ExportError
from preproc.signature import Signature

STATUSES: Final = ("OK", "STALE", "DEFAULT", "TIMEOUT")
BREACHES: Final = ("refuse", "flag")
_KEYS: Final = frozenset({"allowed", "max_age_s", "breach"})


def with_freshness(signature: Signature, freshness: Mapping[str, Mapping[str, Any]]) -> Signature:
    """Put the age limits of looked-up columns into a signature.

    Raises
    ------
    ExportError
        For a column that the pipeline does not read, an unknown key or a value out of place.
    """
    known = {column.name for column in signature.columns}
    unread = sorted(set(freshness) - known)
    if unread:
        raise ExportError("", f"freshness: expected columns that are read, got {unread}")
    settled = {name: _settled(name, given) for name, given in freshness.items()}
    columns = tuple(
        replace(column, freshness=settled.get(column.name)) for column in signature.columns
    )
    return replace(signature, columns=columns)


def _settled(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    where = f"freshness of {name!r}"
    strange = sorted(set(given) - _KEYS)
    if strange:
        raise ExportError("", f"{where}: expected keys among {sorted(_KEYS)}, got {strange}")
    allowed = list(given.get("allowed", ["OK"]))
    if not allowed or not set(allowed) <= set(STATUSES):
        raise ExportError("", f"{where}: expected statuses among {STATUSES}, got {allowed}")
    max_age_s = given.get("max_age_s")
    if max_age_s is not None and not 0 < max_age_s < float("inf"):
        raise ExportError("", f"{where}: expected max_age_s above 0 or None, got {max_age_s!r}")
    breach = given.get("breach", "refuse")
    if breach not in BREACHES:
        raise ExportError("", f"{where}: expected breach among {BREACHES}, got {breach!r}")
    return {"allowed": allowed, "max_age_s": max_age_s, "breach": breach}
