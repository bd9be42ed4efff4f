"""User code in the graph: run once on symbolic columns, written as nodes, proved row by row."""

from preproc.export.tracing.declared import tabulate_step
from preproc.export.tracing.entry import is_traceable, own_step, trace_step

__all__ = ["is_traceable", "own_step", "tabulate_step", "trace_step"]
