"""Runs an artifact, by ONNX Runtime or another executor, and proves it before it serves."""

from preproc.runtime.backends import BACKENDS, opener_of
from preproc.runtime.executor import Executor, Placed
from preproc.runtime.gate import Verdict, judge, prove, replay
from preproc.runtime.opening import DEFAULT_BACKEND, open_session
from preproc.runtime.session import Prepared, Session

__all__ = [
    "BACKENDS",
    "DEFAULT_BACKEND",
    "Executor",
    "Placed",
    "Prepared",
    "Session",
    "Verdict",
    "judge",
    "open_session",
    "opener_of",
    "prove",
    "replay",
]
