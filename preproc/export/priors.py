"""Rows where prior probabilities of classes decide: evidence ties, or what both together say.

Both are asked of scikit-learn, step by step, at the features that the graph gives the step. A class
with a small prior may win on no real row; the rows where it would tie show its prior all the same.
Where a dummy predicts, each row shows the prior.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, GaussianNB, MultinomialNB

from preproc.export.anchors import features_of
from preproc.export.batches import Columns, rows_of
from preproc.export.crossings import Probe
from preproc.export.decisions import change_rows
from preproc.export.scope import Step
from preproc.signature import TEXT

Matrix = NDArray[np.float64]

MAX_PAIRS: Final = 24
"""Pairs of classes of a step; of more, evenly chosen ones."""
MAX_STEPS: Final = 4
"""Steps with priors that are searched."""


def _bayes_priors(fitted: Any) -> Matrix:
    return np.asarray(fitted.class_log_prior_)


def _gaussian_priors(fitted: GaussianNB) -> Matrix:
    return np.asarray(np.log(fitted.class_prior_))


def _discriminant_priors(fitted: Any) -> Matrix:
    return np.asarray(np.log(fitted.priors_))


def _bayes_scores(fitted: Any, features: Matrix) -> Matrix:
    return np.asarray(fitted.predict_joint_log_proba(features))


def _discriminant_scores(fitted: Any, features: Matrix) -> Matrix:
    scores = np.asarray(fitted.decision_function(features))
    return scores if scores.ndim > 1 else np.stack([np.zeros(len(scores)), scores], axis=1)


_BAYES: Final = (_bayes_priors, _bayes_scores)
_DISCRIMINANT: Final = (_discriminant_priors, _discriminant_scores)

PRIORS: Final[Mapping[type, tuple[Callable[[Any], Matrix], Callable[[Any, Matrix], Matrix]]]] = {
    BernoulliNB: _BAYES,
    CategoricalNB: _BAYES,
    GaussianNB: (_gaussian_priors, _bayes_scores),
    LinearDiscriminantAnalysis: _DISCRIMINANT,
    MultinomialNB: _BAYES,
    QuadraticDiscriminantAnalysis: _DISCRIMINANT,
}
"""Class → logarithms of the priors, (classes,), and joint scores of features, (n, classes); these
are logarithms but for a number that all classes of a row share."""


def prior_rows(steps: Sequence[Step], probe: Probe, sample: Columns) -> list[Columns]:
    """Make rows on both sides of where two classes tie, with their priors and without.

    Parameters
    ----------
    steps
        All steps of the pipeline.
    probe
        The graph, laid open.
    sample
        Raw rows; the way goes from the one that speaks most for a class to the one that speaks
        most against it.

    Returns
    -------
    list
        Batches, none where no step has priors.
    """
    found = []
    known = [
        step
        for step in steps
        if type(step.fitted) in PRIORS and all(b.dtype != TEXT for b in step.taken.blocks)
    ]
    values = probe.run(sample) if known else {}
    for step in known[:MAX_STEPS]:
        log_priors = PRIORS[type(step.fitted)][0](step.fitted)
        scores = _scores(step, values)
        pairs = list(combinations(range(scores.shape[1]), 2))
        kept = np.linspace(0, len(pairs) - 1, min(MAX_PAIRS, len(pairs))).round().astype(int)
        one, other = np.array([pairs[at] for at in kept], np.int64).reshape(-1, 2).T
        found += [
            _ties(step, probe, sample, scores, (one, other, offsets))
            for offsets in (np.zeros(len(one)), log_priors[one] - log_priors[other])
        ]
    return found


def _ties(
    step: Step,
    probe: Probe,
    sample: Columns,
    scores: Matrix,
    pairs: tuple[NDArray[np.int64], NDArray[np.int64], Matrix],
) -> Columns:
    """Make rows around ties of pairs of classes, whose scores are equal when an offset apart."""
    one, other, offsets = pairs

    def leads(scored: Matrix) -> Matrix:
        return np.nan_to_num(scored[:, one] - scored[:, other] - offsets)

    lead = leads(scores)
    start, end = lead.argmax(axis=0), lead.argmin(axis=0)
    at = np.arange(len(one))

    def is_ahead(rows: Columns) -> NDArray[np.bool_]:
        return leads(_scores(step, probe.run(rows)))[at, at] >= 0

    return change_rows(probe.signature, rows_of(sample, start), rows_of(sample, end), is_ahead)


def _scores(step: Step, values: Mapping[str, NDArray[Any]]) -> Matrix:
    return PRIORS[type(step.fitted)][1](step.fitted, features_of(step, values))
