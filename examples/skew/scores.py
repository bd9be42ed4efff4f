"""What was answered, beside what should have been and what came true."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from examples.flights.data import CATEGORIES, DEPARTURE, FEATURES, LABEL
from examples.skew.clients import CLIENT, KEYS
from examples.skew.months import LAST_TRAINING_MONTH, day_of, month_of
from examples.skew.served import Trained
from examples.skew.verdicts import Served
from preproc.skew import open_log
from preproc.skew.traffic import key_of, traffic_of

DAY: Final = "day"
EXPECTED: Final = "expected"


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of training, and of each log.

    Attributes
    ----------
    training
        Columns `DAY`, `EXPECTED` (the probability to be late) and `LABEL`, one row a flight.
    live
        Folder of a month → the same as it was logged, with `CLIENT`, whether the inputs ``differ``
        from their sources, and the probability that was ``due`` for these.
    """

    training: pd.DataFrame
    live: Mapping[str, pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Harm:
    """What wrong inputs did to the answers.

    Attributes
    ----------
    rows
        With wrong inputs.
    flips
        Of these, how many got the other label.
    mean_points, largest_points
        Of the probability, by how much it was off.
    """

    rows: int
    flips: int
    mean_points: float
    largest_points: float


def training_scores(trained: Trained, flights: pd.DataFrame) -> pd.DataFrame:
    """Score the flights that were learned from."""
    first = flights[month_of(flights) <= LAST_TRAINING_MONTH]
    expected = trained.pipeline.predict_proba(first[list(FEATURES)])[:, 1]
    return pd.DataFrame({DAY: day_of(first), EXPECTED: expected, LABEL: first[LABEL]})


def live_scores(trained: Trained, served: Served) -> pd.DataFrame:
    """Read what was answered out of the log; ask the pipeline about the inputs as they were due."""
    traffic = traffic_of(open_log(served.log))
    logged = pd.Series(traffic.answers["probabilities"][:, 1], traffic.keys)
    asked, anew = served.asked, served.sources
    keys = [key_of(*pair) for pair in asked[list(KEYS)].itertuples(index=False)]
    return pd.DataFrame(
        {
            DAY: day_of(asked),
            EXPECTED: logged.loc[keys].to_numpy(),
            LABEL: asked[LABEL],
            CLIENT: asked[CLIENT],
            "differ": differing(asked, anew),
            "due": trained.pipeline.predict_proba(anew[list(FEATURES)])[:, 1],
        }
    )


def differing(asked: pd.DataFrame, anew: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which rows, (n,), have an input that is not what its source says."""
    exact = [*CATEGORIES, DEPARTURE]
    numbers = [name for name in FEATURES if name not in exact]
    one, two = asked[numbers].to_numpy(np.float64), anew[numbers].to_numpy(np.float64)
    same = (one == two) | (np.isnan(one) & np.isnan(two))
    found: NDArray[np.bool_] = ~same.all(axis=1) | (asked[exact] != anew[exact]).any(axis=1)
    return np.asarray(found)


def harm_of(scores: pd.DataFrame) -> Harm:
    """Measure what wrong inputs did."""
    wrong = scores[scores["differ"]]
    off = (wrong[EXPECTED] - wrong["due"]).abs() * 100
    flips = int(((wrong[EXPECTED] > 0.5) != (wrong["due"] > 0.5)).sum())
    return Harm(len(wrong), flips, float(off.mean()), float(off.max()))
