"""The key word of an answer, when many cases are asked: what it rests on, and how other pictures change it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image

from ..answer import Answer, Decoding, Explanation, Question, RegionMask, Target
from ..comparison.keyword import key_tokens
from ..errors import NotApplicable
from ..evidence.energy import Energy
from ..evidence.metric import MapUnderTest, Marked
from ..evidence.ranking import patch_scores
from ..explainers.registry import explainers
from ..explainers.run import explain
from ..maps.shares import Part, parts, shares
from ..masking import marked_centres, patch_coverage
from ..mechanisms.contributions import contributions
from ..mechanisms.logprob_increase import head_increases
from ..perturb.outcomes import outcomes
from ..perturb.perturbation import HiddenPixels, Perturbation
from ..perturb.prediction import Outcome
from ..vlm.cancel import CancelToken
from ..vlm.generation import ask
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import token_targets_of

METHOD = "relevancy"
LONGEST = 24
"""Tokens of an answer: the sentences asked for have about ten."""


def answer_to(
    model: VisionLanguageModel, question: str, image: Image.Image | None, cancel: CancelToken | None
) -> Answer:
    """The greedy answer. Raises Cancelled where it was stopped before its end, NotApplicable where it is empty."""
    images = () if image is None else (image,)
    answer = ask(model, Question(question, images, decoding=Decoding(max_new_tokens=LONGEST)), cancel=cancel)
    if cancel is not None:
        cancel.check()
    if not answer.tokens:
        raise NotApplicable(f"The model answers nothing to “{question}”, so this case says nothing of it.")
    return answer


def key_target(answer: Answer) -> Target:
    """The answer's key word."""
    return Target(key_tokens(answer))


def became(
    model: VisionLanguageModel, answer: Answer, target: Target, perturbations: Sequence[Perturbation]
) -> list[Outcome]:
    """What became of a target under each of some perturbations."""
    return list(outcomes(model, answer, token_targets_of(answer, target), perturbations))


def told(outcome: Outcome) -> str:
    """What became of a word: "another word (-2.55 nats)"."""
    change = round(outcome.change, 2) + 0.0  # no "-0.00"
    return f"{'another word' if outcome.flipped else 'the same word'} ({change:+.2f} nats)"


def without(hidden: Bool[np.ndarray, "height width"]) -> HiddenPixels:
    """Some pixels of the picture replaced by its mean colour."""
    return HiddenPixels((RegionMask(hidden, "mean"),))


def explained(model: VisionLanguageModel, answer: Answer, target: Target, cancel: CancelToken | None) -> Explanation:
    """The relevancy map of a target. Raises what `explain` raises."""
    return explain(explainers()[METHOD], model, answer, [target], cancel=cancel)[0]


def image_share(answer: Answer, explanation: Explanation) -> float:
    """The share of a map's score that is on the picture; NaN where it has none at all."""
    places = parts(answer.layout, explanation.target)
    of_image = next(one for one in shares(explanation.scores.numpy(), places) if one.part is Part.IMAGE)
    return float("nan") if of_image.fraction is None else of_image.fraction


def share_within(answer: Answer, explanation: Explanation, truth: Bool[np.ndarray, "height width"]) -> float:
    """The share of a map's score on the picture that lies on the marked pixels (`core.evidence.energy`); NaN where
    image tokens have no place."""
    covered, centres = patch_coverage(truth, answer.layout), marked_centres(truth, answer.layout)
    if not covered:
        return float("nan")
    marked = Marked(np.array(list(covered.values())), np.array([position in centres for position in covered]))
    tested = MapUnderTest(patch_scores(explanation, tuple(covered)), (), marked)
    return Energy().figure(tested).value


def head_increases_of(
    model: VisionLanguageModel, answer: Answer, target: Target, cancel: CancelToken | None
) -> Float[np.ndarray, "layer head"]:
    """How much each head raises the first token of a target (nats). Raises what `contributions` raises."""
    written = contributions(model, answer, token_targets_of(answer, target)[:1], cancel=cancel)
    return head_increases(model, written, cancel=cancel)[0].numpy()
