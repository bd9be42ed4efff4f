"""Models asked without an artifact in between: all outputs, bit for bit."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preproc import compare
from preproc.contract import Contract
from preproc.export.answers import as_output
from preproc.export.oracle import Oracle
from preproc.export.pipeline import convert
from preproc.runtime.session import session_of
from preproc.signature import ROW_ERROR


def assert_answers(model: Any, table: NDArray[np.float64], target: NDArray[Any]) -> None:
    """Fit, convert, and compare every output: on training, its midpoints, and beside both."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        fitted = model.fit(table, target)
        middle = (table[:-1] + table[1:]) / 2
        rows = np.concatenate([table, middle, np.nextafter(middle, np.inf)])
        keys = [answer.output.key for answer in convert(fitted, table).answers]
        graph = convert(fitted, table, keys)
        contract = Contract("drawn", graph.signature, "exact", "", {}, {}, {})
        with session_of(contract, graph.model) as session:
            got = session.run_prepared(session.pack({"X": rows}))
        assert not got[ROW_ERROR].any()
        oracle = Oracle(fitted, table, graph.signature)
        for _, output in graph.outputs:
            want = as_output(output, oracle.answer({"X": rows}, output.key))
            found = compare(want, got[output.name])
            assert found.is_pass, (output.name, found)
