"""What the text methods make of each code point, asked of pandas itself.

Why asked and not known: a text dtype of pandas may be kept by pyarrow, whose case mappings are one
code point to one, or by Python, whose are not; training computed with one of them.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from preproc.export.tracing.watch import unwatched

_CODES: Final = (*range(0xD800), *range(0xE000, 0x3_2400))
"""All letters, digits and spaces of Unicode 17; without the surrogates, which no text holds."""


@lru_cache(maxsize=1)
def _signs() -> list[str]:
    return [chr(code) for code in _CODES]


def asked(words: Sequence[str], method: str, *, is_python: bool) -> list[str]:
    """Give what a method of ``Series.str``, or of ``str`` itself, makes of words."""
    import pandas as pd  # noqa: PLC0415  # there whenever a series is

    with unwatched():
        if is_python:
            return [getattr(word, method)() for word in words]
        found: list[str] = getattr(pd.Series(list(words)).str, method)().tolist()
    return found


@lru_cache(maxsize=16)
def case_table(kind: str, *, is_python: bool) -> Mapping[str, str]:
    """Code points that a method of ``Series.str`` changes → what it makes of them."""
    with unwatched():
        changed = zip(_signs(), asked(_signs(), kind, is_python=is_python), strict=True)
        return {sign: word for sign, word in changed if word != sign}


@lru_cache(maxsize=2)
def cased(*, is_python: bool) -> tuple[str, ...]:
    """Code points behind which ``Series.str.title`` goes on in lower case."""
    with unwatched():
        titles = asked([f"{sign}a" for sign in _signs()], "title", is_python=is_python)
        return tuple(s for s, title in zip(_signs(), titles, strict=True) if title.endswith("a"))


@lru_cache(maxsize=2)
def spaces(*, is_python: bool) -> tuple[str, ...]:
    """Code points that ``Series.str.strip`` cuts off."""
    with unwatched():
        stripped = asked(_signs(), "strip", is_python=is_python)
        return tuple(sign for sign, word in zip(_signs(), stripped, strict=True) if not word)


@lru_cache(maxsize=2)
def has_final_sigma(*, is_python: bool) -> bool:
    """Whether the lower case of a capital sigma depends on its place."""
    after, alone = asked(["\u0391\u03a3", "\u03a3"], "lower", is_python=is_python)
    return after[1:] != alone


@lru_cache(maxsize=16)
def in_ranges(test: str, *, is_python: bool) -> str:
    """Write all code points that pass a test, such as ``isdigit``, as ranges of a class of RE2."""
    with unwatched():
        passed = asked(_signs(), test, is_python=is_python)
        return _written([code for code, truth in zip(_CODES, passed, strict=True) if truth])


def _written(codes: Sequence[int]) -> str:
    pieces = []
    start = 0
    for at, code in enumerate(codes):
        if at + 1 == len(codes) or codes[at + 1] != code + 1:
            pieces.append(f"\\x{{{codes[start]:x}}}-\\x{{{code:x}}}")
            start = at + 1
    return "".join(pieces)
