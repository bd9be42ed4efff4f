"""Where in the user's code a trace stopped, and why."""

import linecache
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

import numpy as np
import sklearn

CLOCK: Final = (
    "a clock is no input: the answer would depend on when it is asked; pass the time as a column, "
    "such as as_of, and subtract that"
)
_LIBRARIES: Final = tuple(
    f"{Path(str(package)).parent}/"
    for package in (np.__file__, sklearn.__file__, str(Path(__file__).parent))
)
_STANDARD: Final = f"{Path(str(linecache.__file__)).parent}/"
_LIBRARY_NAMES: Final = ("/pandas/", "/pytz/", "/dateutil/", "/joblib/", "/narwhals/", "/polars/")


class Refusal(Exception):  # noqa: N818  # it stops the user's code; `ExportError` is what is shown
    """Raised inside the user's code at what cannot be traced."""


@dataclass(frozen=True, slots=True)
class Place:
    """A piece of the user's source.

    Attributes
    ----------
    file, line
        Where it stands.
    expression
        The expression that was running, or the whole line where the interpreter knows no more.
    """

    file: str
    line: int
    expression: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}, `{self.expression}`"


def place_here() -> Place | None:
    """Find the innermost running frame that is neither ours nor a library's below user code."""
    for frame in _frames(sys._getframe(1)):  # noqa: SLF001  # no public way
        if not is_library(frame.f_code.co_filename):
            return place_of(frame)
    return None


def is_library(file: str) -> bool:
    """Whether a source file is ours or of a library that user code calls."""
    own = str(Path(__file__).parent)
    is_named = any(name in file for name in _LIBRARY_NAMES)
    return (
        is_named
        or is_standard(file)
        or file.startswith((*_LIBRARIES, own, "<__array_function__", "<frozen"))
    )


def is_standard(file: str) -> bool:
    """Whether a source file is of Python's own library."""
    return (file.startswith(_STANDARD) and "-packages/" not in file) or file.startswith("<frozen")


def place_of(frame: FrameType, instruction: int | None = None) -> Place:
    """Cut the running expression of a frame, or that of an instruction, out of its source."""
    code = frame.f_code
    at = (frame.f_lasti if instruction is None else instruction) // 2
    positions = _position(code, at)
    lines = linecache.getlines(code.co_filename, frame.f_globals)
    if positions is None or not lines:
        line = linecache.getline(code.co_filename, frame.f_lineno, frame.f_globals).strip()
        return Place(code.co_filename, frame.f_lineno, line or "source not available")
    first, last, start, end = positions
    text = [line.encode() for line in lines[first - 1 : last]]
    if not text:
        return Place(code.co_filename, frame.f_lineno, "source not available")
    text[-1] = text[-1][:end]
    text[0] = text[0][start:]
    words = b" ".join(part.strip() for part in text).decode(errors="replace")
    return Place(code.co_filename, first, words)


def _position(code: CodeType, at: int) -> tuple[int, int, int, int] | None:
    for number, (first, last, start, end) in enumerate(code.co_positions()):
        if number == at:
            if first is None or last is None or start is None or end is None:
                return None
            return first, last, start, end
    return None


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
