"""Functions that no graph can hold, as people write them, and what is said instead."""

import datetime as dt
import random
import time
import uuid
from pathlib import Path

import numpy as np
import pandas as pd

_BATCH = "compute it from the training data in fit() and keep it as an attribute"
_CLOCK = (
    "a clock is no input: the answer would depend on when it is asked; pass the time as a column, "
    "such as as_of, and subtract that"
)
_RANDOM = (
    "expected the same answer every time, got random numbers; draw them in fit() and keep them as "
    "an attribute"
)
_BYTES = (
    "expected the same answer every time, got random bytes of the machine, as uuid4, secrets and "
    "np.random.RandomState ask for them; draw in fit() and keep it as an attribute"
)
_RESHAPED = (
    "it makes rows and columns anew from the batch; reshape before the pipeline, so that a row "
    "holds all that its answer needs"
)
_POLYVAL = "np.polyval is not traced; write it by Horner's rule, (a * x + b) * x + c"
_ROWS = "expected an answer that depends on its row alone, got "


def batch_mean(x):
    return x - x.mean(axis=0)


def caught_batch_mean(x):
    try:
        return x - np.mean(x, axis=0)
    except Exception:
        return x


def sorted_rows(x):
    return np.sort(x, axis=0)


def python_loop(x):
    return np.array([[float(cell) for cell in row] for row in x])


def first_row(X):
    return X[["age"]] if X["age"].iloc[0] > 3 else X[["income"]]


def branch(X):
    return X["age"].apply(lambda a: "old" if a > 60 else "young").to_frame()


def random_noise(X):
    return X[["age"]] + np.random.rand(len(X), 1)


def random_factor(X):
    return X[["age"]] * random.random()


def age_today(X):
    return (pd.Timestamp.now() - X["begin"]).dt.days.to_frame()


def age_this_year(X):
    return (dt.datetime.now().year - X["begin"].dt.year).to_frame()


def age_by_word(X):
    return (pd.to_datetime("today") - X["begin"]).dt.days.to_frame()


def stopwatch(X):
    return X[["age"]] * time.time()


def reads_a_file(X):
    Path("/dev/null").open().close()
    return X[["age"]]


def ranked(X):
    return X["age"].rank().to_frame()


def group_mean(X):
    return X.groupby("city")["age"].transform("mean").to_frame()


def lagged(X):
    return X["age"].shift(1).to_frame()


def dummies(X):
    return pd.get_dummies(X[["city"]])


def quantile_bins(X):
    return pd.qcut(X["age"], 4, labels=False).to_frame()


def filtered(X):
    return X[X["age"] > 10]


def over_rows(X):
    return pd.DataFrame([row["age"] for _, row in X.iterrows()])


def share_of_batch(X):
    return X[["age"]] / len(X)


def guessed_format(X):
    return pd.to_datetime(X["day"]).dt.year.to_frame()


def code_number(X):
    return pd.DataFrame({"number": X["code"].str.split("-").str[1].astype(int)})


def token(X):
    return X.assign(token=uuid.uuid4().hex)


def seeded_state(X):
    return X[["age"]] + np.random.RandomState(0).normal()


def row_numbers(X):
    return X[["age"]] * np.arange(len(X))[:, None]


def three_months_later(X):
    return (X["begin"] + pd.DateOffset(months=3)).dt.day.to_frame()


def days_on_a_clock(X):
    return (X["zoned"] + pd.DateOffset(days=3)).dt.day.to_frame()


def set_in_isin(X):
    return np.isin(X["age"], {1, 2}).reshape(-1, 1)


class Lengths(dict[str, int]):
    def __missing__(self, word: str) -> int:
        return len(word)


def own_dict(X):
    return X["name"].map(Lengths(a=1)).to_frame()


def shifted_clock(X):
    return X["begin"].dt.tz_localize("Europe/Zurich", nonexistent="shift_forward").to_frame()


def late_word(X):
    return (X["begin"] > " today").to_frame()


def month_period(X):
    return X["begin"].dt.to_period("M").astype(str).to_frame()


def long_name(X):
    return X["begin"].dt.strftime("%A").to_frame()


def queried(X):
    return X.query("age > 10")


def pivoted(X):
    return X.pivot(columns="city", values="age")  # noqa: PD010  # it is what is tried


def pivoted_by_pandas(X):
    return pd.pivot(X, columns="city", values="age")  # noqa: PD010  # it is what is tried


def extracted(X):
    return X["code"].str.extract(r"-(\d+)")


def polynomial(x):
    return np.polyval([1.0, 2.0, 3.0], x)


def polynomial_of_a_column(X):
    return np.polyval([1.0, 2.0, 3.0], X["age"])


def vectorized(X):
    return np.vectorize(lambda a: a + 1.0 if a > 3 else 0.0)(X[["age"]])


FUNCTIONS = [
    (batch_mean, "x.mean(axis=0)", f"expected axis=1, got mean over rows, which depends on the "
     f"batch; {_BATCH}"),
    (caught_batch_mean, "np.mean(x, axis=0)", f"expected axis=1, got mean over rows, which depends "
     f"on the batch; {_BATCH}"),
    (sorted_rows, "np.sort(x, axis=0)", "np.sort is not traced; see docs/tracing.md"),
    (python_loop, "[[float(cell) for cell in row] for row in x]",
     "expected no loop over rows, got one; write it with whole columns"),
    (first_row, 'X["age"].iloc', "Series.iloc is not traced; see docs/tracing.md"),
    (branch, "a > 60", "expected no branch on data, got if, and, or, not on values of rows; use "
     "np.where(condition, a, b), &, | and ~"),
    (random_noise, "np.random.rand(len(X), 1)", _RANDOM),
    (random_factor, "random.random()", _RANDOM),
    (age_today, "pd.Timestamp.now", _CLOCK),
    (age_this_year, "dt.datetime.now", _CLOCK),
    (age_by_word, '"today"', _CLOCK),
    (stopwatch, "time.time()", _CLOCK),
    (reads_a_file, 'Path("/dev/null").open()',
     "expected data and fitted attributes, got a file or a connection; read it in fit()"),
    (ranked, 'X["age"].rank', f"{_ROWS}.rank() over rows; {_BATCH}"),
    (group_mean, "X.groupby", f"{_ROWS}.groupby() over rows; {_BATCH}"),
    (lagged, 'X["age"].shift', f"{_ROWS}.shift() over rows; {_BATCH}"),
    (dummies, 'pd.get_dummies(X[["city"]])', "pd.get_dummies is computed from the batch; use "
     "OneHotEncoder, which learns it in training"),
    (quantile_bins, 'pd.qcut(X["age"], 4, labels=False)', "pd.qcut is computed from the batch; use "
     "KBinsDiscretizer, which learns it in training"),
    (filtered, 'X[X["age"] > 10]', "expected every row in the answer, got rows that meet a "
     "condition; use np.where(condition, a, b), or filter before training"),
    (over_rows, "X.iterrows", "expected no loop over rows, got .iterrows(); use whole columns"),
    (share_of_batch, 'X[["age"]] / len(X)', f"{_ROWS}the number of rows; compute it from the "
     "training data in fit()"),
    (guessed_format, 'pd.to_datetime(X["day"])', "expected pd.to_datetime(text, format='...'), got "
     "no format, which pandas guesses from the batch; name the format"),
    (code_number, 'X["code"].str.split("-").str[1].astype(int)', "expected numbers, got a cast "
     "from text to int64; map the words to numbers with Series.map({...}), or convert the column "
     "before training"),
]  # fmt: skip
"""Of the catalogue."""

TRAPS = [
    (token, "uuid.uuid4()", _BYTES),
    (seeded_state, "np.random.RandomState(0)", _BYTES),
    (row_numbers, "np.arange(len(X))", f"{_ROWS}an array of as many cells as there are rows; what "
     "is drawn or learned once a row belongs in fit()"),
    (three_months_later, 'X["begin"] + pd.DateOffset(months=3)', "expected a fixed length of time, "
     "got <DateOffset: months=3>, whose length depends on the date; use pd.Timedelta(days=...), or "
     "reckon with .dt.year and .dt.month"),
    (days_on_a_clock, 'X["zoned"] + pd.DateOffset(days=3)', "expected a difference of time, got "
     "<DateOffset: days=3> on the clock of America/New_York, where days differ in length; use "
     "pd.Timedelta, or tz_localize(None) first"),
    (set_in_isin, 'np.isin(X["age"], {1, 2})', "expected a list, got a set, which np.isin takes "
     "for one cell that nothing equals; write np.isin(x, [...]) or Series.isin(...)"),
    (own_dict, 'X["name"].map(Lengths(a=1))', "expected a dict, a Counter or a defaultdict, got "
     "Lengths, whose answer to other keys is its own; use map(dict) and fillna(...)"),
    (shifted_clock, 'X["begin"].dt.tz_localize("Europe/Zurich", nonexistent="shift_forward")',
     "expected nonexistent='raise' or 'NaT', got 'shift_forward', which needs other rows or moves "
     "times; localize before training"),
    (late_word, 'X["begin"] > " today"', _CLOCK),
    (month_period, 'X["begin"].dt.to_period', "Series.dt.to_period is not traced; use "
     ".dt.strftime('%Y-%m'), or .dt.year * 12 + .dt.month"),
    (queried, "X.query", "DataFrame.query is not traced; it keeps the rows that meet a condition; "
     "use np.where(X.eval('...'), a, b), or filter before training"),
    (pivoted, "X.pivot", f"DataFrame.pivot is not traced; {_RESHAPED}"),
    (pivoted_by_pandas, 'pd.pivot(X, columns="city", values="age")', "pd.pivot is not traced; "
     f"{_RESHAPED}"),
    (extracted, 'X["code"].str.extract', "Series.str.extract is not traced; use "
     ".str.split('-').str[1] or .str[2:5], or declare the step by tabulate=, see docs/tracing.md"),
    (polynomial, "np.polyval([1.0, 2.0, 3.0], x)", _POLYVAL),
    (polynomial_of_a_column, 'np.polyval([1.0, 2.0, 3.0], X["age"])', _POLYVAL),
    (vectorized, 'np.vectorize(lambda a: a + 1.0 if a > 3 else 0.0)(X[["age"]])', "np.vectorize is "
     "not traced; it asks Python cell by cell; write it with whole columns, np.where(condition, a, "
     "b) for if"),
    (long_name, 'X["begin"].dt.strftime("%A")', "expected %Y, %m, %d, %H, %M, %S or %j in "
     "strftime, got %A; use .dt.day_name() and .dt.month_name() for names"),
]  # fmt: skip
"""Written to be refused: what each says is asserted, and none counts in the catalogue."""
