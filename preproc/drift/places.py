"""One place of a row, with frozen bins: how its values are counted, the same everywhere and always.

Counts of a place are a vector of whole numbers, so those of two workers or two hours are added, and
nobody needs the values again. Of numbers there are two countings, one by bins and one by value, and
a third where they lie on a grid; of text one by category. Each of them counts every row once.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from preproc.drift.grid import Grid, find_grid, grid_from_json, grid_to_json
from preproc.errors import DriftError
from preproc.signature import NULL_TOKENS

BINS: Final = 20
MAX_VALUES: Final = 1000
"""Values or categories that are known one by one; a column with more of them is continuous."""
HEAVY: Final = 0.05
"""Share from which a single value gets a bin of its own."""
BUCKETS: Final = 512
"""Where values of a continuous column fall by their hash, so that one that is repeated is seen."""

NULL: Final = -1
"""Mark of a null."""

Part = Literal["input", "output"]
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A place of numbers or booleans.

    Attributes
    ----------
    name, at, part
        Column or output, position along its second axis, and which of both it is.
    edges
        The least number that is not far below the reference, the lower ends of its bins, the first
        number above them all, and the first far above; empty without any number. Far is as much as
        the reference is wide.
    values
        All values of the reference, ascending; empty where there are more than `MAX_VALUES`.
    counts
        Of the reference, (size,): far below, below, each bin, above, far above, null; then each
        value, unseen, null, or each bucket, null; then on the grid, off it, null.
    grid
        On which the reference lies; None for numbers with all their digits.
    """

    name: str
    at: int
    part: Part
    edges: NDArray[np.float64]
    values: NDArray[np.float64]
    counts: NDArray[np.int64]
    grid: Grid | None = None

    @property
    def cuts(self) -> tuple[int, ...]:
        """Sizes of the countings."""
        second = len(self.values) + 2 if self.values.size else BUCKETS + 1
        third = () if self.grid is None else (3,)
        return (max(len(self.edges) - 3, 0) + 5, second, *third)

    def codes(self, values: NDArray[Any]) -> tuple[NDArray[np.int64], ...]:
        """Tell in which cell of each counting every value, (n,), falls."""
        numbers = values.astype(np.float64) + 0.0  # one zero
        is_null = np.isnan(numbers)
        first, second, *_ = self.cuts
        by_bin = np.searchsorted(self.edges, numbers, side="right").astype(np.int64)
        by_bin[is_null] = first - 1
        if self.values.size:
            by_value = np.searchsorted(self.values, numbers).astype(np.int64)
            known = self.values[np.minimum(by_value, len(self.values) - 1)]
            by_value[known != numbers] = len(self.values)
        else:
            by_value = (_mixed(numbers) >> np.uint64(64 - 9)).astype(np.int64)
        by_value[is_null] = second - 1
        if self.grid is None:
            return by_bin, by_value
        by_grid = self.grid.is_off(numbers).astype(np.int64)
        by_grid[is_null] = 2
        return by_bin, by_value, by_grid

    def marks(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Give equal values equal numbers, (n,), from 0, and others most likely others; -1 null."""
        numbers = values.astype(np.float64) + 0.0
        marks = (_mixed(numbers) >> np.uint64(1)).astype(np.int64)
        marks[np.isnan(numbers)] = NULL
        return marks


@dataclass(frozen=True, slots=True)
class Texts:
    """A place of text.

    Attributes
    ----------
    name, at, part
        As of `Numbers`.
    values
        The most frequent categories, the first before the others.
    counts
        Of the reference, (size,): each category, others, null ``none``, null ``nan``.
    """

    name: str
    at: int
    part: Part
    values: tuple[str, ...]
    counts: NDArray[np.int64]

    @property
    def cuts(self) -> tuple[int]:
        """Size of the counting."""
        return (len(self.values) + 1 + len(NULL_TOKENS),)

    def codes(self, values: NDArray[Any]) -> tuple[NDArray[np.int64], ...]:
        """Tell in which cell every text, (n,), falls."""
        cells = {word: cell for cell, word in enumerate(self.values)}
        other = len(self.values)
        cells |= {token: other + 1 + at for at, token in enumerate(NULL_TOKENS.values())}
        found = (cells.get(word, other) for word in values.tolist())
        return (np.fromiter(found, np.int64, len(values)),)

    def marks(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Do as `Numbers` does; both nulls are one."""
        cells = {word: cell for cell, word in enumerate(self.values)}
        cells |= dict.fromkeys(NULL_TOKENS.values(), NULL)
        words = values.tolist()
        found = (cells[w] if w in cells else MAX_VALUES + crc32(w.encode()) for w in words)
        return np.fromiter(found, np.int64, len(values))


Place = Numbers | Texts


def _mixed(numbers: NDArray[np.float64]) -> NDArray[np.uint64]:
    bits = numbers.view(np.uint64)
    return (bits ^ (bits >> np.uint64(32))) * _MIX


def freeze(name: str, at: int, part: Part, values: NDArray[Any]) -> Place:
    """Make the bins of one place from the values of the reference, (n,), n at least 1."""
    if values.dtype.kind in "OUT":
        words = Counter(values.tolist())
        most = sorted(words.items(), key=lambda item: (-item[1], item[0]))
        kept = [word for word, _ in most if word not in NULL_TOKENS.values()][:MAX_VALUES]
        empty = Texts(name, at, part, tuple(kept), np.zeros(0, np.int64))
        return Texts(name, at, part, empty.values, count(empty, values))
    numbers = values.astype(np.float64) + 0.0
    finite = numbers[np.isfinite(numbers)]
    distinct, counts = np.unique(finite, return_counts=True)
    known = distinct if distinct.size <= MAX_VALUES else distinct[:0]
    edges = _edges(finite, distinct[counts > HEAVY * len(values)])
    grid = find_grid(distinct, counts, values.dtype)
    bare = Numbers(name, at, part, edges, known, np.zeros(0, np.int64), grid)
    return replace(bare, counts=count(bare, values))


def _edges(finite: NDArray[np.float64], heavy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cut into bins of equal mass; a heavy value is a bin alone."""
    if not finite.size:
        return finite
    cuts = np.quantile(finite, np.linspace(0, 1, BINS + 1), method="inverted_cdf")
    with np.errstate(over="ignore"):
        after = np.nextafter([*heavy, cuts[-1]], np.inf)
    edges = np.concatenate([cuts, heavy, np.minimum(after, np.finfo(np.float64).max)])
    inner = np.unique(edges)
    with np.errstate(over="ignore"):
        width = inner[-1] - inner[0]
        ends = np.clip([inner[0] - width, inner[-1] + width], np.finfo(np.float64).min, None)
    return np.concatenate([ends[:1], inner, np.minimum(ends[1:], np.finfo(np.float64).max)])


def count(place: Place, values: NDArray[Any]) -> NDArray[np.int64]:
    """Count values, (n,), into the cells of a place, (size,)."""
    counts: NDArray[np.int64] = blockwise(
        place, place.codes(values), np.zeros(len(values), np.int64), 1
    )[0]
    return counts


def blockwise(
    place: Place, codes: Sequence[NDArray[np.int64]], blocks: NDArray[np.int64], number: int
) -> NDArray[np.int64]:
    """Count rows of several blocks at once.

    Parameters
    ----------
    place
        Whose cells they are.
    codes
        As it gives them, each (n,).
    blocks
        To which block each row belongs, (n,).
    number
        Of blocks.

    Returns
    -------
    numpy.ndarray
        Shape (number, size).
    """
    return np.concatenate(
        [
            np.bincount(blocks * cut + code, minlength=number * cut).reshape(number, cut)
            for cut, code in zip(place.cuts, codes, strict=True)
        ],
        axis=1,
    )


def place_to_json(place: Place) -> dict[str, Any]:
    """Turn a place into plain JSON data."""
    told = {"name": place.name, "at": place.at, "part": place.part}
    if isinstance(place, Texts):
        return {**told, "categories": list(place.values), "counts": place.counts.tolist()}
    return {
        **told,
        "edges": place.edges.tolist(),
        "values": place.values.tolist(),
        "grid": grid_to_json(place.grid),
        "counts": place.counts.tolist(),
    }


def place_from_json(data: Mapping[str, Any]) -> Place:
    """Turn JSON data into a place; an older one has no grid.

    Raises
    ------
    DriftError
        When a key is missing or the counts do not fit the cells.
    """
    try:
        name, at, part = data["name"], data["at"], data["part"]
        counts = np.array(data["counts"], np.int64)
        place: Place
        if "categories" in data:
            place = Texts(name, at, part, tuple(data["categories"]), counts)
        else:
            edges, values = (np.array(data[key], np.float64) for key in ("edges", "values"))
            grid = grid_from_json(data.get("grid"))
            place = Numbers(name, at, part, edges, values, counts, grid)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DriftError(f"baseline: expected the keys of a place: {error!r}") from error
    if counts.shape != (sum(place.cuts),) or (counts < 0).any() or not counts.sum():
        raise DriftError(
            f"baseline of {name!r}: expected {sum(place.cuts)} counts, not all 0, "
            f"got shape {counts.shape}"
        )
    return place
