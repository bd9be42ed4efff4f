"""Opening and memory: ``python -m benchmarks.loading`` opens each pipeline beside the bare runtime.

Forms are kept in a folder of this run's, so the first opening makes and keeps them, and the timed
ones find them. Memory is measured in a process of its own that opens one artifact.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.contenders import bench
from benchmarks.pipelines import CASES, rows_of
from benchmarks.reporting import bars, print_table, write
from benchmarks.timing import interleaved
from preproc.runtime import open_session
from preproc.runtime.backends.ort import Setup, open_ort
from preproc.runtime.forms import VARIABLE, form_at

WANTED: Final = {"P1": "<= 3 ms more than the runtime", "RF100": "<= 150 ms"}
_OPEN: Final = (
    "import sys\n"
    "from preproc.runtime import open_session\n"
    "if sys.argv[2] == 'open':\n"
    "    session = open_session(sys.argv[1], verify=False)\n"
    "print(next(x for x in open('/proc/self/status') if x.startswith('VmRSS')).split()[1])\n"
)


def _resident_kb(path: Path, what: str) -> int:
    done = subprocess.run(  # noqa: S603  # this interpreter, our own text
        [sys.executable, "-c", _OPEN, str(path), what], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


def _bare(model: bytes) -> Callable[[], Any]:
    return lambda: open_ort(model, Setup())


@contextmanager
def own_cache() -> Iterator[None]:
    """Keep forms in a folder that goes away again."""
    before = os.environ.get(VARIABLE)
    with tempfile.TemporaryDirectory() as kept:
        os.environ[VARIABLE] = kept
        try:
            yield
        finally:
            del os.environ[VARIABLE]
            if before is not None:
                os.environ[VARIABLE] = before


def main() -> None:
    lines: list[dict[str, Any]] = []
    with own_cache():
        for name in CASES:
            with bench(name) as made:
                began = time.perf_counter()
                with open_session(made.path, verify=False) as session:
                    first_ms = (time.perf_counter() - began) * 1e3
                    session.run(rows_of(name, 1))
                ready = form_at(made.path, "fused", "exact", ())
                timed = interleaved(
                    {
                        "open": lambda path=made.path: open_session(path, verify=False),
                        "runtime": _bare(ready.model),
                    },
                    rounds=15,
                    clock=time.process_time_ns,
                )
                size_kb = (made.path / "model.onnx").stat().st_size / 1024
                more_kb = _resident_kb(made.path, "open") - _resident_kb(made.path, "import")
            own, bare = timed["open"].median_us / 1e3, timed["runtime"].median_us / 1e3
            lines.append(
                {
                    "pipeline": name,
                    "first ms": first_ms,
                    "open ms": own,
                    "runtime ms": bare,
                    "more ms": own - bare,
                    "wanted": WANTED.get(name, ""),
                    "model MB": size_kb / 1024,
                    "memory MB": more_kb / 1024,
                    "wanted <= MB": 2 * size_kb / 1024 + 60,
                }
            )
    print_table("opening, kept form, without gate and digest", lines)
    write("loading", lines)
    shown = {"first opening": "first ms", "opening": "open ms", "bare runtime": "runtime ms"}
    heights = {line["pipeline"]: {key: line[at] for key, at in shown.items()} for line in lines}
    bars("loading", "Opening without gate and digest", heights, "milliseconds")


if __name__ == "__main__":
    main()
