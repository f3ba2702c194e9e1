"""Answers that are pinned in a tab, to be seen beside each other: of other pictures, wordings, masks, models, runs."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from ...answer import Answer, HeldRows, Target
from ...errors import NeedsItsModel, OtherModel, RunDamaged, RunError
from ...runs.identity import answer_id
from ...runs.kinds import RunKind
from ...runs.manifest import KeptModel
from ...runs.models import revived
from ...runs.run import Run
from ...runs.store import RunStore
from ...vlm.model import ModelCard, VisionLanguageModel
from ...vlm.spec import ModelSpec
from .keeper import RunKeeper
from .models import store
from .person import home
from .pin import Pin
from .reasks import rows_of
from .results import Behind, Kind
from .shelf import Shelf
from .workspace import NamedImage, Workspace

MOST = 4
LONGEST_LABEL = 120
PINNED = RunKind[Answer]("pinned", Answer)
_KEPT = "pin "
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
        named, run = model_name(workspace, answer), "" if workspace.run is None else workspace.run.id
        kept, behind = _kept_model(workspace, answer), workspace.results.behind
        new = Pin(label[:LONGEST_LABEL], answer, named, images, target, behind=behind, run=run, kept=kept)
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
    return _card(workspace, pin.answer) or (None if pin.kept is None else pin.kept.card)


def spec_of(workspace: Workspace, pin: Pin) -> ModelSpec | None:
    """How its model can be loaded, where that is known."""
    kept = pin.kept or _kept_model(workspace, pin.answer)
    return store().spec_of(pin.answer.model) or (None if kept is None else kept.spec)


def model_name(workspace: Workspace, answer: Answer) -> str:
    """What the model of an answer is called."""
    card = _card(workspace, answer)
    if card is not None:
        return card.name
    spec = store().spec_of(answer.model)
    return spec.source.rsplit("/", 1)[-1] if spec else f"the model {answer.model[:12]}"


def other_model(workspace: Workspace, answer: Answer) -> str | None:
    """What the model of an answer is called where another one is in use; None where there is nothing to tell apart."""
    model = store().there(workspace.spec)
    if model is None or answer.model == model.card.fingerprint:
        return None
    name = model_name(workspace, answer)
    return f"another {name}, {answer.model[:8]}" if name == model.card.name else name


def _card(workspace: Workspace, answer: Answer) -> ModelCard | None:
    kept = _kept_model(workspace, answer)
    return None if kept is None else kept.card


def _kept_model(workspace: Workspace, answer: Answer) -> KeptModel | None:
    """The model of an answer as it is here, or as the run has it."""
    model = store().loaded(answer.model)
    if model is not None:
        return KeptModel(model.card, store().spec_of(answer.model))
    return None if workspace.run is None else workspace.run.run.manifest.model(answer.model)


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
        {
            "answer": pin.id,
            "label": pin.label,
            "target": _plain(pin.target),
            "chosen": _plain(pin.chosen),
            "run": pin.run,
        }
        for pin in workspace.pins
    ]


def keep_pins(workspace: Workspace, keeper: RunKeeper) -> None:
    """Keep the pinned answers in the tab's run, wherever they are from, and forget those that are pinned no more."""
    here = {_KEPT + pin.id: pin for pin in workspace.pins}
    for name, pin in here.items():
        if name not in keeper.known:
            keeper.known[name] = pin.answer
            keeper.do(partial(_keep, pin=pin))
            keeper.measure()
    for name in [name for name in keeper.known if name.startswith(_KEPT) and name not in here]:
        gone = keeper.known.pop(name)
        assert isinstance(gone, Answer)
        keeper.do(partial(_forget, answer=gone))
        keeper.measure()


def _keep(run: Run, pin: Pin) -> None:
    if run.turn_of(pin.answer) is None:
        run.keep(PINNED, pin.answer, {}, pin.answer)
        if pin.kept is not None:
            run.keep_model(pin.kept.card, pin.kept.spec)


def _forget(run: Run, answer: Answer) -> None:
    for kept in run.results(PINNED, answer):
        run.forget(kept)


def _read(workspace: Workspace, keeper: RunKeeper) -> dict[str, tuple[Answer, tuple[NamedImage, ...]]]:
    """The pinned answers that are no turns of the run. What of them cannot be read is told."""
    found: dict[str, tuple[Answer, tuple[NamedImage, ...]]] = {}
    for kept in keeper.run.results(PINNED):
        try:
            answer = kept.load()
        except RunDamaged as error:
            keeper.run.tell(str(error))
            continue
        found[answer_id(answer)] = (answer, ())
        keeper.known[_KEPT + answer_id(answer)] = answer
    return found


def _behind(workspace: Workspace, run: object) -> Behind | None:
    """The results of the run in which something was pinned, to be looked at; None where it is this one, or gone."""
    if not isinstance(run, str) or workspace.run is None or run in ("", workspace.run.id):
        return workspace.results.behind
    try:
        return Shelf(RunKeeper(RunStore(home()).open(run, only_look=True)))
    except RunError:
        return None


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
    if workspace.run is not None:
        there = {**_read(workspace, workspace.run), **there}
    if any(one["answer"] not in there for one in wanted):
        for answer, images in list(there.values()):
            for row in rows_of(workspace, answer):
                there.setdefault(answer_id(row.reasked.answer), (row.reasked.answer, images))
    for one in wanted:
        if one["answer"] in there:
            answer, images = there[one["answer"]]
            label = one.get("label") if isinstance(one.get("label"), str) else ""
            pin(workspace, answer, images, _target(one.get("target"), answer), str(label))
            if workspace.pins:
                behind, chosen = _behind(workspace, one.get("run")), _target(one.get("chosen"), answer)
                change(workspace, workspace.pins[-1], chosen=chosen, behind=behind, run=str(one.get("run") or ""))


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
