"""Whether caller and model agree on a contract, told by the digest that a request brings."""

from collections.abc import Callable, Mapping
from typing import Final

from preproc.contract import Contract
from preproc.interface import differences
from preproc.wording import counted
from preproc_server.door import Door, Policy
from preproc_server.errors import ContractError

_SHOWN_CHANGES: Final = 10


def check_digest(
    door: Door, policy: Policy, given: str, known: Callable[[], Mapping[str, Contract]]
) -> bool:
    """Hold the digest that a caller was built for against the one served.

    Parameters
    ----------
    door, policy
        Of the model and of the server.
    given
        By the caller, may be empty.
    known
        Asked when they differ: digest → contract, of the model's versions in the repository.

    Returns
    -------
    bool
        Whether the caller told one.

    Raises
    ------
    ContractError
        When it is another, with the differences where both are known; or when it is empty and the
        policy asks for one.
    """
    if given == door.digest:
        return True
    if given:
        raise ContractError(_change(given, door.digest, known()))
    if policy.empty_digest == "refuse":
        raise ContractError(
            f"contract_digest: expected {door.digest}, got none; build the caller from the "
            "contract served and send its digest"
        )
    return False


def _change(given: str, served: str, known: Mapping[str, Contract]) -> str:
    """Word how the contract that a caller knows differs from the one served."""
    head = f"contract_digest: expected {served}, got {given}"
    if given not in known or served not in known:
        return f"{head}; no version here has it, so the columns cannot be compared"
    found = differences(known[given], known[served])
    shown = "; ".join(found[:_SHOWN_CHANGES])
    rest = len(found) - _SHOWN_CHANGES
    return f"{head}; since then {shown}" + (
        f"; and {counted(rest, 'more change')}" if rest > 0 else ""
    )
