"""How far rows are moved to find those of which rounding decides."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from preproc.export import export_pipeline, spread
from preproc.runtime import Session, open_session

ROWS = 300
COLUMNS = 1500


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ridge, NDArray[np.float64], Session]:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(ROWS, COLUMNS))
    model = Ridge().fit(x, x[:, 0] + draw.normal(size=ROWS))
    folder = tmp_path_factory.mktemp("wide")
    artifact = export_pipeline(model, x, repository=folder, name="wide")
    assert artifact.path is not None
    return model, x, open_session(artifact.path)


def share_unmoved(wide: tuple[Ridge, NDArray[np.float64], Session]) -> float:
    """Share of rows that scikit-learn's own rounding moves further than all nudges do."""
    model, x, session = wide
    weights = model.coef_.astype(np.longdouble)

    def exact(rows: Mapping[str, NDArray[Any]]) -> NDArray[np.longdouble]:
        (values,) = rows.values()
        sums: NDArray[np.longdouble] = (values.astype(np.longdouble) * weights).sum(axis=1)
        return sums

    rows = {session.signature.columns[0].name: x}
    alone = np.concatenate([x[at : at + 1] @ model.coef_ for at in range(ROWS)])
    rounding = np.maximum(np.abs(alone - exact(rows)), np.abs(x @ model.coef_ - exact(rows)))
    moved = [np.abs(exact(near) - exact(rows)) for near in spread.nudged_rows(session, rows)]
    assert len(moved) == 2 * spread.NUDGES
    return float(np.mean(np.max(moved, axis=0) <= rounding))


def test_wide_rows_are_moved_further_than_rounding_moves_their_sums(
    wide: tuple[Ridge, NDArray[np.float64], Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert share_unmoved(wide) < 0.005
    monkeypatch.setattr(spread, "SUMMANDS", COLUMNS)
    assert share_unmoved(wide) > 0.05
