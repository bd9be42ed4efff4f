"""A trace computes as pandas 3 does: with an older one it agrees, or is refused and says why."""

import numpy as np
import pandas as pd
import pytest

from preproc.errors import ProofError
from preproc.export.tracing.trial import FOLLOWED
from tests.export.tracing.running import traced_step

DATA = pd.DataFrame(
    {
        "age": np.arange(60),
        "word": ["a1", "12", None] * 20,
        "begin": pd.Timestamp("2020-02-28 23:00") + pd.to_timedelta(np.arange(60), unit="h"),
    }
)


def test_numbers_and_dates_are_traced_with_either_pandas() -> None:
    def parts(frame: pd.DataFrame) -> pd.DataFrame:
        begin = frame["begin"].dt
        return pd.DataFrame(
            {"decade": frame["age"] // 10, "month": begin.month, "late": begin.hour > 21}
        )

    assert traced_step(parts, DATA).blocks


def test_what_an_older_pandas_does_otherwise_is_refused_with_its_version() -> None:
    def digits(frame: pd.DataFrame) -> pd.DataFrame:
        return frame["word"].str.isdigit().to_frame()

    if int(pd.__version__.partition(".")[0]) >= FOLLOWED:
        assert traced_step(digits, DATA).blocks
        return
    with pytest.raises(ProofError) as caught:
        traced_step(digits, DATA)
    assert str(caught.value).endswith(
        f"; a trace computes as pandas 3 does, and this is pandas {pd.__version__}: "
        "train with pandas 3"
    )
