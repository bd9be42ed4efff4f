"""A fitted pipeline as a witness: asked on rows that a graph has answered, once it proves itself.

It must first give the golden answers of the artifact; else it is not the pipeline that was
exported, or computes otherwise here, and its word on other rows means nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Self

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.artifact import Artifact
from preproc.compare import BITWISE, breaches
from preproc.errors import CheckError, PreprocError
from preproc.export.answers import as_output
from preproc.export.batches import rows_of
from preproc.export.diverging import find_step, first_divergence
from preproc.export.onward import continued_rows, trail_of
from preproc.export.oracle import Oracle
from preproc.export.spread import jumping_rows
from preproc.runtime.building import session_of
from preproc.runtime.feeding import unit_of
from preproc.runtime.gate import tolerances_of
from preproc.runtime.inner import inner_values
from preproc.signature import ROW_ERROR, TEXT, Column, Output, Signature
from preproc.testimony import Divergence, Testimony
from preproc.vectors import VectorSet

MAX_REFUSED: Final = 64
"""Refused rows that are asked one by one, of a golden set and of a batch."""


class PipelineWitness:
    """A fitted pipeline beside the artifact that it was exported as; a context manager.

    Parameters
    ----------
    pipeline
        Fitted.
    artifact
        As read from its folder, graph and all.
    data
        Data of training's kind, of which one row is enough; None where columns of plain numbers
        and text say it all.
    kind
        Library of the frame that is made where `data` is None.
    """

    def __init__(
        self, pipeline: Any, artifact: Artifact, data: Any = None, kind: str = "pandas"
    ) -> None:
        self._artifact = artifact
        self._signature = artifact.contract.signature
        self._pipeline = pipeline
        like = like_of(self._signature, kind) if data is None else data
        self._oracle = Oracle(pipeline, like, self._signature)
        self._bounds = tolerances_of(artifact.certificate)
        self._session = session_of(artifact.contract, onnx.ModelProto.FromString(artifact.model))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def prove(self) -> int:
        """Ask for the golden answers, and give the number of rows that agree.

        Raises
        ------
        CheckError
            At the first row on which it disagrees, or when there are no rows.
        """
        rows = 0
        for vectors in self._artifact.vectors:
            try:
                self._prove(vectors)
            except PreprocError:
                raise
            except Exception as error:  # a foreign pipeline fails in its own ways
                raise _stranger(
                    self._artifact, vectors, f"{type(error).__name__}: {error}"
                ) from error
            rows += vectors.rows
        if not rows:
            raise CheckError(f"{self._artifact.path}: expected golden rows, got none")
        return rows

    def ask(self, inputs: Mapping[str, NDArray[Any]], is_refused: NDArray[np.bool_]) -> Testimony:
        """Ask the pipeline on rows of which some were refused.

        Parameters
        ----------
        inputs
            Column → array (n, width), null tokens in place.
        is_refused
            By the graph, (n,); of those at most `MAX_REFUSED` are asked, since each takes a call.
        """
        rows = len(is_refused)
        refuses, asked = np.zeros(rows, bool), np.ones(rows, bool)
        alone = np.flatnonzero(is_refused)
        asked[alone[MAX_REFUSED:]] = False
        key = self._signature.outputs[0].key
        for row in alone[:MAX_REFUSED].tolist():
            one = self._oracle.native(rows_of(inputs, slice(row, row + 1)))
            refuses[row] = self._oracle.refusal(one, key) is not None
        for row in self._refusing(inputs, np.flatnonzero(~is_refused)):
            refuses[row] = True
        answered = np.flatnonzero(~is_refused & ~refuses)
        return Testimony(self._answers(inputs, answered, rows), refuses, asked)

    def is_undecided(
        self, output: Output, inputs: Mapping[str, NDArray[Any]], want: NDArray[Any]
    ) -> NDArray[np.bool_]:
        """Mark rows of which rounding decides: moved by a rounding, the pipeline itself jumps."""
        if output.name not in self._artifact.certificate.get("shaky", ()):
            return np.zeros(len(want), bool)
        return jumping_rows(self._oracle, self._session, output, dict(inputs), want)

    def is_continued(
        self,
        inputs: Mapping[str, NDArray[Any]],
        want: Mapping[str, NDArray[Any]],
        served: Mapping[str, NDArray[Any]],
    ) -> NDArray[np.bool_]:
        """Mark rows in which the pipeline goes on from the graph's last bits to what was served.

        The graph is computed here. Steps inside of models are found where the artifact's paths
        lead to them; elsewhere nothing is excused.
        """
        trail = trail_of(
            self._oracle,
            self._artifact.steps,
            lambda path: find_step(self._pipeline, path),
            lambda rows, steps: inner_values(self._artifact, steps, rows),
        )
        return continued_rows(trail, dict(inputs), want, served, self._bounds)

    def diverge(self, inputs: Mapping[str, NDArray[Any]]) -> Divergence:
        """Find the first step at which the graph, computed here, leaves the pipeline.

        Parameters
        ----------
        inputs
            Rows that the pipeline answers, and that were served otherwise.
        """
        return first_divergence(self._pipeline, self._artifact, self._oracle, inputs)

    def _prove(self, vectors: VectorSet) -> None:
        is_refused = vectors.answers[ROW_ERROR] != 0
        said = self.ask(vectors.inputs, is_refused)
        ours = [rule.number for rule in self._signature.rules if rule.origin == "contract"]
        wrong = said.is_asked & (said.is_refused != is_refused)
        wrong &= ~np.isin(vectors.answers[ROW_ERROR], ours)
        for row in np.flatnonzero(wrong).tolist():
            told = "an answer" if is_refused[row] else "a refusal"
            raise _stranger(self._artifact, vectors, f"{told} to row {row}")
        answered = np.flatnonzero(~is_refused)
        for output in self._signature.outputs if answered.size else ():
            want, got = vectors.answers[output.name][answered], said.answers[output.name][answered]
            beyond = breaches(want, got, self._bounds.get(output.name, BITWISE)).reshape(
                len(want), -1
            )
            if beyond.any():
                at = int(np.flatnonzero(beyond.any(axis=1))[0])
                problem = (
                    f"row {int(answered[at])}, output {output.name!r}: {got[at].tolist()!r} in "
                    f"place of {want[at].tolist()!r}"
                )
                raise _stranger(self._artifact, vectors, problem)

    def _answers(
        self, inputs: Mapping[str, NDArray[Any]], rows: NDArray[np.int64], total: int
    ) -> dict[str, NDArray[Any]]:
        answers = {}
        for output in self._signature.outputs:
            shape = (total,) if output.width is None else (total, output.width)
            filled = np.zeros(shape, object if output.dtype == TEXT else output.dtype)
            if rows.size:
                given = self._oracle.answer(rows_of(inputs, rows), output.key)
                filled[rows] = as_output(output, given)
            answers[output.name] = filled
        return answers

    def _refusing(
        self, inputs: Mapping[str, NDArray[Any]], rows: NDArray[np.int64]
    ) -> Iterator[int]:
        """Find the rows that make a batch fail, by halving it."""
        if not rows.size:
            return
        key = self._signature.outputs[0].key
        if self._oracle.refusal(self._oracle.native(rows_of(inputs, rows)), key) is None:
            return
        if rows.size == 1:
            yield int(rows[0])
            return
        middle = rows.size // 2
        yield from self._refusing(inputs, rows[:middle])
        yield from self._refusing(inputs, rows[middle:])


def like_of(signature: Signature, kind: str = "pandas") -> Any:
    """Make one row of the kind that a signature tells of: plain dtypes, nullable where they say."""
    first = signature.columns[0]
    if signature.kind == "array":
        return np.zeros((1, first.width), object if first.is_text else first.dtype)
    if signature.kind == "vector":
        return np.zeros(1, object if first.is_text else first.dtype)
    cells = {
        column.name: np.array([""], object) if column.is_text else np.zeros(1, column.dtype)
        for column in signature.columns
    }
    if kind == "polars":
        import polars as pl  # noqa: PLC0415  # only where training used it

        made = {
            c.name: pl.Series(cells[c.name].tolist()).cast(_polars(c)) for c in signature.columns
        }
        return pl.DataFrame(made)
    import pandas as pd  # noqa: PLC0415  # likewise

    return pd.DataFrame(cells).astype(
        {column.name: _pandas(column) for column in signature.columns}
    )


def _pandas(column: Column) -> str:
    """Name the dtype of pandas that a column had, most likely."""
    if column.is_text:
        return "object" if column.null == "none" else "str"
    is_nullable = column.is_whole and column.dtype == "float64"
    return column.moment or ("Int64" if is_nullable else column.dtype)


def _polars(column: Column) -> Any:
    """Give the dtype of polars that a column had."""
    import polars as pl  # noqa: PLC0415  # only where training used it

    if column.is_text:
        return pl.String()
    if column.moment:
        zone = column.moment.rstrip("]").partition(", ")[2]
        unit: Any = unit_of(column.moment)
        return pl.Datetime(unit, zone or None)
    is_nullable = column.is_whole and column.dtype == "float64"
    name = "int64" if is_nullable else column.dtype
    return pl.Series(np.zeros(1, name)).dtype


def _stranger(artifact: Artifact, vectors: VectorSet, problem: str) -> CheckError:
    return CheckError(
        f"pipeline: expected the golden answers of {artifact.contract.name!r}, got {problem} "
        f"(vectors {vectors.name!r}); it is not the one that was exported, or its libraries "
        "compute otherwise here, so nothing was replayed"
    )
