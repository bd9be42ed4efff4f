"""Two answers to the same rows: where they differ, by output, in values, nulls and labels."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.compare import BITWISE, Tolerance, breaches, ulp_distance
from preproc.signature import NULL_TOKENS, Output

QUANTILES: Final = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
MAX_DELTAS: Final = 100_000
"""Differences that quantiles are taken of, the first ones."""
_TOKENS: Final = tuple(NULL_TOKENS.values())

Answers = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class OutputPairs:
    """One output of all compared rows.

    Attributes
    ----------
    output
        Its name.
    values
        Pairs of values that were compared.
    equal
        Equal in every bit.
    within
        Not equal, but within the bound.
    beyond
        Beyond it.
    both_null, only_served, only_witness
        Null on both sides, and on one only: in what was served, in what the witness says.
    max_ulp
        Largest distance of two numbers.
    deltas
        Quantile → served minus witness, of numbers that are not equal; empty where all are.
    flips
        (witness, served) → rows; of labels.
    """

    output: str
    values: int
    equal: int
    within: int
    beyond: int
    both_null: int
    only_served: int
    only_witness: int
    max_ulp: int
    deltas: Mapping[float, float]
    flips: Mapping[tuple[str, str], int]


@dataclass(slots=True)
class PairCounter:
    """Counts the pairs of one output, batch by batch.

    Attributes
    ----------
    output
        Of the signature.
    tolerance
        How far two values may lie apart.
    """

    output: Output
    tolerance: Tolerance = BITWISE
    counts: Counter[str] = field(default_factory=Counter)
    flips: Counter[tuple[str, str]] = field(default_factory=Counter)
    max_ulp: int = 0
    deltas: list[NDArray[np.float64]] = field(default_factory=list)

    def beyond(self, want: NDArray[Any], served: NDArray[Any]) -> NDArray[np.bool_]:
        """Mark rows, (n,), of which a value lies beyond the bound; counts nothing."""
        wrong = breaches(want, served, self.tolerance).reshape(len(want), -1)
        return np.asarray(wrong.any(axis=1))

    def add(self, want: NDArray[Any], served: NDArray[Any]) -> None:
        """Count some pairs, arrays (n, ...) of one dtype."""
        if not len(want):
            return
        is_null = [_nulls(side) for side in (want, served)]
        beyond = breaches(want, served, self.tolerance)
        same = _same(want, served)
        self.counts["values"] += want.size
        self.counts["equal"] += int(same.sum())
        self.counts["beyond"] += int(beyond.sum())
        self.counts["both_null"] += int((is_null[0] & is_null[1]).sum())
        self.counts["only_witness"] += int((is_null[0] & ~is_null[1]).sum())
        self.counts["only_served"] += int((is_null[1] & ~is_null[0]).sum())
        if want.dtype.kind == "f":
            both = ~is_null[0] & ~is_null[1]
            distances = ulp_distance(want[both], served[both])
            self.max_ulp = max(self.max_ulp, int(distances.max(initial=0)))
        if want.dtype.kind in "fiu":
            self._add_deltas(want, served, ~same & ~is_null[0] & ~is_null[1])
        if self.output.role == "label":
            pairs = zip(want[beyond].tolist(), served[beyond].tolist(), strict=True)
            self.flips.update((str(one), str(other)) for one, other in pairs)

    def pairs(self) -> OutputPairs:
        """Give what was counted."""
        deltas: dict[float, float] = {}
        if any(part.size for part in self.deltas):
            found = np.quantile(np.concatenate(self.deltas), QUANTILES)
            deltas = dict(zip(QUANTILES, found.tolist(), strict=True))
        counts = self.counts
        return OutputPairs(
            self.output.name,
            counts["values"],
            counts["equal"],
            counts["values"] - counts["equal"] - counts["beyond"],
            counts["beyond"],
            counts["both_null"],
            counts["only_served"],
            counts["only_witness"],
            self.max_ulp,
            deltas,
            dict(self.flips.most_common()),
        )

    def _add_deltas(
        self, want: NDArray[Any], served: NDArray[Any], differs: NDArray[np.bool_]
    ) -> None:
        room = MAX_DELTAS - sum(len(part) for part in self.deltas)
        if room > 0 and differs.any():
            with np.errstate(invalid="ignore", over="ignore"):
                delta = served[differs].astype(np.float64) - want[differs].astype(np.float64)
            self.deltas.append(delta[np.isfinite(delta)][:room])


def counters_of(
    outputs: Sequence[Output], tolerances: Mapping[str, Tolerance]
) -> tuple[PairCounter, ...]:
    """Make a counter for each output."""
    return tuple(PairCounter(one, tolerances.get(one.name, BITWISE)) for one in outputs)


def _nulls(values: NDArray[Any]) -> NDArray[np.bool_]:
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values), dtype=bool)
    if values.dtype == object:
        return np.isin(values.astype(str), _TOKENS)
    return np.zeros(values.shape, np.bool_)


def _same(want: NDArray[Any], served: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark equal values; NaN equals NaN, +0 and -0 count as equal."""
    same: NDArray[np.bool_] = np.asarray(want == served, dtype=bool)
    if want.dtype.kind == "f":
        same |= np.isnan(want) & np.isnan(served)
    return same
