"""Several targets: a model each, side by side or in a chain."""

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier

from preproc.export.answers import Answer
from preproc.export.converters.members import (
    answer_by,
    as_block,
    as_column,
    asked,
    certainty,
    doubt_jumps,
    first_method,
    second_column,
    side_by_side,
)
from preproc.export.scope import Scope
from preproc.export.table import Block, Table, finite_numbers
from preproc.signature import Output


def multi_output_classifier(
    scope: Scope, fitted: MultiOutputClassifier, table: Table
) -> tuple[Answer, ...]:
    """Give the labels side by side, and the probabilities of each target."""
    models = fitted.estimators_
    answers = [scope.predict(f"estimators_{at}", one, table) for at, one in enumerate(models)]
    labels = [
        answer_by(scope, one, model, "predict") for one, model in zip(answers, models, strict=True)
    ]
    given = [side_by_side(scope, labels, [model.classes_ for model in models])]
    if all("probabilities" in one for one in answers) and hasattr(fitted, "predict_proba"):
        for at, one in enumerate(answers):
            answer = one["probabilities"]
            given.append(replace(answer, output=replace(answer.output, target=at)))
    return tuple(given)


def multi_output_regressor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give the predictions side by side."""
    found = [
        asked(scope, f"estimators_{at}", one, table, "predict")
        for at, one in enumerate(fitted.estimators_)
    ]
    return (side_by_side(scope, found),)


def classifier_chain(scope: Scope, fitted: ClassifierChain, table: Table) -> tuple[Answer, ...]:
    """Ask the models in the order of the chain, each with what those before it said.

    Everything is held as float64, labels too.
    """
    method = fitted.chain_method_
    if method == "predict_log_proba":
        raise scope.error(
            "ClassifierChain(chain_method='predict_log_proba') is not exported; "
            "use chain_method='predict_proba'"
        )
    links = _links(scope, fitted, table, method)
    given = [_targets(scope, fitted, links, "predict")]
    # Of more than two classes scikit-learn has labels alone: one number is no answer.
    is_binary = all(len(model.classes_) == 2 for model in fitted.estimators_)  # noqa: PLR2004  # binary
    for wanted in ("predict_proba", "decision_function") if is_binary else ():
        has_it = all(hasattr(model, wanted) for model in fitted.estimators_)
        key = "probabilities" if wanted == "predict_proba" else "scores"
        if has_it and all(key in answers for answers in links):
            is_default = wanted == "predict_proba" or len(given) == 1
            answer = _targets(scope, fitted, links, wanted)
            given.append(replace(answer, is_default=is_default))
    return tuple(given)


def regressor_chain(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Ask the models in the order of the chain, each with what those before it predicted."""
    return (_targets(scope, fitted, _links(scope, fitted, table, "predict"), "predict"),)


def _links(scope: Scope, fitted: Any, table: Table, method: str) -> list[Any]:
    """Convert the models one after the other; what each says becomes a feature of the next."""
    block = finite_numbers(scope, fitted, table)
    blocks: tuple[Block, ...] = (block,)
    links = []
    for at, model in enumerate(fitted.estimators_):
        features = Table(blocks, table.is_sparse)
        answers = scope.predict(f"estimators_{at}", model, features)
        if at:
            doubt_jumps(scope, f"estimators_{at}", model, features, answers)
        links.append(answers)
        answer = answer_by(scope, answers, model, first_method(scope, model, [method]))
        said = replace(answer, value=_one(scope, answer, model, method))
        said = replace(said, output=replace(said.output, width=1))
        blocks = (*blocks, as_block(scope, said, f"estimators_{at}", features))
    return links


def _one(scope: Scope, answer: Answer, model: Any, method: str) -> str:
    """Take one number, (n, 1), of what a model says."""
    if method == "predict_proba":
        if len(model.classes_) != 2:  # noqa: PLR2004  # binary
            raise scope.error("a chain of probabilities: expected two classes in each target")
        return second_column(scope, answer)
    return as_column(scope, answer)


def _targets(scope: Scope, fitted: Any, links: list[Any], method: str) -> Answer:
    """Put one answer of each model side by side, in the order of the targets."""
    models = fitted.estimators_
    found = [
        answer_by(scope, answers, model, method)
        for answers, model in zip(links, models, strict=True)
    ]
    columns = [
        _one(scope, answer, model, method) for answer, model in zip(found, models, strict=True)
    ]
    columns = [
        column if answer.output.dtype == "float64" else scope.cast(column, "float64")
        for column, answer in zip(columns, found, strict=True)
    ]
    order = np.argsort(np.asarray(fitted.order_))
    value = scope.op("Concat", *(columns[at] for at in order.tolist()), axis=1)
    role = found[0].output.role
    names = tuple(str(at) for at in range(len(models))) if method != "predict" else ()
    output = Output(role, role, "float64", len(models), None, names)
    return Answer(value, output, certainty(found))
