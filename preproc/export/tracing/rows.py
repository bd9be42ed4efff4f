"""What looks at other rows, by its name, and the index that names none."""

from typing import Any, Final, NoReturn

from preproc.export.tracing.tracer import ROWS, Tracer

ROW_WISE: Final = frozenset(
    ["all", "any", "count", "max", "mean", "median", "min", "nunique", "prod", "std", "sum", "var"]
)
"""Methods of a frame that may go along its rows."""

OVER_ROWS: Final = frozenset(
    [
        "agg", "aggregate", "argmax", "argmin", "argsort", "autocorr", "bfill", "corr", "count",
        "cov", "cummax", "cummin", "cumprod", "cumsum", "describe", "diff", "drop_duplicates",
        "duplicated", "ewm", "expanding", "factorize", "ffill", "groupby", "head", "idxmax",
        "idxmin", "interpolate", "is_monotonic_increasing", "is_unique", "kurt", "max", "mean",
        "median", "min", "mode", "nlargest", "nsmallest", "nunique", "pct_change", "prod",
        "quantile", "rank", "resample", "rolling", "sample", "sem", "shift", "skew",
        "sort_index", "sort_values", "std", "sum", "tail", "transform", "unique", "value_counts",
        "var",
    ]
)  # fmt: skip


def refuse_rows_method(tracer: Tracer, name: str) -> NoReturn:
    """Refuse what looks at other rows."""
    tracer.refuse(
        f"expected an answer that depends on its row alone, got .{name}() over rows; compute it "
        "from the training data in fit() and keep it as an attribute"
    )


class Index:
    """Stands for the index of symbolic rows: good for nothing but to be passed on."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer

    def __len__(self) -> int:
        return ROWS

    def equals(self, other: Any) -> bool:
        """Whether the other index is of the same rows: all are."""
        return isinstance(other, Index)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.tracer.refuse(f"expected no use of the index, got .{name}: rows have no names")
