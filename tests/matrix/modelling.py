"""Models on drawn arrays: both answers, without an artifact in between."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc.contract import Contract
from preproc.export.answers import as_output
from preproc.export.oracle import Oracle
from preproc.export.pipeline import convert, probe_of
from preproc.runtime.feeding import columns_of
from preproc.runtime.session import session_of
from preproc.signature import ROW_ERROR


def assert_answers(fitted: Any, values: NDArray[Any]) -> dict[str, float]:
    """Hold all outputs against scikit-learn on the rows that neither refusal nor chance takes.

    Parameters
    ----------
    fitted
        Model trained on an array.
    values
        Rows (n, features) of the same kind.

    Returns
    -------
    dict
        Output of numbers → largest absolute error; labels must be equal.
    """
    everything = [answer.output.key for answer in convert(fitted, values).answers]
    graph = convert(fitted, values, everything)
    contract = Contract("drawn", graph.signature, "exact", "", {}, {}, {})
    rows = {name: np.asarray(cells) for name, cells in columns_of(values, graph.signature).items()}
    with session_of(contract, graph.model) as session:
        got = session.run_prepared(session.pack(rows))
    is_clear = got[ROW_ERROR] == 0
    if graph.doubts:
        with probe_of(contract, graph) as probe:
            laid_open = probe(dict(rows))
        for doubt in graph.doubts:
            is_clear &= ~laid_open[doubt.rows].any(axis=1)
    oracle = Oracle(fitted, values, graph.signature)
    answered = {name: cells[is_clear] for name, cells in rows.items()}
    errors = {}
    for output in graph.signature.outputs if is_clear.any() else ():
        want, own = as_output(output, oracle.answer(answered, output.key)), got[output.name]
        if output.role == "label":
            assert np.array_equal(want, own[is_clear])
        else:
            errors[output.name] = float(np.abs(want - own[is_clear]).max())
    return errors
