"""Turns a fitted scikit-learn pipeline into an artifact; the only package that imports it."""

from preproc.export.graph_transformer import GraphTransformer
from preproc.export.pipeline import export_pipeline

__all__ = ["GraphTransformer", "export_pipeline"]
