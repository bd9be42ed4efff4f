"""scikit-learn under other vector instructions: the same pipeline, asked in another process.

numpy and OpenBLAS choose their instructions when they are imported, so the choice needs a process
of its own; run as a module this file is that process.
"""

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import scipy.special
import sklearn.preprocessing
from numpy.typing import NDArray

from preproc.export.answers import as_output
from preproc.export.batches import Columns
from preproc.export.oracle import Oracle
from preproc.signature import Output

TIMEOUT_S: Final = 120.0
OTHER_DISPATCH: Final[Mapping[str, str]] = {
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL "
    "AVX512_SPR X86_V4",
    "OPENBLAS_CORETYPE": "Haswell",
}
"""Environment under which numpy and OpenBLAS take the paths of a processor without AVX-512."""


@dataclass(frozen=True, slots=True)
class Others:
    """What the other process said.

    Attributes
    ----------
    answers
        Name of the output, name of the batch → answer.
    status
        ``measured``, or why there are none.
    """

    answers: Mapping[tuple[str, str], NDArray[Any]]
    status: str


@contextmanager
def under_other_dispatch(
    oracle: Oracle, outputs: Sequence[Output], batches: Mapping[str, Columns]
) -> Iterator[Callable[[], Others]]:
    """Ask the same pipeline in a process that uses other vector instructions.

    It starts on entry; the function given waits for it.

    Parameters
    ----------
    oracle
        scikit-learn.
    outputs
        What to ask for; with none, no process starts.
    batches
        Name → rows.
    """
    if not outputs:
        yield lambda: Others({}, "not needed")
        return
    with tempfile.TemporaryDirectory(prefix="preproc-") as folder:
        question, answer = Path(folder) / "question.pkl", Path(folder) / "answer.pkl"
        try:
            content = pickle.dumps((oracle, outputs, batches))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            why = f"not measured: the pipeline cannot be pickled: {error}"
            yield lambda: Others({}, why)
            return
        question.write_bytes(content)
        command = [sys.executable, "-W", "ignore", "-m", __spec__.name, str(question), str(answer)]
        with subprocess.Popen(  # noqa: S603  # our own module
            command,
            env={**os.environ, **OTHER_DISPATCH},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                yield lambda: _answers_of(process, answer)
            finally:
                process.kill()


def _answers_of(process: subprocess.Popen[bytes], answer: Path) -> Others:
    try:
        code = process.wait(TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return Others({}, f"not measured: the other process took more than {TIMEOUT_S:.0f} s")
    if code:
        return Others({}, f"not measured: the other process failed with code {code}")
    return Others(pickle.loads(answer.read_bytes()), "measured")  # noqa: S301  # our own


def box_cox_of_another_library(
    x: NDArray[np.float64], power: float | np.float64
) -> NDArray[np.float64]:
    """Compute scipy's ``boxcox`` with functions of the C library that are rounded correctly.

    scipy calls the C library, which no environment variable makes another one, and a
    standardization behind it multiplies its last bit by any factor. In long double each function
    is exact but for its last rounding, as in another good library.
    """

    def rounded(function: Any, values: NDArray[np.float64]) -> NDArray[np.float64]:
        result: NDArray[np.float64] = function(values.astype(np.longdouble)).astype(np.float64)
        return result

    logarithms = rounded(np.log, np.asarray(x, np.float64))
    if abs(power) < 1e-19:  # noqa: PLR2004  # where scipy takes it for zero
        return logarithms
    near: NDArray[np.float64] = rounded(np.expm1, power * logarithms) / power
    beyond = ~(power * logarithms < 709.78)  # noqa: PLR2004  # where scipy's own formula changes
    return np.where(beyond, scipy.special.boxcox(x, power), near)


def main() -> None:
    """Answer the pickled question that the first argument names, into the second."""
    question, answer = (Path(name) for name in sys.argv[1:])
    sklearn.preprocessing._data.boxcox = box_cox_of_another_library  # noqa: SLF001  # where it is called
    oracle, outputs, batches = pickle.loads(question.read_bytes())  # noqa: S301  # our own
    answers = {
        (output.name, name): as_output(output, oracle.answer(batch, output.key))
        for output in outputs
        for name, batch in batches.items()
    }
    answer.write_bytes(pickle.dumps(answers))


if __name__ == "__main__":
    main()
