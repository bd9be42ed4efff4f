"""Models whose answers are the features of a last model."""

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.ensemble import StackingClassifier

from preproc.export.answers import Answer, label_answer, probabilities_answer, scores_answer
from preproc.export.converters.members import Answers, as_block, asked, doubt_jumps, named
from preproc.export.scope import Scope
from preproc.export.table import Block, Table


def stacking_classifier(
    scope: Scope, fitted: StackingClassifier, table: Table
) -> tuple[Answer, ...]:
    """Give what the final estimator answers, which learned codes, with the names of the classes."""
    if isinstance(fitted._label_encoder, list):  # noqa: SLF001  # no public way
        raise scope.error("StackingClassifier of several targets is not exported; train one each")
    found = _final(scope, fitted, table)
    classes = np.asarray(fitted.classes_)
    given = []
    for answer in found.values():
        if answer.output.role == "label":
            index = scope.cast(answer.value, "int64")
            given.append(label_answer(scope, index, classes, decided=answer.decided))
        elif answer.output.role == "probabilities":
            given.append(probabilities_answer(answer.value, classes, answer.decided))
        elif answer.output.role == "scores":
            # One-vs-one scores are no classes: names only where there are as many.
            is_each = answer.output.width in (None, len(classes))
            names = named(answer, classes) if is_each else answer.output.names
            given.append(
                scores_answer(
                    answer.value,
                    answer.decided,
                    names=names or None,
                    scale=answer.scale,
                    is_default=answer.is_default,
                )
            )
        elif answer.output.role == "prediction":
            raise scope.error("StackingClassifier with a regressor at its end is not exported")
    return tuple(given)


def stacking_regressor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give what the final estimator predicts."""
    return tuple(_final(scope, fitted, table).values())


def _final(scope: Scope, fitted: Any, table: Table) -> Answers:
    """Ask the final estimator, and mark where it jumps for the last bits of what it is told."""
    model, features = fitted.final_estimator_, stacked(scope, fitted, table)
    answers = scope.predict("final_estimator_", model, features)
    doubt_jumps(scope, "final_estimator_", model, features, answers)
    return answers


def stacked(scope: Scope, fitted: Any, table: Table) -> Table:
    """Put what the models answer side by side, and the input behind it where it passes through.

    Of two probabilities the first is left out: it is the complement of the second.
    """
    names = [name for name, model in fitted.estimators if not isinstance(model, str)]
    is_binary = len(getattr(fitted, "classes_", ())) == 2  # noqa: PLR2004  # binary
    blocks = []
    for name, model, method in zip(names, fitted.estimators_, fitted.stack_method_, strict=True):
        answer = asked(scope, name, model, table, method)
        block = as_block(scope, answer, name, table)
        if method == "predict_proba" and is_binary:
            block = _without_first(scope, block)
        blocks.append(block)
    if not fitted.passthrough:
        return Table(tuple(blocks))
    return Table((*blocks, *table.blocks), table.is_sparse)


def _without_first(scope: Scope, block: Block) -> Block:
    value = scope.op("Gather", block.value, np.arange(1, block.width), axis=1)
    return replace(block, value=value, features=block.features[1:])
