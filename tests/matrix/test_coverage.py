"""The page says what the matrix says."""

import re
from collections import Counter
from typing import Final

from tests.matrix.coverage import PAGE, cases, labels
from tests.matrix.listed import SIZES, listed, table_of

ROWS: Final = re.findall(
    r"^\| (.*) \| (.*) \| ((?:bitwise|bounded|refused)[^|]*) \|", PAGE.read_text(), re.MULTILINE
)
STATUSES: Final = {(name, data): status for name, data, status in ROWS}
MUST_BE_EXACT: Final = 310
MUST_BE_EQUAL: Final = 240


def test_the_page_lists_every_case_with_what_the_matrix_expects() -> None:
    wanted = [(case.name, case.data, case.expect) for _, case in cases()]
    wanted += [(encoder, name, "bitwise") for encoder, name in labels()]
    assert [(name, data, status.partition(",")[0]) for name, data, status in ROWS] == wanted


def test_names_are_unique() -> None:
    names = [(case.name, case.data) for _, case in cases()]
    assert len(names) == len(set(names))


def test_the_list_is_complete() -> None:
    assert Counter(entry.group for entry in listed()) == SIZES


def test_the_page_counts_the_list_from_its_own_rows() -> None:
    table = table_of(STATUSES)
    assert table in PAGE.read_text()
    whole = [int(cell) for cell in table.splitlines()[-1].split("|")[2:-1]]
    count, bitwise, equal, exact, _, wrong = whole
    assert count == sum(SIZES.values())
    assert bitwise + equal + exact >= MUST_BE_EXACT
    assert bitwise + equal >= MUST_BE_EQUAL
    assert not wrong


def test_a_flipped_label_is_counted_as_wrong() -> None:
    at = next(entry.case for entry in listed() if entry.group == "gbm")
    assert at is not None
    spoiled = table_of({**STATUSES, at: "bounded, 100 % equal, 1 label flips"})
    assert spoiled.splitlines()[-1].endswith("| 1 |")
