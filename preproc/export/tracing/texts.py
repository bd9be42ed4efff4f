"""Text: what ``Series.str`` gives, with Python's Unicode meaning.

Nulls travel as reserved tokens: every method leaves them what they are, conditions are false there
as pandas 3 has them, and counts are NaN.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from preproc.export.tracing.alphabet import cased, has_final_sigma, spaces
from preproc.export.tracing.parsing import parsed_number
from preproc.export.tracing.patterns import literal
from preproc.export.tracing.pieces import Pieces
from preproc.export.tracing.text_tests import TextTests
from preproc.export.tracing.tracer import BOOL, INT64, OBJECT, Tracer, Value
from preproc.graph import positions

_SIGMA: Final = "\u03a3"


class TextMethods(TextTests):
    """What ``Series.str`` gives; or what ``str`` does, inside a function of one cell."""

    # Case

    def lower(self) -> Any:
        """Lower case; a capital sigma, whose form depends on its place, refuses the row."""
        self._refuse_sigma()
        return self._text(self._joined(self._mapped(self._characters(), "lower")))

    def upper(self) -> Any:
        """Upper case."""
        return self._text(self._joined(self._mapped(self._characters(), "upper")))

    def title(self) -> Any:
        """Upper case at the begin of words, lower case in them."""
        return self._with_begins(self._behind_cased)

    def capitalize(self) -> Any:
        """Upper case at the begin, lower case behind."""
        return self._with_begins(
            lambda parts: self._op("Greater", self._places(parts), np.array(0))
        )

    def _with_begins(self, is_inside: Callable[[str], str]) -> Any:
        self._refuse_sigma()
        parts = self._characters()
        lower, title = self._mapped(parts, "lower"), self._mapped(parts, "title")
        return self._text(self._joined(self._op("Where", is_inside(parts), lower, title)))

    def _behind_cased(self, parts: str) -> str:
        is_cased = self.tracer.to(self._among(parts, cased(is_python=self._is_python)), INT64)
        first = self._op(
            "Mul",
            self._op("Slice", is_cased, np.array([0]), np.array([1]), np.array([2])),
            np.array(0),
        )
        rest = self._op("Slice", is_cased, np.array([0]), np.array([-1]), np.array([2]))
        return self._op("Equal", self._op("Concat", first, rest, axis=2), np.array(1))

    def swapcase(self) -> Any:
        """Turn cases around."""
        self._refuse_sigma()
        return self._text(self._joined(self._mapped(self._characters(), "swapcase")))

    def casefold(self) -> Any:
        """Fold case."""
        return self._text(self._joined(self._mapped(self._characters(), "casefold")))

    def _refuse_sigma(self) -> None:
        if not has_final_sigma(is_python=self._is_python):
            return
        broken = self._matches(f"(?s).*{literal(_SIGMA)}.*")
        text = "expected text without a capital sigma, whose lower case depends on its place"
        self.tracer.refuse_rows(broken, self._series.value, text, origin="contract")

    # Parts

    def len(self) -> Any:
        """Count code points."""
        return self.count_of(self._lengths(self._characters()))

    def slice(self, start: Any = None, stop: Any = None, step: Any = None) -> Any:
        """Cut a part out by positions."""
        if step not in (None, 1):
            if step == -1 and start is None and stop is None:
                self.tracer.refuse("expected text from left to right, got it reversed")
            self.tracer.refuse(f"expected step 1, got {step}")
        parts = self._characters()
        places, size = self._places(parts), self._lengths(parts)
        size = self._op("Unsqueeze", size, np.array([2]))
        kept = self._op("Less", places, size)
        for limit, is_start in ((start, True), (stop, False)):
            if limit is None:
                continue
            edge: Any = np.array(limit)
            if limit < 0:
                edge = self._op("Max", self._op("Add", size, np.array(limit)), np.array(0))
            test = self._op("GreaterOrEqual" if is_start else "Less", places, edge)
            kept = self._op("And", kept, test)
        return self._text(self._joined(self._op("Where", kept, parts, np.array("", object))))

    def get(self, i: int) -> Any:
        """Take one code point; null beyond the ends."""
        parts = self._characters()
        size = self._op("Unsqueeze", self._lengths(parts), np.array([2]))
        at: Any = np.array(i) if i >= 0 else self._op("Add", size, np.array(i))
        is_it = self._op("Equal", self._places(parts), at)
        found = self._joined(self._op("Where", is_it, parts, np.array("", object)))
        is_empty = self._op("Equal", found, np.array("", object))
        return self._text(self._op("Where", is_empty, np.array("\0nan", object), found))

    def strip(self, to_strip: str | None = None) -> Any:
        """Cut white space, or given signs, off both ends."""
        return self._stripped(to_strip, is_left=True, is_right=True)

    def lstrip(self, to_strip: str | None = None) -> Any:
        """Cut off on the left."""
        return self._stripped(to_strip, is_left=True, is_right=False)

    def rstrip(self, to_strip: str | None = None) -> Any:
        """Cut off on the right."""
        return self._stripped(to_strip, is_left=False, is_right=True)

    def _stripped(self, signs: str | None, *, is_left: bool, is_right: bool) -> Any:
        parts = self._characters()
        places = self._places(parts)
        odd = self._among(
            parts,
            spaces(is_python=self._is_python) if signs is None else tuple(dict.fromkeys(signs)),
        )
        odd = self._op("Or", odd, self._op("Equal", parts, np.array("", object)))
        far = np.array(2**40)
        first = self._op(
            "ReduceMin", self._op("Where", odd, far, places), np.array([2]), keepdims=1
        )
        last = self._op(
            "ReduceMax", self._op("Where", odd, np.array(-1), places), np.array([2]), keepdims=1
        )
        kept = self._op("GreaterOrEqual", places, np.array(0))
        if is_left:
            kept = self._op("And", kept, self._op("GreaterOrEqual", places, first))
        if is_right:
            kept = self._op("And", kept, self._op("LessOrEqual", places, last))
        return self._text(self._joined(self._op("Where", kept, parts, np.array("", object))))

    def zfill(self, width: int) -> Any:
        """Fill up with zeros on the left, behind a sign."""
        is_signed = self._matches("(?s)[+-].*")
        sign = self._joined(
            self._op("Where", self._first_only(is_signed), self._characters(), np.array("", object))
        )
        parts = self._characters()
        rest = self._op("Where", self._first_only(is_signed), np.array("", object), parts)
        zeros = self._padding(self._lengths(parts), width, "0")
        filled = self._op("StringConcat", self._op("StringConcat", sign, zeros), self._joined(rest))
        return self._text(filled)

    def _first_only(self, condition: str) -> str:
        is_first = self._op("Equal", self._places(self._characters()), np.array(0))
        return self._op("And", is_first, self._op("Unsqueeze", condition, np.array([2])))

    def _padding(self, size: str, width: int, fill: str) -> str:
        words = np.array([fill * n for n in range(width + 1)], object)
        missing = self._op("Sub", np.array(width), size)
        missing = self._op("Max", missing, np.array(0))
        return self._op("Gather", words, missing)

    def pad(self, width: int, side: str = "left", fillchar: str = " ") -> Any:
        """Fill up on one side."""
        if side == "both":
            self.tracer.refuse("expected one side to be filled up, got both")
        zeros = self._padding(self._lengths(self._characters()), width, fillchar)
        pair = (zeros, self._name) if side == "left" else (self._name, zeros)
        return self._text(self._op("StringConcat", *pair))

    def rjust(self, width: int, fillchar: str = " ") -> Any:
        """Fill up on the left."""
        return self.pad(width, "left", fillchar)

    def ljust(self, width: int, fillchar: str = " ") -> Any:
        """Fill up on the right."""
        return self.pad(width, "right", fillchar)

    def removeprefix(self, prefix: str) -> Any:
        """Cut a text off the begin where it stands there."""
        cut = self.slice(len(prefix)).value.name
        return self._text(
            self._op("Where", self._matches(f"(?s){literal(prefix)}.*"), cut, self._name)
        )

    def removesuffix(self, suffix: str) -> Any:
        """Cut a text off the end where it stands there."""
        if not suffix:
            return self._series.copy()
        cut = self.slice(None, -len(suffix)).value.name
        return self._text(
            self._op("Where", self._matches(f"(?s).*{literal(suffix)}"), cut, self._name)
        )

    # Splitting and replacing

    def _splits(self, delimiter: str) -> tuple[str, str]:
        """Cut at a delimiter: pieces (n, 1, k) and how many there are, at least one."""
        pieces = self._op("StringSplit", self._name, delimiter=delimiter, outputs=2)
        number = self._op("StringSplit", self._name, delimiter=delimiter, place=1, outputs=2)
        return pieces, self._op("Max", number, np.array(1))

    def split(
        self, pat: str | None = None, *, n: int = -1, expand: bool = False, **_options: Any
    ) -> Any:
        """Cut at a delimiter."""
        if pat is None or (len(pat) > 1 and re.escape(pat) != pat):
            self.tracer.refuse(
                "expected plain text to split at, got white space or a pattern; write "
                ".str.replace(pattern, ' ', regex=True).str.strip().str.split(' ')"
            )
        return Pieces(self._series, pat, n).expanded(n) if expand else Pieces(self._series, pat, n)

    def replace(
        self,
        pat: Any,
        repl: Any = "",
        n: int = -1,
        case: Any = None,
        flags: int = 0,
        regex: bool = False,
    ) -> Any:
        """Put a text in the place of another; of patterns, classes of single signs."""
        if callable(repl) or n != -1 or case is False:
            self.tracer.refuse("expected replace(text, text), got another form")
        if isinstance(pat, Mapping):
            series = self._series
            for key, word in pat.items():
                series = TextMethods(series).replace(key, word, regex=regex)
            return series
        if regex and re.escape(pat) != pat:
            return self._replaced_signs(pat, repl, flags)
        if pat == "":
            self.tracer.refuse("expected text to be replaced, got an empty one")
        pieces, number = self._splits(pat)
        return self._text(self._glued(pieces, number, repl))

    def _glued(self, pieces: str, number: str, word: str) -> str:
        """Join pieces with a word between them; the number of pieces is (n, 1)."""
        graph, scope = self.tracer.scope.graph, self.tracer.scope.path
        # A column more: the operator gives none where every text is empty.
        blank = self._op(
            "Where", self._op("Equal", self._name, self._name), np.array("", object), self._name
        )
        pieces = self._op("Concat", pieces, self._op("Unsqueeze", blank, np.array([2])), axis=2)
        places = positions(graph, pieces, scope=scope)
        last = self._op("Unsqueeze", self._op("Sub", number, np.array(1)), np.array([2]))
        is_inner = self._op("Less", places, last)
        behind = self._op("Where", is_inner, np.array(word, object), np.array("", object))
        return self._joined(self._op("StringConcat", pieces, behind))

    def _replaced_signs(self, pattern: str, word: str, flags: int) -> Any:
        r"""Replace by a class of single signs, or by a run of them, such as ``\s+``."""
        if "\\" in word:
            self.tracer.refuse("expected a plain text to put in, got one with references")
        single = re.fullmatch(r"(\[.*\]|\\?.)(\+?)", pattern, re.DOTALL)
        if single is None or not _is_one_sign(single[1]):
            self.tracer.refuse(
                "expected a class of single signs, such as [^a-z] or \\s+, got a longer pattern"
            )
        parts = self._characters()
        is_it = self._op("RegexFullMatch", parts, pattern=self._pattern(single[1], flags))
        if single[2]:
            whole = self.tracer.to(is_it, INT64)
            first = self._op(
                "Mul",
                self._op("Slice", whole, np.array([0]), np.array([1]), np.array([2])),
                np.array(0),
            )
            before = self._op(
                "Concat",
                first,
                self._op("Slice", whole, np.array([0]), np.array([-1]), np.array([2])),
                axis=2,
            )
            is_more = self._op("And", is_it, self._op("Equal", before, np.array(1)))
            parts = self._op("Where", is_it, np.array(word, object), parts)
            return self._text(self._joined(self._op("Where", is_more, np.array("", object), parts)))
        return self._text(self._joined(self._op("Where", is_it, np.array(word, object), parts)))

    def cat(
        self, others: Any = None, sep: str | None = None, na_rep: Any = None, **_options: Any
    ) -> Any:
        """Put columns of text together."""
        if others is None:
            self.tracer.refuse("expected cat(others), got one column, whose rows would be joined")
        many = others if isinstance(others, list | tuple) else [others]
        result = self._series if na_rep is None else self._series.fillna(na_rep)
        for other in many:
            right = other if na_rep is None else other.fillna(na_rep)
            result = result + sep + right if sep else result + right
        return result.rename(self._series.name)

    def number_text(self) -> Value:
        """Write whole numbers and booleans as text."""
        value = self._series.value
        if value.dtype == BOOL:
            name = self._op(
                "Where", value.name, np.array("True", object), np.array("False", object)
            )
        elif value.dtype.kind in "iu":
            name = self.tracer.to(value.name, OBJECT)
        else:
            self.tracer.refuse(
                f"expected whole numbers to become text, got {value.dtype}, whose digits depend on "
                "the library; round and cast to int64 first"
            )
        features = tuple(replace(f, has_nan=False, limit=1.0) for f in value.features)
        return Value(name, OBJECT, features, value.decided)


def parsed_numbers(tracer: Tracer, value: Value, errors: str) -> Value:
    """Read numbers from text; see `parsing`."""
    return parsed_number(tracer, value, errors)


def _is_one_sign(pattern: str) -> bool:
    try:
        compiled = re.compile(pattern)
    except re.error:
        return False
    return compiled.groups == 0
