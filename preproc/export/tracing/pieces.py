"""Text cut at a delimiter."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from preproc.export.tracing.text_values import TextValues
from preproc.export.tracing.tracer import OBJECT, Value

if TYPE_CHECKING:
    from preproc.export.tracing.series import SymbolicSeries


class Pieces:
    """What ``Series.str.split`` gives: lists, of which one piece each can be taken."""

    def __init__(self, series: "SymbolicSeries", delimiter: str, most: int) -> None:
        self.tracer = series.tracer
        self._series = series
        self._delimiter = delimiter
        self._most = most

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.tracer.refuse(f"expected one piece of a split text, .str[0], got .{name}")

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            self.tracer.refuse("expected one piece of a split text, got several")
        return self.get(at)

    def _parts(self) -> tuple[str, str]:
        options: dict[str, Any] = {"delimiter": self._delimiter}
        if self._most > 0:
            options["maxsplit"] = self._most
        name = self._series.value.name
        number = self.tracer.op("StringSplit", name, place=1, **options, outputs=2)
        pieces = self.tracer.op("StringSplit", name, **options, outputs=2)
        blank = self.tracer.op(
            "Where", self.tracer.op("Equal", name, name), np.array("", object), name
        )
        pieces = self.tracer.op(
            "Concat", pieces, self.tracer.op("Unsqueeze", blank, np.array([2])), axis=2
        )
        return pieces, self.tracer.op("Max", number, np.array(1))

    def get(self, at: int) -> Any:
        """Take one piece; null where there are fewer."""
        tracer = self.tracer
        pieces, number = self._parts()
        place = (
            tracer.op("Add", number, np.array(at))
            if at < 0
            else tracer.op("Add", tracer.op("Mul", number, np.array(0)), np.array(at))
        )
        is_in = tracer.op(
            "And", tracer.op("GreaterOrEqual", place, np.array(0)), tracer.op("Less", place, number)
        )
        safe = tracer.op("Where", is_in, place, np.array(0))
        taken = tracer.op(
            "GatherElements", pieces, tracer.op("Unsqueeze", safe, np.array([2])), axis=2
        )
        taken = tracer.op("Squeeze", taken, np.array([2]))
        taken = tracer.op("Where", is_in, taken, np.array("\0nan", object))
        value = self._series.value
        is_null = tracer.null_text(value.name)
        taken = tracer.op("Where", is_null, value.name, taken)
        features = tuple(replace(f, has_nan=True) for f in value.features)
        return self._series.like(Value(taken, OBJECT, features, value.decided))

    def len(self) -> Any:
        """Count pieces."""
        return TextValues(self._series).count_of(self._parts()[1])

    def expanded(self, most: int) -> Any:
        """Give pieces as columns, as many as splits were allowed."""
        if most < 1:
            self.tracer.refuse(
                "expected n= beside expand=True: the number of columns would depend on the batch"
            )
        return self.tracer.frame_of({at: self.get(at) for at in range(most + 1)})

    @property
    def str(self) -> "Pieces":
        """Itself, to take a piece."""
        return self
