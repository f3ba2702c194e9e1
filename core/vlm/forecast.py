"""How long something will take here, told before it begins: "about 4 min; 210 passes"."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..answer import Answer
from ..counted import counted
from ..errors import NeedsItsModel
from .ahead import workers
from .model import VisionLanguageModel
from .pace import ASK
from .pass_costs import NOTHING, Passes, rows

WORTH_SAYING = 3.0
"""Seconds: what takes less is done before it is read."""

MANY = 20.0
"""Passes that are worth saying where it is not known what one takes here."""


@dataclass(frozen=True)
class Forecast:
    """Passes over an answer, and how many seconds they take here; None where no pass was made yet that would tell. Of
    what is about many answers `things` are counted instead, each called `one`."""

    passes: Passes
    seconds: float | None
    things: int | None = None
    one: str = "question"

    @property
    def count(self) -> float:
        """How many passes, or things."""
        return self.passes.count if self.things is None else self.things

    @property
    def long(self) -> bool:
        """Whether it is worth saying."""
        return self.count > MANY if self.seconds is None else self.seconds > WORTH_SAYING

    @property
    def words(self) -> str:
        """For the screen: "about 4 min; 210 passes"."""
        passes = passes_in_words(self.passes.count) if self.things is None else counted(self.things, self.one)
        return passes if self.seconds is None else f"about {duration(self.seconds)}; {passes}"

    def __add__(self, other: Forecast) -> Forecast:
        known = self.seconds is not None and other.seconds is not None
        seconds = (self.seconds or 0.0) + (other.seconds or 0.0)
        things = None if self.things is None and other.things is None else (self.things or 0) + (other.things or 0)
        one = self.one if other.things is None else other.one
        return Forecast(self.passes + other.passes, seconds if known else None, things, one)


def forecast(model: VisionLanguageModel, answer: Answer, passes: Passes) -> Forecast:
    """What passes over an answer will take with this model, as fast as it is here."""
    return Forecast(passes, _seconds(model, answer, passes))


def _seconds(model: VisionLanguageModel, answer: Answer, passes: Passes) -> float | None:
    each = model.pace.pass_seconds(rows(answer))
    if each is None:
        return None
    seconds = passes.decoder * each
    if passes.of_tower or passes.pictures:
        try:
            numbers = picture_numbers(answer)
        except NeedsItsModel:
            # (an answer that was opened without its model)
            return None
        known = [model.pace.seconds(kind, numbers) for kind in ("tower", "pictures")]
        times = passes.of_tower, passes.pictures
        if numbers and any(each is None for count, each in zip(times, known, strict=True) if count):
            return None
        tower, pictures = (count * (each or 0.0) for count, each in zip(times, known, strict=True))
        seconds += tower
        # In front of a card they are made ready in several threads while it is busy.
        in_front_of_a_card = torch.device(model.card.device).type != "cpu"
        seconds = max(seconds, pictures / workers()) if in_front_of_a_card else seconds + pictures
    return seconds


def each_of(model: VisionLanguageModel, kind: str, things: int, asks: float, one: str) -> Forecast:
    """How long so many things take that are asked and looked into one after the other: as long as those of this kind
    took the last times, or, where none did, as so many `asks` each."""
    each = model.pace.seconds(kind, 1)
    if each is None:
        asked = model.pace.seconds(ASK, 1)
        each = None if asked is None else asks * asked
    return Forecast(NOTHING, None if each is None else things * each, things, one)


def picture_numbers(answer: Answer) -> int:
    """How many numbers the pictures of an answer's question are, as the model is given them."""
    return sum(value.numel() for value in answer.inputs.values() if value.is_floating_point())


def duration(seconds: float) -> str:
    """A length of time for people, no finer than it can be foretold: "5 s", "40 s", "4 min", "2.5 h"."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 120:
        return f"{5 * round(seconds / 5)} s"
    minutes = seconds / 60
    if minutes < 90:
        return f"{round(minutes)} min"
    hours = minutes / 60
    return f"{hours:.1f} h".replace(".0 h", " h") if hours < 10 else f"{round(hours)} h"


def passes_in_words(count: float) -> str:
    """A number of passes for people: "210 passes"."""
    if count < 1:
        return "less than a pass"
    if count >= 1000:
        count = round(count, 2 - len(str(int(count))))
    return counted(round(count), "pass", "passes")
