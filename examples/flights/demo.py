"""Train on January to September, export, prove, serve, and answer October to December by gRPC.

Run from the repository's root: ``python -m examples.flights.demo``. Everything that it writes goes
to the folder ``build/flights``.
"""

import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from preproc_server.client import Client
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sklearn.pipeline import Pipeline

from examples.flights.data import Split, flight_delays, split
from examples.flights.pipelines import boosting, logistic
from examples.flights.serving import server
from preproc import Artifact, compare, read_artifact
from preproc.export import export_pipeline
from preproc.parity import judge_recording, labels_of, print_report, record
from preproc.runtime import DEFAULT_BACKEND, open_session
from preproc.signature import ROW_ERROR

BUILD: Final = Path("build/flights")
BATCH_ROWS: Final = 1024
SINGLE_CALLS: Final = 300
OUTPUTS: Final = ("label", "probabilities", "scores")
MODELS: Final[Mapping[str, Callable[[], Pipeline]]] = {
    "flight_delay": boosting,
    "flight_delay_linear": logistic,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one model did on flights that it had not seen.

    Attributes
    ----------
    rows, refused_rows
        Sent over gRPC, and refused among them.
    label_mismatches, scores_bitwise, probabilities_bitwise, probabilities_max_ulp
        Against scikit-learn on the same rows.
    scikit_learn_us, frame_us, prepared_us, wire_us
        Median time of one row: ``predict_proba``, ``Session.run``, ``run_prepared``, and
        ``Client.predict`` from a frame to arrays.
    """

    model: str
    rows: int
    refused_rows: int
    label_mismatches: int
    scores_bitwise: float
    probabilities_bitwise: float
    probabilities_max_ulp: int
    scikit_learn_us: float
    frame_us: float
    prepared_us: float
    wire_us: float


def main() -> None:
    """Run the whole way of the data."""
    console = Console()
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    with console.status("reading flights and weather"):
        flights = split(flight_delays())
    console.print(
        f"{len(flights.X_train)} flights to learn from, {len(flights.X_serve)} later ones to answer"
    )
    fitted = fit_all(flights, console)
    artifacts = [export(name, pipeline, flights) for name, pipeline in fitted.items()]
    for artifact in artifacts:
        prove(artifact, console)
    with server(BUILD / "models", BUILD / "server.log") as (port, ready_s):
        console.print(f"served on port {port}, ready {ready_s:.2f} s after its start")
        outcomes = [
            answer(artifact, fitted[artifact.contract.name], flights.X_serve, port, console)
            for artifact in artifacts
        ]
    show(outcomes, ready_s, console)
    report = {"ready_s": ready_s, "models": [asdict(outcome) for outcome in outcomes]}
    (BUILD / "demo.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    console.print(f"written to {BUILD / 'demo.json'}")
    if any(outcome.label_mismatches for outcome in outcomes):
        sys.exit("demo: expected the labels of scikit-learn, got others")


def fit_all(flights: Split, console: Console) -> dict[str, Pipeline]:
    """Fit every pipeline."""
    fitted = {}
    with progress(console) as bar:
        task = bar.add_task("fitting", total=len(MODELS))
        for name, build in MODELS.items():
            bar.update(task, description=f"fitting {name}")
            fitted[name] = build().fit(flights.X_train, flights.y_train)
            bar.advance(task)
    return fitted


def export(name: str, pipeline: Pipeline, flights: Split) -> Artifact:
    """Export one fitted pipeline; prints its certificate."""
    return export_pipeline(
        pipeline,
        flights.X_train,
        flights.y_train,
        repository=BUILD / "models",
        name=name,
        outputs=OUTPUTS,
        label="1: arrived more than 15 minutes late",
    )


def prove(artifact: Artifact, console: Console) -> None:
    """Replay the golden vectors on every backend that is here."""
    assert artifact.path is not None
    with console.status("replaying golden vectors"):
        recording = record(read_artifact(artifact.path), [DEFAULT_BACKEND, "reference"])
    judged = judge_recording(recording)
    print_report(judged, labels_of(recording), console)
    if judged.outcome != "pass":
        sys.exit("demo: expected parity, got a breach")


def answer(
    artifact: Artifact, pipeline: Pipeline, rows: pd.DataFrame, port: int, console: Console
) -> Outcome:
    """Send all rows in batches, compare with scikit-learn, and time single rows."""
    name = artifact.contract.name
    wanted = (*OUTPUTS, ROW_ERROR)
    parts = []
    with Client(f"localhost:{port}") as client, progress(console) as bar:
        task = bar.add_task(f"calling {name}", total=len(rows))
        for at in range(0, len(rows), BATCH_ROWS):
            batch = rows.iloc[at : at + BATCH_ROWS]
            parts.append(client.predict(name, batch, outputs=wanted))
            bar.advance(task, len(batch))
        got = {key: np.concatenate([part[key] for part in parts]) for key in wanted}
        times = single_row_times(artifact, pipeline, rows.iloc[:1], client)
    probabilities = compare(pipeline.predict_proba(rows), got["probabilities"])
    return Outcome(
        model=name,
        rows=len(rows),
        refused_rows=int((got[ROW_ERROR] != 0).sum()),
        label_mismatches=int((got["label"] != pipeline.predict(rows)).sum()),
        scores_bitwise=compare(pipeline.decision_function(rows), got["scores"]).bitwise_share,
        probabilities_bitwise=probabilities.bitwise_share,
        probabilities_max_ulp=probabilities.max_ulp,
        **times,
    )


def single_row_times(
    artifact: Artifact, pipeline: Pipeline, row: pd.DataFrame, client: Client
) -> dict[str, float]:
    """Median time of one row each way, in microseconds, interleaved."""
    assert artifact.path is not None
    with open_session(artifact.path) as session:
        prepared = session.prepare(row)
        ways: dict[str, Callable[[], Any]] = {
            "scikit_learn_us": lambda: pipeline.predict_proba(row),
            "frame_us": lambda: session.run(row),
            "prepared_us": lambda: session.run_prepared(prepared),
            "wire_us": lambda: client.predict(artifact.contract.name, row),
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(SINGLE_CALLS):
            for way, call in ways.items():
                started = time.perf_counter()
                call()
                times[way].append(time.perf_counter() - started)
    return {way: float(np.median(taken)) * 1e6 for way, taken in times.items()}


def show(outcomes: list[Outcome], ready_s: float, console: Console) -> None:
    """Print the table that the demo is for: a line a measure, a column a model."""
    table = Table("October to December, over gRPC", box=box.SIMPLE_HEAD)
    for outcome in outcomes:
        table.add_column(outcome.model, justify="right")
    lines: Mapping[str, Callable[[Outcome], str]] = {
        "flights": lambda o: str(o.rows),
        "refused rows": lambda o: str(o.refused_rows),
        "label mismatches": lambda o: str(o.label_mismatches),
        "scores equal bit for bit": lambda o: f"{100 * o.scores_bitwise:.3f} %",
        "probabilities equal bit for bit": lambda o: f"{100 * o.probabilities_bitwise:.3f} %",
        "probabilities, max ULP": lambda o: str(o.probabilities_max_ulp),
        "one row, scikit-learn, p50": lambda o: f"{o.scikit_learn_us:.0f} us",
        "one row, frame in process, p50": lambda o: f"{o.frame_us:.0f} us",
        "one row, prepared in process, p50": lambda o: f"{o.prepared_us:.0f} us",
        "one row, frame over the wire, p50": lambda o: f"{o.wire_us:.0f} us",
        "start to ready": lambda _: f"{ready_s:.2f} s",
    }
    for name, tell in lines.items():
        table.add_row(name, *(tell(outcome) for outcome in outcomes))
    console.print(table)


def progress(console: Console) -> Progress:
    """Make a bar that shows name, share, count and time."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


if __name__ == "__main__":
    main()
