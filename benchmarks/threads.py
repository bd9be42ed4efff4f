"""Ways to use several cores: ``python -m benchmarks.threads`` times them, and counts equal bits."""

import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.contenders import bench
from benchmarks.pipelines import rows_of
from benchmarks.reporting import bars, print_table, write
from benchmarks.timing import interleaved, ratio
from preproc.artifact import read_artifact
from preproc.runtime import Prepared, Session, open_session
from preproc.scoring import score_file

ROWS: Final = 16_000
PART: Final = 1000
CORES: Final = len(os.sched_getaffinity(0))
SCORED: Final = 50_000

Answers = NDArray[np.float64]


def cut(prepared: Prepared) -> list[Prepared]:
    """Cut a batch into parts."""
    return [
        Prepared(PART, {name: values[at : at + PART] for name, values in prepared.feeds.items()})
        for at in range(0, prepared.rows, PART)
    ]


def spread(sessions: Sequence[Session], parts: Sequence[Prepared]) -> Callable[[], Answers]:
    """Answer parts, as many at a time as there are sessions."""
    pool = ThreadPoolExecutor(len(sessions))

    def one(at: int) -> Answers:
        return sessions[at % len(sessions)].run_prepared(parts[at])["probabilities"]

    return lambda: np.concatenate(list(pool.map(one, range(len(parts)))))


def measure(name: str) -> list[dict[str, Any]]:
    """Time one pipeline."""
    with bench(name) as made, ExitStack() as stack:
        opened = [stack.enter_context(open_session(made.path)) for _ in range(CORES)]
        many = stack.enter_context(open_session(made.path, options={"threads": CORES}))
        whole = opened[0].prepare(rows_of(name, ROWS))
        parts = cut(whole)
        ways = {
            "one session, one thread": spread(opened[:1], parts),
            f"{CORES} sessions, one thread each": spread(opened, parts),
            f"one session, {CORES} callers": spread(opened[:1] * CORES, parts),
            f"one session, {CORES} threads inside": spread([many], parts),
        }
        want = ways["one session, one thread"]()
        equal = {way: float((call() == want).mean()) for way, call in ways.items()}
        timed = interleaved(ways, rounds=7)
    alone = timed["one session, one thread"]
    return [
        {
            "pipeline": name,
            "way": way,
            "us a row": found.median_us / ROWS,
            "times as fast": ratio(alone, found),
            "% equal bits": 100 * equal[way],
        }
        for way, found in timed.items()
    ]


def scored() -> list[dict[str, Any]]:
    """Time `score_file` with one session and with one a core."""
    with bench("P1") as made, tempfile.TemporaryDirectory() as folder:
        artifact, rows = read_artifact(made.path), Path(folder) / "rows.parquet"
        frame = rows_of("P1", SCORED)
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), rows)
        answers = Path(folder) / "answers.parquet"
        timed = interleaved(
            {
                count: lambda count=count: score_file(artifact, rows, answers, threads=count)
                for count in dict.fromkeys([1, CORES])
            },
            rounds=5,
        )
    return [
        {
            "sessions": count,
            "rows a second": SCORED / found.median_us * 1e6,
            "times as fast": ratio(timed[1], found),
        }
        for count, found in timed.items()
    ]


def main() -> None:
    lines = [line for name in ("P1", "GBC100") for line in measure(name)]
    print_table(f"{ROWS} rows in parts of {PART}, {CORES} cores", lines)
    files = scored()
    print_table(f"preproc score, P1, {SCORED} rows", files)
    heights: dict[str, dict[str, float]] = {}
    for line in lines:
        heights.setdefault(line["pipeline"], {})[line["way"]] = line["us a row"]
    bars("threads", f"{ROWS} rows on {CORES} cores", heights, "microseconds a row")
    write("threads", {"ways": lines, "files": files})


if __name__ == "__main__":
    main()
