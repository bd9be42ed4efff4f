"""Dates: fields of the civil calendar, parts of the day, differences; what ``Series.dt`` gives.

The graph carries a date as int64 in its unit, in UTC. A field of a column that can hold NaT is
float64 with NaN there, as pandas gives it for a batch that holds one.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from preproc.export.tracing.date_fields import CIVIL_FIELDS, RANGES, weekday
from preproc.export.tracing.finite import whole_numbers
from preproc.export.tracing.localizing import localized
from preproc.export.tracing.tracer import BOOL, FLOAT64, INT64, NAT, OBJECT, Tracer, Value
from preproc.export.tracing.zones import WINDOW, zone_table
from preproc.graph import Civil, civil, floor_divide
from preproc.runtime.feeding import ticks

if TYPE_CHECKING:
    from preproc.export.tracing.series import SymbolicSeries

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_ROUNDINGS: Final[Mapping[str, int]] = {
    "D": 86_400, "d": 86_400, "1D": 86_400, "h": 3600, "H": 3600, "1h": 3600, "min": 60,
    "T": 60, "15min": 900, "30min": 1800, "5min": 300, "10min": 600, "s": 1, "S": 1,
}  # fmt: skip
_PARTS: Final[Mapping[str, tuple[int, int]]] = {
    "hour": (3600, 24), "minute": (60, 60), "second": (1, 60),
}  # fmt: skip


_INSTEAD: Final[Mapping[str, str]] = {
    "date": ".dt.normalize(), or year, month and day",
    "time": ".dt.hour, .dt.minute and .dt.second",
    "to_period": ".dt.strftime('%Y-%m'), or .dt.year * 12 + .dt.month",
}


class DateFields:
    """What ``Series.dt`` gives."""

    def __init__(self, series: "SymbolicSeries") -> None:
        self.tracer: Tracer = series.tracer
        self._series = series
        if series.value.dtype.kind not in "mM":
            raise AttributeError("Can only use .dt accessor with datetimelike values")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        is_difference = self._series.value.dtype.kind == "m"
        if is_difference:
            return self._difference(name)
        if name in _PARTS:
            return self._numbers(self._part_of_day(*_PARTS[name]), RANGES[name])
        fields = CIVIL_FIELDS.get(name)
        if fields is None:
            advice = _INSTEAD.get(name, "fields such as .dt.year and .dt.month")
            self.tracer.refuse(f"Series.dt.{name} is not traced; use {advice}")
        return self._numbers(fields(self), RANGES.get(name))

    # Values

    def _safe(self) -> str:
        """Moments on the wall clock, in the unit of the dtype, 0 for NaT."""
        tracer, value = self.tracer, self._series.value
        is_null = tracer.op("Equal", value.name, np.array(NAT))
        safe = tracer.op("Where", is_null, np.array(0), value.name)
        zone = self._series.zone
        if zone and zone != "UTC":
            safe = tracer.op("Add", safe, self._offset(safe, is_null))
        return safe

    def _offset(self, safe: str, is_null: str) -> str:
        """Look up what to add to UTC, in the unit of the dtype."""
        tracer, zone = self.tracer, zone_table(self._series.zone)
        seconds = floor_divide(tracer.scope.graph, safe, self.units(1), scope=tracer.scope.path)
        before = tracer.op("Less", seconds, np.array(zone.starts[0]))
        beyond = tracer.op("Or", before, tracer.op("GreaterOrEqual", seconds, np.array(zone.end)))
        broken = tracer.op("And", beyond, tracer.op("Not", is_null))
        text = f"expected a time from {WINDOW[0]} to {WINDOW[1] - 1}, for which the offsets of "
        tracer.refuse_rows(
            broken, self._series.value, f"{text}{self._series.zone} are known", origin="contract"
        )
        inside = tracer.op("Where", beyond, np.array(0), seconds)
        apart = tracer.op("Unsqueeze", inside, np.array([2]))
        later = tracer.op("GreaterOrEqual", apart, zone.starts[1:].reshape(1, 1, -1))
        at = tracer.op("ReduceSum", tracer.to(later, INT64), np.array([2]), keepdims=0)
        return tracer.op("Gather", zone.offsets * self.units(1), at)

    def units(self, seconds: int) -> int:
        """Count units of the dtype in some seconds; dates by the day have none below a day."""
        unit, step = np.datetime_data(self._series.value.dtype)
        if step != 1 or unit in ("D", "h", "m"):
            self.tracer.refuse(
                f"expected dates in s, ms, us or ns, as pandas has them, got [{unit}]"
            )
        return ticks(f"m8[{unit}]", seconds)

    def day_number(self) -> str:
        """Days since 1970-01-01."""
        graph, scope = self.tracer.scope.graph, self.tracer.scope.path
        return floor_divide(graph, self._safe(), self.units(86_400), scope=scope)

    def whole_year(self, year: str) -> str:
        """Refuse a year that int32 does not hold, as pandas does; seconds alone reach that far."""
        tracer = self.tracer
        if self.units(1) == 1:
            fits = tracer.op("Equal", tracer.wrapped(year, np.dtype(np.int32)), year)
            tracer.refuse_rows(
                tracer.op("Not", fits),
                self._series.value,
                "expected a date whose year int32 holds",
                origin="contract",
            )
        return year

    def civil(self) -> Civil:
        """Year, month, day."""
        return civil(self.tracer.scope.graph, self.day_number(), scope=self.tracer.scope.path)

    def _part_of_day(self, seconds: int, modulus: int) -> str:
        graph, scope = self.tracer.scope.graph, self.tracer.scope.path
        whole = floor_divide(graph, self._safe(), self.units(seconds), scope=scope)
        return self.tracer.op("Mod", whole, np.array(modulus))

    def fraction(self, digits: int, modulus: int) -> str:
        """Digits of a second."""
        graph, scope = self.tracer.scope.graph, self.tracer.scope.path
        per_second = self.units(1)
        rest = self.tracer.op("Mod", self._safe(), np.array(per_second))
        if 10**digits >= per_second:
            fine = self.tracer.op("Mul", rest, np.array(10**digits // per_second))
        else:
            fine = floor_divide(graph, rest, per_second // 10**digits, scope=scope)
        return self.tracer.op("Mod", fine, np.array(modulus))

    def _numbers(self, name: str, span: tuple[int, int] | None = None) -> Any:
        """Give whole numbers, NaN for NaT; conditions are false there."""
        tracer, value = self.tracer, self._series.value
        is_null = tracer.op("Equal", value.name, np.array(NAT))
        if name.startswith("is:"):
            truth = tracer.op("And", name[3:], tracer.op("Not", is_null))
            features = tuple(replace(f, has_nan=False, limit=1.0) for f in value.features)
            return self._series.like(Value(truth, BOOL, features, value.decided))
        wide = tracer.to(tracer.wrapped(name, np.dtype(np.int32)), FLOAT64)
        wide = tracer.op("Where", is_null, np.array(np.nan), wide)
        if span:
            tracer.finite[wide] = whole_numbers(wide, *span)
        features = tuple(replace(f, has_nan=True, limit=2.0**31) for f in value.features)
        return self._series.like(Value(wide, FLOAT64, features, value.decided))

    # Methods

    def isocalendar(self) -> Any:
        """Year, week and day of ISO 8601."""
        thursday = self.thursday()
        graph, scope = self.tracer.scope.graph, self.tracer.scope.path
        found = civil(graph, thursday, scope=scope)
        week = self.tracer.op("Sub", found.day_of_year, np.array(1))
        week = self.tracer.op("Add", floor_divide(graph, week, 7, scope=scope), np.array(1))
        day = self.tracer.op("Add", weekday(self), np.array(1))
        columns = {"year": self.whole_year(found.year), "week": week, "day": day}
        spans = {"week": (1, 53), "day": (1, 7)}
        return self.tracer.frame_of(
            {name: self._numbers(value, spans.get(name)) for name, value in columns.items()}
        )

    def thursday(self) -> str:
        """Thursday of the same week, whose year is that of the week."""
        monday = self.tracer.op("Sub", self.day_number(), weekday(self))
        return self.tracer.op("Add", monday, np.array(3))

    def total_seconds(self) -> Any:
        """Seconds, as float64."""
        if self._series.value.dtype.kind != "m":
            raise AttributeError("total_seconds")
        tracer, value = self.tracer, self._series.value
        fine = self.units(1)
        if _splits_seconds():
            graph, scope = tracer.scope.graph, tracer.scope.path
            rest = tracer.op("Mod", value.name, np.array(fine))
            whole = tracer.to(floor_divide(graph, value.name, fine, scope=scope), FLOAT64)
            part = tracer.op("Div", tracer.to(rest, FLOAT64), np.array(float(fine)))
            seconds = tracer.op("Add", whole, part)
            self._refuse_collapsed(whole, part, seconds)
        else:
            seconds = tracer.op("Div", tracer.to(value.name, FLOAT64), np.array(float(fine)))
        is_null = tracer.op("Equal", value.name, np.array(NAT))
        seconds = tracer.op("Where", is_null, np.array(np.nan), seconds)
        features = tuple(replace(f, has_nan=True, limit=2.0**63) for f in value.features)
        return self._series.like(Value(seconds, FLOAT64, features, value.decided))

    def _refuse_collapsed(self, whole: str, part: str, seconds: str) -> None:
        """Refuse a fraction that rounds away to whole seconds, which pandas moves off them."""
        tracer = self.tracer
        after = tracer.op("Add", whole, np.array(1.0))
        collapsed = tracer.op(
            "Or", tracer.op("Equal", seconds, whole), tracer.op("Equal", seconds, after)
        )
        is_apart = tracer.op("Less", tracer.op("Abs", whole), np.array(2.0**52))
        for condition in (tracer.op("Greater", part, np.array(0.0)), is_apart):
            collapsed = tracer.op("And", collapsed, condition)
        is_null = tracer.op("Equal", self._series.value.name, np.array(NAT))
        collapsed = tracer.op("And", collapsed, tracer.op("Not", is_null))
        text = "expected a difference whose fraction of a second float64 holds"
        tracer.refuse_rows(collapsed, self._series.value, text, origin="contract")

    def _difference(self, name: str) -> Any:
        graph, scope = self.tracer.scope.graph, self.tracer.scope.path
        day, second = self.units(86_400), self.units(1)
        safe = self._safe()
        if name == "days":
            days = floor_divide(graph, safe, day, scope=scope)
            return self._wide(days)
        if name == "seconds":
            rest = self.tracer.op("Mod", safe, np.array(day))
            return self._numbers(floor_divide(graph, rest, second, scope=scope))
        return self.tracer.refuse(
            f"Series.dt.{name} of differences is not traced; use days, seconds or total_seconds()"
        )

    def _wide(self, name: str) -> Any:
        tracer, value = self.tracer, self._series.value
        is_null = tracer.op("Equal", value.name, np.array(NAT))
        wide = tracer.op("Where", is_null, np.array(np.nan), tracer.to(name, FLOAT64))
        features = tuple(replace(f, has_nan=True, limit=2.0**63) for f in value.features)
        return self._series.like(Value(wide, FLOAT64, features, value.decided))

    def normalize(self) -> Any:
        """Begin of the day."""
        return self.floor("D")

    def floor(self, freq: str) -> Any:
        """Begin of a unit of time."""
        seconds = _ROUNDINGS.get(str(freq))
        if seconds is None:
            self.tracer.refuse(f"expected one of {sorted(_ROUNDINGS)}, got {freq!r}")
        tracer, series = self.tracer, self._series
        if series.zone and series.zone != "UTC":
            tracer.refuse(
                "expected times in UTC or without a zone to be rounded; use "
                ".dt.tz_localize(None) first"
            )
        safe = self._safe()
        rest = tracer.op("Mod", safe, np.array(self.units(seconds)))
        name = tracer.op("Sub", safe, rest)
        tracer.refuse_rows(
            tracer.op("Greater", name, safe),
            series.value,
            f"expected a time whose {freq} begins within {series.value.dtype}",
            origin="contract",
        )
        is_null = tracer.op("Equal", series.value.name, np.array(NAT))
        name = tracer.op("Where", is_null, np.array(NAT), name)
        return series.like(replace(series.value, name=name), zone=series.zone)

    def tz_convert(self, tz: Any) -> Any:
        """See the same moments on another clock."""
        if not self._series.zone:
            raise TypeError("Cannot convert tz-naive timestamps, use tz_localize to localize")
        return self._series.like(self._series.value, zone="UTC" if tz is None else str(tz))

    def tz_localize(self, tz: Any, ambiguous: Any = "raise", nonexistent: Any = "raise") -> Any:
        """Forget the zone, or read the clock as that of a zone."""
        tracer, series = self.tracer, self._series
        if tz is None:
            is_null = tracer.op("Equal", series.value.name, np.array(NAT))
            name = tracer.op("Where", is_null, np.array(NAT), self._safe())
            return series.like(replace(series.value, name=name))
        if series.zone:
            raise TypeError("Already tz-aware, use tz_convert to convert.")
        if str(tz) == "UTC":
            return series.like(series.value, zone="UTC")
        name = localized(tracer, series.value, str(tz), self.units(1), (ambiguous, nonexistent))
        return series.like(replace(series.value, name=name), zone=str(tz))

    def as_unit(self, unit: str) -> Any:
        """Count in another unit."""
        kind = self._series.value.dtype.kind
        value = self.tracer.cast(self._series.value, np.dtype(f"{kind}8[{unit}]"))
        return self._series.like(value, zone=self._series.zone)

    def day_name(self, *_args: Any) -> Any:
        """Name of the weekday, in English."""
        return self._names(weekday(self), _DAYS)

    def month_name(self, *_args: Any) -> Any:
        """Name of the month, in English."""
        return self._names(self.tracer.op("Sub", self.civil().month, np.array(1)), _MONTHS)

    def strftime(self, date_format: str) -> Any:
        """Write as text, of parts that are numbers of fixed width."""
        tracer, series = self.tracer, self._series
        found = self.civil()
        numbers: dict[str, tuple[str, int, int]] = {
            "Y": (found.year, 10_000, 4), "m": (found.month, 100, 2), "d": (found.day, 100, 2),
            "H": (self._part_of_day(3600, 24), 100, 2), "M": (self._part_of_day(60, 60), 100, 2),
            "S": (self._part_of_day(1, 60), 100, 2), "j": (found.day_of_year, 1000, 3),
        }  # fmt: skip
        text: str | None = None
        for piece in _pieces(date_format):
            if not piece.startswith("%"):
                part: Any = np.array(piece, object)
            elif piece[1:] in numbers:
                number, size, width = numbers[piece[1:]]
                beyond = tracer.op(
                    "Or",
                    tracer.op("Less", number, np.array(0)),
                    tracer.op("GreaterOrEqual", number, np.array(size)),
                )
                tracer.refuse_rows(
                    beyond, series.value, f"expected years up to {size - 1}", origin="contract"
                )
                number = tracer.op("Where", beyond, np.array(0), number)
                words = np.array([f"{n:0{width}d}" for n in range(size)], object)
                part = tracer.op("Gather", words, number)
            else:
                names = "; use .dt.day_name() and .dt.month_name() for names"
                tracer.refuse(
                    f"expected %Y, %m, %d, %H, %M, %S or %j in strftime, got {piece}{names}"
                )
            text = part if text is None else tracer.op("StringConcat", text, part)
        is_null = tracer.op("Equal", series.value.name, np.array(NAT))
        name = tracer.op("Where", is_null, np.array("\0nan", object), text or "")
        features = tuple(replace(f, has_nan=True, limit=1.0) for f in series.value.features)
        return series.like(Value(name, OBJECT, features, series.value.decided))

    def _names(self, at: str, words: tuple[str, ...]) -> Any:
        tracer, value = self.tracer, self._series.value
        is_null = tracer.op("Equal", value.name, np.array(NAT))
        name = tracer.op("Gather", np.array(words, object), at)
        name = tracer.op("Where", is_null, np.array("\0nan", object), name)
        features = tuple(replace(f, has_nan=True, limit=1.0) for f in value.features)
        return self._series.like(Value(name, OBJECT, features, value.decided))


@lru_cache(maxsize=1)
def _splits_seconds() -> bool:
    """Ask this pandas whether it divides whole seconds and the rest apart."""
    import pandas as pd  # noqa: PLC0415  # there whenever a difference is

    ticks = 9_643_657_535_121_873
    found = pd.Series(np.array([ticks], "timedelta64[us]")).dt.total_seconds()[0]
    return bool(found == ticks // 10**6 + ticks % 10**6 / 10**6)


def _pieces(date_format: str) -> list[str]:
    """Split a format into directives and the text between them."""
    pieces, rest = [], date_format
    while rest:
        if rest[0] == "%":
            pieces.append(rest[:2])
            rest = rest[2:]
        else:
            plain, _, rest = rest.partition("%")
            pieces.append(plain)
            rest = f"%{rest}" if rest else ""
    return pieces
