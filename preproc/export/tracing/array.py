"""A symbolic array: what user code sees in the place of an array (n,) or (n, k).

Why numpy's protocols: ``__array_ufunc__`` and ``__array_function__`` hand every operation of
unmodified code over to us, with its arguments; the one thing they do not cover, ``np.asarray`` and
its like, is covered by `patches`. ``__class__`` says ``numpy.ndarray``, so that ``isinstance`` in
user code and in libraries takes the way that it takes for an array, without one being there.
"""

import builtins
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from preproc.export.tracing.advice import cells_asked, not_traced
from preproc.export.tracing.apply import Operand, applied, plain
from preproc.export.tracing.array_methods import ArrayMethods
from preproc.export.tracing.columns import broadcast, chosen, replaced, taken
from preproc.export.tracing.tracer import BOOL, ROWS, Tracer, Value

_ROW_WISE = "an answer depends on its row alone"


class SymbolicArray(ArrayMethods, NDArrayOperatorsMixin):
    """Stands for an array of n rows while user code is traced.

    Parameters
    ----------
    tracer
        Of this run.
    value
        What it holds now; assignments put another one in its place.
    ndim
        1 or 2.
    rows
        Rows to which it is confined after ``x[mask]``, or empty.
    base
        The array of which it is a view, and the columns that it sees: what is written into one is
        written into both.
    """

    __array_priority__ = 1000

    def __init__(
        self,
        tracer: Tracer,
        value: Value,
        ndim: int,
        rows: str = "",
        base: "tuple[SymbolicArray, list[int]] | None" = None,
    ) -> None:
        self.tracer = tracer
        self._value = value
        self._base = base
        self._seen = base[0].value if base else value
        self.ndim = ndim
        self.rows = rows

    @property
    def __class__(self) -> Any:
        return np.ndarray

    @__class__.setter
    def __class__(self, kind: type) -> None:
        raise TypeError(kind)

    @property
    def value(self) -> Value:
        """What it holds now."""
        if self._base is not None and self._base[0].value is not self._seen:
            array, at = self._base
            self._seen = array.value
            self._value = taken(self.tracer, self._seen, at)
        return self._value

    @value.setter
    def value(self, new: Value) -> None:
        self._value = new
        if self._base is not None:
            array, at = self._base
            array.value = replaced(self.tracer, array.value, at, new)
            self._seen = array.value

    # What an array tells of itself

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype that numpy would give it."""
        return self.value.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, which nobody knows yet, and columns."""
        return (ROWS, self.value.width)[: self.ndim]

    @property
    def size(self) -> int:
        """Not known."""
        return self.tracer.refuse(f"expected code that does not count cells; {_ROW_WISE}")

    @property
    def T(self) -> NoReturn:  # noqa: N802  # numpy's name
        """Not traced."""
        self.tracer.refuse("expected rows to stay rows, got a transposed array")

    @property
    def values(self) -> "SymbolicArray":
        """Itself, as of a frame."""
        return self

    def __len__(self) -> int:
        return ROWS

    # What would need the data

    def __bool__(self) -> bool:  # noqa: PLE0304  # it raises
        self.tracer.refuse(
            "expected no branch on data, got if, and, or, not on values of rows; use "
            "np.where(condition, a, b), &, | and ~"
        )

    def __float__(self) -> float:
        return self._scalar("float()")

    def __int__(self) -> int:
        return self._scalar("int()")

    def __complex__(self) -> complex:
        return self._scalar("complex()")

    def __index__(self) -> int:
        return self._scalar("an index")

    def __iter__(self) -> Iterator[Any]:
        self.tracer.refuse("expected no loop over rows, got one; write it with whole columns")

    def __contains__(self, item: object) -> bool:
        self.tracer.refuse("expected no branch on data, got in; use np.isin(x, [...])")

    def __array__(self, *_args: Any, **_kwargs: Any) -> Any:
        self.tracer.refuse(cells_asked())

    def __reduce__(self) -> Any:
        self.tracer.refuse("expected no copy by pickle, got one")

    def _scalar(self, what: str) -> NoReturn:
        self.tracer.refuse(
            f"expected whole columns, got {what} of values of rows; use functions of numpy in "
            "place of those of math"
        )

    def tolist(self) -> NoReturn:
        """Not traced."""
        self.tracer.refuse("expected whole columns, got a list of cells")

    def item(self, *_args: Any) -> NoReturn:
        """Not traced."""
        self._scalar("one item")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"'numpy.ndarray' object has no attribute {name!r}")
        self.tracer.refuse(f"ndarray.{name} is not traced")

    # Operations

    def __array_ufunc__(  # noqa: C901  # numpy's protocol has as many cases
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any
    ) -> Any:
        if any(is_of_pandas(item) for item in (*inputs, *(out or ()))):
            return NotImplemented
        if method == "reduce":
            function = _REDUCERS.get(ufunc.__name__)
            if function is None:
                self.tracer.refuse(f"np.{ufunc.__name__}.reduce is not traced")
            return self.tracer.functions[function](inputs[0], **kwargs)
        if method != "__call__":
            self.tracer.refuse(f"np.{ufunc.__name__}.{method} is not traced")
        where = kwargs.pop("where", True)
        dtype = kwargs.pop("dtype", None)
        kwargs.pop("casting", None)
        if kwargs:
            self.tracer.refuse(f"np.{ufunc.__name__} with {sorted(kwargs)} is not traced")
        result = elementwise(self.tracer, ufunc, inputs)
        if dtype is not None:
            result = result.astype(dtype)
        target = out[0] if out else None
        if where is not True:
            if target is None:
                self.tracer.refuse("expected out= beside where=, got rows without a value")
            result = self.tracer.functions[np.where](where, result, target)
        if target is None:
            return result
        if not isinstance(target, SymbolicArray):
            self.tracer.refuse("expected out= of the traced data, got a constant array")
        target.assign(result)
        return target

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        found = self.tracer.functions.get(function)
        if found is None:
            name = getattr(function, "__name__", str(function))
            self.tracer.refuse(not_traced(f"np.{name}"))
        return found(*args, **kwargs)

    def like(self, value: Value, ndim: int | None = None) -> "SymbolicArray":
        """Make another array of the same trace and rows."""
        return SymbolicArray(self.tracer, value, self.ndim if ndim is None else ndim, self.rows)

    def assign(self, result: Any) -> None:
        """Put a result in the place of what the array held, in its own dtype."""
        if isinstance(result, SymbolicArray):
            if not np.can_cast(result.dtype, self.dtype, "same_kind"):
                raise TypeError(f"Cannot cast from {result.dtype} to {self.dtype}")
            value = result.value
        else:
            value = self.tracer.filled(result, self.dtype, self.value.width)
        value = self.tracer.cast(value, self.dtype)
        if value.width != self.value.width:
            value = broadcast(self.tracer, value, self.value.width)
        self.value = value

    def astype(self, dtype: Any, **_options: Any) -> "SymbolicArray":
        """Change the dtype."""
        return self.like(self.tracer.cast(self.value, np.dtype(dtype)))

    def copy(self, *_args: Any, **_options: Any) -> "SymbolicArray":
        """Make an array that can change on its own."""
        return self.like(self.value)

    def view(self, *_args: Any) -> "SymbolicArray":
        """Not traced but as a copy."""
        if _args and not isinstance(_args[0], builtins.type):
            self.tracer.refuse("expected astype, got view, which reads bits as another dtype")
        return self.like(self.value)

    def fill(self, cell: Any) -> None:
        """Set every cell."""
        self.assign(cell)

    # Choosing and setting

    def __getitem__(self, key: Any) -> "SymbolicArray":
        rows, columns = self._key(key)
        array = self
        if isinstance(rows, SymbolicArray):
            array = self._confined(rows)
        if columns is None:
            return array
        return array._columns(columns)  # noqa: SLF001  # of the same class

    def _key(self, key: Any) -> tuple[Any, Any]:
        """Split an index into rows and columns; None for all columns, "new" for a new axis."""
        parts = key if isinstance(key, tuple) else (key,)
        if Ellipsis in [part for part in parts if part is Ellipsis]:
            at = next(i for i, part in enumerate(parts) if part is Ellipsis)
            fill = self.ndim - sum(1 for p in parts if p is not None and p is not Ellipsis)
            parts = (*parts[:at], *[slice(None)] * fill, *parts[at + 1 :])
        if isinstance(parts[0], slice) and parts[0] != slice(None):
            self.tracer.refuse(f"expected all rows, got rows {parts[0]}; {_ROW_WISE}")
        if not isinstance(parts[0], slice | SymbolicArray):
            self.tracer.refuse(f"expected all rows, got {parts[0]!r}; {_ROW_WISE}")
        rows = parts[0] if isinstance(parts[0], SymbolicArray) else None
        rest = parts[1:]
        if self.ndim == 1:
            if rest == (None,):
                return rows, "new"
            if rest:
                raise IndexError("too many indices for array: array is 1-dimensional")
            return rows, None
        if len(rest) > 1:
            self.tracer.refuse("expected at most two dimensions, got another index")
        return rows, (rest[0] if rest else None)

    def _confined(self, mask: "SymbolicArray") -> "SymbolicArray":
        if mask.dtype != BOOL:
            self.tracer.refuse("expected a condition for rows, got numbers")
        if self.rows and self.rows != mask.value.name:
            self.tracer.refuse("expected one condition for rows, got one on top of another")
        ndim = 1 if mask.ndim == self.ndim else self.ndim
        if mask.ndim == self.ndim == 2 and self.value.width > 1:  # noqa: PLR2004
            ndim = 2
        return SymbolicArray(self.tracer, self.value, ndim, mask.value.name)

    def _columns(self, columns: Any) -> "SymbolicArray":
        if isinstance(columns, str):  # a new axis
            return self.like(self.value, 2)
        if columns is None:
            self.tracer.refuse("expected at most two dimensions, got a third")
        is_one = isinstance(columns, int | np.integer)
        at = np.atleast_1d(np.arange(self.value.width)[columns]).tolist()
        base = (self, at) if (is_one or isinstance(columns, slice)) and not self.rows else None
        value = taken(self.tracer, self.value, at)
        return SymbolicArray(self.tracer, value, 1 if is_one else 2, self.rows, base)

    def __setitem__(self, key: Any, cells: Any) -> None:
        rows, columns = self._key(key)
        if isinstance(columns, str):
            columns = None
        width = self.value.width
        at = (
            list(range(width))
            if columns is None
            else np.atleast_1d(np.arange(width)[columns]).tolist()
        )
        part = taken(self.tracer, self.value, at)
        new = self._incoming(cells, part, rows)
        if rows is not None:
            condition = rows.value
            new = chosen(self.tracer, condition, new, part)
        self.value = replaced(self.tracer, self.value, at, new)

    def _incoming(self, cells: Any, part: Value, rows: Any) -> Value:
        """Bring what is assigned into the dtype and the width of its place."""
        if isinstance(cells, SymbolicArray):
            mask = rows.value.name if rows is not None else ""
            if cells.rows != mask:
                self.tracer.refuse("expected values of the rows that are set, got those of others")
            value = self.tracer.cast(cells.value, part.dtype)
        else:
            value = self.tracer.filled(cells, part.dtype, part.width)
        return broadcast(self.tracer, value, part.width)


_REDUCERS: Final[Mapping[str, Callable[..., Any]]] = {
    "add": np.sum,
    "multiply": np.prod,
    "maximum": np.max,
    "minimum": np.min,
    "logical_and": np.all,
    "logical_or": np.any,
}


def is_of_pandas(item: Any) -> bool:
    """Whether an object is a symbolic series or frame."""
    return hasattr(builtins.type(item), "is_symbolic_pandas")


def is_symbolic(item: Any) -> bool:
    """Whether an object is a symbolic array."""
    return issubclass(builtins.type(item), SymbolicArray)


def operand_of(item: Any) -> Operand:
    """Give the value of a symbolic array, and a constant as it is."""
    return item.value if is_symbolic(item) else item


def elementwise(tracer: Tracer, ufunc: np.ufunc, inputs: Sequence[Any]) -> SymbolicArray:
    """Apply a ufunc where at least one input is symbolic."""
    inputs = [plain(item) for item in inputs]
    ndim = joint_ndim(tracer, inputs)
    mask = joint_mask(tracer, inputs)
    value = applied(tracer, ufunc, [operand_of(item) for item in inputs])
    return SymbolicArray(tracer, value, ndim, mask)


def joint_mask(tracer: Tracer, inputs: Sequence[Any]) -> str:
    """Give the one condition to which inputs are confined."""
    masks = {item.rows for item in inputs if is_symbolic(item)}
    if len(masks) > 1:
        tracer.refuse("expected values of the same rows, got those of different conditions")
    return masks.pop() if masks else ""


def joint_ndim(tracer: Tracer, inputs: Sequence[Any]) -> int:
    """Check that inputs broadcast row by row, and count the dimensions of the result."""
    symbolic = [item for item in inputs if is_symbolic(item)]
    constants = [np.asarray(item) for item in inputs if not is_symbolic(item)]
    ndims = {item.ndim for item in symbolic}
    if len(ndims) > 1:
        tracer.refuse(
            "expected arrays of shape (n, 1) or (n, k) beside each other, got (n,) beside (n, k), "
            "which numpy lines up by columns; write x[:, None]"
        )
    ndim: int = ndims.pop()
    for constant in constants:
        is_row = (
            constant.ndim == 0
            or constant.size == 1
            or (
                ndim == 2 and (constant.ndim == 1 or constant.shape[0] == 1)  # noqa: PLR2004
            )
        )
        if not is_row or constant.ndim > 2:  # noqa: PLR2004
            tracer.refuse(
                f"expected a constant or one number a column, got an array {constant.shape} "
                "along the rows"
            )
        ndim = max(ndim, constant.ndim if constant.size > 1 else ndim)
    return ndim
