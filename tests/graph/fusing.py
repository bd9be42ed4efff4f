"""Pipelines whose graphs are fused, rows that go to extremes, and bits compared."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    PowerTransformer,
    StandardScaler,
)

from preproc.graph.view import View
from preproc.runtime.backends.onnxruntime_cpu import open_executor

WORDS, OTHERS = ("a", "b", "c", "d"), ("b", "a", "e")
ANY_WORD = (*WORDS, *OTHERS, "", "never seen")
EXTREMES = (np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, 1e-300, 1e300, -1e300, 1.7e308, -1.7e308)


def table(rows: int, numbers: int = 3) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({f"n{at}": draw.normal(at, 0.1 + at, rows) for at in range(numbers)})
    frame[draw.random(frame.shape) < 0.1] = np.nan
    return frame.assign(one=draw.choice(WORDS, rows), two=draw.choice(OTHERS, rows))


def fitted(model: Any, numbers: int = 3) -> tuple[Any, pd.DataFrame]:
    frame = table(300, numbers)
    columns = [f"n{at}" for at in range(numbers)]
    is_regressor = isinstance(model, Ridge)
    scale = make_pipeline(PowerTransformer(), PCA(2)) if is_regressor else StandardScaler()
    prepare = make_column_transformer(
        (make_pipeline(SimpleImputer(), scale), columns),
        (OneHotEncoder(handle_unknown="ignore"), ["one", "two"]),
        sparse_threshold=1.0,
    )
    score = frame["n1"].fillna(0) + 2 * (frame["one"] == "a") - (frame["two"] == "b")
    target = np.digitize(score, [0.5, 2.0]) if getattr(model, "max_depth", 0) == 4 else score > 1
    return make_pipeline(prepare, model).fit(frame, np.asarray(target, int)), frame


def dense(model: Any, numbers: int) -> tuple[Any, pd.DataFrame]:
    """Fit on numbers alone, which are multiplied as BLAS does."""
    frame = table(60, numbers).drop(columns=["one", "two"])
    target = frame["n1"].fillna(0) > 1
    return make_pipeline(SimpleImputer(), StandardScaler(), model).fit(frame, target), frame


MODELS: Mapping[str, Any] = {
    "logistic": LogisticRegression(),
    "boosting": GradientBoostingClassifier(n_estimators=60, max_depth=2),
    "binary forest": RandomForestClassifier(60, random_state=0),
    "forest": RandomForestClassifier(5, max_depth=4, random_state=0),
    "both": VotingClassifier(
        [("few", RandomForestClassifier(3, random_state=0)), ("line", LogisticRegression())],
        voting="soft",
    ),
    "powers": Ridge(),
}


def answers(model: onnx.ModelProto, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    with open_executor(model) as executor:
        return executor.execute(feeds)


def assert_same_bits(want: Mapping[str, NDArray[Any]], got: Mapping[str, NDArray[Any]]) -> None:
    assert list(want) == list(got)
    for name, expected in want.items():
        given_dtype, given_shape = got[name].dtype, got[name].shape
        assert (given_dtype, given_shape) == (expected.dtype, expected.shape)
        if expected.dtype.kind == "f":
            both_nan = np.isnan(expected) & np.isnan(got[name])
            same = (expected.view(np.int64) == got[name].view(np.int64)) | both_nan
            assert same.all(), name
        else:
            np.testing.assert_array_equal(got[name], expected)


def other_numbers(run: Callable[[View], None]) -> Callable[[View], None]:
    """Let a pass take numbers that are a thousandth larger."""

    def spoiled(view: View) -> None:
        before = set(view.constants)
        run(view)
        for name in set(view.constants) - before:
            view.constants[name] = view.constants[name] * np.array(1.001)

    return spoiled


def drawn() -> dict[str, NDArray[Any]]:
    draw = np.random.default_rng(1)
    numbers = draw.normal(size=(500, 3)) * 10.0 ** draw.integers(-8, 4, (500, 3))
    where = np.flatnonzero(draw.random(numbers.shape) < 0.1)
    numbers.flat[where] = draw.choice(EXTREMES, len(where))
    words = draw.choice(ANY_WORD, (500, 2)).astype(object)
    return {"packed_float64": numbers, "packed_string": words}


def drawn_long(width: int) -> dict[str, NDArray[Any]]:
    """Draw rows for `dense`; every third has a number that goes to extremes."""
    numbers = table(300, width).drop(columns=["one", "two"]).to_numpy(copy=True)
    draw = np.random.default_rng(2)
    numbers[::3][np.arange(100), draw.integers(0, width, 100)] = draw.choice(EXTREMES, 100)
    return {"packed_float64": numbers}
