"""The second half of 2013, month by month: what is served, and what is to be found in it.

One thing is planted: in August one flight in five is asked for by a release of the client that has
a fault. All else is what the year brought, and stands here as what the diagnosis has to find; a run
that finds something else fails. All six months are told, none is left out; but that training ends
in June was chosen knowing what it gives. One that ends in September finds two changes at once in
November and December.
"""

from dataclasses import dataclass
from typing import Final

import pandas as pd

from examples.flights.data import DEPARTURE, NEW_YORK

LAST_TRAINING_MONTH: Final = 6
FAULTY: Final = "kiosk/2.0"
"""Release with the fault."""
RELEASED: Final = pd.Timestamp("2013-08-12", tz=NEW_YORK)
SHARE: Final = 0.2
"""Of the flights that are asked for by the new release, from the day on which it came."""
LABEL_TAKES_DAYS: Final = 28
"""Until it is on record whether a flight was late."""


@dataclass(frozen=True, slots=True)
class Month:
    """One month of flights.

    Attributes
    ----------
    number, name
        Of the year.
    verdict
        What the diagnosis has to say, once everything is known.
    story
        Why, in a sentence.
    suffix
        Tells a second log of the same month from the first.
    """

    number: int
    name: str
    verdict: str
    story: str
    suffix: str = ""

    @property
    def begins(self) -> pd.Timestamp:
        """Its first midnight in New York."""
        return pd.Timestamp(year=2013, month=self.number, day=1, tz=NEW_YORK)

    @property
    def ends(self) -> pd.Timestamp:
        """The first midnight after it."""
        return self.begins + pd.DateOffset(months=1)

    @property
    def folder(self) -> str:
        """Where its log lies."""
        return f"{self.number:02}-{self.name.lower()}{self.suffix}"


MONTHS: Final = (
    Month(
        7,
        "July",
        "data drift",
        "Summer: the most humid days lie above all that training saw. A score still means what it "
        "meant.",
    ),
    Month(
        8,
        "August",
        "skew",
        f"{FAULTY} looks the weather up by the clock of New York, in a table that goes by UTC: "
        "every flight gets a report that is four hours older than the last one.",
    ),
    Month(
        9,
        "September",
        "concept drift",
        "Flights look as before, and are late half as often as the same score meant in spring.",
    ),
    Month(10, "October", "concept drift", "Autumn stays as punctual as it began."),
    Month(11, "November", "concept drift", "Autumn stays as punctual as it began."),
    Month(
        12,
        "December",
        "quiet",
        "As many flights are late as the model says: nothing is found, as nothing is wrong.",
    ),
)
AUGUST: Final = MONTHS[1]
CONTROL: Final = Month(
    8,
    "August",
    "quiet",
    f"The same month, asked for by a {FAULTY} that has no fault.",
    suffix="-without-fault",
)
OCTOBER: Final = MONTHS[3]


def month_of(flights: pd.DataFrame) -> "pd.Series[int]":
    """Month of the departure on the clock of New York."""
    number: pd.Series[int] = flights[DEPARTURE].dt.tz_convert(NEW_YORK).dt.month
    return number


def day_of(flights: pd.DataFrame) -> "pd.Series[pd.Timestamp]":
    """Day of the departure on the clock of New York, without a zone."""
    clock = flights[DEPARTURE].dt.tz_convert(NEW_YORK).dt.tz_localize(None)
    day: pd.Series[pd.Timestamp] = clock.dt.normalize()
    return day
