"""A recording on disk: ``run.json``, and each tensor in a file that bears its own digest.

Format 1. Plain data, no code, no pickle:

=========================  ====================================================================
``run.json``               MUST hold ``format``, ``digest`` (SHA-256 of the rest, as JSON with
                           sorted keys and without spaces) and the fields of `Recording`; an array
                           stands there as the digest of its tensor.
``tensors/<sha256>.pb``    A serialized TensorProto whose bytes have that SHA-256. Equal answers
                           of many settings are one file.
=========================  ====================================================================

Why: a run on a machine that is hard to come by can be judged again, with other bounds or against
another run, and a file that was cut or touched on its way is refused.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from preproc.contract import contract_from_json, contract_to_json
from preproc.errors import ArtifactError
from preproc.files import parse_tensor, read_bytes, read_json
from preproc.parity.recording import Batch, Recording, Setting, Trial, Unrun
from preproc.runtime import Placed
from preproc.signature import Rule
from preproc.vectors import SET_NAMES, VectorSet

FORMAT: Final = 2
MAX_TENSOR_BYTES: Final = 2**30
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def save_recording(recording: Recording, folder: str | os.PathLike[str]) -> None:
    """Write a recording whole or not at all.

    Raises
    ------
    ArtifactError
        When the folder exists and holds something.
    """
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ArtifactError(target, "expected a new or empty folder, got one in use")
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".recording-", dir=target.parent))
    try:
        (staging / "tensors").mkdir()
        body = _body(recording, staging / "tensors")
        text = json.dumps({"format": FORMAT, "digest": _digest(body), **body}, indent=1)
        (staging / "run.json").write_text(text + "\n", encoding="utf-8")
        staging.chmod(0o755)
        if target.exists():
            target.rmdir()
        staging.rename(target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def load_recording(folder: str | os.PathLike[str]) -> Recording:
    """Read a recording and check every digest in it.

    Raises
    ------
    ArtifactError
        When a file is missing, truncated, altered or too large, or the format is another.
    """
    home = Path(folder)
    file = home / "run.json"
    data = read_json(file)
    found = data.get("format") if isinstance(data, dict) else type(data).__name__
    if found != FORMAT:
        raise ArtifactError(
            file,
            f"expected format {FORMAT}, got {found!r}; record again",
        )
    body = {key: value for key, value in data.items() if key not in {"format", "digest"}}
    want, got = data.get("digest"), _digest(body)
    if want != got:
        raise ArtifactError(file, f"expected digest {want!r}, got {got!r}; run again")
    with _as_format_says(file):
        vectors = tuple(_vectors(entry, home) for entry in body["vectors"])
        recording = Recording(
            digest=str(body["artifact"]),
            contract=contract_from_json(body["contract"], file),
            certificate=dict(body["certificate"]),
            vectors=vectors,
            trials=tuple(_trial(entry, home) for entry in body["trials"]),
            unrun=tuple(Unrun(**entry) for entry in body["unrun"]),
        )
        _check_rows(recording)
        return recording


def _body(recording: Recording, tensors: Path) -> dict[str, Any]:
    def kept(arrays: Mapping[str, NDArray[Any]]) -> dict[str, str]:
        return {name: _keep(array, tensors) for name, array in arrays.items()}

    return {
        "artifact": recording.digest,
        "contract": contract_to_json(recording.contract),
        "certificate": recording.certificate,
        "vectors": [
            {"name": one.name, "inputs": kept(one.inputs), "answers": kept(one.answers)}
            for one in recording.vectors
        ],
        "trials": [
            {
                "setting": asdict(trial.setting),
                "environment": dict(trial.environment),
                "placement": [asdict(placed) for placed in trial.placement],
                "batches": [
                    {
                        "vectors": batch.vectors,
                        "size": batch.size,
                        "rows": _keep(batch.rows, tensors),
                        "answers": kept(batch.answers),
                        "problem": batch.problem,
                    }
                    for batch in trial.batches
                ],
                "seconds": trial.seconds,
                "dtype": trial.dtype,
                "form": trial.form,
                "slack": {name: kept(slack) for name, slack in trial.slack.items()},
                "own_rule": None if trial.own_rule is None else asdict(trial.own_rule),
            }
            for trial in recording.trials
        ],
        "unrun": [asdict(one) for one in recording.unrun],
    }


def _keep(array: NDArray[Any], tensors: Path) -> str:
    """Write an array under its digest and return that."""
    tensor = numpy_helper.from_array(np.ascontiguousarray(array))
    content = tensor.SerializeToString(deterministic=True)
    digest = hashlib.sha256(content).hexdigest()
    (tensors / f"{digest}.pb").write_bytes(content)
    return digest


def _vectors(entry: Mapping[str, Any], home: Path) -> VectorSet:
    if entry["name"] not in SET_NAMES:
        raise ValueError(f"expected a set of {SET_NAMES}, got {entry['name']!r}")
    return VectorSet(entry["name"], _arrays(entry["inputs"], home), _arrays(entry["answers"], home))


def _trial(entry: Mapping[str, Any], home: Path) -> Trial:
    return Trial(
        setting=Setting(**entry["setting"]),
        environment={str(key): str(value) for key, value in entry["environment"].items()},
        placement=tuple(Placed(**placed) for placed in entry["placement"]),
        batches=tuple(_batch(batch, home) for batch in entry["batches"]),
        seconds=float(entry["seconds"]),
        dtype=str(entry["dtype"]),
        form=str(entry["form"]),
        slack={str(name): _arrays(slack, home) for name, slack in entry["slack"].items()},
        own_rule=None if entry["own_rule"] is None else Rule(**entry["own_rule"]),
    )


def _check_rows(recording: Recording) -> None:
    """Refuse batches that speak of sets or rows that the recording does not hold."""
    sets = {vectors.name: vectors.rows for vectors in recording.vectors}
    for batch in (batch for trial in recording.trials for batch in trial.batches):
        if batch.vectors not in sets:
            raise ValueError(f"expected a golden set of the recording, got {batch.vectors!r}")
        for row in (batch.rows.min(initial=0), batch.rows.max(initial=0)):
            if not 0 <= row < max(1, sets[batch.vectors]):
                raise ValueError(
                    f"expected rows of the golden set {batch.vectors!r}, got row {row}"
                )


def _batch(entry: Mapping[str, Any], home: Path) -> Batch:
    rows = _array(entry["rows"], home)
    if rows.dtype != np.int64 or rows.ndim != 1:
        raise ValueError(f"expected rows int64 (n,), got {rows.dtype} {rows.shape}")
    answers = _arrays(entry["answers"], home)
    return Batch(str(entry["vectors"]), str(entry["size"]), rows, answers, str(entry["problem"]))


def _arrays(entry: Mapping[str, str], home: Path) -> dict[str, NDArray[Any]]:
    return {str(name): _array(digest, home) for name, digest in entry.items()}


def _array(digest: object, home: Path) -> NDArray[Any]:
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ValueError(f"expected the digest of a tensor, got {digest!r}")
    file = home / "tensors" / f"{digest}.pb"
    content = read_bytes(file, MAX_TENSOR_BYTES)
    got = hashlib.sha256(content).hexdigest()
    if got != digest:
        raise ArtifactError(file, f"expected the digest of its name, got {got!r}; run again")
    array: NDArray[Any] = parse_tensor(content, file)[1]
    return array


def _digest(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def _as_format_says(file: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(file, f"expected the keys of format {FORMAT}: {error}") from error
