"""What took time to find out in a tab, kept by what it is of, so that none is computed twice and none is shown for
another.

One `ResultCache` serves all pages of a tab. Keys are contents: an answer's `answer_key`, with target, method and
settings. What every tab may share is kept where it is made: loaded models in `models.py`, drawn scenes in `scenes.py`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from ...answer import Answer

Result = TypeVar("Result")
AnswerKey = tuple[str, str, tuple[int, ...]]
_answer_keys: WeakKeyDictionary[Answer, AnswerKey] = WeakKeyDictionary()
_image_keys: WeakKeyDictionary[Answer, str] = WeakKeyDictionary()


def answer_key(answer: Answer) -> AnswerKey:
    """What an answer is, by content. Hashing the picture takes a while, so it is done once."""
    if answer not in _answer_keys:
        _answer_keys[answer] = (answer.model, answer.question.fingerprint(), answer.token_ids)
    return _answer_keys[answer]


def same_images(one: Answer, other: Answer) -> bool:
    """Whether two answers are about the same pictures, whatever was hidden of them."""
    for answer in (one, other):
        if answer not in _image_keys:
            _image_keys[answer] = answer.question.with_masks().visual_fingerprint()
    return _image_keys[one] == _image_keys[other]


@dataclass(frozen=True, eq=False)
class Kind(Generic[Result]):
    """A kind of results, and how much of it a tab keeps: `most` of them; of those with a `size`, so much together."""

    most: int
    size: Callable[[Result], int] = lambda result: 1


class ResultCache:
    """Results of any kind by key; of each kind the ones longest unused go when there are too many. The last one is
    kept whatever its size."""

    def __init__(self) -> None:
        # A job keeps what it finds from its own thread while the page reads.
        self._lock = threading.Lock()
        self._kept: dict[Kind[Any], OrderedDict[Hashable, Any]] = {}

    def get(self, kind: Kind[Result], key: Hashable) -> Result | None:
        """What is kept under a key; None where nothing is."""
        with self._lock:
            kept = self._of(kind)
            if key in kept:
                kept.move_to_end(key)
            return kept.get(key)

    def keep(self, kind: Kind[Result], key: Hashable, result: Result) -> None:
        """Keep a result, in place of a former one of this key."""
        with self._lock:
            kept = self._of(kind)
            kept[key] = result
            kept.move_to_end(key)
            while len(kept) > 1 and sum(map(kind.size, kept.values())) > kind.most:
                kept.popitem(last=False)

    def drop(self, kind: Kind[Result], key: Hashable) -> None:
        """Forget a result, if it is there."""
        with self._lock:
            self._of(kind).pop(key, None)

    def of(self, kind: Kind[Result]) -> dict[Hashable, Result]:
        """All results of a kind, the one longest unused first."""
        with self._lock:
            return dict(self._of(kind))

    def _of(self, kind: Kind[Result]) -> OrderedDict[Hashable, Result]:
        return self._kept.setdefault(kind, OrderedDict())
