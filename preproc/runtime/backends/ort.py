"""One ONNX Runtime session on one provider, without any way back to another.

Four ways lead from a requested device to the CPU in silence: a provider that cannot be loaded,
nodes that it has no kernel for, an error at creation, and an error in the middle of serving. Here
each of them is an error: providers are added to the options, which raises, and never named beside
them, which drops what was added; a strict session refuses CPU nodes; Python's fallback is off.
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from preproc.errors import BackendError
from preproc.runtime.executor import Executor, Half, Model, Placed
from preproc.runtime.machine import machine
from preproc.wording import counted

Optimisation = Literal["none", "basic", "extended", "all"]

CPU: Final = "CPUExecutionProvider"
STRICT: Final = "session.disable_cpu_ep_fallback"
RECORD: Final = "session.record_ep_graph_assignment_info"
LEVELS: Final[Mapping[Optimisation, str]] = {
    "none": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}
WRONG_VERSIONS: Final[Mapping[str, str]] = {
    "1.26": "wrong on binary forests",
    "1.27": "wrong on binary forests",
}
PROFILED_ROWS: Final = 3
WARNING: Final = 2
ERROR: Final = 3
FATAL: Final = 4

_DTYPES: Final[Mapping[str, type]] = {
    "tensor(string)": object,
    "tensor(bool)": np.bool_,
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
}


@dataclass(frozen=True, slots=True)
class Setup:
    """How a session is made.

    Attributes
    ----------
    provider
        What has to compute every node.
    attach
        Adds the provider to the session's options; raises where it cannot be had.
    threads, optimisation
        Of ONNX Runtime. One thread: with more it splits sums, and their last bits change.
    half
        Part of the form that the graph is.
    is_profiled
        Whether to run once at opening and note where each node ran.
    facts
        What `Executor.environment` tells beside machine and versions.
    """

    provider: str = CPU
    attach: Callable[[Any], None] = lambda _: None
    threads: int = 1
    optimisation: Optimisation = "all"
    half: Half = "whole"
    is_profiled: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_strict(self) -> bool:
        """Whether a node on the CPU is an error."""
        return self.provider != CPU


class OrtExecutor(Executor):
    """One `onnxruntime.InferenceSession`.

    Its `run` is passed by: it asks for each input by name, in Python, and makes options anew, which
    together cost a small graph a seventh of its call. The binding below it is what it calls itself
    and raises the same; a session without fallback has nothing else to do.
    """

    def __init__(self, session: Any, setup: Setup, placed: Sequence[Placed] | None) -> None:
        self._session = session
        self._setup = setup
        self._placed = placed
        self._names = [output.name for output in session.get_outputs()]
        self._named = naming_of(self._names)
        self._run = session._sess.run  # noqa: SLF001  # the binding has no public name
        self._options = onnxruntime.RunOptions()

    def execute(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Compute all outputs from all inputs."""
        return self._named(self._run(self._names, feeds, self._options))

    def close(self) -> None:
        """Do nothing: the memory goes with the last reference."""

    def placement(self) -> Sequence[Placed]:
        """Tell what the profiled run at opening found.

        Raises
        ------
        BackendError
            When the executor was opened without ``profile=True``.
        """
        if self._placed is None:
            raise BackendError("placement: expected a profiled executor; open it with profile=True")
        return self._placed

    @property
    def device(self) -> str:
        """What computes, told without looking into it."""
        return self._setup.facts["device"]

    @property
    def takes_utf8(self) -> bool:
        """Whether text may be bytes: it may, and each ends at its first zero."""
        return True

    def environment(self) -> Mapping[str, str]:
        """Describe the machine, the runtime and how it was set."""
        from preproc.runtime.backends.probe import (  # noqa: PLC0415  # onnx, for who asks this
            PROBE,
            denormals_of,
        )

        setup = self._setup
        return {
            **machine(),
            "onnxruntime": onnxruntime.__version__,
            "onnxruntime build": onnxruntime.get_build_info(),
            "provider": setup.provider,
            "threads": str(setup.threads),
            "optimisation": setup.optimisation,
            "denormals": denormals_of(open_ort(PROBE, setup).execute),
            **setup.facts,
        }


def naming_of(names: Sequence[str]) -> Callable[[Sequence[Any]], dict[str, Any]]:
    """Make what joins answers, in order, to names.

    Two and three, of which regressions and classifications have as many, are written out: a dict
    that is made as large as it gets takes a microsecond less than one that grows out of pairs.
    """
    if len(names) == 2:  # noqa: PLR2004
        one, two = names
        return lambda values: {one: values[0], two: values[1]}
    if len(names) == 3:  # noqa: PLR2004
        first, second, third = names
        return lambda values: {first: values[0], second: values[1], third: values[2]}
    return lambda values: dict(zip(names, values, strict=True))


def check_version() -> None:
    """Raise `BackendError` where this ONNX Runtime is known to be wrong."""
    version = onnxruntime.__version__
    fault = WRONG_VERSIONS.get(".".join(version.split(".")[:2]))
    if fault:
        raise BackendError(f"onnxruntime {version}: {fault}; install 1.30 or newer")


def option_text(options: Mapping[str, str]) -> str:
    """Write options in one line."""
    return " ".join(f"{key}={value}" for key, value in options.items())


@contextmanager
def silenced() -> Iterator[None]:
    """Keep ONNX Runtime from logging what is raised; its default comes back, a set level not."""
    onnxruntime.set_default_logger_severity(FATAL)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(WARNING)


def open_ort(model: Model, setup: Setup) -> OrtExecutor:
    """Load a model on one provider; a strict setup is always profiled.

    On the CPU one row is asked at once. ONNX Runtime lays memory out after its first call: where
    that was a batch, such as golden rows, each later call of one row takes a third longer.

    Raises
    ------
    BackendError
        When this ONNX Runtime is known to be wrong, refuses the graph, or would run a node, which
        is named, on another provider.
    """
    check_version()
    content = model if isinstance(model, bytes) else model.SerializeToString()
    try:
        if setup.is_strict or setup.is_profiled:
            return _profiled(content, setup)
        session = _session(content, setup, {})
        session.run(None, {item.name: _blank(item, 1) for item in session.get_inputs()})
        return OrtExecutor(session, setup, None)
    except BackendError:
        raise
    except Exception as error:  # ONNX Runtime raises its own kinds, all from pybind
        if setup.is_strict:
            _name_strangers(content, setup)
        version = onnxruntime.__version__
        raise BackendError(f"onnxruntime {version}: cannot load the graph: {error}") from error


def _session(
    content: bytes, setup: Setup, entries: Mapping[str, str], profile: Path | None = None
) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = setup.threads
    options.inter_op_num_threads = 1
    if not setup.is_strict:
        # Values in places of their own and from malloc: an eighth of a small graph's call less.
        options.enable_mem_reuse = options.enable_cpu_mem_arena = False
    options.log_severity_level = (
        FATAL if setup.is_strict else ERROR
    )  # what strictness refuses is raised
    level = LEVELS[setup.optimisation]
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    for key, value in entries.items():
        options.add_session_config_entry(key, value)
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    if not setup.is_strict:
        return onnxruntime.InferenceSession(content, options, providers=[CPU], enable_fallback=0)
    options.use_deterministic_compute = True
    setup.attach(options)
    return onnxruntime.InferenceSession(content, options, enable_fallback=0)


def _profiled(content: bytes, setup: Setup) -> OrtExecutor:
    """Open, run once, and read where the nodes ran; the session serves on, unprofiled."""
    entries = {RECORD: "1", **({STRICT: "1"} if setup.is_strict else {})}
    with tempfile.TemporaryDirectory(prefix="preproc-profile-") as folder:
        session = _session(content, setup, entries, Path(folder) / "run")
        session.run(None, {item.name: _blank(item, PROFILED_ROWS) for item in session.get_inputs()})
        profile = Path(session.end_profiling())
        events = json.loads(profile.read_text(encoding="utf-8"))
    placed = profiled_nodes(events, setup.half)
    check_placement(placed, assigned_nodes(session), setup.provider)
    return OrtExecutor(session, setup, placed)


def _blank(item: Any, rows: int) -> NDArray[Any]:
    """Make rows that every contract allows: zeros, or empty text."""
    shape = [size if isinstance(size, int) else rows for size in item.shape]
    dtype = _DTYPES.get(item.type) or np.dtype(item.type.removeprefix("tensor(").removesuffix(")"))
    return np.full(shape, "" if dtype is object else 0, dtype)


def profiled_nodes(events: Sequence[Mapping[str, Any]], half: Half) -> tuple[Placed, ...]:
    """Read from the events of a profile where each node ran."""
    found = {
        event["name"].removesuffix("_kernel_time"): event["args"]
        for event in events
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time")
    }
    return tuple(
        Placed(name, told["op_name"], told["provider"], half) for name, told in found.items()
    )


def assigned_nodes(session: Any) -> dict[str, str]:
    """Node → provider, as the API tells it; a provider appears once for each of its subgraphs."""
    return {
        node.name: part.ep_name
        for part in session.get_provider_graph_assignment_info()
        for node in part.get_nodes()
    }


def check_placement(placed: Sequence[Placed], assigned: Mapping[str, str], provider: str) -> None:
    """Object to a node that ran elsewhere than on its provider, by profile or by the API.

    Raises
    ------
    BackendError
        When nothing ran, the two accounts differ on a node, or one of them names another provider.
    """
    if not placed:
        raise BackendError(f"placement: expected nodes on {provider}, got none in the profile")
    for node in placed:
        told = assigned.get(node.node, node.provider)  # rewritten later: only the profile knows it
        if told != node.provider:
            raise BackendError(
                f"placement: node {node.node!r} ({node.op_type}): expected one provider, got "
                f"{told} by the API and {node.provider} by the profile"
            )
    strangers = {node.node: node.provider for node in placed if node.provider != provider}
    strangers |= {name: where for name, where in assigned.items() if where != provider}
    if strangers:
        raise BackendError(_strangers_text(strangers, provider))


def _name_strangers(content: bytes, setup: Setup) -> None:
    """Open without strictness, only to name the nodes that a strict session refused."""
    try:
        lenient = _session(content, replace(setup, threads=1), {RECORD: "1"})
    except Exception:  # noqa: BLE001  # then the first error says it better
        return
    found = assigned_nodes(lenient)
    strangers = {name: where for name, where in found.items() if where != setup.provider}
    if strangers:
        raise BackendError(_strangers_text(strangers, setup.provider))


def _strangers_text(strangers: Mapping[str, str], provider: str) -> str:
    (name, where), rest = next(iter(strangers.items())), len(strangers) - 1
    more = f" and {counted(rest, 'more node')} elsewhere" if rest else ""
    return f"placement: node {name!r}: expected {provider}, got {where}{more}"
