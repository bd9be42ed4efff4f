"""The page of a parity report: every section, the same each time; and JUnit for machines."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import onnx
import pytest

from preproc import Artifact
from preproc.page import render_page
from preproc.parity import bisect_steps, judge_recording, junit_of, parse_widening, record, spoil
from preproc.parity.page import page_of
from preproc.parity.recording import Unrun
from preproc.parity.series import errors_of

SECTIONS = ("verdicts", "objections", "steps", "errors", "placement", "environment", "bounds")


@pytest.fixture(scope="module")
def page(logistic_artifact: Artifact) -> str:
    """A page with something in every section: a spoiled graph, an absent backend, a widening."""
    model = spoil(onnx.ModelProto.FromString(logistic_artifact.model), "a wrong vocabulary")
    wrong = replace(logistic_artifact, model=model.SerializeToString())
    made = record(wrong, ["onnxruntime-cpu", "reference"], sizes=("3",), every_setting=False)
    recording = replace(made, unrun=(Unrun("cuda", "backend 'cuda': <no> device"),))
    judged = judge_recording(recording, widenings=[parse_widening("scores=1e-9")])
    trial = recording.trials[0]
    steps = {str(trial.setting): bisect_steps(wrong, recording, trial)}
    return render_page(page_of(recording, judged, steps))


def test_every_section_is_there_and_nothing_comes_from_elsewhere(page: str) -> None:
    assert tuple(re.findall(r'<section id="(\w+)"', page)) == SECTIONS
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!#)', re.sub(r"xlink:href", "href", page))
    assert "url(http" not in page
    assert "&lt;no&gt; device" in page
    assert "<no>" not in page
    assert "may be off by 1e-09 absolute" in page
    assert '<span class="badge breach">locally wrong</span>' in page
    assert len(re.findall(r"<svg ", page)) == 3
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_the_same_report_is_the_same_page(logistic_artifact: Artifact) -> None:
    recording = record(logistic_artifact, ["onnxruntime-cpu"], sizes=(), every_setting=False)
    judged = judge_recording(recording)
    page = render_page(page_of(recording, judged))
    assert page == render_page(page_of(recording, judged))
    assert 'id="objections"' not in page


def test_where_nothing_ran_the_page_says_why_and_no_more(logistic_artifact: Artifact) -> None:
    made = record(logistic_artifact, ["onnxruntime-cpu"], sizes=(), every_setting=False)
    nothing = replace(made, trials=(), unrun=(Unrun("cuda", "backend 'cuda': no device"),))
    page = render_page(page_of(nothing, judge_recording(nothing)))
    assert re.findall(r'<section id="(\w+)"', page) == ["objections"]
    assert "Nothing ran; absent: cuda." in page


def test_the_bound_that_is_drawn_for_a_device_holds_its_slack(logistic_artifact: Artifact) -> None:
    made = record(logistic_artifact, ["onnxruntime-cpu"], sizes=(), every_setting=False)
    (trial,) = made.trials
    rows = next(one for one in logistic_artifact.vectors if one.name == "real").rows
    slack = {"real": {"scores": np.array([1e-5, np.inf] + [1e-6] * (rows - 2))}}
    device = replace(made, trials=(replace(trial, slack=slack),))
    judged = judge_recording(made)
    plain, eased = (
        {found.output: max(found.bounds.values()) for found in errors_of(one, judged)}
        for one in (made, device)
    )
    assert eased["scores"] == plain["scores"] + 1e-5
    assert eased["probabilities"] == plain["probabilities"]


def test_junit_counts_failures_and_tells_what_is_absent(logistic_artifact: Artifact) -> None:
    model = spoil(onnx.ModelProto.FromString(logistic_artifact.model), "the poison removed")
    wrong = replace(logistic_artifact, model=model.SerializeToString())
    made = record(wrong, ["onnxruntime-cpu"], sizes=(), every_setting=False)
    idle = (Unrun("cuda", "no \0 device"), Unrun("webgpu", "none"))
    judged = judge_recording(replace(made, unrun=idle), require=["cuda"])
    root = ET.fromstring(junit_of(judged))  # noqa: S314  # our own
    assert root.get("failures") == str(len(judged.breaches)) == "3"
    assert (root.get("errors"), root.get("skipped")) == ("1", "1")
    assert int(root.get("tests", "0")) == len(judged.findings) + 2
    failures = [
        case.get("name") for case in root.iter("testcase") if case.find("failure") is not None
    ]
    assert failures == [
        "refused, label, poison",
        "refused, probabilities, poison",
        "refused, scores, poison",
    ]
    (error,) = root.iter("error")
    assert error.get("message") == "absent: no ? device"
