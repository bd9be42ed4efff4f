"""Models on sparse rows, and one graph asked for everything that it can answer."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder

from preproc.contract import Contract
from preproc.export.pipeline import convert
from preproc.runtime.session import session_of
from preproc.signature import ROW_ERROR


def on_sparse(model: Any) -> Pipeline:
    """Put what makes "few floats" sparse in front of a model."""
    codes = ColumnTransformer(
        [
            ("codes", OneHotEncoder(handle_unknown="ignore"), [0, 1]),
            ("numbers", MaxAbsScaler(), [2]),
        ],
        sparse_threshold=1.0,
    )
    return make_pipeline(codes, model)


def graph_answers(fitted: Any, training: Any, rows: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """Convert a model and give all outputs for rows, none of which is refused."""
    keys = [answer.output.key for answer in convert(fitted, training).answers]
    graph = convert(fitted, training, keys)
    contract = Contract("drawn", graph.signature, "exact", "", {}, {}, {})
    with session_of(contract, graph.model) as session:
        answers = session.run_prepared(session.pack({"X": rows}))
    assert not answers[ROW_ERROR].any()
    return dict(answers)
