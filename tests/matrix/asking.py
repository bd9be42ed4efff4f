"""Fitted estimators asked without an artifact in between: the graph beside scikit-learn."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc import compare
from preproc.contract import Contract
from preproc.export.answers import as_output
from preproc.export.batches import Columns, rows_of
from preproc.export.conversion import convert
from preproc.export.oracle import Oracle
from preproc.runtime.building import session_of
from preproc.runtime.feeding import columns_of
from preproc.signature import ROW_ERROR, Output
from tests.matrix.harness import doubts_of


@dataclass(frozen=True, slots=True)
class Asked:
    """What a graph said.

    Attributes
    ----------
    oracle
        What scikit-learn would say.
    outputs
        All that the estimator can give.
    rows
        What was asked, column → array (n, width).
    answers
        Output → array of n rows, ``row_error`` among them.
    is_clear
        Rows that neither refusal nor chance takes, (n,).
    """

    oracle: Oracle
    outputs: tuple[Output, ...]
    rows: Columns
    answers: dict[str, NDArray[Any]]
    is_clear: NDArray[np.bool_]

    def want(self, output: Output) -> NDArray[Any]:
        """Ask scikit-learn for the clear rows."""
        rows = rows_of(self.rows, self.is_clear)
        return as_output(output, self.oracle.answer(rows, output.key))

    def got(self, output: Output) -> NDArray[Any]:
        """Give what the graph said of the clear rows."""
        return self.answers[output.name][self.is_clear]


def ask(fitted: Any, training: NDArray[Any], values: NDArray[Any]) -> Asked:
    """Convert an estimator that was trained on an array, and ask for all its outputs.

    The first row is asked alone as well; its bits must be the same.
    """
    keys = [answer.output.key for answer in convert(fitted, training).answers]
    graph = convert(fitted, training, keys)
    contract = Contract("asked", graph.signature, "exact", "", {}, {}, {})
    columns = columns_of(values, graph.signature)
    rows = {name: np.asarray(cells).reshape(len(values), -1) for name, cells in columns.items()}
    with session_of(contract, graph.model) as session:
        answers = session.run_prepared(session.pack(rows))
        single = session.run_prepared(session.pack(rows_of(rows, slice(0, 1))))
    for name, answer in answers.items():
        is_float = answer.dtype.kind == "f"
        assert np.array_equal(single[name], answer[:1], equal_nan=is_float), name
    is_clear = answers[ROW_ERROR] == 0
    if graph.doubts:
        is_clear &= ~doubts_of(fitted, training, contract)(rows)
    oracle = Oracle(fitted, training, graph.signature)
    return Asked(oracle, graph.signature.outputs, rows, dict(answers), is_clear)


def features_of(
    fitted: Any, values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Give the features of a transformer trained on an array, (n, width), and ``row_error``."""
    answers = ask(fitted, values, values).answers
    return answers["features"], answers[ROW_ERROR]


def both_features(
    fitted: Any, values: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    """Give a transformer's features by scikit-learn and by the graph.

    Returns
    -------
    tuple
        Wanted and got, (clear rows, width) each, and which of all rows are left out, (n,).
    """
    asked = ask(fitted, values, values)
    output = next(output for output in asked.outputs if output.role == "features")
    got = asked.got(output)
    return asked.want(output) if len(got) else got, got, ~asked.is_clear


def largest_errors(fitted: Any, values: NDArray[Any]) -> dict[str, float]:
    """Assert that labels are equal; output of numbers → largest absolute error."""
    asked = ask(fitted, values, values)
    errors = {}
    for output in asked.outputs if asked.is_clear.any() else ():
        want, got = asked.want(output), asked.got(output)
        if output.role == "label":
            assert np.array_equal(want, got)
        else:
            errors[output.name] = float(np.abs(want - got).max())
    return errors


def assert_equal_bits(model: Any, table: NDArray[np.float64], target: NDArray[Any]) -> None:
    """Fit, and compare every output bit for bit: on training, its midpoints, and beside both."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        fitted = model.fit(table, target)
        middle = (table[:-1] + table[1:]) / 2
        rows = np.concatenate([table, middle, np.nextafter(middle, np.inf)])
        asked = ask(fitted, table, rows)
        assert asked.is_clear.all()
        for output in asked.outputs:
            found = compare(asked.want(output), asked.got(output))
            assert found.is_pass, (output.name, found)
