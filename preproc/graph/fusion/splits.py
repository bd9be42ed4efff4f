"""What the nodes of an ensemble ask, as the runtime answers it fastest.

Why all nodes ask ``>``: the runtime keeps the branch for *no* right behind its node, and looks the
rule up at each node where they differ. Few rows have the word that is asked for, so nearly every
step of a chain of words is one to the neighbour: a deep forest takes half the time.

Why a missing number says *no*: then no node need know whether it says *yes*. Where missing numbers
go with the larger ones, the node asks how large the negated number is. scikit-learn sends missing
numbers where more rows went, and a filling stands in the middle of its column, so this also puts
the branch that more rows take behind the node. Processors guess that branch, and a wrong guess
costs as much as a dozen steps: a deep forest takes a quarter less.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from preproc.graph.fusion.origins import Floats
from preproc.graph.view import View

_AT_MOST: Final = 0
_MORE: Final = 3
_MANY: Final = 50
"""Trees that gain on one row what negated columns cost it."""
_SIDES: Final = (
    ("nodes_truenodeids", "nodes_falsenodeids"),
    ("nodes_trueleafs", "nodes_falseleafs"),
)


@dataclass(slots=True)
class Splits:
    """The nodes of an ensemble while they move to other features.

    Attributes
    ----------
    feature
        Column that each asks for, int64 (nodes,).
    limit
        A number at most this goes to the first branch, (nodes,).
    is_missing_first
        Whether a missing number goes there too, (nodes,); true where none is missing.
    is_turned
        Whether *yes* leads to the first branch, (nodes,); else *no* does.
    """

    feature: NDArray[np.int64]
    limit: NDArray[np.float64]
    is_missing_first: NDArray[np.bool_]
    is_turned: NDArray[np.bool_]


def splits_of(told: Mapping[str, Any]) -> Splits | None:
    """Read the attributes of an ensemble; None where a node asks for anything but at most."""
    if np.any(numpy_helper.to_array(told["nodes_modes"]) != _AT_MOST):
        return None
    count = len(told["nodes_featureids"])
    return Splits(
        np.array(told["nodes_featureids"]),
        np.array(numpy_helper.to_array(told["nodes_splits"])),
        np.array(told.get("nodes_missing_value_tracks_true", [0] * count)) > 0,
        np.zeros(count, bool),
    )


def turn(view: View, columns: dict[str, range], splits: Splits, trees: int) -> None:
    """Ask for negated numbers where missing ones go with the larger, if trees are many.

    A negated number is at least a bound where it is more than the number below it. Below minus
    infinity is none, so what is at most infinity stays as it is.

    Parameters
    ----------
    view
        Graph that receives the nodes.
    columns
        Value → its columns among the features; negated ones are added.
    splits
        Changed in place.
    trees
        How many there are.
    """
    is_large = ~splits.is_missing_first & (splits.limit < np.inf)
    feature = splits.feature.copy()
    total = max(held.stop for held in columns.values())
    for value, held in list(columns.items()):
        mine = is_large & (feature >= held.start) & (feature < held.stop)
        if mine.any() and trees > max(_MANY, len(held)):
            splits.is_turned |= mine
            splits.feature[mine] += total - held.start
            columns[view.add("Neg", value)] = range(total, total + len(held))
            total += len(held)


def asked(
    splits: Splits, told: Mapping[str, Any], dtype: type[np.floating[Any]]
) -> dict[str, object]:
    """Write the attributes of an ensemble whose nodes ask whether a number is more than a bound.

    Parameters
    ----------
    splits
        What they ask.
    told
        Attributes with the branches as they were.
    dtype
        Of the features.
    """
    bounds = _rounded_down(splits.limit, dtype)
    bounds = np.where(splits.is_turned, _below(-bounds), bounds)
    modes = np.full(len(bounds), _MORE, np.uint8)
    changed: dict[str, object] = {
        **told,
        "nodes_featureids": splits.feature.tolist(),
        "nodes_splits": numpy_helper.from_array(bounds, "nodes_splits"),
        "nodes_modes": numpy_helper.from_array(modes, "nodes_modes"),
    }
    for true, false in _SIDES:
        first, second = np.array(told[true]), np.array(told[false])
        changed[true] = np.where(splits.is_turned, first, second).tolist()
        changed[false] = np.where(splits.is_turned, second, first).tolist()
    is_missing_true = ~splits.is_missing_first & ~splits.is_turned
    changed.pop("nodes_missing_value_tracks_true", None)
    if is_missing_true.any():
        changed["nodes_missing_value_tracks_true"] = is_missing_true.astype(int).tolist()
    return changed


def _rounded_down(limits: NDArray[np.float64], dtype: type[np.floating[Any]]) -> Floats:
    """Give the largest numbers of a dtype that are at most the limits."""
    with np.errstate(over="ignore"):  # infinity is the number next to the largest
        near = limits.astype(dtype)
    down: Floats = np.where(near > limits, _below(near), near)
    return down


def _below(numbers: Floats) -> Floats:
    with np.errstate(over="ignore"):
        below: Floats = np.nextafter(numbers, numbers.dtype.type(-np.inf))
    return below
