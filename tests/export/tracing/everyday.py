"""Functions as they stand in notebooks: several ideas in one, written as they came to mind."""

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pandas as pd


def body_mass_style(X: pd.DataFrame) -> pd.DataFrame:
    df = X.copy()
    df["index"] = df["income"] / (df["age"] / 100) ** 2
    return df[["index"]]


def net_worth(X: pd.DataFrame) -> pd.DataFrame:
    df = X[["income", "debt"]].fillna(0)
    df["net"] = df["income"] * 12 - df["debt"]
    df["is_negative"] = (df["net"] < 0).astype(int)
    return df


def winsorized(X: pd.DataFrame) -> pd.DataFrame:
    low, high = 1_000.0, 80_000.0
    return X[["income"]].clip(low, high)


def log_ratio(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"r": np.log(X["income"] + 1) - np.log(X["debt"].abs() + 1)})


def quadrant(X: pd.DataFrame) -> pd.DataFrame:
    north = np.where(X["lat"] >= 0, "N", "S")
    east = np.where(X["lon"] >= 0, "E", "W")
    return pd.DataFrame({"north": north, "east": east})


def cyclic_hour(X: pd.DataFrame) -> pd.DataFrame:
    angle = 2 * np.pi * X["begin"].dt.hour / 24
    return pd.DataFrame({"sin": np.sin(angle), "cos": np.cos(angle)})


def weekend(X: pd.DataFrame) -> pd.DataFrame:
    return (X["begin"].dt.dayofweek >= 5).astype(int).to_frame("weekend")


def rush_hour(X: pd.DataFrame) -> pd.DataFrame:
    hour = X["begin"].dt.hour
    return pd.DataFrame({"rush": hour.between(7, 9) | hour.between(16, 19)})


def stay(X: pd.DataFrame) -> pd.DataFrame:
    days = (X["end"] - X["begin"]).dt.total_seconds() / 86_400
    return pd.DataFrame({"days": days, "is_long": days > 30})


def season(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"season": X["begin"].dt.month % 12 // 3})


def first_letter(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"initial": X["name"].str.strip().str[0].str.upper()})


def is_big_city(X: pd.DataFrame) -> pd.DataFrame:
    return X["city"].isin({"Bern", "Basel"}).to_frame("big")


def city_or_unknown(X: pd.DataFrame) -> pd.DataFrame:
    return X[["city"]].fillna("unknown").apply(lambda column: column.str.lower())


def has_digits(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"digits": X["name"].str.contains(r"\d"), "length": X["name"].str.len()})


def scored(X: pd.DataFrame) -> pd.DataFrame:
    points = 0.5 * (X["age"] > 40) + 1.5 * X["member"] - 0.25 * X["children"]
    return pd.DataFrame({"points": points, "is_good": points > 1})


def polynomial_by_hand(X: pd.DataFrame) -> pd.DataFrame:
    df = X[["age", "children"]].astype(float)
    for column in ["age", "children"]:
        df[column + "_sq"] = df[column].pow(2)
    df["product"] = df["age"].mul(df["children"])
    return df


def capped_flag(X: pd.DataFrame) -> pd.DataFrame:
    df = X[["income"]].copy()
    df["capped"] = df["income"].gt(50_000)
    df["income"] = np.minimum(df["income"], 50_000)
    return df


def tax_bracket(X: pd.DataFrame) -> pd.DataFrame:
    edges = [0, 10_000, 40_000, np.inf]
    return pd.DataFrame({"bracket": np.digitize(X["income"], edges[1:-1])})


def standard_by_constants(X: pd.DataFrame) -> pd.DataFrame:
    mean = pd.Series({"age": 45.0, "income": 30_000.0})
    spread = pd.Series({"age": 20.0, "income": 25_000.0})
    return (X[["age", "income"]] - mean) / spread


def any_missing(X: pd.DataFrame) -> pd.DataFrame:
    return X[["debt", "city"]].isna().any(axis=1).astype(int).to_frame("any")


def piped(X: pd.DataFrame) -> pd.DataFrame:
    return X[["age"]].pipe(lambda d: d * 2).pipe(lambda d: d + 1)


def sigmoid_of_score(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"p": 1 / (1 + np.exp(-(X["age"] - 50) / 10))})


def elapsed_months(X: pd.DataFrame) -> pd.DataFrame:
    begin, end = X["begin"], X["end"]
    return ((end.dt.year - begin.dt.year) * 12 + end.dt.month - begin.dt.month).to_frame("months")


def known_or_seven(X: pd.DataFrame) -> pd.DataFrame:
    known = defaultdict(lambda: 7, {"Bern": 1})
    return pd.DataFrame({"known": X["city"].map(known), "n": X["city"].map(Counter(["Bern"]))})


def bands_from_doubled_edges(X: pd.DataFrame) -> pd.DataFrame:
    return pd.cut(X["age"], [0, 10, 10, 50], labels=False, duplicates="drop").to_frame("band")


def known_or_null(X: pd.DataFrame) -> pd.DataFrame:
    places = {"Bern": 1, np.nan: 7}
    known = X["city"].map(places, na_action="ignore")
    counted = X["city"].map(Counter(["Bern"]), na_action="ignore")
    is_in_debt = X["debt"].map(lambda debt: np.where(debt > 0, 1.0, 0.0) * 1, na_action="ignore")
    return pd.DataFrame({"known": known, "counted": counted, "in": is_in_debt})


def shouted_where_known(X: pd.DataFrame) -> pd.DataFrame:
    return X[["city"]].map(lambda city: city.upper(), na_action="ignore")


def scaled_by(number: Any, by: float = 1.0) -> Any:
    return number * by


def mapped_by_keyword(X: pd.DataFrame) -> pd.DataFrame:
    doubled = X["age"].map(func=scaled_by, by=2.0)
    return X[["income", "debt"]].map(scaled_by, by=3.0).assign(age=doubled)


FUNCTIONS = [
    body_mass_style, net_worth, winsorized, log_ratio, quadrant, cyclic_hour, weekend, rush_hour,
    stay, season, first_letter, is_big_city, city_or_unknown, has_digits, scored,
    polynomial_by_hand, capped_flag, tax_bracket, standard_by_constants, any_missing, piped,
    sigmoid_of_score, elapsed_months, known_or_seven, bands_from_doubled_edges, known_or_null,
    shouted_where_known, mapped_by_keyword,
]  # fmt: skip
