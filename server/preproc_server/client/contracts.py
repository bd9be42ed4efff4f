"""The contracts that a client knows: read from a model's metadata, kept, renewed."""

import json
from dataclasses import dataclass
from threading import Lock
from typing import Final

from grpc import StatusCode

from preproc.artifact import CONTRACT_KEY
from preproc.contract import Contract, contract_from_json
from preproc.interface import contract_digest
from preproc.signature import Signature
from preproc_server.client.errors import ServerError
from preproc_server.pb import open_inference_pb2 as pb

FRESH_S: Final = 1.0
"""Age up to which a contract holds: a batch that does not match it is refused without a call."""
DIGEST_PARAMETER: Final = "contract_digest"
"""Name in request and response."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a client knows of a model.

    Attributes
    ----------
    contract
        As the server gave it.
    digest
        Of what a caller relies on; an answer under another one is told by it.
    """

    contract: Contract
    digest: str

    @property
    def signature(self) -> Signature:
        """Columns, outputs and rules."""
        return self.contract.signature


class Contracts:
    """The contracts that a client knows, by model and version as asked for; for many threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[tuple[str, str], Known] = {}
        self._asked_s: dict[tuple[str, str], float] = {}

    def find(self, model: str, version: str) -> Known | None:
        """Look one up."""
        with self._lock:
            return self._known.get((model, version))

    def is_fresh(self, model: str, version: str, now_s: float) -> bool:
        """Whether one was asked for so shortly before that it need not be asked for again."""
        with self._lock:
            asked_s = self._asked_s.get((model, version))
            return asked_s is not None and now_s - asked_s < FRESH_S

    def keep(self, model: str, version: str, found: Known, asked_s: float) -> Known:
        """Note one and give it, or the equal one that is known already."""
        with self._lock:
            self._asked_s[model, version] = asked_s
            known = self._known.get((model, version))
            if known != found:
                self._known[model, version] = known = found
            return known

    def forget(self, model: str, version: str) -> None:
        """Ask again next time."""
        with self._lock:
            self._known.pop((model, version), None)


def known_of(response: pb.ModelMetadataResponse) -> Known:
    """Read the contract that a model's metadata bring along.

    Raises
    ------
    ServerError
        When there is none.
    ArtifactError
        When its format is another.
    """
    model = response.name
    if CONTRACT_KEY not in response.properties:
        raise ServerError(
            StatusCode.UNIMPLEMENTED,
            f"model {model!r}: expected property {CONTRACT_KEY!r} in its metadata, got "
            "none; is it served by preproc?",
        )
    data = json.loads(response.properties[CONTRACT_KEY])
    contract = contract_from_json(data, f"model {model!r}")
    return Known(contract, contract_digest(contract))


def is_other_contract(response: pb.ModelInferResponse, known: Known) -> bool:
    """Whether an answer says that it was made under another contract."""
    if DIGEST_PARAMETER not in response.parameters:
        return False
    return response.parameters[DIGEST_PARAMETER].string_param != known.digest
