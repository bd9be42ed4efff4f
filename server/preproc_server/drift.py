"""Watches what a request log takes along: one live monitor an artifact, told by gauges.

Of several processes each counts its own rows, and one that sees no calls judges their sum.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from preproc.artifact import read_artifact
from preproc.drift import Baseline, LiveMonitor, Tally, Verdict, Window, judge
from preproc.drift.monitor import STATES
from preproc.drift.window import window_from_json, window_of, window_to_json
from preproc.errors import PreprocError
from preproc.skew.batching import Offer, Source, sampled_of
from preproc.skew.record import Head
from preproc.skew.tallies import prune_tallies, write_tally
from preproc.skew.watching import baseline_of_profile
from preproc.wording import counted

_LOG: Final = logging.getLogger(__name__)
_LABELS: Final = ("model", "version")
GRACE_S: Final = 5.0
"""How long after its end a window waits for rows that are still on their way to the log."""


class DriftWatch:
    """The live monitors of a server, all on the thread that writes the log.

    Parameters
    ----------
    registry
        Of the metrics.
    folder
        Of the log, beside which each window's counts are written; None for nowhere.
    keep_s
        How long they are kept.
    source
        Who counts; by default host, process and time of its start.
    clock_s
        Seconds since 1970, UTC.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        folder: Path | None = None,
        *,
        keep_s: float = float("inf"),
        source: str = "",
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        self._folder, self._keep_s, self._clock_s = folder, keep_s, clock_s
        self._began_s = clock_s()
        self._source = source or f"{socket.gethostname()}-{os.getpid()}-{self._began_s:.0f}"
        self._monitors: dict[str, LiveMonitor | None] = {}
        self._state = Gauge(
            "preproc_drift_state",
            "1 for what the last whole window was: QUIET, ALARM, INSUFFICIENT or INVALID.",
            (*_LABELS, "state"),
            registry=registry,
        )
        self._score = Gauge(
            "preproc_drift_score",
            "Largest score of the last whole window; it alarms above preproc_drift_threshold.",
            _LABELS,
            registry=registry,
        )
        self._threshold = Gauge(
            "preproc_drift_threshold",
            "Score above which a window alarms.",
            _LABELS,
            registry=registry,
        )
        self._rows = Gauge(
            "preproc_drift_window_rows", "Rows of the present window.", _LABELS, registry=registry
        )
        self._effect = Gauge(
            "preproc_drift_effect",
            "Of the last whole window, how far each alarming stream has moved, by its measure.",
            (*_LABELS, "part", "column", "stream", "measure"),
            registry=registry,
        )
        self._alarms = Counter(
            "preproc_drift_alarms_total", "Windows that alarmed.", _LABELS, registry=registry
        )

    def observe(self, source: Source, offers: Sequence[Offer]) -> None:
        """Count the calls of one artifact, those of its rows that the hash chose.

        Raises
        ------
        DriftError
            When they do not fit its baseline.
        """
        head = source.head
        monitor = self._monitor(head.artifact, head.model, head.version, head.path)
        if monitor is None:
            return
        inputs, answers = sampled_of(source, offers)
        if inputs:
            monitor.observe(inputs, answers, offers[-1].at_s)
        self._rows.labels(head.model, str(head.version)).set(monitor.counts.rows)

    def add(self, counted: Mapping[str, Any]) -> None:
        """Take along what `DriftCounts` of another process gave; raises as `observe` does."""
        model, version = counted["model"], counted["version"]
        monitor = self._monitor(counted["artifact"], model, version, counted["path"])
        if monitor is not None and counted["window"] is not None:
            window = window_from_json(counted["window"], monitor.baseline.watched)
            monitor.add(window, counted["at_s"])
            self._rows.labels(model, str(version)).set(monitor.counts.rows)

    def tick(self, is_last: bool) -> None:  # noqa: FBT001  # as the log's writer calls it
        """End the windows whose time is over, traffic or not; at the last, tell what there is."""
        now_s = self._clock_s()
        for monitor in self._monitors.values():
            if monitor is not None:
                monitor.close(now_s) if is_last else monitor.tick(now_s - GRACE_S)

    def _monitor(self, artifact: str, model: str, version: int, path: str) -> LiveMonitor | None:
        if artifact not in self._monitors:
            self._monitors[artifact] = self._opened(artifact, model, version, path)
        return self._monitors[artifact]

    def _opened(self, artifact: str, model: str, version: int, path: str) -> LiveMonitor | None:
        """Make the monitor of an artifact; one that is not calibrated is not watched, and told."""
        labels = model, str(version)
        self._tell_state(labels, "INSUFFICIENT")  # no window is over yet
        baseline = _baseline(model, path)
        if baseline is None:
            return None
        return LiveMonitor(
            baseline,
            lambda tally: self._take(labels, path, baseline, tally),
            began_s=self._began_s,
            artifact=artifact,
            source=self._source,
        )

    def _take(self, labels: tuple[str, str], path: str, baseline: Baseline, tally: Tally) -> None:
        """Write a window's counts down, and judge them if they are of all of it."""
        if self._folder is not None:
            try:
                write_tally(self._folder, labels[0], path, tally)
                prune_tallies(self._folder, self._clock_s() - self._keep_s)
            except OSError as error:
                _LOG.warning("model %r: the counts of a window are lost: %s", labels[0], error)
        if tally.is_whole:
            self._tell(labels, judge(baseline, tally.window, with_distances=False))

    def _tell(self, labels: tuple[str, str], verdict: Verdict) -> None:
        self._tell_state(labels, verdict.state)
        self._score.labels(*labels).set(verdict.score)
        self._threshold.labels(*labels).set(verdict.threshold)
        self._effect.clear()
        for alarm in verdict.alarms:
            stream = alarm.stream
            column = f"{stream.name}[{stream.at}]" if stream.at else stream.name
            told = (*labels, stream.part, column, stream.kind, alarm.measure)
            self._effect.labels(*told).set(alarm.effect)
        if verdict.state == "ALARM":
            self._alarms.labels(*labels).inc()
            first = verdict.alarms[0] if verdict.alarms else None
            _LOG.warning(
                "model %r: a window of %s differs from training (p = %.3g), most by %s",
                labels[0],
                counted(verdict.rows, "row"),
                verdict.p,
                "" if first is None else f"{first.stream}: {first.effect:+.3g} {first.measure}",
            )

    def _tell_state(self, labels: tuple[str, str], state: str) -> None:
        for name in STATES:
            self._state.labels(*labels, name).set(name == state)


class DriftCounts:
    """Counts rows for a `DriftWatch` in another process; safe to call from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._baselines: dict[str, Baseline | None] = {}
        self._windows = dict[Head, tuple[Window | None, float]]()

    def observe(self, source: Source, offers: Sequence[Offer]) -> None:
        """Count the calls of one artifact, as `DriftWatch.observe` does."""
        head = source.head
        at_s = offers[-1].at_s
        if head.artifact not in self._baselines:
            self._baselines[head.artifact] = _baseline(head.model, head.path)
            with self._lock:
                self._windows[head] = None, at_s  # one that is not watched is told too
        baseline = self._baselines[head.artifact]
        inputs, answers = sampled_of(source, offers)
        if baseline is None or not inputs:
            return
        window = window_of(baseline.watched, inputs, answers)
        with self._lock:
            before, _ = self._windows.get(head, (None, at_s))
            self._windows[head] = window if before is None else before + window, at_s

    def take(self) -> list[dict[str, Any]]:
        """Give what was counted since the last time, as JSON data."""
        with self._lock:
            taken, self._windows = self._windows, {}
        return [
            {
                "artifact": head.artifact,
                "model": head.model,
                "version": head.version,
                "path": head.path,
                "window": None if window is None else window_to_json(window),
                "at_s": at_s,
            }
            for head, (window, at_s) in taken.items()
        ]


def _baseline(model: str, path: str) -> Baseline | None:
    """Read what rows are held against; None, and told, where it was not calibrated."""
    try:
        return baseline_of_profile(read_artifact(Path(path)).profile, path)
    except PreprocError as error:
        _LOG.warning("model %r is not watched: %s", model, error)
        return None
