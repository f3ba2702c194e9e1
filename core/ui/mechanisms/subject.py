"""Which word the heads are asked about: the target, or another one in its place."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

from ...answer import Answer, Target
from ...charts.tokens import visible
from ...vlm.model import VisionLanguageModel
from ...vlm.units import Unit, rival_ids, units_of
from ..kept import answer_key
from ..target import LONGEST_RIVAL, describe_target


@dataclass(frozen=True)
class Subject:
    """The units, what results about them are kept under, and in words what they are. `note` says what is to be said of
    a word that was typed. Untrusted text, both."""

    units: tuple[Unit, ...]
    key: Hashable
    named: str
    note: str | None = None


def subject_of(model: VisionLanguageModel, answer: Answer, target: Target, typed: str = "") -> Subject:
    """The target; or, where something was `typed`, that word's first token in the place of the target's first one."""
    units = units_of(answer, target)
    word = typed.strip()[:LONGEST_RIVAL]
    note = None
    if word:
        ids = rival_ids(model, answer, units[0].index, word)
        if ids:
            units = (replace(units[0], token=ids[0]),)
            note = _note(model, word, ids)
            named = f"“{visible(model.reader.piece(ids[0]))}” in the place of {_said(answer, units[0], model)}"
            return Subject(units, (answer_key(answer), units), named, note)
        note = "That has no token, so the target itself is shown. Type a word."
    return Subject(units, (answer_key(answer), units), describe_target(answer, target, model), note)


def _said(answer: Answer, unit: Unit, model: VisionLanguageModel) -> str:
    rivals = None if unit.rival is None else (unit.rival,)
    return describe_target(answer, Target((unit.index,), rivals), model)


def _note(model: VisionLanguageModel, word: str, ids: tuple[int, ...]) -> str | None:
    if len(ids) == 1:
        return None
    first = model.reader.piece(ids[0])
    blank = "" if first.strip() else " It is the blank before the word and says little of it: type a word of one token."
    return (
        f"“{visible(word)}” is not one token of {model.card.name}'s vocabulary: it takes {len(ids)} here. Only the "
        f"first, “{visible(first)}”, would be predicted at this place, so this is about that one.{blank}"
    )
