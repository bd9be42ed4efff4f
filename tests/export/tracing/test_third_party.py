"""Transformers of other libraries: traced, asked word by word, or refused."""

from collections.abc import Callable
from typing import Any

import category_encoders as ce
import numpy as np
import pandas as pd
import pytest
from feature_engine import (
    creation,
    datetime,
    discretisation,
    encoding,
    imputation,
    outliers,
    selection,
    transformation,
)

from preproc.errors import ExportError
from tests.export.tracing.running import frame, traced_step

pytestmark = pytest.mark.filterwarnings("ignore")  # of those libraries

DATA = frame()
LATE = (DATA["age"] > 50).astype(int)
WORDS = DATA[["city", "code"]].fillna({"city": "none"})
NUMBERS = DATA[["income", "lat", "age"]]

WORKING: dict[str, tuple[Callable[[], Any], pd.DataFrame]] = {
    "BackwardDifferenceEncoder": (ce.BackwardDifferenceEncoder, WORDS),
    "BaseNEncoder": (ce.BaseNEncoder, WORDS),
    "BinaryEncoder": (ce.BinaryEncoder, WORDS),
    "CatBoostEncoder": (ce.CatBoostEncoder, WORDS),
    "CountEncoder": (ce.CountEncoder, WORDS),
    "HelmertEncoder": (ce.HelmertEncoder, WORDS),
    "JamesSteinEncoder": (ce.JamesSteinEncoder, WORDS),
    "LeaveOneOutEncoder": (ce.LeaveOneOutEncoder, WORDS),
    "MEstimateEncoder": (ce.MEstimateEncoder, WORDS),
    "OneHotEncoder": (ce.OneHotEncoder, WORDS),
    "OrdinalEncoder": (ce.OrdinalEncoder, WORDS),
    "TargetEncoder": (ce.TargetEncoder, WORDS),
    "WOEEncoder": (ce.WOEEncoder, WORDS),
    "AddMissingIndicator": (
        lambda: imputation.AddMissingIndicator(missing_only=False), DATA[["debt", "income"]]
    ),
    "ArbitraryOutlierCapper": (
        lambda: outliers.ArbitraryOutlierCapper(max_capping_dict={"age": 60}), NUMBERS
    ),
    "CategoricalImputer": (imputation.CategoricalImputer, DATA[["city", "code"]]),
    "CountFrequencyEncoder": (lambda: encoding.CountFrequencyEncoder(unseen="encode"), WORDS),
    "CyclicalFeatures": (lambda: creation.CyclicalFeatures(variables=["age"]), NUMBERS),
    "DatetimeFeatures": (
        lambda: datetime.DatetimeFeatures(features_to_extract=["month", "day_of_week", "hour"]),
        DATA[["begin"]],
    ),
    "DropFeatures": (lambda: selection.DropFeatures(["age"]), NUMBERS),
    "EqualWidthDiscretiser": (discretisation.EqualWidthDiscretiser, NUMBERS),
    "LogCpTransformer": (lambda: transformation.LogCpTransformer(C=100), NUMBERS),
    "MeanEncoder": (lambda: encoding.MeanEncoder(unseen="encode"), WORDS),
    "MeanMedianImputer": (imputation.MeanMedianImputer, DATA[["debt", "income"]]),
    "RareLabelEncoder": (lambda: encoding.RareLabelEncoder(n_categories=2), WORDS),
    "Winsorizer": (outliers.Winsorizer, NUMBERS),
}  # fmt: skip


@pytest.mark.parametrize("name", WORKING)
def test_a_class_of_another_library_is_converted_and_proved(name: str) -> None:
    make, data = WORKING[name]
    step = make().fit(data, LATE)
    table = traced_step(step, data)
    want = [str(column) for column in step.transform(data).columns]
    assert [feature.name for feature in table.features] == want


def test_what_looks_at_single_cells_is_refused_at_its_place() -> None:
    step = ce.HashingEncoder(n_components=4, max_process=1).fit(WORDS)
    with pytest.raises(
        ExportError, match=r"hashing.py, line \d+, `enumerate\(np_df\)`: expected no"
    ):
        traced_step(step, WORDS)


def test_an_encoder_that_refuses_unseen_words_refuses_rows() -> None:
    step = encoding.MeanEncoder(unseen="raise").fit(WORDS, LATE)
    table = traced_step(step, WORDS)
    assert not any(feature.has_nan for feature in table.features)
    assert np.isfinite([feature.limit for feature in table.features]).all()
