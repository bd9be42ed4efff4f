"""What an export says of looked-up values and of field numbers."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from preproc.artifact import read_contract
from preproc.errors import ExportError
from preproc.export import export_pipeline

FRAME = pd.DataFrame({"income": [1.0, 2.0, 4.0], "age": [3.0, 5.0, 9.0]})


def export(repository: Path, frame: pd.DataFrame = FRAME, **options: Any) -> Any:
    pipeline = make_pipeline(StandardScaler()).fit(frame)
    return export_pipeline(pipeline, frame, repository=repository, name="m", **options)


def test_age_limits_are_written_into_the_contract(tmp_path: Path) -> None:
    terms = {"allowed": ["OK", "STALE"], "max_age_s": 3600}
    export(tmp_path, freshness={"income": terms})
    income, age = read_contract(tmp_path / "m" / "1").signature.columns
    assert income.freshness == {**terms, "breach": "refuse"}
    assert age.freshness is None


def test_what_comes_along_has_numbers_that_later_versions_keep(tmp_path: Path) -> None:
    export(tmp_path)
    export(tmp_path, freshness={"income": {}})
    export(tmp_path)
    wires = [read_contract(tmp_path / "m" / version).wire for version in "123"]
    assert wires[0] == {"income": 1, "age": 2}
    assert wires[1] == {"income": 1, "age": 2, "income.status": 3, "income.event_time": 4}
    assert wires[2] == wires[1]


@pytest.mark.parametrize(
    ("freshness", "text"),
    [
        ({"zip": {}}, "freshness: expected columns that are read, got ['zip']"),
        (
            {"age": {"max_age": 1}},
            (
                "freshness of 'age': expected keys among ['allowed', 'breach', 'max_age_s'], "
                "got ['max_age']"
            ),
        ),
        (
            {"age": {"allowed": ["GOOD"]}},
            (
                "freshness of 'age': expected statuses among "
                "('OK', 'STALE', 'DEFAULT', 'TIMEOUT'), got ['GOOD']"
            ),
        ),
        (
            {"age": {"max_age_s": 0}},
            "freshness of 'age': expected max_age_s above 0 or None, got 0",
        ),
        (
            {"age": {"breach": "warn"}},
            "freshness of 'age': expected breach among ('refuse', 'flag'), got 'warn'",
        ),
    ],
    ids=["column", "key", "status", "age", "breach"],
)
def test_terms_out_of_place_are_refused(
    tmp_path: Path, freshness: dict[str, Any], text: str
) -> None:
    with pytest.raises(ExportError) as caught:
        export(tmp_path, freshness=freshness)
    assert caught.value.problem == text
    assert not list(tmp_path.glob("m/1"))


def test_columns_that_no_service_could_tell_apart_are_refused(tmp_path: Path) -> None:
    frame = FRAME.rename(columns={"income": "a b", "age": "a_b"})
    with pytest.raises(ExportError, match="got 'a b' and 'a_b', both 'a_b'; rename one"):
        export(tmp_path, frame)
