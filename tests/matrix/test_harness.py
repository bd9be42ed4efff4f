"""The matrix objects to answers that are wrong in one number."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sklearn.preprocessing import StandardScaler

from preproc.export import proof
from preproc.export.converters import TRANSFORMERS
from preproc.export.converters import transformers as converters
from preproc.export.scope import Scope
from preproc.export.table import Table
from preproc.runtime import Verdict
from tests.matrix.harness import Case, check


def shifted_scaler(scope: Scope, fitted: StandardScaler, table: Table) -> Table:
    """Move one mean by its last bits."""
    given = TRANSFORMERS[StandardScaler](scope, fitted, table)
    (block,) = given.blocks
    return replace(given, blocks=(replace(block, value=scope.op("Add", block.value, 1e-9)),))


def test_a_wrong_graph_that_the_proof_lets_through_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong: dict[type, Any] = {**TRANSFORMERS, StandardScaler: shifted_scaler}
    monkeypatch.setattr(converters, "TRANSFORMERS", wrong)
    monkeypatch.setattr(proof, "step_answers", lambda *_: ())
    monkeypatch.setattr(Verdict, "is_pass", True)
    with pytest.raises(AssertionError, match="breaches=480"):
        check(Case("StandardScaler", StandardScaler(), "numbers"), tmp_path)
