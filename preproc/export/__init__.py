"""Turns a fitted scikit-learn pipeline into an artifact; the only package that imports it."""

from preproc.export.graph_transformer import GraphTransformer
from preproc.export.pipeline import export_pipeline
from preproc.export.scope import Scope
from preproc.export.table import Block, Feature, Table

__all__ = ["Block", "Feature", "GraphTransformer", "Scope", "Table", "export_pipeline"]
