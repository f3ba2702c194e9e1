"""What took time to find out in a tab, kept by what it is of, so that none is computed twice and none is shown for
another.

One `ResultCache` serves all pages of a tab. Keys are contents: an answer's `answer_key`, with target, method and
settings. What every tab may share is kept where it is made: loaded models in `models.py`, drawn scenes in `scenes.py`.
Behind it stands the tab's run, if it has one (`shelf.py`): what is not at hand is looked for there.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from weakref import WeakKeyDictionary, ref

from ...answer import Answer
from ...runs.kinds import RunKind
from ...vlm.held_bytes import bytes_in
from ...vlm.kept_budget import budget

Result = TypeVar("Result")


class AnswerKey(NamedTuple):
    """What an answer is: its model's fingerprint, its question's, and its token ids."""

    model: str
    question: str
    tokens: tuple[int, ...]


_answer_keys: WeakKeyDictionary[Answer, AnswerKey] = WeakKeyDictionary()
_image_keys: WeakKeyDictionary[Answer, str] = WeakKeyDictionary()


def answer_key(answer: Answer) -> AnswerKey:
    """What an answer is, by content. Hashing the picture takes a while, so it is done once."""
    if answer not in _answer_keys:
        _answer_keys[answer] = AnswerKey(answer.model, answer.question.fingerprint(), answer.token_ids)
    return _answer_keys[answer]


def same_images(one: Answer, other: Answer) -> bool:
    """Whether two answers are about the same pictures, whatever was hidden of them."""
    for answer in (one, other):
        if answer not in _image_keys:
            _image_keys[answer] = answer.question.with_masks().visual_fingerprint()
    return _image_keys[one] == _image_keys[other]


@dataclass(frozen=True, eq=False)
class Kept(Generic[Result]):
    """How a run keeps results of a kind. `pack` makes of one what is written, and the seconds it took where these are
    known; `unpack` makes it of both again. `about` says what a key is of, where its parts and their names do not say it
    well enough, and `key` makes the key of it again, where pages look through all results of the kind."""

    kind: RunKind[Any]
    pack: Callable[[Result], tuple[Any, float | None]] = lambda result: (result, getattr(result, "seconds", None))
    unpack: Callable[[Any, float], Result] = lambda value, seconds: value
    about: Callable[[Any], Mapping[str, object]] | None = None
    key: Callable[[AnswerKey, Mapping[str, Any]], Hashable | None] | None = None


@dataclass(frozen=True, eq=False)
class Kind(Generic[Result]):
    """A kind of results, and how much of it a tab keeps: `most` of them; of those with a `size`, so much together. A
    run keeps all of a kind that says how (`run`). With `again`, pages compute by themselves what is not there."""

    most: int
    size: Callable[[Result], int] = lambda result: 1
    run: Kept[Result] | None = None
    again: bool = False


class Behind(Protocol):
    """Where results are kept for longer; `writes` says whether new ones are."""

    @property
    def writes(self) -> bool: ...

    def get(self, kind: Kind[Any], key: Hashable) -> Any:
        """What is kept there under a key; None where nothing is."""

    def keep(self, kind: Kind[Any], key: Hashable, result: Any) -> None:
        """Keep a result there, without waiting for it."""

    def drop(self, kind: Kind[Any], key: Hashable) -> None:
        """Never give this again."""

    def all(self, kind: Kind[Any]) -> Mapping[Hashable, Any]:
        """Results of a kind that were not given by this before, by key."""


class _Entry:
    """A result as a tab keeps it, which the budget of all tabs may drop."""

    def __init__(self, cache: ResultCache, kind: Kind[Any], key: Hashable, result: Any) -> None:
        self._cache, self._kind, self._key = ref(cache), kind, key
        self.result, self.kept_bytes = result, bytes_in(result)

    def drop(self) -> None:
        self.kept_bytes = 0
        if (cache := self._cache()) is not None:
            cache.let_go(self._kind, self._key, self)


class ResultCache:
    """Results of any kind by key; of each kind the ones longest unused go when there are too many. The last one is
    kept whatever its size. `behind` are those of the tab's run.

    What can be had again, from the run or by the page itself, also goes where all tabs together keep too much
    (`core.vlm.kept_budget`)."""

    def __init__(self) -> None:
        # A job keeps what it finds from its own thread while the page reads.
        self._lock = threading.Lock()
        self._kept: dict[Kind[Any], OrderedDict[Hashable, _Entry]] = {}
        self.behind: Behind | None = None

    def get(self, kind: Kind[Result], key: Hashable) -> Result | None:
        """What is kept under a key; None where nothing is."""
        with self._lock:
            kept = self._of(kind)
            entry = kept.get(key)
            if entry is not None:
                kept.move_to_end(key)
        if entry is not None:
            budget.use(entry)
            there: Result = entry.result
            return there
        result: Result | None = None if kind.run is None or self.behind is None else self.behind.get(kind, key)
        if result is not None:
            self._take(kind, key, result)
        return result

    def keep(self, kind: Kind[Result], key: Hashable, result: Result) -> None:
        """Keep a result, in place of a former one of this key."""
        self._take(kind, key, result)
        if kind.run is not None and self.behind is not None:
            self.behind.keep(kind, key, result)

    def _take(self, kind: Kind[Result], key: Hashable, result: Result) -> None:
        entry = _Entry(self, kind, key, result)
        with self._lock:
            kept = self._of(kind)
            kept[key] = entry
            kept.move_to_end(key)
            while len(kept) > 1 and sum(kind.size(one.result) for one in kept.values()) > kind.most:
                kept.popitem(last=False)
            comes_back = self._comes_back(kind)
        if comes_back:
            budget.keep(entry)  # not under the lock: it may let go of others of this tab

    def _comes_back(self, kind: Kind[Any]) -> bool:
        """Whether what is dropped of a kind is there when it is looked at. What a run lists at once (`key`) stays."""
        kept = kind.run is not None and kind.run.key is None and self.behind is not None and self.behind.writes
        return kept or kind.again

    def let_go(self, kind: Kind[Any], key: Hashable, entry: object) -> None:
        """Have this entry no longer at hand, unless another one has taken its place."""
        with self._lock:
            kept = self._of(kind)
            if kept.get(key) is entry:
                del kept[key]

    def drop(self, kind: Kind[Result], key: Hashable) -> None:
        """Forget a result, if it is there."""
        with self._lock:
            self._of(kind).pop(key, None)
        if kind.run is not None and self.behind is not None:
            self.behind.drop(kind, key)

    def of(self, kind: Kind[Result]) -> dict[Hashable, Result]:
        """All results of a kind, the one longest unused first."""
        if kind.run is not None and self.behind is not None:
            for key, result in self.behind.all(kind).items():
                if key not in self._of(kind):
                    self._take(kind, key, result)
        with self._lock:
            return {key: entry.result for key, entry in self._of(kind).items()}

    def leave(self) -> None:
        """Let go of the run, and of what it keeps."""
        with self._lock:
            self.behind = None
            self._kept = {kind: kept for kind, kept in self._kept.items() if kind.run is None}

    def _of(self, kind: Kind[Any]) -> OrderedDict[Hashable, _Entry]:
        return self._kept.setdefault(kind, OrderedDict())
