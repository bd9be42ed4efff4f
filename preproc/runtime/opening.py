"""An artifact on disk → a session; where its form is kept, without onnx and without the graph."""

from collections.abc import Mapping
from os import PathLike
from typing import Any, Final

from preproc.artifact import read_artifact, read_contract
from preproc.contract import Contract, Mode
from preproc.errors import BackendError
from preproc.runtime.backends import Form, backend_of, opener_of
from preproc.runtime.chunks import ChunkedExecutor
from preproc.runtime.executor import Executor
from preproc.runtime.forms import ReadyForm, form_at
from preproc.runtime.layout import Layout
from preproc.runtime.memory import give_back_memory
from preproc.runtime.session import Session

DEFAULT_BACKEND: Final = "onnxruntime-cpu"
MODES: Final[Mapping[str, tuple[Mode, ...]]] = {"exact": ("exact",), "fast": ("exact", "fast")}
"""Mode of an artifact → modes in which it may run; what was exported for speed is exact too."""


def open_session(
    path: str | PathLike[str],
    *,
    backend: str = DEFAULT_BACKEND,
    mode: Mode = "exact",
    form: Form | None = None,
    options: Mapping[str, Any] | None = None,
    workers: int = 1,
    verify: bool = True,
    apart: bool = False,
) -> Session:
    """Open an artifact on a backend.

    Parameters
    ----------
    path
        Folder of a version, such as ``models/flight_delay/1``.
    backend
        One of `BACKENDS`; never replaced by another.
    mode
        ``exact``, or ``fast`` where the artifact was exported so: fewer nodes, other last bits,
        within bounds of its own.
    form
        ``fused``: one matrix a dtype and the same bits from fewer nodes; ``packed``: only one
        matrix a dtype; ``public``: the graph as it is on disk;
        ``halves``: text, nulls and refusals on the CPU, the arithmetic on the device; None for the
        one that the backend prefers.
    options
        Keywords of the backend's `open_executor`, such as ``{"threads": 2}``.
    workers
        Threads that a large batch is spread over, in the fused and the packed form; a server,
        which answers many calls at once, keeps one. The bits are the same for any number.
    verify
        Whether to read the whole folder and check its digest first.
    apart
        Whether a form that is not kept is made by another process, so that this one need not
        import what makes it; longer by its start.

    Returns
    -------
    Session
        Not proved yet: see `preproc.runtime.prove`.

    Raises
    ------
    ArtifactError
        When the folder is missing, truncated or altered.
    BackendError
        When the backend is unknown, absent or cannot run the graph, or the mode is not offered.
    """
    if verify:
        read_artifact(path)
    contract = read_contract(path)
    chosen = checked_form(contract, backend, mode, form)
    if chosen in ("fused", "packed"):
        opener = opener_of(backend)
        ready = form_at(path, chosen, mode, contract.float32, apart=apart)
        executor = ChunkedExecutor(opener(ready.model, **(options or {})), workers)
        session = session_on(contract, executor, ready, backend=backend, form=chosen, mode=mode)
        del ready
        give_back_memory()
        return session
    from preproc.runtime.building import read_model, session_of  # noqa: PLC0415  # as in `form_at`

    model = read_model(path)
    return session_of(contract, model, backend=backend, mode=mode, form=form, options=options)


def checked_form(contract: Contract, backend: str, mode: Mode, form: Form | None) -> Form:
    """Choose the form that a backend prefers; refuse a mode that is not offered.

    Raises
    ------
    BackendError
        When the backend is unknown, or the mode is not offered.
    """
    offered = MODES.get(contract.mode, ())
    if mode not in offered:
        names = " or ".join(map(repr, offered))
        raise BackendError(f"mode {mode!r}: expected {names}, which the artifact offers")
    form = form or backend_of(backend).form
    if form == "halves" and mode != "exact":
        raise BackendError(f"mode {mode!r}: expected 'exact', of which the form in halves is made")
    return form


def session_on(
    contract: Contract,
    executor: Executor,
    ready: ReadyForm,
    *,
    backend: str,
    form: Form,
    mode: Mode,
) -> Session:
    """Make the session of a form that takes matrices, already loaded."""
    return Session(
        contract,
        executor,
        Layout(ready.places, ready.matrices),
        backend=backend,
        form=form,
        mode=mode,
        form_digest=ready.digest,
    )
