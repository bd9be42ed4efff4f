"""Times on the wire: int64 in the contract's unit, from rows as Python writes them."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from preproc_server.client.rows import columns_of_rows

from preproc.errors import SignatureError
from preproc.signature import NAT, Column, Signature

ZONED = Column("t", "int64", "nat", domain={"time": "datetime64[us, UTC]"})
NAIVE = Column("t", "int64", "nat", domain={"time": "datetime64[s]"})


@pytest.mark.parametrize(
    ("column", "cell", "want"),
    [
        (ZONED, datetime(2024, 1, 1, tzinfo=UTC), 1_704_067_200_000_000),
        (NAIVE, datetime(2024, 1, 1), 1_704_067_200),  # noqa: DTZ001  # without a zone on purpose
        (NAIVE, np.datetime64("2024-01-01"), 1_704_067_200),
        (NAIVE, 7, 7),
        (NAIVE, None, NAT),
    ],
    ids=["zoned", "naive", "numpy", "a number", "null"],
)
def test_a_time_becomes_a_count(column: Column, cell: Any, want: int) -> None:
    columns = columns_of_rows([{"t": cell}, {}], Signature("frame", (column,)))
    assert columns["t"].tolist() == [want, NAT]


def test_a_time_without_a_zone_is_refused_where_training_had_one() -> None:
    cell = datetime(2024, 1, 1)  # noqa: DTZ001  # without a zone on purpose
    with pytest.raises(SignatureError) as caught:
        columns_of_rows([{"t": cell}], Signature("frame", (ZONED,)))
    assert str(caught.value) == f"field 't': expected times with a zone, got {cell!r}"
