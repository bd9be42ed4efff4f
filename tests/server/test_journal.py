"""The request log of a server: what it holds, what is rare, what is dropped, what stops it."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray
from preproc_server.app import Server
from preproc_server.client import Client, Connection, InvalidRequestError
from preproc_server.errors import SettingsError

from preproc.artifact import Artifact
from preproc.errors import LogError
from preproc.skew import Part, open_log, rows_of, tables_of
from preproc.skew.segments import Segment
from preproc.skew.writer import Writer
from tests.server.calling import altered, infer, one_row, request_of

Columns = dict[str, NDArray[Any]]
Start = Callable[..., Server]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def own_of(part: Part) -> list[dict[str, Any]]:
    return [row for file in part.files for table in tables_of(file) for row in table.to_pylist()]


def ask(server: Server, names: list[str], sequence: Callable[[int], int] = int) -> None:
    """Call once for each name."""
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        for at, name in enumerate(names):
            infer(channel, request_of(one_row(sequence(at)), name))


def test_a_row_is_logged_as_it_came_and_as_it_was_answered(
    models: Path, tmp_path: Path, start: Start, batch: Columns
) -> None:
    server = start(models, log_dir=tmp_path, log_sample=1.0)
    with Client(f"localhost:{server.port}") as client:
        want = client.predict("tiny", batch)
    server.stop(0)
    (part,) = open_log(tmp_path, model="tiny")
    (rows,) = [rows for file in part.files for rows in rows_of(file)]
    for name, values in batch.items():
        assert rows.inputs[name].dtype == values.dtype
        assert rows.inputs[name].ravel().tolist() == values.tolist()
    for name, values in want.items():
        assert rows.answers[name].tolist() == values.tolist()
    assert np.signbit(rows.inputs["age"][1, 0])
    assert (part.counts.seen, part.counts.dropped, part.torn) == (3, 0, 0)
    model = server.repository.model("tiny", "")
    assert (rows.head.artifact, rows.head.contract) == (model.digest, model.door.digest)
    value = server.metrics.registry.get_sample_value
    assert value("preproc_log_rows_total", {"model": "tiny", "fate": "written"}) == 3


def test_trace_client_policy_and_propensity_come_along(
    models: Path, tmp_path: Path, start: Start
) -> None:
    server = start(models, log_dir=tmp_path, log_sample=1.0)
    headers = [
        ("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01"),
        ("x-preproc-policy", "greedy"),
        ("x-preproc-propensity", "0.25"),
    ]
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        infer(channel, request_of(one_row(), "told"), headers)
        infer(channel, request_of(one_row(), "by parameter", policy="explore", propensity="0.5"))
        infer(channel, request_of(one_row(), "wrong", propensity="2"))
    server.stop(0)
    (part,) = open_log(tmp_path)
    rows = {row["request_id"]: row for row in own_of(part)}
    keys = ("trace_id", "policy", "propensity", "outcome", "weight")
    assert {name: tuple(row[key] for key in keys) for name, row in rows.items()} == {
        "told": (TRACE, "greedy", 0.25, "answered", 1.0),
        "by parameter": ("", "explore", 0.5, "answered", 1.0),
        "wrong": ("", "", None, "answered", 1.0),
    }
    assert rows["told"]["client"].startswith("grpc-python/")
    assert 0 < rows["told"]["latency_us"] < 60e6


def test_rare_rows_are_kept_and_the_others_chosen_by_the_hash_of_their_id(
    models: Path, tmp_path: Path, start: Start
) -> None:
    names = [f"id {at}" for at in range(200)]
    server = start(models, log_dir=tmp_path / "one", log_sample=0.2)
    ask(server, names)
    with Client(f"localhost:{server.port}") as client, pytest.raises(InvalidRequestError):
        client.predict("tiny", one_row() | {"age": np.array([np.nan])})
    server.stop(0)
    (part,) = open_log(tmp_path / "one")
    rows = own_of(part)
    refused = [row for row in rows if row["outcome"] == "refused"]
    assert [(row["row_error"], row["weight"]) for row in refused] == [(1, 1.0)]
    common = {row["request_id"]: row["weight"] for row in rows if row not in refused}
    assert set(common.values()) == {5.0}
    assert 20 < len(common) < 60
    assert part.counts.seen == 201
    again = start(models, log_dir=tmp_path / "two", log_sample=0.2)
    ask(again, names)
    again.stop(0)
    (part,) = open_log(tmp_path / "two")
    assert {row["request_id"] for row in own_of(part)} == set(common)


def test_a_column_can_be_the_key_of_which_all_rows_are_kept_or_none(
    models: Path, tmp_path: Path, start: Start
) -> None:
    server = start(models, log_dir=tmp_path, log_sample=0.5, log_key="visits")
    ask(server, [""] * 60, lambda at: at % 20)
    server.stop(0)
    (part,) = open_log(tmp_path)
    visits = [row["in.visits"] for row in own_of(part)]
    assert all(visits.count(visit) == 3 for visit in visits)
    assert 2 < len(set(visits)) < 18


def test_what_is_turned_away_at_the_door_is_logged_without_an_answer(
    tmp_path: Path, write: Callable[..., Artifact], start: Start
) -> None:
    log, known = tmp_path / "log", {"domain": {"categories": ["Oslo"]}}
    models = altered(write(tmp_path / "plain", "tiny"), tmp_path / "models", city=known)
    server = start(models, log_dir=log, log_sample=1e-9, unseen_values="refuse")
    with Client(f"localhost:{server.port}") as client:
        client.predict("tiny", one_row())
        with pytest.raises(InvalidRequestError, match="expected a category that training saw"):
            client.predict("tiny", one_row() | {"city": np.array(["Rome"], object)})
    server.stop(0)
    (part,) = open_log(log)
    (turned,) = own_of(part)
    assert (turned["outcome"], turned["in.city"], turned["out.label"]) == (
        "turned away",
        "Rome",
        None,
    )
    assert part.counts.seen == 2
    assert list(rows_of(part.files[0])) == []


def test_look_ups_are_logged_and_only_the_row_that_is_amiss_is_rare(
    tmp_path: Path, write: Callable[..., Artifact], start: Start, batch: Columns
) -> None:
    terms = {"freshness": {"allowed": ["OK"], "max_age_s": 60.0, "breach": "flag"}}
    models = altered(write(tmp_path / "plain", "tiny"), tmp_path / "models", debt=terms)
    server = start(models, log_dir=tmp_path / "log", log_sample=1e-9)
    now_ms = round(time.time() * 1000)
    told = {
        "debt.status": np.array(["OK", "STALE", "OK"], object),
        "debt.event_time": np.array([now_ms, now_ms - 10_000, now_ms]),
    }
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        infer(channel, request_of(batch | told))
    server.stop(0)
    (part,) = open_log(tmp_path / "log")
    (row,) = own_of(part)
    assert (row["row"], row["lookup.debt.status"]) == (1, "STALE")
    assert 10_000 <= row["lookup.debt.age_ms"] < 40_000
    assert (row["is_sampled"], row["weight"]) == (False, 1.0)
    assert part.counts.seen == 3


def test_a_typed_call_is_logged_by_the_id_of_its_header(
    models: Path, tmp_path: Path, start: Start
) -> None:
    server = start(models, log_dir=tmp_path, log_sample=1.0)
    typed = server.services.typed.generation.services["tiny.v1.Tiny"]
    row = {name: values[0].item() for name, values in one_row().items() if name != "city"}
    request = typed.request(rows=[row | {"city": "Oslo"}])
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        call: Any = channel.unary_unary("/tiny.v1.Tiny/Predict")
        call(request.SerializeToString(), metadata=(("x-request-id", "typed one"),))
    server.stop(0)
    (part,) = open_log(tmp_path)
    (logged,) = own_of(part)
    assert (logged["request_id"], logged["in.city"]) == ("typed one", "Oslo")


def test_a_client_says_who_it_is_and_how_its_request_is_found(
    models: Path, tmp_path: Path, start: Start
) -> None:
    server = start(models, log_dir=tmp_path, log_sample=1.0)
    connection = Connection(name="kiosk/2.0")
    with Client(f"localhost:{server.port}", connection=connection) as client:
        client.predict("tiny", one_row(), request_id="JFK 17")
    server.stop(0)
    (part,) = open_log(tmp_path)
    (logged,) = own_of(part)
    assert logged["request_id"] == "JFK 17"
    assert logged["client"].startswith("kiosk/2.0 grpc-python/")


def test_a_full_queue_drops_rows_and_counts_them(
    models: Path, tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, is_let_go = Segment.append, Event()

    def held(segment: Segment, *what: Any) -> None:
        assert is_let_go.wait(60)
        append(segment, *what)

    monkeypatch.setattr(Segment, "append", held)
    server = start(models, log_dir=tmp_path, log_sample=1.0, log_queue_rows=5)
    four = {name: np.repeat(values, 4) for name, values in one_row().items()}
    with Client(f"localhost:{server.port}") as client:
        answered = [client.predict("tiny", four)["label"].size for _ in range(100)]
    is_let_go.set()
    server.stop(0)
    assert sum(answered) == 400
    (part,) = open_log(tmp_path)
    assert part.counts.seen == part.rows + part.counts.dropped == 400
    labels = {"model": "tiny", "fate": "queue_full"}
    dropped = server.metrics.registry.get_sample_value("preproc_log_rows_total", labels)
    assert dropped == part.counts.dropped == 396  # all but the first call


def test_a_call_that_cannot_be_handed_over_is_answered_told_and_counted(
    models: Path,
    tmp_path: Path,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no clock")

    server = start(models, log_dir=tmp_path, log_sample=1.0)
    monkeypatch.setattr(Writer, "offer", fail)
    ask(server, ["one", "two"])
    server.stop(0)
    told = [record.message for record in caplog.records if record.exc_info]
    assert told == ["model 'tiny': a call cannot be logged"] * 2
    value = server.metrics.registry.get_sample_value
    assert value("preproc_log_rows_total", {"model": "tiny", "fate": "failed"}) == 2


@pytest.mark.parametrize(
    ("options", "policy", "message"),
    [
        ({"log_key": "agee"}, "", "log key: expected a column of a model, got 'agee'"),
        (
            {},
            '[columns]\ncitty = "drop"',
            "policy: expected a column of a model, got 'citty', did you mean 'city'?",
        ),
        (
            {"log_key": "city"},
            '[columns]\ncity = "drop"',
            "log key 'city': expected 'keep' or 'hmac' as its policy, got 'drop'",
        ),
    ],
    ids=["key", "name", "dropped key"],
)
def test_a_policy_that_cannot_be_followed_stops_the_server_at_once(
    models: Path, tmp_path: Path, start: Start, options: Any, policy: str, message: str
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(policy, encoding="utf-8")
    with pytest.raises(LogError) as caught:
        start(models, log_dir=tmp_path / "log", log_policy=file, **options)
    assert str(caught.value) == message


def test_a_folder_that_cannot_be_made_stops_the_server_at_once(
    models: Path, tmp_path: Path, start: Start
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"^setting log_dir: expected a folder that can be"):
        start(models, log_dir=tmp_path / "file" / "log")


def test_without_its_libraries_a_log_is_refused_by_name(
    models: Path, tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "preproc_server.journal", None)
    with pytest.raises(SettingsError) as caught:
        start(models, log_dir=tmp_path / "log")
    assert str(caught.value).startswith(
        "setting log_dir: expected what writes a log, got import of"
    )
    assert str(caught.value).endswith("; install preproc-runtime[skew]")
