"""Perceptron networks: products, intercepts and activations, layer after layer."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from preproc.export.answers import Answer, prediction_answer, probabilities_answer
from preproc.export.converters.choices import (
    above,
    chosen_answer,
    flat,
    logistic_of,
    marks_answer,
    softmax_of,
)
from preproc.export.converters.linear import with_complement
from preproc.export.converters.products import at_least_zero, exponential_of, product
from preproc.export.converters.vector_product import vector_product
from preproc.export.scope import Scope
from preproc.export.table import Decided, Table, finite_numbers, least_certain
from preproc.graph import tanh

_ACTIVATIONS: Final[Mapping[str, Callable[[Scope, str, int], str]]] = {
    "exp": lambda scope, value, _: exponential_of(scope, value),
    "identity": lambda _, value, __: value,
    "logistic": lambda scope, value, _: logistic_of(scope, value),
    "relu": lambda scope, value, _: at_least_zero(scope, value),
    "softmax": softmax_of,
    "tanh": lambda scope, value, _: tanh(scope.graph, value, scope=scope.path),
}
"""scikit-learn's name → scope, value (n, width), width → value of the same shape."""


def network_classifier(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give label and probabilities.

    Two classes have one output, the probability of the second; more have a softmax; several
    labels a row have a probability each, and none depends on another.
    """
    value, width, decided = _forward(scope, fitted, table)
    classes = np.asarray(fitted.classes_)
    kind = fitted._label_binarizer.y_type_  # noqa: SLF001  # no public way
    if kind.startswith("multilabel") and width == len(classes):
        label = marks_answer(scope, above(scope, value, 0.5), classes, decided)
        return label, probabilities_answer(value, classes, decided)
    if len(classes) < 2 or width != (1 if len(classes) == 2 else len(classes)):  # noqa: PLR2004  # binary
        raise scope.error(
            f"MLPClassifier with {len(classes)} classes and {width} outputs: no label follows "
            "from its outputs; train it on two classes or more"
        )
    label = chosen_answer(scope, value, classes, decided, threshold=0.5)
    if width == 1:
        value = with_complement(scope, value)
    return label, probabilities_answer(value, classes, decided)


def network_regressor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give the prediction of one target or several."""
    value, width, decided = _forward(scope, fitted, table)
    if width == 1:
        return (prediction_answer(flat(scope, value), decided),)
    return (prediction_answer(value, decided, width=width),)


def _forward(scope: Scope, fitted: Any, table: Table) -> tuple[str, int, Decided]:
    """Compute the output layer, its width, and what decides its bits.

    The first product alone may be one of a sparse matrix; those behind it are dense.
    """
    block = finite_numbers(scope, fitted, table)
    value, width = block.value, block.width
    last = len(fitted.coefs_) - 1
    layers = zip(fitted.coefs_, fitted.intercepts_, strict=True)
    for at, (weights, intercept) in enumerate(layers):
        is_sparse = table.is_sparse and at == 0
        if weights.shape[1] == 1 and not is_sparse:
            value = vector_product(scope, value, weights[:, 0])
        else:
            value = product(scope, value, weights, is_sparse=is_sparse)
        value = scope.op("Add", value, scope.row(intercept))
        width = weights.shape[1]
        name = fitted.activation if at < last else fitted.out_activation_
        value = _ACTIVATIONS[name](scope, value, width)
    return value, width, least_certain(block.decided, "blas")
