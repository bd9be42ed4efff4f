"""Rows of a step drawn by hypothesis, and a row on which a step fails made as small as it can be.

Why cells are drawn a kind and not a column: drawing is what costs, and columns of one kind can
share what was drawn. A hypothesis example is a small frame: cells of each kind, and how they lie.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal
from unittest.mock import patch

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants
from numpy.typing import NDArray

from preproc.export.table import Block
from preproc.export.tracing.odd_rows import known_span
from preproc.export.tracing.tracer import NAT
from preproc.runtime.feeding import ticks
from preproc.signature import TEXT

FRAMES: Final = 16
FRAME_ROWS: Final = 16
SMALLER_TRIES: Final = 300
"""Rows that are tried in search of a smaller one."""
_REPEATABLE: Final = settings(
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=False,
    report_multiple_bugs=False,
    verbosity=Verbosity.quiet,
    suppress_health_check=list(HealthCheck),
)
_ASCII: Final = "".join(
    sorted(map(chr, range(32, 127)), key=lambda sign: (not sign.isalpha(), sign))
)
_SIGNS: Final = (
    "aAbBzZ019 -_.,;:/\\'\"()[]{}*+?^$|&%#@!~=<>\t\n\r\x0b\x0c\x1c\x1f\x7f\x85\xa0"
    "\xdf\u1e9e\xe9\xc9\xf1\xd1\xf6\xc5\xf8\u0131\u0130\u017f\xb5\u03a3\u03c3\u03c2\u0390"
    "\u03b0\u0149\u01f0\u0587\u0345\u01c6\u01c5\u01c4\ufb01\ufb03\u1fb3\u1fbc\xff\u0178\u2126"
    "\u212a\u212b\u0301\u0307\u0308\u200b\u2003\u2028\u3000\ufeff\u65e5\u672c\u8a9e\u0661"
    "\u0662\u0968\xb2\xbd\u2167\u2177\u3007\u24d0\u24b6\ua64b\U00010400\U00010428\U0001d7d8"
    "\U0001f600\U000e0041"
)
"""Signs on which text methods differ: their case, its length, spaces, digits, marks, width."""
_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Kind:
    """What a column can hold.

    Attributes
    ----------
    dtype
        Of its block.
    has_nan
        Whether NaN can stand there.
    limit
        Bound of the magnitude: infinity, or a power of two, so that columns of like scale share.
    nulls
        Tokens of nulls in text.
    """

    dtype: str
    has_nan: bool
    limit: float
    nulls: tuple[str, ...]


Row = Sequence[Any]
"""Cells of all columns, as the graph carries them."""


def kinds_of(blocks: Sequence[Block], nulls: Sequence[Sequence[str]]) -> tuple[Kind, ...]:
    """Tell the kind of each column, from left to right."""
    return tuple(
        Kind(block.dtype, feature.has_nan, _power_of_two(feature.limit), tuple(tokens))
        for block, tokens in zip(blocks, nulls, strict=True)
        for feature in block.features
    )


def _power_of_two(limit: float) -> float:
    """Give the largest power of two within a limit."""
    return 2.0 ** (np.frexp(limit)[1] - 1) if 0 < limit < np.inf else limit


@lru_cache(maxsize=64)
def drawn_rows(kinds: tuple[Kind, ...]) -> tuple[NDArray[Any], ...]:
    """Draw rows, the same for the same kinds.

    Returns
    -------
    tuple
        A column a kind, each (`FRAMES` x `FRAME_ROWS`,), in the dtype that the graph carries.
    """
    drawn: list[list[list[Any]]] = []

    @settings(_REPEATABLE, max_examples=FRAMES, phases=[Phase.generate])
    @given(_frames(kinds))
    def keep(columns: list[list[Any]]) -> None:
        drawn.append(columns)

    with _no_source_read():
        keep()
    return tuple(
        column_of(kind.dtype, [cell for columns in drawn for cell in columns[at]])
        for at, kind in enumerate(kinds)
    )


def smaller_row(kinds: Sequence[Kind], row: Row, is_bad: Callable[[Row], bool]) -> Row:
    """Look for the smallest row that is bad like another.

    Each cell is either that of the bad row, a simpler form of it, or drawn, and what is drawn
    shrinks; so columns that do not matter come out as zero or empty.

    Returns
    -------
    sequence
        The smallest that was found; `row` itself where none was.
    """
    smallest, tries = row, 0

    def found(tried: Row) -> bool:
        nonlocal smallest, tries
        tries += 1
        if tries > SMALLER_TRIES:
            raise _Enough
        if not is_bad(tried):
            return False
        smallest = tried
        return True

    mixed = st.tuples(
        *(
            cells_of(kind) | st.sampled_from(_simpler(kind, cell))
            for kind, cell in zip(kinds, row, strict=True)
        )
    )
    options = settings(
        _REPEATABLE, max_examples=SMALLER_TRIES // 2, phases=[Phase.generate, Phase.shrink]
    )
    with suppress(_Enough, HypothesisException), _no_source_read():  # or nothing else is bad
        find(mixed, found, settings=options)
    return smallest


def _simpler(kind: Kind, cell: Any) -> list[Any]:
    """Give forms of a cell that are simpler, the simplest first; the cell itself comes last."""
    if kind.dtype == TEXT:
        forms = [cell[:1], cell[-1:], cell[:2], cell[-2:], cell[: len(cell) // 2], cell.strip()]
        return [*([] if cell.startswith("\0") else dict.fromkeys(forms)), cell]
    if kind.dtype == "bool" or not np.isfinite(cell):
        return [cell]
    if kind.dtype.startswith(("datetime64", "timedelta64")):
        units = (ticks(kind.dtype, seconds) for seconds in (_DAY_S, 3600, 1))
        return [*(cell // unit * unit for unit in units if cell != NAT), cell]
    sign = np.sign(cell)
    forms = [sign, sign * 2, np.trunc(cell)]
    if kind.dtype.startswith("float"):
        forms += [sign / 2, sign * 1.5, np.trunc(cell) + sign / 2, round(cell, 1), round(cell, 2)]
    return [*(form for form in forms if abs(form) <= abs(cell)), cell]


class _Enough(BaseException):
    """Ends a search: hypothesis lets pass what is no `Exception`."""


@st.composite
def _frames(draw: st.DrawFn, kinds: Sequence[Kind]) -> list[list[Any]]:
    """Lay cells of each kind in another order in each column; in some rows they are all equal."""
    cells = {
        kind: draw(st.lists(cells_of(kind), min_size=FRAME_ROWS, max_size=FRAME_ROWS))
        for kind in dict.fromkeys(kinds)
    }
    order = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    columns = []
    for kind in kinds:
        own = cells[kind]
        ties, rest = own[:2], own[2:]
        columns.append([*ties, *(rest[at] for at in order.permutation(len(rest)))])
    return columns


def cells_of(kind: Kind) -> st.SearchStrategy[Any]:
    """Strategy for the cells of a column, the simplest first."""
    if kind.dtype == TEXT:
        return _words(kind.nulls)
    if kind.dtype == "bool":
        return st.booleans()
    if kind.dtype.startswith("float"):
        return _floats(kind)
    if kind.dtype.startswith("timedelta64"):
        return _lengths(ticks(kind.dtype))
    if kind.dtype.startswith("datetime64"):
        return _moments(kind.dtype)
    info = np.iinfo(kind.dtype)
    near = st.integers(max(-100, int(info.min)), 100)
    return near | st.integers(int(info.min), int(info.max))


def _floats(kind: Kind) -> st.SearchStrategy[float]:
    """Whole numbers, quarters, hundredths, then any, within the bounds of the column; NaN."""
    width: Literal[32, 64] = 64 if kind.dtype == "float64" else 32
    most = min(1000, int(kind.limit)) if kind.limit < np.inf else 1000
    parts = [st.integers(-most * step, most * step).map(step.__rtruediv__) for step in (1, 4, 100)]
    if kind.limit < np.inf:
        parts.append(st.floats(-kind.limit, kind.limit, width=width))
    else:
        parts.append(st.floats(allow_nan=False, width=width))
    if kind.has_nan:
        parts.append(_always(np.nan))
    return st.one_of(*parts)


def _lengths(second: int) -> st.SearchStrategy[int]:
    seconds = st.integers(-(10**9), 10**9)
    days = st.integers(-20_000, 20_000).map(lambda n: n * _DAY_S * second)
    return st.one_of(days, seconds.map(lambda n: n * second), _all(), _always(NAT))


def _moments(dtype: str) -> st.SearchStrategy[int]:
    """Days near ours, hours of them, any moment of the unit, the sides of each day, NaT."""
    second = ticks(dtype)
    low, high = known_span(dtype)
    days = st.integers(-30_000, 30_000).map(lambda n: n * _DAY_S * second)
    hours = st.integers(-(10**6), 10**6).map(lambda n: n * 3600 * second)
    fine = st.builds(lambda day, part: day + part, days, st.integers(-1, _DAY_S * second))
    return st.one_of(days, hours, fine, st.integers(low, high), _always(NAT))


def _always(cell: Any) -> st.SearchStrategy[Any]:
    """Give one cell, at the cost of a choice: else it would count as smaller than zero."""
    return st.integers(0, 1).map(lambda _: cell)


def _all() -> st.SearchStrategy[int]:
    return st.integers(NAT + 1, -(NAT + 1))


def _words(nulls: Sequence[str]) -> st.SearchStrategy[str]:
    """Short words of ASCII and of odd signs, numbers and dates as text, nulls.

    Never ``st.text``, which leaves a table of Unicode in the folder where the program runs.
    """
    parts = [
        *(st.lists(st.sampled_from(signs), max_size=7).map("".join) for signs in (_ASCII, _SIGNS)),
        st.integers(-10_000, 10_000).map(str),
        st.floats().map(str),
        st.integers(-40_000, 40_000).map(lambda day: str(np.datetime64(day, "D"))),
    ]
    return st.one_of(*parts, *([st.sampled_from(list(nulls))] if nulls else []))


def column_of(dtype: str, cells: Sequence[Any]) -> NDArray[Any]:
    """Make a column (n,) of cells, in the dtype that the graph carries."""
    if dtype == TEXT:
        return np.array([*cells, None], object)[:-1]
    is_time = dtype.startswith(("datetime64", "timedelta64"))
    return np.array(cells, np.int64 if is_time else dtype)


@contextmanager
def _no_source_read() -> Iterator[None]:
    """Keep hypothesis from reading constants out of the source of every module that is loaded.

    Those of the user's function are asked about in `odd_rows`; others would make the rows depend on
    what else is loaded, take long in a large program, and leave a folder where it runs.
    """
    with patch.object(providers, "_get_local_constants", Constants):
        yield
