"""Large batches: cut into chunks and spread over threads, without a change of any bit."""

import numpy as np
import pandas as pd
import pytest

from preproc import Artifact
from preproc.runtime import open_session
from preproc.runtime.chunks import CHUNK_ROWS


@pytest.mark.parametrize("workers", [1, 2])
def test_a_large_batch_has_the_bits_of_its_parts(
    workers: int, logistic_artifact: Artifact, table: pd.DataFrame
) -> None:
    assert logistic_artifact.path is not None
    rows = 2 * CHUNK_ROWS + 7
    read = [column.name for column in logistic_artifact.contract.signature.columns]
    large = table[read].iloc[np.random.default_rng(0).integers(0, len(table), rows)]
    with open_session(logistic_artifact.path, workers=workers) as session:
        whole = session.run(large)
        parts = [session.run(large.iloc[start : start + 500]) for start in range(0, rows, 500)]
    for name, values in whole.items():
        assert len(values) == rows
        np.testing.assert_array_equal(values, np.concatenate([part[name] for part in parts]))
