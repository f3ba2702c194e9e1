"""Work that is done ahead in threads: in order, a few pieces before they are wanted, and not after a stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from core.vlm.ahead import ahead
from core.vlm.cancel import Cancelled, CancelToken, hearing


def working() -> int:
    return sum(thread.name.startswith("ahead") for thread in threading.enumerate())


def ended() -> bool:
    """Whether all threads end within a moment."""
    end = time.monotonic() + 5
    while working() and time.monotonic() < end:
        time.sleep(0.005)
    return not working()


def test_pieces_come_in_order_and_only_so_many_before_they_are_wanted() -> None:
    drawn: list[int] = []

    def pieces() -> Iterator[int]:
        assert threading.current_thread() is threading.main_thread()
        for piece in range(9):
            drawn.append(piece)
            yield piece

    def work(piece: int) -> int:
        assert threading.current_thread() is not threading.main_thread()
        # The first of them is the last to be done.
        time.sleep(0.02 if piece == 0 else 0)
        return piece * piece

    made = ahead(pieces(), work, 3)
    for number in range(9):
        assert next(made) == number * number
        assert len(drawn) <= number + 1 + 3
    assert list(made) == [] and ended()


def test_what_comes_next_is_made_while_the_last_one_is_looked_at() -> None:
    begun = [threading.Event() for _ in range(6)]

    def work(piece: int) -> int:
        begun[piece].set()
        return piece

    made = ahead(range(6), work, 3)
    for piece in made:
        # Nobody asks for the next ones yet.
        assert all(event.wait(5) for event in begun[piece + 1 : piece + 4])


def test_a_stop_is_heard_while_a_piece_takes_long_and_no_thread_goes_on() -> None:
    cancel, goes_on, begun = CancelToken(), threading.Event(), []

    def work(piece: int) -> int:
        begun.append(piece)
        if len(begun) == 2:
            cancel.cancel()
        goes_on.wait(5)
        return piece

    started = time.monotonic()
    with hearing(cancel), pytest.raises(Cancelled):
        next(ahead(range(100), work, 50))
    assert time.monotonic() - started < 2
    goes_on.set()
    assert ended() and len(begun) <= 4


def test_who_leaves_early_leaves_no_thread_and_errors_come_to_who_asks() -> None:
    made = ahead(range(100), lambda piece: piece, 4)
    assert next(made) == 0
    made.close()  # type: ignore[attr-defined]
    assert ended()

    def refuse(piece: int) -> int:
        raise TimeoutError(f"piece {piece}")

    with pytest.raises(TimeoutError, match="piece 0"):
        next(ahead(range(3), refuse, 2))
    assert ended()
