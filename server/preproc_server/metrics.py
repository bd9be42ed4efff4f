"""Prometheus metrics of one server, in a registry of its own."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from preproc.signature import Rule
from preproc_server.checks import Check
from preproc_server.state import Entry, Proof

SECONDS: Final[Sequence[float]] = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
)  # fmt: skip
"""Upper ends of the latency buckets: one row takes about 0.1 ms, a large batch some seconds."""


class Page:
    """The metrics over HTTP, answered by a thread of its own.

    Parameters
    ----------
    registry
        What is told.
    host, port
        Where; port 0 for a free one.

    Raises
    ------
    OSError
        When the port cannot be had.
    """

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        self._server, _ = start_http_server(port, host.strip("[]"), registry)
        self.port = self._server.server_port

    def close(self) -> None:
        """Answer no more and close the port."""
        self._server.shutdown()
        self._server.server_close()


class Metrics:
    """What a server counts; safe to call from several threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._untold_of: dict[str, Counter] = {}
        self._counted: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        self._calls = Counter(
            "preproc_calls_total",
            "Calls answered; model is empty where none is named or known.",
            ("model", "method", "code"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "preproc_call_seconds",
            "Time from the decoded message to the answer.",
            ("model", "method"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._refused = Counter(
            "preproc_refused_rows_total",
            "Rows refused, by the first rule that they break.",
            ("model", "rule"),
            registry=self.registry,
        )
        self._marks = Counter(
            "preproc_flagged_values_total",
            "Values let through with a mark or refused at the door, by what is amiss.",
            ("model", "column", "reason"),
            registry=self.registry,
        )
        self._extra = Counter(
            "preproc_extra_columns_total",
            "Columns that the contract does not know, left out of batches.",
            ("model",),
            registry=self.registry,
        )
        self._untold = Counter(
            "preproc_untold_digests_total",
            "Requests that do not say which contract they were built for.",
            ("model",),
            registry=self.registry,
        )
        self._checks = Counter(
            "preproc_checks_total",
            "Replays of the golden vectors while serving.",
            ("model", "version", "result"),
            registry=self.registry,
        )
        self._shadowed = Counter(
            "preproc_shadow_rows_total",
            "Live rows that a shadow scored too.",
            ("model", "shadow"),
            registry=self.registry,
        )
        self._disagreed = Counter(
            "preproc_shadow_disagreements_total",
            "Rows on which the shadow disagrees, by kind and by the score band of the answer.",
            ("model", "shadow", "kind", "band"),
            registry=self.registry,
        )
        self._unshadowed = Counter(
            "preproc_shadow_missed_rows_total",
            "Live rows that the shadow did not score: dropped for want of room, or failed.",
            ("model", "reason"),
            registry=self.registry,
        )
        self._logged = Counter(
            "preproc_log_rows_total",
            "Rows for the request log: written, or lost to a full queue, the disk, or a fault.",
            ("model", "fate"),
            registry=self.registry,
        )
        self._proving = Gauge(
            "preproc_proving_seconds",
            "Time to load a model and replay its golden vectors.",
            ("model", "version"),
            registry=self.registry,
        )
        self._proved = Gauge(
            "preproc_model_proved",
            "1 when the golden vectors passed in this process, else 0.",
            ("model", "version"),
            registry=self.registry,
        )

        self._device = Gauge(
            "preproc_model_device",
            "1 for what computes the answers of a model: backend, device, dtype of its arithmetic.",
            ("model", "version", "backend", "device", "dtype"),
            registry=self.registry,
        )
        self._devices: dict[tuple[str, str], tuple[str, str, str]] = {}

    def count_call(self, model: str, method: str, code: str, seconds: float) -> None:
        """Count one call and its time."""
        key = (model, method, code)
        if key not in self._counted:  # finding a label takes as long as counting
            children = self._calls.labels(*key), self._seconds.labels(model, method)
            self._counted[key] = children
        calls, times = self._counted[key]
        calls.inc()
        times.observe(seconds)

    def count_refused(
        self, model: str, rules: Sequence[Rule], row_error: NDArray[np.int32]
    ) -> None:
        """Count refused rows; `row_error`, int32 (n,), holds numbers of rules or 0."""
        if not row_error.any():
            return
        for number, rows in enumerate(np.bincount(row_error).tolist()):
            if number and rows:
                rule = rules[number - 1]
                label = f"{rule.number} {rule.column}: {rule.text}"
                self._refused.labels(model, label).inc(rows)

    def count_marks(self, model: str, marks: Mapping[tuple[str, str], int]) -> None:
        """Count values with something amiss: (column, reason) → values."""
        for (column, reason), values in marks.items():
            self._marks.labels(model, column, reason).inc(values)

    def count_extra_columns(self, model: str, columns: int) -> None:
        """Count columns that were left out of a batch."""
        self._extra.labels(model).inc(columns)

    def count_untold_digest(self, model: str) -> None:
        """Count a request without a digest."""
        if model not in self._untold_of:
            self._untold_of[model] = self._untold.labels(model)
        self._untold_of[model].inc()

    def set_proving(self, entry: Entry) -> None:
        """Note what became of one version; one that is unloaded leaves the page."""
        labels = entry.name, str(entry.version)
        self._set_device(labels, entry.proof)
        if entry.state == "unloaded":
            for gauge in (self._proving, self._proved):
                with suppress(KeyError):
                    gauge.remove(*labels)
            return
        self._proving.labels(*labels).set(entry.seconds)
        self._proved.labels(*labels).set(entry.state == "proved")

    def _set_device(self, labels: tuple[str, str], proof: Proof | None) -> None:
        """Tell what computes a version, and no longer what did."""
        if labels in self._devices:
            self._device.remove(*labels, *self._devices.pop(labels))
        if proof is not None:
            told = proof.backend, proof.device, proof.dtype
            self._devices[labels] = told
            self._device.labels(*labels, *told).set(1)

    def count_check(self, check: Check) -> None:
        """Count a replay of golden vectors while serving."""
        result = "passed" if check.is_pass else "failed"
        self._checks.labels(check.name, str(check.version), result).inc()

    def count_shadow(
        self, model: str, shadow: int, bands: Mapping[tuple[str, str], int], rows: int
    ) -> None:
        """Count compared rows, and the disagreements by (kind, band)."""
        self._shadowed.labels(model, str(shadow)).inc(rows)
        for (kind, band), count in bands.items():
            self._disagreed.labels(model, str(shadow), kind, band).inc(count)

    def count_unshadowed(self, model: str, reason: str, rows: int) -> None:
        """Count rows that the shadow did not score, ``dropped`` or ``failed``."""
        self._unshadowed.labels(model, reason).inc(rows)

    def count_logged(self, model: str, fate: str, rows: int) -> None:
        """Count rows for the request log: ``written``, ``queue_full``, ``disk`` or ``failed``."""
        self._logged.labels(model, fate).inc(rows)
