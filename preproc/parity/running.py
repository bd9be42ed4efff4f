"""Golden rows through backends, in every setting and batch size; nothing is judged here."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from time import perf_counter
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.artifact import Artifact
from preproc.contract import Mode
from preproc.errors import BackendAbsent, BackendError, ParityError
from preproc.parity.recording import WHOLE, Batch, Recording, Setting, Trial, Unrun
from preproc.parity.settings import calls_of, cut, settings_of, sizes_of
from preproc.runtime import DEFAULT_BACKEND, Prepared, Session
from preproc.runtime.backends import backend_of
from preproc.runtime.building import session_of
from preproc.runtime.gate import evidence_of
from preproc.runtime.layout import matrices_of
from preproc.vectors import VectorSet

Opener = Callable[[Artifact, Setting], Session]
"""Opens a session of an artifact in a setting."""


def record(
    artifact: Artifact,
    backends: Sequence[str],
    *,
    mode: Mode = "exact",
    sizes: Sequence[str] | None = None,
    every_setting: bool = True,
    opener: Opener | None = None,
    progress: Callable[[str, int, int], None] = lambda _name, _done, _of: None,
) -> Recording:
    """Run the golden rows of an artifact on each backend.

    Parameters
    ----------
    artifact
        As read.
    backends
        Names from `preproc.runtime.BACKENDS`.
    mode
        Form of the graph; ``fast`` runs on its own rows and bounds.
    sizes
        Rows a call, by default those of `sizes_of`; ``whole`` is always among them.
    every_setting
        Whether to try each setting of a backend, or only the one that serves.
    opener
        Opens a session, by default on the backend that the setting names.
    progress
        Called with a setting in words, how many are done, and of how many, before each.

    Returns
    -------
    Recording
        With what could not run among `unrun`: never is another backend used instead.

    Raises
    ------
    ParityError
        When no backend is named, or the artifact holds no golden rows.
    BackendError
        When a name is none of a backend.
    """
    if not backends:
        raise ParityError("nothing to compare: no backend was named")
    if opener is None:
        for backend in backends:
            backend_of(backend)
    sets, _ = evidence_of(artifact, mode)
    if not sets:
        raise ParityError("nothing to compare: the artifact holds no golden vectors")
    settings = [
        setting
        for backend in dict.fromkeys(backends)
        for setting in settings_of(backend, mode)[: None if every_setting else 1]
    ]
    trials: list[Trial] = []
    unrun: list[Unrun] = []
    for done, setting in enumerate(settings):
        if any(setting.backend == one.backend for one in unrun):
            continue
        progress(str(setting), done, len(settings))
        try:
            wanted = sizes_of(setting.backend) if sizes is None else sizes
            trials.append(_trial(artifact, setting, sets, wanted, opener or open_setting))
        except BackendAbsent as error:
            unrun.append(Unrun(setting.backend, str(error)))
        except BackendError as error:
            unrun.append(Unrun(setting.backend, str(error), "refused"))
    return Recording(
        artifact.digest,
        artifact.contract,
        artifact.certificate,
        tuple(sets),
        tuple(trials),
        tuple(unrun),
    )


def open_setting(artifact: Artifact, setting: Setting) -> Session:
    """Open a session of an artifact in a setting.

    Raises
    ------
    BackendError
        When the backend is absent, or cannot run the graph.
    """
    extra = {"profile": True} if setting.backend == DEFAULT_BACKEND else {}
    return session_of(
        artifact.contract,
        onnx.ModelProto.FromString(artifact.model),
        backend=setting.backend,
        mode=setting.mode,
        options={**setting.options, **extra},
    )


def _trial(
    artifact: Artifact,
    setting: Setting,
    sets: Sequence[VectorSet],
    sizes: Sequence[str],
    opener: Opener,
) -> Trial:
    with ExitStack() as stack:
        session = stack.enter_context(opener(artifact, setting))
        start = perf_counter()
        most = calls_of(setting.backend)
        batches = tuple(
            _batch(session, vectors, size, cut(vectors.rows, size, most))
            for vectors in sets
            for size in dict.fromkeys((WHOLE, *sizes))
        )
        seconds = perf_counter() - start
        return Trial(
            setting,
            dict(session.environment()),
            tuple(session.placement()),
            batches,
            seconds,
            session.dtype,
            session.form,
            {one.name: session.slack(session.pack(one.inputs)) for one in sets},
            session.own_rule,
        )


def _batch(
    session: Session, vectors: VectorSet, size: str, calls: Sequence[NDArray[np.int64]]
) -> Batch:
    rows = np.concatenate(calls)
    try:
        answers = _joined(_answers(session, vectors, calls))
    except Exception as error:  # noqa: BLE001  # each runtime raises its own kinds; all are judged
        return Batch(vectors.name, size, rows, {}, f"{type(error).__name__}: {error}")
    return Batch(vectors.name, size, rows, answers)


def _answers(
    session: Session, vectors: VectorSet, calls: Sequence[NDArray[np.int64]]
) -> Iterator[Mapping[str, NDArray[Any]]]:
    for rows in calls:
        columns = {name: values[rows] for name, values in vectors.inputs.items()}
        if rows.size:
            yield session.run_prepared(session.pack(columns))
        else:  # a request without rows is refused at the door; the graph itself takes it
            feeds = matrices_of(columns, session.layout, 0)
            yield session.run_prepared(Prepared(0, feeds))


def _joined(answers: Iterator[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    parts = list(answers)
    return {
        name: np.concatenate([part[name] for part in parts], dtype=first.dtype, casting="no")
        for name, first in parts[0].items()
    }
