"""Ensembles of any models: votes, stacks, bags and boosts."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.ensemble import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tests.matrix.asking import assert_equal_bits
from tests.matrix.drawn import tables
from tests.matrix.harness import Case, check


def tree(depth: int = 3) -> Any:
    return DecisionTreeClassifier(max_depth=depth, random_state=depth)


def branch(depth: int = 3) -> Any:
    return DecisionTreeRegressor(max_depth=depth, random_state=depth)


SCALED: Final = make_pipeline(StandardScaler(), LogisticRegression())
RIDGE: Final = make_pipeline(StandardScaler(), RidgeClassifier())
TREES: Final = [("a", tree(2)), ("b", tree(3)), ("c", tree(5))]
MIXED: Final = [("lr", SCALED), ("tree", tree()), ("ridge", RIDGE)]
BRANCHES: Final = [("a", branch(2)), ("b", branch(3)), ("c", branch(5))]
MANY: Final = [(f"tree{depth}", branch(depth)) for depth in range(1, 11)]

CASES: Final = [
    Case("VotingClassifier(hard)", VotingClassifier(TREES), "numbers", target="three"),
    Case("VotingClassifier(hard), even", VotingClassifier(TREES[:2]), "numbers", target="three"),
    Case(
        "VotingClassifier(hard, weights)",
        VotingClassifier(TREES, weights=[0.1, 0.2, 0.3]),
        "numbers",
        target="three words",
    ),
    Case(
        "VotingClassifier(hard, drop, integer weights)",
        VotingClassifier([*TREES, ("d", "drop")], weights=[1, 2, 3, 4]),
        "numbers",
        target="odd integers",
    ),
    Case(
        "VotingClassifier(hard, models of all kinds)",
        VotingClassifier(MIXED),
        "centred",
        "bounded",
        target="two words",
    ),
    Case(
        "VotingClassifier(hard, negative weights)",
        VotingClassifier(TREES, weights=[1, -1, 1]),
        "numbers",
        "refused",
        "use weights of at least 0",
    ),
    Case("VotingClassifier(soft)", VotingClassifier(TREES, voting="soft"), "numbers"),
    Case(
        "VotingClassifier(soft, weights)",
        VotingClassifier(TREES, voting="soft", weights=[1, 2.5, 0.1], flatten_transform=False),
        "numeric frame",
        target="flags",
    ),
    Case(
        "VotingClassifier(soft, models of all kinds)",
        VotingClassifier(MIXED[:2], voting="soft"),
        "centred",
        "bounded",
        target="three words",
    ),
    Case("VotingRegressor", VotingRegressor(BRANCHES), "numbers", target="amounts"),
    Case("VotingRegressor(ten)", VotingRegressor(MANY), "numbers", target="amounts"),
    Case(
        "VotingRegressor(ten, weights)",
        VotingRegressor(MANY, weights=np.linspace(0.1, 3.7, 10)),
        "numbers",
        target="amounts",
    ),
    Case(
        "VotingRegressor(drop, linear)",
        VotingRegressor([("a", Ridge()), ("b", "drop"), ("c", branch())], weights=[1, 2, 3]),
        "centred",
        "bounded",
        target="amounts",
    ),
    Case(
        "StackingClassifier",
        StackingClassifier(TREES, final_estimator=tree(4), cv=2),
        "numbers",
        target="three words",
    ),
    Case(
        "StackingClassifier(two classes)",
        StackingClassifier(MIXED, cv=2),
        "centred",
        "bounded",
        target="two words",
    ),
    Case(
        "StackingClassifier(passthrough)",
        StackingClassifier(MIXED, cv=2, passthrough=True, final_estimator=tree(4)),
        "numeric frame",
        "bounded",
        target="three",
    ),
    Case(
        "StackingClassifier(predict, drop)",
        StackingClassifier(
            [*TREES, ("d", "drop")], cv=2, stack_method="predict", final_estimator=tree(4)
        ),
        "numbers",
        target="odd integers",
    ),
    Case(
        "StackingClassifier(decision_function)",
        StackingClassifier(
            [("a", RIDGE), ("b", SCALED)],
            cv=2,
            stack_method="decision_function",
            final_estimator=HistGradientBoostingClassifier(max_iter=5),
        ),
        "centred",
        "bounded",
        target="flags",
    ),
    Case(
        "StackingClassifier(stack of stacks)",
        StackingClassifier(
            [("a", StackingClassifier(TREES[:2], cv=2, final_estimator=tree())), ("b", tree())],
            cv=2,
            final_estimator=tree(),
        ),
        "numbers",
        target="two",
    ),
    Case(
        "StackingClassifier(many marks)",
        StackingClassifier(TREES, final_estimator=tree(), cv=2),
        "numbers",
        "refused",
        "StackingClassifier of several targets is not exported",
        target="marks",
    ),
    Case(
        "StackingRegressor",
        StackingRegressor(BRANCHES, final_estimator=branch(), cv=2),
        "numbers",
        target="amounts",
    ),
    Case(
        "StackingRegressor(default, passthrough)",
        StackingRegressor([("a", Ridge()), ("b", branch())], cv=2, passthrough=True),
        "centred",
        "bounded",
        target="amounts",
    ),
    Case(
        "BaggingClassifier",
        BaggingClassifier(n_estimators=10, random_state=0),
        "holes",
        target="three words",
    ),
    Case(
        "BaggingClassifier(features, bootstrap)",
        BaggingClassifier(
            tree(), 6, max_features=0.5, bootstrap_features=True, max_samples=20, random_state=0
        ),
        "numeric frame",
        target="two",
    ),
    Case(
        "BaggingClassifier(few rows, missing classes)",
        BaggingClassifier(tree(), 8, max_samples=3, random_state=0),
        "numbers",
        target="odd integers",
    ),
    Case(
        "BaggingRegressor(two workers)",
        BaggingRegressor(
            HistGradientBoostingRegressor(max_iter=3), 9, n_jobs=2, max_features=4, random_state=0
        ),
        "numbers",
        target="amounts",
    ),
    Case(
        "BaggingClassifier(no probabilities)",
        BaggingClassifier(RIDGE, 5, random_state=0),
        "centred",
        "bounded",
        target="three words",
    ),
    Case(
        "BaggingClassifier(scores)",
        BaggingClassifier(SCALED, 5, max_features=3, random_state=0),
        "centred",
        "bounded",
        target="two",
    ),
    Case(
        "BaggingRegressor",
        BaggingRegressor(n_estimators=10, max_features=4, random_state=0),
        "numbers",
        target="amounts",
    ),
    Case(
        "BaggingRegressor(two targets)",
        BaggingRegressor(branch(), 5, random_state=0),
        "numbers",
        target="two amounts",
    ),
    Case(
        "BaggingRegressor(linear)",
        BaggingRegressor(LinearRegression(), 5, random_state=0),
        "centred",
        "bounded",
        target="amounts",
    ),
    Case(
        "AdaBoostClassifier",
        AdaBoostClassifier(n_estimators=10, random_state=0),
        "numbers",
        "bounded",
        target="two words",
    ),
    Case(
        "AdaBoostClassifier(three classes)",
        AdaBoostClassifier(tree(2), n_estimators=10, learning_rate=0.7, random_state=0),
        "numeric frame",
        "bounded",
        target="odd integers",
    ),
    Case(
        "AdaBoostClassifier(perfect at once)",
        AdaBoostClassifier(tree(30), n_estimators=10, random_state=0),
        "numbers",
        "bounded",
        target="flags",
    ),
    Case(
        "AdaBoostRegressor",
        AdaBoostRegressor(n_estimators=10, random_state=0),
        "numbers",
        target="amounts",
    ),
    Case(
        "AdaBoostRegressor(square)",
        AdaBoostRegressor(branch(1), n_estimators=7, loss="square", random_state=0),
        "numbers",
        target="counts",
    ),
    Case(
        "AdaBoostRegressor(linear)",
        AdaBoostRegressor(Ridge(), n_estimators=4, loss="exponential", random_state=0),
        "centred",
        "bounded",
        target="amounts",
    ),
    Case(
        "BalancedBaggingClassifier",
        BalancedBaggingClassifier(n_estimators=5, random_state=0),
        "numbers",
        target="three words",
    ),
    Case(
        "BalancedRandomForestClassifier",
        BalancedRandomForestClassifier(n_estimators=8, random_state=0),
        "numbers",
        target="two",
    ),
    Case(
        "EasyEnsembleClassifier",
        EasyEnsembleClassifier(
            n_estimators=3, estimator=AdaBoostClassifier(n_estimators=4), random_state=0
        ),
        "numbers",
        "bounded",
        target="two words",
    ),
    Case(
        "RUSBoostClassifier",
        RUSBoostClassifier(n_estimators=5, random_state=0),
        "numbers",
        "bounded",
        target="three",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_ensembles(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


CLASSIFIERS: Final = st.one_of(
    st.builds(
        VotingClassifier,
        st.just(TREES),
        voting=st.sampled_from(["hard", "soft"]),
        weights=st.one_of(st.none(), st.lists(st.floats(0.1, 9), min_size=3, max_size=3)),
    ),
    st.builds(
        BaggingClassifier,
        st.sampled_from([tree(1), tree(4)]),
        st.integers(1, 12),
        bootstrap_features=st.booleans(),
        random_state=st.integers(0, 99),
    ),
    st.builds(
        StackingClassifier,
        st.just(TREES),
        final_estimator=st.just(RandomForestClassifier(3, random_state=0)),
        cv=st.just(2),
        stack_method=st.sampled_from(["predict", "predict_proba"]),
        passthrough=st.booleans(),
    ),
)


@settings(max_examples=12)
@given(table=tables(), model=CLASSIFIERS, kinds=st.integers(2, 3))
def test_ensembles_of_trees_equal_bit_for_bit(table: np.ndarray, model: Any, kinds: int) -> None:
    assert_equal_bits(model, table, np.arange(len(table)) % kinds)


REGRESSORS: Final = st.one_of(
    st.builds(
        AdaBoostRegressor,
        st.sampled_from([branch(1), branch(3)]),
        n_estimators=st.integers(1, 9),
        learning_rate=st.floats(0.1, 2),
        loss=st.sampled_from(["linear", "square", "exponential"]),
        random_state=st.integers(0, 99),
    ),
    st.builds(BaggingRegressor, st.just(branch()), st.integers(1, 20), random_state=st.just(0)),
    st.builds(
        VotingRegressor,
        st.just(MANY),
        weights=st.one_of(st.none(), st.lists(st.floats(0.1, 9), min_size=10, max_size=10)),
    ),
)


@settings(max_examples=12)
@given(table=tables(), model=REGRESSORS)
def test_ensembles_of_regression_trees_equal_bit_for_bit(table: np.ndarray, model: Any) -> None:
    assert_equal_bits(model, table, np.sin(np.arange(len(table))))
