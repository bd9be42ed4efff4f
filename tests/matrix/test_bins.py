"""Bins."""

import warnings
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from sklearn.preprocessing import KBinsDiscretizer

from tests.matrix.drawn import assert_same, tables
from tests.matrix.harness import Case, check

_SAME: Final = {"quantile_method": "averaged_inverted_cdf", "random_state": 0}

CASES: Final = [
    *(
        Case(
            f"KBinsDiscretizer(encode={encode!r}, strategy={strategy!r})",
            KBinsDiscretizer(n_bins=7, encode=encode, strategy=strategy, **_SAME),
            "numbers",
        )
        for encode in ("onehot", "onehot-dense", "ordinal")
        for strategy in ("uniform", "quantile", "kmeans")
    ),
    Case("KBinsDiscretizer, integers", KBinsDiscretizer(3, strategy="uniform"), "integers"),
    Case(
        "KBinsDiscretizer(n_bins=array), few values",
        KBinsDiscretizer([2, 9, 4], encode="ordinal", **_SAME),
        "few floats",
    ),
    Case("KBinsDiscretizer, frame", KBinsDiscretizer(4, **_SAME), "numeric frame"),
    Case(
        "KBinsDiscretizer(dtype=float64)",
        KBinsDiscretizer(60, encode="ordinal", dtype=np.float64, **_SAME),
        "centred",
    ),
    Case(
        "KBinsDiscretizer(dtype=float32)",
        KBinsDiscretizer(encode="ordinal", dtype=np.float32, **_SAME),
        "centred",
        "refused",
        "KBinsDiscretizer(dtype=float32): it would round its input to float32; "
        "use dtype=None or float64",
    ),
    Case(
        "KBinsDiscretizer, float32",
        KBinsDiscretizer(encode="ordinal", **_SAME),
        "centred in float32",
        "refused",
        "expected float64 columns, got float32; train in float64",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bins(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@settings(max_examples=15)
@given(
    table=tables(),
    encode=st.sampled_from(["onehot", "onehot-dense", "ordinal"]),
    strategy=st.sampled_from(["uniform", "quantile"]),
    bins=st.integers(2, 40),
)
def test_a_number_falls_into_the_same_bin(
    table: np.ndarray, encode: str, strategy: str, bins: int
) -> None:
    fitted = KBinsDiscretizer(bins, encode=encode, strategy=strategy, **_SAME)
    edges = [*np.linspace(table.min(), table.max(), bins + 1), 0.0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fitted.fit(table)
        except IndexError:  # of a column whose values are too near to each other no bin is left
            reject()
    assert_same(fitted, table, edges)
