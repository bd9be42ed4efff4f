"""Functions of pandas frames, as people write them in feature engineering."""

import math

import numpy as np
import pandas as pd


def debt_ratio(X: pd.DataFrame) -> pd.DataFrame:
    X = X.copy()
    X["ratio"] = X["debt"] / X["income"]
    return X[["ratio"]]


def assigned(X: pd.DataFrame) -> pd.DataFrame:
    return X.assign(
        per_head=lambda d: d["income"] / (d["children"] + 2), is_adult=lambda d: d["age"] >= 18
    )[["per_head", "is_adult"]]


def filled(X: pd.DataFrame) -> pd.DataFrame:
    return X[["debt", "age"]].fillna({"debt": 0.0})


def flagged_nulls(X: pd.DataFrame) -> pd.DataFrame:
    out = X[["debt"]].fillna(-1)
    out["debt_missing"] = X["debt"].isna().astype(int)
    out["city_missing"] = X.city.isnull()
    return out


def banded(X: pd.DataFrame) -> pd.DataFrame:
    bands = pd.cut(X["age"], bins=[-1, 17, 29, 64, 200], labels=["child", "young", "adult", "old"])
    return pd.DataFrame({"band": bands.astype(str)})


def band_codes(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"band": pd.cut(X["age"], [0, 20, 40, 60, 100], labels=False, right=False)})


def mapped(X: pd.DataFrame) -> pd.DataFrame:
    size = {"Bern": 134_000, "Basel": 173_000, "Genf": 203_000}
    return pd.DataFrame({"size": X["city"].map(size).fillna(0).astype(int)})


def replaced(X: pd.DataFrame) -> pd.DataFrame:
    return X[["city"]].replace({"Genf": "Geneva", "Zug": "other"})


def grouped_rare(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"city": X["city"].where(X["city"].isin(["Bern", "Basel"]), "other")})


def with_np_where(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "in_debt": np.where(X["debt"] > 0, 1, 0),
            "level": np.where(X["income"] > 30_000, "high", "low"),
        },
        index=X.index,
    )


def with_np_select(X: pd.DataFrame) -> pd.DataFrame:
    conditions = [X["age"] < 18, X["age"].between(18, 64), X["age"] > 64]
    X = X.copy()
    X["group"] = np.select(conditions, ["minor", "working", "retired"], default="unknown")
    return X[["group"]]


def conditional_loc(X: pd.DataFrame) -> pd.DataFrame:
    X = X[["income", "debt"]].copy()
    X.loc[X["debt"] < 0, "debt"] = 0
    X.loc[X["income"] > 50_000, "income"] = 50_000.0
    return X


def flags(X: pd.DataFrame) -> pd.DataFrame:
    young_parent = (X["age"] < 30) & (X["children"] > 0)
    return pd.DataFrame({"young_parent": young_parent, "any": young_parent | X["member"]})


def clipped_and_logged(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"log_income": np.log1p(X["income"].clip(lower=0, upper=1e6))})


def concatenated(X: pd.DataFrame) -> pd.DataFrame:
    ratio = (X["debt"] / X["income"]).rename("ratio")
    return pd.concat([X[["age"]], ratio], axis=1)


def row_sums(X: pd.DataFrame) -> pd.DataFrame:
    part = X[["age", "debt", "children"]]
    return pd.DataFrame(
        {"sum": part.sum(axis=1), "mean": part.mean(axis=1), "max": part.max(axis=1),
         "present": part.count(axis=1), "nulls": part.isna().sum(axis=1)}
    )  # fmt: skip


def centred_columns(X: pd.DataFrame) -> pd.DataFrame:
    return X[["income", "debt"]].apply(lambda s: (s - 1000.0) / 250.0)


def by_row(X: pd.DataFrame) -> pd.DataFrame:
    return X.apply(lambda row: row["income"] * 0.3 - row["children"], axis=1).to_frame("tax")


def by_cell(X: pd.DataFrame) -> pd.DataFrame:
    return X["age"].apply(lambda a: a // 10 * 10).to_frame()


def haversine(X: pd.DataFrame) -> pd.DataFrame:
    lat, lon = np.radians(X["lat"]), np.radians(X["lon"])
    lat0, lon0 = math.radians(47.37), math.radians(8.54)
    a = np.sin((lat - lat0) / 2) ** 2 + np.cos(lat) * np.cos(lat0) * np.sin((lon - lon0) / 2) ** 2
    return pd.DataFrame({"km": 6371 * 2 * np.arcsin(np.sqrt(np.clip(a, 0, 1)))})


def grid_cell(X: pd.DataFrame) -> pd.DataFrame:
    return X[["lat", "lon"]].mul(10).apply(np.floor).astype(int)


def dropped(X: pd.DataFrame) -> pd.DataFrame:
    return X.drop(columns=["city", "name", "code", "day", "begin", "end", "zoned"]).astype(float)


def renamed(X: pd.DataFrame) -> pd.DataFrame:
    return X[["age", "children"]].rename(columns=str.upper).add_suffix("_n")


def integer_division(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"decade": X["age"] // 10, "rest": X["age"] % 10, "neg": -X["age"] // 7})


def evaluated(X: pd.DataFrame) -> pd.DataFrame:
    return X.eval("net = income - debt")[["net"]]


def to_matrix(X: pd.DataFrame) -> np.ndarray:
    values = X[["age", "income", "debt"]].to_numpy()
    return np.column_stack([values, values[:, 1] - values[:, 2]])


def numbers_only(X: pd.DataFrame) -> pd.DataFrame:
    return X.select_dtypes("number").fillna(0)


def interactions(X: pd.DataFrame) -> pd.DataFrame:
    X = X.copy()
    for left, right in [("age", "children"), ("income", "age")]:
        X[f"{left}_x_{right}"] = X[left] * X[right]
    return X.filter(like="_x_")


def bool_to_int(X: pd.DataFrame) -> pd.DataFrame:
    return X[["member"]].astype("int8")


def combined_text(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"key": X["city"].fillna("?") + "_" + X["children"].astype(str)})


def masked(X: pd.DataFrame) -> pd.DataFrame:
    return X[["debt"]].mask(X[["debt"]] < 0, 0.0)


def coalesced(X: pd.DataFrame) -> pd.DataFrame:
    return X["debt"].fillna(X["income"]).to_frame("money")


def rounded_money(X: pd.DataFrame) -> pd.DataFrame:
    return X[["income", "debt"]].round(-2) / 100


FUNCTIONS = [
    debt_ratio, assigned, filled, flagged_nulls, banded, band_codes, mapped, replaced, grouped_rare,
    with_np_where, with_np_select, conditional_loc, flags, clipped_and_logged, concatenated,
    row_sums, centred_columns, by_row, by_cell, haversine, grid_cell, dropped, renamed,
    integer_division, evaluated, to_matrix, numbers_only, interactions, bool_to_int, combined_text,
    masked, coalesced, rounded_money,
]  # fmt: skip
