"""Hands calls over to the request log, off their path: nothing here waits or raises."""

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Final
from zlib import crc32

import numpy as np

from preproc.artifact import read_contract
from preproc.errors import PreprocError
from preproc.signature import ROW_ERROR, Signature
from preproc.skew.batching import ID_HEADER, Offer, Source, header_of, source_of
from preproc.skew.keeping import Limits
from preproc.skew.privacy import Privacy, check_privacy, read_privacy
from preproc.skew.record import Head
from preproc.skew.writer import Lane, Writer
from preproc_server.calls import Call
from preproc_server.core import Admitted
from preproc_server.errors import SettingsError
from preproc_server.loading import Answers, Model
from preproc_server.metrics import Metrics
from preproc_server.pb import open_inference_pb2 as pb
from preproc_server.settings import Settings

POLICY: Final = "policy"
PROPENSITY: Final = "propensity"
DAY_S: Final = 86400.0

Watch = Callable[[Source, Sequence[Offer]], None]
"""Takes the calls of one artifact before they are written."""

_LOG: Final = logging.getLogger(__name__)


class Journal:
    """What a server writes down of its calls.

    Parameters
    ----------
    writer
        Of the log.
    metrics
        Told how many rows could not be handed over.
    privacy
        What is done to values.
    key
        Column whose hash chooses rows, empty for the id of the request.
    rate
        Share of the keys that are chosen.
    clock_s
        Seconds since 1970, UTC.
    """

    def __init__(
        self,
        writer: Writer,
        metrics: Metrics,
        privacy: Privacy,
        *,
        key: str,
        rate: float,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        self._writer = writer
        self._metrics = metrics
        self._privacy = privacy
        self._key = key
        self._rate = rate
        self._below = rate * 2**32
        self._clock_s = clock_s
        self._host = socket.gethostname()
        self._prefix = secrets.token_hex(6)
        self._numbers = count()
        self._lanes: dict[tuple[str, int, str], Lane] = {}

    def start(self) -> None:
        """Begin to write."""
        self._writer.start()

    def close(self) -> None:
        """Write what waits."""
        self._writer.close()

    def note(
        self,
        model: Model,
        admitted: Admitted,
        answers: Answers | None,
        call: Call,
        request: pb.ModelInferRequest | None = None,
    ) -> None:
        """Take a call along, if its key is chosen or one of its rows is rare.

        Parameters
        ----------
        model
            That answered.
        admitted
            What it took, what the door found, and what came along with the columns.
        answers
            What it gave; None for a call that was turned away at the door.
        call
            Whose headers tell trace, client, and what a request does not.
        request
            Whose id is the key, and whose parameters may tell ``policy`` and ``propensity`` of the
            decision that is served; None for a typed call, which has them as headers.
        """
        try:
            lane = self._lanes.get((model.name, model.version, model.digest)) or self._lane(model)
            prepared, found, told = admitted
            headers = call.headers
            given = "" if request is None else request.id
            request_id = given or header_of(headers, ID_HEADER) or self._new_id()
            is_sampled = None
            if not self._key:
                is_sampled = crc32(request_id.encode()) < self._below
                if not is_sampled and _is_common(answers, found.rows):
                    self._writer.skip(lane, prepared.rows)
                    return
            offer = Offer(
                prepared.rows,
                prepared.feeds,
                answers,
                request_id,
                is_sampled,
                found.rows,
                self._clock_s(),
                time.perf_counter_ns() - call.arrived_ns,
                headers,
                told,
                *(_decision(request.parameters) if request and request.parameters else ()),
            )
            self._writer.offer(lane, offer)
        except Exception:  # noqa: BLE001  # the call it rides on must not suffer
            _LOG.exception("model %r: a call cannot be logged", model.name)
            self._metrics.count_logged(model.name, "failed", admitted.prepared.rows)

    def _new_id(self) -> str:
        return f"{self._prefix}-{next(self._numbers):x}"

    def _lane(self, model: Model) -> Lane:
        session = model.session
        head = Head(
            model=model.name,
            version=model.version,
            artifact=model.digest,
            contract=model.door.digest,
            path=str(Path(model.artifact.path or "").resolve()),
            host=self._host,
            process=os.getpid(),
            key=self._key,
            rate=self._rate,
            backend=session.backend,
            form=session.form,
        )
        source = source_of(head, session.signature, session.layout.places, self._privacy)
        lane = self._writer.lane(source)
        self._lanes[model.name, model.version, model.digest] = lane
        return lane


def journal_of(settings: Settings, metrics: Metrics, watch: Watch | None = None) -> Journal | None:
    """Open the log that settings want, None where they want none.

    Parameters
    ----------
    settings
        All that can be set.
    metrics
        Told what becomes of rows.
    watch
        Takes the rows that are watched for drift; None to judge them in this process.

    Raises
    ------
    LogError
        When the policy is none, or names what no model has.
    SettingsError
        When the folder cannot be written.
    """
    if settings.log_dir is None:
        return None
    limits = Limits(settings.log_max_age_days * DAY_S, settings.log_max_bytes)
    tick = None
    if watch is None:
        from preproc_server.drift import DriftWatch  # noqa: PLC0415  # scipy only where rows are watched

        own = DriftWatch(metrics.registry, settings.log_dir, keep_s=limits.max_age_s)
        watch, tick = own.observe, own.tick
    key = settings.log_key or ""
    privacy = read_privacy(settings.log_policy, settings.log_hmac_key or "")
    check_privacy(privacy, signatures_of(settings.repository), key=key)
    try:
        writer = Writer(
            settings.log_dir,
            metrics,
            queue_rows=settings.log_queue_rows,
            limits=limits,
            observe=watch,
            tick=tick,
        )
    except OSError as error:
        fault = f"log_dir: expected a folder that can be written, got {error}"
        raise SettingsError([f"{fault}; change PREPROC_LOG_DIR or the flag"]) from error
    return Journal(writer, metrics, privacy, key=key, rate=settings.log_sample)


def signatures_of(repository: Path) -> list[Signature]:
    """Read the signatures of all versions in a repository; what is broken is told by others."""
    found = []
    for path in sorted(repository.glob("*/[0-9]*/contract.json")):
        try:
            found.append(read_contract(path.parent).signature)
        except PreprocError:
            continue
    return found


def _is_common(answers: Answers | None, marked: Collection[int]) -> bool:
    """Tell whether all rows were answered and nothing was amiss with any."""
    return answers is not None and not marked and not np.count_nonzero(answers[ROW_ERROR])


def _decision(parameters: Mapping[str, pb.InferParameter]) -> tuple[str, float]:
    """Read by which policy, and how probably, a decision was made; what is none is left out."""
    policy, share = "", np.nan
    if POLICY in parameters:
        policy = parameters[POLICY].string_param
    if PROPENSITY in parameters:
        given = parameters[PROPENSITY]
        if given.WhichOneof("parameter_choice") == "double_param":
            share = given.double_param
        else:
            text = given.string_param
            share = float(text) if text.replace(".", "", 1).isdigit() else np.nan
    return policy, share
