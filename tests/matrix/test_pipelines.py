"""Whole pipelines over mixed frames, as they are written at work: from raw columns to labels."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline as ImbalancedPipeline
from imblearn.under_sampling import RandomUnderSampler
from lightgbm import LGBMClassifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from tests.matrix.harness import Case, check

NUMBERS: Final = ["normal", "skewed", "offset"]
WORDS: Final = ["colour", "city"]
WHOLE: Final = ["count", "flag"]
IMPUTED: Final = make_pipeline(SimpleImputer(), StandardScaler())
CODES: Final = OneHotEncoder(handle_unknown="ignore")
DENSE: Final = OneHotEncoder(handle_unknown="ignore", sparse_output=False)


def mixed(model: Any, *, numbers: Any = IMPUTED, codes: Any = CODES, **parameters: Any) -> Pipeline:
    """Put numbers, words and whole numbers of the mixed frame together in front of a model."""
    columns = ColumnTransformer(
        [("numbers", numbers, NUMBERS), ("codes", codes, WORDS), ("whole", "passthrough", WHOLE)],
        **parameters,
    )
    return Pipeline([("prep", columns), ("model", model)])


def filled(encoder: Any) -> Pipeline:
    """Fill holes in words, with marks where they were, in front of an encoder."""
    holes = SimpleImputer(
        strategy="constant", fill_value="unknown", missing_values=None, add_indicator=True
    )
    return make_pipeline(holes, encoder)


UNION: Final = FeatureUnion([("scaled", StandardScaler()), ("bins", KBinsDiscretizer(4))])
NESTED: Final = ColumnTransformer(
    [
        (
            "numbers",
            Pipeline([("impute", SimpleImputer(strategy="median")), ("both", UNION)]),
            ["normal", "skewed"],
        ),
        ("inner", ColumnTransformer([("scaled", IMPUTED, ["offset"])], remainder="drop"), NUMBERS),
        ("codes", CODES, WORDS),
    ]
)
STACK: Final = StackingClassifier(
    [
        ("forest", RandomForestClassifier(5, max_depth=4, random_state=0)),
        ("linear", LogisticRegression(max_iter=500)),
        ("boosted", HistGradientBoostingClassifier(max_iter=5)),
    ],
    cv=2,
)
TUNED: Final = TunedThresholdClassifierCV(
    CalibratedClassifierCV(RandomForestClassifier(5, max_depth=4, random_state=0), cv=2), cv=2
)

FRAMES: Final = Pipeline(
    [
        # Without "city": scikit-learn has one name for its text "None" and its missing cells.
        ("prep", ColumnTransformer([("numbers", IMPUTED, NUMBERS), ("codes", DENSE, ["colour"])])),
        ("model", LogisticRegression(max_iter=500)),
    ]
)

CASES: Final = [
    Case(
        "impute, scale, one-hot, LogisticRegression",
        mixed(LogisticRegression(max_iter=500)),
        "frame",
        "bounded",
        target="two words",
    ),
    Case(
        "impute, scale, one-hot, LogisticRegression, sparse",
        mixed(LogisticRegression(max_iter=500), sparse_threshold=1.0),
        "frame",
        "bounded",
        target="two words",
    ),
    Case(
        "impute, scale, one-hot, RandomForestClassifier",
        mixed(RandomForestClassifier(8, max_depth=6, random_state=0), codes=DENSE),
        "frame",
        target="three words",
    ),
    Case(
        "impute, scale, one-hot, GradientBoostingClassifier",
        mixed(GradientBoostingClassifier(n_estimators=8, random_state=0), codes=DENSE),
        "frame",
        "bounded",
        target="two words",
    ),
    Case(
        "text imputer with indicator, infrequent one-hot, LogisticRegression",
        mixed(
            LogisticRegression(max_iter=500),
            codes=filled(OneHotEncoder(min_frequency=20, handle_unknown="infrequent_if_exist")),
        ),
        "frame",
        "bounded",
        target="two",
    ),
    Case(
        "nested ColumnTransformer, FeatureUnion, SelectKBest, LogisticRegression",
        Pipeline(
            [
                ("prep", NESTED),
                ("best", SelectKBest(k=8)),
                ("model", LogisticRegression(max_iter=500)),
            ]
        ),
        "frame",
        "bounded",
        target="three words",
    ),
    Case(
        "TargetEncoder, RandomForestRegressor",
        mixed(
            RandomForestRegressor(6, max_depth=6, random_state=0),
            codes=TargetEncoder(cv=2, random_state=0, target_type="continuous"),
        ),
        "frame",
        target="amounts",
    ),
    Case(
        "impute, polynomial, Ridge",
        mixed(
            Ridge(), numbers=make_pipeline(SimpleImputer(), StandardScaler(), PolynomialFeatures(2))
        ),
        "frame",
        "bounded",
        target="amounts",
    ),
    Case(
        "spline, one-hot, Ridge",
        mixed(Ridge(), numbers=make_pipeline(SimpleImputer(), SplineTransformer(n_knots=4))),
        "frame",
        "bounded",
        target="amounts",
    ),
    Case(
        "quantile, PCA, SVC",
        make_pipeline(
            QuantileTransformer(n_quantiles=40, output_distribution="normal"), PCA(3), SVC()
        ),
        "numeric frame",
        "bounded",
        target="three words",
    ),
    Case(
        "KNNImputer, PowerTransformer, KNeighborsClassifier",
        make_pipeline(
            KNNImputer(n_neighbors=3), PowerTransformer(), KNeighborsClassifier(weights="distance")
        ),
        "centred with holes",
        "bounded",
        target="three words",
    ),
    Case(
        "all kinds, StackingClassifier",
        mixed(STACK, codes=DENSE),
        "frame",
        "bounded",
        target="three words",
    ),
    Case(
        "calibrated, tuned threshold",
        mixed(TUNED, codes=DENSE),
        "frame",
        "bounded",
        target="two",
    ),
    Case(
        "set_output(pandas), LogisticRegression",
        FRAMES.set_output(transform="pandas"),
        "frame",
        "bounded",
        target="two words",
    ),
    Case(
        "ordinal, HistGradientBoostingClassifier",
        mixed(
            HistGradientBoostingClassifier(max_iter=6),
            numbers="passthrough",
            codes=OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        ),
        "frame",
        "bounded",
        target="two words",
    ),
    Case(
        "LightGBM after preparation",
        mixed(LGBMClassifier(n_estimators=8, min_child_samples=5, verbose=-1), codes=DENSE),
        "frame",
        "bounded",
        target="two words",
    ),
    Case(
        "XGBoost after ordinal codes",
        mixed(
            XGBClassifier(n_estimators=8),
            numbers="passthrough",
            codes=OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        ),
        "frame",
        "bounded",
        target="two",
    ),
    Case(
        "scale, MLPClassifier",
        make_pipeline(
            SimpleImputer(),
            StandardScaler(),
            MLPClassifier((8, 4), max_iter=30, random_state=0),
        ),
        "holes",
        "bounded",
        target="three words",
    ),
    Case(
        "log of the target, mixed columns",
        TransformedTargetRegressor(
            mixed(RandomForestRegressor(6, max_depth=6, random_state=0), codes=DENSE),
            transformer=PowerTransformer(),
            check_inverse=False,
        ),
        "frame",
        "bounded",
        target="positive amounts",
    ),
    Case(
        "search over a whole pipeline",
        GridSearchCV(
            mixed(DecisionTreeClassifier(max_depth=3), codes=DENSE),
            {"model__max_depth": [2, 4], "prep__numbers__simpleimputer__strategy": ["median"]},
            cv=2,
        ),
        "frame",
        target="two words",
    ),
    Case(
        "imbalanced: oversampled forest",
        ImbalancedPipeline(
            [
                ("impute", SimpleImputer()),
                ("sample", RandomOverSampler(random_state=0)),
                ("model", RandomForestClassifier(6, random_state=0)),
            ]
        ),
        "holes",
        target="three words",
    ),
    Case(
        "imbalanced: undersampled inside a search",
        GridSearchCV(
            ImbalancedPipeline(
                [
                    ("scale", StandardScaler()),
                    ("sample", RandomUnderSampler(random_state=0)),
                    ("model", DecisionTreeClassifier(max_depth=4)),
                ]
            ),
            {"model__max_depth": [2, 4]},
            cv=2,
        ),
        "numbers",
        target="two",
    ),
    Case(
        "imbalanced: pipeline in a stack",
        StackingClassifier(
            [
                (
                    "sampled",
                    ImbalancedPipeline(
                        [
                            ("sample", RandomUnderSampler(random_state=0)),
                            ("model", DecisionTreeClassifier(max_depth=4)),
                        ]
                    ),
                )
            ],
            final_estimator=DecisionTreeClassifier(max_depth=2),
            cv=2,
        ),
        "numbers",
        target="three words",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_pipelines_without_a_label_flip(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)
    certificate = json.loads((tmp_path / "model" / "1" / "certificate.json").read_bytes())
    flips = {name: found.get("label_flips", 0) for name, found in certificate["outputs"].items()}
    assert not any(flips.values()), flips
