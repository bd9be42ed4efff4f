"""Large batches in chunks of rows that stay in the processor's cache, on as many threads as asked.

A row's answer depends on that row alone, so where a batch is cut changes no bit. ONNX Runtime
itself stays on one thread, for with more it splits sums; calls from several threads do not.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.runtime.executor import Executor, Placed

CHUNK_ROWS: Final = 512
"""Above it a hundred columns of float64 no longer fit into half a megabyte of cache."""

Arrays = Mapping[str, NDArray[Any]]


class ChunkedExecutor(Executor):
    """An executor that is given at most `CHUNK_ROWS` rows at a time.

    Parameters
    ----------
    inner
        What computes; with several workers, from several threads at once.
    workers
        Threads that chunks of one batch are spread over.
    """

    def __init__(self, inner: Executor, workers: int = 1) -> None:
        self._inner = inner
        self._execute = inner.execute
        self._pool = ThreadPoolExecutor(workers) if workers > 1 else None

    def execute(self, feeds: Arrays) -> dict[str, NDArray[Any]]:
        """Compute all outputs from all inputs, in order of the rows."""
        for values in feeds.values():  # the first tells; the quickest way to it
            if len(values) > CHUNK_ROWS:
                return self._execute_parts(feeds, len(values))
            break
        return self._execute(feeds)

    def _execute_parts(self, feeds: Arrays, rows: int) -> dict[str, NDArray[Any]]:
        parts = [
            {name: values[start : start + CHUNK_ROWS] for name, values in feeds.items()}
            for start in range(0, rows, CHUNK_ROWS)
        ]
        run = map if self._pool is None else self._pool.map
        return _joined(list(run(self._execute, parts)))

    def close(self) -> None:
        """Close the inner executor and end the threads."""
        if self._pool is not None:
            self._pool.shutdown()
        self._inner.close()

    def placement(self) -> Sequence[Placed]:
        """Tell what the inner executor tells."""
        return self._inner.placement()

    @property
    def device(self) -> str:
        """Tell what the inner executor tells."""
        return self._inner.device

    @property
    def takes_utf8(self) -> bool:
        """Tell what the inner executor tells."""
        return self._inner.takes_utf8

    def environment(self) -> Mapping[str, str]:
        """Tell what the inner executor tells."""
        return self._inner.environment()


def _joined(parts: Sequence[Arrays]) -> dict[str, NDArray[Any]]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
