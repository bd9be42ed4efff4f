"""One pipeline in every form that is timed, its answers checked before a clock starts."""

import contextlib
import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.pipelines import fitted, rows_of
from benchmarks.rivals import skl2onnx_call, skl2onnx_graph, trivial_call
from preproc.export import export_pipeline
from preproc.runtime import Session, open_session

FAST_MISS = 1e-9
"""What the fast form may be off by, absolute; far more than its measured bounds."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A trained pipeline, its artifact and skl2onnx's graph of it."""

    name: str
    pipeline: Any
    path: Path
    default: Any

    def contenders(self, rows: int, exact: Session, fast: Session) -> dict[str, Callable[[], Any]]:
        """Name → bare call on the same rows; scikit-learn's is the one that asks for most."""
        frame = rows_of(self.name, rows)
        ready, quick = exact.prepare(frame), fast.prepare(frame)
        check(self.pipeline, frame, exact, fast)
        return {
            "exact": lambda: exact.run_prepared(ready),
            "fast": lambda: fast.run_prepared(quick),
            "trivial": trivial_call(ready.feeds),
            "skl2onnx": skl2onnx_call(self.default, frame),
            "scikit-learn": lambda: asked(self.pipeline, frame),
        }


@contextmanager
def bench(name: str) -> Iterator[Bench]:
    """Train and export one pipeline into a folder that goes away again."""
    pipeline, frame = fitted(name)
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.redirect_stdout(io.StringIO()):
            written = export_pipeline(
                pipeline, frame, repository=folder, name=name.lower(), mode="fast"
            )
        assert written.path is not None
        yield Bench(name, pipeline, Path(written.path), skl2onnx_graph(pipeline, frame))


@contextmanager
def sessions(path: Path) -> Iterator[tuple[Session, Session]]:
    """Open the exact and the fast form."""
    with open_session(path) as exact, open_session(path, mode="fast") as fast:
        yield exact, fast


def asked(pipeline: Any, frame: pd.DataFrame) -> Any:
    """Ask scikit-learn once: probabilities where there are some, else the prediction."""
    ask = getattr(pipeline, "predict_proba", pipeline.predict)
    return ask(frame)


def check(pipeline: Any, frame: pd.DataFrame, exact: Session, fast: Session) -> None:
    """Hold the answers against scikit-learn's before they are timed."""
    want = asked(pipeline, frame)
    key = "probabilities" if want.ndim > 1 else "prediction"
    for session in (exact, fast):
        np.testing.assert_allclose(session.run(frame)[key], want, rtol=0, atol=FAST_MISS)
