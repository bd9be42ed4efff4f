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
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

from preproc.contract import Mode

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
        What the runtime loads, serialized.
    places
        Column → (matrix, first index along its second axis).
    matrices
        Matrix → (dtype, number of columns).
    digest
        Of the model, hexadecimal.
    """

    model: bytes
    places: Mapping[str, tuple[str, int]]
    matrices: Mapping[str, tuple[str, int]]
    digest: str


def form_at(
    path: str | os.PathLike[str], form: MatrixForm, mode: Mode, float32: Sequence[str]
) -> ReadyForm:
    """Give the form of an artifact's graph, kept or made; see `building.make_form`.

    Raises
    ------
    ArtifactError
        When the graph is missing or truncated.
    """
    folder = os.environ.get(VARIABLE, str(_default_folder()))
    file = Path(path) / "model.onnx"
    if not folder or not file.is_file():
        return _made(path, form, mode, float32)
    key = sha256(json.dumps([_rewriters(), form, mode, list(float32)]).encode())
    key.update(sha256(file.read_bytes()).digest())
    place = Path(folder) / f"{key.hexdigest()}.form"
    kept = _kept(place)
    if kept is not None:
        return kept
    made = _made(path, form, mode, float32)
    with suppress(OSError):  # a folder that cannot be written costs time, nothing else
        _keep(place, made)
    return made


def _made(
    path: str | os.PathLike[str], form: MatrixForm, mode: Mode, float32: Sequence[str]
) -> ReadyForm:
    from preproc.runtime.building import (  # noqa: PLC0415  # onnx, which a kept form needs not
        make_form,
        read_model,
    )

    return make_form(read_model(path), form, mode, float32)


def _default_folder() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path("~").expanduser() / ".cache"
    return Path(root) / "preproc"


@cache
def _rewriters() -> str:
    """Digest the code that makes forms: another code, another form."""
    files = sorted((Path(__file__).parents[1] / "graph").rglob("*.py"))
    code = sha256(b"".join(file.read_bytes() for file in files))
    return f"{code.hexdigest()} {version('onnx')}"


def _keep(place: Path, form: ReadyForm) -> None:
    """Write a form whole or not at all: its digest, the length of its head, head, model."""
    told = {"places": form.places, "matrices": form.matrices, "digest": form.digest}
    head = json.dumps(told).encode()
    content = len(head).to_bytes(_LENGTH_BYTES, "big") + head + form.model
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
    return ReadyForm(content[end:], places, matrices, told["digest"])
