"""What a run keeps of the results of its tab, under the keys that pages have for them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from ...answer import Target
from ...errors import RunDamaged, RunError
from ...runs.identity import content_id, result_name
from ...runs.run import Run
from ...vlm.bounded import BoundedCache
from .keeper import RunKeeper
from .results import AnswerKey, Kind, answer_key

Place = tuple[Kind[Any], Hashable]
MOST_MISSING = 4096
"""Places of which is remembered that a run has nothing there. What was looked at or dropped grows with what it has."""


class Shelf:
    """The results of a run."""

    def __init__(self, keeper: RunKeeper) -> None:
        self._keeper = keeper
        self._dropped: set[Place] = set()
        self._missing: BoundedCache[Place, None] = BoundedCache(lambda used: MOST_MISSING)
        self._waiting: dict[Place, Any] = {}
        """What is not written yet."""
        self._looked: set[tuple[Kind[Any], str]] = set()

    @property
    def writes(self) -> bool:
        """Whether the run is kept here, and not only looked at."""
        return not self._keeper.looking

    def get(self, kind: Kind[Any], key: Hashable) -> Any:
        """What the run has under a key; None where it has nothing."""
        place = (kind, key)
        if place in self._dropped or place in self._missing:
            return None
        if (result := self._waiting.get(place)) is not None:
            return result
        assert kind.run is not None
        try:
            answer, about = what_of(kind, key)
            kept = self._keeper.run.kept_of(kind.run.kind, id_of(answer), about)
        except (RunDamaged, TypeError) as error:
            self._tell(error)
            kept = None
        if kept is None:
            self._missing.put(place, None)
            return None
        value, what = kept
        return kind.run.unpack(value, what.seconds or 0.0)

    def keep(self, kind: Kind[Any], key: Hashable, result: Any) -> None:
        """Keep a result. Only the last of several that wait under a key is written."""
        place = (kind, key)
        self._dropped.discard(place)
        self._missing.drop(place)
        if self._keeper.looking or kind.run is None:
            return
        run_kind = kind.run.kind
        value, seconds = kind.run.pack(result)
        answer, about = what_of(kind, key)
        waiting = self._waiting
        waiting[place] = result

        def write(run: Run) -> None:
            run.keep_of(run_kind, id_of(answer), answer.model, about, value, seconds)
            if waiting.get(place) is result:
                del waiting[place]

        self._keeper.do(write, result_name(run_kind.name, id_of(answer), about))
        self._keeper.measure()

    def drop(self, kind: Kind[Any], key: Hashable) -> None:
        """Give this no more. On the disk it stays until another takes its place."""
        self._dropped.add((kind, key))

    def all(self, kind: Kind[Any]) -> Mapping[Hashable, Any]:
        """Results of a kind about the answers of the conversation, those of each once."""
        assert kind.run is not None
        found: dict[Hashable, Any] = {}
        if kind.run.key is None:
            return found
        for answer in [turn.answer for turn in self._keeper.turns.values()]:
            if answer is None:
                continue
            own = answer_key(answer)
            if (kind, id_of(own)) in self._looked:
                continue
            self._looked.add((kind, id_of(own)))
            for kept in self._keeper.run.results(kind.run.kind, answer):
                key = kind.run.key(own, kept.what.about)
                if key is None or (kind, key) in self._dropped:
                    continue
                try:
                    found[key] = kind.run.unpack(kept.load(), kept.what.seconds or 0.0)
                except RunError as error:
                    self._tell(error)
        return found

    def _tell(self, error: Exception) -> None:
        self._keeper.run.tell(str(error))


def place_name(kind: Kind[Any], key: Hashable) -> str:
    """What a run calls the result under a key. Raises TypeError for a key that names no answer."""
    assert kind.run is not None
    answer, about = what_of(kind, key)
    return result_name(kind.run.kind.name, id_of(answer), about)


def id_of(answer: AnswerKey) -> str:
    """What a run calls an answer."""
    return content_id(*answer)


def what_of(kind: Kind[Any], key: Hashable) -> tuple[AnswerKey, dict[str, object]]:
    """The answer that a key names, and what else it says, by names. Raises TypeError for a key that names none."""
    found: list[AnswerKey] = []
    about: dict[str, object] = {}

    def note(name: str, value: object) -> None:
        if isinstance(value, AnswerKey):
            found.append(value)
        elif _names_an_answer(value):
            for own, item in _items(value):
                note(own, item)
        elif isinstance(value, Target):
            about["target"] = value
        else:
            about[name or (type(value).__name__.lower() if is_dataclass(value) else f"part_{len(about)}")] = value

    note("", key)
    if not found:
        raise TypeError(f"a key that names no answer: {key!r:.200}")
    if kind.run is not None and kind.run.about is not None:
        return found[0], dict(kind.run.about(key))
    return found[0], about


def _items(value: object) -> list[tuple[str, object]]:
    if is_dataclass(value):
        return [(field.name, getattr(value, field.name)) for field in fields(value)]
    return [("", item) for item in value] if isinstance(value, tuple) else []


def _names_an_answer(value: object) -> bool:
    return isinstance(value, AnswerKey) or any(_names_an_answer(item) for _, item in _items(value))
