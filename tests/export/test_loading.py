"""Pipelines from disk: what loads by itself, and what somebody has to vouch for."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_selection import RFECV, SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from preproc.errors import CheckError
from preproc.export.loading import load_pipeline
from preproc.export.trusted import TRUSTED

X = np.random.default_rng(3).normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)
FOLDS = StratifiedKFold(2)


@pytest.mark.parametrize(
    "last",
    [
        CalibratedClassifierCV(LogisticRegression(), cv=FOLDS),
        RFECV(LogisticRegression(), cv=FOLDS),
        GridSearchCV(LogisticRegression(), {"C": [0.5, 1.0]}, cv=StratifiedShuffleSplit(2)),
    ],
    ids=lambda last: type(last).__name__,
)
def test_plain_pipelines_load_without_a_word(last: Any, tmp_path: Path) -> None:
    fitted = make_pipeline(StandardScaler(), last).fit(X, Y)
    skops.io.dump(fitted, tmp_path / "plain.skops")
    assert (load_pipeline(tmp_path / "plain.skops").predict(X) == fitted.predict(X)).all()


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (DecisionTreeClassifier(max_depth=1), "sklearn.tree._tree.Tree"),
        (SelectKBest(f_classif, k=2), "sklearn.feature_selection._univariate_selection.f_classif"),
    ],
    ids=["addresses", "a function"],
)
def test_what_could_do_harm_is_vouched_for(step: Any, name: str, tmp_path: Path) -> None:
    path = tmp_path / "other.skops"
    skops.io.dump(step.fit(X, Y), path)
    with pytest.raises(CheckError) as caught:
        load_pipeline(path)
    assert str(caught.value) == (
        f"pipeline '{path}': expected trusted types, got ['{name}']; look at their code, then add "
        f"--trust {name}"
    )
    assert load_pipeline(path, trusted=[name])


@pytest.mark.parametrize("name", TRUSTED)
def test_what_is_trusted_is_a_class_that_is_there(name: str) -> None:
    module, _, class_name = name.rpartition(".")
    assert isinstance(getattr(import_module(module), class_name), type)
