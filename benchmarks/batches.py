"""Batches on one thread: ``python -m benchmarks.batches`` times 1024 and 100 000 rows."""

import time
from functools import partial
from typing import Any, Final

from benchmarks.contenders import bench, sessions
from benchmarks.pipelines import CASES, rows_of
from benchmarks.reporting import bars, print_table, write
from benchmarks.timing import interleaved, ratio

ROUNDS: Final = {1024: 7, 100_000: 3}
"""Rows → rounds."""
FROM_FRAME: Final = "exact, from the frame"
"""The exact form, asked with the frame that scikit-learn is asked with."""
WANTED: Final = {
    1024: {"P1": 10.0, "GBC100": 5.0, "RF100": 1.5, "P3": 2.0},
    100_000: {"P1": 2.0, "GBC100": 2.0, "RF100": 1.2, "P3": 1.2},
}
"""Rows → pipeline → how many times faster than scikit-learn the exact form is meant to be."""


def main() -> None:
    lines: list[dict[str, Any]] = []
    for name in CASES:
        with bench(name) as made, sessions(made.path) as (exact, fast):
            for rows, rounds in ROUNDS.items():
                frame = rows_of(name, rows)
                contenders = made.contenders(rows, exact, fast)
                contenders[FROM_FRAME] = partial(exact.run, frame)
                timed = interleaved(
                    contenders, rounds=rounds, round_s=0.1, clock=time.process_time_ns
                )
                for form in ("exact", FROM_FRAME, "fast", "skl2onnx"):
                    found, oracle = timed[form], timed["scikit-learn"]
                    line = {"pipeline": name, "rows": rows, "form": form}
                    line["ms"] = found.median_us / 1e3
                    line["quartiles"] = f"{found.low_us / 1e3:.3g}-{found.high_us / 1e3:.3g}"
                    line["scikit-learn ms"] = oracle.median_us / 1e3
                    line["x scikit-learn"] = ratio(oracle, found)
                    line["wanted >="] = WANTED[rows][name] if form == "exact" else ""
                    line["x skl2onnx"] = ratio(timed["skl2onnx"], found)
                    lines.append(line)
    print_table("batches on one thread, milliseconds of processor time", lines)
    write("batches", lines)
    for rows in ROUNDS:
        heights = {
            name: {
                line["form"]: line["x scikit-learn"]
                for line in lines
                if line["pipeline"] == name and line["rows"] == rows
            }
            for name in CASES
        }
        bars(
            f"batches_{rows}", f"{rows} rows, one thread", heights, "times as fast as scikit-learn"
        )


if __name__ == "__main__":
    main()
