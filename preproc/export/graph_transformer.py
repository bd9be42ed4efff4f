"""A transformer that computes by its exported graph: the estimator learns from what serving gives.

Why: an exported graph may differ from scikit-learn in the last bits where the C library decides
them. An estimator that was trained on the graph's own output has never seen a value that serving
cannot produce, so not even these bits are skew.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import numpy as np
import onnx
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.preprocessing import TargetEncoder
from sklearn.utils.validation import check_is_fitted

from preproc.contract import contract_from_json, contract_to_json
from preproc.errors import ExportError
from preproc.export.checking.stages import leaves_of
from preproc.export.conversion import convert
from preproc.export.converters.lookup import TransformerConverter
from preproc.export.pipeline import contract_of, proof_of
from preproc.export.warned import warned_once
from preproc.runtime import Session
from preproc.runtime.building import session_of

_SESSION: Final = "_session"


class GraphTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped base
    """Fit a transformer, export it, and transform by the graph.

    Parameters
    ----------
    transformer
        Any transformer or pipeline of transformers that can be exported; a clone is fitted.
    converters
        Class of a transformer → function that converts it, as of `preproc.export.export_pipeline`.
    tabulate
        Paths of steps inside the transformer that become tables over the words of training.

    Attributes
    ----------
    transformer_
        The fitted clone.
    n_features_in_
        Number of columns of the training data.

    Examples
    --------
    ``make_pipeline(GraphTransformer(prepare), LogisticRegression()).fit(X, y)`` trains on what the
    graph gives; `preproc.export.export_pipeline` then exports the whole as ever.
    """

    def __init__(
        self,
        transformer: Any,
        *,
        converters: Mapping[type, TransformerConverter] | None = None,
        tabulate: Sequence[str] = (),
    ) -> None:
        self.transformer = transformer
        self.converters = converters
        self.tabulate = tabulate

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803  # scikit-learn's name
        """Fit the transformer, export it and prove the graph on golden rows.

        Parameters
        ----------
        X
            Training data: a frame, or an array (n, features).
        y
            Target (n,), where the transformer learns from it.

        Raises
        ------
        ExportError
            When the transformer cannot be exported exactly, or encodes by folds at training.
        ProofError
            When its graph disagrees with scikit-learn.
        """
        self.transformer_ = clone(self.transformer).fit(X, y)
        for path, step in leaves_of(self.transformer_):
            if isinstance(step, TargetEncoder):
                raise ExportError(
                    path,
                    "TargetEncoder: expected a step that encodes its training rows as any others, "
                    "got one that encodes them by folds; the graph would show each row its own "
                    "target: leave it outside of GraphTransformer",
                )
        with warned_once():
            graph = convert(self.transformer_, X, ["features"], self.converters, self.tabulate)
            contract = contract_of(graph, type(self).__name__)
            proof_of(self.transformer_, X, None, graph, contract)
        self.model_ = graph.model.SerializeToString(deterministic=True)
        self.contract_ = json.dumps(contract_to_json(contract))
        self.n_features_in_ = int(np.shape(X)[1]) if len(np.shape(X)) > 1 else 1
        self.__dict__.pop(_SESSION, None)
        return self

    def transform(self, X: Any) -> NDArray[Any]:  # noqa: N803  # scikit-learn's name
        """Compute by the graph.

        Returns
        -------
        numpy.ndarray
            (n, k), dense.

        Raises
        ------
        SignatureError
            When columns or dtypes are not those of training.
        RefusedRows
            When a row is one that scikit-learn refuses.
        """
        check_is_fitted(self)
        return self._open().run(X)["features"]

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the columns of the result, as the transformer gives them."""
        check_is_fitted(self)
        names: NDArray[Any] = self.transformer_.get_feature_names_out(input_features)
        return names

    def _open(self) -> Session:
        """Open the graph once a process; a session can neither be copied nor saved."""
        if _SESSION not in vars(self):
            contract = contract_from_json(json.loads(self.contract_), type(self).__name__)
            self._session = session_of(contract, onnx.ModelProto.FromString(self.model_))
        return self._session

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {key: value for key, value in state.items() if key != _SESSION}
