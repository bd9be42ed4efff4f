"""Threads answer what is queued, and tell each end once."""

from queue import SimpleQueue
from threading import Barrier, Event
from typing import Any
from weakref import ref

import pytest
from preproc_server.threads import Ending, Threads


def test_every_call_is_answered_and_its_end_told_once() -> None:
    threads, answered, told = Threads(3, "t"), SimpleQueue[int](), SimpleQueue[Any]()
    for number in range(500):
        threads.submit(answered.put, number).add_done_callback(told.put)
    threads.shutdown()
    assert sorted(answered.get() for _ in range(answered.qsize())) == list(range(500))
    assert told.qsize() == 500


def test_calls_run_beside_each_other() -> None:
    threads, both = Threads(2, "t"), Barrier(2)
    for _ in range(2):
        threads.submit(both.wait, 60)
    threads.shutdown()
    assert not both.broken


def test_an_end_is_told_to_who_asks_late() -> None:
    ending, told = Ending(), list[Any]()
    ending.end()
    ending.add_done_callback(told.append)
    assert told == [ending]
    ending.end()
    assert told == [ending]


def test_a_thread_outlives_a_call_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    threads, is_over, is_next = Threads(1, "t"), Event(), Event()
    threads.submit(int, "no number").add_done_callback(lambda _: is_over.set())
    threads.submit(is_next.set)
    assert is_over.wait(60)
    assert is_next.wait(60)
    threads.shutdown()
    assert [record.message for record in caplog.records] == ["a call broke"]


def test_a_call_that_is_over_is_let_go() -> None:
    threads, is_over = Threads(1, "t"), Event()
    call = Barrier(1)
    gone = ref(call)
    threads.submit(call.wait).add_done_callback(lambda _: is_over.set())
    del call
    assert is_over.wait(60)
    threads.shutdown()
    assert gone() is None


def test_keywords_are_refused() -> None:
    threads = Threads(1, "t")
    with pytest.raises(TypeError) as caught:
        threads.submit(print, end="")
    assert str(caught.value) == "expected no keywords, got ['end']"
    threads.shutdown()
