"""What stands for numpy's and scikit-learn's functions that no protocol covers."""

import random
import threading
from collections.abc import Callable, Mapping
from types import BuiltinFunctionType
from typing import Any, Final

import numpy as np
import sklearn.utils
import sklearn.utils.validation

from preproc.export.tracing.array import SymbolicArray, is_of_pandas, is_symbolic
from preproc.export.tracing.functions import FUNCTIONS
from preproc.export.tracing.patches import dispatching
from preproc.export.tracing.tracer import ROWS, Tracer

_RANDOM: Final = (
    "expected the same answer every time, got random numbers; draw them in fit() and keep them as "
    "an attribute"
)


def as_array(item: Any, dtype: Any = None, **_options: Any) -> Any:
    """Make an array of something symbolic."""
    if is_of_pandas(item):
        item = item.to_numpy()
    elif isinstance(item, list | tuple):
        item = _from_list(item)
    if dtype is None or not is_symbolic(item):
        return item
    return item.astype(dtype)


def _from_list(items: Any) -> Any:
    tracer: Tracer = next(item for item in items if hasattr(item, "tracer")).tracer
    return tracer.refuse(
        "expected rows to stay rows, got a list of columns, which become rows; use "
        "np.column_stack([...])"
    )


def new_array(item: Any, dtype: Any = None, **options: Any) -> Any:
    """Make an array that can change on its own."""
    array = as_array(item, dtype)
    ndmin = options.get("ndmin", 0)
    if ndmin > array.ndim:
        array.tracer.refuse(f"expected at most {array.ndim} dimensions, got ndmin={ndmin}")
    return array.copy()


def checked_array(item: Any, *_args: Any, dtype: Any = "numeric", **options: Any) -> Any:
    """Stand for ``check_array``: what it refuses is refused row by row."""
    array = as_array(item)
    tracer: Tracer = array.tracer
    if array.ndim != 2 and options.get("ensure_2d", True):  # noqa: PLR2004  # rows and columns
        raise ValueError("Expected 2D array, got 1D array instead")
    wanted = dtype[0] if isinstance(dtype, list | tuple) else dtype
    keeps = isinstance(dtype, list | tuple) and array.dtype in [np.dtype(kind) for kind in dtype]
    if wanted == "numeric":
        wanted = np.float64 if array.dtype.kind == "O" else None
    if wanted is not None and not keeps and array.dtype != np.dtype(wanted):
        array = array.astype(wanted)
    allows = options.get("ensure_all_finite", options.get("force_all_finite", True))
    if array.dtype.kind == "f" and allows is not False:
        value = array.value
        broken = tracer.op("IsInf", value.name)
        if allows is True:
            broken = tracer.op("Or", broken, tracer.op("IsNaN", value.name))
        text = (
            "check_array refuses NaN and infinity"
            if allows is True
            else ("check_array refuses infinity")
        )
        tracer.refuse_rows(broken, value, text)
    return array.copy() if options.get("copy") else array


def validated(_estimator: Any, X: Any = "no", y: Any = "no", **options: Any) -> Any:  # noqa: N803
    """Stand for ``validate_data`` at transform time."""
    if y is not None and not (isinstance(y, str) and y == "no"):
        X.tracer.refuse("expected transform(X), got a target")
    if options.pop("skip_check_array", False):
        return X
    options.pop("reset", None)
    return checked_array(X, **options)


class Columns:
    """Stands for ``np.c_``."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getitem__(self, items: Any) -> Any:
        parts = items if isinstance(items, tuple) else (items,)
        arrays = [as_array(p) if hasattr(p, "tracer") else p for p in parts]
        if not any(is_symbolic(array) for array in arrays):
            return self._original[items]
        return FUNCTIONS[np.column_stack](arrays)


def _filled(original: Callable[..., Any], cell: Any, tracer: Tracer) -> Callable[..., Any]:
    """Make a constant column where the number of rows is asked for."""

    def filled(shape: Any, *args: Any, **kwargs: Any) -> Any:
        sizes = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
        if not sizes or not isinstance(sizes[0], int) or sizes[0] != ROWS:
            return original(shape, *args, **kwargs)
        if len(sizes) > 2:  # noqa: PLR2004  # rows and columns
            tracer.refuse(f"expected at most two dimensions, got {len(sizes)}")
        content, rest = (args[0], args[1:]) if cell is None else (cell, args)
        content = kwargs.get("fill_value", content)
        dtype = kwargs.get("dtype", rest[0] if rest else None)
        if dtype is None:
            dtype = np.asarray(content).dtype if cell is None else np.float64
        width = sizes[1] if len(sizes) == 2 else 1  # noqa: PLR2004
        return SymbolicArray(tracer, tracer.filled(content, np.dtype(dtype), width), len(sizes))

    return filled


def refusing(original: Callable[..., Any], tracer: Tracer, problem: str) -> Callable[..., Any]:
    """Refuse calls from the thread that traces, and pass all others on."""
    thread = threading.get_ident()

    def refused(*args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() == thread:
            tracer.refuse(problem)
        return original(*args, **kwargs)

    return refused


def numpy_names(tracer: Tracer) -> Mapping[int, tuple[Any, Any]]:
    """Pair each function with what takes its place in one trace."""
    pairs: list[tuple[Any, Any]] = [
        (original, dispatching(original, traced))
        for original, traced in (
            (np.asarray, as_array),
            (np.asanyarray, as_array),
            (np.ascontiguousarray, as_array),
            (np.asfortranarray, as_array),
            (np.array, new_array),
            (np.atleast_2d, _atleast_2d),
            (sklearn.utils.check_array, checked_array),
            (sklearn.utils.validation.validate_data, validated),
            (sklearn.utils.validation._check_n_features, _nothing),  # noqa: SLF001
            (sklearn.utils.validation._check_feature_names, _nothing),  # noqa: SLF001
        )
    ]
    pairs.append((np.c_, Columns(np.c_)))
    for original, cell in ((np.zeros, 0.0), (np.ones, 1.0), (np.empty, 0.0), (np.full, None)):
        pairs.append((original, _filled(original, cell, tracer)))
    for module in (np.random, random):
        drawing = [item for item in vars(module).values() if _draws(item)]
        pairs += [(item, refusing(item, tracer, _RANDOM)) for item in drawing]
    return {id(original): (original, taking) for original, taking in pairs}


def _draws(item: Any) -> bool:
    """Whether something is a function of a module's own generator."""
    owner = getattr(item, "__self__", None)
    is_bound = isinstance(owner, np.random.RandomState | random.Random)
    is_bound |= isinstance(item, BuiltinFunctionType) and isinstance(owner, random.Random)
    return is_bound or item is np.random.default_rng


def _atleast_2d(item: Any) -> Any:
    array = as_array(item)
    if array.ndim == 1:
        array.tracer.refuse("expected (n, k), got np.atleast_2d of (n,), which makes one row of it")
    return array


def _nothing(*_args: Any, **_options: Any) -> None:
    """Stand for checks of names and widths, which the contract makes."""
