"""One version of a model: read, opened and proved."""

import json
import logging
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from preproc.artifact import Artifact, read_artifact
from preproc.contract import contract_to_json
from preproc.errors import ArtifactError
from preproc.runtime import Prepared, Session, open_session
from preproc.runtime.backends import backend_of
from preproc_server.batches import Pace, is_each_row_alone, joined, split
from preproc_server.door import Door, door_of
from preproc_server.plan import Plan, plan_of
from preproc_server.reading import Reader
from preproc_server.replies import Replies

_LOG: Final = logging.getLogger(__name__)

Gate = Callable[[Session, Artifact], object]
"""Raises when a session does not reproduce the golden vectors of its artifact."""

Answers = Mapping[str, NDArray[Any]]


def ignore(model: "Model", prepared: Prepared, answers: Answers) -> None:
    """Hear of an answer and do nothing."""


UNPROVED: Final = "a plain ONNX model: there are no golden vectors to compare with"

Observe = Callable[["Model", Prepared, Answers], None]
"""Hears of each answer; neither waits nor raises."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Model:
    """One version, loaded; its session is closed when the last reference goes.

    So a version that leaves the repository stays whole for the calls that hold it.

    Attributes
    ----------
    name, version
        Where it stands in the repository.
    session
        Runs its graph; called from several threads.
    plan
        How requests are read.
    contract
        As JSON text.
    digest
        SHA-256 of the artifact, hexadecimal.
    artifact
        Contract, golden vectors and certificate, without the graph.
    door
        What is checked of each batch beyond dtypes and shapes.
    reader
        Reads usual requests.
    is_proved
        Whether its golden vectors passed in this process; false for a plain ONNX model.
    observe
        Told of each answer of `run`.
    device
        What computes, as the backend calls it.
    replies
        Write usual answers.
    pace
        How long its rows take.
    is_joinable
        Whether rows of several calls may be computed at once: each was seen to get the bits that
        it gets alone.
    """

    name: str
    version: int
    session: Session
    plan: Plan
    contract: str
    digest: str
    artifact: Artifact
    door: Door
    reader: Reader
    is_proved: bool = True
    observe: Observe = ignore
    device: str = ""
    replies: Replies = field(default_factory=Replies)
    pace: Pace = field(default_factory=Pace)
    is_joinable: bool = False

    def expected_ns(self, rows: int) -> float:
        """Tell how long so many rows may take, nanoseconds; infinite where that is not known."""
        waits = self.session.form == "halves"  # for a device, which the processor's time leaves out
        return inf if waits else self.pace.expected_ns(rows)

    def run(self, prepared: Prepared) -> Answers:
        """Compute all outputs, ``row_error`` among them, and tell the observer."""
        clock = self.pace.clock(prepared.rows)
        started_ns = clock()
        answers = self.session.run_prepared(prepared)
        self.pace.note(prepared.rows, clock() - started_ns)
        self.observe(self, prepared, answers)
        return answers

    def run_joined(self, batches: Sequence[Prepared]) -> Sequence[Answers]:
        """Compute several batches as one, each with the answers that it has alone."""
        whole = joined(batches)
        clock = self.pace.clock(whole.rows)
        started_ns = clock()
        answers = split(self.session.run_prepared(whole), batches)
        self.pace.note(whole.rows, clock() - started_ns)
        for prepared, found in zip(batches, answers, strict=True):
            self.observe(self, prepared, found)
        return answers


def is_plain(folder: Path) -> bool:
    """Whether a folder holds a graph and no contract."""
    return (folder / "model.onnx").is_file() and not (folder / "contract.json").exists()


def load(
    name: str,
    version: int,
    path: Path,
    *,
    backend: str,
    gate: Gate,
    observe: Observe = ignore,
) -> Model:
    """Read, open and prove one version.

    Raises
    ------
    PreprocError
        When the folder is broken, the backend cannot run it, or the gate objects.
    """
    artifact = read_artifact(path)
    if artifact.contract.name != name:
        problem = f"expected a folder named {artifact.contract.name!r}, got {name!r}; rename it"
        raise ArtifactError(path, problem)
    in_halves = backend_of(backend).form == "halves"  # which are made of the exact graph
    mode = "exact" if in_halves else artifact.contract.mode
    apart = "onnx" not in sys.modules  # a server never needs it but to make a form
    session = open_session(path, backend=backend, mode=mode, verify=False, apart=apart)
    gate(session, artifact)
    return model_of(session, artifact, version, is_proved=True, observe=observe)


def model_of(
    session: Session, artifact: Artifact, version: int, *, is_proved: bool, observe: Observe
) -> Model:
    """Make a model of an open session, which it closes in the end."""
    name = artifact.contract.name
    plan = plan_of(name, session.signature, session.layout)
    model = Model(
        name,
        version,
        session,
        plan,
        json.dumps(contract_to_json(artifact.contract), allow_nan=False),
        artifact.digest,
        replace(artifact, model=b"", steps=()),
        door_of(artifact.contract, session.layout, artifact.profile),
        Reader(plan),
        is_proved,
        observe,
        session.device,
        is_joinable=is_proved and is_each_row_alone(session, artifact),
    )
    weakref.finalize(model, _close, session, f"model {name!r} version {version}").atexit = False
    return model


def _close(session: Session, title: str) -> None:
    """Close a session; what it raises goes to the log, since no caller is left."""
    try:
        session.close()
    except Exception:  # noqa: BLE001  # no caller is left
        _LOG.exception("%s: its session cannot be closed", title)
    else:
        _LOG.debug("%s is closed", title)
