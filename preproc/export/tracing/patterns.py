r"""Python's regular expressions as RE2's, in Python's Unicode meaning, or refused.

The pattern is parsed by Python itself and written anew: ``\d``, ``\w`` and ``\s`` become the
classes that Python means by them, letters of a pattern without case the classes of all their forms.
What RE2 has not, or means otherwise (look-around, back-references, word boundaries), is refused.
"""

import re
from collections.abc import Callable, Sequence
from re import _constants as sre  # type: ignore[attr-defined]  # no public way to the parsed form
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, Final

_SPACES: Final = (
    "\\t\\n\\x{b}\\f\\r\\x{1c}-\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}"
    "\\x{202f}\\x{205f}\\x{3000}"
)
_CLASSES: Final[dict[Any, str]] = {
    sre.CATEGORY_DIGIT: "\\p{Nd}",
    sre.CATEGORY_SPACE: _SPACES,
    sre.CATEGORY_WORD: "\\p{L}\\p{N}_",
}
_NEGATED: Final[dict[Any, Any]] = {
    sre.CATEGORY_NOT_DIGIT: sre.CATEGORY_DIGIT,
    sre.CATEGORY_NOT_SPACE: sre.CATEGORY_SPACE,
    sre.CATEGORY_NOT_WORD: sre.CATEGORY_WORD,
}
_ENDLESS: Final = sre.MAXREPEAT


class PatternError(ValueError):
    """A pattern that RE2 cannot hold in Python's meaning."""


def re2_pattern(pattern: str, flags: int = 0) -> str:
    """Write a pattern of Python anew for RE2.

    Raises
    ------
    PatternError
        Saying what stands in the way.
    """
    parsed = parser.parse(pattern, flags)
    known = re.IGNORECASE | re.DOTALL | re.UNICODE
    if parsed.state.flags & ~known:
        raise PatternError("flags other than IGNORECASE and DOTALL")
    return _sequence(parsed, parsed.state.flags)


def literal(text: str, *, flags: int = 0) -> str:
    """Write plain text as a pattern."""
    return "".join(_letter(ord(sign), flags) for sign in text)


def _sequence(items: Any, flags: int) -> str:
    return "".join(_item(kind, argument, flags) for kind, argument in items)


def _item(kind: Any, argument: Any, flags: int) -> str:
    if kind is sre.LITERAL:
        return _letter(argument, flags)
    if kind is sre.NOT_LITERAL:
        return _set([(sre.NEGATE, None), (sre.LITERAL, argument)], flags)
    if kind is sre.ANY:
        return "(?s:.)" if flags & re.DOTALL else "[^\\n]"
    if kind is sre.IN:
        return _set(argument, flags)
    writer = _COMPOUND.get(kind)
    if writer is None:
        raise PatternError(f"{str(kind).lower().replace('_', ' ')}")
    return writer(argument, flags)


def _group(argument: Any, flags: int) -> str:
    _, added, removed, inner = argument
    if added or removed:
        raise PatternError("flags inside a pattern")
    return f"({_sequence(inner, flags)})"


def _branch(argument: Any, flags: int) -> str:
    return "(?:" + "|".join(_sequence(way, flags) for way in argument[1]) + ")"


def _repeat(suffix: str) -> Callable[[Any, int], str]:
    def written(argument: Any, flags: int) -> str:
        low, high, inner = argument
        if max(low, 0 if high is _ENDLESS else high) > 1000:  # noqa: PLR2004  # RE2's limit
            raise PatternError("more than 1000 repetitions")
        count = f"{{{low},{'' if high is _ENDLESS else high}}}"
        return f"(?:{_sequence(inner, flags)}){count}{suffix}"

    return written


def _anchor(argument: Any, _flags: int) -> str:
    anchors = {sre.AT_BEGINNING: "\\A", sre.AT_BEGINNING_STRING: "\\A", sre.AT_END_STRING: "\\z",
               sre.AT_END: "(?:\\n\\z|\\z)"}  # fmt: skip
    if argument not in anchors:
        raise PatternError("word boundaries, which RE2 knows for ASCII alone")
    if argument is sre.AT_END:
        raise PatternError("$ inside a pattern; use \\Z, or fullmatch")
    return anchors[argument]


_COMPOUND: Final[dict[Any, Callable[[Any, int], str]]] = {
    sre.SUBPATTERN: _group,
    sre.BRANCH: _branch,
    sre.MAX_REPEAT: _repeat(""),
    sre.MIN_REPEAT: _repeat("?"),
    sre.AT: _anchor,
}


def _letter(code: int, flags: int) -> str:
    forms = _forms(code) if flags & re.IGNORECASE else (code,)
    if len(forms) == 1:
        return f"\\x{{{code:x}}}"
    return "[" + "".join(f"\\x{{{form:x}}}" for form in forms) + "]"


def _forms(code: int) -> tuple[int, ...]:
    """All letters that Python takes for a letter where case is ignored."""
    pattern = re.compile(re.escape(chr(code)), re.IGNORECASE)
    return tuple(other for other in _CASED if pattern.fullmatch(chr(other))) or (code,)


_CASED: Final = tuple(
    code
    for code in range(0x1_0000)
    if chr(code).lower() != chr(code) or chr(code).upper() != chr(code)
)


def _set(items: Sequence[tuple[Any, Any]], flags: int) -> str:
    inner, is_negated = "", False
    for kind, argument in items:
        if kind is sre.NEGATE:
            is_negated = True
        elif kind is sre.LITERAL:
            inner += _letter(argument, flags).strip("[]")
        elif kind is sre.RANGE:
            if flags & re.IGNORECASE:
                codes = range(argument[0], argument[1] + 1)
                inner += "".join(_letter(code, flags).strip("[]") for code in codes)
            else:
                inner += f"\\x{{{argument[0]:x}}}-\\x{{{argument[1]:x}}}"
        elif kind is sre.CATEGORY and argument in _CLASSES:
            inner += _CLASSES[argument]
        elif kind is sre.CATEGORY and argument in _NEGATED and len(items) == 1:
            return f"[^{_CLASSES[_NEGATED[argument]]}]"
        else:
            raise PatternError("a negated class inside a set")
    return f"[{'^' if is_negated else ''}{inner}]"
