"""What the laws share: drawn tables, and one comparison of a graph with scikit-learn."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from preproc import compare
from preproc.contract import Contract
from preproc.export.conversion import convert
from preproc.runtime.building import session_of
from preproc.signature import ROW_ERROR

CELLS = st.one_of(
    st.floats(-1e3, 1e3), st.sampled_from([0.0, -0.0, 1.0, 5e-324, -1e-8, 1e16, -1e16])
)


def tables(*, columns: int = 3, cells: st.SearchStrategy[float] = CELLS) -> Any:
    """Draw tables of 12 rows and 1 to `columns` columns."""
    widths = st.integers(1, columns)
    return widths.flatmap(lambda width: arrays(np.float64, (12, width), elements=cells))


def assert_same(estimator: Any, table: NDArray[Any], edges: Sequence[float] = ()) -> None:
    """Fit, convert, and compare bit for bit: on training, beside the edges, in single rows."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        fitted = estimator.fit(table, np.arange(len(table)) % 2)
        rows = [table]
        if len(edges):
            near = np.array(edges, np.float64)
            near = np.concatenate([np.nextafter(near, -np.inf), near, np.nextafter(near, np.inf)])
            rows.append(np.repeat(near[:, None], table.shape[1], axis=1))
        batch = np.concatenate(rows)
        graph = convert(fitted, table)
        contract = Contract("drawn", graph.signature, "exact", "", {}, {}, {})
        with session_of(contract, graph.model) as session:
            got = session.run_prepared(session.pack({"X": batch}))
            single = session.run_prepared(session.pack({"X": batch[:1]}))
        is_answered = got[ROW_ERROR] == 0
        for row in batch[~is_answered]:
            assert is_refused(fitted, row[None])
        want = fitted.transform(batch[is_answered])
    want = want.toarray() if hasattr(want, "toarray") else np.asarray(want)
    found = compare(want, got["features"][is_answered])
    assert found.is_pass, found
    assert np.array_equal(single["features"][0], got["features"][0], equal_nan=True)


def is_refused(fitted: Any, rows: NDArray[Any]) -> bool:
    """Whether scikit-learn raises."""
    try:
        fitted.transform(rows)
    except ValueError:
        return True
    return False
