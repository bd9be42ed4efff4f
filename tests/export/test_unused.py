"""Columns that callers must send and no answer depends on are named at export."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from preproc.export import export_pipeline
from preproc.export.certificate import summary_of

ROWS = 40
PEOPLE = pd.DataFrame(
    {
        "age": np.linspace(18.0, 80.0, ROWS),
        "limit": np.cos(np.arange(ROWS)),
        "id": np.arange(ROWS),
        "note": ["a", "b"] * (ROWS // 2),
    }
)


def test_what_every_call_must_send_for_nothing_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Of the columns that are scaled one is selected, and the other one refuses infinities still.
    scaled = make_column_transformer((StandardScaler(), ["age", "limit"]))
    pipeline = make_pipeline("passthrough", scaled, SelectKBest(f_regression, k=1))
    pipeline.fit(PEOPLE, PEOPLE["age"])
    written = export_pipeline(pipeline, PEOPLE, repository=tmp_path, name="model")
    assert [column.name for column in written.contract.signature.columns] == list(PEOPLE)
    assert written.certificate["unused"] == ["id", "note"]
    assert capsys.readouterr().out.splitlines()[-1] == (
        "  unused: no answer depends on 'id', 'note', yet every call must send them; drop them "
        "before fit, and none has to"
    )
    many = {**written.certificate, "unused": [f"c{at}" for at in range(12)]}
    assert " 'c8', 'c9' and 2 more, yet every call " in summary_of("model", many).splitlines()[-1]


def test_nothing_is_told_of_columns_that_the_contract_leaves_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = make_column_transformer((StandardScaler(), ["age", "limit"])).fit(PEOPLE)
    written = export_pipeline(pipeline, PEOPLE, repository=tmp_path, name="model")
    assert [column.name for column in written.contract.signature.columns] == ["age", "limit"]
    assert written.certificate["unused"] == []
    assert "unused" not in capsys.readouterr().out
