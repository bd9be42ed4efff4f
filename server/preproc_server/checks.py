"""Replays the golden vectors of what is served, while it is served."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from preproc.errors import PreprocError
from preproc_server.loading import UNPROVED, Gate, Model

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of replaying the golden vectors of one version.

    Attributes
    ----------
    name, version
        Of the model.
    is_pass
        Whether all answers are within the certificate's bounds.
    reason
        Why not; for a plain ONNX model, that there is nothing to compare.
    seconds
        Time that it took.
    """

    name: str
    version: int
    is_pass: bool
    reason: str
    seconds: float


def check_model(model: Model, gate: Gate, clock: Callable[[], float]) -> Check:
    """Replay the golden vectors of one version; whatever the gate raises is a failure."""
    started = clock()
    reason = "" if model.is_proved else UNPROVED
    if model.is_proved:
        try:
            gate(model.session, model.artifact)
        except PreprocError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001  # whatever breaks it, it has not passed
            _LOG.exception("model %r version %d: its check broke", model.name, model.version)
            reason = repr(error)
    return Check(model.name, model.version, not reason, reason, clock() - started)
