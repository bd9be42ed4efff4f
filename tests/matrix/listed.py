"""The list of estimators that exporters were first compared on, and where the matrix has each.

Its groups of text and of one's own functions are left out: these are no estimators of numbers.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_suffix(".txt")
SIZES: Final[Mapping[str, int]] = {
    "scale": 21, "power": 8, "bins": 16, "poly": 4, "onehot": 28, "ordinal": 15, "target": 7,
    "label": 6, "impute": 22, "select": 10, "decomp": 29, "compose": 21, "clf": 49, "tree": 28,
    "reg": 28, "outlier": 4, "gbm": 8, "pipeline": 23,
}  # fmt: skip
"""Group → how many it has."""
KINDS: Final = ("bitwise", "equal", "exact", "refused", "wrong")


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry.

    Attributes
    ----------
    group, name
        As the list has them.
    case
        Name and data of the case of the matrix, None where the kind as a whole is not there yet.
    """

    group: str
    name: str
    case: tuple[str, str] | None


def listed() -> Iterator[Listed]:
    """Read the list."""
    group = ""
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            group = line.strip("[]")
        elif line and not line.startswith("#"):
            name, case = line.split(" = ", 1)
            case, _, data = case.rpartition(" @ ")
            yield Listed(group, name, (case, data) if case else None)


def kind_of(status: str) -> str:
    """Put what the page says of a case in one word of `KINDS`."""
    if "flips" in status:
        return "wrong"
    if status.startswith("bounded"):
        return "equal" if ", 100 % equal" in status else "exact"
    return status


def table_of(statuses: Mapping[tuple[str, str], str]) -> str:
    """Count the list by group; statuses are of name and data of a case, as the page has them."""
    counts: dict[str, Counter[str]] = {}
    for entry in listed():
        kind = "refused" if entry.case is None else kind_of(statuses[entry.case])
        counts.setdefault(entry.group, Counter())[kind] += 1
    counts["all"] = sum(counts.values(), Counter())
    titles = ["Group", "Cases", *(kind.title() for kind in KINDS)]
    lines = ["| " + " | ".join(titles) + " |\n", "|---" * len(titles) + "|\n"]
    for group, found in counts.items():
        cells = [group, found.total(), *(found[kind] for kind in KINDS)]
        lines.append("| " + " | ".join(map(str, cells)) + " |\n")
    return "".join(lines)
