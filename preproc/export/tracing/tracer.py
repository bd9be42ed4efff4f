"""One run of the user's code: the graph that it writes, and the first reason to refuse it.

A `Value` is a column or a matrix under way: a graph value of shape (n, width) whatever the number
of dimensions that numpy would give it, with the dtype that numpy would give it. The graph carries
integers of any width as int64 (after each operation they wrap as their width does), dates and
differences as int64 in their unit, text as text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from preproc.export.scope import Scope
from preproc.export.table import Decided, Feature, least_certain
from preproc.export.tracing.finite import Finite
from preproc.export.tracing.refusal import Place, Refusal, place_here
from preproc.graph import floor_divide
from preproc.signature import TEXT, Origin

NAT: Final = np.iinfo(np.int64).min
MAX_INTEGER: Final = 2.0**63
OBJECT: Final = np.dtype(object)
BOOL: Final = np.dtype(bool)
INT64: Final = np.dtype(np.int64)
FLOAT64: Final = np.dtype(np.float64)
MAX_KEPT: Final = 256
"""Cells of a constant that become rows of their own in the proof."""
ROWS: Final = 618_033_988_749_894_848
"""What stands for the number of rows, which a trace does not know; no code uses it by chance, and
no machine has memory for so many cells."""


@dataclass(frozen=True, slots=True)
class Value:
    """A graph value of shape (n, width).

    Attributes
    ----------
    name
        Name of the graph value.
    dtype
        What numpy would say; object is text.
    features
        One a column.
    decided
        The least certain of all operations on the way.
    """

    name: str
    dtype: np.dtype[Any]
    features: tuple[Feature, ...]
    decided: Decided = "ieee"

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.features)

    @property
    def has_nan(self) -> bool:
        """Whether any column can hold NaN."""
        return any(feature.has_nan for feature in self.features)


def carrier(dtype: np.dtype[Any]) -> str:
    """Dtype by which the graph carries a dtype of numpy."""
    if dtype.kind in "iumM":
        return "int64"
    return TEXT if dtype.kind in "OUT" else dtype.name


@dataclass(slots=True)
class Tracer:
    """What all symbolic values of one trace share.

    Attributes
    ----------
    scope
        Where nodes go.
    anchor
        A graph value of shape (n, k): tells how many rows there are.
    functions
        Functions of numpy that can be traced → what stands for them.
    frame_of, series_of
        Make a frame of columns by name, and a series of a column.
    refusal
        The first one, kept in case the user's code catches the exception.
    nudge
        Relative change that each rounded function receives, to measure what rounding does; 0 in a
        graph that is to be served.
    mends
        Whether a condition over rows leads to mended rows; else it is taken to refuse them.
    asks
        Whether the code asked such a condition.
    kept
        Constants of the user's code, for rows on both sides of them.
    finite
        Graph value → all that it can hold, where that is known and little.
    """

    scope: Scope
    anchor: str
    functions: Mapping[Callable[..., Any], Callable[..., Any]]
    frame_of: Callable[[Mapping[Any, Any]], Any]
    series_of: Callable[[Any], Any]
    refusal: str = ""
    nudge: float = 0.0
    mends: bool = False
    asks: bool = False
    kept: set[float | str] = field(default_factory=set)
    finite: dict[str, Finite] = field(default_factory=dict)

    def refuse(self, problem: str, place: Place | None = None) -> NoReturn:
        """Stop the user's code and remember why."""
        place = place or place_here()
        text = f"{place}: {problem}" if place else problem
        self.refusal = self.refusal or text
        raise Refusal(text)

    def op(self, op_type: str, *inputs: str | ArrayLike, **attributes: Any) -> str:
        """Add a node."""
        return self.scope.op(op_type, *inputs, **attributes)

    def to(self, name: str, dtype: np.dtype[Any] | str) -> str:
        """Add a Cast between carriers."""
        return self.scope.cast(name, dtype if isinstance(dtype, str) else carrier(dtype))

    def constant(self, cells: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Bring a scalar or an array into the carrier of a dtype, as a row where it has one."""
        array = np.asarray(cells)
        if array.size <= MAX_KEPT and array.dtype.kind != "b":
            self.kept.update(array.ravel().tolist() if array.dtype.kind in "iufOU" else ())
        if dtype.kind in "mM":
            array = array.astype(dtype).astype(np.int64)
        elif dtype.kind in "OUT":
            array = array.astype(object)
        else:
            array = array.astype(dtype).astype(carrier(dtype))
        return array.reshape(1, -1) if array.ndim else array

    def where(self, condition: str, new: Any, old: Any, dtype: np.dtype[Any]) -> str:
        """Choose by a condition; the runtime has no such operator for booleans."""
        if dtype != BOOL:
            return self.op("Where", condition, new, old)
        first = self.op("And", condition, new)
        return self.op("Or", first, self.op("And", self.op("Not", condition), old))

    def refuse_rows(
        self, broken: str, value: Value, text: str, *, origin: Origin = "oracle"
    ) -> None:
        """Refuse rows where `broken`, boolean (n, k), holds."""
        columns = [feature.column for feature in value.features]
        self.scope.refuse(broken, columns, text, origin=origin)

    def wrapped(self, name: str, dtype: np.dtype[Any]) -> str:
        """Let an int64 wrap as an integer of fewer bits does."""
        if dtype.kind not in "iu" or dtype.itemsize == INT64.itemsize:
            return name
        return self.to(self.to(name, dtype.name), INT64)

    def filled(self, cells: Any, dtype: np.dtype[Any], width: int) -> Value:
        """Repeat a scalar, or a row (width,), in every row."""
        row = self.constant(np.broadcast_to(np.asarray(cells), (width,)), dtype)
        rows = self.op("Shape", self.anchor, start=0, end=1)
        shape = self.op("Concat", rows, np.array([width]), axis=0)
        name = self.op("Expand", row, shape)
        return Value(name, dtype, tuple(constant_feature(cell) for cell in row[0].tolist()))

    def is_null(self, value: Value) -> str | None:
        """Tell nulls: NaN, NaT, tokens; None where there can be none."""
        kind = value.dtype.kind
        if kind == "f":
            return self.op("IsNaN", value.name)
        if kind in "mM":
            return self.op("Equal", value.name, np.array(NAT))
        if kind == "O" and value.has_nan:
            return self.null_text(value.name)
        return None

    def null_text(self, name: str) -> str:
        """Tell which texts are null tokens."""
        none = self.op("Equal", name, np.array("\0none", object))
        return self.op("Or", none, self.op("Equal", name, np.array("\0nan", object)))

    def false(self, value: Value) -> str:
        """Give false for each cell of a value."""
        if value.dtype.kind == "O":
            return self.op("Equal", value.name, np.array("\0never", object))
        if value.dtype == BOOL:
            return self.op("Xor", value.name, value.name)
        return self.op("Less", value.name, value.name)

    def cast(self, value: Value, dtype: np.dtype[Any], *, is_pandas: bool = False) -> Value:
        """Change the dtype as ``astype`` does; what cannot be is refused row by row."""
        old, new = value.dtype, np.dtype(dtype)
        if old == new:
            return value
        result = self._cast(value, new, is_pandas=is_pandas)
        if value.name in self.finite and {old.kind, new.kind} <= set("iuf"):
            self.finite[result.name] = self.finite[value.name].cast(new)
        return result

    def _cast(self, value: Value, new: np.dtype[Any], *, is_pandas: bool) -> Value:
        old = value.dtype
        if "O" in (old.kind, new.kind):
            return self._text_cast(value, new)
        if new.kind not in "biufmM" or new.name in ("float16", "float128", "uint64"):
            self.refuse(f"expected a dtype that the graph computes in, got {new}; use float64")
        if old.kind in "mM" or new.kind in "mM":
            return self._time_cast(value, new)
        if old.kind == "f" and new.kind in "iu":
            return self._whole(value, new, is_pandas=is_pandas)
        name = value.name
        if new == BOOL:
            zero = np.array(0, carrier(old))
            name = self.op("Not", self.op("Equal", name, zero))
        elif carrier(old) != carrier(new):
            name = self.to(name, new)
        name = self.wrapped(name, new) if new.kind in "iu" else name
        limits = [min(f.limit, 1.0) if new == BOOL else f.limit for f in value.features]
        features = tuple(
            replace(f, limit=limit, has_nan=f.has_nan and new.kind == "f")
            for f, limit in zip(value.features, limits, strict=True)
        )
        return Value(name, new, features, value.decided)

    def _whole(self, value: Value, new: np.dtype[Any], *, is_pandas: bool) -> Value:
        """Cut floats to integers: what does not fit is refused, numpy's answer is the machine's."""
        wide = self.to(value.name, FLOAT64) if value.dtype != FLOAT64 else value.name
        info = np.iinfo(new)
        low = self.op("Greater", wide, np.array(float(info.min) - (new.itemsize < 8)))  # noqa: PLR2004
        if new == INT64:
            low = self.op("GreaterOrEqual", wide, np.array(float(info.min)))
        is_in = self.op("And", low, self.op("Less", wide, np.array(float(info.max) + 1.0)))
        if is_pandas:
            finite = self.op("Less", self.op("Abs", wide), np.array(np.inf))
            text = f"astype({new}) refuses NaN and infinity"
            self.refuse_rows(self.op("Not", finite), value, text)
        text = f"expected a number that {new} holds; numpy's cast of another is up to the machine"
        self.refuse_rows(self.op("Not", is_in), value, text, origin="contract")
        safe = self.op("Where", is_in, wide, np.array(0.0))
        features = tuple(replace(f, has_nan=False) for f in value.features)
        return Value(self.to(safe, INT64), new, features, value.decided)

    def _time_cast(self, value: Value, new: np.dtype[Any]) -> Value:
        old = value.dtype
        if old.kind == new.kind:
            return replace(value, name=self.rescaled(value.name, old, new), dtype=new)
        if old.kind in "mM" and new == INT64:
            features = tuple(replace(f, has_nan=False, limit=MAX_INTEGER) for f in value.features)
            return replace(value, dtype=INT64, features=features)
        if old == INT64 and new.kind in "mM" and np.datetime_data(new)[0] != "generic":
            return replace(value, dtype=new)
        if old.kind == "m" and new == FLOAT64:
            self.refuse(
                "expected total_seconds() or a division by a Timedelta, got a cast to float"
            )
        return self.refuse(f"expected a cast that numpy allows, got {old} to {new}")

    def rescaled(self, name: str, old: np.dtype[Any], new: np.dtype[Any]) -> str:
        """Count in another unit: NaT stays, what is cut off is cut downwards."""
        up, down = _ratio(old, new)
        if up == down == 1:
            return name
        is_null = self.op("Equal", name, np.array(NAT))
        safe = self.op("Where", is_null, np.array(0), name)
        if up > 1:
            limit = (2**63 - 1) // up
            broken = self.op("Greater", self.op("Abs", safe), np.array(limit))
            value = Value(safe, old, (Feature("time", ("time",)),))
            text = f"expected a time that {new} holds"
            self.refuse_rows(broken, value, text, origin="contract")
            safe = self.op("Mul", self.op("Where", broken, np.array(0), safe), np.array(up))
        if down > 1:
            safe = floor_divide(self.scope.graph, safe, down, scope=self.scope.path)
        return self.op("Where", is_null, np.array(NAT), safe)

    def _text_cast(self, value: Value, new: np.dtype[Any]) -> Value:
        old = value.dtype
        if old.kind == "O" == new.kind:
            return value
        return self.refuse(
            f"expected numbers, got a cast from {'text' if old.kind == 'O' else old} to "
            f"{'text' if new.kind in 'OUT' else new}; map the words to numbers with "
            "Series.map({...}), or convert the column before training"
        )


def _ratio(old: np.dtype[Any], new: np.dtype[Any]) -> tuple[int, int]:
    """Factors up and down from one unit of time to another."""
    one_old, one_new = (
        np.ones(1, f"m8[{step}{unit}]")[0] for unit, step in map(np.datetime_data, (old, new))
    )
    fine = np.result_type(one_old.dtype, one_new.dtype)
    up = int(one_old.astype(fine).astype(np.int64))
    down = int(one_new.astype(fine).astype(np.int64))
    return (up // down, 1) if up % down == 0 else (1, down // up)


def merged(values: Sequence[Value], width: int) -> tuple[list[Feature], Decided]:
    """Join what columns depend on, broadcasting single columns; names are the first one's."""
    decided = least_certain(*(value.decided for value in values))
    found = []
    for at in range(width):
        parts = [v.features[at if v.width > 1 else 0] for v in values]
        sources = tuple(dict.fromkeys(source for part in parts for source in part.sources))
        found.append(replace(parts[0], sources=sources))
    return found, decided


def constant_feature(cell: Any) -> Feature:
    """Describe a column that holds one constant."""
    is_number = isinstance(cell, int | float)
    has_nan = is_number and cell != cell  # noqa: PLR0124  # NaN alone differs from itself
    limit = abs(float(cell)) if is_number and not has_nan else 1.0
    return Feature("constant", (), has_nan=has_nan, limit=limit)
