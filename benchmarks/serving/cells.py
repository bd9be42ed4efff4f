"""What is measured: a form of request against a server, its answer checked before the clock."""

import compileall
import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.pipelines import fitted
from benchmarks.serving import bodies, processes
from benchmarks.serving.load import Target
from benchmarks.serving.processes import Running
from preproc.artifact import read_artifact
from preproc.export import export_pipeline
from preproc.runtime import open_session

BATCH: Final = 64
EXACT_MISS: Final = 2.3e-16
"""What a probability may be off by, absolute: the bound of promise 1; one ULP below 1."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to send some rows.

    Attributes
    ----------
    name
        In tables.
    path
        Of the method.
    message
        The request.
    rows
        How many it holds.
    read
        Answer → probabilities, (rows, 2).
    target
        Ratio to the echo server that is asked for.
    """

    name: str
    path: str
    message: bytes
    rows: int
    read: Callable[[bytes], NDArray[Any]]
    target: float


@dataclass(frozen=True, slots=True)
class Cell:
    """A form against a server that runs.

    Attributes
    ----------
    name
        Of the form.
    target
        Where load goes.
    echo
        The same body against the echo server.
    """

    name: str
    target: Target
    echo: Target
    wanted: float


@dataclass(frozen=True, slots=True)
class Trained:
    """The pipeline and where its artifact lies."""

    pipeline: Any
    path: Path


def trained_in(work: Path) -> Trained:
    """Train P1 and export it in the mode that users get, the exact one."""
    pipeline, frame = fitted("P1")
    with contextlib.redirect_stdout(io.StringIO()):
        written = export_pipeline(pipeline, frame, repository=work / "models", name=bodies.MODEL)
    assert written.path is not None
    return Trained(pipeline, Path(written.path))


def forms_of(trained: Trained) -> list[Form]:
    """Make the requests to our own server."""
    service = bodies.typed_service(read_artifact(trained.path))
    predict = f"/{service.schema.full_name}/Predict"

    def predicted(answer: bytes) -> NDArray[Any]:
        return bodies.predictions_of(service, answer)

    one, many, infer = bodies.rows(1), bodies.rows(BATCH), bodies.INFER
    typed, raw = (bodies.named(one, is_raw=is_raw) for is_raw in (False, True))
    typed_many, raw_many = (bodies.named(many, is_raw=is_raw) for is_raw in (False, True))
    read = bodies.probabilities_of
    return [
        Form("V2 named typed", infer, typed, 1, read, 0.60),
        Form("V2 named raw", infer, raw, 1, read, 0.68),
        Form("typed service", predict, bodies.predicted(service, one), 1, predicted, 0.75),
        Form(f"V2 typed, {BATCH} rows", infer, typed_many, BATCH, read, 0.50),
        Form(f"V2 raw, {BATCH} rows", infer, raw_many, BATCH, read, 0.50),
    ]


def check(form: Form, answer: bytes, trained: Trained, frame: pd.DataFrame) -> None:
    """Hold an answer against scikit-learn, and its bits against a session in this process.

    Raises
    ------
    AssertionError
        When one number is another.
    """
    got = form.read(answer)
    with open_session(trained.path) as session:
        np.testing.assert_array_equal(got, session.run(frame)["probabilities"])
    want = trained.pipeline.predict_proba(frame)
    np.testing.assert_allclose(got, want, rtol=0, atol=EXACT_MISS)


@contextmanager
def own_server(trained: Trained, work: Path) -> Iterator[tuple[Running, list[Cell]]]:
    """Start our server and the echo server; give what can be measured on them."""
    forms = forms_of(trained)
    repository = trained.path.parent.parent

    def serve(port: int) -> list[str]:
        program = str(Path(sys.executable).with_name("preproc"))
        return [program, "serve", str(repository), "--host", "127.0.0.1", "--port", str(port)]

    def echo(port: int) -> list[str]:
        return [sys.executable, "-m", "benchmarks.serving.echo", str(port)]

    def is_ready(port: int) -> bool:
        return processes.answers(port, forms[0].path, forms[0].message)

    here = Path(__file__).resolve().parents[2]
    for package in ("preproc", "server"):  # an installed package has its byte code
        compileall.compile_dir(here / package, quiet=1)
    with ExitStack() as stack:
        limit = stack.enter_context(
            processes.server(echo, is_ready, folder=here, log=work / "echo.log")
        )
        own = stack.enter_context(
            processes.server(serve, is_ready, folder=here, log=work / "preproc.log")
        )
        yield own, [_cell(form, trained, own, limit, work) for form in forms]


def _cell(form: Form, trained: Trained, own: Running, limit: Running, work: Path) -> Cell:
    answer = processes.ask(own.port, form.path, form.message)
    check(form, answer, trained, bodies.rows(form.rows))
    body = work / f"{form.name}.bin".replace(" ", "_")
    body.write_bytes(bodies.framed(form.message))
    head = len(bodies.framed(b""))
    return Cell(
        form.name,
        Target(own.pid, own.port, form.path, body, len(answer) + head),
        Target(limit.pid, limit.port, form.path, body, len(form.message) + head),
        form.target,
    )
