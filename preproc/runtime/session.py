"""An open artifact: checks a batch, packs it, runs it, refuses rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from os import PathLike
from types import TracebackType
from typing import Any, Final, Literal, Protocol, Self

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.artifact import read_artifact, read_contract, read_model
from preproc.contract import Contract, Mode
from preproc.errors import BackendError, RefusedRows
from preproc.graph import fast, pack
from preproc.runtime.feeding import Layout, columns_of, matrices_of, nulls_of, public_layout
from preproc.signature import ROW_ERROR, TEXT, Signature

BACKENDS: Final[Mapping[str, str]] = {
    "cpu": "preproc.runtime.onnxrt:open_cpu",
    "reference": "preproc.runtime.reference:open_reference",
}
"""Name of a backend → function that opens an executor of a model; imported when asked for."""

Form = Literal["packed", "public"]
MODES: Final[Mapping[str, tuple[Mode, ...]]] = {"exact": ("exact",), "fast": ("exact", "fast")}
"""Mode of an artifact → modes in which it may run; what was exported for speed is exact too."""
Refused = Literal["raise", "report"]


class Executor(Protocol):
    """A runtime with one graph loaded."""

    def execute(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Compute all outputs from all inputs."""

    def close(self) -> None:
        """Give the graph back; a second call does nothing."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked batch, laid out for one session.

    Attributes
    ----------
    rows
        Number of rows.
    feeds
        Input of the graph → array (rows, width).
    """

    rows: int
    feeds: Mapping[str, NDArray[Any]]


class Session:
    """One artifact on one backend; a context manager.

    Calls from several threads are safe where the executor's are (ONNX Runtime's are).
    """

    def __init__(
        self,
        contract: Contract,
        executor: Executor,
        layout: Layout,
        *,
        backend: str,
        form: Form,
        mode: Mode = "exact",
    ) -> None:
        self.contract = contract
        self.mode = mode
        self.layout = layout
        self.backend = backend
        self.form = form
        self._executor = executor

    @property
    def signature(self) -> Signature:
        """Columns, outputs and rules."""
        return self.contract.signature

    def run(self, columns: Any, *, refused: Refused = "raise") -> dict[str, NDArray[Any]]:
        """Answer a batch.

        Parameters
        ----------
        columns
            Frame, mapping of arrays (n,) or (n, width), or array (n, features); see `columns_of`.
        refused
            ``raise``: one refused row refuses the batch, as in scikit-learn. ``report``: the
            others are answered, refused rows hold the poison, and ``row_error`` tells which rule.

        Returns
        -------
        dict
            Output → array (n,) or (n, width), nulls of text as None and NaN; with ``report`` also
            ``row_error``, int32 (n,).

        Raises
        ------
        SignatureError
            When columns, dtypes or shapes differ from the contract, or there are no rows.
        RefusedRows
            With ``raise``, when a row breaks a rule.
        """
        answers = self.run_prepared(self.prepare(columns))
        for output in self.signature.outputs:
            if output.role == "features" and output.dtype == TEXT:
                answers[output.name] = nulls_of(answers[output.name])
        if refused == "report":
            return answers
        self.raise_refused(answers.pop(ROW_ERROR))
        return answers

    def prepare(self, columns: Any) -> Prepared:
        """Check a batch and lay it out, without running it.

        Raises
        ------
        SignatureError
            As `run` does.
        """
        return self.pack(columns_of(columns, self.signature))

    def pack(self, columns: Mapping[str, NDArray[Any]]) -> Prepared:
        """Check and lay out arrays that hold null tokens already, as on the wire.

        Raises
        ------
        SignatureError
            When columns, dtypes or shapes differ from the contract, or there are no rows.
        """
        rows = self.signature.check(columns)
        return Prepared(rows, matrices_of(columns, self.layout, rows))

    def run_prepared(self, prepared: Prepared) -> dict[str, NDArray[Any]]:
        """Compute all outputs, ``row_error`` among them; nothing is checked or raised."""
        return self._executor.execute(prepared.feeds)

    def raise_refused(self, row_error: NDArray[np.int32]) -> None:
        """Raise `RefusedRows` where ``row_error``, int32 (n,), names a broken rule."""
        rows = np.flatnonzero(row_error)
        if rows.size:
            broken = [self.signature.rule(int(row_error[row])) for row in rows]
            raise RefusedRows(
                rows.tolist(),
                [rule.column for rule in broken],
                [f"{rule.text} (rule {rule.number}, step {rule.step})" for rule in broken],
            )

    def close(self) -> None:
        """Close the executor."""
        self._executor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_session(
    path: str | PathLike[str],
    *,
    backend: str = "cpu",
    mode: Mode = "exact",
    form: Form = "packed",
    verify: bool = True,
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
        ``packed``: one matrix a dtype, faster; ``public``: the graph as it is on disk.
    verify
        Whether to read the whole folder and check its digest first.

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
    return session_of(read_contract(path), read_model(path), backend=backend, mode=mode, form=form)


def session_of(
    contract: Contract,
    model: onnx.ModelProto,
    *,
    backend: str = "cpu",
    mode: Mode = "exact",
    form: Form = "packed",
) -> Session:
    """Open a session on a contract and its public graph, already in memory."""
    offered = MODES.get(contract.mode, ())
    if mode not in offered:
        names = " or ".join(map(repr, offered))
        raise BackendError(f"mode {mode!r}: expected {names}, which the artifact offers")
    if mode == "fast":
        model = fast(model)
    layout = public_layout(contract.signature)
    if form == "packed":
        packed = pack(model)
        model, layout = packed.model, Layout(packed.places, packed.matrices)
    executor = opener_of(backend)(model)
    return Session(contract, executor, layout, backend=backend, form=form, mode=mode)


def opener_of(backend: str) -> Callable[[onnx.ModelProto], Executor]:
    """Find the function that opens an executor of a model.

    Raises
    ------
    BackendError
        When the backend is unknown or its runtime is absent.
    """
    if backend not in BACKENDS:
        raise BackendError(f"backend {backend!r}: expected one of {sorted(BACKENDS)}")
    module, function = BACKENDS[backend].split(":")
    try:
        opener: Callable[[onnx.ModelProto], Executor] = getattr(import_module(module), function)
    except ImportError as error:
        raise BackendError(
            f"backend {backend!r}: expected its runtime, got {error}; install preproc-runtime[cpu]"
        ) from error
    return opener
