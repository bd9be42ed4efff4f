"""The page says what the matrix says."""

import re

from tests.matrix.coverage import PAGE, cases


def test_the_page_lists_every_case_with_what_the_matrix_expects() -> None:
    rows = re.findall(
        r"^\| (.*) \| (.*) \| (bitwise|bounded|refused)[^|]* \|", PAGE.read_text(), re.MULTILINE
    )
    assert rows == [(case.name, case.data, case.expect) for _, case in cases()]


def test_names_are_unique() -> None:
    names = [(case.name, case.data) for _, case in cases()]
    assert len(names) == len(set(names))
