"""Settings of the server: flags over environment (``PREPROC_*``) over the file ``preproc.env``."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_type_hints

from dotenv import dotenv_values

from preproc.runtime import BACKENDS, DEFAULT_BACKEND
from preproc.runtime.backends import VARIABLES
from preproc_server.errors import SettingsError
from preproc_server.readers import Reader, flag, folder, names, path, real, text, whole, word
from preproc_server.versions import parse_policy

PREFIX: Final = "PREPROC_"
FILE: Final = Path("preproc.env")
MEBIBYTE: Final = 2**20
MAX_MESSAGE_BYTES: Final = 2**31 - 1
"""What a gRPC message can hold at all, and what Triton allows."""


def _known_backend(name: Any) -> str:
    if name not in BACKENDS:
        raise ValueError(f"expected one of {sorted(BACKENDS)}, got {name!r}")
    return str(name)


def _known_policy(given: Any) -> str:
    parse_policy(text(given))
    return str(given)


Text = Annotated[str, text]
Flag = Annotated[bool, flag]
Place = Annotated[Path, path]
Port = Annotated[int, whole(ge=0, le=65535)]
Count = Annotated[int, whole(gt=0)]
MessageBytes = Annotated[int, whole(ge=1024, le=MAX_MESSAGE_BYTES)]
Streams = Annotated[int, whole(ge=1, le=1000)]
Number = Annotated[float, real(ge=0)]
Heed = Annotated[Literal["ignore", "count", "refuse"], word("ignore", "count", "refuse")]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


@dataclass(frozen=True, slots=True)
class Settings:
    """All that can be set; checked when made, never changed after.

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

    repository: Annotated[Path, folder]
    host: Text = "[::]"
    port: Port = 8001
    metrics_port: Port | None = None
    workers: Annotated[int, whole(ge=1, le=256)] = 1
    spare: Flag = False
    affinity: Flag = False
    threads: Count = 4
    direct: Flag = True
    max_concurrent_calls: Count = 1024
    max_receive_bytes: MessageBytes = 64 * MEBIBYTE
    max_send_bytes: MessageBytes = 64 * MEBIBYTE
    keepalive_s: Annotated[float, real(ge=1)] = 60.0
    min_ping_interval_s: Number = 10.0
    drain_delay_s: Number = 0.0
    grace_s: Number = 20.0
    backend: Annotated[str, _known_backend] = DEFAULT_BACKEND
    mode: Annotated[Literal["none", "watch", "explicit"], word("none", "watch", "explicit")] = (
        "none"
    )
    watch_interval_s: Annotated[float, real(ge=0.01)] = 5.0
    load_models: Annotated[tuple[str, ...], names] = ()
    versions: Annotated[str, _known_policy] = "latest"
    allow_unproved: Flag = False
    check_interval_s: Number = 600.0
    max_streams: Streams = 64
    max_watches: Streams = 100
    reflection: Flag = True
    shared_memory: Flag = True
    error_texts: Annotated[Literal["full", "short"], word("full", "short")] = "full"
    extra_columns: Annotated[Literal["refuse", "count"], word("refuse", "count")] = "refuse"
    empty_digest: Annotated[Literal["count", "refuse"], word("count", "refuse")] = "count"
    unseen_values: Heed = "count"
    out_of_range: Heed = "count"
    response_compression: Annotated[
        Literal["none", "gzip", "deflate"], word("none", "gzip", "deflate")
    ] = "none"
    shadow_queue_calls: Count = 64
    shadow_samples: Count = 100
    shadow_tolerance: Number = 0.05
    log_dir: Place | None = None
    log_sample: Annotated[float, real(gt=0, le=1)] = 0.05
    log_key: Text | None = None
    log_policy: Place | None = None
    log_hmac_key: Text | None = field(default=None, repr=False)
    log_queue_rows: Count = 65536
    log_max_age_days: Annotated[float, real(gt=0)] = 30.0
    log_max_bytes: Count = 10 * 2**30
    server_name: Text = "preproc"
    log_level: Annotated[Level, word(*get_args(Level))] = "INFO"

    def __post_init__(self) -> None:
        """Read each setting, which may be text; raises `SettingsError` with all at fault."""
        faults = []
        for name, (read, is_optional) in _readers().items():
            given = getattr(self, name)
            if given is None and is_optional:
                continue
            try:
                object.__setattr__(self, name, read(given))
            except ValueError as error:
                faults.append(_fault(name, str(error), given))
        if faults:
            raise SettingsError(faults)

    @property
    def address(self) -> str:
        """Host and port as gRPC wants them."""
        return f"{self.host}:{self.port}"


@cache
def _readers() -> dict[str, tuple[Reader, bool]]:
    """Give for each setting what reads it, and whether it may be None."""
    found = {}
    for name, hint in get_type_hints(Settings, include_extras=True).items():
        is_optional = type(None) in get_args(hint)
        of = get_args(hint)[0] if is_optional else hint
        found[name] = (of.__metadata__[0], is_optional)
    return found


def settings_of(given: Mapping[str, Any]) -> Settings:
    """Make the settings of flags, environment and file.

    Raises
    ------
    SettingsError
        Naming each setting at fault.
    """
    known = _readers()
    told = {name: value for name, value in _named(os.environ).items() if name in known}
    read = {"repository": None, **_named(dotenv_values(FILE)), **told, **given}
    unknown = [
        f"{name}: expected a setting, got an unknown name{_guess(name)}"
        for name in read
        if name not in known
    ]
    try:
        settings = Settings(**{name: read[name] for name in read if name in known})
    except SettingsError as error:
        raise SettingsError([*error.faults, *unknown]) from error
    if unknown:
        raise SettingsError(unknown)
    return settings


def _named(variables: Mapping[str, str | None]) -> dict[str, str | None]:
    """Give the text of each setting, of variables with our prefix, in capitals or not."""
    lower = {name.lower(): value for name, value in variables.items()}
    prefix = PREFIX.lower()
    return {
        name.removeprefix(prefix): value for name, value in lower.items() if name.startswith(prefix)
    }


def unknown_variables(environment: Mapping[str, str]) -> Sequence[str]:
    """Word which variables look like settings and are none.

    They are told and not refused: what starts a container may set some of its own there.
    """
    told = sorted(
        name.removeprefix(PREFIX).lower() for name in environment if name.startswith(PREFIX)
    )
    return [
        f"{PREFIX}{name.upper()}: expected a setting, got an unknown name"
        + _guess(name, lambda close: f"{PREFIX}{close.upper()}")
        + "; it is ignored"
        for name in told
        if name not in _readers() and f"{PREFIX}{name.upper()}" not in VARIABLES
    ]


def _guess(name: str, worded: Callable[[str], str] = str) -> str:
    close = get_close_matches(name, _readers(), 1)
    return f", did you mean {worded(close[0])}?" if close else ""


def _fault(name: str, problem: str, given: Any) -> str:
    told = problem if ", got " in problem else f"{problem}, got {str(given)!r}"
    return f"{name}: {told}; change {PREFIX}{name.upper()}, {FILE} or the flag"
