"""The steps of a fitted pipeline that compute something, each with the rows that reach it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import joblib
import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer

from preproc.export.converters.compose import SEARCHES

METHODS: Final = ("transform", "predict")
"""What a step is asked."""
KNOWN: Final = frozenset(["catboost", "imblearn", "lightgbm", "preproc", "sklearn", "xgboost"])
"""Packages whose estimators answer row by row: what does not is refused by name at export."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step and what reaches it.

    Attributes
    ----------
    path
        Where it stands in the pipeline, empty for the whole of it.
    fitted
        The estimator.
    method
        What it is asked.
    data
        Rows as the step before gives them.
    """

    path: str
    fitted: Any
    method: str
    data: Any

    def ask(self, data: Any) -> Any:
        """Give the step's answer to other rows."""
        return getattr(self.fitted, self.method)(data)


def is_custom(step: Any) -> bool:
    """Whether a step runs code that is not of a library of estimators."""
    if isinstance(step, FunctionTransformer):
        return step.func is not None and not isinstance(step.func, np.ufunc)
    return type(step).__module__.partition(".")[0] not in KNOWN


def stages_of(pipeline: Any, data: Any) -> list[Stage]:
    """Run a pipeline on some rows and keep what reached each of its steps.

    Parameters
    ----------
    pipeline
        Fitted.
    data
        A few hundred rows of training's kind.

    Returns
    -------
    list of Stage
        In the order in which they ran; containers are not among them.
    """
    seen: dict[str, Stage] = {}
    watched = [
        (path, step, method)
        for path, step in leaves_of(pipeline)
        for method in METHODS
        if hasattr(step, method) and method not in vars(step)
    ]
    try:
        for path, step, method in watched:
            setattr(step, method, _watcher(path, step, method, seen))
        with joblib.parallel_config(backend="threading"):
            last = "predict" if hasattr(pipeline, "predict") else "transform"
            getattr(pipeline, last)(data)
    finally:
        for _, step, method in watched:
            vars(step).pop(method, None)
    return list(seen.values())


def leaves_of(fitted: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Walk through pipelines, column transformers, unions and searches."""
    parts: list[tuple[str, Any]]
    if isinstance(fitted, Pipeline):
        parts = list(fitted.steps)
    elif isinstance(fitted, ColumnTransformer):
        parts = [(name, step) for name, step, _ in fitted.transformers_]
    elif isinstance(fitted, FeatureUnion):
        parts = list(fitted.transformer_list)
    elif isinstance(fitted, SEARCHES):
        parts = [("best_estimator_", fitted.best_estimator_)]
    else:
        yield path, fitted
        return
    for name, step in parts:
        if step is not None and not isinstance(step, str):
            yield from leaves_of(step, f"{path}/{name}" if path else name)


def _watcher(path: str, step: Any, method: str, seen: dict[str, Stage]) -> Callable[..., Any]:
    ask = getattr(step, method)

    def watched(data: Any, *args: Any, **kwargs: Any) -> Any:
        kept = data.copy() if hasattr(data, "copy") else data
        seen.setdefault(path, Stage(path, step, method, kept))
        return ask(data, *args, **kwargs)

    return watched
