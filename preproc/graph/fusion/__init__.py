"""The fused form: the same bits from fewer nodes."""

from preproc.graph.fusion.passes import PASSES, fuse

__all__ = ["PASSES", "fuse"]
