"""Pushes along a label's direction over many cases: kept line by line, and gone on with after whatever ended it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ...answer import Decoding, Question
from ...errors import NotApplicable
from ...mechanisms.groups import Group
from ...probes.choosing import halves
from ...probes.states import LAST, PLACES, THING, places_of
from ...probes.steering import DOSES, doses, random_directions
from ...vlm.cancel import CancelToken
from ...vlm.generation import ask
from ...vlm.memory_costs import check_memory, edited_run_bytes
from ...vlm.model import VisionLanguageModel
from ..journal import Journal, each_line
from ..knowing.figures import Line as State
from ..knowing.figures import Subject as Probed
from ..knowing.labels import Labelled, with_mask
from ..knowing.run import LONGEST, measured_states
from .directions import borrowed_directions, directions_of
from .figures import WHOLE, Line, Steering, Subject, read_line, steering
from .side_effects import side_effects
from .words import Words, target_of, words_of

KIND = "steering"
MEASURED, PUSHED = 0.3, 0.9
"""The share of the work that measuring states is, and with pushing; side effects are the rest."""


def run_steering(
    model: VisionLanguageModel,
    labelled: Sequence[Labelled],
    states_of: Path,
    out_file: Path,
    *,
    of: str,
    label: str,
    decides: bool,
    found_at: str = THING,
    at: str = LAST,
    others: Sequence[str] = (),
    direction_from: Path | None = None,
    strengths: Sequence[float] = DOSES,
    progress: Callable[[float], None] = lambda done: None,
    cancel: CancelToken | None = None,
) -> Steering:
    """Find a label's direction over half of the pictures, apart for each two words that questions ask for; add it to
    the states at the place `at` for the others, and tell what becomes of their answers, appending to `out_file`.
    `strengths` are its doses; a whole one each way is always among them.

    `states_of` is the file of `run_probes` for the same cases, which is gone on with where it lacks some. `others` are
    families of drawn questions on which side effects are measured. `direction_from` is the file of probes of other
    cases of the same model, whose direction is taken instead. Raises JournalError (OtherRun), NotApplicable for a label
    without two values or whose value does not decide the answer, and Cancelled: what is finished is kept.
    """
    card = model.card
    values = tuple(sorted({one.label for one in labelled}))
    if len(values) != 2 or not decides:
        raise NotApplicable(
            f"“{label}” has {len(values)} values here{'' if decides else ' and does not decide the answer'}. Steering "
            "needs a label of two, each of which asks for another answer. Choose another label."
        )
    for place in (found_at, at):
        if place not in PLACES:
            raise NotApplicable(f"There is no place “{place}”. Choose among {', '.join(PLACES)}.")
    probed = Probed(card.fingerprint, card.name, of, label, "residual", decides)
    by_id = {one.case.id: one for one in labelled}
    with measured_states(
        model, labelled, states_of, probed, progress=lambda done: progress(MEASURED * done), cancel=cancel
    ) as (every, states):
        known = [line for line in every if line.row is not None]
        half = halves(_numbered([line.picture for line in known]))
        if direction_from is None:
            asked = [words_of(by_id[line.case], values, label) for line in known]
            directions, direction_of = directions_of(known, asked, half, states, values, card.layers, found_at), ""
        else:
            directions, direction_of = borrowed_directions(direction_from, card, values, label, found_at)
    tested = [line for line, fitted in zip(known, half, strict=True) if not fitted]
    subject = Subject(card.fingerprint, card.name, of, label, found_at, at, values, direction_of)
    wanted = sorted({*strengths, WHOLE, -WHOLE})
    named = {name: getattr(subject, name) for name in ("model", "of", "label", "found_at", "at", "direction_of")}
    identity = {**named, "cases": len(known), "doses": wanted}
    tried = {
        words: np.stack([np.concatenate([vector[None], random_directions(vector)]) for vector in own])
        for words, own in directions.items()
    }
    with Journal(out_file, KIND, identity, {"model_name": card.name}) as journal:
        finished = {line.case: line for line in each_line(journal.records, read_line, out_file) if line.problem is None}
        for number, state in enumerate(tested, 1):
            if state.case not in finished:
                line = _pushed(model, by_id[state.case], state, subject, tried, wanted, cancel)
                journal.append(asdict(line))
                finished[line.case] = line
            progress(MEASURED + (PUSHED - MEASURED) * number / len(tested))
        lines = [finished[state.case] for state in tested]
        if all(line.problem is not None for line in lines):
            raise NotApplicable(f"No case could be steered: {lines[0].problem if lines else 'there is none.'}")
        found = steering(subject, lines, len(labelled), wanted, directions)
        layer, most_asked = found.best.layers[0], next(iter(tried.values()))
        sides = side_effects(
            model, others, layer, most_asked[layer], lambda done: progress(PUSHED + (1 - PUSHED) * done), cancel
        )
        return replace(found, sides=tuple(sides))


def _numbered(names: Sequence[str]) -> np.ndarray:
    every = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([every[name] for name in names], dtype=np.int64)


def _pushed(
    model: VisionLanguageModel,
    one: Labelled,
    state: State,
    subject: Subject,
    tried: Mapping[Words, Float[np.ndarray, "layer direction hidden"]],
    strengths: Sequence[float],
    cancel: CancelToken | None,
) -> Line:
    """The line of one case. Raises Cancelled."""
    if cancel is not None:
        cancel.check()
    words = words_of(one, subject.values, subject.label)
    if words is None:
        return Line(one.case.id, problem="It is not known which word each value of the label asks for.")
    if words not in tried:
        return Line(one.case.id, problem=f"No direction was found for questions of “{words[0]}” or “{words[1]}”.")
    question: Question = replace(one.case.asked(), decoding=Decoding(max_new_tokens=LONGEST))
    one = with_mask(one, question.images[0].size) if question.images else one
    answer = ask(model, question, cancel=cancel, keep_attention=False)
    if cancel is not None:
        cancel.check()
    target = target_of(model, answer, words)
    if target is None:
        return Line(one.case.id, problem=f"“{words[0]}” and “{words[1]}” begin with the same token.")
    positions = places_of(answer, (target,), one.shows)[subject.at]
    if not positions:
        return Line(one.case.id, problem=f"It has no positions of the place “{subject.at}”.")
    check_memory("Steering", edited_run_bytes(model, answer), model, "Use smaller pictures.")
    place = Group(subject.at, positions)
    own = tried[words]
    found = doses(model, answer, target, place, own, range(len(own)), strengths, cancel=cancel)
    odds = tuple(tuple(tuple(float(f"{odd:.6g}") for odd in own) for own in layer) for layer in found.log_odds.tolist())
    return Line(one.case.id, state.picture, found.before, odds)
