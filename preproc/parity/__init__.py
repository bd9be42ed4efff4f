"""Replays golden vectors on backends and judges the answers; spoils graphs to prove the judge."""

from preproc.parity.difference import Difference, diff_artifacts, diff_to_json, print_diff
from preproc.parity.harness import BackendResult, ParityRun, bounds_of, run_parity
from preproc.parity.report import print_report, report_to_json
from preproc.parity.spoil import SPOILERS, spoil

__all__ = [
    "SPOILERS",
    "BackendResult",
    "Difference",
    "ParityRun",
    "bounds_of",
    "diff_artifacts",
    "diff_to_json",
    "print_diff",
    "print_report",
    "report_to_json",
    "run_parity",
    "spoil",
]
