"""What a caller relies on in a contract: its digest, and how two of them differ.

Left out are domains, rules, libraries and the graph, which each training changes: a caller need
not be built anew for them. What the label means is part, since an answer means something else.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from preproc.contract import Contract

_COLUMN: Final = ("dtype", "null", "width", "freshness")
_OUTPUT: Final = ("role", "dtype", "width", "names", "target")


def interface_of(contract: Contract) -> dict[str, Any]:
    """Give what a caller relies on as plain JSON data."""
    signature = contract.signature
    return {
        "kind": signature.kind,
        "label": contract.label,
        "columns": {
            column.name: {key: getattr(column, key) for key in _COLUMN}
            for column in signature.columns
        },
        "outputs": {
            output.name: {key: getattr(output, key) for key in _OUTPUT}
            for output in signature.outputs
        },
    }


def contract_digest(contract: Contract) -> str:
    """SHA-256 of what a caller relies on, hexadecimal; the order of columns is no part of it."""
    text = json.dumps(interface_of(contract), sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def differences(old: Contract, new: Contract) -> tuple[str, ...]:
    """Tell in words where two contracts differ for a caller, columns first."""
    was, now = interface_of(old), interface_of(new)
    found = [
        line
        for kind in ("columns", "outputs")
        for line in _differences(kind.removesuffix("s"), was[kind], now[kind])
    ]
    found += [
        f"{key}: {was[key]!r} became {now[key]!r}"
        for key in ("kind", "label")
        if was[key] != now[key]
    ]
    return tuple(found)


def _differences(
    kind: str, was: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    lines = [f"{kind} {name!r}: removed" for name in was if name not in now]
    lines += [f"{kind} {name!r}: added" for name in now if name not in was]
    for name in was:
        for key, value in was[name].items():
            if name in now and now[name][key] != value:
                lines.append(f"{kind} {name!r}: {key} {value!r} became {now[name][key]!r}")
    return lines
