"""What is written in the background: in its order, the newest of each name, and again where it could not be."""

from __future__ import annotations

import gc
import threading

from core.errors import NotWritten, RunBusy
from core.ui.state.writer import Writer


def test_work_is_done_in_order_and_of_one_name_only_the_last_that_waits() -> None:
    done: list[str] = []
    go = threading.Event()
    writer = Writer(lambda: done.append("last"))
    writer.do(lambda: go.wait(10) and None)
    for number in range(3):
        writer.do(lambda number=number: done.append(f"place {number}"), "place")
        writer.do(lambda number=number: done.append(f"turn {number}"))
    assert not done and writer.progress.waiting == 5
    go.set()
    assert writer.flush(10)
    assert done == ["place 2", "turn 0", "turn 1", "turn 2"] and writer.progress.waiting == 0
    writer.end()
    assert writer.ended.wait(10) and done[-1] == "last"


def test_what_could_not_be_written_is_told_and_tried_again() -> None:
    full, done = [True], []

    def write() -> None:
        if full[0]:
            raise NotWritten("The disk is full.")
        done.append("written")

    def busy() -> None:
        raise RunBusy("Somebody else keeps it.")

    writer = Writer(lambda: None)
    writer.do(write)
    writer.do(busy)
    writer.do(lambda: done.append("other"))
    assert writer.flush(10)
    assert writer.progress.trouble == "The disk is full." and writer.progress.lost == "Somebody else keeps it."
    assert done == ["other"]
    full[0] = False
    writer.again()
    assert writer.flush(10) and done == ["other", "written"]
    assert writer.progress.trouble is None and not writer.progress.failed


def test_a_writer_that_is_forgotten_does_all_that_it_was_told() -> None:
    done: list[str] = []
    writer = Writer(lambda: done.append("closed"))
    ended = writer.ended
    writer.do(lambda: done.append("written"))
    del writer
    gc.collect()
    assert ended.wait(10) and done == ["written", "closed"]
