"""What of each column may be written down: keep, drop, hmac, bin or truncate.

A policy is a small file of TOML or JSON::

    default = "keep"

    [columns]
    street = "hmac"
    note = "drop"
    income = { action = "bin", edges = [0, 20000, 50000] }
    city = { action = "truncate", characters = 3 }
    age = { action = "truncate", unit = 10 }

    [outputs]
    features = "drop"

Nulls of text stay what they are, since their share is watched; nothing else of a value passes.
"""

import hmac
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from preproc.errors import LogError
from preproc.signature import NULL_TOKENS, Column, Signature
from preproc.skew.record import Head

Action = Literal["keep", "drop", "hmac", "bin", "truncate"]
ACTIONS: Final = ("keep", "drop", "hmac", "bin", "truncate")
OUTPUT_ACTIONS: Final = ("keep", "drop")
MIN_KEY_BYTES: Final = 16
"""Length of a key that nobody guesses: 128 bits."""
_HEX: Final = 32
_TOKENS: Final = frozenset(NULL_TOKENS.values())


@dataclass(frozen=True, slots=True)
class Treatment:
    """What is done to the values of one column.

    Attributes
    ----------
    action
        One of `ACTIONS`.
    edges
        Of bins, ascending: a value becomes the number of edges that it has reached.
    characters
        How many of a text are left.
    unit
        What a number is rounded down to multiples of.
    """

    action: Action = "keep"
    edges: tuple[float, ...] = ()
    characters: int = 0
    unit: float = 0.0

    @property
    def is_whole(self) -> bool:
        """Whether the values are written as they came."""
        return self.action == "keep"


KEPT: Final = Treatment()


@dataclass(frozen=True, slots=True)
class Privacy:
    """What is done to all columns.

    Attributes
    ----------
    default
        Of columns that are not named.
    columns, outputs
        Name → treatment.
    keys
        Of HMAC: the first one writes, the others are known from before.
    """

    default: Treatment = KEPT
    columns: Mapping[str, Treatment] = field(default_factory=dict)
    outputs: Mapping[str, Treatment] = field(default_factory=dict)
    keys: tuple[bytes, ...] = field(default=(), repr=False)

    def of_column(self, name: str) -> Treatment:
        """Find the treatment of a column."""
        return self.columns.get(name, self.default)

    def of_output(self, name: str) -> Treatment:
        """Find the treatment of an output."""
        return self.outputs.get(name, KEPT)


def read_privacy(path: Path | None, keys: str = "") -> Privacy:
    """Read a policy.

    Parameters
    ----------
    path
        ``.toml`` or ``.json``; None keeps everything.
    keys
        Keys of HMAC, separated by commas, the newest first.

    Raises
    ------
    LogError
        When the file is missing or says what no policy can be.
    """
    secrets = tuple(key.strip().encode() for key in keys.split(",") if key.strip())
    if any(len(key) < MIN_KEY_BYTES for key in secrets):
        raise LogError(f"hmac key: expected at least {MIN_KEY_BYTES} bytes, got a shorter one")
    if path is None:
        return Privacy(keys=secrets)
    data = _parsed(path)
    unknown = sorted(set(data) - {"default", "columns", "outputs"})
    if unknown:
        raise LogError(
            f"policy {str(path)!r}: expected 'default', 'columns' and 'outputs', got {unknown}"
        )
    where = f"policy {str(path)!r}"
    privacy = Privacy(
        _treatment(f"{where}, default", data.get("default", "keep"), ACTIONS),
        _table(where, "columns", data, ACTIONS),
        _table(where, "outputs", data, OUTPUT_ACTIONS),
        secrets,
    )
    used = [privacy.default, *privacy.columns.values()]
    if not secrets and any(treatment.action == "hmac" for treatment in used):
        raise LogError(f"{where}: expected a key for 'hmac', got none; set PREPROC_LOG_HMAC_KEY")
    return privacy


def check_privacy(privacy: Privacy, signatures: Sequence[Signature], *, key: str = "") -> None:
    """Hold a policy against the columns that there are, so that no slip of a name tells a secret.

    Parameters
    ----------
    privacy
        To be checked.
    signatures
        Of all models that the log will hold.
    key
        Column by which rows are sampled and deleted, empty for the id of the request.

    Raises
    ------
    LogError
        For a name that no model has, and for what cannot be done to a column.
    """
    columns = {column.name: column for one in signatures for column in one.columns}
    outputs = {output.name for one in signatures for output in one.outputs}
    for kind, named, known in (
        ("column", privacy.columns, set(columns)),
        ("output", privacy.outputs, outputs),
    ):
        for name in named:
            if name not in known:
                close = get_close_matches(name, known, 1)
                guess = f", did you mean {close[0]!r}?" if close else ""
                raise LogError(f"policy: expected a {kind} of a model, got {name!r}{guess}")
    for column in columns.values():
        _check_possible(column, privacy.of_column(column.name))
    if key and key not in columns:
        raise LogError(f"log key: expected a column of a model, got {key!r}")
    if key and privacy.of_column(key).action not in {"keep", "hmac"}:
        action = privacy.of_column(key).action
        raise LogError(f"log key {key!r}: expected 'keep' or 'hmac' as its policy, got {action!r}")


def treated(
    column: Column, values: NDArray[Any], privacy: Privacy, treatment: Treatment
) -> NDArray[Any] | None:
    """Change the values of a column, (n,) or (n, width), as the policy wants; None for nothing."""
    if treatment.action == "keep":
        return values
    if treatment.action == "drop":
        return None
    if treatment.action == "hmac":
        return _objects([_hashed(privacy.keys[0], column.name, cell) for cell in values.tolist()])
    if treatment.action == "bin":
        reached = np.searchsorted(np.array(treatment.edges), values, side="right").astype(float)
        reached[np.isnan(values.astype(float))] = np.nan
        return reached
    if column.is_text:
        end = treatment.characters
        return _objects([cell if cell in _TOKENS else cell[:end] for cell in values.tolist()])
    cut: NDArray[np.float64] = np.floor(values.astype(float) / treatment.unit) * treatment.unit
    return cut


def key_texts(head: Head, value: str, privacy: Privacy) -> set[str]:
    """Give all forms in which the value of a log's key may stand in a file of a head.

    Raises
    ------
    LogError
        When the key is written as its HMAC and no key is known.
    """
    field = next((field for field in head.columns if field.name == head.key), None)
    if field is None or field.action == "keep":
        return {value}
    if not privacy.keys:
        raise LogError("hmac key: expected the one of the log, got none; set PREPROC_LOG_HMAC_KEY")
    return {_hashed(key, head.key, value) for key in privacy.keys}


def key_text(value: Any) -> str:
    """Write the value of a key column as text."""
    return value if isinstance(value, str) else repr(value)


def _hashed(key: bytes, column: str, cell: Any) -> str:
    """HMAC-SHA256 over name and value, under the key's own short name; text nulls stay."""
    if cell in _TOKENS:
        return str(cell)
    told = f"{column}\0{key_text(cell)}".encode("utf-8", "surrogatepass")
    name = sha256(key).hexdigest()[:4]
    return f"{name}:{hmac.digest(key, told, 'sha256').hex()[:_HEX]}"


def _check_possible(column: Column, treatment: Treatment) -> None:
    where = f"policy, column {column.name!r}"
    if column.width > 1 and treatment.action not in {"keep", "drop"}:
        raise LogError(
            f"{where}: expected 'keep' or 'drop' for {column.width} values a row, "
            f"got {treatment.action!r}"
        )
    if treatment.action == "bin" and column.is_text:
        raise LogError(f"{where}: expected numbers for 'bin', got text; use 'hmac' or 'truncate'")
    wanted = "characters" if column.is_text else "unit"
    if treatment.action == "truncate" and not getattr(treatment, wanted):
        raise LogError(f"{where}: expected {wanted!r} with 'truncate', got none")


def _parsed(path: Path) -> dict[str, Any]:
    if path.suffix not in {".toml", ".json"} or not path.is_file():
        got = "none" if path.suffix in {".toml", ".json"} else repr(path.suffix)
        raise LogError(f"policy {str(path)!r}: expected a .toml or .json file, got {got}")
    text = path.read_text(encoding="utf-8")
    try:
        data = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        raise LogError(f"policy {str(path)!r}: expected {path.suffix[1:]}: {error}") from error
    if not isinstance(data, dict):
        raise LogError(f"policy {str(path)!r}: expected a table, got {type(data).__name__}")
    return data


def _table(
    where: str, key: str, data: Mapping[str, Any], actions: Sequence[str]
) -> dict[str, Treatment]:
    told = data.get(key, {})
    if not isinstance(told, dict):
        raise LogError(f"{where}, {key}: expected a table, got {told!r}")
    return {
        name: _treatment(f"{where}, {key}.{name}", value, actions) for name, value in told.items()
    }


def _treatment(where: str, told: Any, actions: Sequence[str]) -> Treatment:
    terms = {"action": told} if isinstance(told, str) else told
    if not isinstance(terms, dict) or terms.get("action") not in actions:
        got = terms.get("action") if isinstance(terms, dict) else told
        raise LogError(f"{where}: expected one of {list(actions)}, got {got!r}")
    allowed = {"bin": {"edges"}, "truncate": {"characters", "unit"}}.get(terms["action"], set())
    strange = sorted(set(terms) - {"action"} - allowed)
    if strange:
        raise LogError(f"{where}: expected {sorted(allowed)} beside the action, got {strange}")
    edges = terms.get("edges", ())
    is_rising = isinstance(edges, list | tuple) and all(
        isinstance(edge, int | float) and not isinstance(edge, bool) for edge in edges
    )
    if (
        not is_rising
        or list(edges) != sorted(set(edges))
        or (terms["action"] == "bin" and not edges)
    ):
        raise LogError(f"{where}: expected rising edges, got {edges!r}")
    for name in ("characters", "unit"):
        value = terms.get(name, 1)
        if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
            raise LogError(f"{where}: expected {name} above 0, got {value!r}")
    return Treatment(
        terms["action"],
        tuple(map(float, edges)),
        int(terms.get("characters", 0)),
        float(terms.get("unit", 0)),
    )


def _objects(values: list[Any]) -> NDArray[Any]:
    array = np.empty(len(values), object)
    array[:] = values
    return array
