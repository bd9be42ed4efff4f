"""Text of one known form to dates and numbers: matched whole, cut at its delimiters, then cast.

Text never meets a bare Cast: what does not match is refused, or null where the user's code says so.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

import numpy as np

from preproc.export.tracing.tracer import FLOAT64, NAT, Tracer, Value
from preproc.graph import civil, days_of

DIGITS: Final[Mapping[str, tuple[str, int]]] = {
    "Y": ("[0-9]{4}", 4),
    "m": ("(0?[1-9]|1[0-2])", 2),
    "d": ("(0?[1-9]|[12][0-9]|3[01])", 2),
    "H": ("([01]?[0-9]|2[0-3])", 2),
    "M": ("[0-5]?[0-9]", 2),
    "S": ("[0-5]?[0-9]", 2),
    "y": ("[0-9]{2}", 2),
}
"""Directive of strptime → what it matches here, and its full width."""

NUMBER: Final = r"[+-]?([0-9]{1,15}([.][0-9]{0,20})?|[.][0-9]{1,20})([eE][+-]?0?[0-9]{1,2})?"
"""Numbers that the runtime and pandas read alike: no digit beyond 2**53, no overflow."""
ODD_NUMBER: Final = r"(?i)[\s\v]*[+-]?(inf|infinity|[0-9.]*[0-9][0-9.]*(e[+-]?[0-9]+)?)[\s\v]*"
"""Numbers in pandas' eyes beyond `NUMBER`, such as ``inf`` and ``1e400``: refused."""


def pieces_of(tracer: Tracer, date_format: str) -> list[str]:
    """Split a format into directives and delimiters."""
    expanded = date_format.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S")
    pieces = re.findall(r"%.|[^%]+", expanded)
    for piece in pieces:
        if piece.startswith("%") and piece[1:] not in DIGITS:
            tracer.refuse(f"expected %Y, %m, %d, %H, %M, %S in a format, got {piece}")
    return pieces


def parsed_text(tracer: Tracer, value: Value, date_format: str, errors: str) -> Value:
    """Read dates of one format; unit seconds, as pandas has it for such text."""
    pieces = pieces_of(tracer, date_format)
    is_tight = any(a[0] == b[0] == "%" for a, b in pairwise(pieces))
    if is_tight and any(not piece.startswith("%") for piece in pieces):
        tracer.refuse(f"expected delimiters everywhere or nowhere in a format, got {date_format!r}")
    pattern = "".join(
        (f"[0-9]{{{DIGITS[p[1:]][1]}}}" if is_tight else f"({DIGITS[p[1:]][0]})")
        if p.startswith("%")
        else re.escape(p)
        for p in pieces
    )
    is_match = tracer.op("RegexFullMatch", value.name, pattern=pattern)
    is_null = tracer.null_text(value.name)
    example = "".join({"%Y": "1970", "%y": "70"}.get(p, "01" if p[0] == "%" else p) for p in pieces)
    safe = tracer.op("Where", is_match, value.name, np.array(example, object))
    parts = _tight(tracer, safe, pieces) if is_tight else _cut(tracer, safe, pieces)
    seconds, is_real = _moment(tracer, parts)
    is_date = tracer.op("And", is_match, is_real)
    wrong = tracer.op("And", tracer.op("Not", is_date), tracer.op("Not", is_null))
    # Where pandas is lenient, or asks a clock, the text is refused whatever `errors` says.
    is_odd = tracer.op("RegexFullMatch", value.name, pattern=_lenient(pieces, is_tight=is_tight))
    is_odd = tracer.op("And", tracer.op("Not", is_match), is_odd)
    is_odd = tracer.op("Or", is_odd, tracer.op("And", is_match, _is_year_zero(tracer, parts)))
    text = f"expected text that is {date_format} digit by digit, or nothing like it"
    tracer.refuse_rows(is_odd, value, text, origin="contract")
    if errors == "raise":
        tracer.refuse_rows(wrong, value, f"to_datetime refuses text that is not {date_format}")
    name = tracer.op("Where", is_date, seconds, np.array(NAT))
    features = tuple(replace(f, has_nan=True) for f in value.features)
    return Value(name, np.dtype("datetime64[us]"), features, value.decided)


def _lenient(pieces: list[str], *, is_tight: bool) -> str:
    """Match what pandas may read as a date or as null with its digits out of place."""
    marks = "".join(re.escape(piece) for piece in pieces if not piece.startswith("%"))
    words = "(?i:|now|today|nat|nan|none|null|na|n/a|<na>)"
    near = rf"[+-]?[0-9{marks}\s]*" if is_tight else rf"[+-].*|[0-9{marks}]*\s[0-9{marks}\s]*"
    signs = rf"[\p{{Nd}}\p{{Z}}\s{marks}+-]*"
    return rf"{words}|{near}|{signs}[^\x00-\x7F]{signs}"


def _is_year_zero(tracer: Tracer, parts: Mapping[str, str]) -> str:
    year = parts.get("Y", parts.get("y"))
    if year is None or "Y" not in parts:
        first = next(iter(parts.values()))
        return tracer.op("Less", first, first)
    return tracer.op("Equal", year, np.array(0))


def _cut(tracer: Tracer, safe: str, pieces: list[str]) -> dict[str, str]:
    """Split off what stands before each delimiter."""
    parts: dict[str, str] = {}
    rest, waiting = safe, ""
    for piece in pieces:
        if piece.startswith("%"):
            waiting = piece[1:]
            continue
        if not waiting:
            tracer.refuse(f"expected a format that begins with a directive, got {piece!r}")
        halves = tracer.op("StringSplit", rest, delimiter=piece, maxsplit=1, outputs=2)
        first = tracer.op("Gather", halves, np.array(0), axis=2)
        rest = tracer.op("Gather", halves, np.array(1), axis=2)
        parts[waiting] = tracer.to(first, "int64")
        waiting = ""
    if waiting:
        parts[waiting] = tracer.to(rest, "int64")
    return parts


def _tight(tracer: Tracer, safe: str, pieces: list[str]) -> dict[str, str]:
    """Take digits apart from the right."""
    parts: dict[str, str] = {}
    rest = tracer.to(safe, "int64")
    for piece in reversed(pieces):
        size = np.array(10 ** DIGITS[piece[1:]][1])
        parts[piece[1:]] = tracer.op("Mod", rest, size)
        rest = tracer.op("Div", rest, size)
    return parts


def _moment(tracer: Tracer, parts: Mapping[str, str]) -> tuple[str, str]:
    """Count microseconds of parts, and tell whether such a date exists."""
    graph, scope = tracer.scope.graph, tracer.scope.path
    one = tracer.op("Add", tracer.op("Mul", next(iter(parts.values())), np.array(0)), np.array(1))
    year = parts.get("Y")
    if year is None:
        short = parts["y"] if "y" in parts else tracer.refuse("expected a year in the format")
        century = tracer.op(
            "Where", tracer.op("Less", short, np.array(69)), np.array(2000), np.array(1900)
        )
        year = tracer.op("Add", short, century)
    month, day = parts.get("m", one), parts.get("d", one)
    days = days_of(graph, year, month, day, scope=scope)
    back = civil(graph, days, scope=scope)
    is_real = tracer.op(
        "And", tracer.op("Equal", back.month, month), tracer.op("Equal", back.day, day)
    )
    is_real = tracer.op("And", is_real, tracer.op("Greater", year, np.array(0)))
    seconds = tracer.op("Mul", days, np.array(86_400))
    for directive, size in (("H", 3600), ("M", 60), ("S", 1)):
        if directive in parts:
            step = tracer.op("Mul", parts[directive], np.array(size))
            seconds = tracer.op("Add", seconds, step)
    return tracer.op("Mul", seconds, np.array(1_000_000)), is_real


def date_of_parts(frame: Any) -> Any:
    """Stand for ``pd.to_datetime(frame[["year", "month", "day"]])``."""
    columns = {str(name).lower().rstrip("s"): s for name, s in frame.columns_by_name().items()}
    tracer: Tracer = frame.tracer
    if set(columns) - {"year", "month", "day", "hour", "minute", "second"}:
        tracer.refuse(f"expected columns year, month, day, got {list(columns)}")
    parts = {}
    for key, letter in zip(
        ("year", "month", "day", "hour", "minute", "second"), "YmdHMS", strict=True
    ):
        if key in columns:
            value = columns[key].as_value()
            if value.dtype.kind not in "iu":
                tracer.refuse(f"expected whole numbers in {key!r}, got {value.dtype}")
            parts[letter] = value.name
    moment, is_real = _moment(tracer, parts)
    first = columns["year"]
    tracer.refuse_rows(tracer.op("Not", is_real), first.as_value(), "to_datetime refuses no date")
    value = first.as_value()
    features = tuple(replace(f, has_nan=True) for f in value.features)
    made = Value(moment, np.dtype("datetime64[us]"), features, value.decided)
    return first.like(made, None)


def parsed_number(tracer: Tracer, value: Value, errors: str) -> Value:
    """Read numbers; what is none is refused, or NaN where errors are coerced."""
    padded = r"\s*" + NUMBER + r"\s*"
    is_match = tracer.op("RegexFullMatch", value.name, pattern=padded)
    is_empty = tracer.op("Equal", value.name, np.array("", object))
    is_null = tracer.op("Or", tracer.null_text(value.name), is_empty)
    safe = tracer.op("Where", is_match, value.name, np.array("0", object))
    number = tracer.to(safe, "float64")
    is_odd = tracer.op("RegexFullMatch", value.name, pattern=ODD_NUMBER)
    is_odd = tracer.op("And", is_odd, tracer.op("Not", is_match))
    text = "expected a number of at most 15 digits before its point, 20 behind, and below 1e100"
    tracer.refuse_rows(is_odd, value, text, origin="contract")
    wrong = tracer.op("And", tracer.op("Not", is_match), tracer.op("Not", is_null))
    if errors == "raise":
        tracer.refuse_rows(wrong, value, "to_numeric refuses text that is no number")
    name = tracer.op("Where", is_match, number, np.array(np.nan))
    features = tuple(replace(f, has_nan=True, limit=np.inf) for f in value.features)
    return Value(name, FLOAT64, features, value.decided)
