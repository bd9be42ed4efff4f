"""One case of the matrix: fit, export, and hold against scikit-learn on everything but training."""

import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone

from preproc import ExportError, SignatureError, compare
from preproc.compare import Tolerance
from preproc.contract import Contract
from preproc.export import export_pipeline
from preproc.export.answers import as_output
from preproc.export.batches import rows_of
from preproc.export.boundary import infinite_rows, missing_rows
from preproc.export.certificate import cancelling_rows
from preproc.export.conversion import convert
from preproc.export.oracle import Oracle
from preproc.export.pipeline import probe_of
from preproc.export.spread import AGREEMENT, nudged_rows, shares_of
from preproc.runtime import Session, open_session
from preproc.runtime.building import session_of
from preproc.runtime.feeding import columns_of
from preproc.runtime.gate import tolerances_of
from preproc.signature import ROW_ERROR, Output
from tests.matrix.data import make_data

EDGES: Final = (
    0.0, -0.0, 5e-324, 1e-300, 1e-8, -1e-8, 0.5, 1.0, -1.0, 3.4e38, -3.4e38, 1e300, -1e300, 1e16,
)  # fmt: skip
MANY: Final = 1000
"""Rows of the largest batch, in which the same rows stand in any order."""


@dataclass(frozen=True, slots=True)
class Case:
    """One estimator with its parameters on one kind of data.

    Attributes
    ----------
    name
        Unique, as the coverage table shows it.
    estimator
        Unfitted; a clone of it is fitted.
    data
        One of `tests.matrix.data.MAKERS`.
    expect
        ``bitwise``: equal bits on all rows; ``bounded``: within the certificate's bound;
        ``refused``: by name, at export.
    message
        For refused ones, what the error must say.
    target
        One of `tests.matrix.data.TARGETS`.
    least_compared
        Share of the unseen rows that must be compared, chance and edges left out: a case that
        compares nothing has failed.
    """

    name: str
    estimator: Any
    data: str
    expect: Literal["bitwise", "bounded", "refused"] = "bitwise"
    message: str = ""
    target: str = "random three"
    least_compared: float = 0.5


def check(case: Case, folder: Path) -> None:
    """Assert all that the matrix promises of one case."""
    data = make_data(case.data, case.target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's own, at training
        fitted = clone(case.estimator).fit(data.X, data.y)
    if case.expect == "refused":
        with pytest.raises(ExportError) as caught:
            export_pipeline(fitted, data.X, repository=folder, name="model")
        assert case.message, "a refused case must say what the error says"
        assert case.message in str(caught.value)
        return
    everything = [answer.output.key for answer in convert(fitted, data.X).answers]
    artifact = export_pipeline(fitted, data.X, repository=folder, name="model", outputs=everything)
    bounds = tolerances_of(artifact.certificate)
    certified = artifact.certificate["outputs"].values()
    is_bitwise = all(output["decided"] == "ieee" for output in certified)
    assert is_bitwise == (case.expect == "bitwise"), bounds
    assert artifact.path is not None
    with open_session(artifact.path) as session:
        oracle = Oracle(fitted, data.X, session.signature)
        known = {column.name for column in session.signature.columns}
        rows = {
            name: values.reshape(len(data.fresh), -1)
            for name, values in columns_of(data.fresh, session.signature).items()
            if name in known
        }
        scales = {name: found["scale"] for name, found in artifact.certificate["outputs"].items()}
        doubtful = doubts_of(fitted, data.X, artifact.contract, scales)
        judge = Judge(oracle, bounds, artifact.certificate["shaky"], doubtful)
        compared = check_answers(session, judge, rows)
        assert compared >= case.least_compared * len(data.fresh), f"{compared} rows compared"
        check_edges(session, judge, rows)
        check_batches(session, rows)
        with pytest.raises(SignatureError, match="at least one row"):
            session.pack(rows_of(rows, slice(0, 0)))


def doubts_of(
    fitted: Any, training: Any, contract: Contract, scales: Mapping[str, float] | None = None
) -> Callable[[Mapping[str, NDArray[Any]]], NDArray[np.bool_]]:
    """Rows → those that scikit-learn answers by chance, (n,).

    With the scales of a certificate, also those whose summands cancel beyond its bounds.
    """
    graph = convert(fitted, training, [output.key for output in contract.signature.outputs])
    summed = [
        (replace(answer, scale=scales[output.name]), output)
        for answer, output in graph.outputs
        if scales and answer.summed
    ]

    def doubtful(rows: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
        found = np.zeros(len(next(iter(rows.values()))), bool)
        if not graph.doubts and not summed:
            return found
        with probe_of(contract, graph) as probe:
            values = probe(dict(rows))
        for doubt in graph.doubts:
            found |= values[doubt.rows].any(axis=1)
        if summed:
            with session_of(contract, graph.model) as session:
                got = session.run_prepared(session.pack(rows))
            for answer, output in summed:
                found |= cancelling_rows(answer, values, got[output.name])
        return found

    return doubtful


@dataclass(frozen=True, slots=True)
class Judge:
    """What is right, and how exactly.

    Attributes
    ----------
    oracle
        scikit-learn.
    bounds
        Output → its bound.
    shaky
        Outputs that jump where rounding decides.
    doubtful
        Rows → those that scikit-learn answers by chance, (n,).
    """

    oracle: Oracle
    bounds: Mapping[str, Tolerance]
    shaky: Collection[str]
    doubtful: Callable[[Mapping[str, NDArray[Any]]], NDArray[np.bool_]]


def check_answers(session: Session, judge: Judge, rows: Mapping[str, NDArray[Any]]) -> int:
    """Rows that both answer are answered alike, but for those that rounding or chance decides.

    Gives the least number of rows that were compared in any output.
    """
    compared = []
    oracle, bounds = judge.oracle, judge.bounds
    got = session.run_prepared(session.pack(rows))
    assert not got[ROW_ERROR].any()
    is_chance = judge.doubtful(rows)
    for output in session.signature.outputs:
        want = as_output(output, oracle.answer(rows, output.key))
        is_clear = ~is_chance
        bound = bounds[output.name]
        if not is_clear.any():
            return 0
        is_pass = compare(want[is_clear], got[output.name][is_clear], bound).is_pass
        if not is_pass and output.name in judge.shaky:
            is_clear &= ~on_an_edge(session, oracle, rows, output, want)
        found = compare(want[is_clear], got[output.name][is_clear], bound)
        assert found.is_pass, (output.name, found)
        compared.append(found.rows)
    return min(compared)


def on_an_edge(
    session: Session,
    oracle: Oracle,
    rows: Mapping[str, NDArray[Any]],
    output: Output,
    want: NDArray[Any],
) -> NDArray[np.bool_]:
    """Rows whose answer changes when the input moves by a rounding: no order of sums is right."""
    found = np.zeros(len(want), bool)
    for moved in nudged_rows(session, rows):
        answer = as_output(output, oracle.answer(moved, output.key))
        found |= shares_of(output, want, answer) > AGREEMENT
    return found


def check_edges(session: Session, judge: Judge, rows: Mapping[str, NDArray[Any]]) -> None:
    """Odd rows are refused by both, each by itself, or answered by both, and answered alike.

    Those that the graph answers are asked together: one refused row would refuse them all.
    """
    oracle = judge.oracle
    output = session.signature.outputs[0]
    base = rows_of(rows, slice(0, 20))
    batches = [
        missing_rows(session.signature, base, lambda _: oracle.null_tokens),
        infinite_rows(session.signature, base),
        edge_rows(session, base),
    ]
    for batch in batches:
        count = len(next(iter(batch.values())))
        if not count:
            continue
        row_error = session.run_prepared(session.pack(batch))[ROW_ERROR]
        refused = rows_of(batch, row_error != 0)
        rules = [session.signature.rule(int(number)) for number in row_error[row_error != 0]]
        for row, one in enumerate(oracle.singles(refused)):
            refusal = oracle.refusal(one, output.key)
            shown = {name: values[row].tolist() for name, values in refused.items()}
            assert refusal is not None or rules[row].origin == "contract", (rules[row], shown)
        answered = rows_of(batch, row_error == 0)
        if len(next(iter(answered.values()))):
            check_answers(session, judge, answered)


def edge_rows(session: Session, base: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Rows with one odd number each."""
    parts = []
    for column in session.signature.columns:
        if not column.dtype.startswith("float") or column.is_whole:
            continue
        for at in range(column.width):
            part = rows_of(base, np.arange(len(EDGES)) % len(next(iter(base.values()))))
            with np.errstate(over="ignore"):  # 1e300 is an infinity in float32, which is odd too
                part[column.name][:, at] = EDGES
            parts.append(part)
    if not parts:
        return rows_of(base, slice(0, 0))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def check_batches(session: Session, rows: Mapping[str, NDArray[Any]]) -> None:
    """The same row gives the same bits in any batch and position."""
    whole = session.run_prepared(session.pack(rows))
    count = len(whole[ROW_ERROR])
    others = np.random.default_rng(0).permutation(np.arange(MANY) % count)
    many = session.run_prepared(session.pack(rows_of(rows, others)))
    for name, want in whole.items():
        is_float = want.dtype.kind == "f"
        assert np.array_equal(many[name], want[others], equal_nan=is_float), name
    for size in (1, 2, 7, 64):
        parts = [
            session.run_prepared(session.pack(rows_of(rows, slice(at, at + size))))
            for at in range(0, count, size)
        ]
        for name, want in whole.items():
            got = np.concatenate([part[name] for part in parts])
            assert np.array_equal(got, want, equal_nan=want.dtype.kind == "f"), name
