"""The way in: a step of the user's own, converted and held against its real function at once."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sklearn.preprocessing import FunctionTransformer

from preproc.errors import ExportError, ProofError
from preproc.export.scope import Scope
from preproc.export.table import Table
from preproc.export.tracing.declared import can_be_declared
from preproc.export.tracing.steps import traced
from preproc.export.tracing.tabulated import is_tabulated, tabulated
from preproc.export.tracing.trial import prove_step


def is_traceable(fitted: Any) -> bool:
    """Whether a step is Python code of a user or of another library.

    A class that takes ``transform`` from scikit-learn is not: what it changes is hidden in there.
    """
    if isinstance(fitted, FunctionTransformer):
        return fitted.func is not None
    if not hasattr(fitted, "transform") or hasattr(fitted, "predict"):
        return False
    owner = next((kind for kind in type(fitted).__mro__ if "transform" in vars(kind)), object)
    return not owner.__module__.startswith("sklearn.")


def trace_step(scope: Scope, fitted: Any, table: Table) -> Table:
    """Trace a step and prove it.

    Raises
    ------
    ExportError
        With file, line and expression of what cannot be traced.
    ProofError
        With the row on which the graph and the function differ.
    """
    if is_tabulated(fitted):
        return own_step(scope, fitted, table, tabulated)
    with _as_fitted(fitted):
        return _traced_and_proved(scope, fitted, table)


@contextmanager
def _as_fitted(fitted: Any) -> Iterator[None]:
    """Give a step its attributes back: ``transform`` may keep what it saw, here symbols."""
    before = dict(vars(fitted))
    try:
        yield
    finally:
        vars(fitted).clear()
        vars(fitted).update(before)


def _traced_and_proved(scope: Scope, fitted: Any, table: Table) -> Table:
    asks = False

    def attempt(*, mends: bool) -> Table:
        def convert(
            inner: Scope, taken: Table, nudge: float
        ) -> tuple[Table, frozenset[float | str]]:
            nonlocal asks
            with _as_fitted(fitted):
                result, tracer = traced(inner, fitted, taken, nudge=nudge, mends=mends)
            asks = tracer.asks
            return result, frozenset(tracer.kept)

        prove_step(scope, fitted, table, convert)
        return convert(scope, table, 0.0)[0]

    try:
        return attempt(mends=False)
    except ProofError:
        if not asks:
            raise
        with suppress(ExportError, ProofError):
            return attempt(mends=True)
        raise
    except ExportError as error:
        problem = f"{_origin_of(fitted)}{error.problem}"
        if scope.ground is not None and can_be_declared(table):
            problem += (
                f"; or, if each word alone decides, declare tabulate=[{scope.path!r}]: a table "
                "over the words of training, which refuses others"
            )
        raise scope.error(problem) from error


def _origin_of(fitted: Any) -> str:
    """Name a class of an installed library, whose code its user has not written."""
    kind = type(fitted)
    file = getattr(sys.modules.get(kind.__module__), "__file__", None) or ""
    is_installed = "-packages/" in file and not kind.__module__.startswith("sklearn.")
    return f"{kind.__name__} of {kind.__module__.partition('.')[0]}: " if is_installed else ""


def own_step(
    scope: Scope, fitted: Any, table: Table, converter: Callable[[Scope, Any, Table], Table]
) -> Table:
    """Convert a step by the user's own converter and prove it like a trace.

    Raises
    ------
    ProofError
        With the row on which the graph and the real ``transform`` differ.
    """
    given = converter(scope, fitted, table)

    def convert(inner: Scope, taken: Table, _nudge: float) -> tuple[Table, frozenset[float | str]]:
        return converter(inner, fitted, taken), frozenset()

    prove_step(scope, fitted, table, convert)
    return given
