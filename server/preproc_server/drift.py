"""Watches what a request log takes along: one live monitor an artifact, told by gauges."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from preproc.artifact import read_artifact
from preproc.drift import LiveMonitor, Verdict, Window
from preproc.drift.monitor import STATES
from preproc.errors import PreprocError
from preproc.skew.batching import Offer, Source, sampled_of
from preproc.skew.watching import baseline_of_profile

_LOG: Final = logging.getLogger(__name__)
_LABELS: Final = ("model", "version")


class DriftWatch:
    """The live monitors of a server, all on the thread that writes the log.

    Parameters
    ----------
    registry
        Of the metrics.
    clock_s
        Seconds since 1970, UTC.
    """

    def __init__(
        self, registry: CollectorRegistry, clock_s: Callable[[], float] = time.time
    ) -> None:
        self._began_s = clock_s()
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
        if head.artifact not in self._monitors:
            self._monitors[head.artifact] = self._opened(source)
        monitor = self._monitors[head.artifact]
        if monitor is None:
            return
        inputs, answers = sampled_of(source, offers)
        if inputs:
            monitor.observe(inputs, answers, offers[-1].at_s)
        self._rows.labels(head.model, str(head.version)).set(monitor.counts.rows)

    def _opened(self, source: Source) -> LiveMonitor | None:
        """Make the monitor of an artifact; one that is not calibrated is not watched, and told."""
        head = source.head
        labels = head.model, str(head.version)
        try:
            baseline = baseline_of_profile(read_artifact(Path(head.path)).profile, head.path)
        except PreprocError as error:
            _LOG.warning("model %r is not watched: %s", head.model, error)
            self._tell_state(labels, "INSUFFICIENT")
            return None
        self._tell_state(labels, "INSUFFICIENT")  # no window is over yet
        return LiveMonitor(
            baseline,
            lambda _, counts, verdict: self._tell(labels, counts, verdict),
            began_s=self._began_s,
        )

    def _tell(self, labels: tuple[str, str], counts: Window, verdict: Verdict) -> None:
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
                "model %r: a window of %d rows differs from training (p = %.3g), most by %s",
                labels[0],
                counts.rows,
                verdict.p,
                "" if first is None else f"{first.stream}: {first.effect:+.3g} {first.measure}",
            )

    def _tell_state(self, labels: tuple[str, str], state: str) -> None:
        for name in STATES:
            self._state.labels(*labels, name).set(name == state)
