"""A step's graph with inputs of its own, and the real rows that it takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from preproc.export.scope import Ground, Scope
from preproc.export.table import Table
from preproc.graph import GraphBuilder
from preproc.runtime.backends.onnxruntime_cpu import open_executor
from preproc.signature import ROW_ERROR, TEXT, Column, Output, Rule

REAL_ROWS: Final = 128

Convert = Callable[[Scope, Table, float], tuple[Table, frozenset[float | str]]]
"""Scope, what the step takes, nudge → what it gives, constants of the user's code."""


@dataclass(frozen=True, slots=True)
class Alone:
    """A step's graph with inputs of its own.

    Attributes
    ----------
    run
        A matrix a block → a matrix a block that it gives, and ``row_error``.
    given
        What the step gives.
    constants
        Of the user's code.
    rules
        Why rows are refused.
    """

    run: Callable[[Sequence[NDArray[Any]]], tuple[list[NDArray[Any]], NDArray[np.int32]]]
    given: Table
    constants: frozenset[float | str]
    rules: tuple[Rule, ...]


def alone(scope: Scope, table: Table, convert: Convert, nudge: float = 0.0) -> Alone:
    """Convert a step in a graph that holds nothing else."""
    graph = GraphBuilder()
    blocks, names = [], []
    for at, block in enumerate(table.blocks):
        dtype = _wire(block.dtype)
        name = graph.input(Column(f"in_{at}", dtype, width=block.width))
        names.append(name)
        blocks.append(replace(block, value=name))
    inner = replace(scope, graph=graph, steps=[])
    given, constants = convert(inner, replace(table, blocks=tuple(blocks)), nudge)
    outputs = []
    for at, block in enumerate(given.blocks):
        value, dtype = block.value, _wire(block.dtype)
        if dtype == "bool":
            value, dtype = inner.cast(value, "int64"), "int64"
        poison: Any = "" if dtype == TEXT else None if dtype.startswith("float") else 0
        outputs.append((value, Output(f"out_{at}", "features", dtype, block.width, poison)))
    executor = open_executor(graph.finish(outputs))

    def run(matrices: Sequence[NDArray[Any]]) -> tuple[list[NDArray[Any]], NDArray[np.int32]]:
        feeds = dict(zip(names, matrices, strict=True))
        answers = executor.execute(feeds)
        return [answers[f"out_{at}"] for at in range(len(outputs))], answers[ROW_ERROR]

    return Alone(run, given, constants, graph.rules)


def real_rows(ground: Ground, table: Table) -> list[NDArray[Any]]:
    """Run the graph so far on real rows: a matrix a block of what a step takes."""
    rows = {name: values[:REAL_ROWS] for name, values in ground.rows.items()}
    made = [block for block in table.blocks if block.value not in rows]
    found = dict(rows)
    if made:
        wanted = [(block.value, _wire(block.dtype), block.width) for block in made]
        found |= open_executor(ground.graph.so_far(wanted)).execute(rows)
    return [found[block.value] for block in table.blocks]


def _wire(dtype: str) -> str:
    return "int64" if dtype.startswith(("datetime64", "timedelta64")) else dtype
