"""Names of columns and models → names that a generated service can have.

Why here: the exporter refuses names that no service could tell apart, long before a server would.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from preproc.errors import ArtifactError
from preproc.signature import Column

API_VERSION: Final = "v1"
RESERVED_NUMBERS: Final = range(19000, 20000)
"""Numbers that protobuf keeps to itself."""
MAX_NUMBER: Final = 2**29 - 1
OWN_PACKAGES: Final = frozenset({"preproc", "inference", "grpc", "google"})
"""First parts of packages that a server has already."""
STATUS: Final = "status"
EVENT_TIME: Final = "event_time"
COMPANIONS: Final[Mapping[str, str]] = {STATUS: "_status", EVENT_TIME: "_event_time_ms"}
"""What may come along with a looked-up value → ending of its field."""

_FOREIGN: Final = re.compile(r"[^A-Za-z0-9_]")
_SMALL: Final = re.compile(r"_+([A-Za-z0-9]?)")
_WORD: Final = re.compile(r"[A-Za-z0-9]+")


def field_name(name: str) -> str:
    """Make an identifier of a column's name; one that is an identifier stays as it is.

    ASCII signs become ``_``, other letters their code, so that foreign names differ as before.
    """
    plain = _FOREIGN.sub(_replacement, name)
    return plain if plain and not plain[0].isdigit() else f"c_{plain}"


def json_name(field: str) -> str:
    """Give the name that protobuf's JSON would use for a field: ``wind_speed`` → ``windSpeed``."""
    return _SMALL.sub(lambda found: found.group(1).upper(), field)


def package_name(model: str) -> str:
    """Name the package of a model's service: ``flight_delay.v1``."""
    return f"{field_name(model).lower()}.{API_VERSION}"


def service_name(model: str) -> str:
    """Name the service of a model: ``FlightDelay``."""
    words = _WORD.findall(field_name(model))
    return "".join(word[0].upper() + word[1:] for word in words) or "Model"


def companion(column: str, kind: str) -> str:
    """Name what comes along with a looked-up value: ``income.status``."""
    return f"{column}.{kind}"


def wire_names(columns: Sequence[Column]) -> dict[str, str]:
    """Give the field of each column, and of what may come along with it.

    Returns
    -------
    dict
        Name on the wire, such as ``wind speed`` or ``income.status`` → field.

    Raises
    ------
    ArtifactError
        When two names would have one field, or one name in JSON.
    """
    names: dict[str, str] = {}
    for column in columns:
        field = field_name(column.name)
        wanted = [(column.name, field)]
        if column.freshness is not None:
            wanted += [
                (companion(column.name, kind), field + end) for kind, end in COMPANIONS.items()
            ]
        for name, given in wanted:
            if name in names:
                raise _collision(name, name, given)
            names[name] = given
    seen: dict[str, str] = {}
    for name, field in names.items():
        other = seen.setdefault(json_name(field), name)
        if other != name:
            raise _collision(other, name, field)
    return names


def wire_numbers(known: Mapping[str, int], names: Sequence[str]) -> dict[str, int]:
    """Give each name its field number; those that are known stay, and none is used again."""
    numbers = dict(known)
    highest = max(numbers.values(), default=0)
    for name in names:
        if name not in numbers:
            highest += 1
            if highest in RESERVED_NUMBERS:
                highest = RESERVED_NUMBERS.stop
            numbers[name] = highest
    return numbers


def _replacement(found: re.Match[str]) -> str:
    letter = found.group()
    return "_" if letter.isascii() else f"u{ord(letter):04x}"


def _collision(first: str, second: str, field: str) -> ArtifactError:
    return ArtifactError(
        "contract.json",
        f"expected columns that differ as fields of a service, got {first!r} and {second!r}, "
        f"both {field!r}; rename one",
    )
