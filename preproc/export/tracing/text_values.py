"""What text methods are built from: parts, matches, and results with nulls where they were."""

import re
from dataclasses import replace
from typing import Any

import numpy as np

from preproc.export.tracing.advice import not_traced
from preproc.export.tracing.alphabet import case_table
from preproc.export.tracing.patterns import PatternError, re2_pattern
from preproc.export.tracing.tracer import BOOL, FLOAT64, OBJECT, Tracer, Value
from preproc.graph import characters, joined_text, lengths, positions


class TextValues:
    """A column of text under ``Series.str``; or of ``str``, inside a function of one cell."""

    def __init__(self, series: Any, *, is_python: bool = False) -> None:
        self.tracer: Tracer = series.tracer
        self._series = series
        self._is_python = is_python

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        general = "see docs/tracing.md, or map the words of training with Series.map({...})"
        return self.tracer.refuse(not_traced(f"Series.str.{name}", general))

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return self.slice(key.start, key.stop, key.step)
        return self.get(key)

    # How methods are built

    @property
    def _name(self) -> str:
        value: Value = self._series.value
        if value.dtype != OBJECT:
            raise AttributeError("Can only use .str accessor with string values")
        return value.name

    def _op(self, op_type: str, *inputs: Any, **attributes: Any) -> str:
        return self.tracer.op(op_type, *inputs, **attributes)

    def _text(self, name: str) -> Any:
        """Give text, nulls where they were."""
        value = self._series.value
        name = self._op("Where", self.tracer.null_text(value.name), value.name, name)
        features = tuple(replace(f, has_nan=True, limit=1.0) for f in value.features)
        return self._series.like(Value(name, OBJECT, features, value.decided))

    def _truth(self, name: str, na: Any = None) -> Any:
        value = self._series.value
        is_null = self.tracer.null_text(value.name)
        if na is True:
            name = self._op("Or", name, is_null)
        else:
            name = self._op("And", name, self._op("Not", is_null))
        features = tuple(replace(f, has_nan=False, limit=1.0) for f in value.features)
        return self._series.like(Value(name, BOOL, features, value.decided))

    def count_of(self, name: str) -> Any:
        """Give whole numbers, NaN for nulls."""
        value = self._series.value
        wide = self.tracer.to(name, FLOAT64)
        is_null = self.tracer.null_text(value.name)
        wide = self._op("Where", is_null, np.array(np.nan), wide)
        features = tuple(replace(f, has_nan=True, limit=2.0**31) for f in value.features)
        return self._series.like(Value(wide, FLOAT64, features, value.decided))

    def _characters(self) -> str:
        return characters(self.tracer.scope.graph, self._name, 1, scope=self.tracer.scope.path)

    def _joined(self, parts: str) -> str:
        graph, scope = self.tracer.scope.graph, self.tracer.scope.path
        return joined_text(graph, parts, self._name, scope=scope)

    def _places(self, parts: str) -> str:
        return positions(self.tracer.scope.graph, parts, scope=self.tracer.scope.path)

    def _lengths(self, parts: str) -> str:
        return lengths(self.tracer.scope.graph, parts, scope=self.tracer.scope.path)

    def _mapped(self, parts: str, kind: str) -> str:
        """Change the case of each code point; some become two or three."""
        table = case_table(kind, is_python=self._is_python)
        found = self._op(
            "LabelEncoder", parts, domain="ai.onnx.ml",
            keys_tensor=np.array(list(table), object),
            values_tensor=np.array(list(table.values()), object),
            default_tensor=np.array(["\0"], object),
        )  # fmt: skip
        is_plain = self._op("Equal", found, np.array("\0", object))
        return self._op("Where", is_plain, parts, found)

    def _among(self, parts: str, signs: Any) -> str:
        found = self._op(
            "LabelEncoder", parts, domain="ai.onnx.ml",
            keys_tensor=np.array(list(signs), object),
            values_tensor=np.ones(len(signs), np.int64), default_tensor=np.array([0]),
        )  # fmt: skip
        return self._op("Equal", found, np.array(1))

    def _matches(self, pattern: str) -> str:
        return self._op("RegexFullMatch", self._name, pattern=pattern)

    def _pattern(self, pat: Any, flags: int = 0) -> str:
        pattern, flags = (pat.pattern, pat.flags) if isinstance(pat, re.Pattern) else (pat, flags)
        try:
            written = re2_pattern(pattern, flags)
        except PatternError as error:
            self.tracer.refuse(
                f"expected a pattern that RE2 holds in Python's meaning, got {error}; "
                "match plain text with regex=False, or map the words of training"
            )
        return written
