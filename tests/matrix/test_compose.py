"""Compositions of transformers."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

from preproc import RefusedRows
from preproc.export import export_pipeline
from preproc.runtime import open_session
from tests.matrix.harness import Case, check

NUMBERS: Final = ["normal", "skewed", "offset"]
IMPUTE: Final = make_pipeline(SimpleImputer(), StandardScaler())
CODES: Final = OneHotEncoder(handle_unknown="ignore")
DENSE: Final = OneHotEncoder(handle_unknown="ignore", sparse_output=False)

CASES: Final = [
    Case(
        "ColumnTransformer",
        ColumnTransformer([("n", IMPUTE, NUMBERS), ("c", CODES, ["colour", "city"])]),
        "frame",
    ),
    Case(
        "ColumnTransformer(sparse_threshold=1)",
        ColumnTransformer([("n", IMPUTE, NUMBERS), ("c", CODES, ["colour"])], sparse_threshold=1.0),
        "frame",
    ),
    Case(
        "ColumnTransformer(remainder=estimator)",
        ColumnTransformer([("c", CODES, ["colour", "city"])], remainder=IMPUTE),
        "frame",
    ),
    Case(
        "ColumnTransformer(selectors)",
        ColumnTransformer(
            [
                ("n", IMPUTE, make_column_selector(dtype_include="float")),
                ("c", CODES, make_column_selector(dtype_include=["object", "str"])),
            ]
        ),
        "frame",
    ),
    Case(
        "ColumnTransformer(boolean mask)",
        ColumnTransformer([("s", StandardScaler(), np.array([1, 0, 0, 1, 0, 1], bool))]),
        "numbers",
    ),
    Case(
        "ColumnTransformer(positions, slice)",
        ColumnTransformer([("a", StandardScaler(), [4, 1]), ("b", StandardScaler(), slice(2, 4))]),
        "numbers",
    ),
    Case(
        "ColumnTransformer(weights)",
        ColumnTransformer(
            [("a", StandardScaler(), [0, 1]), ("b", StandardScaler(), [2])],
            transformer_weights={"a": 0.3, "b": 10},
        ),
        "numbers",
    ),
    Case(
        "ColumnTransformer(nested)",
        ColumnTransformer(
            [
                ("in", ColumnTransformer([("n", IMPUTE, ["normal", "offset"])]), NUMBERS),
                ("c", DENSE, ["city"]),
            ]
        ),
        "frame",
    ),
    Case(
        "ColumnTransformer(pandas output)",
        ColumnTransformer([("n", IMPUTE, NUMBERS), ("c", DENSE, ["colour"])]).set_output(
            transform="pandas"
        ),
        "frame",
    ),
    Case(
        "FeatureUnion(weights)",
        FeatureUnion(
            [("a", StandardScaler()), ("b", StandardScaler(with_mean=False)), ("c", "drop")],
            transformer_weights={"a": 2.5},
        ),
        "numbers",
    ),
    Case(
        "FeatureUnion(passthrough)",
        FeatureUnion([("a", StandardScaler()), ("b", "passthrough")]),
        "numbers",
    ),
    Case(
        "Pipeline(passthrough and None)",
        Pipeline([("a", "passthrough"), ("b", StandardScaler()), ("c", None)]),
        "numbers",
    ),
    Case(
        "ColumnTransformer(whole numbers)",
        ColumnTransformer([("whole", "passthrough", ["count"]), ("flag", "passthrough", ["flag"])]),
        "frame",
    ),
    Case(
        "ColumnTransformer(text and numbers)",
        ColumnTransformer([("n", IMPUTE, NUMBERS), ("c", "passthrough", ["colour"])]),
        "frame",
        "refused",
        "expected columns that go together, got text beside ['float64']",
    ),
    Case(
        "FeatureUnion(scaled, PCA)",
        FeatureUnion([("a", StandardScaler()), ("b", PCA(2))]),
        "numbers",
        "bounded",
    ),
    Case("Pipeline(scale, PCA)", make_pipeline(StandardScaler(), PCA(3)), "numbers", "bounded"),
    Case("Pipeline on a numeric frame", make_pipeline(StandardScaler()), "numeric frame"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_compositions(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@pytest.mark.parametrize("weight", [3, 0.5, True, np.float64(0.5), np.int64(3)], ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, bool])
def test_a_weight_gives_the_dtype_that_numpy_gives(
    dtype: type[Any], weight: Any, tmp_path: Path
) -> None:
    data = pd.DataFrame({"t": ["a", "b", "c", "a"] * 5})
    codes = OneHotEncoder(dtype=dtype, sparse_output=False)
    parts = ColumnTransformer([("c", codes, ["t"])], transformer_weights={"c": weight}).fit(data)
    artifact = export_pipeline(parts, data, repository=tmp_path, name="model")
    assert artifact.path is not None
    with open_session(artifact.path) as session:
        got = session.run(data)["features"]
    want = parts.transform(data)
    assert got.dtype == (np.int64 if want.dtype == bool else want.dtype)
    assert np.array_equal(got, want)


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "string"])
@pytest.mark.parametrize("is_kept", [False, True])
def test_a_null_of_pandas_is_passed_on_in_frames_alone(
    dtype: Any, tmp_path: Path, *, is_kept: bool
) -> None:
    data = pd.DataFrame({"f": np.arange(20.0), "n": pd.array(["1", "2"] * 10, dtype=dtype)})
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    parts = make_column_transformer(("passthrough", ["n"]), (StandardScaler(), ["f"]))
    if dtype == "string":
        parts = make_column_transformer(("passthrough", ["n"]))
    parts.set_output(transform="pandas" if is_kept else "default")
    fitted = make_pipeline(parts, codes if dtype == "string" else SimpleImputer()).fit(data)
    odd = data[:2].assign(n=pd.array(["1", None], dtype=dtype))
    artifact = export_pipeline(fitted, data, repository=tmp_path, name="model")
    assert artifact.path is not None
    with open_session(artifact.path) as session:
        read = [column.name for column in session.signature.columns]
        assert np.array_equal(session.run(data[read])["features"], fitted.transform(data))
        if is_kept:
            assert np.array_equal(session.run(odd[read])["features"], fitted.transform(odd))
            return
        with pytest.raises(ValueError, match=r"uses pandas\.NA"):
            fitted.transform(odd)
        with pytest.raises(RefusedRows) as caught:
            session.run(odd[read])
    (rule,) = caught.value.rules
    assert (caught.value.rows, caught.value.columns) == ((1,), ("n",))
    assert rule.startswith("ColumnTransformer refuses pandas.NA in what it passes on")


def test_a_union_that_cannot_name_its_columns_is_a_frame_all_the_same(tmp_path: Path) -> None:
    data = pd.DataFrame({"a": np.arange(20.0) - 7, "b": np.arange(20.0) ** 2})
    sizes = make_pipeline(SimpleImputer(), FunctionTransformer(np.abs))
    union = FeatureUnion([("scaled", StandardScaler()), ("sizes", sizes)])
    parts = make_column_transformer((union, ["b", "a"])).set_output(transform="pandas")
    some = make_column_transformer((StandardScaler(), [0, 3]))
    fitted = make_pipeline(parts, some).fit(data)
    with pytest.raises(AttributeError, match="does not provide get_feature_names_out"):
        fitted[0].get_feature_names_out()
    artifact = export_pipeline(fitted, data, repository=tmp_path, name="model")
    assert artifact.path is not None
    with open_session(artifact.path) as session:
        assert np.array_equal(session.run(data)["features"], fitted.transform(data))
