"""What is foretold: seconds from the passes that were made, and words for them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from PIL import Image

from core.answer import Question
from core.vlm import pace as pace_module
from core.vlm.forecast import Forecast, duration, each_of, forecast, passes_in_words, picture_numbers
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.pace import FRESH, Pace, Took, stopwatch
from core.vlm.pass_costs import BACKWARD, NOTHING, Passes, over_images, rows, share_after_images
from tests.eager import sampled

CPU = torch.device("cpu")


def test_costs_add_up_and_are_told_as_passes_of_the_decoder() -> None:
    both = Passes(forward=2, backward=1) + 3 * over_images(2)
    assert both == Passes(forward=8, backward=1, tower=6, pictures=6)
    assert both.decoder == 8 + BACKWARD and both.count == both.decoder
    assert Passes(tower=2, backward_tower=1).count == 2 + BACKWARD
    assert (NOTHING + NOTHING).count == 0


def test_shares_are_of_the_rows_that_are_read(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=3)
    last_image = max(position for view in answer.layout.views for position in view.positions)
    assert rows(answer) == len(answer.layout) - 1
    assert share_after_images(answer) == pytest.approx((rows(answer) - last_image - 1) / rows(answer))


def test_twice_the_rows_take_twice_as_long_and_more_for_their_attention() -> None:
    pace = Pace(layers=4, hidden=64)
    assert pace.pass_seconds(100) is None
    pace.note_pass(100, Took(1.0))
    assert pace.pass_seconds(100) == pytest.approx(1.0)
    assert 2.0 < (pace.pass_seconds(200) or 0) < 4.0
    # Rows after others that are kept are a part of a whole pass.
    pace = Pace(layers=4, hidden=64)
    pace.note_pass(50, Took(0.5), before=50)
    assert 0.5 < (pace.pass_seconds(100) or 0) < 1.0


def test_the_nearest_size_and_its_latest_passes_count() -> None:
    pace = Pace(layers=4, hidden=64)
    pace.note_pass(16, Took(10.0))
    for seconds in (9.0, 9.0, 1.0, 1.0, 1.0, 1.0, 1.0):
        pace.note_pass(512, Took(seconds))
    assert pace.pass_seconds(512) == pytest.approx(1.0)
    assert pace.pass_seconds(16) == pytest.approx(10.0)


def test_what_was_learnt_on_a_busy_machine_is_not_told_when_it_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(pace_module, "clock", lambda: now)
    pace = Pace(layers=4, hidden=64)
    for _ in range(5):
        pace.note_pass(512, Took(10.0, own=1.0))
    assert pace.pass_seconds(512) == pytest.approx(10.0)  # it still is busy
    now += FRESH
    assert pace.pass_seconds(512) == pytest.approx(1.0)
    for _ in range(5):
        pace.note("tower", 100, Took(3.0, own=1.0))
    assert pace.pass_seconds(512) == pytest.approx(3.0)  # whatever the passes were that say so
    # A clock too coarse to see the thread, and a card, whose thread only waits, are timed by the clock.
    for took in (Took(2.0, own=0.0), Took(2.0)):
        other = Pace(layers=4, hidden=64)
        other.note_pass(512, took)
        assert other.pass_seconds(512) == pytest.approx(2.0)
    assert stopwatch("cuda:0").own is None and stopwatch("cpu").own is not None


def test_a_pass_that_does_not_end_is_not_noted() -> None:
    pace = Pace(layers=4, hidden=64)
    with pytest.raises(RuntimeError), pace.timing_pass(CPU, 100):
        raise RuntimeError
    with pace.timing_pass(CPU, 1):
        """A token is read at another pace."""
    assert pace.pass_seconds(100) is None
    with pace.timing_pass(torch.device("meta"), 100):
        """It cannot be told when it ends."""
    assert pace.pass_seconds(100) is None


def test_seconds_are_known_once_a_question_was_asked(llava: TransformersModel, picture: Image.Image) -> None:
    answer = ask(llava, Question("Where is the dog?", (picture,)))
    told = forecast(llava, answer, over_images(100))
    assert told.seconds is not None and told.seconds > 0
    assert forecast(llava, answer, NOTHING).seconds == 0
    fresh = Pace(3, 32)
    kept, llava.pace = llava.pace, fresh
    try:
        unknown = forecast(llava, answer, over_images(100))
    finally:
        llava.pace = kept
    assert unknown.seconds is None and unknown.words == "100 passes" and unknown.long


def test_a_card_does_not_wait_for_each_picture(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, pace = sampled(llava, "the dog?", picture, tokens=3), Pace(3, 32)
    pace.note_pass(rows(answer), Took(1.0))
    pace.note("tower", picture_numbers(answer), Took(0.5))
    pace.note("pictures", picture_numbers(answer), Took(4.0))
    monkeypatch.setattr(llava, "pace", pace)
    assert forecast(llava, answer, over_images(10)).seconds == pytest.approx(10 + 5 + 40)
    monkeypatch.setattr(llava, "card", replace(llava.card, device="cuda:0"))
    monkeypatch.setattr("core.vlm.forecast.workers", lambda: 4)
    assert forecast(llava, answer, over_images(10)).seconds == pytest.approx(15)
    monkeypatch.setattr("core.vlm.forecast.workers", lambda: 2)
    assert forecast(llava, answer, over_images(10)).seconds == pytest.approx(20)


def test_what_is_over_in_a_moment_is_not_worth_saying() -> None:
    assert not Forecast(Passes(forward=500), 2.0).long
    long = Forecast(Passes(forward=210), 241.0)
    assert long.long and long.words == "about 4 min; 210 passes"
    assert (long + long).words == "about 8 min; 420 passes"
    assert (long + replace(long, seconds=None)).words == "420 passes"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (7.4, "7 s"), (38, "40 s"), (200, "3 min"), (5_400, "1.5 h"), (7_200, "2 h"), (90_000, "25 h")],
)
def test_lengths_of_time_are_no_finer_than_they_can_be_foretold(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0.2, "less than a pass"), (1.3, "1 pass"), (12.4, "12 passes"), (1_143, "1,100 passes")]
)
def test_numbers_of_passes_are_round(count: float, words: str) -> None:
    assert passes_in_words(count) == words


def test_what_is_about_many_answers_takes_as_long_as_the_last_ones_did(
    llava: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llava, "pace", Pace(3, 32))
    assert each_of(llava, "case", 39, 1.5, "case").seconds is None
    llava.pace.note("ask", 1, Took(2.0))
    told = each_of(llava, "case", 39, 1.5, "case")
    assert told.seconds == pytest.approx(39 * 3.0) and told.words == "about 115 s; 39 cases"
    llava.pace.note("case", 1, Took(4.0))
    assert each_of(llava, "case", 39, 1.5, "case").seconds == pytest.approx(39 * 4.0)
    assert (told + told).words == "about 4 min; 78 cases"
