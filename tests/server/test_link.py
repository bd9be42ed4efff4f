"""Two ends of a line: questions both ways, errors that travel, and an end that is gone."""

import socket
import struct
import time
from collections.abc import Iterator, Mapping
from functools import partial
from threading import Event
from typing import Any

import pytest
from preproc_server.errors import LinkError, LoadError, RouteError
from preproc_server.workers.link import MAX_BYTES, Link

Pair = tuple[Link, Link]


@pytest.fixture
def held() -> Event:
    return Event()


@pytest.fixture
def pair(held: Event) -> Iterator[Pair]:
    """Two ends; each echoes, asks back, fails as it is told, or waits until it is let go."""
    ends = socket.socketpair()

    links: list[Link] = []

    def answer(at: int, kind: str, body: Mapping[str, Any]) -> Any:
        if kind == "echo":
            return body["what"]
        if kind == "back":
            return links[at].ask("echo", 60, what=body["what"])
        if kind == "fail":
            raise {"load": LoadError("no"), "route": RouteError("f", "no")}[body["how"]]
        return held.wait(60)

    for at, end in enumerate(ends):
        links.append(Link(end, partial(answer, at), name=f"end {at}", on_end=lambda: None))
    for link in links:
        link.start()
    yield links[0], links[1]
    held.set()
    for link in links:
        link.close()


@pytest.mark.parametrize("what", [None, [1, {"é": [float("inf")]}], "x" * 3_000_000], ids=type)
def test_what_is_asked_comes_back_as_it_went(pair: Pair, what: Any) -> None:
    assert pair[0].ask("echo", 60, what=what) == what


def test_an_answer_is_heard_before_whoever_waits_for_it_goes_on(pair: Pair) -> None:
    heard: list[Any] = []

    def hear(value: Any) -> None:
        time.sleep(0.05)  # long enough for a waiter that is not held back
        heard.append(value)

    for what in range(3):
        assert pair[0].answer_of(pair[0].send("echo", hear, what=what), 60) == what
        assert heard[-1] == what


def test_whoever_answers_may_ask_back(pair: Pair) -> None:
    assert pair[0].ask("back", 60, what=7) == 7


def test_a_question_does_not_wait_for_another(pair: Pair, held: Event) -> None:
    slow = pair[0].send("wait")
    assert pair[0].ask("echo", 60, what=1) == 1
    assert not slow.done()
    held.set()
    assert pair[0].answer_of(slow, 60) is True


@pytest.mark.parametrize(
    ("how", "kind", "text"),
    [("load", LoadError, "no"), ("route", RouteError, "route 'f': no")],
    ids=["load", "route"],
)
def test_an_error_travels_with_its_kind_and_text(
    pair: Pair, how: str, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind) as caught:
        pair[0].ask("fail", 60, how=how)
    assert str(caught.value) == text


def test_a_fault_of_the_other_side_is_no_error_of_ours(pair: Pair) -> None:
    with pytest.raises(RuntimeError, match=r"^end 0: KeyError: 'how'$"):
        pair[0].ask("fail", 60)


def test_who_does_not_answer_in_time_is_told(pair: Pair) -> None:
    with pytest.raises(LinkError) as caught:
        pair[0].ask("wait", 0.01)
    assert str(caught.value) == "end 0: expected an answer in 0.01 s, got none"


def test_what_waits_fails_when_the_other_side_is_gone(pair: Pair) -> None:
    waiting = pair[0].send("wait")
    pair[1].close()
    for asked in (waiting, pair[0].send("echo", what=1)):
        with pytest.raises(LinkError) as caught:
            pair[0].answer_of(asked, 60)
        assert str(caught.value) == "end 0: expected an answer, but it has ended"


@pytest.mark.parametrize(
    "content",
    [struct.pack(">I", MAX_BYTES + 1), b"\0\0\0\2{}", b"\0\0\0\1{"],
    ids=["long", "x", "y"],
)
def test_what_is_no_message_ends_the_line(content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    ours, theirs = socket.socketpair()
    is_over = Event()
    link = Link(ours, lambda *_: None, name="other", on_end=is_over.set)
    link.start()
    with theirs:
        theirs.sendall(content)
        assert is_over.wait(60)
    assert "link to other: " in caplog.text
