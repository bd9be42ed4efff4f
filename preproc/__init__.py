"""preproc: a fitted scikit-learn pipeline as one ONNX graph that serves exactly what it learned."""

from preproc.artifact import Artifact, read_artifact
from preproc.compare import BITWISE, Comparison, Tolerance, compare
from preproc.contract import Contract
from preproc.errors import (
    ArtifactError,
    BackendAbsent,
    BackendError,
    ExportError,
    ParityError,
    PreprocError,
    ProofError,
    RefusedRows,
    SignatureError,
)
from preproc.signature import Column, Output, Rule, Signature

__all__ = [
    "BITWISE",
    "Artifact",
    "ArtifactError",
    "BackendAbsent",
    "BackendError",
    "Column",
    "Comparison",
    "Contract",
    "ExportError",
    "Output",
    "ParityError",
    "PreprocError",
    "ProofError",
    "RefusedRows",
    "Rule",
    "Signature",
    "SignatureError",
    "Tolerance",
    "compare",
    "read_artifact",
]
