"""Turns: what was asked and what came of it, a piece each, and the attention rows of its answer in a piece of their
own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..answer import Answer, HeldRows, Question
from ..errors import RunDamaged
from ..vlm.kept_budget import budget
from .codec.answers import half, rows_fit
from .codec.form import Given, Out
from .codec.hints import form_of
from .identity import new_turn_id
from .pieces import decoded, encoded, read_piece, write_piece

FOLDER = "turns"
_ROWS = "-rows"


@dataclass(frozen=True)
class Source:
    """Where a picture or video of a question came from: its name, what was done to it when it was opened, and of a
    drawn scene the parameters that name it. `times` are when the frames of a video are shown, in seconds."""

    name: str
    note: str = ""
    scene: Mapping[str, str] | None = None
    times: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Exchange:
    """One question and what has come of it so far. Its `id` stays when its answer is there; `sources` are of its
    pictures and videos, in their order; `trouble` is why there is no answer, `replay` what the replay check says of
    it."""

    question: Question
    answer: Answer | None = None
    sources: tuple[Source, ...] = ()
    trouble: str | None = None
    replay: str | None = None
    id: str = field(default_factory=new_turn_id)
    made: float = 0.0


@dataclass(frozen=True, eq=False)
class _File:
    """A turn as it is kept: the question stands in the answer, where that was given to just this one."""

    question: Question | None
    answer: Answer | None
    sources: tuple[Source, ...]
    trouble: str | None
    replay: str | None
    made: float


_FORM = form_of(_File)
_HELD = form_of(HeldRows)


def write_turn(run: Path, exchange: Exchange, out: Out) -> None:
    """Keep a turn, rows first. Raises NotWritten."""
    folder, answer = run / FOLDER, exchange.answer
    rows = None if answer is None else half(answer.attention)
    if rows is not None:
        write_piece(folder, exchange.id + _ROWS, "attention", *encoded(_HELD, rows, Out()))
    same = answer is not None and answer.question.fingerprint() == exchange.question.fingerprint()
    file = _File(
        None if same else exchange.question,
        answer,
        exchange.sources,
        exchange.trouble,
        exchange.replay,
        exchange.made,
    )
    write_piece(folder, exchange.id, "turn", *encoded(_FORM, file, replace(out, rows=False)))


def read_turn(run: Path, id_: str, given: Given, rows: bool = True) -> tuple[Exchange, str | None]:
    """A turn, and what could not be read of it: without its attention rows an answer is an answer. They are left on the
    disk unless `rows` are wanted. Raises RunDamaged."""
    folder = run / FOLDER
    piece = read_piece(folder, id_, "turn")
    file: _File = decoded(_FORM, piece, replace(given, tensors=piece.tensors), f"{id_}.json")
    question = file.question or (None if file.answer is None else file.answer.question)
    if question is None:
        raise RunDamaged(f"{id_}.json is damaged: it holds no question.")
    turn = Exchange(question, file.answer, file.sources, file.trouble, file.replay, id_, file.made)
    return turn, hold_rows(run, turn) if rows else None


def kept_turns(run: Path) -> list[str]:
    """The ids of all turns that have a file, in the order in which they were asked."""
    names = (file.stem for file in (run / FOLDER).glob("*.json"))
    return sorted(name for name in names if not name.endswith(_ROWS))


def hold_rows(run: Path, turn: Exchange) -> str | None:
    """Give a turn's answer the attention rows that were kept of it, within what the rows of all answers may take; a
    sentence where they cannot be read."""
    name, answer = turn.id + _ROWS, turn.answer
    if answer is None or answer.attention is None or not (run / FOLDER / f"{name}.json").exists():
        return None
    try:
        piece = read_piece(run / FOLDER, name, "attention")
        held = decoded(_HELD, piece, Given(piece.tensors), f"{name}.json")
        if not rows_fit(held, answer):
            raise RunDamaged(f"{name}.json is damaged: its rows do not fit the answer.")
    except RunDamaged as error:
        return f"{error} The answer is there without its attention rows."
    answer.attention.hold(held)
    budget.keep(answer.attention)
    return None
