"""Encoders of categories of every dtype."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)

from preproc import ExportError
from preproc.export.conversion import convert
from tests.matrix.harness import Case, check

DTYPES: Final = [
    "words",
    "words with None",
    "words with nan",
    "words with both",
    "integers",
    "few floats",
    "few floats with holes",
    "few singles with holes",
    "booleans",
    "categories",
]


def on_columns(encoder: Any, *columns: str) -> Any:
    """Encode some columns of a frame."""
    return make_column_transformer((encoder, list(columns)), sparse_threshold=0)


ONE_HOT: Final = [
    *(Case(f"OneHotEncoder, {data}", OneHotEncoder(), data) for data in DTYPES),
    *(
        Case(f"OneHotEncoder(ignore), {data}", OneHotEncoder(handle_unknown="ignore"), data)
        for data in DTYPES
    ),
    *(
        Case(
            f"OneHotEncoder({drop!r}, {unknown!r}), {data}",
            OneHotEncoder(drop=drop, handle_unknown=unknown),
            data,
        )
        for drop in ("first", "if_binary")
        for unknown in ("error", "ignore", "warn")
        for data in ("words with both", "categories")
    ),
    Case(
        "OneHotEncoder(infrequent_if_exist), none is",
        OneHotEncoder(handle_unknown="infrequent_if_exist"),
        "words",
    ),
    Case("OneHotEncoder('if_binary'), booleans", OneHotEncoder(drop="if_binary"), "booleans"),
    Case(
        "OneHotEncoder, pandas categories",
        on_columns(OneHotEncoder(), "colour"),
        "frame of plain categories",
    ),
    Case(
        "OneHotEncoder, frame to frame",
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["colour"])
        ).set_output(transform="pandas"),
        "frame",
    ),
    Case("OneHotEncoder(drop=words)", OneHotEncoder(drop=["red", "b", ""]), "words"),
    Case(
        "OneHotEncoder(drop=numbers, NaN)",
        OneHotEncoder(drop=[0.5, np.nan, -1.0]),
        "few floats with holes",
    ),
    Case(
        "OneHotEncoder(categories), sorted otherwise",
        OneHotEncoder(
            categories=[
                ["red", "violet", "blue", "green", "rare"],
                ["b", "a"],
                ["nan", "None", "", "Oslo", "Zürich", "東京"],
            ]
        ),
        "words",
    ),
    *(
        Case(
            f"OneHotEncoder({', '.join(f'{k}={v!r}' for k, v in rare.items())}, {unknown}), {data}",
            OneHotEncoder(handle_unknown=unknown, **rare),
            data,
        )
        for rare in (
            {"min_frequency": 20},
            {"min_frequency": 0.2, "drop": "first"},
            {"max_categories": 2},
            {"max_categories": 1},
            {"max_categories": 2, "drop": "if_binary"},
        )
        for unknown in ("infrequent_if_exist", "warn", "ignore", "error")
        for data in ("words with both", "few floats with holes")
    ),
    *(
        Case(
            f"OneHotEncoder(dtype={dtype.__name__}, sparse_output={is_sparse})",
            OneHotEncoder(dtype=dtype, sparse_output=is_sparse),
            "words",
        )
        for dtype in (np.float32, np.float64, np.int64, np.int32, np.uint8)
        for is_sparse in (True, False)
    ),
    Case(
        "OneHotEncoder(dtype=float16)",
        OneHotEncoder(dtype=np.float16, sparse_output=False),
        "words",
        "refused",
        "OneHotEncoder(dtype=float16): expected a dtype that graphs compute in; use float64",
    ),
    Case(
        "OneHotEncoder(drop=all)",
        OneHotEncoder(drop="first", max_categories=1),
        "words",
        "refused",
        "expected at least one column after drop, got none",
    ),
    Case(
        "OneHotEncoder after bins",
        make_pipeline(
            StandardScaler(), KBinsDiscretizer(4, encode="ordinal"), OneHotEncoder(drop="first")
        ),
        "numbers",
    ),
    Case(
        "OneHotEncoder after text and numbers side by side",
        make_pipeline(
            make_column_transformer(
                ("passthrough", ["word", "int", "float", "flag"]), sparse_threshold=0
            ),
            OneHotEncoder(handle_unknown="ignore"),
        ),
        "categories",
    ),
]

ORDINAL: Final = [
    *(Case(f"OrdinalEncoder, {data}", OrdinalEncoder(), data) for data in DTYPES),
    *(
        Case(
            f"OrdinalEncoder(unknown={unknown}, missing={missing}), {data}",
            OrdinalEncoder(
                handle_unknown="use_encoded_value",
                unknown_value=unknown,
                encoded_missing_value=missing,
            ),
            data,
        )
        for unknown, missing in ((-1, -1), (np.nan, -2), (99, np.nan))
        for data in ("words with both", "few floats with holes", "categories")
    ),
    *(
        Case(
            f"OrdinalEncoder(dtype={dtype.__name__}), {data}",
            OrdinalEncoder(
                dtype=dtype,
                handle_unknown="use_encoded_value",
                unknown_value=100,
                encoded_missing_value=101,
            ),
            data,
        )
        for dtype in (np.float32, np.int64, np.int32, np.int8, np.uint8)
        for data in ("words with nan", "categories")
    ),
    *(
        Case(
            f"OrdinalEncoder({', '.join(f'{k}={v!r}' for k, v in rare.items())}), {data}",
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, **rare),
            data,
        )
        for rare in ({"min_frequency": 20}, {"max_categories": 2}, {"max_categories": 1})
        for data in ("words with both", "few floats with holes", "integers")
    ),
    *(
        Case(f"OrdinalEncoder(missing=-2), {data}", OrdinalEncoder(encoded_missing_value=-2), data)
        for data in ("words with nan", "words with None")
    ),
    Case(
        "OrdinalEncoder, pandas categories",
        on_columns(OrdinalEncoder(), "colour"),
        "frame of plain categories",
    ),
    Case(
        "OrdinalEncoder, pandas strings",
        on_columns(OrdinalEncoder(), "colour"),
        "frame of nullables",
    ),
    Case(
        "OrdinalEncoder, nullable booleans",
        on_columns(OrdinalEncoder(), "flag"),
        "frame of nullables",
    ),
    Case("OrdinalEncoder(min_frequency), error", OrdinalEncoder(min_frequency=0.2), "words"),
    Case(
        "OrdinalEncoder(dtype=bool)",
        OrdinalEncoder(dtype=bool),
        "booleans",
        "refused",
        "OrdinalEncoder(dtype=bool): expected a dtype that graphs compute in; use float64",
    ),
]

TARGET: Final = [
    *(Case(f"TargetEncoder(multiclass), {data}", TargetEncoder(), data) for data in DTYPES),
    *(
        Case(
            f"TargetEncoder({kind}, smooth={smooth}), {data}",
            TargetEncoder(target_type=kind, smooth=smooth),
            data,
        )
        for kind in ("binary", "continuous", "multiclass")
        for smooth in (0, 30.5)
        for data in ("words with both", "categories")
    ),
]


CASES: Final = [*ONE_HOT, *ORDINAL, *TARGET]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_encoders(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


def test_a_column_of_nothing_but_the_null_of_pandas_is_refused_by_name() -> None:
    data = pd.DataFrame({"t": pd.Series([None] * 10, dtype="string")})
    fitted = OrdinalEncoder().fit(data)
    assert fitted.categories_[0].tolist() == [pd.NA]
    with pytest.raises(ExportError) as caught:
        convert(fitted, data)
    assert str(caught.value) == (
        "step .: expected categories that are string values, got ['NAType']; cast the column"
    )
