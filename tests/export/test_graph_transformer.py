"""Training on what the graph gives."""

import pickle
import warnings
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    PowerTransformer,
    StandardScaler,
    TargetEncoder,
)

from preproc import ExportError, RefusedRows, SignatureError
from preproc.export import Block, GraphTransformer, Scope, Table, export_pipeline
from preproc.export.conversion import convert
from preproc.export.loading import load_pipeline
from preproc.export.pipeline import contract_of
from preproc.runtime import open_session
from preproc.runtime.building import session_of
from tests.export.faulty import people

COLUMNS = ["age", "paid", "plan"]


def _frame() -> pd.DataFrame:
    return people()[COLUMNS]


def _prepare() -> Any:
    numbers = make_pipeline(SimpleImputer(), PowerTransformer())
    return make_column_transformer(
        (numbers, ["age", "paid"]), (OneHotEncoder(sparse_output=False), ["plan"])
    )


def _target() -> Any:
    return np.arange(len(_frame())) % 2


def test_it_gives_the_bits_that_serving_gives(tmp_path: Path) -> None:
    prepared = GraphTransformer(_prepare()).fit(_frame())
    artifact = export_pipeline(_prepare().fit(_frame()), _frame(), repository=tmp_path, name="m")
    assert artifact.path is not None
    with open_session(artifact.path) as session:
        want = session.run(_frame())["features"]
    assert np.array_equal(prepared.transform(_frame()), want)
    near = prepared.transformer_.transform(_frame())
    assert np.allclose(prepared.transform(_frame()), near, rtol=1e-12)


def _old(frame: pd.DataFrame) -> pd.DataFrame:
    warnings.warn("old", DeprecationWarning, stacklevel=1)
    return frame * 2


def test_what_code_warns_of_while_its_graph_is_proved_is_shown_once() -> None:
    frame = _frame()[["age", "paid"]]
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        GraphTransformer(FunctionTransformer(_old)).fit(frame)
        assert len(shown) == 1
        _old(frame)
        _old(frame)
    assert [str(one.message) for one in shown] == ["old"] * 3  # afterwards all are, as before


def test_a_pipeline_that_holds_it_is_exported_whole(tmp_path: Path) -> None:
    model = make_pipeline(GraphTransformer(_prepare()), LogisticRegression())
    model.fit(_frame(), _target())
    artifact = export_pipeline(model, _frame(), _target(), repository=tmp_path, name="m")
    assert artifact.path is not None
    with open_session(artifact.path) as session:
        assert (session.run(_frame())["label"] == model.predict(_frame())).all()


def test_it_works_in_clone_cross_validation_and_search() -> None:
    model = make_pipeline(GraphTransformer(StandardScaler()), LogisticRegression())
    numbers = _frame()[["age"]]
    assert cross_val_score(clone(model), numbers, _target(), cv=3).shape == (3,)
    grid = {"graphtransformer__transformer__with_mean": [True, False]}
    found = GridSearchCV(model, grid, cv=2).fit(numbers, _target())
    assert set(found.best_params_) == set(grid)


def test_it_is_saved_by_skops_and_pickle_even_with_an_open_session(tmp_path: Path) -> None:
    prepared = GraphTransformer(StandardScaler()).fit(_frame()[["age"]])
    want = prepared.transform(_frame()[["age"]])
    skops.io.dump(prepared, tmp_path / "prepared.skops")
    own = "preproc.export.graph_transformer.GraphTransformer"
    assert skops.io.get_untrusted_types(file=tmp_path / "prepared.skops") == [own]
    for loaded in (
        load_pipeline(tmp_path / "prepared.skops"),
        pickle.loads(pickle.dumps(prepared)),  # noqa: S301  # our own
    ):
        assert np.array_equal(loaded.transform(_frame()[["age"]]), want)


def test_it_names_its_columns_and_gives_frames() -> None:
    prepared = GraphTransformer(_prepare()).fit(_frame()).set_output(transform="pandas")
    got = prepared.transform(_frame())
    assert list(got.columns) == list(prepared.transformer_.get_feature_names_out())


def test_it_refuses_what_scikit_learn_refuses() -> None:
    prepared = GraphTransformer(StandardScaler()).fit(_frame()[["age"]])
    with pytest.raises(RefusedRows, match="row 1, column 'age'"):
        prepared.transform(pd.DataFrame({"age": [1.0, np.inf]}))
    with pytest.raises(SignatureError, match="field 'year': expected no such column"):
        prepared.transform(pd.DataFrame({"year": [1.0]}))


def test_encoding_by_folds_is_refused_since_the_graph_would_leak_the_target() -> None:
    encoder = make_pipeline(TargetEncoder(cv=3, target_type="binary"))
    with pytest.raises(ExportError) as caught:
        GraphTransformer(encoder).fit(_frame()[["plan"]], _target())
    assert str(caught.value).startswith(
        "step targetencoder: TargetEncoder: expected a step that encodes its training rows as any "
        "others, got one that encodes them by folds"
    )


def doubled(scope: Scope, _fitted: Any, table: Table) -> Table:
    (block,) = table.blocks
    return Table((Block(scope.op("Mul", block.value, np.array(2.0)), "float64", block.features),))


class Doubler(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped base
    """Hides its arithmetic from a trace."""

    def fit(self, data: Any, _target: Any = None) -> Self:
        self.n_features_in_ = data.shape[1]
        return self

    def transform(self, data: Any) -> Any:
        return np.array([[cell * 2 for cell in row] for row in np.asarray(data)])


def vowels(data: Any) -> Any:
    return data.map(lambda word: float(sum(sign in "aeiou" for sign in word)))


def test_what_is_declared_for_it_holds_in_the_pipeline_around_it() -> None:
    prepare = make_column_transformer(
        (Doubler(), ["paid"]), (FunctionTransformer(vowels), ["plan"])
    )
    data = _frame()[["paid", "plan"]].fillna({"paid": 0.0, "plan": ""})
    alone = GraphTransformer(
        prepare, converters={Doubler: doubled}, tabulate=["functiontransformer"]
    )
    assert (clone(alone).converters, clone(alone).tabulate) == (alone.converters, alone.tabulate)
    model = make_pipeline(alone, LogisticRegression()).fit(data, _target())
    assert np.array_equal(model[0].transform(data), model[0].transformer_.transform(data))
    graph = convert(model, data)
    with session_of(contract_of(graph, "m"), graph.model) as session:
        assert np.array_equal(session.run(data)["label"], model.predict(data))
    with pytest.raises(ExportError, match="declare tabulate="):
        GraphTransformer(prepare, converters={Doubler: doubled}).fit(data)
