"""What a trace must not read: clocks, files, the network; refused where user code asks for them.

A constant that is read while tracing would be frozen into the graph. Calls of C functions are seen
by the profiling hook of this thread; clocks of pandas, which are no such calls, by the names that
user code loads, instruction by instruction, in the few functions that mention them.
"""

import dis
import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any, Final

from preproc.export.tracing.refusal import CLOCK, is_library, is_standard, place_of
from preproc.export.tracing.tracer import Tracer

_FILES: Final = "expected data and fitted attributes, got a file or a connection; read it in fit()"
_RANDOM: Final = (
    "expected the same answer every time, got random bytes of the machine, as uuid4, secrets "
    "and np.random.RandomState ask for them; draw in fit() and keep it as an attribute"
)
_PARALLEL: Final = (
    "expected code that runs here, got joblib.Parallel, which may run it in other processes, where "
    "no trace sees it; give the step's parts as steps of their own"
)
_MACHINE: Final = (
    "expected data and fitted attributes, got what belongs to one process: its environment, files "
    "or hash(), which is salted; read it in fit() and keep it as an attribute"
)
_ENVIRONMENT: Final = type(os.environ).__getitem__.__code__
_CLOCK_NAMES: Final = frozenset(["now", "today", "utcnow"])
_WORDS: Final = ("now", "today")
_CLOCK_MODULES: Final = frozenset(["time"])
_PARSERS: Final = frozenset(["Timestamp", "to_datetime", "datetime64", "DatetimeIndex"])
_OWN_READS: Final = (
    "linecache.py",
    "tokenize.py",
    "zoneinfo/_zoneinfo.py",
    "zoneinfo/_common.py",
    "importlib/resources/_common.py",
)


@contextmanager
def watched(tracer: Tracer) -> Iterator[None]:
    """Refuse clocks and input while the block runs in this thread.

    Nothing is collected meanwhile: what other libraries do when it is, such as looking at a clock,
    happens in this thread as well, and the user's code did not ask for it.
    """
    profile, trace, is_collecting = sys.getprofile(), sys.gettrace(), gc.isenabled()
    gc.disable()
    sys.setprofile(_profiler(tracer))
    sys.settrace(_tracer(tracer))
    try:
        yield
    finally:
        sys.settrace(trace)
        # A profiler in C is no function that could be set again.
        sys.setprofile(profile if callable(profile) else None)
        if is_collecting:
            gc.enable()


@contextmanager
def unwatched() -> Iterator[None]:
    """Let our own long computations run without the hooks."""
    profile, trace = sys.getprofile(), sys.gettrace()
    sys.setprofile(None)
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(trace)
        # A profiler in C is no function that could be set again.
        sys.setprofile(profile if callable(profile) else None)


def _profiler(tracer: Tracer) -> Callable[[FrameType, str, Any], None]:
    def seen(frame: FrameType, event: str, function: Any) -> None:
        if event == "call" and frame.f_code is _ENVIRONMENT:
            problem = _MACHINE if _is_asked_by_user(frame) else ""
        elif event == "c_call":
            problem = _problem_of(function)
            if not problem and _is_of_machine(function) and _is_asked_by_user(frame):
                problem = _MACHINE
        else:
            return
        if problem is _RANDOM and _is_under(frame, "/joblib/"):
            problem = _PARALLEL
        if problem and not frame.f_code.co_filename.endswith(_OWN_READS):
            sys.setprofile(None)
            is_ours = is_library(frame.f_code.co_filename)
            tracer.refuse(problem, None if is_ours else place_of(frame))

    return seen


def _is_under(frame: FrameType | None, folder: str) -> bool:
    while frame is not None:
        if folder in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False


def _is_of_machine(function: Any) -> bool:
    """Whether a C function tells of the process: its files, its salted hashes."""
    owner = getattr(getattr(function, "__self__", None), "__name__", "")
    name = getattr(function, "__name__", "")
    return (owner in ("posix", "nt") and name != "fspath") or function is hash


def _is_asked_by_user(frame: FrameType) -> bool:
    """Whether the user's code stands above nothing but the standard library."""
    outer: FrameType | None = frame
    while outer is not None and is_standard(outer.f_code.co_filename):
        if outer.f_code.co_filename.endswith(_OWN_READS):
            return False
        outer = outer.f_back
    return outer is not None and not is_library(outer.f_code.co_filename)


def _problem_of(function: Any) -> str:
    name, owner = getattr(function, "__name__", ""), getattr(function, "__self__", None)
    if name in _CLOCK_NAMES and isinstance(owner, type) and issubclass(owner, date):
        return CLOCK
    if getattr(owner, "__name__", "") in _CLOCK_MODULES and name not in ("sleep", "strptime"):
        return CLOCK
    if name in ("urandom", "getrandom"):
        return _RANDOM
    is_open = name == "open" and getattr(owner, "__name__", "") in (
        "_io",
        "io",
        "posix",
    )
    is_socket = type(owner).__name__ in ("socket", "_socket.socket")
    return _FILES if is_open or is_socket else ""


def _tracer(tracer: Tracer) -> Callable[[FrameType, str, Any], Any]:
    def on_instruction(frame: FrameType, event: str, _argument: Any) -> Any:
        is_clock = event == "opcode" and (
            frame.f_lasti in _suspicious(frame.f_code) or frame.f_lasti in _words_of(frame)
        )
        if is_clock:
            sys.settrace(None)
            tracer.refuse(CLOCK, place_of(frame))
        return on_instruction

    def on_call(frame: FrameType, event: str, _argument: Any) -> Any:
        if event != "call" or is_library(frame.f_code.co_filename):
            return None
        if not _suspicious(frame.f_code) and not _words_of(frame):
            return None
        frame.f_trace_opcodes = True
        return on_instruction

    return on_call


def _is_word(item: object) -> bool:
    return isinstance(item, str) and item in _WORDS


def _words_of(frame: FrameType) -> frozenset[int]:
    """Offsets of instructions that load a module's name for a parser's word for a clock."""
    names = [name for name in frame.f_code.co_names if _is_word(frame.f_globals.get(name))]
    if not names or _PARSERS.isdisjoint(frame.f_code.co_names):
        return frozenset()
    return frozenset(i.offset for i in dis.get_instructions(frame.f_code) if i.argval in names)


@lru_cache(maxsize=512)
def _suspicious(code: CodeType) -> frozenset[int]:
    """Offsets of instructions that load the name of a clock, or its word for a parser of dates."""
    has_parser = not _PARSERS.isdisjoint(code.co_names)
    if not has_parser and _CLOCK_NAMES.isdisjoint(code.co_names):
        return frozenset()
    found = set()
    for instruction in dis.get_instructions(code):
        loads = instruction.opname in ("LOAD_ATTR", "LOAD_METHOD")
        if loads and str(instruction.argval) in _CLOCK_NAMES:
            found.add(instruction.offset)
        is_word = _is_word(instruction.argval)
        if has_parser and instruction.opname == "LOAD_CONST" and is_word:
            found.add(instruction.offset)
    return frozenset(found)
