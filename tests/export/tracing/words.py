"""Functions of text, as people write them in feature engineering."""

import re

import pandas as pd


def cleaned(X: pd.DataFrame) -> pd.DataFrame:
    return X["name"].str.strip().str.lower().to_frame()


def upper(X: pd.DataFrame) -> pd.DataFrame:
    return X[["city", "name"]].apply(lambda s: s.str.upper())


def titled(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"t": X["name"].str.title(), "c": X["name"].str.capitalize()})


def counted(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"n": X["name"].str.len(), "dashes": X["name"].str.count("-")})


def initial(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {"first": X["name"].str[0], "three": X["name"].str[:3], "last": X["name"].str[-2:]}
    )


def prefix_number(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {"letter": X["code"].str.split("-").str[0], "number": X["code"].str.split("-").str[-1]}
    )


def tested(X: pd.DataFrame) -> pd.DataFrame:
    s = X["name"]
    return pd.DataFrame(
        {"dash": s.str.contains("-", regex=False), "a": s.str.startswith("A"),
         "digit": s.str.contains(r"\d"), "end": s.str.endswith(("a", "e"))}
    )  # fmt: skip


def ignoring_case(X: pd.DataFrame) -> pd.DataFrame:
    return X["name"].str.contains("smi", case=False).to_frame("smith")


def matched(X: pd.DataFrame) -> pd.DataFrame:
    return X["code"].str.match(r"[A-C]-\d+").to_frame("ok")


def full_pattern(X: pd.DataFrame) -> pd.DataFrame:
    return X["code"].str.fullmatch(re.compile(r"\w-\d{1,2}")).to_frame("short")


def without_dashes(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {"plain": X["code"].str.replace("-", ""), "slash": X["name"].str.replace(" ", "_")}
    )


def without_odd_signs(X: pd.DataFrame) -> pd.DataFrame:
    return X["name"].str.replace(r"[^a-zA-Z ]", "", regex=True).to_frame()


def one_space(X: pd.DataFrame) -> pd.DataFrame:
    return X["name"].str.replace(r"\s+", " ", regex=True).str.strip().to_frame()


def padded(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"z": X["name"].str.zfill(6), "r": X["code"].str.rjust(8, "*")})


def glued(X: pd.DataFrame) -> pd.DataFrame:
    return X["city"].str.cat(X["name"], sep="/").to_frame("both")


def two_columns(X: pd.DataFrame) -> pd.DataFrame:
    return X["code"].str.split("-", n=1, expand=True).rename(columns={0: "left", 1: "right"})


def numeric(X: pd.DataFrame) -> pd.DataFrame:
    return pd.to_numeric(X["code"].str.split("-").str[1], errors="coerce").to_frame("n")


def compared(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"same": X["city"] == "Bern", "other": X["city"] != "Bern"})


def digits_only(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"d": X["name"].str.isdigit(), "al": X["name"].str.isalpha()})


def by_lambda(X: pd.DataFrame) -> pd.DataFrame:
    return X["name"].fillna("").apply(lambda s: s.strip().lower()).to_frame()


def lists_of_words(X: pd.DataFrame) -> pd.DataFrame:
    return X["city"].fillna("none").str.lower().isin(["bern", "zug"]).to_frame("known")


def glued_with_its_name(X: pd.DataFrame) -> pd.DataFrame:
    return X["city"].str.cat(X["code"], sep="-", na_rep="?").to_frame()


FUNCTIONS = [
    cleaned, upper, titled, counted, initial, prefix_number, tested, ignoring_case, matched,
    full_pattern, without_dashes, without_odd_signs, one_space, padded, glued, two_columns, numeric,
    compared, digits_only, by_lambda, lists_of_words, glued_with_its_name,
]  # fmt: skip
