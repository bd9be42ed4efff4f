"""What scikit-learn refuses is refused, row by row, and nothing else."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from preproc import Artifact, ExportError, RefusedRows, SignatureError
from preproc.export.conversion import convert
from preproc.runtime import Session
from preproc.signature import ROW_ERROR


def with_cell(rows: pd.DataFrame, row: int, column: str, value: Any) -> pd.DataFrame:
    changed = rows.copy()
    changed.loc[changed.index[row], column] = value
    return changed


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("income", np.inf, "an imputer refuses infinity"),
        ("height", -np.inf, "an imputer refuses infinity"),
        ("height", 1e308, "LogisticRegression refuses NaN and infinity"),
        ("visits", 2**53 + 1, "expected an integer of magnitude at most 2^53, "),
        ("visits", -(2**53) - 1, "expected an integer of magnitude at most 2^53, "),
    ],
    ids=["infinity", "minus infinity", "overflow in a step", "large integer", "small integer"],
)
def test_a_refused_row_is_named_with_column_and_rule(
    session: Session, served: pd.DataFrame, column: str, value: Any, rule: str
) -> None:
    rows = with_cell(served.head(5), 3, column, value)
    with pytest.raises(RefusedRows) as caught:
        session.run(rows)
    assert caught.value.rows == (3,)
    assert caught.value.columns == (column,)
    assert caught.value.rules[0].startswith(rule)
    assert str(caught.value).startswith(f"row 3, column {column!r}: {rule}")


@pytest.mark.parametrize(("column", "value"), [("income", np.inf), ("height", 1e308)])
def test_scikit_learn_refuses_these_rows_too(
    logistic: Pipeline, served: pd.DataFrame, column: str, value: Any
) -> None:
    rows = with_cell(served.head(5), 3, column, value)
    with pytest.raises(ValueError, match="contains infinity"), np.errstate(over="ignore"):
        logistic.predict(rows)


def test_the_other_rows_are_answered_when_refusals_are_reported(
    session: Session, served: pd.DataFrame
) -> None:
    rows = with_cell(served.head(5), 3, "income", np.inf)
    got = session.run(rows, refused="report")
    want = session.run(served.head(5))
    others = [0, 1, 2, 4]
    assert np.array_equal(got["scores"][others], want["scores"][others])
    assert np.flatnonzero(got[ROW_ERROR]).tolist() == [3]
    assert np.isnan(got["scores"][3])
    assert np.isnan(got["probabilities"][3]).all()
    assert got["label"][3] == -1


def test_the_first_rule_in_pipeline_order_is_told(session: Session, served: pd.DataFrame) -> None:
    rows = with_cell(served.head(1), 0, "income", np.inf)
    rows = with_cell(rows, 0, "visits", 2**60)
    with pytest.raises(RefusedRows) as caught:
        session.run(rows)
    assert caught.value.columns == ("visits",)


def test_nulls_unseen_words_and_the_text_nan_are_answered_as_by_scikit_learn(
    session: Session, logistic: Pipeline, served: pd.DataFrame
) -> None:
    rows = served.head(7).copy()
    rows["city"] = pd.Series([None, np.nan, "nan", "None", "", "Åre", "Oslo"], dtype=object)
    assert np.array_equal(session.run(rows)["scores"], logistic.decision_function(rows))


@pytest.mark.parametrize("token", ["\0nan", "\0none"])
def test_data_equal_to_a_null_token_is_refused(
    session: Session, served: pd.DataFrame, token: str
) -> None:
    rows = served.head(2).copy()
    rows["city"] = pd.Series(["Oslo", token], dtype=object)
    with pytest.raises(SignatureError) as caught:
        session.run(rows)
    assert str(caught.value) == (
        f"field 'city': expected data, got {token!r}, which is reserved for nulls"
    )


def test_every_rule_has_a_golden_row_that_breaks_it(logistic_artifact: Artifact) -> None:
    (refused,) = [v for v in logistic_artifact.vectors if v.name == "refused"]
    broken = set(refused.answers[ROW_ERROR].tolist())
    assert broken == {rule.number for rule in logistic_artifact.contract.signature.rules}


def test_the_certificate_quotes_scikit_learn_on_refused_rows(logistic_artifact: Artifact) -> None:
    refusals = logistic_artifact.certificate["refusals"]
    quoted = [entry for entry in refusals if entry["scikit-learn"]]
    assert quoted
    assert all("infinity" in entry["scikit-learn"] for entry in quoted)


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        (
            "float16",
            (
                "field 'X': expected numbers, text or booleans, got dtype float16; "
                "train on X.astype('float64')"
            ),
        ),
        (
            "uint64",
            (
                "output 'features': expected a dtype in which graphs can mark refused rows, "
                "got uint64; let the last step give int64 or float64"
            ),
        ),
    ],
)
def test_a_dtype_that_no_graph_gives_is_refused_with_what_to_do(dtype: str, message: str) -> None:
    table = np.arange(12).reshape(4, 3).astype(dtype)
    with pytest.raises(ExportError) as caught:
        convert(FunctionTransformer().fit(table), table)
    assert str(caught.value) == f"step .: {message}"


def test_a_cast_wider_than_float64_names_its_line() -> None:
    table = np.ones((4, 3))
    with pytest.raises(ExportError) as caught:
        convert(FunctionTransformer(lambda x: x.astype(np.longdouble)).fit(table), table)
    assert "`x.astype(np.longdouble)`: expected a dtype that the graph" in str(caught.value)
    assert str(caught.value).endswith("computes in, got float128; use float64")
