"""Naive Bayes."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.naive_bayes import (
    BernoulliNB,
    CategoricalNB,
    ComplementNB,
    GaussianNB,
    MultinomialNB,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from preproc import ExportError
from preproc.export.conversion import convert
from tests.matrix.asking import largest_errors
from tests.matrix.harness import Case, check


def _on_sparse(model: Any) -> Any:
    encoder = ColumnTransformer([("hot", OneHotEncoder(), [0, 1, 2])], sparse_threshold=1.0)
    return Pipeline([("encode", encoder), ("model", model)])


def _case(shown: str, model: Any, data: str, target: str = "three") -> Case:
    return Case(shown, model, data, "bounded", "", target)


CASES: Final = [
    _case("GaussianNB", GaussianNB(), "numbers"),
    _case("GaussianNB(two words)", GaussianNB(), "centred", "two words"),
    _case("GaussianNB(priors)", GaussianNB(priors=[0.2, 0.0, 0.8]), "centred"),
    _case("GaussianNB(var_smoothing)", GaussianNB(var_smoothing=1e-3), "numeric frame", "flags"),
    _case("GaussianNB(21 columns)", GaussianNB(), "21 columns", "odd integers"),
    _case("MultinomialNB", MultinomialNB(), "counts"),
    _case("MultinomialNB(alpha, two)", MultinomialNB(alpha=0.1), "counts", "two"),
    _case("MultinomialNB(class_prior)", MultinomialNB(class_prior=[0.5, 0.2, 0.3]), "counts"),
    _case("MultinomialNB(fit_prior=False)", MultinomialNB(fit_prior=False), "integers"),
    _case("MultinomialNB(sparse)", _on_sparse(MultinomialNB()), "few floats"),
    _case("ComplementNB", ComplementNB(), "counts"),
    _case("ComplementNB(norm)", ComplementNB(norm=True), "counts", "three words"),
    _case("BernoulliNB", BernoulliNB(), "centred"),
    _case("BernoulliNB(binarize)", BernoulliNB(binarize=0.5), "centred", "two"),
    _case("BernoulliNB(binarize=None)", BernoulliNB(binarize=None), "booleans"),
    _case("BernoulliNB(booleans)", BernoulliNB(), "booleans", "flags"),
    _case("CategoricalNB", CategoricalNB(), "few categories"),
    _case("CategoricalNB(integers)", CategoricalNB(min_categories=7), "integers", "two words"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_naive_bayes(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@settings(max_examples=10)
@given(
    seed=st.integers(0, 2**16),
    width=st.integers(1, 7),
    classes=st.integers(2, 5),
    scale=st.sampled_from([1e-3, 1.0, 1e4]),
)
def test_any_gaussian_label_is_equal(seed: int, width: int, classes: int, scale: float) -> None:
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(60, width)) * scale
    model = GaussianNB().fit(values, np.arange(60) % classes)
    found = largest_errors(model, values * 1.5)
    assert found["probabilities"] <= 1e-13  # the row sums to 1


@settings(max_examples=10)
@given(
    seed=st.integers(0, 2**16),
    counts=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    alpha=st.sampled_from([0.1, 1.0, 10.0]),
)
def test_any_categories_are_counted(seed: int, counts: list[int], alpha: float) -> None:
    draw = np.random.default_rng(seed)
    values = np.column_stack([draw.integers(0, count, 60) for count in counts]).astype(float)
    model = CategoricalNB(alpha=alpha).fit(values, np.arange(60) % 3)
    found = largest_errors(model, values + draw.choice([0.0, 0.5], values.shape))
    assert found["probabilities"] <= 1e-14  # the row sums to 1


def test_a_variance_of_zero_is_refused() -> None:
    fitted = GaussianNB().fit(np.ones((4, 2)), [0, 1, 0, 1])
    with pytest.raises(ExportError) as caught:
        convert(fitted, np.ones((4, 2)))
    assert str(caught.value) == (
        "step .: GaussianNB divides by variances, and some are zero; leave columns out that never "
        "change, or train with var_smoothing above zero"
    )
