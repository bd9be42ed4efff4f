"""Label encoders: they take one column, the labels."""

from collections.abc import Mapping
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import LabelBinarizer, LabelEncoder, MultiLabelBinarizer

from preproc.export.converters.encode import Numbering, decided, free_number, numbered
from preproc.export.scope import Scope
from preproc.export.table import Block, Feature, Table
from preproc.signature import NULL_NAN, NULL_NONE, TEXT

_UNSEEN: Final = free_number([])
_PAIR: Final = 2
_TOO_BIG: Final = 2.0**63


def label_encoder(scope: Scope, fitted: LabelEncoder, table: Table) -> Table:
    """Give each label its position among the classes.

    Where training held text of fixed width, scikit-learn cuts longer labels to that width and
    reads None as the text 'None': a lossy cast, refused by the contract as any unseen label is.
    """
    _only_column(scope, table)
    classes = fitted.classes_
    value = numbered(scope, table, [classes], [Numbering(range(len(classes)), _UNSEEN)])
    is_cut = classes.dtype.kind == "U"
    text = "LabelEncoder refuses a label that it did not see"
    _refuse_unseen(scope, table, value, text, is_ours=is_cut)
    (feature,) = table.features
    limit = float(max(len(classes) - 1, 0))
    features = (Feature(f"{feature.name} code", feature.sources, limit=limit),)
    return Table((Block(value, "int64", features, decided(table)),), is_flat=True)


def label_binarizer(scope: Scope, fitted: LabelBinarizer, table: Table) -> Table:
    """Mark the class of each label among all classes, or the second one of two.

    An unseen label marks none. With two classes scikit-learn's own answer changes its shape with
    the number of different labels in the batch; an unseen label, which alone can bring a third,
    is answered as in a batch of at most two and marked as doubtful. With one class even seen
    labels change the shape.
    """
    _only_column(scope, table)
    classes = fitted.classes_
    if fitted.y_type_.startswith("multilabel"):
        raise scope.error(
            "LabelBinarizer fitted on a multilabel indicator: it gives its input back; leave it out"
        )
    if len(classes) < _PAIR:
        raise scope.error(
            "LabelBinarizer with one class: scikit-learn's answer depends on the other rows of the "
            "batch; train on at least two classes"
        )
    _refuse_no_label(scope, table)
    value = numbered(scope, table, [classes], [Numbering(range(len(classes)), _UNSEEN)])
    marked = np.arange(len(classes))
    if len(classes) == _PAIR:
        text = "LabelBinarizer of two classes answers an unseen label according to its batch"
        scope.doubt(scope.op("Equal", value, np.array(_UNSEEN)), text)
        marked = marked[1:]
    dtype = _binarized_dtype(fitted, table)
    signs = np.array([fitted.pos_label, fitted.neg_label]).astype(dtype)
    hot = scope.op("Equal", value, marked.reshape(1, -1))
    value = scope.op("Where", hot, signs[:1], signs[1:])
    (feature,) = table.features
    limit = float(np.abs(signs.astype(np.float64)).max())
    features = tuple(
        Feature(f"{feature.name} = {name}", feature.sources, limit=limit)
        for name in classes[marked].tolist()
    )
    block = Block(value, dtype, features, decided(table))
    return Table((block,), is_sparse=bool(fitted.sparse_output))


def multi_label_binarizer(scope: Scope, fitted: MultiLabelBinarizer, table: Table) -> NoReturn:
    """Refuse: each row is a set of any size, and a column holds one value a row."""
    del fitted, table
    raise scope.error(
        "MultiLabelBinarizer takes a sequence of labels a row, which no column can hold; "
        "give one boolean column a label"
    )


def _only_column(scope: Scope, table: Table) -> None:
    if len(table.features) != 1:
        raise scope.error(f"expected one column of labels, got {len(table.features)}")


def _refuse_unseen(scope: Scope, table: Table, value: str, text: str, *, is_ours: bool) -> None:
    broken = scope.op("Equal", value, np.array(_UNSEEN))
    columns = [feature.column for feature in table.features]
    scope.refuse(broken, columns, text, origin="contract" if is_ours else "oracle")


def _refuse_no_label(scope: Scope, table: Table) -> None:
    """Refuse what is no label to scikit-learn: nulls, and floats that no int64 equals."""
    (block,) = table.blocks
    columns = [feature.column for feature in block.features]
    if block.dtype == TEXT:
        is_none = scope.op("Equal", block.value, np.array(NULL_NONE, object))
        is_nan = scope.op("Equal", block.value, np.array(NULL_NAN, object))
        broken = scope.op("Or", is_none, is_nan)
        scope.refuse(broken, columns, "LabelBinarizer refuses None and NaN")
    elif block.dtype.startswith("float"):
        x = block.value if block.dtype == "float64" else scope.cast(block.value, "float64")
        whole = scope.op("Equal", scope.op("Floor", x), x)
        low = scope.op("GreaterOrEqual", x, np.array(-_TOO_BIG))
        high = scope.op("Less", x, np.array(_TOO_BIG))
        known = scope.op("And", whole, scope.op("And", low, high))
        text = "LabelBinarizer refuses floats that are no whole number of 64 bits"
        scope.refuse(scope.op("Not", known), columns, text)


def _binarized_dtype(fitted: LabelBinarizer, table: Table) -> str:
    """Ask scikit-learn for the dtype of its answer, which changed with its versions."""
    (block,) = table.blocks
    seen = fitted.classes_[:1].astype(object if block.dtype == TEXT else block.dtype)
    return str(fitted.transform(seen).dtype.name)


def label_edges(fitted: LabelEncoder | LabelBinarizer) -> Mapping[int, NDArray[np.float64]]:
    """Give the classes, where they are numbers: the answer jumps at each of them."""
    classes: NDArray[Any] = fitted.classes_
    return {0: classes.astype(np.float64)} if classes.dtype.kind in "iuf" else {}
