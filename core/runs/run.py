"""A run: a conversation and everything computed about it, on disk as it is made.

    store = RunStore()                                     # the user's own folder of runs
    run = store.create()                                   # at the first question: nothing asked needs no run
    turn = run.add(Exchange(question, sources=...))        # asked
    run.add(replace(turn, answer=answer), model.card)      # answered: the same turn, now with its answer
    run.keep(EXPLANATION, answer, {"target": target, "method": key, "settings": settings}, explanation)

    run = store.open("20260131-235959-0a1b2c")             # another day, without the model
    answer = run.turn(run.conversation[-1].id).answer
    run.result(EXPLANATION, answer, {"target": target, "method": key, "settings": settings})

What a call has kept is on the disk when it returns. All methods may be called from any thread.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from PIL import Image

from ..answer import Answer, Target
from ..errors import NotWritten, RunBusy, RunDamaged, RunError
from ..version import __version__
from ..vlm.model import ModelCard
from ..vlm.spec import ModelSpec
from .codec.form import Given, Out
from .draft import Draft, read_draft, write_draft
from .identity import answer_id, readable, result_name
from .kinds import KINDS, RunKind
from .limits import LONGEST_NOTES, LONGEST_TAG, LONGEST_TITLE, MOST_TAGS
from .lock import RunLock
from .manifest import MANIFEST, SHOWN, Branch, KeptModel, Manifest, TurnSummary, Why
from .pictures import Pictures
from .pieces import encoded, write_piece
from .results import About, KeptResult, Results
from .turns import Exchange, hold_rows, read_turn, write_turn

Result = TypeVar("Result")
MANIFEST_NAME = "run"


class Run:
    """An open run; `RunStore.create` and `open` give one. Use it as a context manager, or `close` it.

    `damage` are sentences about what could not be read so far; all else is there. Without a lock (`writable` False) it
    is only looked at, and whatever would change it raises RunBusy. Changes raise NotWritten where the disk is full or
    the folder closed; the state before is then what is kept.
    """

    def __init__(self, folder: Path, manifest: Manifest, lock: RunLock | None, damage: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.manifest = manifest
        self.damage: list[str] = list(damage)
        self._lock = lock
        self._guard = threading.RLock()
        self._pictures = Pictures(folder)
        self._given = Given(
            picture=self._pictures.load, answer=self._answer_of_turn, model=lambda mark: self.manifest.model_name(mark)
        )
        self._results = Results(folder, self._given, self.tell)
        self._turns: WeakValueDictionary[str, Exchange] = WeakValueDictionary()
        self._answers: WeakValueDictionary[str, Answer] = WeakValueDictionary()

    # What it is

    @property
    def id(self) -> str:
        return self.manifest.id

    @property
    def writable(self) -> bool:
        """Whether this is where the run is kept, and not only looked at."""
        return self._lock is not None

    def close(self) -> None:
        """Let others keep it; what is kept stays."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def resting(self) -> bool:
        """Whether others may keep it until something is kept here again."""
        return self._lock is not None and self._lock.resting

    def rest(self) -> None:
        """Let others keep it as long as nothing is kept here."""
        with self._guard:
            if self._lock is not None:
                self._lock.rest()

    def wake(self) -> None:
        """Keep it again after a rest. Raises RunBusy where somebody else does, or did meanwhile."""
        with self._guard:
            if self._lock is not None:
                self._lock.wake()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The conversation

    @property
    def conversation(self) -> tuple[TurnSummary, ...]:
        """The turns of the present conversation in words, in their order; `turn` reads one."""
        return self.manifest.conversation

    def turn(self, id_: str, rows: bool = True) -> Exchange:
        """A turn with its pictures and its answer, whose attention rows are read only where `rows` are wanted
        (`hold_rows` reads them later). Asked for again while it is in use, it is the same object. An answer comes
        without model inputs (`models.revived` makes them). Raises RunDamaged."""
        with self._guard:
            if (turn := self._turns.get(id_)) is None:
                turn, trouble = read_turn(self.folder, id_, self._given, rows)
                if trouble is not None:
                    self.tell(trouble)
                self._in_use(turn)
            return turn

    def hold_rows(self, id_: str) -> Answer | None:
        """A turn's answer with its attention rows in memory again, where these were dropped meanwhile (`kept_budget`)
        and had been kept; None where there is no answer. Raises RunDamaged for the turn; rows that are broken stand in
        `damage`."""
        turn = self.turn(id_)
        rows = None if turn.answer is None else turn.answer.attention
        trouble = hold_rows(self.folder, turn) if rows is not None and rows.held is None else None
        if trouble is not None:
            self.tell(trouble)
        return turn.answer

    def know(self, turn: Exchange) -> None:
        """That this object is the turn of its id from now on, with an answer that has its model inputs again."""
        with self._guard:
            self._in_use(turn)

    def add(self, exchange: Exchange, card: ModelCard | None = None, spec: ModelSpec | None = None) -> Exchange:
        """Keep a turn: a new one at the end of the conversation, or, under the id of one that is there, in its place.
        `card` and `spec` are of the model that answered. Returns it as it is kept, with the time at which it was first
        added. Raises NotWritten, RunBusy."""
        with self._guard:
            self._check_writable()
            exchange = exchange if exchange.made else replace(exchange, made=time.time())
            names = tuple(self._pictures.keep(image) for image in exchange.question.images)
            for image in exchange.question.images[:1]:
                self._pictures.keep_small(image)
            if card is not None:
                self.keep_model(card, spec)
            write_turn(self.folder, exchange, Out(picture=self._pictures.keep))
            summary = summary_of(exchange, names)
            turns = {turn.id: turn for turn in self.manifest.turns}
            path = self.manifest.path if exchange.id in turns else (*self.manifest.path, exchange.id)
            self._change(turns=tuple({**turns, exchange.id: summary}.values()), path=path)
            self._in_use(exchange)
            return exchange

    def cut(self, index: int, why: Why = "edited") -> Branch | None:
        """Leave the turns from `index` on (0: all of them) and keep the conversation as it was as a branch, which
        `restore` brings back; None where there is nothing to leave."""
        with self._guard:
            if index >= len(self.manifest.path):
                return None
            self._check_writable()
            branch = Branch(secrets.token_hex(4), time.time(), why, self.manifest.path)
            self._change(path=self.manifest.path[:index], branches=(*self.manifest.branches, branch))
            return branch

    def restore(self, branch: str) -> None:
        """Go on with a branch (by its id). The present conversation becomes a branch, unless it is the beginning of
        this one or of another. Raises RunError where there is no such branch."""
        with self._guard:
            chosen = next((one for one in self.manifest.branches if one.id == branch), None)
            if chosen is None:
                raise RunError("This branch is no longer there. Choose another one.")
            self._check_writable()
            others = tuple(one for one in self.manifest.branches if one.id != branch)
            now = self.manifest.path
            if not any(one.path[: len(now)] == now for one in (chosen, *others)):
                others = (*others, Branch(secrets.token_hex(4), time.time(), "restored", now))
            self._change(path=chosen.path, branches=others)

    def target(self, turn: str) -> Target | None:
        """What is being explained of a turn's answer; None where nothing is, or tokens that it does not have."""
        target = self.manifest.targets.get(turn)
        summary = next((one for one in self.manifest.turns if one.id == turn), None)
        if target is None or summary is None or not all(0 <= token < summary.tokens for token in target.tokens):
            return None
        return target

    def set_target(self, turn: str, target: Target | None) -> None:
        """Explain something else of a turn's answer."""
        if target != self.manifest.targets.get(turn):
            kept = {name: one for name, one in self.manifest.targets.items() if name != turn}
            self._change(targets=kept if target is None else {**kept, turn: target})

    def turn_of(self, answer: Answer) -> str | None:
        """The id of the turn that holds an answer, by content; None where none does."""
        wanted = answer_id(answer)
        return next((turn.id for turn in self.manifest.turns if turn.answer_id == wanted), None)

    # What was computed

    def keep(
        self,
        kind: RunKind[Result],
        answer: Answer,
        about: Mapping[str, object],
        result: Result,
        seconds: float | None = None,
    ) -> None:
        """Keep a result under all that it is of: its kind, the answer, and `about` (target, method, settings, whatever
        else decides it: plain values, and frozen dataclasses of them). It takes the place of a former one. Raises
        NotWritten, RunBusy, TypeError for what cannot be kept."""
        self.keep_of(kind, answer_id(answer), answer.model, about, result, seconds)

    def keep_of(
        self,
        kind: RunKind[Result],
        answer: str,
        model: str,
        about: Mapping[str, object],
        result: Result,
        seconds: float | None = None,
    ) -> None:
        """The same for an answer by its id, given by the model of this fingerprint."""
        self._check_writable()
        name = result_name(kind.name, answer, about)
        what = About(kind.name, answer, model, readable(about), time.time(), seconds, __version__)
        self._results.keep(kind, name, what, result, Out(picture=self._pictures.keep, known=self.turn_of))

    def result(self, kind: RunKind[Result], answer: Answer, about: Mapping[str, object]) -> Result | None:
        """The result under just this; None where there is none. Raises RunDamaged."""
        kept = self.kept_of(kind, answer_id(answer), about)
        return None if kept is None else kept[0]

    def kept_of(self, kind: RunKind[Result], answer: str, about: Mapping[str, object]) -> tuple[Result, About] | None:
        """The same for an answer by its id, with what the result is of. Raises RunDamaged."""
        return self._results.read(kind, result_name(kind.name, answer, about))

    def results(self, kind: RunKind[Any] | None = None, answer: Answer | None = None) -> tuple[KeptResult, ...]:
        """All results, or those of a kind, or of an answer, the first made first; each is read when it is asked to
        `load`. Of kinds that are not known here `kind` has to be given to read them."""
        wanted = None if answer is None else answer_id(answer)
        kept = []
        for name, what in self._results.all().items():
            if (kind is None or what.kind == kind.name) and wanted in (None, what.answer):
                own = kind or KINDS.get(what.kind)
                kept.append(KeptResult(name, what, partial(self._loaded, own, name)))
        return tuple(kept)

    def forget(self, result: KeptResult) -> None:
        """Remove a result."""
        self._check_writable()
        self._results.forget(result.name)

    # What is said of it

    def rename(self, title: str) -> None:
        """Give it another title; an empty one is the first question."""
        self._change(title=" ".join(title.split())[:LONGEST_TITLE])

    def tag(self, *tags: str) -> None:
        """Give it these tags and no others."""
        plain = dict.fromkeys(" ".join(tag.split())[:LONGEST_TAG] for tag in tags)
        self._change(tags=tuple(tag for tag in plain if tag)[:MOST_TAGS])

    def note(self, notes: str) -> None:
        """Write other notes."""
        self._change(notes=notes[:LONGEST_NOTES])

    def remember(self, place: Mapping[str, object]) -> None:
        """Where one is in pages: plain values, as `manifest.place` then has them."""
        if dict(place) != self.manifest.place:
            self._change(place=dict(place))

    def keep_model(self, card: ModelCard, spec: ModelSpec | None = None) -> None:
        """That this model answers here, and how it can be loaded again."""
        known = self.manifest.model(card.fingerprint)
        model = KeptModel(card, spec if spec is not None or known is None else known.spec)
        if model != known:
            self._change(models=(*(one for one in self.manifest.models if one is not known), model))

    def draft(self) -> Draft:
        """What was being composed; empty where nothing was, or where it cannot be read."""
        try:
            return read_draft(self.folder, self._given)
        except RunDamaged as error:
            self.tell(str(error))
            return Draft()

    def keep_draft(self, draft: Draft) -> None:
        """Keep what is being composed: pictures, regions and words that are not asked yet. Raises NotWritten."""
        with self._guard:
            self._check_writable()
            write_draft(self.folder, draft, Out(picture=self._pictures.keep))

    def picture(self, name: str) -> Image.Image:
        """A picture by the name that a summary has. Raises RunDamaged."""
        return self._pictures.load(name)

    def check(self) -> tuple[str, ...]:
        """Read everything, and say in a sentence each what is broken."""
        for id_ in (turn.id for turn in self.manifest.turns):
            self._try(partial(self.turn, id_))
        for result in self.results():
            self._try(result.load)
        return tuple(self.damage)

    def _try(self, read: Callable[[], object]) -> None:
        try:
            read()
        except RunDamaged as error:
            self.tell(str(error))
        except RunError:
            pass  # a kind of a later version: kept as it is

    def tell(self, sentence: str) -> None:
        """Note what cannot be read, once."""
        if sentence not in self.damage:
            self.damage.append(sentence)

    def _loaded(self, kind: RunKind[Any] | None, name: str) -> Any:
        if kind is None:
            raise RunError("This result is of a kind that this version of Sightline does not know. It is kept.")
        kept = self._results.read(kind, name)
        if kept is None:
            raise RunDamaged(f"{name}.json is missing.")
        return kept[0]

    def _in_use(self, turn: Exchange) -> None:
        self._turns[turn.id] = turn
        if turn.answer is not None:
            self._answers[turn.id] = turn.answer

    def _answer_of_turn(self, id_: str) -> Answer:
        answer = self._answers.get(id_) or self.turn(id_).answer
        if answer is None:
            raise RunDamaged(f"The turn {id_[:40]} has no answer.")
        return answer

    def _change(self, **changes: Any) -> None:
        """Change the manifest, on disk and then here."""
        with self._guard:
            self._check_writable()
            changed = replace(self.manifest, changed=time.time(), **changes)
            write_manifest(self.folder, changed)
            self.manifest = changed

    def _check_writable(self) -> None:
        if self._lock is None:
            raise RunBusy("This run is only looked at here, so nothing is kept. Go on with a duplicate of it.")
        self.wake()


def summary_of(exchange: Exchange, pictures: tuple[str, ...]) -> TurnSummary:
    """A turn in words."""
    answer = exchange.answer
    return TurnSummary(
        exchange.id,
        exchange.made,
        exchange.question.text[:SHOWN],
        pictures,
        None if answer is None else answer.text[:SHOWN],
        None if answer is None else answer_id(answer),
        None if answer is None else answer.model,
        0 if answer is None else len(answer.tokens),
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write what a run says of itself. Raises NotWritten."""
    try:
        write_piece(folder, MANIFEST_NAME, "run", *encoded(MANIFEST, manifest, Out()))
    except TypeError as error:
        raise NotWritten(f"{error}. What was kept before is as it was.") from error
