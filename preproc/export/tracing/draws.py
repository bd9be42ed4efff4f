"""Rows on which a trace is held against the real function: mutated real ones, drawn by a seed.

Why a sampler of our own and not hypothesis: an export must be repeatable and quick, the unit that
is shown is a single row, which needs no shrinking, and what matters is drawn on purpose: constants
of the user's own code with their neighbours on both sides, ties between columns, extremes, nulls.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.table import Block
from preproc.export.tracing.tracer import NAT
from preproc.runtime.feeding import ticks
from preproc.signature import TEXT

DRAWN_ROWS: Final = 768
_FLOATS: Final = (0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 1e-8, 5e-324, 1e16, -1e16, 123.456)
_HUGE: Final = (1.7976931348623157e308, -1.7976931348623157e308)
_WORDS: Final = (
    "", " ", "a", "A", "  padded\t", "Mixed Case", "ALL CAPS", "x-y_z", "a,b;c", "12", "007",
    "-5", "+3.5", "1e3", "nan", "None", "ß", "straße", "İ", "\u0131", "ΑΣ", "ΣΑΣ", "ǆ", "ﬁn", "é",
    "e\u0301", "\u00a0nbsp\u00a0", "\u2003em", "日本語", "😀 ok", "a\nb", "it's o'clock", "http://a.b/c?d=1",
    "user@example.com", "2024-02-29", "x" * 40, "١٢", "²",
)  # fmt: skip
_DAY: Final = 86_400


def drawn_rows(
    blocks: Sequence[Block],
    real: Sequence[NDArray[Any]],
    constants: Collection[float | str],
    seed: int,
    nulls: Sequence[Sequence[str]],
) -> list[NDArray[Any]]:
    """Draw rows from a step's domain.

    Parameters
    ----------
    blocks
        What the step takes.
    real
        A matrix a block, (rows, width), of real rows.
    constants
        Of the user's code.
    seed
        Of the draw.
    nulls
        Text nulls that each block can hold.

    Returns
    -------
    list
        A matrix a block, (`DRAWN_ROWS`, width).
    """
    generator = np.random.default_rng(seed)
    drawn = []
    for block, matrix, tokens in zip(blocks, real, nulls, strict=True):
        at = generator.integers(0, len(matrix), (DRAWN_ROWS, block.width))
        cells = np.take_along_axis(matrix, at, axis=0).copy()
        for column, feature in enumerate(block.features):
            pool = _pool(block.dtype, matrix[:, column], constants, generator, tokens)
            if block.dtype.startswith("float"):
                pool = pool[
                    np.isfinite(pool)
                    | (np.isnan(pool) & feature.has_nan)
                    | (np.isinf(pool) & feature.has_inf)
                ]
                pool = pool[~(np.abs(pool) > feature.limit)]
            if not len(pool):
                continue
            # Without replacement: what is in the pool is asked about, and not by luck.
            chosen = generator.permutation(pool)[: DRAWN_ROWS * 4 // 5]
            places = generator.permutation(DRAWN_ROWS)[: len(chosen)]
            cells[places, column] = chosen
        ties = generator.random(DRAWN_ROWS) < 0.05  # noqa: PLR2004  # a twentieth of the rows
        if block.width > 1:
            cells[ties, 0] = cells[ties, 1]
        drawn.append(cells)
    return drawn


def _pool(
    dtype: str,
    real: NDArray[Any],
    constants: Collection[float | str],
    generator: np.random.Generator,
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
            wide = generator.normal(size=64) * 10.0 ** generator.integers(-6, 9, 64)
            odd = [np.nan, np.inf, -np.inf, *_HUGE]
            return np.concatenate([base, *sides, wide, odd]).astype(dtype)
    if dtype.startswith(("datetime64", "timedelta64")):
        return _times(dtype, real, generator)
    info = np.iinfo(dtype)
    near = [int(n) for n in numbers if np.isfinite(n) and abs(n) < 2**62]
    wide = generator.integers(-(10**6), 10**6, 48).tolist()
    whole = [0, 1, -1, 2, 7, 10, 100, info.min, info.max, info.max - 1, *real[:64].tolist(), *wide]
    whole += [n + step for n in near for step in (-1, 0, 1)]
    return np.array([n for n in whole if info.min <= n <= info.max], dtype)


def _times(dtype: str, real: NDArray[Any], generator: np.random.Generator) -> NDArray[Any]:
    """Draw moments near real ones, at ends of years and months, and far away."""
    second = ticks(dtype)
    if dtype.startswith("timedelta64"):
        days = generator.integers(-5000, 5000, 64) * _DAY
        return np.concatenate([real[:64], days * second, [NAT, 0, 1, -1, second, -second]])
    known = real[real != NAT]
    middle = int(np.median(known)) // second if len(known) else 0
    wide = generator.integers(-(2**33), 2**33, 96)
    near = middle + generator.integers(-400 * _DAY, 400 * _DAY, 96)
    dates = [
        f"{year}-{day}"
        for year in (1900, 1970, 1999, 2000, 2020, 2023, 2024, 2100)
        for day in ("01-01", "02-28", "03-01", "12-31")
    ]
    dates += ["2000-02-29", "2024-02-29", "1677-09-22", "2262-04-11", "1582-10-15"]
    ends = np.array(dates, "datetime64[s]").astype(np.int64)
    seconds = np.concatenate([wide, near, ends, ends - 1, [0, -1]])
    fine = seconds * second + generator.integers(0, max(second, 1), len(seconds))
    inside = np.abs(seconds.astype(float)) * second < 2.0**63 - 2.0 * second
    edges = [NAT, NAT + 1, NAT + 2, -(NAT + 2), -(NAT + 1)]
    drawn = np.concatenate([seconds[inside] * second, fine[inside], real[:64], edges])
    if ", " not in dtype:
        return drawn
    # In a zone pandas itself knows the years of Python alone, and the contract fewer of them.
    low, high = (int(np.datetime64(year, "s").astype(np.int64)) for year in ("0002", "9999"))
    known = (drawn == NAT) | ((drawn // second >= low) & (drawn // second < high))
    return np.asarray(drawn[known])


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
