"""One case: each method's map beside maps that must look the same, follow, or differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from ...answer import Answer, Decoding, Explanation, PatchView, Question, Target
from ...comparison.keyword import key_tokens
from ...errors import ExplainError
from ...evidence.evaluate import evaluate
from ...evidence.ranking import gathered_scores, generator, places
from ...evidence.registry import map_metrics
from ...evidence.settings import EvidenceSettings
from ...explainers.registry import explainers
from ...explainers.run import explain
from ...masking import finest_views
from ...masking.patches import marked_centres
from ...statistics.rank_correlation import spearman
from ...vlm.cancel import Cancelled, CancelToken
from ...vlm.generation import ask
from ...vlm.model import VisionLanguageModel
from ..case import Case
from ..journal import Record
from ..plain import plain
from ..score_case import LONGEST_ANSWER, METHOD_SETTINGS
from ..scoring import is_right
from .pictures import MovedThing, noised, shifted

LEVELS = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Standard deviations of the noise that maps are degraded by, in those of the map's own scores."""
SETTINGS = EvidenceSettings(fill="both", steps=20, draws=1, deciding=0)

Scores = Float[np.ndarray, "patch"]


def measure(
    model: VisionLanguageModel,
    case: Case,
    methods: Sequence[str],
    degraded: Sequence[str],
    cancel: CancelToken | None,
) -> list[Record]:
    """The lines of one case, in plain values, one for each method: rank correlations of its map of the key word with

    - `noise`: its map of the picture with noise that nobody sees,
    - `moved`, `stayed`: its map of the picture moved by a patch, where things went and where they were,
    - `other`: its map of another word of the same answer;

    None where the model answers otherwise there, or the answer has no other word. Of the methods `degraded` the
    `levels` as well: by metric, the figure of the map plus noise of each of `LEVELS`. A single line with a `problem`
    where the answer is wrong. Raises Cancelled, and nothing is half done.
    """
    answer = _asked(model, case.asked(), cancel)
    about: Record = {"case": case.id, "family": case.about["family"]}
    if not is_right(case, answer.text):
        return [{**about, "method": None, "problem": "the answer is wrong"}]
    (view,) = finest_views(answer.layout)
    target = Target(key_tokens(answer))
    faint = _same(model, answer, noised(answer.question.images[0], int(case.about["scene"])), cancel)
    moved = _same(model, answer, shifted(answer.question.images[0], _patch(view)), cancel)
    other = other_word(answer, target)
    lines: list[Record] = []
    for method in methods:
        try:
            own = _explained(model, answer, method, target, cancel)
            line = {
                **about,
                "method": method,
                **_compared(model, answer, own, view, faint=faint, moved=moved, other=other, cancel=cancel),
            }
            if method in degraded:
                line["levels"] = plain(_degraded(model, answer, own, case, cancel))
        except ExplainError as error:
            line = {**about, "method": method, "problem": str(error)}
        lines.append(line)
    return lines


def measure_moved(
    model: VisionLanguageModel, thing: MovedThing, methods: Sequence[str], cancel: CancelToken | None
) -> list[Record]:
    """The lines of one moved thing: for each method the highest `peaks` of its maps (the patch's number) at each place,
    and the `hits`, where the centre of that patch lies on the thing. A single line with a `problem` where the model
    does not name its colour at every place. Raises Cancelled, and nothing is half done."""
    about: Record = {"case": thing.id, "family": None}
    said = [_asked(model, Question(thing.question, (image,)), cancel) for image in thing.images]
    if any(answer.text.strip() != thing.answer for answer in said):
        return [{**about, "method": None, "problem": "the answer is not the same at every place"}]
    lines: list[Record] = []
    for method in methods:
        peaks: list[int] = []
        hits: list[bool] = []
        try:
            for answer, pixels in zip(said, thing.pixels, strict=True):
                own = _explained(model, answer, method, Target(key_tokens(answer)), cancel)
                positions = places(answer.layout)
                peak = highest(gathered_scores(own, answer.layout, positions), answer)
                peaks.append(peak)
                hits.append(positions[peak] in marked_centres(pixels, answer.layout))
            lines.append({**about, "method": method, "peaks": peaks, "hits": hits})
        except ExplainError as error:
            lines.append({**about, "method": method, "problem": str(error)})
    return lines


def highest(scores: Scores, answer: Answer) -> int:
    """The number of the highest patch; one of them by lot where several are. Patches without a score are none."""
    known = np.where(np.isnan(scores), -np.inf, scores)
    return int(generator(answer, 0).choice(np.flatnonzero(known == known.max())))


def other_word(answer: Answer, target: Target) -> Target | None:
    """The first word of the answer that shares no token with a target and has a letter in it; None without one."""
    for tokens in answer.words():
        text = "".join(answer.tokens[index].text for index in tokens)
        if any(letter.isalnum() for letter in text) and not set(tokens) & set(target.tokens):
            return Target(tuple(tokens))
    return None


def moved_and_stayed(
    before: Float[np.ndarray, "row column"], after: Float[np.ndarray, "row column"]
) -> tuple[float, float]:
    """Of two maps, before and after the picture moved by one patch to the right, the rank correlation over the patches
    that both pictures have, where things went, and over the same patches where they were."""
    went = spearman(before[:, :-1].ravel(), after[:, 1:].ravel())
    stayed = spearman(before[:, 1:].ravel(), after[:, 1:].ravel())
    return float(went), float(stayed)


def noisy(scores: Scores, level: float, rng: np.random.Generator) -> Scores:
    """The scores plus Gaussian noise of `level` of their own standard deviations."""
    noise: Scores = level * float(np.nanstd(scores)) * rng.standard_normal(len(scores))
    return scores + noise


def _compared(
    model: VisionLanguageModel,
    answer: Answer,
    own: Explanation,
    view: PatchView,
    *,
    faint: Answer | None,
    moved: Answer | None,
    other: Target | None,
    cancel: CancelToken | None,
) -> dict[str, float | None]:
    method, target = own.method, own.target
    scores = _scores(answer, own)
    told: dict[str, float | None] = dict.fromkeys(("noise", "moved", "stayed", "other"))
    if faint is not None:
        told["noise"] = float(spearman(scores, _scores(faint, _explained(model, faint, method, target, cancel))))
    if moved is not None:
        after = _scores(moved, _explained(model, moved, method, target, cancel))
        grid = view.rows, view.columns
        told["moved"], told["stayed"] = moved_and_stayed(scores.reshape(grid), after.reshape(grid))
    if other is not None:
        told["other"] = float(spearman(scores, _scores(answer, _explained(model, answer, method, other, cancel))))
    return {name: plain(value) for name, value in told.items()}


def _degraded(
    model: VisionLanguageModel, answer: Answer, own: Explanation, case: Case, cancel: CancelToken | None
) -> Mapping[str, list[float]]:
    positions = list(places(answer.layout))
    scores = own.scores.double().numpy()[positions]
    maps = []
    for number, level in enumerate(LEVELS):
        every = own.scores.clone()
        degraded = noisy(scores, level, generator(answer, 1, number))
        every[positions] = every.new_tensor(degraded)
        maps.append(replace(own, scores=every))
    tested = evaluate(model, answer, maps, truth=case.truth, settings=SETTINGS, cancel=cancel)
    if any(one.complete < 1 for one in tested):
        raise Cancelled("the check was stopped")
    known = [key for key in map_metrics() if key in tested[0].tested.figures]
    return {key: [one.tested.figures[key].value for one in tested] for key in known}


def _asked(model: VisionLanguageModel, question: Question, cancel: CancelToken | None) -> Answer:
    answer = ask(model, replace(question, decoding=Decoding(max_new_tokens=LONGEST_ANSWER)), cancel=cancel)
    if cancel is not None:
        cancel.check()
    return answer


def _same(
    model: VisionLanguageModel, answer: Answer, picture: Image.Image, cancel: CancelToken | None
) -> Answer | None:
    """The answer about another picture, if it is the same."""
    again = _asked(model, replace(answer.question, images=(picture,)), cancel)
    return again if again.token_ids == answer.token_ids else None


def _explained(
    model: VisionLanguageModel, answer: Answer, method: str, target: Target, cancel: CancelToken | None
) -> Explanation:
    settings: Any = METHOD_SETTINGS.get(method)
    (explanation,) = explain(explainers()[method], model, answer, [target], settings, cancel=cancel)
    if explanation.complete < 1:
        raise Cancelled("the check was stopped")
    return explanation


def _scores(answer: Answer, explanation: Explanation) -> Scores:
    return gathered_scores(explanation, answer.layout, places(answer.layout))


def _patch(view: PatchView) -> int:
    """The width of a patch in pixels of the picture."""
    left, _, right, _ = view.box
    return round((right - left) / view.columns)
