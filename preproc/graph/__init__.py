"""Builds and rewrites ONNX graphs; the only package that knows `onnx.helper`."""

from preproc.graph.arctangent import arcsine, arctangent, arctangent2
from preproc.graph.builder import Doubt, GraphBuilder, element_type
from preproc.graph.calendar import Civil, civil, days_of, floor_divide
from preproc.graph.characters import characters, joined_text, lengths, positions
from preproc.graph.coupling import coupled
from preproc.graph.cutting import cut, inner_dtypes
from preproc.graph.ensembles import LeafTable, Tree, forest_sum, tree_sum
from preproc.graph.erf import erf
from preproc.graph.expm1 import expm1
from preproc.graph.exponential import exponential, logistic
from preproc.graph.fast import fast
from preproc.graph.fusion import fuse, restructure
from preproc.graph.halves import Halves, lower
from preproc.graph.listing import nodes_by_step
from preproc.graph.logarithm import binary_logarithm, decimal_logarithm, log1p, logarithm
from preproc.graph.loops import Carried, loop_body
from preproc.graph.normal import normal_quantile
from preproc.graph.packing import PACKED_INPUTS, PackedGraph, pack
from preproc.graph.picture import picture_of
from preproc.graph.probe import expose
from preproc.graph.pruning import pruned, unused_inputs
from preproc.graph.ranks import search_tree
from preproc.graph.rounding import Approximate, bounds
from preproc.graph.single import is_inside
from preproc.graph.softmax import softmax
from preproc.graph.sums import ordered_sum, paired_sum, pairwise_sum
from preproc.graph.tanh import tanh
from preproc.graph.trigonometry import cosine, sine
from preproc.graph.vocabulary import lookup

__all__ = [
    "PACKED_INPUTS",
    "Approximate",
    "Carried",
    "Civil",
    "Doubt",
    "GraphBuilder",
    "Halves",
    "LeafTable",
    "PackedGraph",
    "Tree",
    "arcsine",
    "arctangent",
    "arctangent2",
    "binary_logarithm",
    "bounds",
    "characters",
    "civil",
    "cosine",
    "coupled",
    "cut",
    "days_of",
    "decimal_logarithm",
    "element_type",
    "erf",
    "expm1",
    "exponential",
    "expose",
    "fast",
    "floor_divide",
    "forest_sum",
    "fuse",
    "inner_dtypes",
    "is_inside",
    "joined_text",
    "lengths",
    "log1p",
    "logarithm",
    "logistic",
    "lookup",
    "loop_body",
    "lower",
    "nodes_by_step",
    "normal_quantile",
    "ordered_sum",
    "pack",
    "paired_sum",
    "pairwise_sum",
    "picture_of",
    "positions",
    "pruned",
    "restructure",
    "search_tree",
    "sine",
    "softmax",
    "tanh",
    "tree_sum",
    "unused_inputs",
]
