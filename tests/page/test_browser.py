"""Every kind of page, looked at by a browser without a window: whole, quiet, legible, not blank."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from sklearn.pipeline import Pipeline

from preproc import Artifact
from preproc.artifact import read_artifact
from preproc.export.replaying import PipelineWitness
from preproc.page import render_page
from preproc.page.style import DARK, LIGHT
from preproc.parity import judge_recording, record, spoil
from preproc.parity.page import page_of
from preproc.parity.recording import Unrun
from preproc.runtime import open_session
from preproc.runtime.gate import tolerances_of
from preproc.skew import open_log
from preproc.skew.diagnose import diagnose
from preproc.skew.diagnose_page import diagnosis_page
from preproc.skew.diagnose_report import diagnosis_to_json
from preproc.skew.replay import replay_part
from preproc.skew.replay_page import replay_page
from preproc.skew.replay_report import replay_to_json
from preproc.skew.watch_page import watch_page
from tests.conftest import make_table
from tests.page.looking import look_at, pixels_near
from tests.skew.logging_rows import write_log
from tests.skew.worlds import asked_wrong, case_of, train


def test_a_browser_shows_every_page_without_a_complaint(
    logistic: Pipeline, logistic_artifact: Artifact, tmp_path: Path
) -> None:
    pages = {
        "parity": parity_page(logistic_artifact),
        "replay": replay_of(logistic, logistic_artifact, tmp_path / "log"),
        "diagnosis": diagnosis_of(),
        "monitor": monitor_page(),
        "ugly": ugly_page(),
    }
    looks = look_at(pages, tmp_path)
    assert len(looks.complaints) == 2  # those that are planted, one a window
    assert all("planted" in line for line in looks.complaints)
    pictures = {"parity": 3, "replay": 5, "diagnosis": 10, "monitor": 4}
    for shown, seen in looks.seen.items():
        name, _ = shown.split()
        if name == "ugly":
            assert seen["clashes"] == ["over / another"]
            assert seen["cut"] == ["cut"]
            assert len(seen["nameless"]) == 1
            assert seen["wide"] > 100
            continue
        good = {"clashes": [], "cut": [], "nameless": [], "wide": 0}
        assert seen == good | {"pictures": pictures[name]}, shown
    for name in pictures:
        for pixels, theme in ((looks.wide[name], LIGHT), (looks.narrow[name], DARK)):
            assert pixels_near(pixels, theme["paper"]) > pixels.size / 3 / 5, name
            assert pixels_near(pixels, theme["ink"]) > 500, name
            assert pixels_near(pixels, theme["breach"]) > 500, name


def parity_page(artifact: Artifact) -> str:
    """A spoiled graph, an absent backend."""
    model = spoil(onnx.ModelProto.FromString(artifact.model), "a wrong vocabulary")
    wrong = replace(artifact, model=model.SerializeToString())
    made = record(wrong, ["onnxruntime-cpu"], sizes=(), every_setting=False)
    recording = replace(made, unrun=(Unrun("cuda", "backend 'cuda': no device"),))
    return render_page(page_of(recording, judge_recording(recording)))


def replay_of(pipeline: Pipeline, artifact: Artifact, log: Path) -> str:
    """Answers of which some are another label, some other numbers, some null."""
    assert artifact.path is not None
    served = read_artifact(artifact.path)

    def spoiled(answers: dict[str, Any]) -> None:
        answers["label"] = np.where(
            np.arange(200) % 50 == 7, 1 - answers["label"], answers["label"]
        )
        scores = answers["scores"].copy()
        scores[::40] += np.linspace(1e-9, 0.5, 5)
        scores[3] = np.nan
        answers["scores"] = scores

    with open_session(artifact.path) as session:
        rows = make_table(200, seed=7).drop(columns="unread")
        write_log(log, served, session, rows, spoil=spoiled)
    (part,) = open_log(log, artifact=served.digest)
    with PipelineWitness(pipeline, served) as witness:
        bounds = tolerances_of(served.certificate)
        found = replay_part(part, witness, served.contract.signature, bounds, name="the pipeline")
    return render_page(replay_page(as_written(replay_to_json(found))))


def diagnosis_of() -> str:
    """A client that sends a default, with sources that tell."""
    found = diagnose(case_of(asked_wrong(np.random.default_rng(0)), train()))
    return render_page(diagnosis_page(as_written(diagnosis_to_json(found)), "late"))


def monitor_page() -> str:
    """Windows of every state, one far above its threshold, and places with awkward names."""
    nulls: Any = {"stream": {"part": "input", "name": "an input of many words", "at": 0}}
    nulls["stream"]["kind"] = "null"
    nulls |= {"value": 0.3, "usual": 0.1, "score": 9e3, "p": 0.01, "effect": 20.0}
    nulls["measure"] = "points"
    states = {"QUIET": 1.0, "ALARM": 9e3, "INSUFFICIENT": 0.0, "INVALID": 3.0}
    windows = [
        {"start": f"2026-03-0{day}T12:00:00", "state": state, "score": score, "alarms": []}
        | {"why": "because", "rows": 1000, "block_rows": 1000, "threshold": 9.97, "p": 0.3}
        for day, (state, score) in enumerate(states.items(), start=1)
    ]
    windows[1] |= {"alarms": [nulls]}
    edges = [-1234.5678, *np.linspace(1e-9, 1037.91, 20).tolist(), 123456.7]
    cells = len(edges) + 2
    words = ("Zürich", "東京", "$a$ <b>", "a name as long as no name should be", "", "\t")
    places: list[dict[str, Any]] = [
        {"name": "pressure", "edges": edges, "bins": ["x"] * cells, "train": [5] * cells}
        | {"live": [4] * cells, "alarming": list(range(cells))},
        {"name": "label", "edges": [0.0, 5e-324, 1.0, np.nextafter(1, 2)], "bins": ["x"] * 6}
        | {"train": [0, 50, 0, 50, 0, 0], "live": None, "alarming": None},
        {"name": "city", "edges": [], "bins": [*words, "other known", "unseen", "null"]}
        | {"train": [30, 20, 9, 8, 7, 6, 0, 0, 5], "live": [1] * 9, "alarming": [0] * 8 + [9]},
    ]
    report = {
        "windows": windows,
        "alarms": 1,
        "false_alarms": 0.05,
        "replays": [{"how": "by chance", "windows": 20, "alarms": 1, "p": 0.6}],
        "said": ["1 of 4 windows alarmed"],
        "distributions": [{"part": "input", "at": 0, **place} for place in places],
    }
    return render_page(watch_page(report, "late"))


def ugly_page() -> str:
    """A label over another, a cut one, a picture without words; too wide, and it complains."""
    texts = ((5, "over"), (8, "another"), (190, "cut"))
    shown = "".join(f'<text x="{x}" y="20">{words}</text>' for x, words in texts)
    style = "<style>@media (prefers-color-scheme: dark) { p { color: red; } }</style>"
    svg = f'<svg style="width: 2000px" viewBox="0 0 200 40">{shown}</svg>'
    return f"<!doctype html>{style}{svg}<script>console.error('planted')</script>"


def as_written(report: Mapping[str, Any]) -> Mapping[str, Any]:
    told: Mapping[str, Any] = json.loads(json.dumps(report))
    return told
