"""Problems of many classes taken apart into problems of two."""

from itertools import combinations
from typing import Any, Final

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.multiclass import (
    OneVsOneClassifier,
    OneVsRestClassifier,
    OutputCodeClassifier,
)

from preproc.export.answers import (
    Answer,
    class_names,
    label_answer,
    probabilities_answer,
    scores_answer,
)
from preproc.export.converters.choices import above, flat, largest, last_known_largest, marks_answer
from preproc.export.converters.members import (
    Answers,
    answer_by,
    as_array,
    as_column,
    certainty,
    doubt_equal,
    doubt_ties,
    in_order,
    is_each,
    running_sum,
    second_column,
)
from preproc.export.converters.products import product, squared_norms
from preproc.export.scope import Scope
from preproc.export.table import Decided, Table, least_certain
from preproc.export.versions import SKLEARN
from preproc.graph import ordered_sum

_TIE: Final = 2.0**-40
"""Share of two squared distances within which the order of a BLAS sum can decide between them."""


def one_vs_rest(scope: Scope, fitted: OneVsRestClassifier, table: Table) -> tuple[Answer, ...]:
    """Ask one model a class; the largest answer wins, or each decides about its own label."""
    models = fitted.estimators_
    answers = [scope.predict(f"estimators_{at}", one, table) for at, one in enumerate(models)]
    said = [_said(scope, one, model) for one, model in zip(answers, models, strict=True)]
    value = said[0][0]
    if len(said) > 1:
        value = scope.op("Concat", *(one for one, _ in said), axis=1)
    decided = least_certain(*(one for _, one in said))
    classes = np.asarray(fitted.classes_)
    kind = fitted.label_binarizer_.y_type_
    threshold = _threshold(models[0])
    if kind != "multiclass":
        doubt_equal(scope, value, scope.graph.constant(np.array(threshold)), decided)
    if kind == "multiclass":
        doubt_ties(scope, value, decided)
        index = _winner(scope, value, len(classes))
        label = label_answer(scope, index, classes, decided=decided)
    elif kind == "binary":
        index = flat(scope, above(scope, value, threshold))
        label = label_answer(scope, index, classes, decided=decided)
    else:
        label = marks_answer(scope, above(scope, value, threshold), classes, decided)
    given = [label]
    if all("probabilities" in one for one in answers) and hasattr(fitted, "predict_proba"):
        given.append(_shares(scope, fitted, answers))
    if all("scores" in one for one in answers) and hasattr(fitted, "decision_function"):
        scores = [as_column(scope, one["scores"]) for one in answers]
        value = flat(scope, scores[0]) if len(scores) == 1 else scope.op("Concat", *scores, axis=1)
        names = class_names(classes) if len(scores) > 1 else None
        certain = certainty([one["scores"] for one in answers])
        is_default = len(given) == 1
        given.append(scores_answer(value, certain, names=names, is_default=is_default))
    return tuple(given)


def one_vs_one(scope: Scope, fitted: OneVsOneClassifier, table: Table) -> tuple[Answer, ...]:
    """Count the votes of all pairs of classes; sums of scores below a third decide between ties."""
    if fitted.pairwise_indices_ is not None:
        raise scope.error(
            "OneVsOneClassifier on precomputed kernels is not exported; train on the features"
        )
    classes = np.asarray(fitted.classes_)
    table = as_array(scope, table)
    votes: list[list[str]] = [[] for _ in classes]
    sums: list[list[tuple[str, str]]] = [[] for _ in classes]
    decided: list[Decided] = []
    pairs = combinations(range(len(classes)), 2)
    for at, (model, (i, j)) in enumerate(zip(fitted.estimators_, pairs, strict=True)):
        answers = scope.predict(f"estimators_{at}", model, table)
        label = answer_by(scope, answers, model, "predict")
        marks = scope.cast(is_each(scope, label, np.arange(2)), "float64")
        score, certain = _said(scope, answers, model)
        for side, (one, sign) in enumerate(((i, "Sub"), (j, "Add"))):
            votes[one].append(scope.op("Gather", marks, np.array([side]), axis=1))
            sums[one].append((sign, score))
        decided += [certain, label.decided]
    columns = []
    for mine, signed in zip(votes, sums, strict=True):
        total = scope.graph.constant(np.array(0.0))
        for sign, score in signed:
            total = scope.op(sign, total, score)
        size = scope.op("Add", scope.op("Abs", total), np.array(1.0))
        share = scope.op("Div", total, scope.op("Mul", np.array(3.0), size))
        columns.append(scope.op("Add", running_sum(scope, mine), share))
    worst = least_certain(*decided)
    if len(classes) == 2:  # noqa: PLR2004  # binary
        index = flat(scope, above(scope, columns[1], _threshold(fitted.estimators_[0])))
        scores = scores_answer(flat(scope, columns[1]), worst, is_default=True)
    else:
        value = scope.op("Concat", *columns, axis=1)
        doubt_ties(scope, value, worst)
        index = largest(scope, value)
        scores = scores_answer(value, worst, names=class_names(classes), is_default=True)
    return label_answer(scope, index, classes, decided=worst), scores


def output_code(scope: Scope, fitted: OutputCodeClassifier, table: Table) -> tuple[Answer, ...]:
    """Choose the class whose code is nearest to what the models say, by squared distance.

    Next to a tie BLAS decides. Classes with one and the same code tie always; the first wins.
    """
    models = fitted.estimators_
    said = [
        _said(scope, scope.predict(f"estimators_{at}", one, table), one)
        for at, one in enumerate(models)
    ]
    codes = np.asarray(fitted.code_book_, np.float64)
    for at, (one, _) in enumerate(said):
        finite = scope.op("Less", scope.op("Abs", one), np.array(np.inf))
        text = "OutputCodeClassifier refuses a score that is NaN or infinity"
        scope.refuse(scope.op("Not", finite), [f"estimators_{at}"], text)
    value = scope.op("Concat", *(one for one, _ in said), axis=1) if len(said) > 1 else said[0][0]
    norms = (codes * codes).sum(axis=1).reshape(1, -1)
    crossed = scope.op("Mul", np.array(-2.0), product(scope, value, codes.T))
    own = squared_norms(scope, value, len(models))
    distances = scope.op("Add", scope.op("Add", crossed, norms), own)
    index = largest(scope, scope.op("Neg", distances))
    _doubt_ties(scope, distances, scope.op("Add", own, norms), codes)
    label = label_answer(scope, index, np.asarray(fitted.classes_), decided="blas")
    return (label,)


def _doubt_ties(scope: Scope, distances: str, sizes: str, codes: Any) -> None:
    """Mark rows in which another code than the nearest one is as near but for the last bits."""
    _, first = np.unique(codes, axis=0, return_index=True)
    if len(first) < 2:  # noqa: PLR2004  # no other code
        return
    distinct = scope.op("Gather", distances, np.sort(first), axis=1)
    _, nearest = in_order(scope, distinct, 2)
    gap = scope.op(
        "Sub",
        scope.op("Gather", nearest, np.array([1]), axis=1),
        scope.op("Gather", nearest, np.array([0]), axis=1),
    )
    size = scope.op("ReduceMax", sizes, np.array([1]), keepdims=1)
    near = scope.op("Less", gap, scope.op("Mul", size, np.array(_TIE)))
    scope.doubt(near, "two codes are equally near")


def _said(scope: Scope, answers: Answers, model: Any) -> tuple[str, Decided]:
    """Ask a model of two classes for one number, (n, 1): prediction, score or probability."""
    if is_regressor(model):
        answer = answer_by(scope, answers, model, "predict")
    elif hasattr(model, "decision_function"):
        answer = answer_by(scope, answers, model, "decision_function")
    else:
        answer = answer_by(scope, answers, model, "predict_proba")
        return second_column(scope, answer), answer.decided
    return as_column(scope, answer), answer.decided


def _threshold(model: Any) -> float:
    return 0.0 if hasattr(model, "decision_function") and is_classifier(model) else 0.5


def _winner(scope: Scope, value: str, width: int) -> str:
    """Find the largest column as scikit-learn's loop over the classes does.

    The loop keeps NaN once it met one. It goes from the last class to the first since 1.8, the
    first of equals wins, and only the classes behind the last NaN count; before, it was the other
    way round. Where no class counts, the first one stays.
    """
    if SKLEARN < (1, 8):
        turned = scope.op("Gather", value, np.arange(width)[::-1].copy(), axis=1)
        index = scope.op("Sub", np.array(width - 1), last_known_largest(scope, turned))
        is_nan = scope.op("IsNaN", scope.op("Gather", value, np.array(0), axis=1))
        return scope.op("Where", is_nan, np.array(0), index)
    return last_known_largest(scope, value)


def _shares(scope: Scope, fitted: Any, answers: list[Answers]) -> Answer:
    """Put the probabilities of all classes together; of one label a row they add up to 1."""
    found = [one["probabilities"] for one in answers]
    columns = [second_column(scope, one) for one in found]
    if len(columns) == 1:
        columns = [scope.op("Sub", np.array(1.0), columns[0]), columns[0]]
    value = scope.op("Concat", *columns, axis=1)
    if not fitted.multilabel_:
        total = ordered_sum(scope.graph, value, len(columns), scope=scope.path)
        is_none = scope.op("Equal", total, np.array(0.0))
        safe = scope.op("Where", is_none, np.array(1.0), total)
        value = scope.op("Div", value, safe)
    return probabilities_answer(value, np.asarray(fitted.classes_), certainty(found))
