"""Imputers on drawn arrays: both answers, without an artifact in between."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.contract import Contract
from preproc.export.oracle import Oracle
from preproc.export.pipeline import convert
from preproc.runtime.feeding import columns_of
from preproc.runtime.session import session_of
from preproc.signature import ROW_ERROR
from tests.matrix.harness import doubts_of


def both_answers(
    fitted: Any, values: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    """Ask scikit-learn and the graph for the rows that neither refusal nor chance takes.

    Parameters
    ----------
    fitted
        Transformer trained on an array.
    values
        Rows (n, features) of the same kind.

    Returns
    -------
    tuple
        What scikit-learn wants and the graph gives, (answered rows, width) each, and
        which of all rows are left out, (n,).
    """
    graph = convert(fitted, values)
    contract = Contract("drawn", graph.signature, "exact", "", {}, {}, {})
    oracle = Oracle(fitted, values, graph.signature)
    with session_of(contract, graph.model) as session:
        rows = columns_of(values, graph.signature)
        answers = session.run_prepared(session.pack(rows))
    is_out = answers[ROW_ERROR] != 0
    if graph.doubts:
        is_out |= doubts_of(fitted, values, contract)(rows)
    got = answers["features"][~is_out]
    if not len(got):
        return got, got, is_out
    want = oracle.answer({"X": rows["X"][~is_out]}, "features")
    return want, got, is_out
