"""Whether any row, or every row, meets a condition: what user code asks before it refuses a batch.

Code such as ``if X.isna().any().any(): raise ValueError`` has a meaning for single rows: the rows
that meet the condition are refused. So the answer to ``any`` is no, and to ``all`` yes, and the
rows that would make it another are refused by a rule; the trial then asks the real function about
such rows, one by one. Where it answers them, as after ``if bad.any(): X = X.where(~bad, 0)``, the
code mends rows: it is run once more on its other way, which must then be right for all rows.
"""

from collections.abc import Sequence
from typing import Any

from preproc.export.tracing.refusal import place_here
from preproc.export.tracing.tracer import BOOL, Tracer, Value


class Guard:
    """The answer of ``any`` or ``all`` over rows, or one a column.

    Parameters
    ----------
    tracer
        Of this run.
    conditions
        Boolean values, one column each.
    is_any
        Whether it is about any row, else about all.
    """

    def __init__(self, tracer: Tracer, conditions: Sequence[Value], *, is_any: bool) -> None:
        self.tracer = tracer
        self._conditions = tuple(conditions)
        self._is_any = is_any

    def any(self, *_args: Any, **_options: Any) -> "Guard":
        """Whether it holds of any column."""
        return self._over_columns(is_any=True)

    def all(self, *_args: Any, **_options: Any) -> "Guard":
        """Whether it holds of all columns."""
        return self._over_columns(is_any=False)

    def _over_columns(self, *, is_any: bool) -> "Guard":
        if is_any != self._is_any:
            self.tracer.refuse("expected any of any, or all of all, got one of the other")
        return self

    def __bool__(self) -> bool:
        self.tracer.asks = True
        if self.tracer.mends:
            return self._is_any
        place = place_here()
        asked = place.expression if place else "a condition over rows"
        for condition in self._conditions:
            broken = condition.name
            if not self._is_any:
                broken = self.tracer.op("Not", broken)
            self.tracer.refuse_rows(broken, condition, f"the step refuses rows by {asked}")
        return not self._is_any

    def __or__(self, other: Any) -> "Guard":
        return self._with(other, is_any=True)

    def __and__(self, other: Any) -> "Guard":
        return self._with(other, is_any=False)

    def _with(self, other: Any, *, is_any: bool) -> "Guard":
        mine = other.parts() if isinstance(other, Guard) else None
        if mine is None or not is_any == self._is_any == mine[1]:
            self.tracer.refuse("expected conditions over rows of one kind, got another mixture")
        return Guard(self.tracer, (*self._conditions, *mine[0]), is_any=is_any)

    def parts(self) -> tuple[tuple[Value, ...], bool]:
        """Give what it is about."""
        return self._conditions, self._is_any

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.tracer.refuse(
            f"expected a condition over rows to decide a refusal alone, got .{name} of it"
        )


def guard_of(tracer: Tracer, values: Sequence[Value], *, is_any: bool) -> Guard:
    """Ask whether any row, or all rows, of columns are true."""
    return Guard(tracer, [tracer.cast(value, BOOL) for value in values], is_any=is_any)
