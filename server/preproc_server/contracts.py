"""Contracts by their digest: of what is served, and of other versions in the folder.

Why the folder: a caller built for the version before is the usual case, and that one is mostly no
longer in memory. It is read when a caller names a digest that is not served, once a generation.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from preproc.artifact import read_contract
from preproc.contract import Contract
from preproc.errors import PreprocError
from preproc.interface import contract_digest
from preproc_server.state import Entry, Snapshot

MAX_VERSIONS: Final = 16
"""How many versions of a name are read, the latest first."""


class Contracts:
    """What is known of contracts; safe to call from several threads.

    Parameters
    ----------
    index
        Lists all versions in memory and in the folder.
    """

    def __init__(self, index: Callable[[], Sequence[Entry]]) -> None:
        self._index = index
        self._served: Snapshot = {}
        self._found: dict[str, Mapping[str, Contract]] = {}

    def follow(self, served: Snapshot) -> None:
        """Forget what was read, since versions came or went."""
        self._served, self._found = served, {}

    def of(self, name: str) -> Mapping[str, Contract]:
        """Give the contracts of a model: digest → contract."""
        known, served = self._found, self._served  # a later generation has another mapping
        found = known.get(name)
        if found is None:
            entries = [entry for entry in self._index() if entry.name == name]
            read = [_read(entry) for entry in entries[-MAX_VERSIONS:]]
            models = served.get(name, {}).values()
            contracts = [model.artifact.contract for model in models]
            contracts += [contract for contract in read if contract is not None]
            found = {contract_digest(contract): contract for contract in contracts}
            known[name] = found
        return found


def _read(entry: Entry) -> Contract | None:
    """Read the contract of a version; one that cannot be read is not known."""
    try:
        return read_contract(entry.path)
    except PreprocError:
        return None
