"""Tracing around the functions: proof, patches, threads, classes, converters, the artifact."""

import threading
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted, validate_data

from preproc.errors import ExportError, ProofError, RefusedRows, SignatureError
from preproc.export import Scope, Table, export_pipeline
from preproc.export.tracing import operators
from preproc.runtime import open_session
from preproc.runtime.feeding import epoch_of
from tests.export.tracing.running import frame, traced_step

DRAW = np.random.default_rng(3)
ARRAY = DRAW.normal(size=(80, 3))


class Clipper(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """Clips to quantiles, as a user would write it."""

    def __init__(self, share: float = 0.1) -> None:
        self.share = share

    def fit(self, X: Any, y: Any = None) -> Self:
        X = validate_data(self, X, ensure_all_finite="allow-nan")
        self.low_ = np.nanquantile(X, self.share, axis=0)
        self.high_ = np.nanquantile(X, 1 - self.share, axis=0)
        return self

    def transform(self, X: Any) -> Any:
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, ensure_all_finite="allow-nan")
        return np.clip(X, self.low_, self.high_)


class CityMean(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """Compares an income with the mean of its city, which was learned."""

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        self.means_ = X.groupby("city")["income"].mean()
        self.mean_ = X["income"].mean()
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        X = X[["income", "city"]].copy()
        X["mean"] = X["city"].map(self.means_).fillna(self.mean_)
        X["ratio"] = X["income"] / X["mean"]
        return X[["mean", "ratio"]]


class Guarded(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """Refuses batches by a condition over rows."""

    def fit(self, X: Any, y: Any = None) -> Self:
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        if (X["age"] < 0).any():
            raise ValueError("ages are not negative")
        return X[["age"]] ** 0.5


def test_custom_classes_are_traced_with_what_they_learned() -> None:
    data = frame()
    traced_step(Clipper().fit(ARRAY), ARRAY)
    traced_step(CityMean().fit(data), data)


def test_a_condition_that_raises_becomes_a_refusal_of_rows(tmp_path: Path) -> None:
    data = frame()[["age"]]
    artifact = export_pipeline(Guarded().fit(data), data, repository=tmp_path, name="m")
    (rule,) = [r for r in artifact.contract.signature.rules if r.origin == "oracle"]
    assert rule.text == 'the step refuses rows by if (X["age"] < 0).any():' or "any" in rule.text
    with open_session(str(artifact.path)) as session:
        answer = session.run({"age": np.array([4, -4])}, refused="report")
    assert answer["row_error"].tolist() == [0, rule.number]


def test_a_wrong_node_is_found_and_its_row_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {**operators.LOOPS, "sqrt": lambda tracer, _dtypes, x: tracer.op("Abs", x)}
    monkeypatch.setattr("preproc.export.tracing.apply.LOOPS", wrong)
    with pytest.raises(ProofError) as caught:
        traced_step(lambda x: np.sqrt(np.abs(x)), ARRAY)
    assert str(caught.value) == (
        "step step: column 'X[2]': expected 1.4142135623730951 of the function, got 2.0 of the "
        "graph; the row is {'X[0]': 0.0, 'X[1]': 0.0, 'X[2]': 2.0}"
    )


def test_zero_for_null_in_training_is_not_the_zero_of_serving() -> None:
    """``fillna(0)`` on the column as training has it, ``nan_to_num`` as serving would write it."""
    data = pd.DataFrame({"count": [1.0, np.nan, 3.0, np.inf]})

    def in_training(X: pd.DataFrame) -> pd.DataFrame:
        return X.fillna(0)

    def in_serving(X: pd.DataFrame) -> Any:
        return np.nan_to_num(X.to_numpy())

    for function, of_infinity in ((in_training, np.inf), (in_serving, np.finfo(float).max)):
        assert np.asarray(function(data))[3, 0] == of_infinity
        (block,) = traced_step(function, data).blocks
        (feature,) = block.features
        assert not feature.has_nan
        assert feature.limit == of_infinity


def test_names_are_put_back_and_other_threads_see_the_originals() -> None:
    originals = (np.asarray, pd.concat, pd.cut, pd.DataFrame.__init__, np.random.rand)
    seen: list[Any] = []

    def other() -> None:
        seen.append(np.asarray([1, 2]).tolist())
        seen.append(pd.concat([pd.Series([1]), pd.Series([2])]).tolist())
        seen.append(isinstance(pd.DataFrame({"a": [1]}), pd.DataFrame))
        seen.append(np.random.rand() >= 0)

    def function(X: pd.DataFrame) -> pd.DataFrame:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        return pd.concat([X[["age"]], X["income"]], axis=1)

    traced_step(function, frame())
    assert seen[:4] == [[1, 2], [1, 2], True, True]
    with pytest.raises(ExportError):
        traced_step(lambda X: X.groupby("age"), frame())
    assert originals == (np.asarray, pd.concat, pd.cut, pd.DataFrame.__init__, np.random.rand)


def doubled(scope: Scope, fitted: Any, table: Table) -> Table:
    """Convert `Doubler` by hand."""
    (block,) = table.blocks
    value = scope.op("Mul", block.value, np.array(fitted.factor))
    return Table((type(block)(value, "float64", block.features),))


class Doubler(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """Hides its arithmetic from a trace."""

    def __init__(self, factor: float = 2.0) -> None:
        self.factor = factor

    def fit(self, X: Any, y: Any = None) -> Self:
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Any) -> Any:
        return np.array([[cell * self.factor for cell in row] for row in X])


def test_a_converter_of_the_caller_is_used_and_proved(tmp_path: Path) -> None:
    artifact = export_pipeline(
        Doubler().fit(ARRAY), ARRAY, repository=tmp_path, name="m", converters={Doubler: doubled}
    )
    with open_session(str(artifact.path)) as session:
        assert np.array_equal(session.run(ARRAY)["features"], ARRAY * 2)


def test_a_wrong_converter_of_the_caller_is_refused(tmp_path: Path) -> None:
    def wrong(scope: Scope, fitted: Any, table: Table) -> Table:
        (block,) = table.blocks
        return Table((type(block)(scope.op("Neg", block.value), "float64", block.features),))

    with pytest.raises(ProofError, match=r"expected .* of the function, got .* of the graph"):
        export_pipeline(
            Doubler().fit(ARRAY), ARRAY, repository=tmp_path, name="m", converters={Doubler: wrong}
        )


def calendar(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"hour": X["zoned"].dt.hour, "gap": (X["end"] - X["begin"]).dt.days})


def ratio(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"ratio": X["debt"].fillna(0) / X["income"]})


def initials(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"initial": X["name"].str.strip().str[0].str.upper().fillna("?")})


def test_times_text_and_numbers_go_from_the_frame_to_the_answer(tmp_path: Path) -> None:
    data = frame()
    data["end"] = data["end"].fillna(pd.Timestamp("2020-01-01"))
    y = (data["age"] > 50).astype(int)
    preparation = ColumnTransformer(
        [
            ("time", make_pipeline(FunctionTransformer(calendar), StandardScaler()),
             ["zoned", "begin", "end"]),
            ("ratio", FunctionTransformer(ratio), ["debt", "income"]),
            ("word", make_pipeline(FunctionTransformer(initials),
                                   OneHotEncoder(handle_unknown="ignore")), ["name"]),
        ]
    )  # fmt: skip
    model = make_pipeline(preparation, DecisionTreeClassifier(max_depth=3, random_state=0)).fit(
        data, y
    )
    artifact = export_pipeline(model, data, y, repository=tmp_path, name="m")
    columns = {c.name: (c.dtype, c.moment, c.null) for c in artifact.contract.signature.columns}
    assert columns["zoned"] == ("int64", "datetime64[us, America/New_York]", "nat")
    want = model.predict(data)
    with open_session(str(artifact.path)) as session:
        assert np.array_equal(session.run(data[list(columns)])["label"], want)
        columns_of_rows = {name: data[name].to_numpy() for name in columns if name != "zoned"}
        epoch = data["zoned"].dt.tz_convert(None).to_numpy().astype(np.int64)
        answer = session.run({**columns_of_rows, "zoned": epoch})
        assert np.array_equal(answer["label"], want)


def test_a_clock_east_of_utc_ends_before_the_calendar_does_and_is_refused_there(
    tmp_path: Path,
) -> None:
    """Python's dates end with the year 9999; pandas then says OverflowError."""

    def hour(X: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"hour": X["at"].dt.tz_convert("Europe/Berlin").dt.hour.astype(float)})

    starts = pd.date_range("2024-01-01", periods=60, freq="7h", tz="UTC", unit="us")
    data = pd.DataFrame({"at": starts})
    step = FunctionTransformer(hour).fit(data)
    artifact = export_pipeline(step, data, repository=tmp_path, name="east")
    said = [entry["scikit-learn"] for entry in artifact.certificate["refusals"]]
    assert "OverflowError: date value out of range" in said
    with open_session(str(artifact.path)) as session:
        assert (session.run(data)["features"] == step.transform(data).to_numpy()).all()


def test_another_unit_is_converted_exactly_or_refused() -> None:
    times = np.array(["2024-01-01T00:00:00.000001", "NaT"], "datetime64[us]")
    assert epoch_of("t", times, "datetime64[ns]").tolist() == [1_704_067_200_000_001_000, -(2**63)]
    with pytest.raises(SignatureError) as caught:
        epoch_of("t", times, "datetime64[s]")
    assert str(caught.value) == (
        "field 't': expected times that datetime64[s] holds, got finer or later ones"
    )


def test_polars_frames_are_refused_by_name() -> None:
    with pytest.raises(ExportError) as caught:
        traced_step(lambda X: X, pl.DataFrame({"a": [1.0, 2.0]}))
    assert str(caught.value) == (
        "step step: expected a pandas frame or an array, got a polars frame, whose expressions are "
        "not traced; call X.to_pandas() before training"
    )


def test_steps_behind_others_are_traced_too(tmp_path: Path) -> None:
    y = ARRAY[:, 0] * 2
    model = make_pipeline(
        StandardScaler(), FunctionTransformer(lambda x: np.hstack([x, x**2])), Ridge()
    ).fit(ARRAY, y)
    artifact = export_pipeline(model, ARRAY, y, repository=tmp_path, name="m")
    with open_session(str(artifact.path)) as session:
        assert np.allclose(session.run(ARRAY)["prediction"], model.predict(ARRAY), rtol=1e-12)


@pytest.mark.parametrize("is_frame", [False, True])
def test_a_function_behind_validation_answers_and_refuses_as_scikit_learn_does(
    tmp_path: Path, *, is_frame: bool
) -> None:
    values = np.random.default_rng(0).normal(size=(30, 2))
    data: Any = pd.DataFrame(values, columns=["a", "b"]) if is_frame else values
    fitted = FunctionTransformer(np.square, validate=True).fit(data)
    artifact = export_pipeline(fitted, data, repository=tmp_path, name="model")
    assert artifact.path is not None
    with open_session(artifact.path) as session:
        assert np.array_equal(session.run(data)["features"], fitted.transform(data))
        for odd in (np.nan, np.inf):
            rows = data.copy()
            where: Any = rows.iloc if is_frame else rows
            where[1, 0] = odd
            with pytest.raises(ValueError, match="Input X contains"):
                fitted.transform(rows)
            with pytest.raises(RefusedRows, match="check_array refuses NaN and infinity"):
                session.run(rows)
