"""Clusterings as transformers, and the leaves of random trees."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import Birch, BisectingKMeans, FeatureAgglomeration, KMeans, MiniBatchKMeans
from sklearn.ensemble import RandomTreesEmbedding
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from preproc.export.converters.tree import tree_edges
from tests.matrix.asking import both_features
from tests.matrix.harness import Case, check

DISTANCES: Final = [
    Case("KMeans", KMeans(4, n_init=1, random_state=0), "centred", "bounded"),
    Case("KMeans(1)", KMeans(1, n_init=1, random_state=0), "unit", "bounded"),
    Case("KMeans, offset", KMeans(4, n_init=1, random_state=0), "numbers", "bounded"),
    Case("KMeans, wide", KMeans(4, n_init=1, random_state=0), "seventy columns", "bounded"),
    Case("KMeans, integers", KMeans(4, n_init=1, random_state=0), "integers", "bounded"),
    Case("KMeans, frame", KMeans(2, n_init=1, random_state=0), "numeric frame", "bounded"),
    Case(
        "KMeans, sparse",
        make_pipeline(OneHotEncoder(), KMeans(3, n_init=1, random_state=0)),
        "words",
    ),
    Case(
        "KMeans after scaling",
        make_pipeline(StandardScaler(), KMeans(3, n_init=1, random_state=0)),
        "numbers",
        "bounded",
    ),
    Case("MiniBatchKMeans", MiniBatchKMeans(3, n_init=1, random_state=0), "unit", "bounded"),
    Case("BisectingKMeans", BisectingKMeans(3, random_state=0), "centred", "bounded"),
    Case("Birch", Birch(threshold=1.0, n_clusters=3), "centred", "bounded"),
    Case("Birch, rows are centroids", Birch(threshold=0.01), "unit", "bounded"),
]

POOLS: Final = [
    Case("FeatureAgglomeration", FeatureAgglomeration(2), "numbers"),
    Case("FeatureAgglomeration(1)", FeatureAgglomeration(1), "seventy columns"),
    Case("FeatureAgglomeration, wide", FeatureAgglomeration(7), "seventy columns"),
    Case("FeatureAgglomeration(max)", FeatureAgglomeration(2, pooling_func=np.max), "centred"),
    Case("FeatureAgglomeration(min)", FeatureAgglomeration(3, pooling_func=np.min), "numbers"),
    Case(
        "FeatureAgglomeration(correlation)",
        FeatureAgglomeration(2, metric="cosine", linkage="average"),
        "centred",
    ),
    Case("FeatureAgglomeration, integers", FeatureAgglomeration(2), "integers"),
    Case(
        "FeatureAgglomeration(median)",
        FeatureAgglomeration(2, pooling_func=np.median),
        "unit",
        "refused",
        "FeatureAgglomeration(pooling_func=median): only mean, max and min of numpy are exported",
    ),
]

LEAVES: Final = [
    Case("RandomTreesEmbedding", RandomTreesEmbedding(10, random_state=0), "numbers"),
    Case(
        "RandomTreesEmbedding(deep, dense)",
        RandomTreesEmbedding(5, max_depth=12, sparse_output=False, random_state=0),
        "centred",
    ),
    Case(
        "RandomTreesEmbedding(max_leaf_nodes=2)",
        RandomTreesEmbedding(3, max_leaf_nodes=2, random_state=0),
        "unit",
    ),
    Case("RandomTreesEmbedding, integers", RandomTreesEmbedding(5, random_state=0), "integers"),
    Case("RandomTreesEmbedding, NaN", RandomTreesEmbedding(5, random_state=0), "holes"),
    Case(
        "RandomTreesEmbedding, sparse",
        make_pipeline(OneHotEncoder(), RandomTreesEmbedding(4, random_state=0)),
        "words",
    ),
]

CASES: Final = [*DISTANCES, *POOLS, *LEAVES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_clusterings(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**31),
    width=st.integers(1, 24),
    clusters=st.integers(1, 4),
    scale=st.sampled_from([1.0, 1e-150, 1e150, 1e-300]),
    pool=st.sampled_from([np.mean, np.max, np.min]),
)
def test_drawn_pools_have_equal_bits(
    seed: int, width: int, clusters: int, scale: float, pool: Any
) -> None:
    table = np.random.default_rng(seed).normal(size=(50, width + 1))
    fitted = FeatureAgglomeration(min(clusters, width + 1), pooling_func=pool).fit(table)
    want, got, _ = both_features(fitted, table * scale)
    assert np.array_equal(want, got)


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**31),
    width=st.integers(1, 12),
    depth=st.integers(1, 10),
    places=st.integers(0, 3),
)
def test_drawn_trees_send_rows_to_the_same_leaves(
    seed: int, width: int, depth: int, places: int
) -> None:
    table = np.random.default_rng(seed).normal(size=(60, width)).round(places)
    fitted = RandomTreesEmbedding(4, max_depth=depth, random_state=seed).fit(table)
    at_edges = table.copy()
    for feature, edges in tree_edges(fitted).items():
        near = np.concatenate([edges, np.nextafter(edges, np.inf), edges.astype(np.float32)])
        at_edges[:, feature] = np.resize(near, len(table))
    want, got, _ = both_features(fitted, at_edges)
    assert np.array_equal(want, got)


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**31),
    width=st.integers(1, 20),
    clusters=st.integers(1, 6),
    offset=st.sampled_from([0.0, 1.0, 1e4]),
)
def test_drawn_distances_are_as_exact_as_their_expansion(
    seed: int, width: int, clusters: int, offset: float
) -> None:
    table = np.random.default_rng(seed).normal(size=(60, width)) + offset
    fitted = KMeans(clusters, n_init=1, random_state=0).fit(table)
    rows = np.concatenate([table, fitted.cluster_centers_])
    want, got, _ = both_features(fitted, rows)
    # Four roundings of the summands of each square, |x|² + |y|² - 2xy.
    own, others = (np.square(table).sum(axis=1) for table in (rows, fitted.cluster_centers_))
    room = 2.0**-50 * (own[:, np.newaxis] + others)
    assert (np.abs(want**2 - got**2) <= room).all()
