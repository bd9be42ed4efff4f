"""Recordings survive the way to another machine whole, or are refused."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from preproc import Artifact, ArtifactError
from preproc.parity import Recording, judge_recording, load_recording, record, save_recording
from preproc.parity.recording import Unrun
from preproc.parity.store import _digest
from preproc.vectors import fingerprint


@pytest.fixture(scope="module")
def recording(logistic_artifact: Artifact) -> Recording:
    made = record(logistic_artifact, ["onnxruntime-cpu"], sizes=("3", "0"), every_setting=False)
    return replace(made, unrun=(Unrun("cuda", "backend 'cuda': no device"),))


@pytest.fixture
def folder(recording: Recording, tmp_path: Path) -> Path:
    save_recording(recording, tmp_path / "r")
    return tmp_path / "r"


def test_what_is_loaded_is_what_was_saved(recording: Recording, folder: Path) -> None:
    loaded = load_recording(folder)
    assert loaded.unrun == recording.unrun
    assert loaded.digest == recording.digest
    assert loaded.contract == recording.contract
    assert [trial.placement for trial in loaded.trials] == [
        trial.placement for trial in recording.trials
    ]
    assert dict(loaded.trials[0].environment) == dict(recording.trials[0].environment)
    pairs = zip(loaded.trials[0].batches, recording.trials[0].batches, strict=True)
    for got, want in pairs:
        assert (got.vectors, got.size) == (want.vectors, want.size)
        assert {name: fingerprint(array) for name, array in got.answers.items()} == {
            name: fingerprint(array) for name, array in want.answers.items()
        }
    findings = [str(one) for one in judge_recording(loaded).findings]
    assert findings == [str(one) for one in judge_recording(recording).findings]


def test_equal_answers_are_one_file(recording: Recording, folder: Path) -> None:
    again = replace(recording, trials=recording.trials * 3)
    save_recording(again, folder.parent / "thrice")
    names = [
        sorted(file.name for file in (folder.parent / at / "tensors").iterdir())
        for at in ("r", "thrice")
    ]
    assert names[0] == names[1]


def test_a_folder_in_use_is_not_written_over(recording: Recording, folder: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        save_recording(recording, folder)
    assert str(caught.value) == (
        f"artifact '{folder}': expected a new or empty folder, got one in use"
    )
    assert [path.name for path in folder.parent.iterdir()] == ["r"]


def _rewritten(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    """Change the JSON and make its digest right again, as someone hostile would."""

    def apply(folder: Path) -> None:
        data = json.loads((folder / "run.json").read_text())
        change(data)
        body = {key: value for key, value in data.items() if key not in {"format", "digest"}}
        (folder / "run.json").write_text(json.dumps({**data, "digest": _digest(body)}))

    return apply


def _rows_from(tensor: onnx.TensorProto) -> Callable[[Path], None]:
    """Put another tensor in the place of a batch's rows, with every digest right."""
    content = tensor.SerializeToString(deterministic=True)
    digest = hashlib.sha256(content).hexdigest()

    def apply(folder: Path) -> None:
        (folder / "tensors" / f"{digest}.pb").write_bytes(content)
        _rewritten(lambda data: data["trials"][0]["batches"][0].update(rows=digest))(folder)

    return apply


def _outside() -> onnx.TensorProto:
    """Point to a file outside of the recording."""
    tensor = onnx.TensorProto(data_type=onnx.TensorProto.INT64, dims=[1])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/hostname"
    return tensor


def _first_tensor(folder: Path) -> Path:
    return min((folder / "tensors").iterdir())


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-2])


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda f: (f / "run.json").unlink(), "expected a file, got No such file or directory"),
        (lambda f: _truncate(f / "run.json"), "expected JSON, got"),
        (lambda f: (f / "run.json").write_text('{"format": 1'), "expected JSON, got"),
        (lambda f: (f / "run.json").write_text("[" * 100_000), "expected JSON, got"),
        (lambda f: (f / "run.json").write_text("[]"), "expected format 2, got 'list'"),
        (_rewritten(lambda d: d.update(format=3)), "expected format 2, got 3; record again"),
        (
            lambda f: (f / "run.json").write_text(
                (f / "run.json").read_text().replace("cuda", "cudb")
            ),
            "expected digest ",
        ),
        (lambda f: _first_tensor(f).unlink(), "expected a file, got No such file"),
        (lambda f: _truncate(_first_tensor(f)), "expected the digest of its name, got "),
        (_rewritten(lambda d: d.pop("trials")), "expected the keys of format 2: 'trials'"),
        (
            _rewritten(lambda d: d["trials"][0]["batches"][0].update(rows="../../etc/passwd")),
            "expected the digest of a tensor, got '../../etc/passwd'",
        ),
        (
            _rewritten(lambda d: d["trials"][0]["batches"][0].update(vectors="other")),
            "expected a golden set of the recording, got 'other'",
        ),
        (
            _rewritten(lambda d: d["trials"][0]["setting"].update(more=1)),
            "expected the keys of format 2: ",
        ),
        (_rows_from(_outside()), "expected data inside, got a tensor that points elsewhere"),
        (
            _rows_from(onnx.numpy_helper.from_array(np.array([10**9]))),
            "expected rows of the golden set 'real', got row 1000000000",
        ),
    ],
    ids=[
        "no index",
        "truncated index",
        "half an index",
        "nested index",
        "a list",
        "newer",
        "altered index",
        "no tensor",
        "truncated tensor",
        "no trials",
        "path",
        "unknown set",
        "unknown key",
        "external data",
        "rows",
    ],
)
def test_a_hostile_or_truncated_recording_is_refused(
    folder: Path, harm: Callable[[Path], object], message: str
) -> None:
    harm(folder)
    with pytest.raises(ArtifactError) as caught:
        load_recording(folder)
    assert message in str(caught.value)
