"""What of a column may be written: each action, and each policy that cannot be followed."""

import hmac
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from preproc.errors import LogError
from preproc.signature import NULL_NAN, NULL_NONE, Column, Output, Signature
from preproc.skew import Privacy, Treatment, check_privacy, read_privacy
from preproc.skew.privacy import treated

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEY = "sixteen bytes or more"
CITY = Column("city", "string", null="none")
AGE = Column("age", "float64", null="nan")
WIDE = Column("X", "float64", width=3)
SIGNATURE = Signature("frame", (CITY, AGE), (Output("features", "features", "float64", 2, None),))


def texts(*values: str) -> Any:
    return np.array(values, object)


def test_each_action_leaves_what_it_says() -> None:
    keyed = Privacy(keys=(KEY.encode(),))
    city: NDArray[Any] = texts("Oslo", "Zürich", NULL_NONE)
    age: NDArray[Any] = np.array([-1.0, 18.0, 39.9, np.nan])
    kept = treated(CITY, city, keyed, Treatment("keep"))
    assert kept is not None
    assert kept.tolist() == city.tolist()
    assert treated(CITY, city, keyed, Treatment("drop")) is None
    cut = treated(CITY, city, keyed, Treatment("truncate", characters=2))
    assert cut is not None
    assert cut.tolist() == ["Os", "Zü", NULL_NONE]
    hidden = treated(CITY, city, keyed, Treatment("hmac"))
    assert hidden is not None
    want = hmac.digest(KEY.encode(), "city\0Zürich".encode(), "sha256").hex()[:32]
    assert hidden[1].partition(":")[2] == want
    assert hidden[2] == NULL_NONE
    assert hidden[0] != hidden[1]
    bins = treated(AGE, age, keyed, Treatment("bin", edges=(0.0, 18.0, 40.0)))
    assert bins is not None
    assert bins[:3].tolist() == [0.0, 2.0, 2.0]
    assert np.isnan(bins[3])
    tens = treated(AGE, age, keyed, Treatment("truncate", unit=10.0))
    assert tens is not None
    assert tens[:3].tolist() == [-10.0, 10.0, 30.0]


def test_the_same_value_in_another_column_or_under_another_key_looks_different() -> None:
    one, other = Privacy(keys=(KEY.encode(),)), Privacy(keys=(b"an older key of 128 bit",))
    values = texts("Oslo", NULL_NAN)
    street = Column("street", "string", null="nan")
    action = Treatment("hmac")
    hidden = [
        treated(column, values, privacy, action)
        for column, privacy in ((CITY, one), (street, one), (CITY, other), (CITY, one))
    ]
    assert all(array is not None and array[1] == NULL_NAN for array in hidden)
    first, second, third, again = (array[0] for array in hidden if array is not None)
    assert len({first, second, third}) == 3
    assert first == again


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_a_policy_is_read_from_either_form(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"policy{suffix}"
    told = {
        ".toml": 'default = "drop"\n[columns]\ncity = "hmac"\n'
        "age = { action = 'bin', edges = [0, 18] }\n[outputs]\nfeatures = 'drop'\n",
        ".json": '{"default": "drop", "columns": {"city": "hmac", "age": {"action": "bin", '
        '"edges": [0, 18]}}, "outputs": {"features": "drop"}}',
    }
    file.write_text(told[suffix], encoding="utf-8")
    privacy = read_privacy(file, f"{KEY},an older key of 128 bit")
    check_privacy(privacy, [SIGNATURE], key="city")
    assert privacy.of_column("city") == Treatment("hmac")
    assert privacy.of_column("age") == Treatment("bin", edges=(0.0, 18.0))
    assert privacy.of_column("other") == Treatment("drop")
    assert privacy.of_output("features") == Treatment("drop")
    assert len(privacy.keys) == 2
    assert KEY not in repr(privacy)


def test_the_policy_of_the_docs_is_one(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "log.md"
    (text,) = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    file = tmp_path / "policy.toml"
    file.write_text(text, encoding="utf-8")
    privacy = read_privacy(file, KEY)
    actions = {name: treatment.action for name, treatment in privacy.columns.items()}
    assert set(actions.values()) == {"drop", "hmac", "truncate", "bin"}
    dtypes = {name: "float64" if name in {"income", "age"} else "string" for name in actions}
    columns = tuple(Column(name, dtype) for name, dtype in dtypes.items())
    check_privacy(privacy, [Signature("frame", columns, SIGNATURE.outputs)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("columns = 3", "columns: expected a table, got 3"),
        ("column = {}", "expected 'default', 'columns' and 'outputs', got ['column']"),
        (
            "default = 'hide'",
            "default: expected one of ['keep', 'drop', 'hmac', 'bin', 'truncate'], got 'hide'",
        ),
        ("default = 'hmac'", "expected a key for 'hmac', got none; set PREPROC_LOG_HMAC_KEY"),
        (
            "columns.age = { action = 'bin', edges = [2, 1] }",
            "columns.age: expected rising edges, got [2, 1]",
        ),
        ("columns.age = 'bin'", "columns.age: expected rising edges, got ()"),
        (
            "columns.age = { action = 'drop', unit = 1 }",
            "columns.age: expected [] beside the action, got ['unit']",
        ),
        (
            "columns.age = { action = 'truncate', unit = 0 }",
            "columns.age: expected unit above 0, got 0",
        ),
        (
            "outputs.features = 'hmac'",
            "outputs.features: expected one of ['keep', 'drop'], got 'hmac'",
        ),
    ],
    ids=["table", "key", "action", "no secret", "edges", "no edges", "beside", "unit", "output"],
)
def test_a_policy_that_is_none_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(LogError) as caught:
        read_privacy(file)
    assert str(caught.value).removeprefix(f"policy {str(file)!r}")[2:] == message


def test_a_key_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(LogError) as caught:
        read_privacy(None, "short")
    assert str(caught.value) == "hmac key: expected at least 16 bytes, got a shorter one"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"agee": Treatment()},
            "policy: expected a column of a model, got 'agee', did you mean 'age'?",
        ),
        (
            {"city": Treatment("bin", edges=(1.0,))},
            "policy, column 'city': expected numbers for 'bin', got text; use 'hmac' or 'truncate'",
        ),
        (
            {"age": Treatment("truncate", characters=2)},
            "policy, column 'age': expected 'unit' with 'truncate', got none",
        ),
        (
            {"X": Treatment("hmac")},
            "policy, column 'X': expected 'keep' or 'drop' for 3 values a row, got 'hmac'",
        ),
    ],
    ids=["name", "text in bins", "unit", "wide"],
)
def test_a_policy_that_does_not_fit_the_columns_is_refused(columns: Any, message: str) -> None:
    with pytest.raises(LogError) as caught:
        check_privacy(Privacy(columns=columns), [SIGNATURE, Signature("array", (WIDE,))])
    assert str(caught.value) == message


def test_a_missing_file_is_told_from_one_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"expected a \.toml or \.json file, got none$"):
        read_privacy(tmp_path / "gone.toml")
    with pytest.raises(LogError, match=r"expected a \.toml or \.json file, got '\.yaml'$"):
        read_privacy(tmp_path / "policy.yaml")
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    with pytest.raises(LogError, match="expected json: "):
        read_privacy(tmp_path / "bad.json")
