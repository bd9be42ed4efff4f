"""Another version as the witness: its graph answers the same rows."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import onnx
from numpy.typing import NDArray

from preproc.artifact import Artifact
from preproc.runtime import prove
from preproc.runtime.session import session_of
from preproc.signature import ROW_ERROR, Output
from preproc.testimony import Divergence, Testimony


class VersionWitness:
    """A version that answers what another one has answered; a context manager.

    Parameters
    ----------
    artifact
        As read from its folder, graph and all.

    Raises
    ------
    ParityError
        When it does not give its own golden answers here.
    """

    def __init__(self, artifact: Artifact) -> None:
        model = onnx.ModelProto.FromString(artifact.model)
        self._session = session_of(artifact.contract, model, mode=artifact.contract.mode)
        prove(self._session, artifact)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def ask(self, inputs: Mapping[str, NDArray[Any]], is_refused: NDArray[np.bool_]) -> Testimony:
        """Answer rows.

        Raises
        ------
        SignatureError
            When this version takes other columns than the one that served.
        """
        answers = self._session.run_prepared(self._session.pack(inputs))
        refused = answers[ROW_ERROR] != 0
        return Testimony(answers, refused, np.ones(len(is_refused), bool))

    def is_undecided(
        self, _: Output, __: Mapping[str, NDArray[Any]], want: NDArray[Any]
    ) -> NDArray[np.bool_]:
        """Excuse nothing: both versions are graphs, which round alike."""
        return np.zeros(len(want), bool)

    def diverge(self, _: Mapping[str, NDArray[Any]]) -> Divergence | None:
        """Tell nothing: two versions have steps of their own; see ``preproc diff``."""
        return None
