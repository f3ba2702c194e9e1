"""Replay: one teacher-forced pass over a finished answer, and the check that it says the same again.

Explanations are computed from replays, so they explain the answer only if a replay gives the answer's own logits.
A family with wrong positions, masks or token types is caught here, and so is a network on which one question leaves
something that changes the answer to the next.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image

from ..answer import Answer, Decoding, Question
from .generation import ask
from .model import VisionLanguageModel

log = logging.getLogger(__name__)

NEGLIGIBLE = {"float32": 1e-3, "float16": 5e-2, "bfloat16": 2e-1}
"""Largest difference in log-probability (nats) that rounding alone explains, by precision."""

TOKENS = 4
"""How long the answers of the self-check are: it is made whenever a model is loaded."""


@dataclass(frozen=True)
class SelfCheck:
    """How far a loaded model is from its own answers, in nats, when they are replayed and when they are asked for in
    another order, and a sentence that says it."""

    difference: float
    negligible: bool
    sentence: str


def replay_difference(model: VisionLanguageModel, answer: Answer) -> float:
    """max `|replayed - generated|` log-probability of the answer's tokens, in nats; 0 for an empty answer."""
    if not answer.tokens:
        return 0.0
    logprobs = model.replay_logits(answer).log_softmax(-1)
    ids = torch.tensor(answer.token_ids, device=logprobs.device)
    replayed = logprobs.gather(-1, ids[:, None])[:, 0].cpu()
    generated = torch.tensor([token.logprob for token in answer.tokens])
    return float((replayed - generated).abs().max())


def order_difference(first: Answer, second: Answer) -> float:
    """How far two answers to one question differ, in nats: the largest difference in log-probability of the first's
    tokens, as far as the second was written after the same ones. A token that is not among the second's alternatives
    counts as likely as the last of them."""
    largest = 0.0
    for one, other in zip(first.tokens, second.tokens, strict=False):
        likely = {alternative.id: alternative.logprob for alternative in other.alternatives}
        again = other.logprob if one.id == other.id else likely.get(one.id, min(likely.values()))
        largest = max(largest, abs(one.logprob - again))
        if one.id != other.id:
            break
    return largest


def self_check(model: VisionLanguageModel) -> SelfCheck:
    """Ask a loaded model about a drawn pattern and without one, each before and after the other: its answers must
    replay, and be the same in both orders.

    Ask once for each loaded model and keep the result: it depends on nothing else.
    """
    questions = _questions(model)
    # Words, picture, words, picture: the first two are asked again after what the other left.
    before, after = ([ask(model, question) for question in questions] for _ in range(2))
    # Pictures are looked at again: what is kept of them is checked too.
    model.forget()
    replayed = max(replay_difference(model, answer) for answer in (before[1], after[0]))
    reordered = max(order_difference(*pair) for pair in zip(before, after, strict=True))
    difference, precision = max(replayed, reordered), model.card.dtype
    if difference <= NEGLIGIBLE.get(precision, 1e-3):
        sentence = f"Replaying an answer gives its log-probabilities again, to within {difference:.1e} nats."
        return SelfCheck(difference, True, sentence)
    if reordered >= replayed:
        sentence = (
            f"Asked again after another question, a question gets log-probabilities that differ by up to "
            f"{reordered:.2g} nats, more than rounding explains in {precision}: what this model says depends on what "
            "was asked before."
        )
    else:
        sentence = (
            f"Replaying an answer changes its log-probabilities by up to {replayed:.2g} nats, more than rounding "
            f"explains in {precision}: explanations of this model may not explain what it said."
        )
    return SelfCheck(difference, False, sentence)


def checked(model: VisionLanguageModel) -> SelfCheck:
    """The self-check of a loaded model; what went wrong where it cannot be made, with details in the log."""
    try:
        return self_check(model)
    except Exception as error:
        log.exception("the self-check failed")
        sentence = (
            f"Whether a replay gives this model's own answers again could not be found out ({type(error).__name__}; "
            "the terminal has the details): its explanations may not explain what it said."
        )
        return SelfCheck(float("nan"), False, sentence)


def _questions(model: VisionLanguageModel) -> tuple[Question, Question]:
    """A question in words alone, or about an upright picture where the model takes none such, and one about a picture
    that lies."""
    shades = np.indices((120, 160)).sum(0) * 5 % 256
    image = Image.fromarray(np.stack([shades, shades[::-1], shades[:, ::-1]], -1).astype(np.uint8))
    about = Question("What is this?", images=(image,), decoding=Decoding(max_new_tokens=TOKENS))
    words = replace(about, images=())
    try:
        ask(model, replace(words, decoding=Decoding(max_new_tokens=1)))
    except Exception:
        # In families whose networks cannot do without a picture this may fail anywhere.
        words = replace(about, images=(image.transpose(Image.Transpose.ROTATE_90),))
    return words, about
