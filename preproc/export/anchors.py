"""Raw rows at what a model remembers: support vectors, training rows, the centres of classes.

Such points lie in the space of a step's features, and few steps can be inverted. But they come from
training rows: of the rows that are at hand, the one whose features lie nearest is the row itself
where it is among them, and its neighbour where it is not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_regressor
from sklearn.cluster import AffinityPropagation, KMeans, MeanShift, MiniBatchKMeans
from sklearn.decomposition import KernelPCA
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    LocalOutlierFactor,
    NearestCentroid,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

from preproc.export.batches import Columns, joined, rows_of
from preproc.export.crossings import Probe
from preproc.export.decisions import between
from preproc.export.scope import Step
from preproc.signature import TEXT

Matrix = NDArray[np.float64]

MAX_ANCHORS: Final = 32
"""Points of all steps together; more are thinned out evenly, first and last stay."""


def _process_rows(fitted: GaussianProcessClassifier) -> Any:
    """Give the training rows of the first of the binary processes: all have the same."""
    inner = fitted.base_estimator_
    return getattr(inner, "estimators_", [inner])[0].X_train_


ANCHORS: Final[Mapping[type, Callable[[Any], Any]]] = {
    AffinityPropagation: attrgetter("cluster_centers_"),
    BayesianGaussianMixture: attrgetter("means_"),
    GaussianMixture: attrgetter("means_"),
    GaussianNB: attrgetter("theta_"),
    GaussianProcessClassifier: _process_rows,
    GaussianProcessRegressor: attrgetter("X_train_"),
    KernelPCA: attrgetter("X_fit_"),
    KernelRidge: attrgetter("X_fit_"),
    KMeans: attrgetter("cluster_centers_"),
    KNeighborsClassifier: attrgetter("_fit_X"),
    KNeighborsRegressor: attrgetter("_fit_X"),
    LinearDiscriminantAnalysis: attrgetter("means_"),
    LocalOutlierFactor: attrgetter("_fit_X"),
    MeanShift: attrgetter("cluster_centers_"),
    MiniBatchKMeans: attrgetter("cluster_centers_"),
    NearestCentroid: attrgetter("centroids_"),
    NuSVC: attrgetter("support_vectors_"),
    NuSVR: attrgetter("support_vectors_"),
    OneClassSVM: attrgetter("support_vectors_"),
    QuadraticDiscriminantAnalysis: attrgetter("means_"),
    RadiusNeighborsClassifier: attrgetter("_fit_X"),
    RadiusNeighborsRegressor: attrgetter("_fit_X"),
    SVC: attrgetter("support_vectors_"),
    SVR: attrgetter("support_vectors_"),
}
"""Estimator class → the points in the space of its features that it remembers, (m, k)."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """Raw rows at remembered points.

    Attributes
    ----------
    rows
        One a point.
    pairs
        Positions of a row and of the nearest one that its model answers otherwise, (pairs, 2): of
        two nearest ones where the model gives numbers.
    """

    rows: Columns
    pairs: NDArray[np.int64]


def anchors_in(steps: Sequence[Step], probe: Probe, sample: Columns) -> Anchors | None:
    """Find rows of a sample at the points that the steps remember; None where none remembers any.

    Parameters
    ----------
    steps
        All steps of the pipeline.
    probe
        The graph, laid open.
    sample
        Raw rows, best the training rows.
    """
    remembering = [step for step in steps if _points(step, 1) is not None]
    if not remembering:
        return None
    values = probe.run(sample)
    each = max(MAX_ANCHORS // len(remembering), 2)
    found: list[int] = []
    pairs: list[tuple[int, int]] = []
    for step in remembering[: MAX_ANCHORS // 2]:
        features = features_of(step, values)
        points = _points(step, each)
        assert points is not None  # it remembers some
        nearest = list(dict.fromkeys(_nearest(features, point) for point in points))
        pairs += [
            (len(found) + one, len(found) + other)
            for one, other in _opposites(step.fitted, features[nearest])
        ]
        found += nearest
    return Anchors(rows_of(sample, found), np.array(pairs, np.int64).reshape(-1, 2))


def anchor_rows(probe: Probe, anchors: Anchors) -> Columns:
    """Give the rows at the points, and the middle of each pair."""
    start, end = (rows_of(anchors.rows, anchors.pairs[:, side]) for side in (0, 1))
    half = np.full(len(anchors.pairs), 0.5)
    return joined([anchors.rows, between(probe.signature, start, end, half)])


def features_of(step: Step, values: Mapping[str, NDArray[Any]]) -> Matrix:
    """Join what a step takes, all of it numbers, to (n, k) in float64."""
    return np.concatenate(
        [np.asarray(values[block.value], np.float64) for block in step.taken.blocks], axis=1
    )


def _points(step: Step, count: int) -> Matrix | None:
    """Choose remembered points evenly, (at most count, k); None where a step has none."""
    known = ANCHORS.get(type(step.fitted))
    if known is None or any(block.dtype == TEXT for block in step.taken.blocks):
        return None
    points = known(step.fitted)
    # A precomputed kernel keeps no rows.
    if not points.shape[0] or points.shape[1] != len(step.taken.features):
        return None
    at = np.unique(np.linspace(0, points.shape[0] - 1, count).round().astype(int))
    chosen = points[at]
    return np.asarray(chosen.toarray() if hasattr(chosen, "toarray") else chosen, np.float64)


def _nearest(features: Matrix, point: Matrix) -> int:
    """Position of the row nearest a point; NaN is near NaN alone."""
    apart = (features - point) ** 2
    apart[np.isnan(features) & np.isnan(point)] = 0.0
    return int(np.argmin(np.nan_to_num(apart, nan=np.inf).sum(axis=1)))


def _opposites(fitted: Any, features: Matrix) -> list[tuple[int, int]]:
    """Pair each row with the nearest one that the model answers otherwise."""
    side: NDArray[Any] = np.arange(len(features))
    if hasattr(fitted, "predict") and not is_regressor(fitted):
        side = np.asarray(fitted.predict(features)).reshape(len(features), -1)[:, 0]
    pairs = set()
    for row in range(len(features)):
        others = np.flatnonzero(side != side[row])
        if len(others):
            other = int(others[_nearest(features[others], features[row])])
            pairs.add((min(row, other), max(row, other)))
    return sorted(pairs)
