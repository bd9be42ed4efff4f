"""Label encoders: bare, on one column of labels."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.preprocessing import LabelBinarizer, LabelEncoder, MultiLabelBinarizer

from preproc import ExportError
from preproc.export import export_pipeline
from preproc.export.converters import convert_model, convert_transformer
from preproc.export.scope import Scope
from preproc.export.table import Block, Feature, Table
from preproc.graph import GraphBuilder
from preproc.runtime import open_session
from tests.matrix.test_encode_laws import hold_against_oracle


def _objects(*cells: object) -> NDArray[Any]:
    array = np.empty(len(cells), object)
    array[:] = cells
    return array


WORDS: Final = _objects("no", "yes", "no", "perhaps", "nan", "None", "")
LABELS: Final[dict[str, tuple[Any, Any]]] = {
    "text": (WORDS, _objects("yes", "perhaps", "", "nan", "never", "yes and no", None, np.nan)),
    "text of fixed width": (WORDS.astype(str), _objects("yes", "perhaps", "never", "perhaps not")),
    "list of text": (["b", "a", "c"], ["a", "c", "b"]),
    "series": (pd.Series(["b", "a", "c"]), pd.Series(["a", "d", "b"])),
    "two words": (_objects("yes", "no", "no"), _objects("no", "yes", "maybe", None)),
    "int64": (np.array([3, -1, 2**62]), np.array([2**62, 3, -1, 4, 2**62 + 1])),
    "int32": (np.array([3, -1, 7], np.int32), np.array([3, 4, -1, 7], np.int32)),
    "uint8": (np.array([3, 1, 255], np.uint8), np.array([3, 4, 255, 1], np.uint8)),
    "two numbers": (np.array([0, 1, 1]), np.array([1, 0, 2, -1])),
    "bool": (np.array([True, False]), np.array([False, True, True])),
    "float64": (
        np.array([0.0, 1.0, -3.0]),
        np.array([0.0, -0.0, 1.0, -3.0, 7.0, 0.5, np.nan, np.inf, -np.inf, 2.0**63, -(2.0**63)]),
    ),
    "float32": (np.array([0, 1, -3], np.float32), np.array([0, 1, 0.5, -3, 8], np.float32)),
}
ENCODERS: Final = {
    "LabelEncoder": LabelEncoder(),
    "LabelBinarizer": LabelBinarizer(),
    "LabelBinarizer(-2, 5)": LabelBinarizer(neg_label=-2, pos_label=5),
    "LabelBinarizer(-1, 0)": LabelBinarizer(neg_label=-1, pos_label=0),
    "LabelBinarizer(sparse)": LabelBinarizer(sparse_output=True, pos_label=3),
}


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")  # inside scikit-learn
@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_are_encoded_and_refused_as_scikit_learn_does(
    encoder: Any, labels: tuple[Any, Any]
) -> None:
    train, later = labels
    fitted = encoder.fit(train)
    hold_against_oracle(fitted, train, later)


@settings(max_examples=15)
@given(
    train=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=20, unique=True),
    neg=st.integers(-3, 0),
    width=st.integers(1, 3),
    is_sparse=st.booleans(),
)
def test_any_integers_are_encoded_as_scikit_learn_does(
    train: list[int],
    neg: int,
    width: int,
    is_sparse: bool,  # noqa: FBT001  # drawn by name
) -> None:
    labels = np.array(train)
    later = np.concatenate([labels, labels[:1] ^ 1])
    neg, pos = (0, width) if is_sparse else (neg, neg + width)
    binarizer = LabelBinarizer(neg_label=neg, pos_label=pos, sparse_output=is_sparse)
    hold_against_oracle(LabelEncoder().fit(labels), labels, later)
    hold_against_oracle(binarizer.fit(labels), labels, later)


@pytest.mark.parametrize("encoder", [LabelEncoder(), LabelBinarizer()], ids=["codes", "binary"])
def test_labels_export_with_proof(encoder: Any, tmp_path: Path) -> None:
    labels = np.array(["low", "high", "middle"] * 9, object)
    fitted = encoder.fit(labels)
    artifact = export_pipeline(fitted, labels, repository=tmp_path, name="labels")
    assert artifact.path is not None
    with open_session(artifact.path) as session:
        got = session.run(labels)["features"]
    assert np.array_equal(got, fitted.transform(labels))


@pytest.mark.parametrize(
    ("fitted", "message"),
    [
        (LabelBinarizer().fit([1, 1]), "LabelBinarizer with one class: scikit-learn's answer"),
        (
            LabelBinarizer().fit(np.array([[0, 1], [1, 0]])),
            "LabelBinarizer fitted on a multilabel indicator",
        ),
        (
            MultiLabelBinarizer().fit([{"a"}, {"b"}]),
            "MultiLabelBinarizer takes a sequence of labels a row",
        ),
    ],
    ids=["one class", "multilabel", "sets"],
)
def test_what_depends_on_other_rows_or_on_sets_is_refused(fitted: Any, message: str) -> None:
    scope = Scope(GraphBuilder(), "labels", convert_transformer, convert_model)
    feature = Feature("y", ("y",))
    with pytest.raises(ExportError, match=message):
        convert_transformer(scope, fitted, Table((Block("y", "int64", (feature,)),)))
