"""Text: what ``Series.str`` gives, with Python's Unicode meaning.

Nulls travel as reserved tokens: every method leaves them what they are, conditions are false there
as pandas 3 has them, and counts are NaN.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from preproc.export.tracing.alphabet import case_table, cased, has_final_sigma, in_ranges, spaces
from preproc.export.tracing.parsing import parsed_number
from preproc.export.tracing.patterns import PatternError, literal, re2_pattern
from preproc.export.tracing.tracer import BOOL, FLOAT64, INT64, OBJECT, Tracer, Value
from preproc.graph import characters, joined_text, lengths, positions

if TYPE_CHECKING:
    from preproc.export.tracing.series import SymbolicSeries

_SIGMA: Final = "\u03a3"


class TextMethods:
    """What ``Series.str`` gives; or what ``str`` does, inside a function of one cell."""

    def __init__(self, series: "SymbolicSeries", *, is_python: bool = False) -> None:
        self.tracer: Tracer = series.tracer
        self._series = series
        self._is_python = is_python

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.tracer.refuse(
            f"Series.str.{name} is not traced; see docs/tracing.md, or map the words of training "
            "with Series.map({...})"
        )

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return self.slice(key.start, key.stop, key.step)
        return self.get(key)

    # How methods are built

    @property
    def _name(self) -> str:
        value = self._series.value
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

    def _count(self, name: str) -> Any:
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
        return self._count(self._lengths(self._characters()))

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

    # Tests

    def contains(
        self,
        pat: Any,
        case: bool = True,
        flags: int = 0,
        na: Any = None,
        regex: bool = True,
    ) -> Any:
        """Tell whether a pattern, or a text, is found."""
        flags |= 0 if case else re.IGNORECASE
        is_pattern = regex or isinstance(pat, re.Pattern)
        inner = self._pattern(pat, flags) if is_pattern else literal(pat, flags=flags)
        return self._truth(self._matches(f"(?s:.*)(?:{inner})(?s:.*)"), na)

    def match(self, pat: Any, case: bool = True, flags: int = 0, na: Any = None) -> Any:
        """Tell whether a pattern stands at the begin."""
        flags |= 0 if case else re.IGNORECASE
        return self._truth(self._matches(f"(?:{self._pattern(pat, flags)})(?s:.*)"), na)

    def fullmatch(self, pat: Any, case: bool = True, flags: int = 0, na: Any = None) -> Any:
        """Tell whether a pattern is the whole text."""
        flags |= 0 if case else re.IGNORECASE
        return self._truth(self._matches(self._pattern(pat, flags)), na)

    def startswith(self, pat: Any, na: Any = None) -> Any:
        """Tell whether a text, or one of several, stands at the begin."""
        return self._truth(self._matches(f"(?s)(?:{_one_of(pat)}).*"), na)

    def endswith(self, pat: Any, na: Any = None) -> Any:
        """Tell whether a text, or one of several, stands at the end."""
        return self._truth(self._matches(f"(?s).*(?:{_one_of(pat)})"), na)

    def isdigit(self) -> Any:
        """Tell whether all are digits."""
        return self._all("isdigit")

    def isnumeric(self) -> Any:
        """Tell whether all are numeric."""
        return self._all("isnumeric")

    def isdecimal(self) -> Any:
        """Tell whether all are decimal digits."""
        return self._all("isdecimal")

    def isalpha(self) -> Any:
        """Tell whether all are letters."""
        return self._all("isalpha")

    def isalnum(self) -> Any:
        """Tell whether all are letters or numeric."""
        return self._all("isalnum")

    def isspace(self) -> Any:
        """Tell whether all are white space."""
        return self._all("isspace")

    def _all(self, test: str) -> Any:
        """Test each code point; an empty text fails."""
        pattern = f"[{in_ranges(test, is_python=self._is_python)}]+"
        return self._truth(self._matches(pattern))

    def count(self, pat: str, flags: int = 0) -> Any:
        """Count how often a text stands in another; of a pattern, one of a single sign."""
        parsed = self._pattern(pat, flags)
        plain = re.sub(r"\\(.)", r"\1", pat)
        if literal(plain) == parsed:
            return self._count(self._op("Sub", self._splits(plain)[1], np.array(1)))
        self.tracer.refuse("expected plain text to be counted, got a pattern")
        return None

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
            self.tracer.refuse("expected plain text to split at, got white space or a pattern")
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
        return result

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
        return TextMethods(self._series)._count(self._parts()[1])  # noqa: SLF001  # its other half

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


def parsed_numbers(tracer: Tracer, value: Value, errors: str) -> Value:
    """Read numbers from text; see `parsing`."""
    return parsed_number(tracer, value, errors)


def _one_of(pat: Any) -> str:
    words = pat if isinstance(pat, tuple) else (pat,)
    return "|".join(literal(word) for word in words)


def _is_one_sign(pattern: str) -> bool:
    try:
        compiled = re.compile(pattern)
    except re.error:
        return False
    return compiled.groups == 0
