"""Results kept by what they are of, by content, so that none is computed twice and none is shown for another."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from ...answer import Answer

Kind = TypeVar("Kind")
AnswerKey = tuple[str, str, tuple[int, ...]]
_answer_keys: WeakKeyDictionary[Answer, AnswerKey] = WeakKeyDictionary()


def answer_key(answer: Answer) -> AnswerKey:
    """What an answer is, by content. Hashing the picture takes a while, so it is done once."""
    if answer not in _answer_keys:
        _answer_keys[answer] = (answer.model, answer.question.fingerprint(), answer.token_ids)
    return _answer_keys[answer]


@dataclass(eq=False)
class ResultCache(Generic[Kind]):
    """Results by key; the ones longest unused go when there are more than `most`."""

    most: int
    found: OrderedDict[Hashable, Kind] = field(default_factory=OrderedDict)

    def get(self, key: Hashable) -> Kind | None:
        if key in self.found:
            self.found.move_to_end(key)
        return self.found.get(key)

    def keep(self, key: Hashable, result: Kind) -> None:
        self.found[key] = result
        self.found.move_to_end(key)
        while len(self.found) > self.most:
            self.found.popitem(last=False)

    def drop(self, key: Hashable) -> None:
        """Forget a result, if it is there."""
        self.found.pop(key, None)

    def __iter__(self) -> Iterator[Kind]:
        return iter(self.found.values())
