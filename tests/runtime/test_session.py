"""A session checks the batch before anything runs."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from preproc import Artifact, BackendError, SignatureError
from preproc.compare import BITWISE, breaches
from preproc.runtime import Session, open_session
from preproc.runtime.gate import tolerances_of
from preproc.signature import Column, Signature
from tests.processor import HAS_OWN_POWERS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"city": None}, "field 'city': expected a column, got nothing"),
        (
            {"spare": np.zeros(4)},
            "field 'spare': expected no such column, got one; leave it out",
        ),
        (
            {"visits": np.zeros(4)},
            "field 'visits': expected dtype int64, got float64",
        ),
        (
            {"height": np.zeros(4, np.float32)},
            "field 'height': expected dtype float64, got float32",
        ),
        ({"height": np.array(["1.7"] * 4)}, "field 'height': expected dtype float64, got string"),
        (
            {"height": np.array([1.7, None, 2.5, 1.8], object)},
            (
                "field 'height': expected dtype float64, got cells of type NoneType, float; "
                "cast the column"
            ),
        ),
        (
            {"visits": np.array(["1", None, "2", "3"], object)},
            "field 'visits': expected dtype int64, got string",
        ),
        (
            {"visits": np.array([1.0, 2.0, np.nan, np.nan])},
            (
                "field 'visits': expected dtype int64, got float64, and NaN in row 2; "
                "the column has no null"
            ),
        ),
        ({"city": np.zeros(4)}, "field 'city': expected dtype string, got float64"),
        (
            {"city": np.array(["Oslo", 3, "Oslo", "Oslo"], object)},
            "field 'city': expected dtype string, got cells of type int",
        ),
        (
            {"visits": np.zeros((4, 2), np.int64)},
            "field 'visits': expected shape (n, 1), got (4, 2)",
        ),
        (
            {"visits": np.zeros(3, np.int64)},
            "field 'visits': expected 4 rows, as in most columns, got 3",
        ),
        (
            {"visits": [1, 2, 3, 4]},
            "field 'visits': expected an array, got list; use numpy.asarray",
        ),
    ],
    ids=[
        *(
            "missing",
            "extra",
            "int",
            "float32",
            "text",
            "objects",
            "words",
            "NaN",
            "number",
            "cell",
        ),
        *("width", "rows", "list"),
    ],
)
def test_the_first_bad_column_is_named(
    session: Session, served: pd.DataFrame, change: dict[str, Any], message: str
) -> None:
    batch = {name: served[name].to_numpy()[:4] for name in served.columns} | change
    batch = {name: values for name, values in batch.items() if values is not None}
    with pytest.raises(SignatureError) as caught:
        session.run(batch)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([1, 3, 3], "field 'a': expected 3 rows, as in most columns, got 1"),
        ([1, 1, 1, 0], "field 'd': expected 1 row, as in most columns, got 0"),
        ([1, 2], "batch: expected as many rows in each column, got 1 in 'a' and 2 in 'b'"),
        ([2, 1, 1, 2], "batch: expected as many rows in each column, got 2 in 'a' and 1 in 'b'"),
        ([2, 3, 4, 3], "batch: expected as many rows in each column, got 2 in 'a' and 3 in 'b'"),
    ],
    ids=["first", "last", "two", "halves", "no majority"],
)
def test_of_columns_that_differ_in_length_the_odd_one_is_named_where_there_is_one(
    lengths: list[int], message: str
) -> None:
    signature = Signature(
        "frame", tuple(Column(name, "float64") for name in "abcd"[: len(lengths)])
    )
    batch = {
        column.name: np.zeros(length)
        for column, length in zip(signature.columns, lengths, strict=True)
    }
    with pytest.raises(SignatureError) as caught:
        signature.check(batch)
    assert str(caught.value) == message
    assert signature.check({name: np.zeros(2) for name in batch}) == 2


def test_of_a_column_of_times_the_dtype_of_training_is_wanted() -> None:
    column = Column("when", "int64", "nat", domain={"time": "datetime64[us, UTC]"})
    with pytest.raises(SignatureError) as caught:
        Signature("frame", (column,)).check({"when": np.array(["2024-01-01"])})
    assert str(caught.value) == (
        "field 'when': expected dtype datetime64[us, UTC] or int64, got string"
    )


def test_no_rows_are_refused_as_scikit_learn_refuses_them(
    session: Session, served: pd.DataFrame
) -> None:
    with pytest.raises(SignatureError) as caught:
        session.run(served.head(0))
    assert str(caught.value) == "batch: expected at least one row, got none"


def test_what_is_done_with_refused_rows_is_one_of_two(
    session: Session, served: pd.DataFrame
) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        session.run(served, refused="skip")  # type: ignore[arg-type]  # what is refused here
    assert str(caught.value) == "refused: expected 'raise' or 'report', got 'skip'"


def test_the_graph_itself_runs_on_no_rows(session: Session) -> None:
    feeds = {
        name: np.empty((0, width), object if dtype == "string" else dtype)
        for name, (dtype, width) in session.layout.inputs.items()
    }
    assert session._executor.execute(feeds)["label"].shape == (0,)


def test_other_data_is_refused(session: Session) -> None:
    with pytest.raises(SignatureError) as caught:
        session.run([1, 2])
    assert str(caught.value) == "batch: expected a frame or a mapping of arrays, got list"


@pytest.mark.parametrize("form", ["fused", "packed", "public"])
@pytest.mark.parametrize("backend", ["onnxruntime-cpu", "reference"])
def test_both_forms_and_backends_give_the_same_bits(
    logistic_artifact: Artifact, session: Session, served: pd.DataFrame, backend: str, form: Any
) -> None:
    assert logistic_artifact.path is not None
    with open_session(logistic_artifact.path, backend=backend, form=form) as other:
        got, want = other.run(served), session.run(served)
    bounds = tolerances_of(logistic_artifact.certificate)
    for name in want:
        is_numpys = backend == "reference" and name == "probabilities" and HAS_OWN_POWERS
        bound = bounds[name] if is_numpys else BITWISE
        assert not breaches(want[name], got[name], bound).any()


def test_prepared_batches_run_without_further_checks(
    session: Session, served: pd.DataFrame
) -> None:
    prepared = session.prepare(served)
    assert prepared.rows == len(served)
    assert np.array_equal(session.run_prepared(prepared)["scores"], session.run(served)["scores"])


def test_an_unknown_backend_is_an_error_and_no_fallback(logistic_artifact: Artifact) -> None:
    assert logistic_artifact.path is not None
    with pytest.raises(BackendError) as caught:
        open_session(logistic_artifact.path, backend="tpu")
    assert str(caught.value) == (
        "backend 'tpu': expected one of ['coreml', 'cuda', 'directml', 'migraphx', "
        "'onnxruntime-cpu', 'openvino', 'reference', 'tensorrt', 'wasm', 'webgpu']"
    )


def test_a_mode_that_the_artifact_does_not_offer_is_an_error(logistic_artifact: Artifact) -> None:
    assert logistic_artifact.path is not None
    with pytest.raises(BackendError, match="mode 'fast': expected 'exact'"):
        open_session(logistic_artifact.path, mode="fast")
