"""What a setting may be: text, a number of JSON or a value → the value, or what was expected.

Why not pydantic: it takes a server 14 MB and 150 ms, to read forty settings once.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

Reader = Callable[[Any], Any]
"""Raises ValueError, whose text begins with ``expected``; what was got may be left out."""

_TRUE: Final = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "off", "0"})


def text(given: Any) -> str:
    """Take text as it is."""
    if not isinstance(given, str):
        raise ValueError("expected a valid string")  # noqa: TRY004  # one kind for all
    return given


def flag(given: Any) -> bool:
    """Take a truth value, or a word for one."""
    word = str(given).lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("expected a valid boolean")
    return word in _TRUE


def names(given: Any) -> tuple[str, ...]:
    """Take names, in text parted by commas."""
    parts = given.split(",") if isinstance(given, str) else given
    return tuple(text(part) for part in parts if part != "")


def path(given: Any) -> Path:
    """Take a path, whatever is there."""
    if not isinstance(given, str | Path):
        raise ValueError("expected a valid path")  # noqa: TRY004  # as above
    return Path(given)


def folder(given: Any) -> Path:
    """Take the path of a folder that is there."""
    found = path(given)
    if not found.is_dir():
        raise ValueError("expected a folder that is there")
    return found


def word(*known: str) -> Reader:
    """Take one of some words."""
    *others, last = map(repr, known)

    def read(given: Any) -> str:
        if given not in known:
            raise ValueError(f"expected {', '.join(others)} or {last}")
        return str(given)

    return read


def whole(*, ge: int | None = None, gt: int | None = None, le: int | None = None) -> Reader:
    """Take a whole number within bounds."""

    def read(given: Any) -> int:
        try:
            number = int(given) if isinstance(given, str) else given
        except ValueError:
            number = None
        if not isinstance(number, int) or isinstance(number, bool):
            raise ValueError("expected a valid integer")  # noqa: TRY004  # as above
        _check(number, ge=ge, gt=gt, le=le)
        return number

    return read


def real(*, ge: float | None = None, gt: float | None = None, le: float | None = None) -> Reader:
    """Take a number within bounds."""

    def read(given: Any) -> float:
        try:
            number = None if isinstance(given, bool) else float(given)
        except (TypeError, ValueError):
            number = None
        if number is None:
            raise ValueError("expected a valid number")
        _check(number, ge=ge, gt=gt, le=le)
        return number

    return read


def _check(number: float, *, ge: float | None, gt: float | None, le: float | None) -> None:
    """Hold a number against its bounds, each of which NaN breaks."""
    if ge is not None and not number >= ge:
        raise ValueError(f"expected greater than or equal to {ge:g}")
    if gt is not None and not number > gt:
        raise ValueError(f"expected greater than {gt:g}")
    if le is not None and not number <= le:
        raise ValueError(f"expected less than or equal to {le}")
