"""Nulls of text: reserved tokens on the way to a graph, None and NaN on the way back."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.errors import SignatureError
from preproc.signature import NULL_NAN, NULL_NONE, TEXT

_TEXTS: Final = frozenset({str, np.str_})
_NULLS: Final = (type(None), float, np.floating)
"""What a null of text can be; ``pandas.NA`` and ``NaT`` mean something else to scikit-learn."""
_RESERVED: Final = frozenset({NULL_NONE, NULL_NAN})


def with_tokens(name: str, cells: NDArray[Any]) -> NDArray[Any]:
    """Put null tokens in place of None and NaN; everything else must be text.

    Raises
    ------
    SignatureError
        For a cell that is no text, and for data that equals a token.
    """
    if cells.dtype.kind != "O":
        cells = cells.astype(object)
    flat = cells.ravel().tolist()
    kinds = set(map(type, flat))
    if kinds <= _TEXTS:  # mostly there is no null to look for
        check_data(name, flat)
        return cells
    _check_kinds(name, {kind for kind in kinds if not issubclass(kind, _NULLS)})
    is_none, is_nan = _nulls_in(cells)
    check_text(name, cells[~(is_none | is_nan)])
    return tokens_of(cells)


def tokens_of(cells: NDArray[Any]) -> NDArray[Any]:
    """Put null tokens in place of None and NaN, as text travels."""
    is_none, is_nan = _nulls_in(cells)
    if not (is_none.any() or is_nan.any()):
        return cells
    marked = cells.copy()
    marked[is_none] = NULL_NONE
    marked[is_nan] = NULL_NAN
    return marked


def nulls_of(texts: NDArray[Any]) -> NDArray[Any]:
    """Put None and NaN back where their tokens stand in an answer."""
    answers = texts.copy()
    answers[texts == NULL_NONE] = None
    answers[texts == NULL_NAN] = np.nan
    return answers


def check_text(name: str, cells: NDArray[Any]) -> None:
    """Raise `SignatureError` for a cell that is no text, and for data that equals a token."""
    flat = cells.ravel().tolist()
    _check_kinds(name, set(map(type, flat)))
    check_data(name, flat)


def _check_kinds(name: str, kinds: set[type]) -> None:
    """Raise `SignatureError` for types of cells that are no text."""
    strange = kinds - _TEXTS
    if strange:
        got = ", ".join(sorted(kind.__name__ for kind in strange))
        raise SignatureError(name, f"expected dtype {TEXT}, got cells of type {got}")


def check_data(name: str, texts: list[str]) -> None:
    """Raise `SignatureError` for data that equals a token."""
    if not _RESERVED.isdisjoint(texts):
        token = min(_RESERVED.intersection(texts))
        raise SignatureError(name, f"expected data, got {token!r}, which is reserved for nulls")


def check_utf8(name: str, cells: NDArray[Any]) -> None:
    """Raise `SignatureError` for text that UTF-8 does not hold: half a surrogate pair."""
    for row, text in enumerate(cells.ravel().tolist()):
        try:
            text.encode()
        except UnicodeEncodeError:
            problem = f"row {row}: expected text that UTF-8 holds, got {text!r}"
            raise SignatureError(name, problem) from None


def _nulls_in(cells: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    is_none = np.equal(cells, np.array(None, object)).astype(bool)
    return is_none, np.not_equal(cells, cells).astype(bool)  # NaN alone differs from itself
