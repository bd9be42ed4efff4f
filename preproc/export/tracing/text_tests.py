"""Conditions on text."""

import re
from typing import Any

import numpy as np

from preproc.export.tracing.alphabet import in_ranges
from preproc.export.tracing.patterns import literal
from preproc.export.tracing.text_values import TextValues


class TextTests(TextValues):
    """Methods of ``Series.str`` that tell something of each text."""

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
            return self.count_of(self._op("Sub", self._splits(plain)[1], np.array(1)))
        self.tracer.refuse("expected plain text to be counted, got a pattern")
        return None


def _one_of(pat: Any) -> str:
    words = pat if isinstance(pat, tuple) else (pat,)
    return "|".join(literal(word) for word in words)
