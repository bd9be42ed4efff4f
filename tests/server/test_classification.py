"""Scores → ``score:index:name``."""

import numpy as np
import pytest
from preproc_server.classification import classify
from preproc_server.errors import WireError


def test_names_stand_behind_the_index_and_equal_scores_keep_their_order() -> None:
    scores = np.array([[0.25, 0.5, 0.25], [0.1, 0.2, 0.7]])
    got = classify("p", scores, 2, ("no", "yes", "a:b"))
    assert got.tolist() == [["0.5:1:yes", "0.25:0:no"], ["0.7:2:a:b", "0.2:1:yes"]]


def test_more_classes_than_there_are_give_all() -> None:
    assert classify("p", np.array([[1, 3]]), 9, ()).tolist() == [["3:1", "1:0"]]


def test_the_poison_of_a_refused_row_is_empty_text() -> None:
    assert classify("p", np.array([[np.nan, np.nan]]), 1, ("a", "b")).tolist() == [[""]]


def test_texts_have_no_scores() -> None:
    with pytest.raises(WireError) as caught:
        classify("label", np.array(["a"], object), 1, ())
    assert str(caught.value) == (
        "output 'label': parameter 'classification': expected numbers, got values of dtype "
        "string; leave it out"
    )
