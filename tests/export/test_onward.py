"""Rows that jump for the last bits of an earlier step are proved step by step, and no others."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    PowerTransformer,
    StandardScaler,
)

from preproc import Artifact, ProofError, read_artifact
from preproc.export import export_pipeline, omissions, onward
from preproc.export.answers import Answer
from preproc.export.certificate import summary_of
from preproc.export.converters import MODELS, TRANSFORMERS, models
from preproc.export.converters import transformers as converters
from preproc.export.replaying import PipelineWitness
from preproc.export.scope import Scope
from preproc.export.table import Table
from preproc.runtime import open_session
from preproc.runtime.gate import tolerances_of
from preproc.skew import open_log
from preproc.skew.replay import Replay, replay_part
from preproc.skew.replay_report import lines_of
from tests.skew.logging_rows import write_log

ROWS: Final = 400
LAST_BITS: Final = 2.0**-48
REFUSED: Final = "more than rounding explains|beyond (bitwise|libm|blas)"
BOOSTING: Final = HistGradientBoostingClassifier(max_iter=8, random_state=0)


def prices() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Amounts with one decimal, so many of each column that boosting cuts at some of them."""
    draw = np.random.default_rng(0)
    rows = np.round(draw.lognormal(4, 0.8, (ROWS, 3)), 1)
    total = np.log1p(rows).sum(axis=1)
    return rows, (total + draw.normal(size=ROWS) > np.median(total)).astype(np.int64)


def fit(*steps: Any) -> Pipeline:
    rows, target = prices()
    return make_pipeline(*steps).fit(rows, target)


def off_by(monkeypatch: pytest.MonkeyPatch, kind: type, share: float) -> None:
    """Let the graph give another number at one kind of step, as another C library does."""
    right = TRANSFORMERS[kind]

    def rounded(scope: Scope, fitted: Any, table: Table) -> Table:
        given = right(scope, fitted, table)
        blocks = [
            replace(block, value=scope.op("Mul", block.value, np.array(1 + share)))
            for block in given.blocks
        ]
        return replace(given, blocks=tuple(blocks))

    monkeypatch.setattr(converters, "TRANSFORMERS", {**TRANSFORMERS, kind: rounded})


def exported(fitted: Any, folder: Path) -> Artifact:
    rows, _ = prices()
    return export_pipeline(fitted, rows, repository=folder, name="m")


POWERS: Final = PowerTransformer()
BINS: Final = KBinsDiscretizer(6, encode="ordinal", quantile_method="averaged_inverted_cdf")
FRAME: Final = make_column_transformer((POWERS, [0, 1]), remainder="passthrough")


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ([POWERS, StandardScaler(), BOOSTING], PowerTransformer),
        ([PCA(2), BOOSTING], PCA),
        ([POWERS, BINS], PowerTransformer),
        ([FRAME.set_output(transform="pandas"), BOOSTING], PowerTransformer),
        ([CalibratedClassifierCV(make_pipeline(POWERS, BOOSTING), cv=2)], PowerTransformer),
    ],
    ids=["powers", "projection", "bins", "frame", "calibrated"],
)
def test_rows_that_jump_for_last_bits_are_proved_and_counted(
    steps: list[Any], kind: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = fit(*steps)
    off_by(monkeypatch, kind, LAST_BITS)
    with monkeypatch.context() as without:
        without.setattr(
            omissions, "continued_rows", lambda _, rows, *__: np.zeros(len(rows["X"]), bool)
        )
        with pytest.raises(ProofError, match=REFUSED):
            exported(fitted, tmp_path)
    certificate = exported(fitted, tmp_path).certificate
    counts = [certificate[entry]["real"] for entry in ("rows", "left_out", "continued")]
    assert sum(counts) == ROWS
    shown = sum(certificate["continued"].values())
    assert shown > 0
    assert (
        f"  proved step by step, not golden: {shown} rows where a step jumps for the last bits of "
        "one before it"
    ) in summary_of("m", certificate).splitlines()


def spoiled(monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Any], None]) -> None:
    """Let the graph have other nodes in its first tree."""
    right = MODELS[HistGradientBoostingClassifier]

    def wrong(scope: Scope, fitted: Any, table: Table) -> tuple[Answer, ...]:
        other = deepcopy(fitted)
        spoil(other._predictors[0][0].nodes)
        return right(scope, other, table)

    monkeypatch.setattr(models, "MODELS", {**MODELS, HistGradientBoostingClassifier: wrong})


def spoil_leaf(nodes: Any) -> None:
    nodes["value"][np.flatnonzero(nodes["is_leaf"])[0]] += 1e-6


def spoil_threshold(nodes: Any) -> None:
    nodes["num_threshold"][0] -= 1e-9


@pytest.mark.parametrize("spoil", [spoil_leaf, spoil_threshold])
def test_a_wrong_tree_behind_a_rounded_step_is_refused(
    spoil: Callable[[Any], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = fit(POWERS, BOOSTING)
    off_by(monkeypatch, PowerTransformer, -LAST_BITS)
    exported(fitted, tmp_path / "right")
    spoiled(monkeypatch, spoil)
    with pytest.raises(ProofError, match=REFUSED):
        exported(fitted, tmp_path / "wrong")


def test_a_rounded_step_that_is_wrong_by_more_than_rounding_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    off_by(monkeypatch, PowerTransformer, 1e-9)
    with pytest.raises(ProofError, match=REFUSED):
        exported(fit(POWERS, BOOSTING), tmp_path)


def test_a_difference_that_is_no_jump_is_no_excuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onward, "CLOSE", 2.0**-38)  # more than any bound that spread explains
    off_by(monkeypatch, PowerTransformer, 2.0**-40)
    with pytest.raises(ProofError, match=REFUSED):
        exported(fit(POWERS, LogisticRegression()), tmp_path)


def test_most_real_rows_stay_golden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    off_by(monkeypatch, PowerTransformer, LAST_BITS)
    monkeypatch.setattr(omissions, "MAX_CONTINUED", 0.0)
    with pytest.raises(ProofError) as caught:
        exported(fit(POWERS, BOOSTING), tmp_path)
    said = str(caught.value)
    assert said.startswith("step .: vectors 'real': ")
    assert said.endswith(
        f" of {ROWS} rows jump at a later step for the last bits of an earlier one, so that too "
        "few are left to be golden; let the step that jumps come before the one that rounds"
    )


@pytest.fixture(scope="module")
def replayable(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pipeline, Artifact]:
    """A pipeline, and the artifact whose graph is off by last bits at its first step."""
    fitted = fit(POWERS, BOOSTING)
    with pytest.MonkeyPatch.context() as patched:
        off_by(patched, PowerTransformer, LAST_BITS)
        path = exported(fitted, tmp_path_factory.mktemp("models")).path
    assert path is not None
    return fitted, read_artifact(path)


def replayed(
    replayable: tuple[Pipeline, Artifact], log: Path, spoil: Callable[[Any], None]
) -> Replay:
    fitted, artifact = replayable
    rows, _ = prices()
    assert artifact.path is not None
    with open_session(artifact.path) as session:
        write_log(log, artifact, session, rows, spoil=spoil)
    (part,) = open_log(log, artifact=artifact.digest)
    bounds = tolerances_of(artifact.certificate)
    with PipelineWitness(fitted, artifact) as witness:
        witness.prove()
        return replay_part(part, witness, artifact.contract.signature, bounds, name="the pipeline")


def test_a_replay_proves_rows_that_jump_for_last_bits(
    replayable: tuple[Pipeline, Artifact], tmp_path: Path
) -> None:
    found = replayed(replayable, tmp_path, lambda _: None)
    proved = replayable[1].certificate["continued"]["real"]
    assert found.is_pass
    assert found.mismatched == 0
    assert found.continued >= proved > 0  # those too on which scikit-learn disagreed with itself
    assert found.rows + found.continued + found.undecided == ROWS
    assert (
        f"left out: {found.continued} rows proved step by step: from the graph's last bits the "
        "witness comes to what was served"
    ) in lines_of(found)


@pytest.mark.parametrize("output", ["label", "probabilities"])
def test_a_replay_proves_no_row_of_which_one_output_was_served_otherwise(
    replayable: tuple[Pipeline, Artifact], tmp_path: Path, output: str
) -> None:
    def spoil(answers: dict[str, Any]) -> None:
        values = answers[output]
        answers[output] = 1 - values if values.dtype.kind == "i" else values * (1 - 1e-12)

    found = replayed(replayable, tmp_path, spoil)
    assert found.continued == 0
    assert found.mismatched == ROWS - found.undecided > ROWS / 2
