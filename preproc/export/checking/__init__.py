"""Asks a fitted pipeline the same question in other ways: what serving relies on must hold."""

from preproc.export.checking.check import CheckReport, check_pipeline
from preproc.export.checking.relations import Finding
from preproc.export.checking.report import check_to_json, print_check

__all__ = ["CheckReport", "Finding", "check_pipeline", "check_to_json", "print_check"]
