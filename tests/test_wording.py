"""How messages count."""

import pytest

from preproc.wording import counted


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (0, "row", "0 rows"),
        (1, "row", "1 row"),
        (11, "row", "11 rows"),
        ("1", "day", "1 day"),
        ("1.5", "day", "1.5 days"),
        ("1,001", "more row", "1,001 more rows"),
    ],
)
def test_one_is_counted_without_an_s(number: int | str, noun: str, said: str) -> None:
    assert counted(number, noun) == said
