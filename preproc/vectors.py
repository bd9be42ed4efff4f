"""Golden vectors: inputs and the answers that scikit-learn gave to them.

Four sets, numbered as their folders: real rows, boundary rows, rows that must be refused, missing
and unseen values. Of refused rows only ``row_error`` and the poison mean anything.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SET_NAMES: Final = ("real", "boundary", "refused", "missing")


@dataclass(frozen=True, slots=True)
class VectorSet:
    """One batch of rows with its answers.

    Attributes
    ----------
    name
        One of `SET_NAMES`.
    inputs
        Column name → array (n, width); text as object with null tokens in place.
    answers
        Output name → array (n,) or (n, width), ``row_error`` int32 (n,) among them.
    """

    name: str
    inputs: Mapping[str, NDArray[Any]]
    answers: Mapping[str, NDArray[Any]]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.inputs.values())))


def without_rows(vectors: VectorSet, rows: Sequence[int]) -> VectorSet:
    """Leave some rows of a set out, by position."""
    kept = np.delete(np.arange(vectors.rows), np.asarray(rows, np.int64))
    return VectorSet(
        vectors.name,
        {name: values[kept] for name, values in vectors.inputs.items()},
        {name: values[kept] for name, values in vectors.answers.items()},
    )


def fingerprint(array: NDArray[Any]) -> str:
    """SHA-256 of an array's dtype, shape and bits; all NaN are one, +0 and -0 are two."""
    total = hashlib.sha256(f"{array.dtype} {array.shape} ".encode())
    if array.dtype == object:
        for text in array.ravel().tolist():
            encoded = str(text).encode("utf-8", "surrogatepass")
            total.update(b"%d:%s" % (len(encoded), encoded))
    else:
        plain = np.ascontiguousarray(array)
        if plain.dtype.kind == "f":
            plain = np.where(np.isnan(plain), plain.dtype.type("nan"), plain)
        total.update(plain.tobytes())
    return total.hexdigest()


@dataclass(frozen=True, slots=True)
class StepAnswer:
    """What one step gave to the first rows of the real set.

    Attributes
    ----------
    path
        Where the step stands in the pipeline.
    values
        Graph values that hold its result, side by side.
    decided
        What decides their bits: ``ieee``, ``libm`` or ``blas``.
    answer
        What scikit-learn's ``transform`` gave, array (rows, width).
    features
        What its columns are, for people; empty where that was not kept.
    """

    path: str
    values: tuple[str, ...]
    decided: str
    answer: NDArray[Any]
    features: tuple[str, ...] = ()
