"""Decision trees and forests of them."""

import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from preproc import ExportError, compare
from preproc.contract import Contract
from preproc.export.conversion import convert
from preproc.runtime.building import session_of
from preproc.signature import ROW_ERROR
from tests.matrix.drawn import tables
from tests.matrix.harness import Case, check
from tests.matrix.sparse import on_sparse

SEED: Final = {"random_state": 0}
SMALL: Final = {"n_estimators": 8, "random_state": 0}


CASES: Final = [
    Case("DecisionTreeClassifier", DecisionTreeClassifier(**SEED), "numbers", target="three"),
    Case(
        "DecisionTreeClassifier(entropy, balanced, words)",
        DecisionTreeClassifier(
            criterion="entropy", max_depth=4, class_weight="balanced", random_state=0
        ),
        "numbers",
        target="three words",
    ),
    Case(
        "DecisionTreeClassifier(log_loss, flags)",
        DecisionTreeClassifier(criterion="log_loss", max_leaf_nodes=9, random_state=0),
        "numeric frame",
        target="flags",
    ),
    Case(
        "DecisionTreeClassifier(NaN)",
        DecisionTreeClassifier(max_depth=6, random_state=0),
        "holes",
        target="odd integers",
    ),
    Case(
        "DecisionTreeClassifier(several words)",
        DecisionTreeClassifier(max_depth=5, random_state=0),
        "numbers",
        target="pairs of words",
    ),
    Case(
        "DecisionTreeClassifier(one leaf)",
        DecisionTreeClassifier(max_depth=2, min_samples_leaf=200, random_state=0),
        "numbers",
        target="floats of classes",
    ),
    Case(
        "DecisionTreeClassifier(monotonic, pruned)",
        DecisionTreeClassifier(monotonic_cst=[1, 0, -1, 0, 0, 1], ccp_alpha=0.002, random_state=0),
        "numbers",
        target="two",
    ),
    Case(
        "DecisionTreeClassifier, float32",
        DecisionTreeClassifier(**SEED),
        "holes in float32",
        target="two words",
    ),
    Case(
        "DecisionTreeClassifier, sparse",
        on_sparse(DecisionTreeClassifier(**SEED)),
        "few floats",
        target="three",
    ),
    Case("ExtraTreeClassifier", ExtraTreeClassifier(**SEED), "holes", target="three"),
    Case("DecisionTreeRegressor", DecisionTreeRegressor(**SEED), "numbers", target="amounts"),
    Case(
        "DecisionTreeRegressor(absolute_error)",
        DecisionTreeRegressor(criterion="absolute_error", max_depth=4, random_state=0),
        "numeric frame",
        target="amounts",
    ),
    Case(
        "DecisionTreeRegressor(best first), integers",
        DecisionTreeRegressor(max_leaf_nodes=20, random_state=0),
        "integers",
        target="amounts",
    ),
    Case(
        "DecisionTreeRegressor(poisson)",
        DecisionTreeRegressor(criterion="poisson", max_depth=5, random_state=0),
        "positive",
        target="counts",
    ),
    Case(
        "DecisionTreeRegressor(NaN, several)",
        DecisionTreeRegressor(max_depth=6, random_state=0),
        "holes",
        target="two amounts",
    ),
    Case(
        "DecisionTreeRegressor behind rounding",
        make_pipeline(PowerTransformer(), DecisionTreeRegressor(max_depth=4, random_state=0)),
        "positive",
        "bounded",
        target="amounts",
    ),
    Case("ExtraTreeRegressor", ExtraTreeRegressor(**SEED), "booleans", target="amounts"),
    Case(
        "RandomForestClassifier", RandomForestClassifier(**SMALL), "numbers", target="three words"
    ),
    Case("RandomForestClassifier(NaN)", RandomForestClassifier(**SMALL), "holes", target="flags"),
    Case(
        "RandomForestClassifier(NaN unseen at training)",
        RandomForestClassifier(**SMALL),
        "holes in some",
        target="two",
    ),
    Case(
        "RandomForestClassifier(entropy, balanced_subsample)",
        RandomForestClassifier(
            criterion="entropy",
            max_depth=5,
            class_weight="balanced_subsample",
            max_samples=0.5,
            **SMALL,
        ),
        "numbers",
        target="random three",
    ),
    Case(
        "RandomForestClassifier(several)",
        RandomForestClassifier(max_depth=5, **SMALL),
        "numbers",
        target="pairs of classes",
    ),
    Case(
        "RandomForestClassifier, integers",
        RandomForestClassifier(bootstrap=False, **SMALL),
        "integers",
        target="odd integers",
    ),
    Case(
        "RandomForestClassifier, sparse",
        on_sparse(RandomForestClassifier(**SMALL)),
        "few floats",
        target="two words",
    ),
    Case(
        "RandomForestClassifier, float32",
        RandomForestClassifier(**SMALL),
        "holes in float32",
    ),
    Case(
        "RandomForestClassifier behind a scaler",
        make_pipeline(StandardScaler(), RandomForestClassifier(**SMALL)),
        "holes",
    ),
    Case("RandomForestRegressor", RandomForestRegressor(**SMALL), "numbers", target="amounts"),
    Case(
        "RandomForestRegressor(poisson)",
        RandomForestRegressor(criterion="poisson", max_depth=6, **SMALL),
        "positive",
        target="counts",
    ),
    Case(
        "RandomForestRegressor(absolute_error)",
        RandomForestRegressor(criterion="absolute_error", max_depth=4, **SMALL),
        "numeric frame",
        target="amounts",
    ),
    Case(
        "RandomForestRegressor(NaN, several)",
        RandomForestRegressor(max_depth=6, **SMALL),
        "holes",
        target="two amounts",
    ),
    Case(
        "ExtraTreesClassifier",
        ExtraTreesClassifier(bootstrap=True, **SMALL),
        "holes",
        target="three",
    ),
    Case(
        "ExtraTreesClassifier(several)",
        ExtraTreesClassifier(max_depth=6, **SMALL),
        "numbers",
        target="marks",
    ),
    Case("ExtraTreesRegressor", ExtraTreesRegressor(**SMALL), "numbers", target="amounts"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_trees(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


def test_a_tree_too_deep_for_the_stack_is_refused() -> None:
    x = np.eye(520)  # each test sets one row apart
    tree = DecisionTreeRegressor(max_features=9, random_state=0).fit(x, np.arange(520.0))
    with pytest.raises(ExportError) as caught:
        convert(tree, x)
    assert str(caught.value) == (
        f"step .: DecisionTreeRegressor of depth {tree.get_depth()}: ONNX Runtime's stack holds "
        "trees of depth 500; use max_depth=500"
    )


def answers_of(model: Any, x: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """What scikit-learn says, by output."""
    role = "label" if hasattr(model, "classes_") else "prediction"
    answers = {role: np.asarray(model.predict(x))}
    if hasattr(model, "predict_proba"):
        shares = model.predict_proba(x)
        parts = (
            {"probabilities": shares}
            if isinstance(shares, np.ndarray)
            else {f"probabilities_{at}": share for at, share in enumerate(shares)}
        )
        answers |= parts
    return answers


CELLS: Final = st.one_of(
    st.floats(-1e3, 1e3), st.sampled_from([0.0, -0.0, 0.5, 5e-324, 1e-45, -1e-8, 1e16, np.nan])
)
FORESTS: Final = st.fixed_dictionaries(
    {
        "max_depth": st.sampled_from([None, 1, 3]),
        "max_features": st.sampled_from([None, 1]),
        "random_state": st.integers(0, 3),
    }
)


@settings(max_examples=15)
@given(
    table=tables(cells=CELLS),
    kind=st.sampled_from(
        [
            DecisionTreeClassifier,
            DecisionTreeRegressor,
            ExtraTreeClassifier,
            ExtraTreesClassifier,
            ExtraTreesRegressor,
            RandomForestClassifier,
            RandomForestRegressor,
        ]
    ),
    parameters=FORESTS,
    targets=st.integers(1, 3),
    classes=st.integers(1, 4),
    seed=st.integers(0, 9),
)
def test_trees_equal_bit_for_bit(
    table: NDArray[np.float64],
    kind: Any,
    parameters: dict[str, Any],
    targets: int,
    classes: int,
    seed: int,
) -> None:
    trees = {"n_estimators": 3} if hasattr(kind(), "n_estimators") else {}
    draw = np.random.default_rng(seed)
    y: NDArray[Any] = draw.integers(0, classes, (len(table), targets))
    if "Regressor" in kind.__name__:
        y = y + draw.normal(size=y.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = kind(**parameters, **trees).fit(table, y if targets > 1 else y[:, 0])
    graph = convert(model, table)
    contract = Contract("drawn", graph.signature, "exact", "", {}, {}, {})
    cells = [1e39, -1e39, np.inf]
    for tree in np.ravel(getattr(model, "estimators_", [model])):
        limits = tree.tree_.threshold[tree.tree_.feature >= 0]
        singles = limits.astype(np.float32)
        for near in (
            limits,
            singles.astype(float),
            (limits + np.nextafter(singles, singles + 1)) / 2,
        ):
            cells += [*near, *np.nextafter(near, -np.inf), *np.nextafter(near, np.inf)]
    odd = np.repeat(np.array(cells)[:, None], table.shape[1], axis=1)
    batch = np.concatenate([table, odd])
    with session_of(contract, graph.model) as session:
        got = session.run_prepared(session.pack({"X": batch}))
    is_answered = got[ROW_ERROR] == 0
    with np.errstate(over="ignore"):
        is_beyond = np.isinf(batch.astype(np.float32)).any(axis=1)
    assert np.array_equal(is_answered, ~is_beyond)
    for name, want in answers_of(model, batch[is_answered]).items():
        assert compare(want, got[name][is_answered]).is_pass, name
