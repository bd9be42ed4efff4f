"""Replays golden vectors on backends and judges the answers; spoils graphs to prove the judge."""

from preproc.parity.bisecting import StepFinding, bisect_steps, culprit
from preproc.parity.causes import Explanation, explain
from preproc.parity.difference import Difference, diff_artifacts, diff_to_json, print_diff
from preproc.parity.judging import Finding, Judged, judge_recording
from preproc.parity.junit import junit_of
from preproc.parity.recording import Recording, Setting, Trial, answers_as_golden
from preproc.parity.report import (
    labels_of,
    print_causes,
    print_differences,
    print_report,
    print_rows,
    print_steps,
    report_to_json,
    say,
)
from preproc.parity.running import record
from preproc.parity.selftest import Control, print_self_test, sees_nothing, self_test
from preproc.parity.spoil import SPOILERS, spoil
from preproc.parity.store import load_recording, save_recording
from preproc.parity.tolerances import Widening, parse_widening
from preproc.parity.worst import worst_rows

__all__ = [
    "SPOILERS",
    "Control",
    "Difference",
    "Explanation",
    "Finding",
    "Judged",
    "Recording",
    "Setting",
    "StepFinding",
    "Trial",
    "Widening",
    "answers_as_golden",
    "bisect_steps",
    "culprit",
    "diff_artifacts",
    "diff_to_json",
    "explain",
    "judge_recording",
    "junit_of",
    "labels_of",
    "load_recording",
    "parse_widening",
    "print_causes",
    "print_diff",
    "print_differences",
    "print_report",
    "print_rows",
    "print_self_test",
    "print_steps",
    "record",
    "report_to_json",
    "save_recording",
    "say",
    "sees_nothing",
    "self_test",
    "spoil",
    "worst_rows",
]
