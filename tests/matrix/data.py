"""Tables on which every case of the matrix is trained and tried."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ROWS: Final = 240
FRESH_ROWS: Final = 80


@dataclass(frozen=True, slots=True)
class Data:
    """What a case is trained on and what it must answer.

    Attributes
    ----------
    X, y
        Training data: array (n, features), frame, or 1-D; target of one of `TARGETS`.
    fresh
        Rows of the same kind that training did not see.
    """

    X: Any
    y: NDArray[Any]
    fresh: Any


def _numbers(rows: int, seed: int) -> NDArray[np.float64]:
    """Six columns: normal, tiny, skewed, offset beyond float32, counts, two-valued."""
    draw = np.random.default_rng(seed)
    return np.column_stack(
        [
            draw.normal(size=rows),
            draw.normal(size=rows) * 1e-3 - 2,
            draw.lognormal(1, 1.5, rows),
            1e6 + draw.normal(size=rows),
            draw.poisson(3, rows).astype(float),
            draw.choice([-1.0, 4.0], rows),
        ]
    )


def _holes(rows: int, seed: int) -> NDArray[np.float64]:
    draw = np.random.default_rng(seed + 1000)
    numbers = _numbers(rows, seed)
    numbers[draw.random(numbers.shape) < 0.1] = np.nan
    return numbers


def _centred_with(marker: float, *, empty: bool = False) -> Callable[[int, int], NDArray[Any]]:
    def make(rows: int, seed: int) -> NDArray[np.float64]:
        draw = np.random.default_rng(seed + 6000)
        values = draw.normal(size=(rows, 6))
        values[draw.random(values.shape) < 0.1] = marker
        if empty:
            values[:, 2] = marker
        return values

    return make


def _holes_in_some(rows: int, seed: int) -> NDArray[np.float64]:
    """Holes in all columns, but at training in the first three alone."""
    holes = _holes(rows, seed)
    if rows == ROWS:
        holes[:, 3:] = _numbers(rows, seed)[:, 3:]
    return holes


def _hollow(rows: int, seed: int) -> NDArray[np.float64]:
    """Holes, the second column empty."""
    numbers = _holes(rows, seed)
    numbers[:, 1] = np.nan
    return numbers


def _within(rows: int, seed: int, holes: float = 0.0) -> NDArray[np.float64]:
    """Five columns from 0 to 1, both of which every table holds."""
    draw = np.random.default_rng(seed)
    numbers = draw.random((rows, 5))
    numbers[draw.random(numbers.shape) < holes] = np.nan
    numbers[:2] = [[0.0], [1.0]]
    return numbers


def _words(rows: int, seed: int) -> NDArray[Any]:
    draw = np.random.default_rng(seed)
    words = np.empty((rows, 3), object)
    words[:, 0] = draw.choice(["red", "green", "blue", "rare"], rows, p=[0.4, 0.3, 0.28, 0.02])
    words[:, 1] = draw.choice(["a", "b"], rows)
    words[:, 2] = draw.choice(["Oslo", "Zürich", "東京", "", "nan", "None"], rows)
    return words


def _words_with(null: object) -> Callable[[int, int], NDArray[Any]]:
    def make(rows: int, seed: int) -> NDArray[Any]:
        draw = np.random.default_rng(seed + 2000)
        words = _words(rows, seed)
        words[draw.random(words.shape) < 0.1] = null
        return words

    return make


def _words_with_both(rows: int, seed: int) -> NDArray[Any]:
    draw = np.random.default_rng(seed + 3000)
    words = _words_with(None)(rows, seed)
    words[draw.random(words.shape) < 0.1] = np.nan
    return words


def _integers(rows: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, 5, (rows, 4))


def _floats_few(rows: int, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).choice([0.5, -1.0, 2.25, 1e6], (rows, 3))


def _floats_few_holes(rows: int, seed: int) -> NDArray[np.float64]:
    draw = np.random.default_rng(seed + 4000)
    values = _floats_few(rows, seed)
    values[draw.random(values.shape) < 0.1] = np.nan
    return values


def _categories(rows: int, seed: int) -> pd.DataFrame:
    """A column of each dtype that categories have, few values each."""
    draw = np.random.default_rng(seed + 6000)
    floats = _floats_few_holes(rows, seed)
    return pd.DataFrame(
        {
            "int": draw.integers(-2, 3, rows),
            "word": pd.Series(_words(rows, seed)[:, 2], dtype=object).mask(draw.random(rows) < 0.1),
            "float": floats[:, 0],
            "flag": draw.random(rows) < 0.4,
            "byte": draw.choice(np.array([0, 127, -128], np.int8), rows),
            "zero": draw.choice([0.0, -0.0, 1.0], rows),
            "single": floats[:, 1].astype(np.float32),
            "unsigned": draw.choice(np.array([1, 2**63, 2**64 - 1], np.uint64), rows),
        }
    )


def _booleans(rows: int, seed: int) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).random((rows, 3)) < 0.4


def _frame(rows: int, seed: int) -> pd.DataFrame:
    numbers, words = _holes(rows, seed), _words(rows, seed)
    draw = np.random.default_rng(seed + 5000)
    return pd.DataFrame(
        {
            "normal": numbers[:, 0],
            "skewed": numbers[:, 2],
            "offset": numbers[:, 3],
            "count": draw.integers(0, 9, rows),
            "flag": draw.random(rows) < 0.5,
            "colour": pd.Series(words[:, 0], dtype="str"),
            "city": pd.Series(words[:, 2], dtype=object).mask(draw.random(rows) < 0.1, None),
        }
    )


def _frame_of_categories(rows: int, seed: int) -> pd.DataFrame:
    """Columns of pandas' category dtype, of text with holes and of integers, beside others."""
    numbers, words = _holes(rows, seed), _words(rows, seed)
    draw = np.random.default_rng(seed + 7000)
    city = pd.Series(words[:, 2], dtype=object).mask(draw.random(rows) < 0.1, None)
    return pd.DataFrame(
        {
            "skewed": numbers[:, 2],
            "colour": pd.Series(words[:, 0]).astype("category"),
            "count": draw.integers(0, 9, rows),
            "city": city.astype("category"),
            "size": pd.Series(draw.integers(-2, 6, rows)).astype("category"),
            "flag": draw.random(rows) < 0.5,
            "normal": numbers[:, 0],
        }
    )


def _plain_categories(rows: int, seed: int) -> pd.DataFrame:
    """The same, all words in ASCII."""
    frame = _frame_of_categories(rows, seed)
    plain = {"Zürich": "Zuerich", "東京": "Tokyo"}
    return frame.assign(city=frame["city"].cat.rename_categories(lambda w: plain.get(w, w)))


def _nullables(rows: int, seed: int) -> pd.DataFrame:
    """Columns of pandas' own dtypes: text without nulls, integers and booleans with some."""
    draw = np.random.default_rng(seed + 9000)
    holes = draw.random((rows, 2)) < 0.1
    return pd.DataFrame(
        {
            "colour": pd.Series(_words(rows, seed)[:, 0], dtype="string"),
            "count": pd.Series(draw.integers(0, 9, rows)).astype("Int64").mask(holes[:, 0]),
            "flag": pd.Series(draw.random(rows) < 0.5).astype("boolean").mask(holes[:, 1]),
        }
    )


def _times(rows: int, seed: int) -> pd.DataFrame:
    """Two moments, the later one with holes, and a whole number."""
    draw = np.random.default_rng(seed + 6000)
    begin = pd.Timestamp("2015-01-01") + pd.to_timedelta(
        draw.integers(0, 3 * 10**8, rows), unit="s"
    )
    end = pd.Series(begin + pd.to_timedelta(draw.integers(0, 10**6, rows), unit="s"))
    return pd.DataFrame(
        {
            "begin": begin,
            "end": end.mask(draw.random(rows) < 0.1),
            "count": draw.integers(0, 9, rows),
        }
    )


def _codes(rows: int, seed: int) -> NDArray[np.float64]:
    """Two numbers and three columns of codes, all with holes; fresh rows hold other codes."""
    draw = np.random.default_rng(seed + 8000)
    codes = draw.integers(0, 12, (rows, 3)).astype(float)
    if rows != ROWS:
        codes[:, 1] = draw.choice([-1.0, 0.5, 3.0, 31.0, 32.0, 64.0, 1e10], rows)
    codes[draw.random(codes.shape) < 0.1] = np.nan
    return np.column_stack([_holes(rows, seed)[:, :2], codes])


def _numeric_frame(rows: int, seed: int) -> pd.DataFrame:
    names = ["normal", "tiny", "skewed", "offset", "counts", "two"]
    return pd.DataFrame(_numbers(rows, seed), columns=names)


MAKERS: Final[Mapping[str, Callable[[int, int], Any]]] = {
    "numbers": _numbers,
    "positive": lambda rows, seed: np.abs(_numbers(rows, seed)) + 1e-3,
    "unit": lambda rows, seed: np.random.default_rng(seed).random((rows, 5)),
    "one column": lambda rows, seed: np.random.default_rng(seed).normal(size=(rows, 1)),
    "one column in float32": lambda rows, seed: (
        np.random.default_rng(seed).normal(size=(rows, 1)).astype(np.float32)
    ),
    "a line": lambda rows, seed: np.random.default_rng(seed).normal(size=rows),
    "few categories": lambda rows, seed: (
        np.random.default_rng(seed).integers(0, 3, (rows, 4)).astype(float)
    ),
    "centred": lambda rows, seed: np.random.default_rng(seed).normal(size=(rows, 6)),
    "counts": lambda rows, seed: np.random.default_rng(seed).poisson(2.0, (rows, 5)).astype(float),
    "holes": _holes,
    "holes and an empty column": _hollow,
    "centred in float32": lambda rows, seed: (
        np.random.default_rng(seed).normal(size=(rows, 6)).astype(np.float32)
    ),
    "within": _within,
    "within with holes": lambda rows, seed: _within(rows, seed, holes=0.1),
    "21 columns": lambda rows, seed: np.random.default_rng(seed).normal(size=(rows, 21)),
    "kernel of 6 rows": lambda _, seed: np.random.default_rng(seed).normal(size=(6, 6)),
    "kernel of 21 rows": lambda _, seed: np.random.default_rng(seed).normal(size=(21, 21)),
    "holes in some": _holes_in_some,
    "centred with holes": _centred_with(np.nan),
    "centred with markers": _centred_with(-9.0),
    "centred with an empty column": _centred_with(np.nan, empty=True),
    "holes few columns": lambda rows, seed: _holes(rows, seed)[:, :2],
    "holes in float32": lambda rows, seed: _holes(rows, seed).astype(np.float32),
    "nothing at all": lambda rows, _: np.full((rows, 3), np.nan),
    "integers": _integers,
    "small integers": lambda rows, seed: _integers(rows, seed).astype(np.int8),
    "few floats": _floats_few,
    "few floats with holes": _floats_few_holes,
    "booleans": _booleans,
    "categories": _categories,
    "few singles with holes": lambda rows, seed: _floats_few_holes(rows, seed).astype(np.float32),
    "words": _words,
    "words with None": _words_with(None),
    "words with nan": _words_with(np.nan),
    "words with both": _words_with_both,
    "seventy columns": lambda rows, seed: np.random.default_rng(seed).normal(size=(rows, 70)),
    "very wide": lambda rows, seed: np.random.default_rng(seed).normal(size=(rows, 450)),
    "codes with holes": _codes,
    "frame": _frame,
    "frame of categories": _frame_of_categories,
    "frame of nullables": _nullables,
    "frame of plain categories": _plain_categories,
    "frame of times": _times,
    "numeric frame": _numeric_frame,
}


def _amounts(data: Any, seed: int) -> NDArray[np.float64]:
    """Something that a model can learn: a weighted sum of standardized columns, and noise."""
    columns = data.shape[1] if hasattr(data, "shape") and len(data.shape) > 1 else 1
    frame = pd.DataFrame(np.asarray(data, object).reshape(-1, columns))
    draw = np.random.default_rng(seed)
    total = draw.normal(size=len(frame)) * 0.5
    for name in frame:
        numbers = pd.to_numeric(frame[name], errors="coerce").to_numpy(float)
        if np.isnan(numbers).all():
            numbers = pd.factorize(frame[name].astype(str))[0].astype(float)
        numbers = np.nan_to_num(numbers, nan=0.0, posinf=0.0, neginf=0.0)
        deviation = numbers.std()
        total += draw.normal() * (numbers - numbers.mean()) / (deviation or 1.0)
    return total


def _classes(data: Any, seed: int, count: int) -> NDArray[np.int64]:
    amounts = _amounts(data, seed)
    edges = np.quantile(amounts, np.linspace(0, 1, count + 1)[1:-1])
    return np.digitize(amounts, edges).astype(np.int64)


TARGETS: Final[Mapping[str, Callable[[Any], NDArray[Any]]]] = {
    "random three": lambda data: np.random.default_rng(2).integers(0, 3, len(data)),
    "two": lambda data: _classes(data, 2, 2),
    "three": lambda data: _classes(data, 2, 3),
    "two words": lambda data: np.array(["no", "yes"], object)[_classes(data, 2, 2)],
    "three words": lambda data: np.array(["low", "mid", "top"], object)[_classes(data, 2, 3)],
    "flags": lambda data: _classes(data, 2, 2).astype(bool),
    "odd integers": lambda data: np.array([-1, 7, 30])[_classes(data, 2, 3)],
    "floats of classes": lambda data: _classes(data, 2, 3).astype(float),
    "partly known": lambda data: np.where(np.arange(len(data)) % 3 == 0, -1, _classes(data, 2, 2)),
    "amounts": lambda data: _amounts(data, 2),
    "shares": lambda data: np.clip(np.tanh(_amounts(data, 2)) / 2 + 0.5, 0.01, 0.99),
    "positive amounts": lambda data: np.exp(_amounts(data, 2) / 3),
    "counts": lambda data: np.random.default_rng(3).poisson(np.exp(_amounts(data, 2) / 3)),
    "two amounts": lambda data: np.column_stack([_amounts(data, 2), _amounts(data, 3)]),
    "pairs of classes": lambda data: np.column_stack([_classes(data, 2, 2), _classes(data, 3, 3)]),
    "pairs of words": lambda data: np.column_stack(
        [
            np.array(["no", "yes"], object)[_classes(data, 2, 2)],
            np.array(["low", "mid", "top"], object)[_classes(data, 3, 3)],
        ]
    ),
    "marks": lambda data: np.column_stack([_classes(data, seed, 2) for seed in (2, 3, 4)]),
    "marks and always one": lambda data: np.column_stack(
        [_classes(data, 2, 2), np.ones(len(data), int), _classes(data, 3, 2)]
    ),
}
"""What a model learns: one or several targets a row, for training rows."""


def make_data(name: str, target: str = "random three") -> Data:
    """Make one of `MAKERS` with one of `TARGETS`."""
    train, fresh = MAKERS[name](ROWS, 0), MAKERS[name](FRESH_ROWS, 1)
    return Data(train, TARGETS[target](train), fresh)
