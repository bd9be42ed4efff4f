"""Conversion: a fitted pipeline becomes its public graph, step by step."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import onnx
from sklearn.pipeline import Pipeline

from preproc.errors import ExportError
from preproc.export.answers import Answer, choose_answers, feature_answer
from preproc.export.columns import root_table, signature_of
from preproc.export.converters import (
    MODELS,
    TRANSFORMERS,
    convert_model,
    convert_transformer,
)
from preproc.export.converters.compose import SEARCHES, step_of
from preproc.export.converters.lookup import TransformerConverter
from preproc.export.oracle import Oracle
from preproc.export.sampling import sample_rows
from preproc.export.scope import Ground, Scope, Step
from preproc.export.table import Table
from preproc.graph import Doubt, GraphBuilder, pruned, unused_inputs
from preproc.signature import Output, Signature

SEED: Final = 0
GROUND_ROWS: Final = 128
"""Real rows on which steps of the user's own are proved while they are converted."""


@dataclass(frozen=True, slots=True)
class Graph:
    """A converted pipeline.

    Attributes
    ----------
    model
        The public graph.
    whole
        The same with all that was computed on the way, doubts among it.
    signature
        Columns, outputs and rules.
    outputs
        Each answer and how it is named.
    answers
        All that could be outputs.
    steps
        What was converted, in the order in which it finished.
    doubts
        Where scikit-learn's own answer is a matter of chance.
    unused
        Columns on which no answer depends, and no refusal of scikit-learn.
    """

    model: onnx.ModelProto
    whole: onnx.ModelProto
    signature: Signature
    outputs: tuple[tuple[Answer, Output], ...]
    answers: tuple[Answer, ...]
    steps: tuple[Step, ...]
    doubts: tuple[Doubt, ...]
    unused: tuple[str, ...]


def convert(
    pipeline: Any,
    X: Any,  # noqa: N803  # scikit-learn's name
    outputs: Sequence[str] | Mapping[str, str] | None = None,
    converters: Mapping[type, TransformerConverter] | None = None,
    tabulate: Sequence[str] = (),
) -> Graph:
    """Convert a fitted pipeline to its public graph, without proving it.

    Steps of the user's own alone are proved, each by itself.

    Raises
    ------
    ExportError
        When a step cannot be exported exactly.
    """
    signature = signature_of(pipeline, X)
    builder = GraphBuilder()
    rows = sample_rows(X, GROUND_ROWS, signature, SEED)
    ground = Ground(builder, rows, Oracle(pipeline, X, signature), converters or {}, tabulate)
    scope = Scope(builder, "", convert_transformer, convert_model, ground=ground)
    answers = answers_of(scope, pipeline, root_table(scope, X, signature))
    _check_tabulated(scope.steps, tabulate)
    chosen = choose_answers(answers, outputs, [column.name for column in signature.columns])
    try:
        whole = builder.finish([(answer.value, output) for answer, output in chosen])
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise _misfit(str(error)) from error
    named = tuple(output for _, output in chosen)
    return Graph(
        pruned(whole),
        whole,
        replace(signature, outputs=named, rules=builder.rules),
        tuple(chosen),
        answers,
        tuple(scope.steps),
        builder.doubts,
        unused_inputs(whole, [*builder.oracle_rules, *(answer.value for answer, _ in chosen)]),
    )


def _misfit(text: str) -> ExportError:
    """Name the step at whose node a graph falls apart."""
    found = re.search(r"node name: (?:/(.*))?/\w+\)", text, re.DOTALL)
    return ExportError(
        (found and found[1]) or "",
        "expected values whose dtypes go together, got others; a model inside another one that "
        "answers in float32, as XGBoost's do, is mostly the reason; use one of float64",
    )


def answers_of(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Convert what stands last: its predictions, its features, or both where it gives both.

    Of an estimator that both predicts and transforms, one way may be out of reach; the other is
    exported all the same.
    """
    if isinstance(fitted, Pipeline):
        *front, (name, last) = fitted.steps
        for at, step in front:
            table = step_of(scope, at, step, table)
        if not hasattr(last, "fit"):
            return (feature_answer(scope.child(name), step_of(scope, name, last, table)),)
        return answers_of(scope.child(name), last, table)
    if isinstance(fitted, SEARCHES):
        return answers_of(scope.child("best_estimator_"), fitted.best_estimator_, table)
    ways = [
        way
        for way, known in ((convert_model, MODELS), (_features_of, TRANSFORMERS))
        if type(fitted) in known
    ]
    if len(ways) > 1:
        ways = [way for way in ways if _is_possible(way, scope, fitted, table)] or ways
    if not ways:
        ways = [convert_model if hasattr(fitted, "predict") else _features_of]
    return tuple(answer for way in ways for answer in way(scope, fitted, table))


def _features_of(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    return (feature_answer(scope, convert_transformer(scope, fitted, table)),)


def _is_possible(
    way: Callable[[Scope, Any, Table], Any], scope: Scope, fitted: Any, table: Table
) -> bool:
    """Try a conversion in a graph that is thrown away."""
    try:
        way(replace(scope, graph=GraphBuilder(), steps=[]), fitted, table)
    except ExportError:
        return False
    return True


def _check_tabulated(steps: Sequence[Step], paths: Sequence[str]) -> None:
    """Refuse declarations that meant no step."""
    known = [step.path for step in steps]
    for path in paths:
        if path not in known:
            raise ExportError("", f"tabulate {path!r}: expected the path of a step, one of {known}")
