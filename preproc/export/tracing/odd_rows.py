"""Boundary rows of a step: what is known to be odd, put into real rows on purpose.

Constants of the user's own code with their neighbours on both sides, ties between columns,
extremes, ends of months, nulls, words of strange case. `draws` adds what nobody thought of.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.table import Block
from preproc.export.tracing.tracer import NAT
from preproc.runtime.feeding import ticks
from preproc.signature import TEXT

MAX_ROWS: Final = 768
_FLOATS: Final = (0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 1e-8, 5e-324, 1e16, -1e16, 123.456)
_HUGE: Final = (1.7976931348623157e308, -1.7976931348623157e308)
_WORDS: Final = (
    "", " ", "a", "A", "  padded\t", "Mixed Case", "ALL CAPS", "x-y_z", "a,b;c", "12", "007",
    "-5", "+3.5", "1e3", "nan", "None", "ß", "straße", "İ", "\u0131", "ΑΣ", "ΣΑΣ", "ǆ", "ﬁn", "é",
    "e\u0301", "\u00a0nbsp\u00a0", "\u2003em", "日本語", "😀 ok", "a\nb", "it's o'clock", "http://a.b/c?d=1",
    "user@example.com", "2024-02-29", "x" * 40, "١٢", "²",
)  # fmt: skip
_DAY: Final = 86_400


def odd_rows(
    blocks: Sequence[Block],
    real: Sequence[NDArray[Any]],
    constants: Collection[float | str],
    seed: int,
    nulls: Sequence[Sequence[str]],
) -> list[NDArray[Any]]:
    """Put odd cells of each column into real rows.

    Parameters
    ----------
    blocks
        What the step takes.
    real
        A matrix a block, (rows, width), of real rows.
    constants
        Of the user's code.
    seed
        Of the places.
    nulls
        Text nulls that each block can hold.

    Returns
    -------
    list
        A matrix a block, (n, width), n up to `MAX_ROWS`: all odd cells, a fifth of the rows real.
    """
    generator = np.random.default_rng(seed)
    pools = [
        [_fitting(block, at, _pool(block.dtype, matrix[:, at], constants, tokens))
         for at in range(block.width)]
        for block, matrix, tokens in zip(blocks, real, nulls, strict=True)
    ]  # fmt: skip
    longest = max((len(pool) for own in pools for pool in own), default=0)
    rows = min(longest * 5 // 4 + 1, MAX_ROWS)
    found = []
    for block, matrix, own in zip(blocks, real, pools, strict=True):
        at = generator.integers(0, len(matrix), (rows, block.width))
        cells = np.take_along_axis(matrix, at, axis=0).copy()
        for column, pool in enumerate(own):
            # Without replacement: what is in the pool is asked about, and not by luck.
            chosen = generator.permutation(pool)[: rows * 4 // 5]
            places = generator.permutation(rows)[: len(chosen)]
            cells[places, column] = chosen
        ties = generator.random(rows) < 0.05  # noqa: PLR2004  # a twentieth of the rows
        if block.width > 1:
            cells[ties, 0] = cells[ties, 1]
        found.append(cells)
    return found


def _fitting(block: Block, at: int, pool: NDArray[Any]) -> NDArray[Any]:
    """Leave out floats that the column cannot hold."""
    feature = block.features[at]
    if not block.dtype.startswith("float"):
        return pool
    known = np.isfinite(pool)
    known |= (np.isnan(pool) & feature.has_nan) | (np.isinf(pool) & feature.has_inf)
    return np.asarray(pool[known & ~(np.abs(pool) > feature.limit)])


def _pool(
    dtype: str,
    real: NDArray[Any],
    constants: Collection[float | str],
    nulls: Sequence[str],
) -> NDArray[Any]:
    if dtype == TEXT:
        return _words(real, constants, nulls)
    if dtype == "bool":
        return np.array([False, True])
    numbers = [float(c) for c in constants if isinstance(c, int | float)]
    if dtype.startswith("float"):
        with np.errstate(all="ignore"):
            base = np.array([*numbers, *real[:64].tolist(), *_FLOATS], np.float64)
            sides = [np.nextafter(base, np.inf), np.nextafter(base, -np.inf), -base]
            odd = [np.nan, np.inf, -np.inf, *_HUGE]
            return np.concatenate([base, *sides, odd]).astype(dtype)
    if dtype.startswith(("datetime64", "timedelta64")):
        return _times(dtype, real)
    info = np.iinfo(dtype)
    near = [int(n) for n in numbers if np.isfinite(n) and abs(n) < 2**62]
    whole = [0, 1, -1, 2, 7, 10, 100, info.min, info.max, info.max - 1, *real[:64].tolist()]
    whole += [n + step for n in near for step in (-1, 0, 1)]
    return np.array([n for n in whole if info.min <= n <= info.max], dtype)


def _times(dtype: str, real: NDArray[Any]) -> NDArray[Any]:
    """Take real moments, ends of years and months, both sides of each, and the edges of int64."""
    second = ticks(dtype)
    if dtype.startswith("timedelta64"):
        days = _DAY * second
        return np.array([*real[:64], NAT, 0, 1, -1, second, -second, days, -days, 1 - days])
    dates = [
        f"{year}-{day}"
        for year in (1900, 1970, 1999, 2000, 2020, 2023, 2024, 2100)
        for day in ("01-01", "02-28", "03-01", "12-31")
    ]
    dates += ["2000-02-29", "2024-02-29", "1677-09-22", "2262-04-11", "1582-10-15"]
    ends = np.array(dates, "datetime64[s]").astype(np.int64)
    inside = np.abs(ends.astype(float)) * second < 2.0**63 - 2.0 * second
    moments = ends[inside] * second
    edges = [NAT, NAT + 1, NAT + 2, -(NAT + 2), -(NAT + 1)]
    odd = np.concatenate([moments, moments - 1, moments + 1, real[:64], edges])
    low, high = known_span(dtype)
    return np.asarray(odd[(odd == NAT) | ((odd >= low) & (odd <= high))])


def known_span(dtype: str) -> tuple[int, int]:
    """Give the first and the last moment of a dtype.

    In a zone pandas itself knows the years of Python alone.
    """
    if ", " not in dtype:
        return NAT + 1, -(NAT + 1)
    years = [int(np.datetime64(year, "s").astype(np.int64)) for year in ("0002", "9999")]
    low, high = (year * ticks(dtype) for year in years)
    return max(low, NAT + 1), min(high - 1, -(NAT + 1))


def _words(
    real: NDArray[Any], constants: Collection[float | str], nulls: Sequence[str]
) -> NDArray[Any]:
    known = [word for word in dict.fromkeys(real.tolist()) if not word.startswith("\0")][:64]
    own = [constant for constant in constants if isinstance(constant, str)][:64]
    changed = [
        form
        for w in (*known[:24], *own[:24])
        for form in (w.upper(), w.lower(), f" {w} ", w + w, w[:-1], w.title(), f"{w}x{w}")
    ]
    words = [*known, *own, *changed, *_WORDS]
    return np.array([*[word for word in words if not word.startswith("\0")], *nulls], object)
