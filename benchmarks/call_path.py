"""Around the graph, one row: ``python -m benchmarks.call_path`` times each layer of a call."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pandas as pd
import polars as pl

from benchmarks.contenders import bench
from benchmarks.pipelines import rows_of
from benchmarks.reporting import bars, print_table, write
from benchmarks.rivals import trivial_call
from benchmarks.timing import Timing, interleaved, ratio
from preproc.runtime import Session, open_session
from preproc.runtime.feeding import columns_of
from preproc.runtime.layout import matrices_of

Call = Callable[[], Any]
MAY_COST_US: Final = 3.0
"""What `Session.run_prepared` may cost over the bare call of the runtime."""


def batches(frame: pd.DataFrame) -> dict[str, Any]:
    """The same rows as callers hold them."""
    plain = frame.astype(dict.fromkeys(frame.select_dtypes("str"), object))
    return {
        "dict of arrays": {name: plain[name].to_numpy() for name in plain},
        "pandas, text as object": plain,
        "pandas, text as str": frame,
        "polars": pl.from_pandas(frame),
        "pyarrow": pl.from_pandas(frame).to_arrow(),
    }


def bare_calls(session: Session, frame: pd.DataFrame) -> dict[str, Call]:
    """The runtime's binding, which is the floor, and what lies on it."""
    prepared = session.prepare(frame)
    executor: Any = session._executor  # noqa: SLF001
    while hasattr(executor, "_inner"):
        executor = executor._inner  # noqa: SLF001
    public, bound, options = executor._session, executor._run, executor._options  # noqa: SLF001
    names = executor._names  # noqa: SLF001
    return {
        "trivial graph, runtime's own run": trivial_call(prepared.feeds),
        "binding": lambda: bound(names, prepared.feeds, options),
        "runtime's own run": lambda: public.run(names, prepared.feeds),
        "run_prepared": lambda: session.run_prepared(prepared),
    }


def stages(session: Session, batch: Any) -> Iterator[tuple[str, Call]]:
    """What `Session.run` does before and around the graph."""
    columns = columns_of(batch, session.signature)
    rows = session.signature.check(columns)
    yield "columns", lambda: columns_of(batch, session.signature)
    yield "check", lambda: session.signature.check(columns)
    yield "matrices", lambda: matrices_of(columns, session.layout, rows)
    yield "run", lambda: session.run(batch)


def main() -> None:
    with bench("P1") as made, open_session(made.path) as session:
        frame = rows_of("P1", 1)
        calls = bare_calls(session, frame)
        staged = {
            f"{kind}: {stage}": call
            for kind, batch in batches(frame).items()
            for stage, call in stages(session, batch)
        }
        timed = interleaved({**calls, **staged})
    lines = [_line(name, timed[name], timed["binding"]) for name in calls]
    print_table("the bare call, one row, microseconds", lines)
    table = [
        {"rows as": kind}
        | {stage: timed[f"{kind}: {stage}"].median_us for stage in ("columns", "check")}
        | {stage: timed[f"{kind}: {stage}"].median_us for stage in ("matrices", "run")}
        | {"bare calls": ratio(timed[f"{kind}: run"], timed["run_prepared"])}
        for kind in batches(frame)
    ]
    print_table("Session.run, one row, microseconds", table)
    over = timed["run_prepared"].low_us - timed["binding"].low_us
    print(f"run_prepared over the binding: {over:.2f} us, meant to be <= {MAY_COST_US}")
    heights = {
        line["rows as"]: {stage: line[stage] for stage in ("columns", "check", "matrices", "run")}
        for line in table
    }
    bars("call_path", "Session.run of one row", heights, "microseconds")
    write("call_path", {"bare": lines, "run": table, "over_us": over})


def _line(name: str, found: Timing, floor: Timing) -> dict[str, Any]:
    return {
        "call": name,
        "us": found.median_us,
        "quartiles": f"{found.low_us:.1f}-{found.high_us:.1f}",
        "over the binding": found.low_us - floor.low_us,
    }


if __name__ == "__main__":
    main()
