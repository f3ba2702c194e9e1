"""Who has the model, and who is next."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from core.vlm import turns
from core.vlm.cancel import Cancelled, CancelToken, between_steps
from core.vlm.turns import Turn, Turns


def _never() -> None:
    """Nobody stops it."""


class Session(threading.Thread):
    """Somebody's work of some steps, each noted down by name."""

    def __init__(
        self, lock: Turns, name: str, steps: int, done: list[str], turn: Turn, check: Callable[[], None]
    ) -> None:
        super().__init__(daemon=True)
        self.lock, self.label, self.steps, self.done, self.turn, self.check = lock, name, steps, done, turn, check
        self.begun = threading.Event()
        self.failed: BaseException | None = None

    def run(self) -> None:
        try:
            with self.lock.taken(self.turn, self.check):
                self.begun.set()
                for _ in range(self.steps):
                    with self.lock:  # a pass
                        time.sleep(0.01)
                        self.lock.give_way(self.check)  # in the middle of a pass nobody gives way
                    self.done.append(self.label)
                    self.lock.give_way(self.check)
        except BaseException as error:
            self.failed = error


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Session]:
    """Begin somebody's work; what has had the lock for 50 ms is long."""
    monkeypatch.setattr(turns, "LONG", 0.05)
    lock, done = Turns(), []

    def begin(name: str, steps: int, whole: bool = False, check: Callable[[], None] = _never) -> Session:
        session = Session(lock, name, steps, done, Turn(name, whole=whole), check)
        session.start()
        return session

    return begin


def test_an_answer_goes_before_long_work_which_goes_on_afterwards(start: Callable[..., Session]) -> None:
    league = start("league", 20)
    assert league.begun.wait(5)
    time.sleep(0.1)
    asked = [start("ask", 3, whole=True), start("ask", 3, whole=True)]
    for session in (*asked, league):
        session.join(10)
    done = league.done
    assert done.count("league") == 20 and done.count("ask") == 6
    first = done.index("ask")
    assert 0 < first < 19 and done[first : first + 6] == ["ask"] * 6


def test_a_model_counts_as_shared_for_a_while_after_long_work_gave_way(
    start: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    league = start("league", 20)
    assert league.begun.wait(5)
    assert not league.lock.shared
    time.sleep(0.1)
    start("ask", 1, whole=True).join(10)
    assert league.lock.shared
    league.join(10)
    monkeypatch.setattr(turns, "COMPANY", 0.0)
    assert not league.lock.shared


def test_short_work_is_done_in_the_order_in_which_it_came(start: Callable[..., Session]) -> None:
    first = start("first", 3, whole=True)
    assert first.begun.wait(5)
    others = []
    for name in "abc":
        others.append(start(name, 1))
        time.sleep(0.01)
    for session in (first, *others):
        session.join(10)
    assert first.done == ["first"] * 3 + ["a", "b", "c"]


def test_an_answer_is_not_interrupted_however_long_it_takes(start: Callable[..., Session]) -> None:
    first = start("first", 12, whole=True)
    assert first.begun.wait(5)
    second = start("second", 1)
    first.join(10)
    second.join(10)
    assert first.done == ["first"] * 12 + ["second"]


def test_long_work_is_not_kept_for_ever(start: Callable[..., Session], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE", 0.1)
    league = start("league", 60)
    assert league.begun.wait(5)
    time.sleep(0.08)
    asked = []
    for _ in range(20):
        asked.append(start("ask", 3, whole=True))
        time.sleep(0.02)  # before the one before has ended
    for session in (*asked, league):
        session.join(20)
    between = league.done[league.done.index("ask") : len(league.done) - league.done[::-1].index("ask")]
    assert "league" in between


def test_long_work_that_has_waited_gets_a_slice_of_time_and_no_single_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(turns.time, "monotonic", lambda: now[0])
    lock, league, given = Turns(), Turn("league", used=turns.LONG), list[float]()

    def waits() -> None:
        now[0] += turns.PATIENCE

    def stopped() -> None:
        given.append(now[0])
        raise Cancelled

    with lock.taken(league, waits):
        began = now[0]
        lock._waiting.append(Turn("ask"))
        now[0] += turns.SLICE / 2
        lock.give_way(stopped)
        assert lock.mine() and not given
        now[0] += turns.SLICE
        with pytest.raises(Cancelled):
            lock.give_way(stopped)
    assert given == [began + 1.5 * turns.SLICE]


@pytest.mark.parametrize(("sliced", "before"), [(False, 3), (True, 0)])
def test_much_long_work_that_has_waited_lets_an_answer_go_after_the_first(
    monkeypatch: pytest.MonkeyPatch, sliced: bool, before: int
) -> None:
    now = [0.0]
    monkeypatch.setattr(turns.time, "monotonic", lambda: now[0])
    lock, ask = Turns(), Turn("ask", since=50.0)
    if sliced:
        with lock.taken(Turn("league", used=turns.LONG), lambda: now.__setitem__(0, turns.PATIENCE)):
            pass
    now[0] = 60.0
    lock._waiting.extend([*(Turn("league", used=turns.LONG, since=0.0) for _ in range(3)), ask])
    assert lock.before(ask)[1] == before


def test_who_is_stopped_while_it_gives_way_leaves_the_lock_to_others(start: Callable[..., Session]) -> None:
    token = CancelToken()
    league = start("league", 100, check=token.check)
    assert league.begun.wait(5)
    time.sleep(0.08)
    asked = start("ask", 20, whole=True)
    assert asked.begun.wait(5)
    token.cancel()
    league.join(5)
    assert isinstance(league.failed, Cancelled) and asked.is_alive()
    asked.join(5)
    assert league.lock.acquire(timeout=1)
    league.lock.release()


def test_those_who_wait_are_told_for_whom_and_how_many_go_before(start: Callable[..., Session]) -> None:
    first = start("answering", 10, whole=True)
    assert first.begun.wait(5)
    waiting = [start("second", 1), start("third", 1)]
    time.sleep(0.03)
    holder, before = first.lock.before(waiting[1].turn)
    assert holder is not None and holder.purpose == "answering" and before == 1
    for session in (first, *waiting):
        session.join(5)


def test_a_lock_is_given_back_only_by_who_has_it() -> None:
    lock = Turns()
    with lock, lock:
        assert lock.mine()
    with pytest.raises(RuntimeError):
        lock.release()


def test_work_gives_way_when_it_looks_at_its_token_and_was_not_stopped() -> None:
    token, given = CancelToken(), []
    with between_steps(lambda: given.append(1)):
        token.check()
        token.cancel()
        with pytest.raises(Cancelled):
            token.check()
    CancelToken().check()
    assert given == [1]
