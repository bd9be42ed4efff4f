"""What a model's converter gives back: values, what they mean and what decides their bits."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.errors import ExportError
from preproc.export.scope import Scope
from preproc.export.table import Decided, Table, joined
from preproc.signature import ROW_ERROR, TEXT, Output

REFUSED_TEXT: Final = "\0refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """One possible output.

    Attributes
    ----------
    value
        Graph value of shape (n,) or (n, width).
    output
        Its description.
    decided
        What decides its bits.
    scale
        Upper bound of the sum of the magnitudes of all summands, 0 where nothing is summed.
    is_default
        Whether it is an output unless the caller chooses.
    exact
        Positions of the columns that IEEE arithmetic decides, where others are not.
    summed
        Graph value (n, any): sums of the magnitudes of all summands of each row, where these have
        no bound of their own; `scale` is then their largest sum over real rows.
    """

    value: str
    output: Output
    decided: Decided = "ieee"
    scale: float = 0.0
    is_default: bool = True
    exact: tuple[int, ...] = ()
    summed: str = ""


def label_answer(
    scope: Scope,
    index: str,
    classes: NDArray[Any],
    *,
    decided: Decided = "ieee",
) -> Answer:
    """Turn class indices, int64 (n,), into labels.

    The poison is -1, NaN or the empty text, or else a value that is no class. `decided` is what
    decides the comparison that chose the index.
    """
    if classes.dtype.kind in "OU":
        if any(not isinstance(name, str) for name in classes):
            raise scope.error(f"expected labels of one kind, got {classes.tolist()}")
        dtype = TEXT
    elif classes.dtype.kind in "iu" or classes.dtype == np.float64:
        dtype = classes.dtype.name
    elif classes.dtype.kind == "b":
        # A refused row needs a third value: booleans are given as 0 and 1, refused ones as -1.
        dtype, classes = "int64", classes.astype(np.int64)
    else:
        raise scope.error(
            f"expected integer, float64, boolean or text labels, got {classes.dtype}; "
            "train on y.astype('int64')"
        )
    value = scope.op("Gather", classes.astype(object) if dtype == TEXT else classes, index)
    poison = poison_of(dtype, classes.tolist())
    output = Output("label", "label", dtype, None, poison, class_names(classes))
    return Answer(value, output, decided)


def labels_answer(
    scope: Scope,
    indices: Sequence[str],
    classes: Sequence[NDArray[Any]],
    *,
    decided: Decided = "ieee",
) -> Answer:
    """Turn class indices of several targets, int64 (n,) each, into labels (n, targets)."""
    parts = [
        label_answer(scope, index, known) for index, known in zip(indices, classes, strict=True)
    ]
    columns = [scope.op("Unsqueeze", part.value, np.array([1])) for part in parts]
    dtypes = {part.output.dtype for part in parts}
    if len(dtypes) > 1:
        raise scope.error(f"expected labels of one dtype in all targets, got {sorted(dtypes)}")
    taken = [name for known in classes for name in known.tolist()]
    poison = poison_of(dtypes.pop(), taken)
    output = replace(parts[0].output, width=len(parts), poison=poison, names=())
    return Answer(scope.op("Concat", *columns, axis=1), output, decided)


def probabilities_answer(
    value: str,
    classes: NDArray[Any],
    decided: Decided,
    *,
    target: int | None = None,
    dtype: str = "float64",
) -> Answer:
    """Describe probabilities, float64 (n, classes) or another dtype."""
    names = class_names(classes)
    output = Output("probabilities", "probabilities", dtype, len(classes), None, names, target)
    return Answer(value, output, decided)


def scores_answer(
    value: str,
    decided: Decided,
    *,
    names: Sequence[str] | None = None,
    scale: float = 0.0,
    is_default: bool = False,
) -> Answer:
    """Describe a decision function, float64 (n,), or (n, k) with k names."""
    width = None if names is None else len(names)
    output = Output("scores", "scores", "float64", width, None, tuple(names or ()))
    return Answer(value, output, decided, scale, is_default)


def prediction_answer(
    value: str,
    decided: Decided,
    *,
    width: int | None = None,
    scale: float = 0.0,
    dtype: str = "float64",
) -> Answer:
    """Describe the prediction of a regressor, float64 (n,), or (n, width) of several targets."""
    output = Output("prediction", "prediction", dtype, width, None)
    return Answer(value, output, decided, scale)


def class_names(classes: NDArray[Any]) -> tuple[str, ...]:
    """Classes as text, in the order of the model."""
    return tuple(str(name) for name in classes.tolist())


def feature_answer(scope: Scope, table: Table) -> Answer:
    """Make the output of a pipeline that ends in a transformer: (n, features), or flat (n,).

    Its dtype is the one to which numpy joins the parts; text and numbers do not join.
    """
    block = joined(scope, table)
    if block.dtype == "uint64":
        raise scope.error(
            "output 'features': expected a dtype in which graphs can mark refused rows, got "
            "uint64; let the last step give int64 or float64"
        )
    poison = poison_of(block.dtype, taken=(-1,))
    if block.dtype == "bool":
        # A refused row needs a third value: booleans are given as 0 and 1, refused ones as -1.
        block = replace(block, value=scope.cast(block.value, "int64"), dtype="int64")
        poison = -1
    names = tuple(feature.name for feature in block.features)
    value, width = block.value, None if table.is_flat else block.width
    if table.is_flat:
        value = scope.op("Squeeze", value, np.array([1]))
    output = Output("features", "features", block.dtype, width, poison, names)
    decided = [part.decided for part in table.blocks for _ in part.features]
    exact = tuple(at for at, by in enumerate(decided) if by == "ieee" != block.decided)
    summed = table.summed if block.decided != "ieee" else ""
    return Answer(value, output, block.decided, exact=exact, summed=summed)


def as_output(output: Output, answer: NDArray[Any]) -> NDArray[Any]:
    """Give scikit-learn's answer the dtype of the output; booleans travel as int64.

    Some transformers give one row as a flat array; it travels as a matrix. Some classes give one
    value a row as a matrix of one column; it travels flat.
    """
    if output.width is not None and answer.ndim == 1:
        answer = answer.reshape(-1, output.width)
    if output.width is None and answer.ndim == 2:  # noqa: PLR2004  # a matrix
        answer = answer.reshape(len(answer))
    if answer.dtype == np.bool_ and output.dtype == "int64":
        return answer.astype(np.int64)
    want = object if output.dtype == TEXT else np.dtype(output.dtype)
    if answer.dtype.kind == "O" and output.dtype != TEXT:
        raise ExportError(
            "",
            f"output {output.name!r}: expected dtype {want} of scikit-learn, got a frame of "
            "several dtypes; cast its columns to one, or leave set_output out of the last step",
        )
    if answer.dtype != want:
        raise ExportError(
            "", f"output {output.name!r}: expected dtype {want} of scikit-learn, got {answer.dtype}"
        )
    return answer


def poison_of(dtype: str, taken: Collection[object]) -> int | str | None:
    """Choose what stands for a refused row: NaN (None), -1 or empty text, or else no answer.

    `taken` holds answers that the poison must not be: the classes of a label, and -1 for features,
    which encoders give on purpose.
    """
    if dtype == TEXT:
        return REFUSED_TEXT if "" in taken else ""
    if dtype.startswith("float"):
        return None
    if dtype.startswith("int"):
        return int(np.iinfo(dtype).min) if -1 in taken else -1
    return int(np.iinfo(dtype).max) if dtype.startswith("uint") else 0


def choose_answers(
    answers: Sequence[Answer],
    wanted: Sequence[str] | Mapping[str, str] | None,
    columns: Sequence[str],
) -> list[tuple[Answer, Output]]:
    """Choose and name the outputs.

    Parameters
    ----------
    answers
        What the model can give.
    wanted
        Keys of outputs in order, or key → name on the graph; None for the defaults. A key is a
        role, and the number of the target behind it where each target has an output of its own.
    columns
        Names of the inputs, which no output may have.

    Returns
    -------
    list
        Pairs of an answer and its output as named.

    Raises
    ------
    ExportError
        For a key that the model does not give, and for a name in use.
    """
    known = {answer.output.key: answer for answer in answers}
    if wanted is None:
        wanted = [answer.output.key for answer in answers if answer.is_default]
    names = dict(wanted) if isinstance(wanted, Mapping) else {key: key for key in wanted}
    taken = {*columns, ROW_ERROR}
    chosen = []
    for key, name in names.items():
        answer = known.get(key)
        if answer is None:
            raise ExportError("", f"output {key!r}: expected one of {sorted(known)}")
        if name in taken:
            raise ExportError(
                "", f"output {name!r}: expected a free name, got one in use; rename by outputs="
            )
        taken.add(name)
        chosen.append((answer, replace(answer.output, name=name)))
    if not chosen:
        raise ExportError("", f"outputs: expected at least one of {sorted(known)}, got none")
    return chosen
