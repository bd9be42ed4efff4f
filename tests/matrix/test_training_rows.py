"""Models that carry their training set: what memory they take, measured at the size allowed."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import process_time
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ExpSineSquared, RationalQuadratic
from sklearn.impute import KNNImputer
from sklearn.neighbors import KNeighborsRegressor
from sklearn.svm import SVR

from preproc import ExportError
from preproc.contract import Contract
from preproc.export.conversion import convert
from preproc.export.converters.training_rows import MAX_ROW_BYTES, PAIR_BYTES
from preproc.runtime.building import session_of
from preproc.runtime.memory import give_back_memory

Matrix = NDArray[np.float64]

BATCH: Final = 16
PATIENCE_S: Final = 0.5
"""A row; what libsvm itself takes is a few milliseconds."""


def _vectors(rows: Matrix) -> SVR:
    fitted = SVR(gamma=0.1).fit(rows[:50], rows[:50, 0])
    fitted.support_ = np.arange(len(rows))
    fitted.support_vectors_, fitted._dual_coef_ = rows, rows[:, :1].T
    return fitted


def _process(rows: Matrix) -> GaussianProcessRegressor:
    kernel = RationalQuadratic() + ExpSineSquared() * RBF()
    fitted = GaussianProcessRegressor(kernel, optimizer=None).fit(rows[:50], rows[:50, 0])
    fitted.X_train_, fitted.alpha_ = rows, rows[:, 0]
    return fitted


def _holes(rows: Matrix) -> KNNImputer:
    return KNNImputer().fit(np.where(rows > 1.0, np.nan, rows))


KINDS: Final[Mapping[str, tuple[Callable[[Matrix], Any], int, int]]] = {
    "support vectors": (_vectors, 1, 8),
    "process": (_process, 4, 8),
    "neighbours": (lambda rows: KNeighborsRegressor(p=3).fit(rows, rows[:, 0]), 1, 48),
    "imputer": (_holes, 2, 8),
}
"""Kind → how to make one of training rows, the kernels that count, the features."""


def training(kind: str, more: int = 0) -> Matrix:
    """Give as many training rows as are allowed, and some more, (m, features)."""
    _, kernels, features = KINDS[kind]
    size = (MAX_ROW_BYTES // (PAIR_BYTES * kernels) + more, features)
    return np.random.default_rng(0).normal(size=size)


def main(kind: str) -> None:
    """Print the bytes by which a batch makes this process grow, and the seconds it computes."""
    rows = training(kind)
    graph = convert(KINDS[kind][0](rows), rows)
    batch = rows[:BATCH] + 0.01
    batch[:, 0] = np.nan if kind == "imputer" else batch[:, 0]
    with session_of(Contract("one", graph.signature, "exact", "", {}, {}, {}), graph.model) as one:
        one.run(rows[:1])
        give_back_memory()
        Path("/proc/self/clear_refs").write_text("5")  # the largest so far is what is there now
        before, start = largest_bytes(), process_time()
        one.run(batch)
        seconds = process_time() - start
    print(largest_bytes() - before, seconds)  # noqa: T201  # the answer


def largest_bytes() -> int:
    """Largest memory of this process; `getrusage` would count the one that it comes from."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the memory of a process")
@pytest.mark.parametrize("kind", ["process", "neighbours", "imputer"])
def test_a_row_takes_no_more_memory_than_is_said(kind: str) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.matrix.test_training_rows", kind]
    # What is freed goes back to the system, so that what is taken shows.
    env = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    said = done.stdout.split()
    grown, seconds = float(said[0]), float(said[1])
    least = 8 * BATCH * len(training(kind))
    assert least / 2 < grown < MAX_ROW_BYTES * BATCH, f"{grown / BATCH / 2**20:.2f} MiB a row"
    assert seconds < PATIENCE_S * BATCH


@pytest.mark.parametrize("kind", KINDS)
def test_one_training_row_more_is_refused_by_its_size(kind: str) -> None:
    rows = training(kind, more=1)
    fitted = KINDS[kind][0](rows)
    with pytest.raises(ExportError) as caught:
        convert(fitted, rows)
    name, (m, k) = type(fitted).__name__, rows.shape
    assert str(caught.value).startswith(
        f"step .: {name}: expected training rows of at most 8 MiB, which travel in the graph, and "
        f"of at most 2 MiB for each row that is held against them, got {8 * m * k / 2**20:.4g} MiB "
        f"and 2 MiB from {m} rows of {k} features; train on a sample"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
