"""A shadow scores live calls unheard: it counts where it disagrees and costs no call anything."""

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from preproc_server.app import Server
from preproc_server.client import Client
from preproc_server.disagreement import bands_of, compare_answers

from preproc.artifact import Artifact
from preproc.signature import Output, Signature

Columns = dict[str, NDArray[Any]]
Write = Callable[..., Artifact]
Start = Callable[..., Server]


def shadowed(root: Path, write: Write, start: Start, bias: float, **options: Any) -> Server:
    write(root, "tiny")
    write(root, "tiny", bias=bias)
    server = start(root, **options)
    server.repository.promote("tiny", 1)
    server.repository.shadow("tiny", 2)
    return server


def test_disagreements_are_counted_by_band_and_kept(
    tmp_path: Path, write: Write, start: Start, batch: Columns
) -> None:
    server = shadowed(tmp_path, write, start, bias=-3.0)
    with Client(f"localhost:{server.port}") as client:
        batch["debt"][0] = 0.0
        want = client.predict("tiny", batch)
        client.predict("tiny", batch, version="2")  # not the default: nothing to shadow
    server.shadow.wait_idle()
    value = server.metrics.registry.get_sample_value
    labels = {"model": "tiny", "shadow": "2"}
    assert value("preproc_shadow_rows_total", labels) == 3
    samples = server.shadow.samples("tiny")
    assert [(sample.version, sample.shadow) for sample in samples] == [(1, 2)] * len(samples)
    assert samples
    got = server.repository.model("tiny", "2").session.run(batch)
    flipped = np.flatnonzero(want["label"] != got["label"]).tolist()
    kept = [sample for sample in samples if sample.kind == "label"]
    assert [sample.want["label"] for sample in kept] == want["label"][flipped].tolist()
    assert [sample.got["label"] for sample in kept] == got["label"][flipped].tolist()
    assert [sample.row["age"] for sample in kept] == [[age] for age in batch["age"][flipped]]
    counted = sum(
        value("preproc_shadow_disagreements_total", {**labels, "kind": kind, "band": band}) or 0
        for kind, band in {(sample.kind, sample.band) for sample in samples}
    )
    assert counted == len(samples)


def test_equal_versions_never_disagree(
    tmp_path: Path, write: Write, start: Start, batch: Columns
) -> None:
    server = shadowed(tmp_path, write, start, bias=0.0, shadow_tolerance=0.0)
    with Client(f"localhost:{server.port}") as client:
        for _ in range(5):
            client.predict("tiny", batch)
    server.shadow.wait_idle()
    value = server.metrics.registry.get_sample_value
    assert value("preproc_shadow_rows_total", {"model": "tiny", "shadow": "2"}) == 15
    assert server.shadow.samples() == []


def test_a_stuck_shadow_stops_no_call_and_what_it_misses_is_counted(
    tmp_path: Path,
    write: Write,
    start: Start,
    batch: Columns,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = shadowed(tmp_path, write, start, bias=1.0, shadow_queue_calls=2)
    executor = server.repository.model("tiny", "2").session._executor
    inner, is_let_go = executor.execute, Event()
    monkeypatch.setattr(executor, "execute", lambda feeds: is_let_go.wait(60) and inner(feeds))
    with Client(f"localhost:{server.port}") as client:
        for _ in range(10):
            assert client.predict("tiny", batch)["label"].shape == (3,)
    is_let_go.set()
    server.shadow.wait_idle()
    value = server.metrics.registry.get_sample_value
    missed = value("preproc_shadow_missed_rows_total", {"model": "tiny", "reason": "dropped"}) or 0
    scored = value("preproc_shadow_rows_total", {"model": "tiny", "shadow": "2"}) or 0
    assert missed + scored == 30
    assert scored in {6, 9}


def test_a_broken_shadow_fails_no_call(
    tmp_path: Path,
    write: Write,
    start: Start,
    batch: Columns,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = shadowed(tmp_path, write, start, bias=1.0)
    executor = server.repository.model("tiny", "2").session._executor
    monkeypatch.setattr(executor, "execute", lambda feeds: len(feeds) / 0)
    with Client(f"localhost:{server.port}") as client:
        assert client.predict("tiny", batch)["label"].shape == (3,)
    server.shadow.wait_idle()
    value = server.metrics.registry.get_sample_value
    labels = {"model": "tiny", "reason": "failed"}
    assert value("preproc_shadow_missed_rows_total", labels) == 3


@pytest.mark.parametrize(
    ("role", "values", "bands"),
    [
        ("probabilities", [[0.95, 0.05], [0.0, 1.0]], ["0.0-0.1", "0.9-1.0"]),
        ("probabilities", [[0.2, 0.3, 0.5], [np.nan] * 3], ["0.5-0.6", "none"]),
        ("prediction", [0.0, -1234.5], ["0", "-1e+3"]),
    ],
    ids=["two classes", "three classes", "regression"],
)
def test_a_band_is_a_tenth_or_a_power_of_ten(role: Any, values: Any, bands: list[str]) -> None:
    array = np.array(values)
    width = array.shape[1] if array.ndim > 1 else None
    signature = Signature("frame", (), (Output("y", role, "float64", width, None),))
    assert bands_of(signature, {"y": array, "row_error": np.zeros(2, np.int32)}) == bands


def test_the_gravest_kind_of_a_row_is_named() -> None:
    outputs = (
        Output("label", "label", "int64", None, -1),
        Output("scores", "scores", "float64", None, None),
    )
    want = {
        "label": np.array([0, 1, 1, 1, 0]),
        "scores": np.array([0.1, 0.9, np.nan, 0.5, np.inf]),
        "row_error": np.array([0, 0, 0, 1, 0], np.int32),
    }
    got = {
        "label": np.array([1, 1, 1, 0, 0]),
        "scores": np.array([0.9, 0.7, np.nan, 0.5, np.inf]),
        "row_error": np.zeros(5, np.int32),
    }
    found = compare_answers(Signature("frame", (), outputs), want, got, tolerance=0.1)
    kinds = [(item.row, item.kind) for item in found]
    assert kinds == [(0, "label"), (1, "score"), (3, "refusal")]
