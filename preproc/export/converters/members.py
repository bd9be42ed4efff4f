"""Members of ensembles: what the models inside a model answer, and how answers are joined."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.answers import Answer, class_names, poison_of
from preproc.export.scope import Scope
from preproc.export.table import Block, Decided, Feature, Table, joined, least_certain
from preproc.signature import TEXT

ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "predict": ("label", "prediction"),
    "predict_proba": ("probabilities",),
    "decision_function": ("scores",),
}
"""Method of a model → roles of the outputs that it can be."""

_ABOVE_ONE: Final = 1 + 1e-9
"""Bound of a probability that is a rounded sum."""

ROUNDINGS: Final = 2.0**-50
"""Four roundings, as a share of a number."""
_AGREEMENT: Final = 1e-6
"""Share of a row's largest magnitude up to which two answers agree."""

Answers = Mapping[str, Answer]


def answer_by(scope: Scope, answers: Answers, estimator: Any, method: str) -> Answer:
    """Choose what a method of a model answers.

    Raises
    ------
    ExportError
        When the converter of the model does not give it, or gives float32 whose last bits the C
        library decides: one of them is millions of roundings of what float64 makes of it.
    """
    for role in ROLES.get(method, ()):
        if role in answers:
            answer = answers[role]
            if answer.output.dtype == "float32" and answer.decided != "ieee" and role != "label":
                raise scope.error(
                    f"{type(estimator).__name__}.{method} answers in float32, and the C library "
                    "decides its last bits, so that nothing made of it has a bound; use a model "
                    "that answers in float64 here, such as HistGradientBoosting or LightGBM"
                )
            return answer
    raise scope.error(
        f"{type(estimator).__name__}.{method} is needed here and not exported; "
        f"exported are {sorted(answers)}"
    )


def asked(scope: Scope, name: str, estimator: Any, table: Table, method: str) -> Answer:
    """Convert a model inside this one for the answer of one method."""
    return answer_by(scope, scope.predict(name, estimator, table), estimator, method)


def first_method(scope: Scope, estimator: Any, methods: Sequence[str]) -> str:
    """Name the first method that the model has, as scikit-learn chooses."""
    for method in methods:
        if hasattr(estimator, method):
            return method
    raise scope.error(f"{type(estimator).__name__}: expected one of {list(methods)}, got none")


def as_array(scope: Scope, table: Table) -> Table:
    """Join numbers to one array, as validation with ``dtype=None`` does with a frame.

    Text stays as it is: scikit-learn would hold one array of objects.
    """
    if len(table.blocks) == 1 or any(block.dtype == TEXT for block in table.blocks):
        return table
    return Table((joined(scope, table),), table.is_sparse)


def as_column(scope: Scope, answer: Answer) -> str:
    """Give an answer two dimensions: (n,) becomes (n, 1)."""
    if answer.output.width is not None:
        return answer.value
    return scope.op("Unsqueeze", answer.value, np.array([1]))


def second_column(scope: Scope, answer: Answer) -> str:
    """Take the probability of the second class, (n, 1)."""
    if answer.output.width is None or answer.output.width < 2:  # noqa: PLR2004  # binary
        raise scope.error("expected the probabilities of two classes, got one; train on both")
    return scope.op("Gather", answer.value, np.array([1]), axis=1)


def as_block(scope: Scope, answer: Answer, name: str, table: Table) -> Block:
    """Make what a member answers the input of another model: float64 (n, width).

    Parameters
    ----------
    scope
        Where the nodes go.
    answer
        Of the member; a label must be a number.
    name
        Of the member, for its columns.
    table
        Input of the member.

    Returns
    -------
    Block
        Its columns; a score or a prediction may be anything.
    """
    output = answer.output
    if output.dtype == TEXT:
        raise scope.error(f"member {name!r} answers text, which no model takes; encode the labels")
    value = as_column(scope, answer)
    if output.dtype != "float64":
        value = scope.cast(value, "float64")
    names = [name] if output.width is None else [f"{name}{at}" for at in range(output.width)]
    is_label = output.role == "label"
    limit = np.inf
    if is_label:
        limit = 2.0**64
    elif output.role == "probabilities":
        limit = _ABOVE_ONE
    elif answer.scale:
        limit = answer.scale
    sources = tuple(dict.fromkeys(s for feature in table.features for s in feature.sources))
    features = tuple(Feature(one, sources, has_nan=not is_label, limit=limit) for one in names)
    return Block(value, "float64", features, answer.decided)


def running_sum(scope: Scope, values: Sequence[str], *, from_zero: bool = False) -> str:
    """Add values of one shape one after the other, from 0 where scikit-learn starts there.

    The zero matters for one thing: it turns -0 into 0.
    """
    first, *rest = values
    if from_zero:
        first = scope.op("Add", np.array(0.0), first)
    return reduce(lambda total, value: scope.op("Add", total, value), rest, first)


def certainty(answers: Sequence[Answer]) -> Decided:
    """Tell what decides something computed from all of these answers."""
    return least_certain(*(answer.decided for answer in answers))


def is_each(scope: Scope, label: Answer, classes: NDArray[Any]) -> str:
    """Compare labels with each class: boolean (n, classes)."""
    value = as_column(scope, label)
    if label.output.dtype == TEXT:
        return scope.op("Equal", value, classes.astype(object).reshape(1, -1))
    dtype = "float64" if label.output.dtype.startswith("float") else "int64"
    if label.output.dtype != dtype:
        value = scope.cast(value, dtype)
    return scope.op("Equal", value, classes.astype(dtype).reshape(1, -1))


def side_by_side(
    scope: Scope, answers: Sequence[Answer], classes: Sequence[NDArray[Any]] = ()
) -> Answer:
    """Put labels or predictions of one target each side by side: (n, targets)."""
    output = answers[0].output
    dtypes = {answer.output.dtype for answer in answers}
    if TEXT in dtypes and len(dtypes) > 1:
        raise scope.error(f"expected labels of one kind in all targets, got {sorted(dtypes)}")
    dtype = TEXT if TEXT in dtypes else np.result_type(*dtypes).name
    parts = [
        as_column(scope, one if one.output.dtype == dtype else _cast(scope, one, dtype))
        for one in answers
    ]
    taken = [name for known in classes for name in np.asarray(known).tolist()]
    poison = poison_of(dtype, taken) if output.role == "label" else None
    output = replace(output, dtype=dtype, width=len(parts), poison=poison, names=())
    return Answer(scope.op("Concat", *parts, axis=1), output, certainty(answers))


def in_order(scope: Scope, value: str, count: int, *, largest: int = 0) -> tuple[str, str]:
    """Sort the columns of each row and keep `count`: their positions and values, (n, count)."""
    at = scope.op("TopK", value, np.array([count]), place=1, axis=1, largest=largest, sorted=1)
    return at, scope.op("GatherElements", value, at, axis=1)


def doubt_ties(scope: Scope, value: str, decided: Decided, steady: str = "") -> None:
    """Mark rows whose two largest columns, (n, k), differ by less than roundings.

    Next to a probability of one half an input has to move by more than a rounding to move it, so
    moved inputs alone do not find these rows. `steady` is true, (n, 1), where no rounding of an
    input moves the columns: there a tie is a tie.
    """
    if decided == "ieee":
        return
    _, two = in_order(scope, value, 2, largest=1)
    first = scope.op("Gather", two, np.array([0]), axis=1)
    second = scope.op("Gather", two, np.array([1]), axis=1)
    doubt_equal(scope, first, second, decided, steady)


def doubt_equal(scope: Scope, one: str, other: str, decided: Decided, steady: str = "") -> None:
    """Mark rows in which rounding decides which of two numbers, (n, 1), is larger."""
    if decided == "ieee":
        return
    gap = scope.op("Abs", scope.op("Sub", one, other))
    size = scope.op("Max", scope.op("Abs", one), scope.op("Abs", other))
    near = scope.op("LessOrEqual", gap, scope.op("Mul", size, np.array(ROUNDINGS)))
    near = scope.op("And", near, scope.op("Not", steady)) if steady else near
    scope.doubt(near, "the last bits of two equal numbers decide")


def doubt_jumps(scope: Scope, name: str, model: Any, table: Table, answers: Answers) -> None:
    """Mark rows whose answers jump when the rounded features move by roundings.

    A feature that a model made, such as a probability next to 1, can be rounded more coarsely
    than any move of the inputs shows. So the model is converted on moved features too, beside the
    graph that serves.
    """
    if all(block.decided == "ieee" for block in table.blocks):
        return
    aside = replace(scope, steps=[])
    draw = np.random.default_rng(0)
    ways = [draw.choice([-1.0, 1.0], block.width) for block in table.blocks]
    with scope.graph.aside():
        apart = [
            _apart(aside, answers, aside.predict(name, model, _moved(aside, table, ways, sign)))
            for sign in (1.0, -1.0)
        ]
    for rows in apart:
        scope.doubt(rows, f"{type(model).__name__} jumps where the last bits of its input move")


def _moved(scope: Scope, table: Table, ways: Sequence[NDArray[np.float64]], sign: float) -> Table:
    blocks = []
    for block, way in zip(table.blocks, ways, strict=True):
        if block.decided == "ieee":
            blocks.append(block)
        else:
            factor = scope.row(1 + sign * way * ROUNDINGS)
            blocks.append(replace(block, value=scope.op("Mul", block.value, factor)))
    return replace(table, blocks=tuple(blocks))


def _apart(scope: Scope, answers: Answers, moved: Answers) -> str:
    """Mark rows, (n, 1), with another label, or with a number that moved more than a little."""
    marks = []
    for key, answer in answers.items():
        one, other = as_column(scope, answer), as_column(scope, moved[key])
        if answer.output.role == "label":
            marks.append(scope.op("Not", scope.op("Equal", one, other)))
        else:
            gap = scope.op("Abs", scope.op("Sub", one, other))
            axis = np.array([1])
            size = scope.op("ReduceMax", scope.op("Abs", one), axis, keepdims=1)
            marks.append(scope.op("Greater", gap, scope.op("Mul", size, np.array(_AGREEMENT))))
    numbers = scope.op("Concat", *(scope.cast(mark, "float64") for mark in marks), axis=1)
    worst = scope.op("ReduceMax", numbers, np.array([1]), keepdims=1)
    return scope.cast(worst, "bool")


def _cast(scope: Scope, answer: Answer, dtype: str) -> Answer:
    return replace(answer, value=scope.cast(answer.value, dtype))


def named(answer: Answer, classes: NDArray[Any]) -> tuple[str, ...]:
    """Name the columns of a member's answer by the classes of the whole."""
    return class_names(classes) if answer.output.width is not None else ()
