"""What the request log costs a call: the time of handing a row over, and of writing it elsewhere.

``python -m benchmarks.log_enqueue`` prints microseconds a call of one row with 30 columns: median
and 99th percentile, of the quietest of several rounds, since other work on the machine only adds.
"""

import contextlib
import io
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from preproc_server.calls import Call
from preproc_server.core import Admitted
from preproc_server.door import Findings
from preproc_server.journal import Journal
from preproc_server.loading import Model, load
from preproc_server.pb import open_inference_pb2 as pb
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from preproc.export import export_pipeline
from preproc.runtime import DEFAULT_BACKEND, prove
from preproc.skew import open_log
from preproc.skew.privacy import Privacy
from preproc.skew.writer import Writer

CALLS = 5_000
ROUNDS = 8
ROWS = 600
HEADERS = (
    ("user-agent", "grpc-python/1.85.1 grpc-c/53.0.0 (linux; chttp2)"),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
)


class Context:
    """Headers, and nothing else that is asked for."""

    def time_remaining(self) -> float | None:
        return None

    def invocation_metadata(self) -> Sequence[tuple[str, str | bytes]]:
        return HEADERS

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"


class Nobody:
    """Counts nothing."""

    def count_logged(self, model: str, fate: str, rows: int) -> None:
        """Do nothing."""


def table() -> pd.DataFrame:
    """25 numbers and 5 texts."""
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(ROWS, 25)), columns=[f"n{i}" for i in range(25)])
    return frame.assign(**{f"c{i}": draw.choice(["a", "b", "c"], ROWS) for i in range(5)})


def served(folder: Path) -> Model:
    frame = table()
    texts = [name for name in frame if name.startswith("c")]
    prepare = make_column_transformer(
        (OneHotEncoder(), texts), (StandardScaler(), frame.columns.difference(texts).tolist())
    )
    target = (frame["n0"] > 0).astype(int)
    pipeline = make_pipeline(prepare, LogisticRegression()).fit(frame, target)
    with contextlib.redirect_stdout(io.StringIO()):
        artifact = export_pipeline(pipeline, frame, target, repository=folder, name="model")
    assert artifact.path is not None
    return load("model", 1, artifact.path, backend=DEFAULT_BACKEND, gate=prove)


def measure(act: Callable[[int], object]) -> tuple[float, float]:
    """Median and 99th percentile of a round, microseconds."""
    times = np.empty(CALLS)
    for at in range(CALLS):
        began = time.perf_counter_ns()
        act(at)
        times[at] = time.perf_counter_ns() - began
    return float(np.median(times)) / 1000, float(np.percentile(times, 99)) / 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = served(Path(folder) / "models")
        prepared = model.session.pack(
            {name: values[:1] for name, values in model.artifact.vectors[0].inputs.items()}
        )
        answers = model.run(prepared)
        admitted = Admitted(prepared, Findings(), {})
        call: Any = Call(Context(), time.perf_counter_ns(), time.perf_counter_ns())
        requests = [pb.ModelInferRequest(id=f"request {at}") for at in range(CALLS)]
        clock, _ = min(measure(lambda _: None) for _ in range(ROUNDS))
        print(f"the clock itself takes {clock:.2f} us, which is in all of these")
        for title, rate in (("one call in 20", 0.05), ("every call", 1.0)):
            rounds = []
            for at in range(ROUNDS):
                log = Path(folder) / f"log {rate} {at}"
                writer = Writer(log, Nobody(), queue_rows=2 * CALLS)
                journal = Journal(writer, Privacy(), key="", rate=rate)
                noted = measure(
                    lambda at, note=journal.note: note(model, admitted, answers, call, requests[at])
                )
                began = time.perf_counter()
                journal.start()
                journal.close()
                rows = sum(part.rows for part in open_log(log))
                rounds.append((*noted, (time.perf_counter() - began) / rows * 1e6))
            median, slow, written = (min(column) for column in zip(*rounds, strict=True))
            print(
                f"{title}: p50 {median:.2f} us, p99 {slow:.2f} us; "
                f"writing, on another thread, {written:.1f} us a row that is logged"
            )


if __name__ == "__main__":
    main()
