"""What an export asks of code of the user's own, beyond that its trace is right."""

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler, TargetEncoder

from preproc import Artifact, ExportError, ProofError
from preproc.export import export_pipeline, pipeline
from tests.export.faulty import people

NUMBERS = ["age", "visits"]


def _exported(step: Any, folder: Path, columns: list[str] = NUMBERS) -> Artifact:
    frame = people()[columns]
    target = np.arange(len(frame)) % 2
    fitted = make_pipeline(step, LogisticRegression()).fit(frame, target)
    return export_pipeline(fitted, frame, target, repository=folder, name="model")


def salted(frame: pd.DataFrame) -> Any:
    """Add what the order of a set of words says, which a trace takes for a constant."""
    words = {str(number) for number in range(200)}
    told = sum(at * int(word) for at, word in enumerate(words))
    return frame.to_numpy() + (told - 1_980_050) / 1e4  # some units from one order to another


def test_the_order_of_a_set_that_a_trace_takes_for_a_constant_refuses_the_export(
    tmp_path: Path,
) -> None:
    with pytest.raises(ExportError, match="step functiontransformer: hash seed: another seed of"):
        _exported(FunctionTransformer(salted), tmp_path)
    assert not list(tmp_path.iterdir())


@contextmanager
def found_elsewhere(*_: Any) -> Iterator[Callable[[], dict[str, Any]]]:
    """What another process says of code that a check finds wrong."""

    def wait() -> dict[str, Any]:
        raise ExportError("step", "another hour answers otherwise")

    yield wait


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (found_elsewhere, "step step: another hour answers otherwise"),
        (lambda *_: nullcontext(dict), "step .: row 3 differs"),
    ],
    ids=["found elsewhere", "nothing found"],
)
def test_where_code_answers_otherwise_elsewhere_no_row_that_differs_is_blamed(
    check: Any, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def disproved(*_: Any) -> None:
        raise ProofError("", "row 3 differs")

    monkeypatch.setattr(pipeline, "check_own_code", check)
    monkeypatch.setattr(pipeline, "proof_of", disproved)
    with pytest.raises(ExportError) as caught:
        _exported(StandardScaler(), tmp_path)
    assert str(caught.value) == message


def doubled(frame: pd.DataFrame) -> pd.DataFrame:
    """Warn of two things, of one of them from two lines."""
    warnings.warn("twice() is old", DeprecationWarning, stacklevel=1)
    warnings.warn("twice() is old", DeprecationWarning, stacklevel=1)
    warnings.warn("twice() is slow", FutureWarning, stacklevel=1)
    return frame * 2


@pytest.fixture(scope="module")
def warned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Artifact, list[tuple[str, int]]]:
    """An export of code that warns, and the warnings that were shown: text and line."""
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        artifact = _exported(FunctionTransformer(doubled), tmp_path_factory.mktemp("warned"))
    return artifact, [(str(one.message), one.lineno) for one in shown]


def test_clean_code_of_ones_own_is_tried_in_other_worlds(
    warned: tuple[Artifact, list[tuple[str, int]]],
) -> None:
    told = warned[0].certificate["check"]
    assert told["notes"] == []
    assert set(told["worlds"]) == {"wall clock", "time zone", "hash seed"}
    assert all(text.startswith("tried") for text in told["worlds"].values())


def test_what_code_warns_of_while_it_is_exported_is_shown_once_a_line(
    warned: tuple[Artifact, list[tuple[str, int]]],
) -> None:
    first = doubled.__code__.co_firstlineno + 2
    lines = [
        ("twice() is old", first),
        ("twice() is old", first + 1),
        ("twice() is slow", first + 2),
    ]
    assert warned[1] == 2 * lines  # by fit, and by the export, which asks over a hundred times


def test_what_the_contract_keeps_by_itself_is_noted(tmp_path: Path) -> None:
    first = FunctionTransformer(lambda frame: frame.iloc[:, :1] * 2)
    (note,) = _exported(first, tmp_path).certificate["check"]["notes"]
    assert note.startswith("step functiontransformer: column order: columns in another order")


def test_without_code_of_ones_own_nothing_is_tried(tmp_path: Path) -> None:
    told = _exported(StandardScaler(), tmp_path).certificate["check"]
    assert told == {"fit_transform_differs": [], "worlds": {}, "notes": []}


def test_cross_fitting_is_declared_in_the_certificate(tmp_path: Path) -> None:
    told = _exported(TargetEncoder(cv=3), tmp_path, ["plan"]).certificate["check"]
    assert told["fit_transform_differs"] == ["targetencoder"]


TRAINING = """
import sys
import numpy as np
import pandas as pd
from features import ratio
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from preproc.export import export_pipeline

frame = pd.DataFrame({"a": np.linspace(-1, 1, 60), "b": np.linspace(1, 2, 60)})
target = np.arange(60) % 2
fitted = make_pipeline(FunctionTransformer(ratio), LogisticRegression()).fit(frame, target)
written = export_pipeline(fitted, frame, target, repository=sys.argv[1], name="model")
print(written.certificate["check"]["worlds"]["hash seed"])
print(written.certificate["outputs"]["probabilities"]["spread"]["dispatch"])
"""


def test_modules_beside_the_script_that_trains_are_found_by_the_other_processes(
    tmp_path: Path,
) -> None:
    (tmp_path / "features.py").write_text("def ratio(X):\n    return X.assign(r=X.a / X.b)\n")
    script = tmp_path / "train.py"
    script.write_text(TRAINING)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "models")],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-2:] == ["tried", "measured"], done.stderr
