"""An open artifact: checks a batch, packs it, runs it, refuses rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from types import TracebackType
from typing import Any, Final, Literal, Self

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.artifact import read_artifact, read_contract, read_model
from preproc.contract import Contract, Mode
from preproc.errors import BackendError, RefusedRows
from preproc.graph import fast, lower, pack
from preproc.runtime.backends import Form, backend_of, opener_of
from preproc.runtime.chunks import ChunkedExecutor
from preproc.runtime.executor import Executor, Placed
from preproc.runtime.feeding import Layout, columns_of, matrices_of, public_layout
from preproc.runtime.forms import ReadyForm, digest_of, form_at, make_form
from preproc.runtime.halves import HalvesExecutor, open_halves
from preproc.runtime.memory import give_back_memory
from preproc.runtime.nulls import nulls_of
from preproc.signature import ROW_ERROR, TEXT, Rule, Signature

DEFAULT_BACKEND: Final = "onnxruntime-cpu"
MODES: Final[Mapping[str, tuple[Mode, ...]]] = {"exact": ("exact",), "fast": ("exact", "fast")}
"""Mode of an artifact → modes in which it may run; what was exported for speed is exact too."""
Refused = Literal["raise", "report"]


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

    Attributes
    ----------
    contract
        Columns, outputs and rules.
    layout
        Where columns go in the inputs of the form that runs.
    backend, form, mode
        What runs, and which form of the graph.
    dtype
        In which the form computes: ``float64``, or ``float32`` with bounds of its own.
    own_rule
        What this form refuses beside the contract's rules: numbers too large for the device.
    form_digest
        Of the models that run, hexadecimal; empty where they are not ours.
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
        dtype: str = "float64",
        form_digest: str = "",
        own_rule: Rule | None = None,
    ) -> None:
        self.contract = contract
        self.dtype = dtype
        self.own_rule = own_rule
        self.form_digest = form_digest
        self.mode = mode
        self.layout = layout
        self.backend = backend
        self.form = form
        self._executor = executor
        signature, own = contract.signature, () if own_rule is None else (own_rule,)
        self._signature = replace(signature, rules=(*signature.rules, *own))

    @property
    def signature(self) -> Signature:
        """Columns, outputs and rules, this form's own among them."""
        return self._signature

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

    def placement(self) -> Sequence[Placed]:
        """Tell where every node ran; see `Executor.placement`."""
        return self._executor.placement()

    def slack(self, prepared: Prepared) -> dict[str, NDArray[np.float64]]:
        """Bound what a device may add to each answer of a batch; empty where there is none.

        Returns
        -------
        dict
            Output → absolute error, (rows,) or (rows, width); see `preproc.runtime.slack`.
        """
        executor = self._executor
        return executor.slack(prepared.feeds) if isinstance(executor, HalvesExecutor) else {}

    def environment(self) -> Mapping[str, str]:
        """Tell what may move bits: device, driver, versions, CPU flags, threads, denormals."""
        return self._executor.environment()

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
    backend: str = DEFAULT_BACKEND,
    mode: Mode = "exact",
    form: Form | None = None,
    options: Mapping[str, Any] | None = None,
    workers: int = 1,
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
    chosen = _checked_form(contract, backend, mode, form)
    if chosen in ("fused", "packed"):
        opener = opener_of(backend)
        ready = form_at(path, chosen, mode, contract.float32)
        executor = ChunkedExecutor(opener(ready.model, **(options or {})), workers)
        session = _session(contract, executor, ready, backend=backend, form=chosen, mode=mode)
        del ready
        give_back_memory()
        return session
    return session_of(
        contract, read_model(path), backend=backend, mode=mode, form=form, options=options
    )


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
    form = _checked_form(contract, backend, mode, form)
    opener = opener_of(backend)  # before the work of making a form
    options = options or {}
    if form in ("fused", "packed"):
        ready = make_form(model, form, mode, contract.float32)
        executor = ChunkedExecutor(opener(ready.model, **options))
        return _session(contract, executor, ready, backend=backend, form=form, mode=mode)
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


def _checked_form(contract: Contract, backend: str, mode: Mode, form: Form | None) -> Form:
    """Choose the form that a backend prefers; refuse a mode that is not offered."""
    offered = MODES.get(contract.mode, ())
    if mode not in offered:
        names = " or ".join(map(repr, offered))
        raise BackendError(f"mode {mode!r}: expected {names}, which the artifact offers")
    form = form or backend_of(backend).form
    if form == "halves" and mode != "exact":
        raise BackendError(f"mode {mode!r}: expected 'exact', of which the form in halves is made")
    return form


def _session(
    contract: Contract,
    executor: Executor,
    ready: ReadyForm,
    *,
    backend: str,
    form: Form,
    mode: Mode,
) -> Session:
    return Session(
        contract,
        executor,
        Layout(ready.places, ready.matrices),
        backend=backend,
        form=form,
        mode=mode,
        form_digest=ready.digest,
    )
