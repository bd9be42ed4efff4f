"""An open artifact: checks a batch, packs it, runs it, refuses rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from preproc.contract import Contract, Mode
from preproc.errors import RefusedRows
from preproc.runtime.backends import Form
from preproc.runtime.executor import Executor, Placed
from preproc.runtime.layout import Layout, matrices_of
from preproc.runtime.nulls import check_utf8, nulls_of
from preproc.signature import ROW_ERROR, TEXT, Rule, Signature

Refused = Literal["raise", "report"]
_REFUSED: Final = get_args(Refused)


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
            When columns, dtypes or shapes differ from the contract, there are no rows, or a text
            is none that UTF-8 holds.
        RefusedRows
            With ``raise``, when a row breaks a rule.
        ValueError
            When `refused` is another word.
        """
        if refused not in _REFUSED:
            raise ValueError(f"refused: expected 'raise' or 'report', got {refused!r}")
        prepared = self.prepare(columns)
        try:
            answers = self.run_prepared(prepared)
        except UnicodeEncodeError:
            self._check_texts(prepared)
            raise
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
        from preproc.runtime.feeding import columns_of  # noqa: PLC0415  # a server has no frames

        taken = columns_of(columns, self.signature, utf8=self._executor.takes_utf8)
        return self.pack(taken)

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

    def _check_texts(self, prepared: Prepared) -> None:
        """Name the text that the graph could not be given."""
        for name, (matrix, at) in self.layout.places.items():
            if self.layout.inputs[matrix][0] == TEXT:
                check_utf8(name, prepared.feeds[matrix][:, at])

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
        return self._executor.slack(prepared.feeds)

    @property
    def device(self) -> str:
        """What computes, as the backend calls it."""
        return self._executor.device

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
