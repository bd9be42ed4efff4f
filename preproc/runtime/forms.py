"""The form of a graph that runs, made once and kept under the digest of what it is made of.

Why kept: rewriting takes as long as ten loads of the graph. The folder is ``PREPROC_CACHE``, by
default ``preproc`` in the user's cache; an empty value keeps nothing. A kept form carries its own
digest; one that is truncated or altered is made again. It is proved like one that was just made.
One process makes it, where files can be locked, and others that need it wait.

Why some are made in another process: what makes a form is 15 MB that a server never needs again.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
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
    path: str | os.PathLike[str],
    form: MatrixForm,
    mode: Mode,
    float32: Sequence[str],
    *,
    apart: bool = False,
) -> ReadyForm:
    """Give the form of an artifact's graph, kept or made; see `building.make_form`.

    Parameters
    ----------
    path
        Folder of a version.
    form, mode, float32
        As for `building.make_form`.
    apart
        Whether another process makes it; where none can be started, this one does.

    Raises
    ------
    ArtifactError
        When the graph is missing or truncated.
    """
    make = _made_apart if apart else _made
    place = _place(path, form, mode, float32)
    if place is None:
        return make(path, form, mode, float32)
    kept = _kept(place)
    if kept is not None:
        return kept
    with _alone(place):
        kept = _kept(place)
        if kept is not None:
            return kept
        made = make(path, form, mode, float32)
        with suppress(OSError):  # a folder that cannot be written costs time, nothing else
            _keep(place, made)
    return made


def is_missing(
    path: str | os.PathLike[str], form: MatrixForm, mode: Mode, float32: Sequence[str]
) -> bool:
    """Whether `form_at` would make a form and keep it."""
    place = _place(path, form, mode, float32)
    return place is not None and _kept(place) is None and _is_writable(place.parent)


def _place(
    path: str | os.PathLike[str], form: MatrixForm, mode: Mode, float32: Sequence[str]
) -> Path | None:
    """Name the file in which a form is kept; None where none is kept, or there is no graph."""
    folder = os.environ.get(VARIABLE, str(_default_folder()))
    file = Path(path) / "model.onnx"
    if not folder or not file.is_file():
        return None
    key = sha256(json.dumps([_rewriters(), form, mode, list(float32)]).encode())
    key.update(sha256(file.read_bytes()).digest())
    return Path(folder) / f"{key.hexdigest()}.form"


def _made(
    path: str | os.PathLike[str], form: MatrixForm, mode: Mode, float32: Sequence[str]
) -> ReadyForm:
    from preproc.runtime.building import (  # noqa: PLC0415  # onnx, which a kept form needs not
        make_form,
        read_model,
    )

    return make_form(read_model(path), form, mode, float32)


def _made_apart(
    path: str | os.PathLike[str], form: MatrixForm, mode: Mode, float32: Sequence[str]
) -> ReadyForm:
    command = [sys.executable, "-P", "-m", "preproc.runtime.building", path, form, mode, *float32]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # noqa: S603  # ourselves
    except OSError:
        return _made(path, form, mode, float32)
    made = form_from_bytes(done.stdout)
    return _made(path, form, mode, float32) if made is None else made  # which tells what is wrong


def _default_folder() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path("~").expanduser() / ".cache"
    return Path(root) / "preproc"


@cache
def _rewriters() -> str:
    """Digest the code that makes forms: another code, another form."""
    files = sorted((Path(__file__).parents[1] / "graph").rglob("*.py"))
    code = sha256(b"".join(file.read_bytes() for file in files))
    return f"{code.hexdigest()} {version('onnx')}"


def form_to_bytes(form: ReadyForm) -> bytes:
    """Write a form: its digest, the length of its head, head, model."""
    told = {"places": form.places, "matrices": form.matrices, "digest": form.digest}
    head = json.dumps(told).encode()
    content = len(head).to_bytes(_LENGTH_BYTES, "big") + head + form.model
    return sha256(content).digest() + content


def form_from_bytes(whole: bytes) -> ReadyForm | None:
    """Read a form; None where it is truncated or altered."""
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


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Wait until no other process makes a form; where nothing can be locked, each makes it."""
    making = place.with_suffix(".making")
    with ExitStack() as held:
        if sys.platform != "win32" and _is_writable(place.parent):
            import fcntl  # noqa: PLC0415  # which Windows has not

            with suppress(OSError):
                fcntl.flock(held.enter_context(making.open("wb")), fcntl.LOCK_EX)
                held.callback(making.unlink, missing_ok=True)
        yield


def _is_writable(folder: Path) -> bool:
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.access(folder, os.W_OK)


def _keep(place: Path, form: ReadyForm) -> None:
    """Write a form whole or not at all."""
    with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as file:
        file.write(form_to_bytes(form))
    Path(file.name).replace(place)


def _kept(place: Path) -> ReadyForm | None:
    try:
        return form_from_bytes(place.read_bytes())
    except OSError:
        return None
