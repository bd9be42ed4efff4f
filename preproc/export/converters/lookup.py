"""From a fitted estimator to its converter, or to the error that names what comes close."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from preproc.export.answers import Answer
from preproc.export.scope import Scope
from preproc.export.table import Table

T = TypeVar("T")

_COVERAGE: Final = "docs/coverage.md lists what is exported"

ModelConverter = Callable[[Scope, Any, Table], tuple[Answer, ...]]
"""What a model's converter is; `TransformerConverter` gives a table instead."""

TransformerConverter = Callable[[Scope, Any, Table], Table]


def converter_of(
    converters: Mapping[type, T], scope: Scope, fitted: Any, foreign: Mapping[str, T] | None = None
) -> T:
    """Look a converter up by the exact class; `foreign` holds full names.

    Raises
    ------
    ExportError
        When there is none; subclasses are not what they are made of.
    """
    kind = type(fitted)
    foreign = foreign or {}
    converter = converters.get(kind) or foreign.get(full_name(fitted))
    if converter is None:
        names = [known.__name__ for known in converters]
        names += [known.rpartition(".")[2] for known in foreign]
        name = kind.__name__
        close = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        told = f"supported and close: {', '.join(close)}" if close else _COVERAGE
        raise scope.error(f"no converter for {name}; {told}")
    return converter


def full_name(fitted: Any) -> str:
    """Name the class of an object with its module."""
    return f"{type(fitted).__module__}.{type(fitted).__qualname__}"
