"""Other servers on the same rows, each in an environment of its own, beside ours in turns."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np
from numpy.typing import NDArray

from benchmarks.pipelines import TRAINED_ON, fitted
from benchmarks.reporting import bars, print_table, write
from benchmarks.rivals import skl2onnx_graph
from benchmarks.serving import bodies, processes
from benchmarks.serving.cells import BATCH, Trained, own_server
from benchmarks.serving.load import Load, Target, measure, warm_up
from benchmarks.serving.processes import Running

HERE: Final = Path(__file__).resolve().parent / "peers"
ENVIRONMENTS: Final = Path(__file__).resolve().parents[2] / "build" / "peers"
ENGINES: Final = ("onnx", "sklearn")
IN_FLIGHT: Final = 8
SINGLE_MISS: Final = 1e-4
"""What float32 of skl2onnx's graph may be off by."""


@dataclass(frozen=True, slots=True)
class Way:
    """How one peer is asked: path, body for some rows, and how its answer is read."""

    path: str
    body: Callable[[int], bytes]
    read: Callable[[bytes], NDArray[Any]]
    is_grpc: bool = False


def _typed(rows: int) -> bytes:
    return bodies.named(bodies.rows(rows), is_raw=False, dtype=np.float32)


def _records(rows: int) -> bytes:
    return bodies.records(bodies.rows(rows))


def _columns(rows: int) -> bytes:
    return bodies.columns(bodies.rows(rows))


PEERS: Final[Mapping[str, Mapping[str, Way]]] = {
    "bentoml": {"rows": Way("/predict", _records, bodies.told)},
    "fastapi": {
        "rows": Way("/rows", _records, bodies.told),
        "columns": Way("/columns", _columns, bodies.told),
    },
    "kserve": {"V2 typed": Way(bodies.INFER, _typed, bodies.probabilities_of, is_grpc=True)},
    "litserve": {"rows": Way("/predict", _records, bodies.told)},
    "mlserver": {"V2 typed": Way(bodies.INFER, _typed, bodies.probabilities_of, is_grpc=True)},
}


def main(trained: Trained, work: Path, names: list[str], *, rounds: int, seconds: float) -> None:
    """Measure the peers that can be had beside our own server; print, write ``peers.json``."""
    prepare(trained, work)
    with ExitStack() as stack:
        _, cells = stack.enter_context(own_server(trained, work))
        targets = {("preproc", cell.name): cell.target for cell in cells}
        for name in names:
            targets |= stack.enter_context(_started(name, trained, work))
        counts = {
            key: max(4, round(warm_up(target, IN_FLIGHT) * seconds / IN_FLIGHT)) * IN_FLIGHT
            for key, target in targets.items()
        }
        loads: dict[tuple[str, str], list[Load]] = {key: [] for key in targets}
        for _ in range(rounds):
            for key, target in targets.items():
                loads[key].append(measure(target, IN_FLIGHT, counts[key]))
    first = loads["preproc", cells[0].name]
    many = loads["preproc", cells[3].name]
    rows = [_row(key, loads[key], many if str(BATCH) in key[1] else first) for key in targets]
    print_table(f"servers, {IN_FLIGHT} in flight, median of {rounds} rounds", rows)
    write("peers", rows)
    drawn = _fastest(rows)
    bars("peers", f"answers a second on one core, {IN_FLIGHT} in flight", drawn, "1/s")


def prepare(trained: Trained, work: Path) -> None:
    """Write what the peers serve."""
    joblib.dump(trained.pipeline, work / "model.joblib")
    _, frame = fitted("P1")
    graph = skl2onnx_graph(trained.pipeline, frame.head(TRAINED_ON))
    (work / "model.onnx").write_bytes(graph.SerializeToString())


def python_of(name: str) -> Path:
    """Make the environment of a peer, once, and give its interpreter.

    Raises
    ------
    subprocess.CalledProcessError
        When it cannot be installed.
    """
    home = ENVIRONMENTS / name
    python, ready = home / "bin" / "python", home / "ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)  # noqa: S603
        install = [str(python), "-m", "pip", "install", "--quiet", "--requirement"]
        subprocess.run([*install, str(HERE / f"{name}.txt")], check=True)  # noqa: S603
        ready.touch()
    return python


@contextmanager
def _started(name: str, trained: Trained, work: Path) -> Iterator[dict[tuple[str, str], Target]]:
    """Start a peer on both engines; none, and the reason printed, where it cannot be had."""
    with ExitStack() as stack:
        found: dict[tuple[str, str], Target] = {}
        try:
            python = python_of(name)
            for engine in ENGINES:
                ways = PEERS[name]
                running = stack.enter_context(_server(python, name, engine, work))
                for told, way in ways.items():
                    for rows in (1, BATCH):
                        label = f"{told}, {rows} rows" if rows > 1 else told
                        body = work / f"{name}_{engine}_{told}_{rows}".replace(" ", "_")
                        found[f"{name} {engine}", label] = _target(
                            way, rows, running, trained, body
                        )
        except (subprocess.CalledProcessError, RuntimeError, AssertionError) as error:
            print(f"{name}: left out: {error}")
            found = {}
        yield found


@contextmanager
def _server(python: Path, name: str, engine: str, work: Path) -> Iterator[Running]:
    way = next(iter(PEERS[name].values()))
    message = way.body(1)
    asks = processes.answers if way.is_grpc else processes.takes
    script = str(HERE / f"{name}_server.py")
    with processes.server(
        lambda port: [str(python), script, engine, str(work), str(port)],
        lambda port: asks(port, way.path, message),
        folder=HERE,
        log=work / f"{name}_{engine}.log",
        limit_s=90,
    ) as running:
        yield running


def _target(way: Way, rows: int, running: Running, trained: Trained, body: Path) -> Target:
    """Check an answer and say where load goes."""
    message = way.body(rows)
    ask = processes.ask if way.is_grpc else processes.post
    answer = ask(running.port, way.path, message)
    want = trained.pipeline.predict_proba(bodies.rows(rows))
    np.testing.assert_allclose(way.read(answer), want, rtol=0, atol=SINGLE_MISS)
    body.write_bytes(bodies.framed(message) if way.is_grpc else message)
    size = len(bodies.framed(answer)) if way.is_grpc else 0
    return Target(running.pid, running.port, way.path, body, size, way.is_grpc)


def _row(key: tuple[str, str], loads: list[Load], own: list[Load]) -> dict[str, Any]:
    ratios = [one.rate / ours.rate for one, ours in zip(loads, own, strict=True)]
    low, ratio, high = np.percentile(ratios, [25, 50, 75]).tolist()
    return {
        "server": key[0],
        "request": key[1],
        "req/s": float(np.median([one.rate for one in loads])),
        "of ours": ratio,
        "low": low,
        "high": high,
        "cpu us": float(np.median([one.cpu_us for one in loads])),
        "p50 ms": float(np.median([one.p50_ms for one in loads])),
        "p99 ms": float(np.median([one.p99_ms for one in loads])),
    }


def _fastest(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Group by rows and engine; of each server the way that is fastest."""
    drawn: dict[str, dict[str, float]] = {}
    for row in rows:
        name, _, engine = row["server"].partition(" ")
        many = f"{BATCH} rows" if str(BATCH) in row["request"] else "1 row"
        told = "scikit-learn" if engine == "sklearn" else "a graph"
        group = drawn.setdefault(f"{many}, {told}", {})
        group[name] = max(group.get(name, 0.0), row["req/s"])
    return drawn
