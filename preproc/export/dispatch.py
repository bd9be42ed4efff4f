"""scikit-learn under other vector instructions: the same pipeline, asked in another process.

numpy and OpenBLAS choose their instructions when they are imported, so the choice needs a process
of its own; run as a module this file is that process.
"""

import atexit
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any, Final, cast

import cloudpickle
from numpy.typing import NDArray
from threadpoolctl import threadpool_info

from preproc.export.answers import as_output
from preproc.export.batches import Columns
from preproc.export.oracle import Oracle
from preproc.export.other_library import put_in_place
from preproc.export.process import environment_with
from preproc.runtime.machine import processor_features
from preproc.signature import Output

_DONE: Final = "done"
TIMEOUT_S: Final = 120.0
WIDE: Final = frozenset({"SkylakeX", "Cooperlake", "SapphireRapids"})
"""OpenBLAS's names of the processors for which it sums by AVX-512."""
VECTOR_FORMS: Final = frozenset({"AVX512_SKX", "X86_V4"})
"""numpy's names of the instructions by which it computes logarithms and exponentials itself, better
rounded than the C library does."""
_VECTORIZED: Final = "vectorized"
C_LIBRARY: Final = "glibc.cpu.hwcaps=-FMA,-AVX2"
"""Makes the C library round as that of a processor without fused multiply-add."""


def other_dispatch() -> dict[str, str]:
    """Give an environment in which numpy and OpenBLAS take other paths than they take here.

    On a processor with AVX-512 those of one without, elsewhere those of one without fused
    multiply-add: what a path is compared with must not be that path itself.
    """
    here = {pool.get("architecture") for pool in threadpool_info()}
    numpy_wide = "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR X86_V4"
    if here & WIDE:
        features, core = numpy_wide, "Haswell"
    else:
        features, core = f"{numpy_wide} AVX2 FMA3 X86_V3", "Sandybridge"
    return {
        "NPY_DISABLE_CPU_FEATURES": features,
        "OPENBLAS_CORETYPE": core,
        "GLIBC_TUNABLES": C_LIBRARY,
    }


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

    It is asked on entry; the function given waits for its answer.

    Parameters
    ----------
    oracle
        scikit-learn.
    outputs
        What to ask for; with none, nobody is asked.
    batches
        Name → rows.
    """
    if not outputs:
        yield lambda: Others({}, "not needed")
        return
    with tempfile.TemporaryDirectory(prefix="preproc-") as folder:
        question, answer = Path(folder) / "question.pkl", Path(folder) / "answer.pkl"
        try:
            content = cloudpickle.dumps((oracle, outputs, batches))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            why = f"not measured: the pipeline cannot be pickled: {error}"
            yield lambda: Others({}, why)
            return
        question.write_bytes(content)
        _other_process().ask(question, answer)
        is_answered = False

        def wait() -> Others:
            nonlocal is_answered
            said = _other_process().wait()
            is_answered = True
            if said != _DONE:
                return Others({}, f"not measured: {said}")
            return Others(pickle.loads(answer.read_bytes()), "measured")  # noqa: S301  # our own

        try:
            yield wait
        finally:
            if not is_answered:
                _other_process().stop()


class _OtherProcess:
    """A process that answers one question after the other, for as long as this one lives.

    Its imports take as long as many an export; the next export finds them done.
    """

    def __init__(self) -> None:
        told = [_VECTORIZED] if VECTOR_FORMS & set(processor_features()) else []
        self._process = subprocess.Popen(  # noqa: S603  # our own module
            [sys.executable, "-P", "-W", "ignore", "-m", __spec__.name, *told],
            env=environment_with(other_dispatch()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._questions = cast("IO[str]", self._process.stdin)
        self._answers = cast("IO[str]", self._process.stdout)
        self._reader = ThreadPoolExecutor(1)
        atexit.register(self.stop)

    def ask(self, question: Path, answer: Path) -> None:
        """Hand a question over, as files."""
        with suppress(BrokenPipeError):  # then `wait` finds the process dead
            self._questions.write(f"{question}\n{answer}\n")
            self._questions.flush()

    def wait(self) -> str:
        """Give what the process says when it is done: `_DONE`, or what went wrong."""
        try:
            said = self._reader.submit(self._answers.readline).result(TIMEOUT_S).strip()
        except TimeoutError:
            self.stop()
            return f"the other process took more than {TIMEOUT_S:.0f} s"
        if not said:
            self.stop()
            return f"the other process ended with code {self._process.returncode}"
        return said

    def stop(self) -> None:
        """End the process; the next question starts another."""
        _other_process.cache_clear()
        atexit.unregister(self.stop)
        self._process.kill()
        self._process.wait()
        self._reader.shutdown()
        for pipe in (self._questions, self._answers):
            with suppress(BrokenPipeError):
                pipe.close()


@cache
def _other_process() -> _OtherProcess:
    return _OtherProcess()


def main() -> None:
    """Answer the pickled questions that standard input names, until it ends."""
    # Whatever a pipeline prints must not be taken for our answer.
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    put_in_place(is_vectorized=_VECTORIZED in sys.argv)
    while question := sys.stdin.readline().strip():
        answer = sys.stdin.readline().strip()
        try:
            _answer(Path(question), Path(answer))
            said = _DONE
        except Exception as error:  # noqa: BLE001  # whatever scikit-learn or pickle raise
            said = f"{type(error).__name__}: {str(error).splitlines()[:1]}"
        print(said, file=channel, flush=True)  # to the process that asks


def _answer(question: Path, answer: Path) -> None:
    oracle, outputs, batches = pickle.loads(question.read_bytes())  # noqa: S301  # our own
    given = {
        name: oracle.answers(batch, [output.key for output in outputs])
        for name, batch in batches.items()
    }
    answers = {
        (output.name, name): as_output(output, given[name][output.key])
        for output in outputs
        for name in batches
    }
    answer.write_bytes(pickle.dumps(answers))


if __name__ == "__main__":
    main()
