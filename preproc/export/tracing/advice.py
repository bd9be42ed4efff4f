"""What to write in place of what is not traced."""

from collections.abc import Mapping
from traceback import walk_stack
from typing import Final

import numpy as np

_RESHAPED: Final = (
    "it makes rows and columns anew from the batch; reshape before the pipeline, so that a row "
    "holds all that its answer needs"
)

ADVICE: Final[Mapping[str, str]] = {
    "DataFrame.melt": _RESHAPED,
    "DataFrame.pivot": _RESHAPED,
    "DataFrame.pivot_table": _RESHAPED,
    "DataFrame.query": (
        "it keeps the rows that meet a condition; use np.where(X.eval('...'), a, b), or filter "
        "before training"
    ),
    "DataFrame.stack": _RESHAPED,
    "DataFrame.unstack": _RESHAPED,
    "Series.str.extract": (
        "use .str.split('-').str[1] or .str[2:5], or declare the step by tabulate=, see "
        "docs/tracing.md"
    ),
    "np.polyval": "write it by Horner's rule, (a * x + b) * x + c",
    "np.vectorize": (
        "it asks Python cell by cell; write it with whole columns, np.where(condition, a, b) for if"
    ),
    "pd.melt": _RESHAPED,
    "pd.pivot": _RESHAPED,
    "pd.pivot_table": _RESHAPED,
}
"""Public name of pandas or numpy → why it is not traced, or what would work."""


def not_traced(name: str, otherwise: str = "see docs/tracing.md") -> str:
    """Say that something is not traced, and what to write instead."""
    return f"{name} is not traced; {ADVICE.get(name, otherwise)}"


def cells_asked() -> str:
    """Say why the cells of an array cannot be given to the code that asks for them."""
    if any(frame.f_code is np.vectorize.__call__.__code__ for frame, _ in walk_stack(None)):
        return not_traced("np.vectorize")
    return (
        "expected functions of numpy and pandas that can be traced, got code that needs the cells "
        "themselves; write it with whole columns"
    )
