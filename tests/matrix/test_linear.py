"""Linear classifiers."""

import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    PassiveAggressiveClassifier,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
    SGDOneClassSVM,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from preproc.export.conversion import convert
from preproc.runtime.backends.onnxruntime_cpu import open_executor
from tests.matrix.asking import ask
from tests.matrix.harness import Case, check
from tests.matrix.sparse import on_sparse

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # deprecated, and still in use
    PASSIVE: Final = PassiveAggressiveClassifier(random_state=0)


def _sgd(**parameters: Any) -> SGDClassifier:
    return SGDClassifier(random_state=0, **parameters)


DENSE: Final = [
    Case("LogisticRegression", LogisticRegression(), "centred", "bounded", target="two"),
    Case("LogisticRegression(raw)", LogisticRegression(), "numbers", "bounded", target="two words"),
    Case("LogisticRegression(wide)", LogisticRegression(), "very wide", "bounded", target="flags"),
    Case(
        "LogisticRegression(frame)",
        make_pipeline(StandardScaler(), LogisticRegression()),
        "numeric frame",
        "bounded",
        target="three words",
    ),
    Case(
        "LogisticRegression(multinomial)",
        LogisticRegression(fit_intercept=False),
        "centred",
        "bounded",
        target="odd integers",
    ),
    Case(
        "LogisticRegression(multinomial, wide)",
        LogisticRegression(),
        "seventy columns",
        "bounded",
        target="floats of classes",
    ),
    Case(
        "LogisticRegression(liblinear)",
        LogisticRegression(solver="liblinear", intercept_scaling=3.0),
        "integers",
        "bounded",
        target="two",
    ),
    Case("LogisticRegression(booleans)", LogisticRegression(), "booleans", "bounded", target="two"),
    Case(
        "LogisticRegressionCV",
        LogisticRegressionCV(Cs=3, cv=2),
        "centred",
        "bounded",
        target="three",
    ),
    Case("Perceptron", Perceptron(random_state=0), "centred", "bounded", target="two"),
    Case("Perceptron(multi)", Perceptron(random_state=0), "centred", "bounded", target="three"),
    Case("PassiveAggressiveClassifier", PASSIVE, "centred", "bounded", target="two"),
    Case("RidgeClassifier", RidgeClassifier(), "centred", "bounded", target="two words"),
    Case("RidgeClassifier(multi)", RidgeClassifier(), "centred", "bounded", target="three"),
    Case("RidgeClassifier(multi-label)", RidgeClassifier(), "centred", "bounded", target="marks"),
    Case("RidgeClassifierCV", RidgeClassifierCV(), "unit", "bounded", target="flags"),
    Case(
        "RidgeClassifierCV(multi-label)", RidgeClassifierCV(), "centred", "bounded", target="marks"
    ),
    *(
        Case(f"SGDClassifier({loss})", _sgd(loss=loss), "centred", "bounded", target=target)
        for loss, target in (
            ("hinge", "two"),
            ("log_loss", "two"),
            ("modified_huber", "flags"),
            ("squared_hinge", "three"),
            ("perceptron", "two words"),
            ("squared_error", "three"),
            ("huber", "two"),
            ("epsilon_insensitive", "two"),
            ("squared_epsilon_insensitive", "two"),
        )
    ),
    Case(
        "SGDClassifier(log_loss, multi)",
        _sgd(loss="log_loss"),
        "centred",
        "bounded",
        target="three",
    ),
    Case(
        "SGDClassifier(modified_huber, multi)",
        _sgd(loss="modified_huber", average=True),
        "centred",
        "bounded",
        target="three words",
    ),
    Case("LinearSVC", LinearSVC(), "centred", "bounded", target="two"),
    Case("LinearSVC(multi)", LinearSVC(fit_intercept=False), "centred", "bounded", target="three"),
    Case(
        "LinearSVC(crammer_singer)",
        LinearSVC(multi_class="crammer_singer"),
        "centred",
        "bounded",
        target="two",
    ),
    Case("SGDOneClassSVM", SGDOneClassSVM(random_state=0), "centred", "bounded"),
    Case(
        "LogisticRegression, float32",
        LogisticRegression(),
        "centred in float32",
        "refused",
        "expected float64 columns, got float32; train in float64",
        target="two",
    ),
]

SPARSE: Final = [
    Case("sparse LogisticRegression", on_sparse(LogisticRegression()), "few floats", "bounded"),
    Case(
        "sparse LogisticRegression(two)",
        on_sparse(LogisticRegression()),
        "few floats",
        "bounded",
        target="two words",
    ),
    *(
        Case(f"sparse {model}, {target}", on_sparse(model), "few floats", target=target)
        for model, target in (
            (Perceptron(random_state=0), "two"),
            (Perceptron(random_state=0), "three words"),
            (PASSIVE, "three"),
            (RidgeClassifier(), "flags"),
            (RidgeClassifier(), "marks"),
            (_sgd(loss="hinge"), "floats of classes"),
            (_sgd(loss="modified_huber"), "two"),
            (_sgd(loss="modified_huber"), "three"),
            (LinearSVC(fit_intercept=False), "odd integers"),
            (SGDOneClassSVM(random_state=0), "two"),
        )
    ),
]

CASES: Final = [*DENSE, *SPARSE]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_linear_classifiers(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


def _codes(seed: int, columns: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    values = draw.choice([0.0, 0.0, 1.0, -0.0, 0.1, -3.7, 1e-9, 1e9], (40, columns))
    values[:3, 0] = [1.0, 0.0, 2.0]
    return values


@settings(max_examples=12)
@given(
    seed=st.integers(0, 2**16),
    columns=st.integers(1, 12),
    classes=st.sampled_from([["a", "b"], [3, -1], [0.0, 1.0, 2.0], [True, False]]),
    model=st.one_of(
        st.builds(
            SGDClassifier,
            loss=st.sampled_from(["hinge", "modified_huber", "perceptron"]),
            fit_intercept=st.booleans(),
            random_state=st.just(0),
            max_iter=st.just(5),
        ),
        st.builds(RidgeClassifier, alpha=st.floats(0.1, 10), fit_intercept=st.booleans()),
    ),
    is_thin=st.booleans(),
)
def test_sums_over_sparse_rows_or_coefficients_equal_bit_for_bit(
    seed: int, columns: int, classes: list[Any], model: Any, *, is_thin: bool
) -> None:
    values = _codes(seed, columns)
    target = np.array(classes)[np.arange(len(values)) % len(classes)]
    is_thin = is_thin and isinstance(model, SGDClassifier)
    given_rows: Any = values if is_thin else csr_array(values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = model.fit(given_rows, target)
    if is_thin:
        fitted.sparsify()
    answers = ask(fitted, given_rows, values).answers
    assert np.array_equal(answers["scores"], fitted.decision_function(given_rows))
    assert np.array_equal(answers["label"], fitted.predict(given_rows))
    if getattr(model, "loss", "") == "modified_huber":
        assert np.array_equal(answers["probabilities"], fitted.predict_proba(given_rows))


@settings(max_examples=12)
@given(
    seed=st.integers(0, 2**16),
    columns=st.integers(1, 70),
    classes=st.integers(2, 5),
    size=st.sampled_from([1e-3, 1.0, 300.0]),
)
def test_probabilities_of_dense_rows_are_within_rounding(
    seed: int, columns: int, classes: int, size: float
) -> None:
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(40, columns))
    fitted = LogisticRegression(max_iter=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted.fit(values, np.arange(40) % classes)
    fitted.coef_ = draw.normal(size=fitted.coef_.shape) * size
    answers = ask(fitted, values, values).answers
    # Each summand may be rounded once on either side, and a step of the score moves a
    # probability by no more than itself.
    room = 2.0**-52 * (columns + 4) * (np.abs(values) @ np.abs(fitted.coef_.T)).max()
    assert np.abs(answers["scores"] - fitted.decision_function(values)).max() <= room
    error = np.abs(answers["probabilities"] - fitted.predict_proba(values))
    assert error.max() <= room + 2.3e-16


def test_a_row_whose_score_overflows_is_answered_as_scikit_learn_does() -> None:
    values = np.random.default_rng(0).normal(size=(60, 5))
    target = np.arange(60) % 3
    for classes in (2, 3):
        fitted = LogisticRegression().fit(values, target % classes)
        fitted.coef_ = np.sign(fitted.coef_) * 4.0
        rows = np.vstack([values[:6], np.full((2, 5), 1e308) * [[1.0], [-1.0]], values[:4] * 4e307])
        answers = ask(fitted, values, rows).answers
        with np.errstate(all="ignore"):
            assert np.array_equal(answers["label"], fitted.predict(rows))
            want = fitted.predict_proba(rows)
        assert np.array_equal(np.isnan(want), np.isnan(answers["probabilities"]))


def test_a_batch_without_rows_runs() -> None:
    values = np.random.default_rng(0).normal(size=(60, 5))
    for target in (np.arange(60) % 2, np.arange(60) % 3):
        graph = convert(LogisticRegression().fit(values, target), values)
        assert open_executor(graph.model).execute({"X": values[:0]})["label"].shape == (0,)
