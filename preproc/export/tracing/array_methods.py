"""Methods of an array that are functions of numpy."""

from collections.abc import Callable
from typing import Any

import numpy as np

from preproc.export.tracing.tracer import Tracer


class ArrayMethods:
    """Methods that go the way of the function of the same name."""

    tracer: Tracer

    def _call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return self.tracer.functions[function](self, *args, **kwargs)

    def sum(self, *args: Any, **kwargs: Any) -> Any:
        """Sum within rows."""
        return self._call(np.sum, *args, **kwargs)

    def mean(self, *args: Any, **kwargs: Any) -> Any:
        """Mean within rows."""
        return self._call(np.mean, *args, **kwargs)

    def std(self, *args: Any, **kwargs: Any) -> Any:
        """Deviation within rows."""
        return self._call(np.std, *args, **kwargs)

    def var(self, *args: Any, **kwargs: Any) -> Any:
        """Variance within rows."""
        return self._call(np.var, *args, **kwargs)

    def min(self, *args: Any, **kwargs: Any) -> Any:
        """Smallest within rows."""
        return self._call(np.min, *args, **kwargs)

    def max(self, *args: Any, **kwargs: Any) -> Any:
        """Largest within rows."""
        return self._call(np.max, *args, **kwargs)

    def prod(self, *args: Any, **kwargs: Any) -> Any:
        """Product within rows."""
        return self._call(np.prod, *args, **kwargs)

    def any(self, *args: Any, **kwargs: Any) -> Any:
        """Whether any within rows."""
        return self._call(np.any, *args, **kwargs)

    def all(self, *args: Any, **kwargs: Any) -> Any:
        """Whether all within rows."""
        return self._call(np.all, *args, **kwargs)

    def cumsum(self, *args: Any, **kwargs: Any) -> Any:
        """Add up within rows, column by column."""
        return self._call(np.cumsum, *args, **kwargs)

    def argmax(self, *args: Any, **kwargs: Any) -> Any:
        """Place of the largest within rows."""
        return self._call(np.argmax, *args, **kwargs)

    def argmin(self, *args: Any, **kwargs: Any) -> Any:
        """Place of the smallest within rows."""
        return self._call(np.argmin, *args, **kwargs)

    def clip(self, *args: Any, **kwargs: Any) -> Any:
        """Clip."""
        return self._call(np.clip, *args, **kwargs)

    def round(self, *args: Any, **kwargs: Any) -> Any:
        """Round to decimals."""
        return self._call(np.round, *args, **kwargs)

    def reshape(self, *shape: Any, **_options: Any) -> Any:
        """Make a column of a vector, or a vector of a column."""
        return self._call(np.reshape, shape[0] if len(shape) == 1 else shape)

    def ravel(self, *_args: Any) -> Any:
        """Make a vector of a column."""
        return self._call(np.ravel)

    def flatten(self, *_args: Any) -> Any:
        """Make a vector of a column."""
        return self._call(np.ravel)

    def squeeze(self, *_args: Any) -> Any:
        """Make a vector of a column."""
        return self._call(np.squeeze)

    def dot(self, other: Any) -> Any:
        """Multiply by a constant matrix."""
        return self._call(np.dot, other)

    def __matmul__(self, other: Any) -> Any:
        return self._call(np.matmul, other)
