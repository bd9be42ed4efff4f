"""The fused form: the same bits from fewer nodes."""

from preproc.graph.fusion.passes import DETAILS, STRUCTURE, fuse, restructure

__all__ = ["DETAILS", "STRUCTURE", "fuse", "restructure"]
