"""What can be set of a server: plain values, which `configuring` reads and checks.

Why apart: a process that serves is told them by another, which has checked them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from preproc.runtime import DEFAULT_BACKEND
from preproc.runtime.backends import VARIABLES

PREFIX: Final = "PREPROC_"
"""Of variables that set something."""
FILE: Final = "preproc.env"
"""In the working directory, with lines as of the environment."""
MEBIBYTE: Final = 2**20
MAX_MESSAGE_BYTES: Final = 2**31 - 1
"""What a gRPC message can hold at all, and what Triton allows."""


Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(gt=0)]
MessageBytes = Annotated[int, Meta(ge=1024, le=MAX_MESSAGE_BYTES)]
Streams = Annotated[int, Meta(ge=1, le=1000)]
Number = Annotated[float, Meta(ge=0)]
Heed = Literal["ignore", "count", "refuse"]


@dataclass(frozen=True, slots=True)
class Settings:
    """All that can be set; never changed after.

    Attributes
    ----------
    repository
        Folder of ``<name>/<version>/`` folders; must exist.
    host
        Address to listen on; every one by default, since a server mostly stands in a container.
        There is no encryption: put it on ``localhost`` or behind a proxy that has it.
    port
        Port to listen on, 0 for a free one.
    metrics_port
        Port of the Prometheus page, 0 for a free one, None for no page.
    workers
        Processes that serve on the port; each has the limits below for itself. One serves in the
        process that was started; several, of which that is the parent, need Linux.
    spare
        Whether one more process is kept warm, to take the place of one that ends at once.
    affinity
        Whether each process keeps to a CPU of its own: faster on a machine that the server has for
        itself, slower beside others.
    threads
        Calls that are computed at once, of those that take long.
    direct
        Whether calls that compute are taken from gRPC's queue, those that are there at once
        together; else they go through gRPC's server one by one, which takes about twice as long.
    max_concurrent_calls
        Calls under way or waiting; more are refused with RESOURCE_EXHAUSTED.
    max_receive_bytes, max_send_bytes
        Largest message. 64 MiB: a hundred thousand rows of 80 numbers, while four threads with
        three copies each stay below 1 GiB; gRPC's own 4 MiB is the commonest first complaint.
    keepalive_s
        Silence after which the server asks whether a client is still there.
    min_ping_interval_s
        How often a client may ask the same without being cut off.
    drain_delay_s
        Time from the stop signal, when health turns NOT_SERVING, to refusing new calls, so that
        load balancers can look away.
    grace_s
        Time for calls under way to end; with `drain_delay_s` less than the 30 s after which
        Kubernetes kills.
    backend
        Executor of the graphs, never replaced by another.
    mode
        ``none``: what the repository holds at the start; ``watch``: what it holds by now;
        ``explicit``: what clients load by name.
    watch_interval_s
        Time between two looks at the repository.
    load_models
        Names that are loaded at the start in explicit mode: ``late,early``, ``*`` for all.
    versions
        Which versions of a name are served: ``latest``, ``latest:2``, ``all`` or ``1,3``; those
        that its ``serving.json`` names come on top.
    allow_unproved
        Whether plain ONNX models are served, which no golden vectors prove.
    check_interval_s
        Time between two replays of the golden vectors while serving, 0 for none.
    max_streams, max_watches
        Inference streams and health Watches that may be open, each on a thread of its own beside
        `threads`; more are refused with RESOURCE_EXHAUSTED. Of the streams, `threads` compute at
        once.
    reflection
        Whether clients are shown which services and messages there are.
    shared_memory
        Whether callers on this machine may leave tensors in memory that they share.
    error_texts
        ``full``: a status names columns, rules and models; ``short``: the log alone does.
    extra_columns
        ``refuse`` columns that the contract does not know, or ``count`` them and leave them out.
    empty_digest
        ``count`` requests that do not say which contract they were built for, or ``refuse`` them.
    unseen_values
        ``count`` categories that training never saw, ``refuse`` them, or ``ignore`` that.
    out_of_range
        The same of numbers beyond the smallest and the largest that training saw. They are counted
        and not refused by default, since scikit-learn answers them.
    response_compression
        ``gzip`` or ``deflate``, as the caller takes it, else the other one, else none; pays on slow
        networks only.
    shadow_queue_calls
        Calls that may wait for a shadow version; more are dropped and counted.
    shadow_samples
        Rows of disagreement that are kept in memory, the latest ones.
    shadow_tolerance
        Distance of two probabilities or scores that counts as disagreement; of predictions it is
        a share of the first.
    log_dir
        Folder of the request log; None for no log.
    log_sample
        Share of the keys whose rows are logged; rows that are refused or marked are logged always.
    log_key
        Column by whose hash rows are chosen, and deleted; None for the id of the request.
    log_policy
        File that says what of each column is written; None for everything.
    log_hmac_key
        Key that the policy ``hmac`` wants, at least 16 bytes; older ones behind it, by commas.
    log_queue_rows
        Rows that may wait to be written; more are dropped and counted.
    log_max_age_days, log_max_bytes
        What of the log is kept; the oldest files go first.
    server_name
        What ServerMetadata says; some of Triton's own examples want ``triton``.
    log_level
        Least important level that is logged.
    """

    repository: Path
    host: str = "[::]"
    port: Port = 8001
    metrics_port: Port | None = None
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    spare: bool = False
    affinity: bool = False
    threads: Count = 4
    direct: bool = True
    max_concurrent_calls: Count = 1024
    max_receive_bytes: MessageBytes = 64 * MEBIBYTE
    max_send_bytes: MessageBytes = 64 * MEBIBYTE
    keepalive_s: Annotated[float, Meta(ge=1)] = 60.0
    min_ping_interval_s: Number = 10.0
    drain_delay_s: Number = 0.0
    grace_s: Number = 20.0
    backend: str = DEFAULT_BACKEND
    mode: Literal["none", "watch", "explicit"] = "none"
    watch_interval_s: Annotated[float, Meta(ge=0.01)] = 5.0
    load_models: tuple[str, ...] = ()
    versions: str = "latest"
    allow_unproved: bool = False
    check_interval_s: Number = 600.0
    max_streams: Streams = 64
    max_watches: Streams = 100
    reflection: bool = True
    shared_memory: bool = True
    error_texts: Literal["full", "short"] = "full"
    extra_columns: Literal["refuse", "count"] = "refuse"
    empty_digest: Literal["count", "refuse"] = "count"
    unseen_values: Heed = "count"
    out_of_range: Heed = "count"
    response_compression: Literal["none", "gzip", "deflate"] = "none"
    shadow_queue_calls: Count = 64
    shadow_samples: Count = 100
    shadow_tolerance: Number = 0.05
    log_dir: Path | None = None
    log_sample: Annotated[float, Meta(gt=0, le=1)] = 0.05
    log_key: str | None = None
    log_policy: Path | None = None
    log_hmac_key: str | None = field(default=None, repr=False)
    log_queue_rows: Count = 65536
    log_max_age_days: Annotated[float, Meta(gt=0)] = 30.0
    log_max_bytes: Count = 10 * 2**30
    server_name: str = "preproc"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @property
    def address(self) -> str:
        """Where gRPC listens."""
        return f"{self.host}:{self.port}"

    @property
    def names_at_start(self) -> frozenset[str]:
        """Names of the models that are loaded at the start; ``*`` for all."""
        return frozenset(self.load_models if self.mode == "explicit" else "*")


def settings_to_json(settings: Settings) -> str:
    """Write all settings, defaults and secrets too, so that a process reads no others."""
    return msgspec.json.encode(settings, enc_hook=str).decode()


def settings_from_json(text: str) -> Settings:
    """Read settings that another process has checked."""
    return msgspec.json.decode(text, type=Settings, dec_hook=of_text)


def of_text(_: type, value: object) -> Path:
    """Make a path of text, the one kind of setting that msgspec does not know."""
    if not isinstance(value, str | Path):
        raise ValueError("expected a path")  # noqa: TRY004  # which msgspec tells as its own
    return Path(value)


def unknown_variables(environment: Mapping[str, str]) -> Sequence[str]:
    """Word which variables look like settings and are none.

    They are told and not refused: what starts a container may set some of its own there.
    """
    told = sorted(
        name.removeprefix(PREFIX).lower() for name in environment if name.startswith(PREFIX)
    )
    return [
        f"{PREFIX}{name.upper()}: expected a setting, got an unknown name"
        + guess(name, lambda close: f"{PREFIX}{close.upper()}")
        + "; it is ignored"
        for name in told
        if name not in NAMES and f"{PREFIX}{name.upper()}" not in VARIABLES
    ]


def guess(name: str, worded: Callable[[str], str] = str) -> str:
    """Ask whether a setting was meant whose name is close; nothing where there is none."""
    close = get_close_matches(name, NAMES, 1)
    return f", did you mean {worded(close[0])}?" if close else ""


NAMES: Final = frozenset(one.name for one in fields(Settings))
