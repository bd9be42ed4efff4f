"""scikit-learn is asked for several outputs at once, and says what it says to each question."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from preproc.export.columns import signature_of
from preproc.export.oracle import Oracle
from preproc.export.sampling import sample_rows

KEYS = ("label", "probabilities", "scores")
ROWS = 12


class Counting(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped base
    """Doubles its input in place, and counts how often."""

    def fit(self, X: Any, y: Any = None) -> "Counting":  # noqa: ARG002, N803  # scikit-learn's names
        self.calls_ = 0
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803  # scikit-learn's name
        self.calls_ += 1
        X *= 2  # noqa: N806  # scikit-learn's name
        return X


class Watched(Pipeline):  # type: ignore[misc]  # untyped base
    """Shifts what it is asked for, as no Pipeline of scikit-learn's does."""

    def predict_proba(self, X: Any, **params: Any) -> Any:  # noqa: N803  # scikit-learn's name
        return super().predict_proba(X + 1, **params)


def drawn() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    data = np.random.default_rng(0).normal(size=(200, 5))
    return data, (data[:, 0] + data[:, 1] > 0).astype(np.int64)


def own_scaler() -> Any:
    return make_pipeline(StandardScaler(copy=False), LogisticRegression())


PIPELINES: dict[str, Callable[[], Any]] = {
    "array": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "nested": lambda: make_pipeline("passthrough", StandardScaler(), own_scaler()),
    "in place": lambda: make_pipeline(Counting(), StandardScaler(copy=False), LogisticRegression()),
    "model in place": lambda: make_pipeline(
        StandardScaler(), GridSearchCV(own_scaler(), {"logisticregression__C": [1.0]}, cv=2)
    ),
    "frame": lambda: make_pipeline(
        StandardScaler().set_output(transform="pandas"), LogisticRegression()
    ),
    "model alone": LogisticRegression,
    "subclass": lambda: Watched([("scale", StandardScaler()), ("model", LogisticRegression())]),
}


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("as_given", [np.copy, pd.DataFrame], ids=["matrix", "columns"])
def test_outputs_of_many_batches_have_the_bits_of_each_question_alone(
    name: str, size: int, as_given: Callable[[Any], Any]
) -> None:
    data, target = drawn()
    given = as_given(data)
    if isinstance(given, pd.DataFrame):
        given.columns = [f"c{at}" for at in range(data.shape[1])]
    pipeline = PIPELINES[name]().fit(given.copy(), target)
    oracle = Oracle(pipeline, given, signature_of(pipeline, given))
    rows = sample_rows(given, ROWS, oracle.signature, 0)

    def batches() -> Any:
        # Of cells of their own: some of these steps change what they are given.
        return oracle.singles({name: values.copy() for name, values in rows.items()}, size)

    got = oracle.answers_to_each(batches, KEYS)
    for key in KEYS:
        want = [oracle.ask(batch, key) for batch in batches()]
        assert [one.tobytes() for one in got[key]] == [one.tobytes() for one in want]


def test_the_steps_before_the_model_are_asked_once_for_all_outputs() -> None:
    data, target = drawn()
    pipeline = make_pipeline(Counting(), LogisticRegression()).fit(data.copy(), target)
    oracle = Oracle(pipeline, data, signature_of(pipeline, data))
    pipeline[0].calls_ = 0
    oracle.answers_to_each(lambda: [data[:1].copy(), data[1:2].copy()], KEYS)
    assert pipeline[0].calls_ == 2


def test_one_call_answers_for_all_targets() -> None:
    data, target = drawn()
    model = MultiOutputClassifier(LogisticRegression())
    asked: list[int] = []

    def counted(x: NDArray[np.float64]) -> NDArray[np.float64]:
        asked.append(len(x))
        return x

    pipeline = make_pipeline(FunctionTransformer(counted), model).fit(
        data, np.c_[target, 1 - target]
    )
    oracle = Oracle(pipeline, data, signature_of(pipeline, data))
    (name,) = (column.name for column in oracle.signature.columns)
    asked.clear()
    got = oracle.answers({name: data}, ["label", "probabilities_0", "probabilities_1"])
    assert asked == [len(data), len(data)]
    want = pipeline.predict_proba(data)
    for at in (0, 1):
        assert got[f"probabilities_{at}"].tobytes() == want[at].tobytes()
