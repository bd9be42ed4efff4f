"""Functions of words that no trace can see: tables where declared, refusals elsewhere."""

import re
import unicodedata
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from preproc.errors import ExportError, ProofError, RefusedRows
from preproc.export.conversion import convert
from preproc.export.pipeline import contract_of, proof_of
from preproc.export.tracing import asked, declared
from preproc.graph import lookup
from preproc.runtime.building import session_of

STEP = "functiontransformer"
OTHER = "expected a word of training, which are all that the step's declared table holds"
NAMES = ["Zoë", "zoe", "Ångström", "straße", "İzmir", "ΑΣ", "", " x1 ", "1ab3", "e\u0301"]
TOWNS = ["Bern", "Genf", "Zug"]
BETWEEN = re.compile(r"(?<=\d)[a-z]+(?=\d)")


def people(rows: int = 60) -> pd.DataFrame:
    draw = np.random.default_rng(5)
    name = pd.Series(draw.choice(NAMES, rows), dtype=object)
    name[::7] = None
    town = pd.Series(draw.choice(TOWNS, rows), dtype=object)
    return pd.DataFrame({"name": name, "town": town, "age": draw.uniform(0, 90, rows)})


DATA = people()
WORDS = DATA[["name", "town"]]


def folded(word: Any) -> str:
    signs = unicodedata.normalize("NFKD", word if isinstance(word, str) else "?")
    return "".join(sign for sign in signs if not unicodedata.combining(sign)).casefold()


def cleaned(X: pd.DataFrame) -> Any:
    return X.apply(lambda column: column.map(folded))


def measured(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "between": X["name"].map(lambda w: isinstance(w, str) and bool(BETWEEN.search(w))),
            "codes": X["name"].map(lambda w: sum(map(ord, w)) if isinstance(w, str) else np.nan),
            "vowels": X["town"].map(lambda w: sum(sign in "aeiou" for sign in w)),
        }
    )


def as_array(X: Any) -> Any:
    return np.array([[folded(word) for word in row] for row in X])


def both(X: pd.DataFrame) -> pd.DataFrame:
    rows = zip(X["name"], X["town"], strict=True)
    return pd.DataFrame({"both": [name == "zoe" and town == "Zug" for name, town in rows]})


def counted(X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"n": [len(X) for _ in X["town"].tolist()]})


def graph_of(function: Any, data: pd.DataFrame = WORDS) -> Any:
    return convert(make_pipeline(FunctionTransformer(function)), data, tabulate=[STEP])


def refusal_of(function: Any, data: pd.DataFrame = WORDS) -> str:
    with pytest.raises(ExportError) as caught:
        graph_of(function, data)
    return str(caught.value).removeprefix(f"step {STEP}: ")


def numbers(X: pd.DataFrame) -> pd.DataFrame:
    return measured(X).astype(float)


def test_a_declared_step_answers_every_word_of_training_and_refuses_others() -> None:
    pipeline = make_pipeline(FunctionTransformer(numbers))
    graph = convert(pipeline, WORDS, tabulate=[STEP])
    contract = contract_of(graph, "m")
    assert proof_of(pipeline, WORDS, None, graph, contract).certificate
    pairs = list(product([*NAMES, None], TOWNS))
    rows = pd.DataFrame(pairs, columns=["name", "town"], dtype=object)
    odd = pd.DataFrame({"name": ["zoe", "Zoe"], "town": ["Zug", "Zug"]}, dtype=object)
    with session_of(contract, graph.model) as session:
        want = numbers(rows).to_numpy()
        assert np.array_equal(session.run(rows)["features"], want, equal_nan=True)
        with pytest.raises(RefusedRows) as caught:
            session.run(odd)
    assert str(caught.value) == f"row 1, column 'name': {OTHER} (rule 1, step {STEP})"
    assert {(r.column, r.origin) for r in graph.signature.rules if r.text == OTHER} == {
        ("name", "contract"),
        ("town", "contract"),
    }


def test_a_null_that_the_function_refuses_is_refused() -> None:
    graph = graph_of(measured)
    refused = [r for r in graph.signature.rules if "refuses this word" in r.text]
    assert [(r.column, r.origin, r.text) for r in refused] == [
        ("town", "oracle", "the function of the step refuses this word or null")
    ]


def test_words_come_as_earlier_steps_make_them() -> None:
    words = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="none"),
        FunctionTransformer(as_array),
        OneHotEncoder(),
    )
    model = make_pipeline(
        ColumnTransformer([("words", words, ["name", "town"]), ("age", "passthrough", ["age"])]),
        DecisionTreeClassifier(max_depth=4, random_state=0),
    ).fit(DATA, DATA["name"].isin(NAMES[:4]))
    path = f"columntransformer/words/{STEP}"
    graph = convert(model, DATA, tabulate=[path])
    with session_of(contract_of(graph, "m"), graph.model) as session:
        assert np.array_equal(session.run(DATA)["label"], model.predict(DATA))


def test_text_comes_out_as_text() -> None:
    graph = graph_of(cleaned)
    assert [block.dtype for block in graph.steps[-1].given.blocks] == ["string", "string"]


def test_an_output_of_several_columns_is_refused() -> None:
    assert refusal_of(both) == (
        "tabulate: expected 'both' to depend on one column, got ['name', 'town']; a table holds "
        "functions of single words"
    )


def test_an_output_of_the_batch_is_refused() -> None:
    assert refusal_of(counted) == (
        "tabulate: expected the same 'n' of '' in every batch, got 1 alone and 60 among other rows"
    )


def test_too_many_words_or_combinations_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    many = pd.DataFrame({"name": [f"word {at}" for at in range(1001)]})
    assert refusal_of(cleaned, many) == (
        "tabulate: expected at most 1000 words in 'name', got more; write the function with "
        "methods that are traced, see docs/tracing.md"
    )
    monkeypatch.setattr(asked, "MAX_COMBINATIONS", 40)
    assert refusal_of(cleaned) == (
        f"tabulate: expected at most 40 combinations of words, got {12 * 5}; give each column a "
        "step of its own, by a ColumnTransformer"
    )


def test_numbers_beside_the_words_are_refused() -> None:
    assert refusal_of(lambda X: X["name"].map(folded), DATA) == (
        "tabulate: expected text columns, each computed from one column of the input, got ['age'] "
        "besides; give the step its text columns alone, by a ColumnTransformer"
    )


def test_a_path_of_no_step_or_of_no_function_is_refused() -> None:
    with pytest.raises(ExportError) as caught:
        convert(make_pipeline(FunctionTransformer(lambda X: X)), WORDS, tabulate=["clean"])
    assert str(caught.value) == (
        f"step .: tabulate 'clean': expected the path of a step, one of ['{STEP}']"
    )
    encoder = make_pipeline(OneHotEncoder().fit(WORDS))
    with pytest.raises(ExportError) as caught:
        convert(encoder, WORDS, tabulate=["onehotencoder"])
    assert str(caught.value) == (
        "step onehotencoder: tabulate: expected a step of Python code, got OneHotEncoder, which is "
        "converted by its class; leave it out"
    )


def test_a_refused_trace_of_words_says_that_it_can_be_declared() -> None:
    with pytest.raises(ExportError) as caught:
        convert(make_pipeline(FunctionTransformer(cleaned)), WORDS)
    assert str(caught.value).endswith(
        f"; or, if each word alone decides, declare tabulate=['{STEP}']: a table over the words of "
        "training, which refuses others"
    )
    with pytest.raises(ExportError) as caught:
        convert(make_pipeline(FunctionTransformer(lambda X: X["age"].rank().to_frame())), DATA)
    assert "tabulate" not in str(caught.value)


def test_a_table_with_a_wrong_word_or_without_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def swapped(graph: Any, value: str, columns: Any, **options: Any) -> str:
        (keys,) = columns
        wrong = {**keys, "zoe": keys["Ångström"]} if "zoe" in keys else keys
        return lookup(graph, value, [wrong], **options)

    monkeypatch.setattr(declared, "lookup", swapped)
    with pytest.raises(ProofError, match=r"expected 'zoe' of the function, got 'angstrom'"):
        graph_of(cleaned)

    def forgetful(graph: Any, value: str, columns: Any, **options: Any) -> str:
        (keys,) = columns
        return lookup(graph, value, [{w: at for w, at in keys.items() if w != "ΑΣ"}], **options)

    monkeypatch.setattr(declared, "lookup", forgetful)
    with pytest.raises(ProofError, match=r"expected an answer of the graph, got none; the row is"):
        graph_of(cleaned)
