"""The form of a graph that runs, made once and kept under the digest of what it is made of.

Why kept: rewriting takes as long as ten loads of the graph. The folder is ``PREPROC_CACHE``, by
default ``preproc`` in the user's cache; an empty value keeps nothing. A kept form carries its own
digest; one that is truncated or altered is made again. It is proved like one that was just made.
"""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

import onnx

from preproc import graph
from preproc.artifact import read_model
from preproc.contract import Mode
from preproc.graph import fast, fuse, pack, restructure

VARIABLE: Final = "PREPROC_CACHE"
_DIGEST_BYTES: Final = 32
_LENGTH_BYTES: Final = 8

MatrixForm = Literal["fused", "packed"]


@dataclass(frozen=True, slots=True)
class ReadyForm:
    """A model that takes one matrix a dtype.

    Attributes
    ----------
    model
        What the runtime loads.
    places
        Column → (matrix, first index along its second axis).
    matrices
        Matrix → (dtype, number of columns).
    digest
        Of the model, hexadecimal.
    """

    model: onnx.ModelProto
    places: Mapping[str, tuple[str, int]]
    matrices: Mapping[str, tuple[str, int]]
    digest: str


def make_form(
    public: onnx.ModelProto, form: MatrixForm, mode: Mode, float32: Sequence[str]
) -> ReadyForm:
    """Rewrite a public graph.

    Parameters
    ----------
    public
        Graph as it is on disk.
    form
        ``packed``, or ``fused`` on top of it.
    mode
        ``fast`` for other last bits within bounds of their own.
    float32
        Paths of steps that compute in float32 in mode ``fast``.
    """
    is_fused = form == "fused"
    packed = pack(public)
    model = packed.model
    if mode == "fast":
        model = fast(restructure(model) if is_fused else model, float32)
    model = fuse(model) if is_fused else model
    return ReadyForm(model, packed.places, packed.matrices, digest_of([model]))


def form_at(
    path: str | os.PathLike[str], form: MatrixForm, mode: Mode, float32: Sequence[str]
) -> ReadyForm:
    """Give the form of an artifact's graph, kept or made; see `make_form`.

    Raises
    ------
    ArtifactError
        When the graph is missing or truncated.
    """
    folder = os.environ.get(VARIABLE, str(_default_folder()))
    file = Path(path) / "model.onnx"
    if not folder or not file.is_file():
        return make_form(read_model(path), form, mode, float32)
    key = sha256(json.dumps([_rewriters(), form, mode, list(float32)]).encode())
    key.update(sha256(file.read_bytes()).digest())
    place = Path(folder) / f"{key.hexdigest()}.form"
    kept = _kept(place)
    if kept is not None:
        return kept
    made = make_form(read_model(path), form, mode, float32)
    with suppress(OSError):  # a folder that cannot be written costs time, nothing else
        _keep(place, made)
    return made


def digest_of(parts: Sequence[onnx.ModelProto]) -> str:
    """Digest the models that run: SHA-256 over the SHA-256 of each, hexadecimal."""
    digests = [sha256(part.SerializeToString(deterministic=True)).digest() for part in parts]
    return sha256(b"".join(digests)).hexdigest()


def _default_folder() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path("~").expanduser() / ".cache"
    return Path(root) / "preproc"


@cache
def _rewriters() -> str:
    """Digest the code that makes forms: another code, another form."""
    files = sorted(Path(graph.__file__).parent.rglob("*.py"))
    code = sha256(b"".join(file.read_bytes() for file in files))
    return f"{code.hexdigest()} {onnx.__version__}"


def _keep(place: Path, form: ReadyForm) -> None:
    """Write a form whole or not at all: its digest, the length of its head, head, model."""
    told = {"places": form.places, "matrices": form.matrices, "digest": form.digest}
    head = json.dumps(told).encode()
    model = form.model.SerializeToString(deterministic=True)
    content = len(head).to_bytes(_LENGTH_BYTES, "big") + head + model
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as file:
        file.write(sha256(content).digest() + content)
    Path(file.name).replace(place)


def _kept(place: Path) -> ReadyForm | None:
    try:
        whole = place.read_bytes()
    except OSError:
        return None
    digest, content = whole[:_DIGEST_BYTES], whole[_DIGEST_BYTES:]
    if sha256(content).digest() != digest:
        return None
    end = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "big")
    told = json.loads(content[_LENGTH_BYTES:end])
    places, matrices = (
        {name: (str(first), int(second)) for name, (first, second) in told[key].items()}
        for key in ("places", "matrices")
    )
    model = onnx.ModelProto.FromString(content[end:])
    return ReadyForm(model, places, matrices, told["digest"])
