"""Answers that are pinned in a tab, to be seen beside each other: of other pictures, wordings, masks, models, runs."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from ...answer import Answer, HeldRows, Target
from ...errors import NeedsItsModel, OtherModel
from ...runs.identity import answer_id
from ...runs.models import revived
from ...vlm.model import ModelCard, VisionLanguageModel
from .models import store
from .pin import Pin
from .reasks import rows_of
from .results import Kind
from .workspace import NamedImage, Workspace

MOST = 4
LONGEST_LABEL = 120
Result = TypeVar("Result")


def pinned(workspace: Workspace, answer: Answer) -> Pin | None:
    """The pin of an answer, by content; None where it is not pinned."""
    if not workspace.pins:
        return None
    return next((pin for pin in workspace.pins if pin.id == answer_id(answer)), None)


def pin(
    workspace: Workspace,
    answer: Answer,
    images: tuple[NamedImage, ...] = (),
    target: Target | None = None,
    label: str = "",
) -> None:
    """Pin an answer after the others, unless it is, or there are as many as may be."""
    if len(workspace.pins) < MOST and answer.tokens and pinned(workspace, answer) is None:
        named = model_name(workspace, answer)
        new = Pin(label[:LONGEST_LABEL], answer, named, images, target, behind=workspace.results.behind)
        workspace.pins = (*workspace.pins, new)


def unpin(workspace: Workspace, id_: str) -> None:
    """Take a pin away, by its id."""
    workspace.pins = tuple(pin for pin in workspace.pins if pin.id != id_)


def put_first(workspace: Workspace, id_: str) -> None:
    """Compare the others with this one from now on."""
    first = [pin for pin in workspace.pins if pin.id == id_]
    workspace.pins = (*first, *(pin for pin in workspace.pins if pin.id != id_))


def change(workspace: Workspace, pin: Pin, **fields: Any) -> Pin:
    """Change a pin in its place."""
    new = replace(pin, **fields)
    workspace.pins = tuple(new if other.id == pin.id else other for other in workspace.pins)
    return new


def model_of(pin: Pin) -> VisionLanguageModel | None:
    """The model that gave the answer, where it is loaded."""
    return store().loaded(pin.answer.model)


def card_of(workspace: Workspace, pin: Pin) -> ModelCard | None:
    """What its model is, where that is known."""
    return _card(workspace, pin.answer)


def model_name(workspace: Workspace, answer: Answer) -> str:
    """What the model of an answer is called."""
    card = _card(workspace, answer)
    if card is not None:
        return card.name
    spec = store().spec_of(answer.model)
    return spec.source.rsplit("/", 1)[-1] if spec else f"the model {answer.model[:12]}"


def _card(workspace: Workspace, answer: Answer) -> ModelCard | None:
    model = store().loaded(answer.model)
    if model is not None:
        return model.card
    known = None if workspace.run is None else workspace.run.run.manifest.model(answer.model)
    return None if known is None else known.card


def found(workspace: Workspace, pin: Pin, kind: Kind[Result], key: Hashable) -> Result | None:
    """What was found out about a pinned answer, in this tab and its run or in the run where it was pinned."""
    made = workspace.results.get(kind, key)
    if made is None and pin.behind is not None and pin.behind is not workspace.results.behind:
        kept: Result | None = pin.behind.get(kind, key)
        return kept
    return made


def held_rows(workspace: Workspace, pin: Pin) -> HeldRows | None:
    """The attention rows of a pinned answer, read from the run where they are kept and not at hand; None where there
    are none."""
    rows, keeper = pin.answer.attention, workspace.run
    if rows is None or keeper is None or rows.held is not None:
        return None if rows is None else rows.held
    turn = next((id_ for id_, each in keeper.turns.items() if each.answer and each.answer.attention is rows), None)
    if turn is not None and turn not in keeper.read:
        keeper.read.add(turn)
        keeper.run.hold_rows(turn)
    return rows.held


def alive(workspace: Workspace, pin: Pin) -> tuple[Pin, VisionLanguageModel | None, str | None]:
    """The pin with an answer about which its model can compute, and that model; or no model, and why as a sentence."""
    model = model_of(pin)
    if model is None:
        return pin, None, f"{pin.model} gave this answer and is not loaded. What was computed of it is shown."
    try:
        answer = revived(pin.answer, model)
    except (NeedsItsModel, OtherModel) as error:
        return pin, None, str(error)
    return (pin if answer is pin.answer else change(workspace, pin, answer=answer)), model, None


def pins_of(workspace: Workspace) -> list[dict[str, object]]:
    """The pins in plain values, as a run keeps them."""
    return [
        {"answer": pin.id, "label": pin.label, "target": _plain(pin.target), "chosen": _plain(pin.chosen)}
        for pin in workspace.pins
    ]


def restore_pins(workspace: Workspace, plain: object) -> None:
    """Pin again what a run says was pinned and has; pins that the tab has stay. What cannot be so is left out."""
    if workspace.pins or not isinstance(plain, list):
        return
    wanted = [one for one in plain[:MOST] if isinstance(one, Mapping) and isinstance(one.get("answer"), str)]
    if not wanted:
        return
    there = {
        answer_id(each.answer): (each.answer, each.images)
        for each in workspace.exchanges
        if each.answer is not None and each.answer.tokens
    }
    if any(one["answer"] not in there for one in wanted):
        for answer, images in list(there.values()):
            for row in rows_of(workspace, answer):
                there.setdefault(answer_id(row.reasked.answer), (row.reasked.answer, images))
    for one in wanted:
        if one["answer"] in there:
            answer, images = there[one["answer"]]
            label = one.get("label") if isinstance(one.get("label"), str) else ""
            pin(workspace, answer, images, _target(one.get("target"), answer), str(label))
            if (chosen := _target(one.get("chosen"), answer)) is not None and workspace.pins:
                change(workspace, workspace.pins[-1], chosen=chosen)


def _plain(target: Target | None) -> dict[str, object] | None:
    if target is None:
        return None
    return {"tokens": list(target.tokens), "rivals": None if target.rivals is None else list(target.rivals)}


def _target(plain: object, answer: Answer) -> Target | None:
    """A target as it was written; None for what is none of this answer."""
    if not isinstance(plain, Mapping):
        return None
    tokens, rivals = _numbers(plain.get("tokens")), _numbers(plain.get("rivals"))
    if not tokens or max(tokens) >= len(answer.tokens) or len(set(tokens)) != len(tokens):
        return None
    return Target(tokens, rivals if rivals and len(rivals) == len(tokens) else None)


def _numbers(value: object) -> tuple[int, ...]:
    whole = isinstance(value, list) and all(type(one) is int and one >= 0 for one in value)
    return tuple(value) if whole and isinstance(value, list) else ()
