"""Small models of every kind that is lowered, and their three parts on a CPU."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import numpy as np
import onnx
import pandas as pd
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

from preproc.export.conversion import Graph, convert
from preproc.graph import Halves, lower
from preproc.runtime.backends.onnxruntime_cpu import open_executor
from preproc.runtime.feeding import columns_of

NUMBERS: Final = ["age", "epoch", "tiny"]
TEXTS: Final = ["plan", "city"]
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Lowered:
    """A fitted model, its public graph, and that in halves."""

    fitted: Any
    graph: Graph
    halves: Halves


def people(rows: int, seed: int) -> pd.DataFrame:
    """Numbers with gaps, one of them far from zero, and text with words that training lacks."""
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": draw.normal(40, 12, rows),
            "epoch": 1.7e9 + draw.normal(size=rows) * 3600,
            "tiny": draw.normal(size=rows) * 1e-6,
            "plan": draw.choice(["free", "pro", "team", "edu"], rows),
            "city": draw.choice([f"city {at}" for at in range(30 + seed)], rows),
        }
    )
    for name in NUMBERS:
        frame.loc[draw.random(rows) < 0.1, name] = np.nan
    moments = pd.to_timedelta(draw.integers(0, 3 * 365 * 24 * 60, rows), unit="min")
    frame["at"] = pd.Timestamp("2021-01-01", tz="UTC") + moments
    return frame


def target(frame: pd.DataFrame, classes: int) -> NDArray[Any]:
    """Something to learn from both kinds of columns."""
    seen = frame.fillna({"age": 40.0, "epoch": 1.7e9})
    score = (seen["age"] - 40) / 12 + (seen["epoch"] - 1.7e9) / 3600 + (frame["plan"] == "pro")
    return np.digitize(score, np.linspace(-0.5, 0.8, classes - 1) if classes > 2 else [0.2])


def prepared(*, sparse: bool) -> Any:
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    codes = OneHotEncoder(handle_unknown="ignore", sparse_output=sparse)
    return make_column_transformer(
        (numbers, NUMBERS), (codes, TEXTS), sparse_threshold=float(sparse)
    )


def _binned() -> Any:
    bins = KBinsDiscretizer(6, encode="onehot-dense", quantile_method="averaged_inverted_cdf")
    return make_column_transformer((make_pipeline(SimpleImputer(), bins), NUMBERS))


def _coded() -> Any:
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    return make_column_transformer((codes, TEXTS), ("passthrough", NUMBERS))


def calendar(X: pd.DataFrame) -> pd.DataFrame:  # noqa: N803  # scikit-learn's name
    """Read a clock with summer time, and count days: whole numbers beyond float32 on the way."""
    local = X["at"].dt.tz_convert("America/New_York").dt
    turn = 2 * np.pi * local.hour / 24
    days = (X["at"] - pd.Timestamp("2020-02-29", tz="UTC")).dt.days
    return pd.DataFrame(
        {
            "east": np.sin(turn),
            "north": np.cos(turn),
            "minute": local.minute,
            "month": local.month,
            "weekday": local.day_of_week,
            "days": days,
            "late": X["at"] > pd.Timestamp("2022-06-01", tz="UTC"),
        }
    )


def _dated() -> Any:
    clock = make_pipeline(FunctionTransformer(calendar), StandardScaler())
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return make_column_transformer((clock, ["at"]), (numbers, NUMBERS))


MODELS: Final[Mapping[str, Callable[[], Any]]] = {
    "logistic": lambda: make_pipeline(prepared(sparse=True), LogisticRegression()),
    "dense logistic": lambda: make_pipeline(prepared(sparse=False), LogisticRegression()),
    "softmax": lambda: make_pipeline(prepared(sparse=True), LogisticRegression()),
    "words": lambda: make_pipeline(prepared(sparse=True), LogisticRegression()),
    "ridge": lambda: make_pipeline(prepared(sparse=False), Ridge()),
    "bins": lambda: make_pipeline(_binned(), LogisticRegression()),
    "network": lambda: make_pipeline(
        prepared(sparse=True), MLPClassifier((12, 6), max_iter=40, random_state=0)
    ),
    "boosting": lambda: make_pipeline(
        prepared(sparse=True), GradientBoostingClassifier(n_estimators=12, random_state=0)
    ),
    "forest": lambda: make_pipeline(
        prepared(sparse=True), RandomForestClassifier(12, random_state=0)
    ),
    "histograms": lambda: make_pipeline(
        prepared(sparse=False), HistGradientBoostingClassifier(max_iter=12, random_state=0)
    ),
    "categories": lambda: make_pipeline(
        _coded(),
        HistGradientBoostingClassifier(categorical_features=[0, 1], max_iter=12, random_state=0),
    ),
    "dates": lambda: make_pipeline(_dated(), LogisticRegression()),
    "dated forest": lambda: make_pipeline(_dated(), RandomForestClassifier(12, random_state=0)),
    "clusters": lambda: make_pipeline(prepared(sparse=False), KMeans(3, n_init=1, random_state=0)),
}
CLASSES: Final = {"softmax": 3, "forest": 3, "categories": 3}


@cache
def lowered(name: str, dtype: Literal["float32", "float64"] = "float32") -> Lowered:
    frame = people(400, 0)
    answers = target(frame, CLASSES.get(name, 2))
    if name == "words":
        answers = np.array(["no", "yes"])[answers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = MODELS[name]().fit(frame, answers)
    graph = convert(fitted, frame)
    return Lowered(fitted, graph, lower(graph.model, dtype=dtype))


def fed(graph: Graph, frame: pd.DataFrame) -> Arrays:
    columns = columns_of(frame, graph.signature)
    return {c.name: columns[c.name].reshape(-1, c.width) for c in graph.signature.columns}


def run(halves: Halves, feeds: Arrays, *inner: str) -> Arrays:
    """Run the three parts; give all that passed between them, and inner values of the device."""
    pool = dict(feeds)
    for model in (halves.host, with_outputs(halves.device, inner), halves.tail):
        taken = {item.name: pool[item.name] for item in model.graph.input}
        pool |= open_executor(model).execute(taken)
    return pool


def with_outputs(model: onnx.ModelProto, names: tuple[str, ...]) -> onnx.ModelProto:
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    known = {item.name for item in model.graph.output}
    shown.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    return shown


def exact(graph: Graph, feeds: Arrays) -> Arrays:
    return open_executor(graph.model).execute(feeds)
