"""The way in: a step of the user's own, converted and held against its real function at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sklearn.preprocessing import FunctionTransformer

from preproc.errors import ExportError
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
    try:
        with _as_fitted(fitted):
            given, _ = traced(scope, fitted, table)
    except ExportError as error:
        if scope.ground is None or not can_be_declared(table):
            raise
        raise scope.error(
            f"{error.problem}; or, if each word alone decides, declare "
            f"tabulate=[{scope.path!r}]: a table over the words of training, which refuses others"
        ) from error

    def convert(inner: Scope, taken: Table, nudge: float) -> tuple[Table, frozenset[float | str]]:
        with _as_fitted(fitted):
            result, tracer = traced(inner, fitted, taken, nudge=nudge)
        return result, frozenset(tracer.kept)

    prove_step(scope, fitted, table, convert)
    return given


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
