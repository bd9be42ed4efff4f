"""Linear models that predict numbers: least squares and its penalties, GLMs, PLS, RANSAC.

All are a product with the coefficients and then the intercept; the generalized ones apply the
inverse of their link. On sparse features the product is scipy's ordered sum and equal bit for
bit; on dense ones BLAS decides its last bits.
"""

from dataclasses import replace
from typing import Any

from sklearn.linear_model import ElasticNet

from preproc.export.answers import Answer, prediction_answer
from preproc.export.converters.choices import flat
from preproc.export.converters.linear import weighted_sum
from preproc.export.converters.products import exponential_of
from preproc.export.scope import Scope
from preproc.export.table import Block, Table, finite_numbers, least_certain, numbers


def linear_regressor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give the prediction of a linear model of one target or several.

    scikit-learn does not look at sparse rows for NaN and infinity where a model is fitted by
    coordinate descent: they flow through the sum.
    """
    if isinstance(fitted, ElasticNet) and table.is_sparse:
        block = numbers(scope, table)
    else:
        block = finite_numbers(scope, fitted, table)
    return (_prediction(scope, fitted, block, is_sparse=table.is_sparse),)


def generalized_linear(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give the prediction of a generalized linear model, whose link is the identity or a log."""
    link = type(fitted._base_loss.link).__name__  # noqa: SLF001  # no public way
    if link not in ("IdentityLink", "LogLink"):
        raise scope.error(
            f"{type(fitted).__name__} with the link {link}: only the identity and the logarithm "
            "are exported; use link='log' or 'identity'"
        )
    block = finite_numbers(scope, fitted, table)
    answer = _prediction(scope, fitted, block, is_sparse=table.is_sparse)
    if link == "LogLink":
        value = exponential_of(scope, answer.value)
        answer = replace(answer, value=value, decided=least_certain("libm", answer.decided))
    return (answer,)


def partial_least_squares_regressor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Subtract the mean, multiply, add the intercept: the coefficients hold the deviations."""
    block = finite_numbers(scope, fitted, table)
    mean = scope.row(fitted._x_mean)  # noqa: SLF001  # no public way
    block = replace(block, value=scope.op("Sub", block.value, mean))
    value, decided = weighted_sum(scope, block, fitted.coef_, is_sparse=False, is_finite=False)
    value = scope.op("Add", value, scope.row(fitted.intercept_))
    if fitted._predict_1d:  # noqa: SLF001  # no public way
        return (prediction_answer(flat(scope, value), decided),)
    return (prediction_answer(value, decided, width=len(fitted.coef_)),)


def consensus_regressor(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
    """Give the prediction of the estimator that RANSAC fitted to the inliers.

    RANSAC lets NaN and infinity pass; its estimator refuses what it refuses.
    """
    answers = scope.predict("estimator_", fitted.estimator_, table)
    if "prediction" not in answers:
        raise scope.error(
            f"RANSACRegressor(estimator={type(fitted.estimator_).__name__}): expected a "
            f"regressor, which gives a prediction, got {sorted(answers)}; use LinearRegression"
        )
    return (answers["prediction"],)


def _prediction(scope: Scope, fitted: Any, block: Block, *, is_sparse: bool) -> Answer:
    """Compute the linear predictor: (n,) where the coefficients are flat, else (n, targets)."""
    value, decided = weighted_sum(scope, block, fitted.coef_, is_sparse=is_sparse)
    value = scope.op("Add", value, scope.row(fitted.intercept_))
    if fitted.coef_.ndim == 1:
        return prediction_answer(flat(scope, value), decided)
    return prediction_answer(value, decided, width=fitted.coef_.shape[0])
