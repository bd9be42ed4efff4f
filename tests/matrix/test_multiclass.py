"""Problems taken apart: a model a class, a pair of classes, a bit or a target."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tests.matrix.asking import assert_equal_bits
from tests.matrix.drawn import tables
from tests.matrix.harness import Case, check

TREE: Final = DecisionTreeClassifier(max_depth=3, random_state=0)
BRANCH: Final = DecisionTreeRegressor(max_depth=3, random_state=0)
SCALED: Final = make_pipeline(StandardScaler(), LogisticRegression())
RIDGE: Final = make_pipeline(StandardScaler(), RidgeClassifier())
BOOST: Final = HistGradientBoostingClassifier(max_iter=4)
TREND: Final = HistGradientBoostingRegressor(max_iter=4)

CASES: Final = [
    Case("OneVsRestClassifier(trees)", OneVsRestClassifier(TREE), "numbers", target="three words"),
    Case("OneVsRestClassifier(two)", OneVsRestClassifier(TREE), "numbers", target="two words"),
    Case("OneVsRestClassifier(marks)", OneVsRestClassifier(TREE), "numbers", target="marks"),
    Case(
        "OneVsRestClassifier(linear)",
        OneVsRestClassifier(SCALED),
        "centred",
        "bounded",
        target="odd integers",
    ),
    Case(
        "OneVsRestClassifier(linear, two)",
        OneVsRestClassifier(SCALED),
        "centred",
        "bounded",
        target="flags",
    ),
    Case(
        "OneVsRestClassifier(linear, marks)",
        OneVsRestClassifier(RIDGE),
        "centred",
        "bounded",
        target="marks",
    ),
    Case("OneVsRestClassifier(boosting, NaN)", OneVsRestClassifier(BOOST), "holes", "bounded"),
    Case("OneVsRestClassifier(regressors)", OneVsRestClassifier(TREND), "holes", target="three"),
    Case(
        "OneVsRestClassifier(always so)",
        OneVsRestClassifier(TREE),
        "numbers",
        target="marks and always one",
    ),
    Case("OneVsOneClassifier(trees)", OneVsOneClassifier(TREE), "numbers", target="three words"),
    Case("OneVsOneClassifier(trees, two)", OneVsOneClassifier(TREE), "numbers", target="two"),
    Case(
        "OneVsOneClassifier(linear)",
        OneVsOneClassifier(RIDGE),
        "centred",
        "bounded",
        target="odd integers",
    ),
    Case(
        "OneVsOneClassifier(linear, two)",
        OneVsOneClassifier(SCALED),
        "numeric frame",
        "bounded",
        target="two words",
    ),
    Case("OneVsOneClassifier(boosting)", OneVsOneClassifier(BOOST), "holes", target="three"),
    Case(
        "OutputCodeClassifier(trees)",
        OutputCodeClassifier(TREE, code_size=3, random_state=0),
        "numbers",
        "bounded",
        target="three words",
    ),
    Case(
        "OutputCodeClassifier(linear)",
        OutputCodeClassifier(RIDGE, code_size=2, random_state=1),
        "centred",
        "bounded",
        target="odd integers",
    ),
    Case(
        "OutputCodeClassifier(equal codes)",
        OutputCodeClassifier(BOOST, code_size=0.4, random_state=0),
        "numbers",
        "bounded",
        target="three",
    ),
    Case(
        "MultiOutputClassifier(trees)",
        MultiOutputClassifier(TREE),
        "numbers",
        target="pairs of words",
    ),
    Case(
        "MultiOutputClassifier(linear)",
        MultiOutputClassifier(SCALED),
        "numeric frame",
        "bounded",
        target="pairs of classes",
    ),
    Case(
        "MultiOutputClassifier(no probabilities)",
        MultiOutputClassifier(RIDGE),
        "centred",
        "bounded",
        target="marks",
    ),
    Case("MultiOutputRegressor", MultiOutputRegressor(TREND), "holes", target="two amounts"),
    Case(
        "MultiOutputRegressor(linear)",
        MultiOutputRegressor(Ridge()),
        "centred",
        "bounded",
        target="two amounts",
    ),
    Case("ClassifierChain", ClassifierChain(TREE), "numbers", target="marks"),
    Case(
        "ClassifierChain(order, predict_proba)",
        ClassifierChain(TREE, order=[2, 0, 1], chain_method="predict_proba"),
        "numeric frame",
        target="marks",
    ),
    Case(
        "ClassifierChain(linear, cv)",
        ClassifierChain(SCALED, order="random", random_state=0, cv=2, chain_method="predict_proba"),
        "centred",
        "bounded",
        target="marks",
    ),
    Case(
        "ClassifierChain(decision_function)",
        ClassifierChain(RIDGE, chain_method="decision_function"),
        "centred",
        "bounded",
        target="marks",
    ),
    Case(
        "ClassifierChain(many classes)",
        ClassifierChain(TREE, order=[1, 0]),
        "numbers",
        target="pairs of classes",
    ),
    Case(
        "ClassifierChain(predict_log_proba)",
        ClassifierChain(SCALED, chain_method="predict_log_proba"),
        "centred",
        "refused",
        "use chain_method='predict_proba'",
        target="marks",
    ),
    Case("RegressorChain", RegressorChain(BRANCH), "numbers", target="two amounts"),
    Case(
        "RegressorChain(order, linear)",
        RegressorChain(Ridge(), order=[1, 0]),
        "centred",
        "bounded",
        target="two amounts",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_problems_taken_apart(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


MODELS: Final = st.sampled_from([TREE, DecisionTreeClassifier(max_depth=1)])
CLASSIFIERS: Final = st.one_of(
    st.builds(OneVsRestClassifier, MODELS), st.builds(OneVsOneClassifier, MODELS)
)


@settings(max_examples=12)
@given(table=tables(), model=CLASSIFIERS, kinds=st.integers(2, 5))
def test_classes_taken_apart_equal_bit_for_bit(table: np.ndarray, model: Any, kinds: int) -> None:
    assert_equal_bits(model, table, np.arange(len(table)) % kinds)


@settings(max_examples=10)
@given(
    table=tables(),
    model=st.one_of(
        st.builds(MultiOutputClassifier, MODELS),
        st.builds(
            ClassifierChain,
            MODELS,
            order=st.permutations([0, 1, 2]),
            chain_method=st.sampled_from(["predict", "predict_proba"]),
        ),
    ),
)
def test_targets_taken_apart_equal_bit_for_bit(table: np.ndarray, model: Any) -> None:
    marks = np.arange(len(table))[:, None] // np.array([1, 2, 3]) % 2
    assert_equal_bits(model, table, marks)
