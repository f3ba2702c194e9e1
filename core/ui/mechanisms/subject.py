"""Which word the heads are asked about: the target, or another one in its place."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

from ...answer import Answer, Target
from ...charts.tokens import visible
from ...vlm.model import VisionLanguageModel
from ...vlm.targets import TokenTarget, rival_ids, token_targets_of
from ..state.results import answer_key
from ..state.target import LONGEST_RIVAL, describe_target


@dataclass(frozen=True)
class Subject:
    """The token targets, what results about them are kept under, and in words what they are. `note` says what is to be
    said of a word that was typed. Untrusted text, both."""

    token_targets: tuple[TokenTarget, ...]
    key: Hashable
    named: str
    note: str | None = None


def subject_of(model: VisionLanguageModel, answer: Answer, target: Target, typed: str = "") -> Subject:
    """The target; or, where something was `typed`, that word's first token in the place of the target's first one."""
    token_targets = token_targets_of(answer, target)
    word = typed.strip()[:LONGEST_RIVAL]
    note = None
    if word:
        ids = rival_ids(model, answer, token_targets[0].index, word)
        if ids:
            token_targets = (replace(token_targets[0], token=ids[0]),)
            note = _note(model, word, ids)
            named = f"“{visible(model.reader.piece(ids[0]))}” in the place of {_said(answer, token_targets[0], model)}"
            return Subject(token_targets, (answer_key(answer), token_targets), named, note)
        note = "That has no token, so the target itself is shown. Type a word."
    return Subject(token_targets, (answer_key(answer), token_targets), describe_target(answer, target, model), note)


def _said(answer: Answer, token_target: TokenTarget, model: VisionLanguageModel) -> str:
    rivals = None if token_target.rival is None else (token_target.rival,)
    return describe_target(answer, Target((token_target.index,), rivals), model)


def _note(model: VisionLanguageModel, word: str, ids: tuple[int, ...]) -> str | None:
    if len(ids) == 1:
        return None
    first = model.reader.piece(ids[0])
    blank = "" if first.strip() else " It is the blank before the word and says little of it: type a word of one token."
    return (
        f"“{visible(word)}” is not one token of {model.card.name}'s vocabulary: it takes {len(ids)} here. Only the "
        f"first, “{visible(first)}”, would be predicted at this place, so this is about that one.{blank}"
    )
