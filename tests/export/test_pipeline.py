"""Whole pipelines against scikit-learn, in process."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeClassifier, SGDOneClassSVM
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, PowerTransformer, StandardScaler, TargetEncoder
from sklearn.semi_supervised import LabelSpreading

from preproc import Artifact, ArtifactError, ExportError, compare
from preproc.compare import Tolerance
from preproc.export import export_pipeline
from preproc.runtime import Session, open_session

EXPONENTIAL = Tolerance("exponential", 2, 2.3e-16, "the C library's exponential decides")


def reopened(artifact: Artifact) -> Session:
    assert artifact.path is not None
    return open_session(artifact.path)


def exported(pipeline: Any, data: Any, target: Any, folder: Path, **options: Any) -> Session:
    return reopened(
        export_pipeline(pipeline, data, target, repository=folder, name="model", **options)
    )


@pytest.mark.parametrize("model", ["logistic", "boosting"])
def test_unseen_rows_get_the_answers_of_scikit_learn(
    model: str, served: pd.DataFrame, request: pytest.FixtureRequest
) -> None:
    pipeline: Pipeline = request.getfixturevalue(model)
    with reopened(request.getfixturevalue(f"{model}_artifact")) as session:
        got = session.run(served)
    assert compare(pipeline.predict(served), got["label"]).is_pass
    assert compare(pipeline.decision_function(served), got["scores"]).max_ulp == 0
    found = compare(pipeline.predict_proba(served), got["probabilities"], EXPONENTIAL)
    assert found.is_pass
    assert found.bitwise_share >= 0.99


def test_a_row_gets_the_same_bits_in_any_batch_and_position(
    session: Session, served: pd.DataFrame
) -> None:
    whole = session.run(served)["probabilities"]
    for size in (1, 2, 7, 64):
        parts = [
            session.run(served.iloc[at : at + size])["probabilities"]
            for at in range(0, len(served), size)
        ]
        assert np.array_equal(np.concatenate(parts), whole)
    backwards = session.run(served.iloc[::-1])["probabilities"]
    assert np.array_equal(backwards[::-1], whole)


def test_column_order_is_irrelevant(session: Session, served: pd.DataFrame) -> None:
    shuffled = served[served.columns[::-1]]
    assert np.array_equal(session.run(shuffled)["scores"], session.run(served)["scores"])


def test_a_dict_and_a_polars_frame_are_answered_like_a_pandas_frame(
    session: Session, served: pd.DataFrame
) -> None:
    want = session.run(served)["scores"]
    arrays = {name: served[name].to_numpy() for name in served.columns}
    frame = pl.DataFrame({name: served[name].tolist() for name in served.columns}, strict=False)
    frame = frame.with_columns(pl.col("height", "income").fill_nan(None))
    assert np.array_equal(session.run(arrays)["scores"], want)
    assert np.array_equal(session.run(frame)["scores"], want)


def test_the_same_export_writes_the_same_bytes(
    logistic: Pipeline, table: pd.DataFrame, target: pd.Series, tmp_path: Path
) -> None:
    first = export_pipeline(logistic, table, target, repository=tmp_path, name="a")
    second = export_pipeline(logistic, table, target, repository=tmp_path, name="a")
    assert first.digest == second.digest
    assert first.path is not None
    assert second.path is not None
    for file in sorted(path for path in first.path.rglob("*") if path.is_file()):
        twin = second.path / file.relative_to(first.path)
        assert file.read_bytes() == twin.read_bytes()


def test_a_polars_frame_trains_and_serves(
    logistic: Pipeline, table: pd.DataFrame, target: pd.Series, tmp_path: Path
) -> None:
    frame = pl.from_pandas(table)
    pipeline = clone(logistic).fit(frame, target)
    with exported(pipeline, frame, target, tmp_path) as session:
        part = frame.drop("unread").head(50)
        assert np.array_equal(session.run(part)["label"], pipeline.predict(part))
        assert {c.name: c.null for c in session.signature.columns}["city"] == "none"


def test_an_array_trains_and_serves_as_one_input(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    data = draw.normal(size=(400, 5))
    data[draw.random(data.shape) < 0.1] = np.nan
    target = np.nansum(data, axis=1)
    model = HistGradientBoostingRegressor(max_iter=30)
    pipeline = make_pipeline(SimpleImputer(), StandardScaler(), model).fit(data, target)
    with exported(pipeline, data, target, tmp_path) as session:
        assert [column.width for column in session.signature.columns] == [5]
        rows = draw.normal(size=(100, 5))
        assert np.array_equal(session.run(rows)["prediction"], pipeline.predict(rows))


def test_a_bare_transformer_gives_named_features(table: pd.DataFrame, tmp_path: Path) -> None:
    numbers = table[["height", "income"]]
    pipeline = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()).fit(numbers)
    with exported(pipeline, numbers, None, tmp_path) as session:
        (output,) = session.signature.outputs
        assert output.names[2:] == ("height is missing", "income is missing")
        got = session.run(numbers)["features"]
        assert np.array_equal(got, pipeline.transform(numbers))


def test_a_classifier_without_probabilities_gives_scores(
    table: pd.DataFrame, target: pd.Series, tmp_path: Path
) -> None:
    words = target.map({0: "no", 1: "yes"}).astype(object)
    prep = ColumnTransformer([("codes", OneHotEncoder(handle_unknown="ignore"), ["plan", "city"])])
    pipeline = make_pipeline(prep, RidgeClassifier(solver="lsqr")).fit(table, words)
    with exported(pipeline, table, words, tmp_path) as session:
        got = session.run(table[["city", "plan"]])
        assert list(got) == ["label", "scores"]
        assert got["label"].tolist() == pipeline.predict(table).tolist()
        assert np.array_equal(got["scores"], pipeline.decision_function(table))


def test_an_outlier_detector_gives_label_and_scores(table: pd.DataFrame, tmp_path: Path) -> None:
    prep = ColumnTransformer([("codes", OneHotEncoder(handle_unknown="ignore"), ["plan", "city"])])
    pipeline = make_pipeline(prep, SGDOneClassSVM(nu=0.1, random_state=0)).fit(table)
    with exported(pipeline, table, None, tmp_path) as session:
        got = session.run(table[["city", "plan"]])
        assert list(got) == ["label", "scores"]
        assert compare(pipeline.predict(table), got["label"]).is_pass
        assert compare(pipeline.decision_function(table), got["scores"]).max_ulp == 0
        assert session.signature.outputs[0].poison == np.iinfo(np.int32).min


def test_outputs_are_chosen_and_renamed(
    logistic: Pipeline, table: pd.DataFrame, served: pd.DataFrame, tmp_path: Path
) -> None:
    outputs = {"scores": "late_score", "label": "late"}
    with exported(logistic, table, None, tmp_path, outputs=outputs) as session:
        got = session.run(served)
    assert list(got) == ["late_score", "late"]


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(drop="first", handle_unknown="ignore"),
        OneHotEncoder(drop="if_binary", handle_unknown="ignore"),
        OneHotEncoder(max_categories=3, handle_unknown="infrequent_if_exist", drop="first"),
        OneHotEncoder(min_frequency=0.1, handle_unknown="ignore"),
        OneHotEncoder(handle_unknown="infrequent_if_exist"),
        OneHotEncoder(handle_unknown="error"),
        OneHotEncoder(
            categories=[["Oslo", "Zürich", None], ["pro", "free"]], handle_unknown="warn"
        ),
        TargetEncoder(),
    ],
    ids=str,
)
def test_encoders_follow_their_parameters(
    encoder: Any, table: pd.DataFrame, tmp_path: Path
) -> None:
    texts = table[["city", "plan"]]
    target = np.arange(len(texts)) % 3
    fitted = clone(encoder).fit(texts, target)
    with exported(fitted, texts, None, tmp_path) as session:
        got = session.run(texts)["features"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # unknown categories warn
        want = fitted.transform(texts)
    assert np.array_equal(got, want.toarray() if hasattr(want, "toarray") else want)


class OwnScaler(StandardScaler):  # type: ignore[misc]  # scikit-learn has no types
    """What a subclass changes nobody knows."""


class Quux(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A model of one's own, whose name is like no other."""

    def fit(self, X: Any, y: Any) -> "Quux":  # noqa: N803  # scikit-learn's name
        self.classes_, self.n_features_in_ = np.unique(y), np.shape(X)[1]
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803  # scikit-learn's name
        return np.full(len(X), self.classes_[0])


REFUSED: dict[str, tuple[Any, str]] = {
    "a subclass": (
        make_pipeline(OwnScaler(), RidgeClassifier()),
        "step ownscaler: no converter for OwnScaler; supported and close: ",
    ),
    "a name like no other": (
        make_pipeline(StandardScaler(), Quux()),
        "step quux: no converter for Quux; docs/coverage.md lists what is exported",
    ),
    "an unknown model": (
        make_pipeline(StandardScaler(), LabelSpreading()),
        "step labelspreading: no converter for LabelSpreading; supported and close: ",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_supported_is_refused_by_name(case: str, tmp_path: Path) -> None:
    pipeline, message = REFUSED[case]
    data = np.random.default_rng(0).normal(size=(30, 2))
    pipeline.fit(data, np.arange(30) % 2)
    with pytest.raises(ExportError) as caught:
        export_pipeline(pipeline, data, repository=tmp_path, name="model")
    assert str(caught.value).startswith(message)
    assert not list(tmp_path.rglob("*.onnx"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            lambda rows: rows.drop(columns="b"),
            "X: expected the columns of fit, got none of ['b']; ",
        ),
        (
            lambda rows: rows[["b", "a", "c"]],
            "X: expected the columns in the order of fit, got 'b' in place of 'a' at position 0; ",
        ),
        (lambda rows: rows["a"], "X: expected the 3 columns of fit, got 1; "),
        (lambda rows: rows.to_numpy()[:, :2], "X: expected the 3 columns of fit, got 2; "),
    ],
    ids=["missing", "order", "series", "narrow"],
)
def test_data_of_other_columns_than_those_of_fit_is_refused(
    given: Any, message: str, tmp_path: Path
) -> None:
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 3)), columns=["a", "b", "c"])
    fitted = RidgeClassifier().fit(rows, np.arange(30) % 2)
    with pytest.raises(ExportError) as caught:
        export_pipeline(fitted, given(rows), repository=tmp_path, name="model")
    assert str(caught.value) == f"step .: {message}give the X that the pipeline was fitted on"


def test_lists_of_several_lengths_are_refused_by_name(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(30, 2))
    with pytest.raises(ExportError) as caught:
        export_pipeline(
            StandardScaler().fit(rows), [[1.0, 2.0], [3.0]], repository=tmp_path, name="model"
        )
    text = "step .: field 'X': expected text, got cells of type ['list']; cast the column"
    assert str(caught.value) == text


@pytest.mark.parametrize("version", [0, -1])
def test_a_version_that_is_no_positive_number_is_refused(version: int, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(30, 2))
    with pytest.raises(ExportError) as caught:
        export_pipeline(
            StandardScaler().fit(rows), rows, repository=tmp_path, name="model", version=version
        )
    assert str(caught.value) == f"step .: version: expected a positive number, got {version}"


def test_neighbours_that_average_texts_are_refused_by_name(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(30, 2))
    fitted = KNeighborsRegressor().fit(rows, np.array(["low", "high"] * 15))
    with pytest.raises(ExportError) as caught:
        export_pipeline(fitted, rows, repository=tmp_path, name="model")
    assert str(caught.value) == (
        "step .: KNeighborsRegressor: expected targets that are numbers, got <U4; train on "
        "numbers, or use a classifier"
    )


def test_features_in_a_frame_of_several_dtypes_are_refused_by_name(tmp_path: Path) -> None:
    rows = pd.DataFrame({"a": np.arange(30.0), "late": [True, False] * 15})
    prepare = ColumnTransformer(
        [("a", StandardScaler(), ["a"]), ("late", "passthrough", ["late"])]
    ).set_output(transform="pandas")
    with pytest.raises(ExportError) as caught:
        export_pipeline(prepare.fit(rows), rows, repository=tmp_path, name="model")
    assert str(caught.value) == (
        "step .: output 'features': expected dtype float64 of scikit-learn, got a frame of several "
        "dtypes; cast its columns to one, or leave set_output out of the last step"
    )


def test_float32_columns_are_refused_rather_than_widened(tmp_path: Path) -> None:
    data = np.ones((5, 2), np.float32)
    with pytest.raises(ExportError) as caught:
        export_pipeline(StandardScaler().fit(data), data, repository=tmp_path, name="model")
    assert str(caught.value) == "step .: expected float64 columns, got float32; train in float64"


def test_other_columns_need_another_name(logistic_artifact: Artifact, table: pd.DataFrame) -> None:
    assert logistic_artifact.path is not None
    numbers = table[["height"]]
    fitted = StandardScaler().fit(numbers)
    with pytest.raises(ArtifactError, match="export under a new name"):
        export_pipeline(
            fitted, numbers, repository=logistic_artifact.path.parent.parent, name="logistic"
        )


def test_four_sessions_at_once_give_the_same_bits(
    boosting_artifact: Artifact, served: pd.DataFrame
) -> None:
    sessions = [reopened(boosting_artifact) for _ in range(4)]
    want = sessions[0].run(served)["probabilities"]
    with ThreadPoolExecutor(4) as pool:
        answers = [
            pool.submit(session.run, served.iloc[::step]).result
            for session in sessions
            for step in (1, 2, 3)
        ]
        for answer, step in zip(answers, [1, 2, 3] * 4, strict=True):
            assert np.array_equal(answer()["probabilities"], want[::step])


def test_columns_that_ieee_arithmetic_decides_stay_exact_beside_others(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=(60, 4))
    fitted = ColumnTransformer(
        [("power", PowerTransformer(), [0, 1]), ("scale", StandardScaler(), [2, 3])]
    ).fit(data)
    artifact = export_pipeline(fitted, data, repository=tmp_path, name="model")
    bound = artifact.certificate["outputs"]["features"]["tolerance"]
    assert bound["name"] == "libm"
    assert list(bound["exact_columns"]) == [2, 3]
