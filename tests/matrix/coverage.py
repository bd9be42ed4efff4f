"""Writes ``docs/coverage.md`` from the cases of the matrix, skl2onnx tried beside them.

``python -m tests.matrix.coverage`` runs every case again; the matrix itself is the proof, this is
its table.
"""

import importlib
import logging
import multiprocessing
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from rich.progress import track
from skl2onnx import to_onnx
from skl2onnx.common.data_types import (
    BooleanTensorType,
    DoubleTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn import __version__ as sklearn_version
from sklearn.base import clone, is_classifier

from preproc import compare
from preproc.contract import Contract
from preproc.export.answers import as_output
from preproc.export.columns import signature_of
from preproc.export.conversion import convert
from preproc.export.oracle import Oracle
from preproc.runtime.building import session_of
from preproc.runtime.feeding import columns_of
from preproc.signature import Output
from tests.matrix.data import Data, make_data
from tests.matrix.harness import Case
from tests.matrix.listed import table_of
from tests.matrix.test_encode_laws import hold_against_oracle
from tests.matrix.test_label import ENCODERS, LABELS

HERE: Final = Path(__file__).parent
PATIENCE_S: Final = 20
PAGE: Final = HERE.parents[1] / "docs" / "coverage.md"
TYPES: Final = {
    "f": DoubleTensorType,
    "i": Int64TensorType,
    "b": BooleanTensorType,
    "O": StringTensorType,
}

HEAD: Final = """# Coverage

Every case of `tests/matrix`, which is a test: fitted, exported, proved, and held against
scikit-learn on rows that training did not see, on odd rows one by one, and in batches of 1, 2, 7
and all.

* **bitwise**: every output equal bit for bit on every row.
* **bounded**: a function of the C library or the order of a BLAS sum decides the last bits; within
  2 ULP, or twice the distance of scikit-learn to itself, measured at export. Behind it: how many of
  all numbers on unseen rows were equal bit for bit, and label flips, if there were any.
* **refused**: at export, by name, with a reason and a way out.

skl2onnx stands beside it, in double precision, on the same unseen rows only: *equal*, the largest
*off by* (absolute), or why there is no answer. Every converter is our own; none of its subgraphs
is used. Written by `python -m tests.matrix.coverage`.

"""

LIST: Final = """
## The list as a whole

The estimators on which exporters were compared before this one was written, text and one's own
functions left out: `tests/matrix/listed.txt` says which case of the matrix stands for each.
*bitwise* as above; *equal*: bounded, and all numbers on unseen rows equal bit for bit; *exact*:
bounded, within the bound, without a label flip; *wrong* would be a label that differs.

"""


def cases() -> Iterator[tuple[str, Case]]:
    """Yield the family and the case of every ``CASES`` list in this folder."""
    for file in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(f"tests.matrix.{file.stem}")
        family = file.stem.removeprefix("test_").replace("_", " ")
        for case in getattr(module, "CASES", []):
            yield family, case


def labels() -> Iterator[tuple[str, str]]:
    """Yield encoder and labels of each pair that `test_label` tries."""
    for encoder in ENCODERS:
        for name in LABELS:
            yield encoder, name


def of_labels(encoder: str, name: str) -> str:
    """What the exporter does with labels; what is not equal raises."""
    train, later = LABELS[name]
    hold_against_oracle(clone(ENCODERS[encoder]).fit(train), train, later)
    return "bitwise"


def ours(case: Case, fitted: Any, data: Data) -> str:
    """What the exporter does with a case: as the matrix asserts it, and as measured here."""
    if case.expect == "refused":
        return "refused"
    graph = convert(
        fitted, data.X, [answer.output.key for answer in convert(fitted, data.X).answers]
    )
    if all(answer.decided == "ieee" for answer, _ in graph.outputs):
        return "bitwise"
    contract = Contract("case", graph.signature, "exact", "", {}, {}, {})
    with session_of(contract, graph.model) as session:
        got = session.run_prepared(session.pack(rows_of_fresh(fitted, data)))
    elements, equal, flips = 0, 0, 0
    for _, output in graph.outputs:
        want = wanted(fitted, data, output)
        found = compare(want, got[output.name])
        elements, equal = elements + found.elements, equal + found.equal
        flips += found.elements - found.equal if output.role == "label" else 0
    share = f"{100 * equal / elements:.4g} % equal"
    return f"bounded, {share}" + (f", {flips} label flips" if flips else "")


def wanted(fitted: Any, data: Data, output: Output) -> NDArray[Any]:
    """What scikit-learn says of the unseen rows."""
    rows = rows_of_fresh(fitted, data)
    oracle = Oracle(fitted, data.X, signature_of(fitted, data.X))
    return as_output(output, oracle.answer(rows, output.key))


def rows_of_fresh(fitted: Any, data: Data) -> dict[str, NDArray[Any]]:
    """Take the unseen rows apart into the columns that a pipeline reads."""
    signature = signature_of(fitted, data.X)
    columns = columns_of(data.fresh, signature)
    return {c.name: columns[c.name].reshape(len(data.fresh), -1) for c in signature.columns}


def theirs(fitted: Any, data: Data) -> str:
    """What skl2onnx does with it, in a process that may hang or die."""
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    process = context.Process(target=lambda: answers.put(_theirs(fitted, data)))
    process.start()
    process.join(PATIENCE_S)
    if process.is_alive():
        process.kill()
        process.join()
        return f"no: more than {PATIENCE_S} s"
    return f"no: ends the process with {process.exitcode}" if answers.empty() else answers.get()


def _theirs(fitted: Any, data: Data) -> str:
    options = {id(fitted): {"zipmap": False}} if is_classifier(fitted) else None
    try:
        feeds, types = inputs_of(data.fresh)
        opset = {"": 18, "ai.onnx.ml": 3}
        model = to_onnx(fitted, initial_types=types, target_opset=opset, options=options)
    except Exception as error:  # noqa: BLE001  # whatever a converter raises
        return f"no: {type(error).__name__}"
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        got = session.run(None, feeds)
    except Exception as error:  # noqa: BLE001  # whatever the runtime raises
        return f"does not run: {type(error).__name__}"
    keys = ["label", "probabilities"] if is_classifier(fitted) else ["prediction"]
    if not hasattr(fitted, "predict"):
        keys = ["features"]
    found = [
        distance(fitted, data, key, np.asarray(array))
        for key, array in zip(keys, got, strict=False)
    ]
    compared = [one for one in found if one]
    if not compared:
        return "no: nothing to compare"
    return next((one for one in compared if one != "equal"), "equal")


def distance(fitted: Any, data: Data, key: str, got: NDArray[Any]) -> str:
    """Compare with scikit-learn on the unseen rows; empty where it has no such answer."""
    signature = signature_of(fitted, data.X)
    oracle = Oracle(fitted, data.X, signature)
    rows = rows_of_fresh(fitted, data)
    try:
        want = oracle.answer(rows, key)
    except AttributeError:
        return ""  # scikit-learn has no such answer
    except (ValueError, NotImplementedError) as error:
        return f"answers where scikit-learn raises {type(error).__name__}"
    got = got.reshape(want.shape) if want.size == got.size else got
    if want.shape != got.shape:
        return f"wrong: shape {got.shape[1:]} for {want.shape[1:]}"
    return text_distance(want, got) if want.dtype.kind in "OU" else number_distance(key, want, got)


def text_distance(want: NDArray[Any], got: NDArray[Any]) -> str:
    """Say whether two arrays of text are equal."""
    return "equal" if (want == got.astype(object)).all() else "wrong text"


def number_distance(key: str, want: NDArray[Any], got: NDArray[Any]) -> str:
    """Say how far two arrays of numbers of one shape lie apart."""
    if key == "label":
        flips = int((want != got).sum())
        return f"wrong: {flips} of {want.size} labels" if flips else "equal"
    off = np.abs(want.astype(float) - got.astype(float))
    if np.array_equal(want.astype(float), got.astype(float), equal_nan=True):
        return "equal"
    return "wrong: NaN or infinity" if not np.isfinite(off).all() else f"off by {off.max():.1g}"


def inputs_of(fresh: Any) -> tuple[dict[str, NDArray[Any]], list[tuple[str, Any]]]:
    """Feeds and initial types, an input a column of a frame, one for an array."""
    if hasattr(fresh, "columns"):
        arrays = {str(name): fresh[name].to_numpy().reshape(-1, 1) for name in fresh.columns}
    else:
        arrays = {"X": np.asarray(fresh).reshape(len(fresh), -1)}
    types = [
        (name, TYPES["O" if v.dtype.kind in "OU" else v.dtype.kind]([None, v.shape[1]]))
        for name, v in arrays.items()
    ]
    return arrays, types


def main() -> None:
    """Run all cases and write the page."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    found = list(cases())
    rows = []
    for family, case in track(found, description="cases"):
        data = make_data(case.data, case.target)
        fitted = clone(case.estimator).fit(data.X, data.y)
        rows.append((family, case.name, case.data, ours(case, fitted, data), theirs(fitted, data)))
    rows += [("label", one, name, of_labels(one, name), "not tried") for one, name in labels()]
    PAGE.write_text(page_of(rows), encoding="utf-8")


def page_of(rows: list[tuple[str, str, str, str, str]]) -> str:
    """Lay the page out: totals, then a table a family."""
    mine = Counter(row[3].partition(",")[0] for row in rows)
    measured = mine["bitwise"] + sum("100 % equal" in row[3] for row in rows)
    flips = sum("flips" in row[3] for row in rows)
    equal = sum(row[4] == "equal" for row in rows)
    total = (
        f"scikit-learn {sklearn_version}: {len(rows)} cases, {mine['bitwise']} bitwise, "
        f"{mine['bounded']} bounded, {mine['refused']} refused; measured on unseen rows {measured} "
        f"are equal in every bit, {flips} flip a label; skl2onnx equal on {equal}.\n"
    )
    statuses = {(name, data): status for _, name, data, status, _ in rows}
    lines = [HEAD, total, LIST, table_of(statuses)]
    for family in dict.fromkeys(row[0] for row in rows):
        lines.append(f"\n## {family}\n\n| case | data | preproc | skl2onnx |\n|---|---|---|---|\n")
        lines += [
            f"| {name} | {data} | {status} | {other} |\n"
            for its, name, data, status, other in rows
            if its == family
        ]
    return "".join(lines)


if __name__ == "__main__":
    main()
