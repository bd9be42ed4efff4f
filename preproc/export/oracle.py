"""scikit-learn itself, asked on rows that are given as columns."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import joblib
import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.pipeline import Pipeline
from threadpoolctl import ThreadpoolController

from preproc.runtime.feeding import frame_of, is_sparse, unit_of
from preproc.runtime.nulls import nulls_of, tokens_of
from preproc.signature import NULL_NAN, NULL_NONE, TEXT, Signature

METHODS: Final[Mapping[str, str]] = {
    "label": "predict",
    "probabilities": "predict_proba",
    "scores": "decision_function",
    "prediction": "predict",
    "features": "transform",
}
"""What an output means → the method of the pipeline that gives it."""


class Oracle:
    """A fitted pipeline and the kind of data that it was trained on."""

    def __init__(self, pipeline: Any, data: Any, signature: Signature) -> None:
        self.pipeline = pipeline
        self.signature = signature
        self.like = _first_row(data)
        self._names = _odd_names(data)

    @property
    def null_tokens(self) -> tuple[str, ...]:
        """Text nulls that data of training's kind can hold: polars and pyarrow know one."""
        if self.signature.kind != "frame":
            return (NULL_NONE, NULL_NAN)
        frame = nw.from_native(self.like, eager_only=True)
        return (NULL_NONE, NULL_NAN) if frame.implementation.is_pandas_like() else (NULL_NONE,)

    def nulls_in(self, names: Sequence[str]) -> tuple[str, ...]:
        """Text nulls that some columns of training's dtypes can hold.

        A text dtype of pandas holds NaN alone; objects hold None as well.
        """
        found = self.null_tokens
        kinds = getattr(self.like, "dtypes", None)
        if kinds is not None and not hasattr(self.like, "columns"):  # a series, which has one
            kinds = dict.fromkeys(names, kinds)
        is_typed = [
            n for n in names if kinds is not None and n in kinds and str(kinds[n]) != "object"
        ]
        return tuple(t for t in found if t != NULL_NONE) if is_typed and len(found) > 1 else found

    def answer(self, columns: Mapping[str, NDArray[Any]], key: str) -> NDArray[Any]:
        """Ask for one output of a batch by its key; raises what scikit-learn raises."""
        return self.ask(self.native(columns), key)

    def answers(
        self, columns: Mapping[str, NDArray[Any]], keys: Sequence[str]
    ) -> dict[str, NDArray[Any]]:
        """Ask for outputs of a batch: one call a method, on data of its own, for all targets."""
        methods = dict.fromkeys(map(_method_of, keys))
        with _quietly():
            given = {m: getattr(self.pipeline, m)(self.native(columns)) for m in methods}
        return {key: _picked(given[_method_of(key)], key) for key in keys}

    def answers_to_each(
        self, batches: Callable[[], Iterable[Any]], keys: Sequence[str]
    ) -> dict[str, list[NDArray[Any]]]:
        """Ask for outputs of many batches, the steps before the model once for all outputs.

        A Pipeline's ``predict`` and ``predict_proba`` differ in their last step alone. The steps
        before it take most of the time of a row, so each batch goes through them once, where they
        give an array, of which each method then gets a copy.

        Parameters
        ----------
        batches
            Gives data of training's kind, each time it is called anew: steps may change it.
        keys
            Of the outputs.

        Returns
        -------
        dict
            Key → answer to each batch.
        """
        methods = list(dict.fromkeys(map(_method_of, keys)))
        with _quietly():
            given = _by_parts(self.pipeline, batches(), methods) if len(methods) > 1 else None
            if given is None:
                given = {m: list(map(getattr(self.pipeline, m), batches())) for m in methods}
        return {key: [_picked(result, key) for result in given[_method_of(key)]] for key in keys}

    def singles(self, columns: Mapping[str, NDArray[Any]], size: int = 1) -> Iterator[Any]:
        """Build a batch once and give its rows one by one, or `size` by `size`, each for `ask`."""
        data = self.native(columns)
        is_frame = self.signature.kind == "frame"
        whole = nw.from_native(data, eager_only=True) if is_frame else data
        for row in range(0, len(next(iter(columns.values()))), size):
            one = whole[row : row + size]
            if is_frame:
                one = one.to_native()
                is_pandas = nw.dependencies.is_pandas_dataframe(one)
                one = _categorized(one, self.like) if is_pandas else one
            yield one

    def ask(self, data: Any, key: str) -> NDArray[Any]:
        """Ask for one output of data of training's kind; dense result."""
        with _quietly():
            return _picked(getattr(self.pipeline, _method_of(key))(data), key)

    def transformed(
        self, columns: Mapping[str, NDArray[Any]], steps: Mapping[str, Any], key: str
    ) -> dict[str, NDArray[Any]]:
        """Run the pipeline on a batch and keep what each step's ``transform`` gave.

        Parameters
        ----------
        columns
            Batch, column → array (n, width).
        steps
            Path → fitted transformer inside the pipeline.
        key
            Of the output to ask for.

        Returns
        -------
        dict
            Path → dense array (n, width), for the steps that were called.
        """
        seen: dict[str, NDArray[Any]] = {}

        def keep(path: str, given: Any) -> Any:
            seen[path] = dense(given).copy()
            return given

        self.answer_by_way_of(keep, columns, steps, key)
        return seen

    def answer_by_way_of(
        self,
        turn: Callable[[str, Any], Any],
        columns: Mapping[str, NDArray[Any]],
        steps: Mapping[str, Any],
        key: str,
    ) -> NDArray[Any]:
        """Ask for one output of a batch while steps give onward what is made of their answers.

        Parameters
        ----------
        turn
            Path of a step, what its ``transform`` gave → what the pipeline goes on with; it may
            be called by several threads.
        columns, steps, key
            As for `transformed`.
        """
        watched = {path: step for path, step in steps.items() if "transform" not in vars(step)}
        try:
            for path, step in watched.items():
                step.transform = _watcher(step.transform, path, turn)
            with joblib.parallel_config(backend="threading"):
                return self.answer(columns, key)
        finally:
            for step in watched.values():
                vars(step).pop("transform", None)

    def refusal(self, data: Any, key: str) -> str | None:
        """Tell how scikit-learn refuses data of training's kind, None where it answers."""
        try:
            self.ask(data, key)
        except (ValueError, TypeError, IndexError, OverflowError) as error:
            return f"{type(error).__name__}: {str(error).splitlines()[0]}"
        return None

    def native(self, columns: Mapping[str, NDArray[Any]]) -> Any:
        """Build data of the kind and the dtypes of training, nulls in place of their tokens."""
        if self.signature.kind != "frame":
            (column,) = self.signature.columns
            values = columns[column.name]
            if self.signature.kind == "vector":
                values = values.reshape(-1)
            if is_sparse(self.like):
                return csr_array(values)
            return nulls_of(values) if column.is_text else values
        like = nw.from_native(self.like, eager_only=True)
        flat = {c.name: columns[c.name].reshape(-1) for c in self.signature.columns}
        texts = {c.name for c in self.signature.columns if c.dtype == TEXT}
        if like.implementation.is_pandas_like():
            rebuilt = pandas_frame(flat, texts, self.like)
            return rebuilt if self._names is None else _renamed(rebuilt, self.like, self._names)
        # Lists, for a null in front of an object array makes polars give up on its text.
        data = {name: nulls_of(v).tolist() if name in texts else v for name, v in flat.items()}
        for column in self.signature.columns:
            if column.dtype != TEXT and column.is_whole and column.dtype == "float64":
                data[column.name] = [None if v != v else int(v) for v in flat[column.name]]  # noqa: PLR0124  # NaN
            elif column.moment:
                times = flat[column.name].view(f"datetime64[{unit_of(column.moment)}]")
                data[column.name] = times.astype("datetime64[us]").astype(object).tolist()
        schema = {name: like.schema[name] for name in flat}
        return nw.from_dict(data, schema=schema, backend=like.implementation).to_native()


@contextmanager
def _quietly() -> Iterator[None]:
    """Silence what is the subject here, and keep each question on one OpenMP thread.

    OpenMP works row by row there, so the bits stay, and a busy machine does not turn each of
    hundreds of small calls into a wait for a second core.
    """
    with (
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
        _threads().limit(limits=1, user_api="openmp"),
    ):
        # Unknown categories and dropped columns warn.
        warnings.simplefilter("ignore", UserWarning)
        yield


def _picked(result: Any, key: str) -> NDArray[Any]:
    """Take one output, dense, out of what its method gave: all of it, or that of a target."""
    _, _, target = key.partition("_")
    answer = dense(result[int(target)] if target else result)
    return tokens_of(answer) if answer.dtype == object else answer


def _method_of(key: str) -> str:
    return METHODS[key.partition("_")[0]]


def _by_parts(
    fitted: Any, batches: Iterable[Any], methods: Sequence[str]
) -> dict[str, list[Any]] | None:
    """Take batches through a Pipeline's steps before the last, then ask the last by each method.

    Returns
    -------
    dict or None
        Method → what it gave for each batch; None where the class is not scikit-learn's own
        Pipeline, since another may do more on the way, or the steps give no array.
    """
    front: list[Any] = []
    while type(fitted) is Pipeline:
        *before, (_, fitted) = fitted.steps
        front += [step for _, step in before if step is not None and step != "passthrough"]
    if not front:
        return None
    given: dict[str, list[Any]] = {method: [] for method in methods}
    for data in batches:
        taken = data
        for step in front:
            taken = step.transform(taken)
        if type(taken) is not np.ndarray and not is_sparse(taken):
            return None
        for method in methods:
            own = taken.copy(order="K") if isinstance(taken, np.ndarray) else taken.copy()
            given[method].append(getattr(fitted, method)(own))
    return given


@cache
def _threads() -> ThreadpoolController:
    """Thread pools of the libraries that are loaded by the first question."""
    return ThreadpoolController()


def _first_row(data: Any) -> Any:
    """Keep what tells the kind and the dtypes of training data, and no more of it."""
    if nw.dependencies.is_into_dataframe(data):
        return frame_of(data)[:1].to_native()
    if is_sparse(data):
        return data.tocsr()[:1]
    return data[:1]


def _odd_names(data: Any) -> Sequence[Any] | None:
    """Names of a frame's columns where some are no text, else None."""
    names = list(getattr(data, "columns", ()))
    return None if all(isinstance(name, str) for name in names) else names


def _renamed(rebuilt: Any, like: Any, names: Sequence[Any]) -> Any:
    """Give columns their own names again.

    Without text for names scikit-learn goes by position, so columns that no step reads must be
    there too; they get the value of the first row of training.
    """
    for name in like.columns:
        if name not in rebuilt.columns:
            rebuilt[name] = [like[name].iloc[0]] * len(rebuilt)
    return rebuilt[like.columns].set_axis(names, axis=1)


def _watcher(
    transform: Callable[..., Any], path: str, turn: Callable[[str, Any], Any]
) -> Callable[..., Any]:
    def watched(*args: Any, **kwargs: Any) -> Any:
        return turn(path, transform(*args, **kwargs))

    return watched


def dense(result: Any) -> NDArray[Any]:
    """Turn what scikit-learn gives into one array; text as object."""
    if isinstance(result, np.ndarray):  # mostly, and quickly told
        pass
    elif hasattr(result, "toarray"):
        result = result.toarray()
    elif nw.dependencies.is_into_dataframe(result):
        result = result.to_numpy()
    array = np.asarray(result)
    return array.astype(object) if array.dtype.kind in "OU" else array


def pandas_frame(columns: Mapping[str, NDArray[Any]], texts: set[str], like: Any) -> Any:
    """Build a pandas frame with the dtypes of another; text carries null tokens."""
    import pandas as pd  # noqa: PLC0415  # only where training used it

    frame = {}
    for name, values in columns.items():
        own = like[name].dtype
        is_category = isinstance(own, pd.CategoricalDtype)
        if own.kind == "M":
            frame[name] = _times(values, own)
        elif name not in texts:
            is_own_null = not isinstance(own, np.dtype | pd.CategoricalDtype)
            frame[name] = pd.Series(values).astype(own) if is_own_null else pd.Series(values)
        else:
            cells = nulls_of(values)
            if getattr(own, "na_value", None) is pd.NA:
                cells[values == NULL_NAN] = pd.NA  # in objects as well
            # A text dtype of pandas turns None into NaN; rows with None stay objects.
            has_none = any(cell is None for cell in cells)
            frame[name] = pd.Series(cells, dtype=object if has_none or is_category else own)
    return _categorized(pd.DataFrame(frame), like)


def _times(epoch: NDArray[np.int64], own: Any) -> Any:
    """Turn int64 in the unit of training into times, on the clock of training."""
    import pandas as pd  # noqa: PLC0415  # only where training used it

    zone = getattr(own, "tz", None)
    series = pd.Series(
        epoch.astype(np.int64).view(f"datetime64[{own.unit if zone else np.datetime_data(own)[0]}]")
    )
    return series.dt.tz_localize("UTC").dt.tz_convert(zone) if zone else series


def _categorized(frame: Any, like: Any) -> Any:
    """Give category columns the dtype of training; words it did not see come behind its own.

    Only words of these rows: some libraries refuse a batch for a category that no row has.
    """
    for name in like.select_dtypes("category").columns.intersection(frame.columns):
        own = like[name].dtype
        found = frame[name].dropna().unique()
        added = [word for word in found if word not in own.categories]
        known = type(own)([*own.categories, *added], own.ordered)
        frame = frame.assign(**{name: frame[name].astype(known)})
    return frame
