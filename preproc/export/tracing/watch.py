"""What a trace must not read: clocks, files, the network; refused where user code asks for them.

A constant that is read while tracing would be frozen into the graph. Calls of C functions are seen
by the profiling hook of this thread; clocks of pandas, which are no such calls, by the names that
user code loads, instruction by instruction, in the few functions that mention them.
"""

import dis
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any, Final

from preproc.export.tracing.refusal import is_library, place_of
from preproc.export.tracing.tracer import Tracer

_CLOCK: Final = (
    "a clock is no input: the answer would depend on when it is asked; pass the time as a column, "
    "such as as_of, and subtract that"
)
_FILES: Final = "expected data and fitted attributes, got a file or a connection; read it in fit()"
_CLOCK_NAMES: Final = frozenset(["now", "today", "utcnow"])
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
    """Refuse clocks and input while the block runs in this thread."""
    profile, trace = sys.getprofile(), sys.gettrace()
    sys.setprofile(_profiler(tracer))
    sys.settrace(_tracer(tracer))
    try:
        yield
    finally:
        sys.settrace(trace)
        # A profiler in C is no function that could be set again.
        sys.setprofile(profile if callable(profile) else None)


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
        if event != "c_call":
            return
        problem = _problem_of(function)
        if problem and not frame.f_code.co_filename.endswith(_OWN_READS):
            sys.setprofile(None)
            is_ours = is_library(frame.f_code.co_filename)
            tracer.refuse(problem, None if is_ours else place_of(frame))

    return seen


def _problem_of(function: Any) -> str:
    name, owner = getattr(function, "__name__", ""), getattr(function, "__self__", None)
    if name in _CLOCK_NAMES and isinstance(owner, type) and issubclass(owner, date):
        return _CLOCK
    if getattr(owner, "__name__", "") in _CLOCK_MODULES and name not in ("sleep", "strptime"):
        return _CLOCK
    is_open = name in ("open", "urandom") and getattr(owner, "__name__", "") in (
        "_io",
        "io",
        "posix",
    )
    is_socket = type(owner).__name__ in ("socket", "_socket.socket")
    return _FILES if is_open or is_socket else ""


def _tracer(tracer: Tracer) -> Callable[[FrameType, str, Any], Any]:
    def on_instruction(frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "opcode" and frame.f_lasti in _suspicious(frame.f_code):
            sys.settrace(None)
            tracer.refuse(_CLOCK, place_of(frame))
        return on_instruction

    def on_call(frame: FrameType, event: str, _argument: Any) -> Any:
        if event != "call" or is_library(frame.f_code.co_filename):
            return None
        if not _suspicious(frame.f_code):
            return None
        frame.f_trace_opcodes = True
        return on_instruction

    return on_call


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
        is_word = isinstance(instruction.argval, str) and instruction.argval in ("now", "today")
        if has_parser and instruction.opname == "LOAD_CONST" and is_word:
            found.add(instruction.offset)
    return frozenset(found)
