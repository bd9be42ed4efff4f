"""What is asked of each log, by the product's own commands, and what has to be found."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from examples.flights.data import DEPARTURE, LABEL, NEW_YORK
from examples.skew.clients import KEYS
from examples.skew.commands import Said, run
from examples.skew.months import AUGUST, FAULTY, LABEL_TAKES_DAYS, OCTOBER, Month
from examples.skew.served import TRUSTED, Trained

AT_ONCE: Final = 2
BLIND: Final = 0.01
"""Level at which alarms of August would tell that a monitor sees the planted fault."""
DAYS: Final = ("--time", DEPARTURE, "--zone", NEW_YORK)
"""Windows are days of the departure in New York: as blocks of training were."""


@dataclass(frozen=True, slots=True)
class Served:
    """One month that was served.

    Attributes
    ----------
    month
        Which.
    log
        Folder of its log.
    asked
        What was sent, as `examples.skew.clients.asked` gives it.
    sources
        The same computed anew, as `examples.skew.clients.sources` gives it.
    """

    month: Month
    log: Path
    asked: pd.DataFrame
    sources: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a diagnosis said, and what it had to say.

    Attributes
    ----------
    served
        What it is about.
    as_of
        Until when labels were known.
    expected
        Verdict.
    said
        Of ``preproc diagnose``.
    """

    served: Served
    as_of: pd.Timestamp
    expected: str
    said: Said

    @property
    def verdict(self) -> str:
        """What it said."""
        return str(self.said.found["verdict"])

    @property
    def is_right(self) -> bool:
        """Whether that is what was planted, or what the year brought."""
        return self.verdict == self.expected

    def evidence(self, cause: str) -> Mapping[str, Any]:
        """Give the line of a cause that says most: the first that was found, else the last."""
        lines = [line for line in self.said.found["evidence"] if line["cause"] == cause]
        found = [line for line in lines if line["answer"] == "yes"]
        line: Mapping[str, Any] = (found or lines[-1:] or [{}])[0]
        return line


@dataclass(frozen=True, slots=True)
class Answers:
    """All that was said.

    Attributes
    ----------
    verdicts
        Of each month, once all labels are there, in the order in which they were served.
    early
        Of October, on the day after it.
    replay, monitor
        Of August: pairs with the pipeline, and windows of what was sent.
    """

    verdicts: tuple[Verdict, ...]
    early: Verdict
    replay: Said
    monitor: Said

    @property
    def wrong(self) -> tuple[str, ...]:
        """What is not as it has to be, in words."""
        found = [
            f"{one.served.month.folder}: expected {one.expected!r}, got {one.verdict!r}"
            for one in (*self.verdicts, self.early)
            if not one.is_right
        ]
        if self.replay.code:
            found.append(f"replay of August: expected exit code 0, got {self.replay.code}")
        if (p := self.monitor.found["p"]) < BLIND:
            found.append(f"monitor of August: expected no more alarms than chance, got p = {p:.2g}")
        (august,) = (one for one in self.verdicts if one.served.month is AUGUST)
        scope = august.said.found["scope"] or {"name": "nobody"}
        if not scope["name"].startswith(FAULTY):
            found.append(f"diagnosis of August: expected {FAULTY!r}, got {scope['name']!r}")
        return tuple(found)


def ask_all(trained: Trained, months: Sequence[Served], build: Path) -> Answers:
    """Run all commands, two at once.

    Raises
    ------
    RuntimeError
        When one of them cannot run.
    """
    (august,) = (one for one in months if one.month is AUGUST)
    (october,) = (one for one in months if one.month is OCTOBER)
    witness = ("--pipeline", trained.saved, *(word for t in TRUSTED for word in ("--trust", t)))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        later = [
            pool.submit(_diagnose, one, one.month.verdict, _known(one.month), witness, build)
            for one in months
        ]
        early = pool.submit(
            _diagnose, october, "undetermined", october.month.ends, witness, build, "-early"
        )
        replay = pool.submit(run, "replay", august.log, *witness, to=build / "august-replay.json")
        monitor = pool.submit(run, "monitor", august.log, *DAYS, to=build / "august-monitor.json")
        return Answers(
            tuple(one.result() for one in later), early.result(), replay.result(), monitor.result()
        )


def _known(month: Month) -> pd.Timestamp:
    """Tell when the last label of a month is there."""
    return month.ends + pd.Timedelta(days=LABEL_TAKES_DAYS)


def _diagnose(
    served: Served,
    expected: str,
    as_of: pd.Timestamp,
    witness: Sequence[object],
    build: Path,
    tag: str = "",
) -> Verdict:
    """Ask all three questions of a log, with what is known by then."""
    name = served.month.folder + tag
    said = run(
        "diagnose",
        served.log,
        *witness,
        *("--recomputed", write_sources(served, build / f"{name}-sources.parquet")),
        *("--labels", write_labels(served, as_of, build / f"{name}-labels.parquet")),
        *("--label", LABEL, "--maturity", f"{LABEL_TAKES_DAYS}d"),
        *("--as-of", f"{as_of.tz_convert('UTC'):%Y-%m-%dT%H:%M}"),
        *DAYS,
        to=build / f"{name}.json",
    )
    return Verdict(served, as_of, expected, said)


def write_sources(served: Served, path: Path) -> Path:
    """Write what ``--recomputed`` reads: all inputs, looked up as training did."""
    served.sources.to_parquet(path, index=False)
    return path


def write_labels(served: Served, as_of: pd.Timestamp, path: Path) -> Path:
    """Write what ``--labels`` reads: whether flights were late, of those on record by then."""
    asked = served.asked
    is_known = asked[DEPARTURE] + pd.Timedelta(days=LABEL_TAKES_DAYS) <= as_of
    asked.loc[is_known, [*KEYS, LABEL]].to_parquet(path, index=False)
    return path


def windows_of(verdict: Verdict) -> Iterator[Mapping[str, Any]]:
    """Go through the days that a diagnosis judged."""
    yield from verdict.said.found["watch"]["windows"]
