"""The command that checks a pipeline from disk."""

import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from typer.testing import CliRunner

from preproc.cli.commands import app
from tests.export.faulty import RefitScaler, people

COLUMNS = ["age", "visits"]
OWN_TYPE = "tests.export.faulty.RefitScaler"


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "sample.parquet"
    people()[COLUMNS].to_parquet(path)
    return path


def _fitted(*steps: Any) -> Any:
    frame = people()[COLUMNS]
    return make_pipeline(*steps).fit(frame, np.arange(len(frame)) % 2)


def _check(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


def test_a_clean_pipeline_passes(sample: Path, tmp_path: Path) -> None:
    skops.io.dump(_fitted(StandardScaler(), LogisticRegression()), tmp_path / "clean.skops")
    done = _check(tmp_path / "clean.skops", "--data", sample, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["is_pass"], found["rows"]) == (True, 120)
    assert found["steps"] == ["standardscaler", "logisticregression"]


def test_a_faulty_pipeline_exits_1_and_names_the_step(sample: Path, tmp_path: Path) -> None:
    skops.io.dump(_fitted(RefitScaler()), tmp_path / "faulty.skops")
    done = _check(tmp_path / "faulty.skops", "--data", sample, "--trust", OWN_TYPE)
    assert done.exit_code == 1, done.output
    assert "step refitscaler: row independence:" in done.stdout


def test_types_that_nobody_trusts_exit_3(sample: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.skops"
    skops.io.dump(_fitted(RefitScaler()), path)
    done = _check(path, "--data", sample)
    assert done.exit_code == 3
    assert done.stderr.strip().splitlines()[-1] == (
        f"preproc: pipeline '{path}': expected trusted types, got ['{OWN_TYPE}']; look at their "
        f"code, then add --trust {OWN_TYPE}"
    )


def test_a_pickle_loads_only_when_it_is_allowed(sample: Path, tmp_path: Path) -> None:
    path = tmp_path / "pipeline.pkl"
    joblib.dump(_fitted(StandardScaler()), path)
    refused = _check(path, "--data", sample)
    assert refused.exit_code == 3
    assert "expected a .skops file, got '.pkl'" in refused.stderr
    assert _check(path, "--data", sample, "--allow-pickle").exit_code == 0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.skops", None, "expected a file, got none"),
        ("torn.skops", b"PK\x03\x04torn", "expected a file of skops, got BadZipFile"),
    ],
    ids=["missing", "damaged"],
)
def test_a_bad_file_exits_3(
    name: str, content: bytes | None, message: str, sample: Path, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = _check(tmp_path / name, "--data", sample)
    assert done.exit_code == 3
    assert message in done.stderr


def test_data_of_another_kind_exits_3(tmp_path: Path) -> None:
    skops.io.dump(_fitted(StandardScaler()), tmp_path / "clean.skops")
    data = tmp_path / "sample.xlsx"
    done = _check(tmp_path / "clean.skops", "--data", data)
    assert done.exit_code == 3
    assert done.stderr.strip().splitlines()[-1] == (
        f"preproc: data '{data}': expected a file of ['.csv', '.parquet'], got '.xlsx'"
    )
