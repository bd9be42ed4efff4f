"""A public graph → the form that runs, and a session on it: all that needs onnx to open.

Why apart: a server imports none of this. It finds its forms kept, or has them made by ``python -m
preproc.runtime.building PATH FORM MODE [FLOAT32 …]``, which writes one to the standard output.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any, cast

import onnx
from google.protobuf.message import DecodeError

from preproc.artifact import read_graph
from preproc.contract import Contract, Mode
from preproc.errors import ArtifactError, PreprocError
from preproc.graph import fast, fuse, lower, pack, restructure
from preproc.runtime.backends import Form, backend_of, opener_of
from preproc.runtime.chunks import ChunkedExecutor
from preproc.runtime.forms import MatrixForm, ReadyForm, form_to_bytes
from preproc.runtime.halves import open_halves
from preproc.runtime.layout import Layout, public_layout
from preproc.runtime.opening import DEFAULT_BACKEND, checked_form, session_on
from preproc.runtime.session import Session


def read_model(path: str | os.PathLike[str]) -> onnx.ModelProto:
    """Read the public graph of an artifact.

    Raises
    ------
    ArtifactError
        When it is missing, truncated, or refers to external files.
    """
    content = read_graph(path)
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(content)
    except DecodeError as error:
        raise ArtifactError(path, "expected an ONNX model, got other bytes") from error
    return model


def session_of(
    contract: Contract,
    model: onnx.ModelProto,
    *,
    backend: str = DEFAULT_BACKEND,
    mode: Mode = "exact",
    form: Form | None = None,
    options: Mapping[str, Any] | None = None,
) -> Session:
    """Open a session on a contract and its public graph, already in memory."""
    form = checked_form(contract, backend, mode, form)
    opener = opener_of(backend)  # before the work of making a form
    options = options or {}
    if form in ("fused", "packed"):
        ready = make_form(model, form, mode, contract.float32)
        executor = ChunkedExecutor(opener(ready.model, **options))
        return session_on(contract, executor, ready, backend=backend, form=form, mode=mode)
    if mode == "fast":
        # What an accelerator computes is float32 anyway, or float64 where that was asked for.
        model = fast(model, () if form == "halves" else contract.float32)
    if form == "public":
        return Session(
            contract,
            opener(model, **options),
            public_layout(contract.signature),
            backend=backend,
            form=form,
            mode=mode,
            form_digest=digest_of([model]),
        )
    dtype = backend_of(backend).dtype
    halves = lower(model, dtype=dtype)
    packed = pack(halves.host)
    return Session(
        contract,
        open_halves(opener, replace(halves, host=packed.model), options),
        Layout(packed.places, packed.matrices),
        backend=backend,
        form=form,
        mode=mode,
        dtype=dtype,
        form_digest=digest_of([packed.model, halves.device, halves.tail]),
        own_rule=halves.rule,
    )


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
    content = model.SerializeToString(deterministic=True)
    return ReadyForm(content, packed.places, packed.matrices, digest_of([model]))


def digest_of(parts: Sequence[onnx.ModelProto]) -> str:
    """Digest the models that run: SHA-256 over the SHA-256 of each, hexadecimal."""
    digests = [sha256(part.SerializeToString(deterministic=True)).digest() for part in parts]
    return sha256(b"".join(digests)).hexdigest()


def main(arguments: Sequence[str]) -> None:
    """Make a form and write it; who asked says what is wrong, where something is."""
    path, form, mode, *float32 = arguments
    try:
        made = make_form(read_model(path), cast("MatrixForm", form), cast("Mode", mode), float32)
    except PreprocError:
        sys.exit(1)
    sys.stdout.buffer.write(form_to_bytes(made))


if __name__ == "__main__":
    main(sys.argv[1:])
