"""The artifact: one exported pipeline as a folder, ``<repository>/<name>/<version>/``.

Format 3. Plain files, no code, no pickle, no timestamps: the same input gives the same bytes.

======================================  ===========================================================
``../config.pbtxt``                     MUST name every input and output, ``max_batch_size: 0``, so
                                        that a Triton server takes the folder as it is. All
                                        versions of a name share it: other columns, other name.
``model.onnx``                          MUST be self-contained (no external data) and use the
                                        domains ``ai.onnx``, ``ai.onnx.ml`` and those that the
                                        contract lists. ``metadata_props`` MUST hold
                                        ``preproc.contract`` and ``preproc.digest``.
``contract.json``                       MUST hold the keys of `Contract`; unknown keys are an
                                        error, since a rule that is not understood is not obeyed.
                                        ``float32``, new in format 2, lists the steps that compute
                                        in float32 in the form for speed; a reader that let it be
                                        would run another form than was proved.
``golden/test_data_set_N/``             MUST hold ``input_K.pb`` and ``output_K.pb``, serialized
                                        TensorProto with the tensor's name inside; N indexes
                                        `preproc.vectors.SET_NAMES`; a set without rows is absent.
``golden/steps/``                       ``steps.json`` lists path, graph values, what decides the
                                        bits of each step, and MAY name its features; ``step_K.pb``
                                        holds what its transform gave to the first real rows.
``certificate.json``                    What was measured where; machine-dependent by nature.
``profile.json``                        What training looked like: bins, nulls, categories of a
                                        sample, ranges over all rows. Since format 3 MAY hold
                                        ``monitor`` and ``outcomes``, as `preproc.drift` reads them.
======================================  ===========================================================

Digest: SHA-256 over the sorted ``path NUL sha256-hex LF`` lines of all files in the version's
folder, ``model.onnx`` taken without ``metadata_props`` (it holds the digest), ``certificate.json``
left out (another machine may certify the same content).

To change the format: raise `preproc.contract.FORMAT`, keep reading the older ones, store an old
folder in the tests.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import DecodeError

from preproc.contract import Contract, contract_from_json, contract_to_json
from preproc.errors import ArtifactError
from preproc.files import read_bytes, read_json, read_tensor, render_tensor
from preproc.messages import EXTERNAL, Model, Stamped
from preproc.triton import render_config
from preproc.vectors import SET_NAMES, StepAnswer, VectorSet

CONTRACT_KEY: Final = "preproc.contract"
DIGEST_KEY: Final = "preproc.digest"


@dataclass(frozen=True, slots=True)
class Artifact:
    """Everything in an artifact folder; shown as its place and digest, since the rest is long.

    Attributes
    ----------
    contract
        See `Contract`.
    model
        The public graph, serialized.
    vectors
        The golden sets that have rows.
    steps
        What each step gave to the first real rows.
    certificate, profile
        Plain JSON data.
    path
        The version's folder once written or read.
    digest
        Hexadecimal SHA-256 of the content once written or read.
    """

    contract: Contract = field(repr=False)
    model: bytes = field(repr=False)
    vectors: tuple[VectorSet, ...] = field(repr=False)
    certificate: Mapping[str, Any] = field(repr=False)
    profile: Mapping[str, Any] = field(repr=False)
    steps: tuple[StepAnswer, ...] = field(default=(), repr=False)
    path: Path | None = None
    digest: str = ""


def write_artifact(
    artifact: Artifact, repository: str | os.PathLike[str], *, version: int | None = None
) -> Artifact:
    """Write a folder whole or not at all.

    Parameters
    ----------
    artifact
        Content; ``path`` and ``digest`` are ignored.
    repository
        Folder of models, made when absent.
    version
        Positive number of the version, by default the next free one.

    Returns
    -------
    Artifact
        The same content with path and digest.

    Raises
    ------
    ArtifactError
        When the version exists, when an earlier version of the name has other columns, or when
        nothing can be written there.
    """
    home = Path(repository) / artifact.contract.name
    try:
        home.mkdir(parents=True, exist_ok=True)
        _settle_config(home, render_config(artifact.contract))
        staging = Path(tempfile.mkdtemp(prefix=".staging-", dir=home))
    except OSError as error:
        raise ArtifactError(home, f"expected a folder to write to, got {error.strerror}") from error
    try:
        _write_files(artifact, staging)
        digest = _digest(staging)
        _stamp(staging / "model.onnx", artifact.contract, digest)
        staging.chmod(0o755)
        path = _rename(staging, home, version)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return replace(artifact, path=path, digest=digest)


def read_artifact(path: str | os.PathLike[str]) -> Artifact:
    """Read a whole folder and check its digest.

    Raises
    ------
    ArtifactError
        When a file is missing, truncated or altered, or the format is another.
    """
    folder = Path(path)
    contract = read_contract(folder)
    model = read_graph(folder)
    props = Stamped.FromString(model).metadata_props
    want = {item.key: item.value for item in props}.get(DIGEST_KEY, "")
    got = _digest(folder)
    if want != got:
        raise ArtifactError(folder, f"expected digest {want!r}, got {got!r}; restore the folder")
    return Artifact(
        contract=contract,
        model=model,
        vectors=_read_vectors(folder),
        certificate=read_json(folder / "certificate.json"),
        profile=read_json(folder / "profile.json"),
        steps=_read_steps(folder / "golden" / "steps"),
        path=folder,
        digest=got,
    )


def read_contract(path: str | os.PathLike[str]) -> Contract:
    """Read ``contract.json`` alone.

    Raises
    ------
    ArtifactError
        When it is missing, no JSON, of another format, or holds other keys.
    """
    file = Path(path) / "contract.json"
    if not file.exists() and not file.with_name("model.onnx").exists():
        problem = "expected a file, got No such file or directory"
        raise ArtifactError(file, f"{problem}; name a version's folder, such as models/late/1")
    return contract_from_json(read_json(file), file)


def read_graph(path: str | os.PathLike[str]) -> bytes:
    """Read ``model.onnx``, refusing data outside of it.

    Raises
    ------
    ArtifactError
        When it is missing, truncated, or refers to external files.
    """
    file = Path(path) / "model.onnx"
    content = read_bytes(file)
    try:
        graph = Model.FromString(content).graph
    except DecodeError as error:
        raise ArtifactError(file, "expected an ONNX model, got other bytes") from error
    if not graph.node:
        raise ArtifactError(file, "expected an ONNX model, got one without nodes")
    for tensor in graph.initializer:
        if tensor.data_location == EXTERNAL:
            raise ArtifactError(file, f"expected data inside, got external {tensor.name!r}")
    return content


def _settle_config(home: Path, config: str) -> None:
    file = home / "config.pbtxt"
    if not file.exists():
        staged = home / ".config.pbtxt"
        staged.write_text(config, encoding="utf-8")
        staged.replace(file)
    elif file.read_text(encoding="utf-8") != config:
        raise ArtifactError(
            file,
            "expected the columns and outputs of the earlier versions, got others; "
            "export under a new name",
        )


def _write_files(artifact: Artifact, folder: Path) -> None:
    (folder / "model.onnx").write_bytes(_bare(artifact.model))
    for name, data in (
        ("contract.json", contract_to_json(artifact.contract)),
        ("certificate.json", artifact.certificate),
        ("profile.json", artifact.profile),
    ):
        (folder / name).write_text(_dump(data), encoding="utf-8")
    for vectors in artifact.vectors:
        target = folder / "golden" / f"test_data_set_{SET_NAMES.index(vectors.name)}"
        target.mkdir(parents=True)
        for word, arrays in (("input", vectors.inputs), ("output", vectors.answers)):
            for position, (name, array) in enumerate(arrays.items()):
                (target / f"{word}_{position}.pb").write_bytes(render_tensor(name, array))
    if artifact.steps:
        _write_steps(artifact.steps, folder / "golden" / "steps")


def _write_steps(steps: Sequence[StepAnswer], folder: Path) -> None:
    folder.mkdir(parents=True)
    keys = ("path", "values", "decided", "features")
    index = [{key: getattr(step, key) for key in keys} for step in steps]
    (folder / "steps.json").write_text(_dump(index), encoding="utf-8")
    for position, step in enumerate(steps):
        content = render_tensor(step.path, step.answer)
        (folder / f"step_{position}.pb").write_bytes(content)


def _read_steps(folder: Path) -> tuple[StepAnswer, ...]:
    if not folder.is_dir():
        return ()
    steps = []
    for position, entry in enumerate(read_json(folder / "steps.json")):
        file = folder / f"step_{position}.pb"
        try:
            path, values, decided = entry["path"], tuple(entry["values"]), entry["decided"]
            features = tuple(entry.get("features", ()))
        except (KeyError, TypeError, AttributeError) as error:
            raise ArtifactError(file, f"expected path, values and decided: {error}") from error
        steps.append(StepAnswer(path, values, decided, read_tensor(file)[1], features))
    return tuple(steps)


def _dump(data: Any) -> str:
    return json.dumps(data, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _stamp(file: Path, contract: Contract, digest: str) -> None:
    """Add the metadata, in the place that their number has: after all else."""
    stamp = Stamped()
    for key, value in ((CONTRACT_KEY, _dump(contract_to_json(contract))), (DIGEST_KEY, digest)):
        stamp.metadata_props.add(key=key, value=value)
    file.write_bytes(file.read_bytes() + stamp.SerializeToString(deterministic=True))


def _bare(model: bytes) -> bytes:
    """Take the metadata off a serialized model; the rest stays, byte for byte."""
    stamped = Stamped.FromString(model)
    stamped.ClearField("metadata_props")
    content: bytes = stamped.SerializeToString(deterministic=True)
    return content


def _rename(staging: Path, home: Path, version: int | None) -> Path:
    """Move the staged folder to its number; a number taken meanwhile is passed over."""
    while True:
        number = _next_version(home) if version is None else version
        target = home / str(number)
        try:
            staging.rename(target)
        except OSError as error:
            if not target.exists():
                raise
            if version is not None:
                raise ArtifactError(target, "expected a free version, got one in use") from error
        else:
            return target


def _next_version(home: Path) -> int:
    taken = [int(entry.name) for entry in home.iterdir() if entry.name.isdecimal()]
    return max(taken, default=0) + 1


def _digest(folder: Path) -> str:
    total = hashlib.sha256()
    for file in sorted(folder.rglob("*"), key=lambda file: file.relative_to(folder).as_posix()):
        name = file.relative_to(folder).as_posix()
        if file.is_dir() or name == "certificate.json":
            continue
        content = read_bytes(file)
        if name == "model.onnx":
            content = _bare(content)
        total.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def _read_vectors(folder: Path) -> tuple[VectorSet, ...]:
    found = []
    for number, name in enumerate(SET_NAMES):
        source = folder / "golden" / f"test_data_set_{number}"
        if source.is_dir():
            found.append(VectorSet(name, _tensors(source, "input"), _tensors(source, "output")))
    return tuple(found)


def _tensors(folder: Path, word: str) -> dict[str, Any]:
    tensors = {}
    for position in range(len(list(folder.glob(f"{word}_*.pb")))):
        name, array = read_tensor(folder / f"{word}_{position}.pb")
        tensors[name] = array
    return tensors
