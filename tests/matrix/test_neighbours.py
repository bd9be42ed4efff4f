"""Models that ask their training rows: nearest neighbours, radius, local outliers."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    LocalOutlierFactor,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)

from preproc import ExportError
from preproc.export.conversion import convert
from tests.matrix.asking import largest_errors
from tests.matrix.harness import Case, check

Expect = Literal["bitwise", "bounded", "refused"]


def _classes(
    shown: str,
    expect: Expect = "bitwise",
    data: str = "centred",
    target: str = "three",
    message: str = "",
    **parameters: Any,
) -> Case:
    model = KNeighborsClassifier(**parameters)
    return Case(f"KNeighborsClassifier{shown}", model, data, expect, message, target)


def _amounts(
    shown: str,
    expect: Expect = "bitwise",
    data: str = "centred",
    target: str = "amounts",
    **parameters: Any,
) -> Case:
    model = KNeighborsRegressor(**parameters)
    return Case(f"KNeighborsRegressor{shown}", model, data, expect, "", target)


def _around(
    shown: str,
    expect: Expect = "bitwise",
    data: str = "centred",
    target: str = "three",
    message: str = "",
    **parameters: Any,
) -> Case:
    model = RadiusNeighborsClassifier(**parameters)
    return Case(f"RadiusNeighborsClassifier{shown}", model, data, expect, message, target)


def _mean_around(
    shown: str,
    expect: Expect = "bounded",
    data: str = "centred",
    target: str = "amounts",
    message: str = "",
    **parameters: Any,
) -> Case:
    model = RadiusNeighborsRegressor(**parameters)
    return Case(f"RadiusNeighborsRegressor{shown}", model, data, expect, message, target)


def _outliers(shown: str, expect: Expect = "bitwise", message: str = "", **parameters: Any) -> Case:
    model = LocalOutlierFactor(**{"novelty": True, **parameters})
    return Case(f"LocalOutlierFactor{shown}", model, "centred", expect, message)


def _inverse_square(distances: np.ndarray) -> np.ndarray:
    return 1 / distances**2


CASES: Final = [
    _classes(""),
    _classes("(two words)", target="two words"),
    _classes("(flags)", target="flags"),
    _classes("(odd integers)", target="odd integers"),
    _classes("(pairs of words)", target="pairs of words"),
    _classes("(n_neighbors=1)", n_neighbors=1),
    _classes("(ball_tree)", algorithm="ball_tree"),
    _classes("(p=1)", p=1),
    _classes("(p=3)", p=3),
    _classes("(chebyshev)", metric="chebyshev"),
    _classes("(canberra)", metric="canberra"),
    _classes("(seuclidean)", metric="seuclidean", metric_params={"V": np.arange(1.0, 7.0)}),
    _classes("(minkowski, w)", metric_params={"w": np.arange(1.0, 7.0)}),
    _classes("(brute)", algorithm="brute"),
    _classes("(brute, p=1)", algorithm="brute", p=1),
    _classes("(brute, l2)", algorithm="brute", metric="l2"),
    _classes("(sqeuclidean)", metric="sqeuclidean"),
    _classes("(cosine)", metric="cosine"),
    _classes("(nan_euclidean)", metric="nan_euclidean", data="centred with holes"),
    _classes("(21 columns)", data="21 columns"),
    # Among whole numbers most rows have neighbours that tie for the last place.
    replace(_classes("(integers)", data="integers"), least_compared=0.3),
    replace(_classes("(counts)", data="counts"), least_compared=0.3),
    _classes("(distance)", weights="distance"),
    _classes("(distance, 20)", weights="distance", n_neighbors=20),
    _classes("(distance, pairs)", weights="distance", target="pairs of classes"),
    _classes("(distance, p=3)", "bounded", weights="distance", p=3),
    _classes("(distance, brute manhattan)", weights="distance", algorithm="brute", p=1),
    _classes(
        "(distance, brute)",
        "refused",
        message="KNeighborsClassifier(weights='distance') by brute with metric 'euclidean'",
        weights="distance",
        algorithm="brute",
    ),
    _classes(
        "(weights=function)",
        "refused",
        message="python code has no graph; use 'uniform' or 'distance'",
        weights=_inverse_square,
    ),
    _classes("(braycurtis)", "refused", message="metric='braycurtis'", metric="braycurtis"),
    _amounts(""),
    _amounts("(counts)", target="counts"),
    _amounts("(two amounts)", target="two amounts"),
    _amounts("(distance)", weights="distance", n_neighbors=20),
    _amounts("(distance, two amounts)", weights="distance", target="two amounts"),
    _amounts("(brute)", "bounded", algorithm="brute"),
    _around("(outlier_label)", radius=1.5, outlier_label=1),
    _around("", radius=6.0),
    _around("(most_frequent)", radius=1.5, outlier_label="most_frequent", target="two words"),
    _around("(distance)", radius=1.5, outlier_label=7, weights="distance"),
    _around(
        "(brute, l2)",
        "refused",
        message="whether scikit-learn answers NaN depends on the kind of table",
        algorithm="brute",
        metric="l2",
        outlier_label=7,
    ),
    _around(
        "(brute, weights=None)",
        radius=1.5,
        outlier_label=7,
        algorithm="brute",
        metric="l2",
        weights=None,
    ),
    _around(
        "(brute, distance)",
        radius=1.5,
        outlier_label=7,
        algorithm="brute",
        p=1,
        weights="distance",
    ),
    _around("(brute)", radius=1.5, outlier_label=7, algorithm="brute"),
    _around("(pairs)", radius=1.5, outlier_label=[1, 0], target="pairs of classes"),
    _mean_around("", radius=1.5),
    _mean_around("(two amounts)", "bitwise", radius=1.5, target="two amounts"),
    _mean_around("(distance)", radius=1.5, weights="distance"),
    _outliers(""),
    _outliers("(contamination)", contamination=0.1, n_neighbors=5),
    _outliers("(brute)", "bounded", algorithm="brute"),
    _outliers("(novelty=False)", "refused", "use novelty=True", novelty=False),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_models_of_neighbours(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


def test_a_large_training_table_is_refused() -> None:
    values = np.random.default_rng(0).normal(size=(21846, 2))
    fitted = KNeighborsRegressor().fit(values, values[:, 0])
    with pytest.raises(ExportError, match="of at most 2 MiB for each row that is held"):
        convert(fitted, values)


@settings(max_examples=12)
@given(
    seed=st.integers(0, 2**16),
    width=st.integers(1, 9),
    count=st.integers(1, 25),
    weights=st.sampled_from(["uniform", "distance"]),
    algorithm=st.sampled_from(["kd_tree", "ball_tree"]),
    power=st.sampled_from([1, 2, np.inf]),
    is_discrete=st.booleans(),
)
def test_any_tree_votes_bit_for_bit(
    seed: int,
    width: int,
    count: int,
    weights: Any,
    algorithm: Any,
    power: float,
    *,
    is_discrete: bool,
) -> None:
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(120, width))
    if is_discrete:
        values = np.round(values * 2)
    shared = {"weights": weights, "algorithm": algorithm, "p": power, "leaf_size": 5}
    rows = np.vstack([values, np.nextafter(values, np.inf), (values + values[::-1]) / 2])
    voter = KNeighborsClassifier(count, **shared).fit(values, draw.integers(0, 3, 120))
    assert set(largest_errors(voter, rows).values()) <= {0.0}
    mean = KNeighborsRegressor(count, **shared).fit(values, draw.normal(size=120))
    assert set(largest_errors(mean, rows).values()) <= {0.0}


@settings(max_examples=8)
@given(
    seed=st.integers(0, 2**16),
    width=st.integers(1, 5),
    radius=st.sampled_from([0.3, 1.0, 2.0]),
    weights=st.sampled_from(["uniform", "distance"]),
    is_discrete=st.booleans(),
)
def test_any_radius_votes_bit_for_bit(
    seed: int, width: int, radius: float, weights: Any, *, is_discrete: bool
) -> None:
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(120, width))
    if is_discrete:
        values = np.round(values * 2)
    voter = RadiusNeighborsClassifier(radius, weights=weights, outlier_label=9)
    voter.fit(values, draw.integers(0, 3, 120))
    found = largest_errors(voter, np.vstack([values, values + 0.1]))
    assert set(found.values()) <= {0.0}


def test_times_are_refused_by_name() -> None:
    times = pd.DataFrame({"t": pd.date_range("2024-01-01", periods=20)})
    fitted = KNeighborsRegressor().fit(times, np.arange(20.0))
    with pytest.raises(ExportError, match=r"expected numbers, got times \['t'\]; derive numbers"):
        convert(fitted, times)
