"""Replay: one teacher-forced pass over a finished answer, and the check that it says the same again.

Explanations are computed from replays, so they explain the answer only if a replay gives the answer's own logits.
A family with wrong positions, masks or token types is caught here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from ..answer import Answer, Decoding, Question
from .generation import ask
from .model import VisionLanguageModel

NEGLIGIBLE = {"float32": 1e-3, "float16": 5e-2, "bfloat16": 2e-1}
"""Largest difference in log-probability (nats) that rounding alone explains, by precision."""


@dataclass(frozen=True)
class SelfCheck:
    """How far a loaded model's replay is from its own answer, in nats, and a sentence that says it."""

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


def self_check(model: VisionLanguageModel) -> SelfCheck:
    """Ask a loaded model one short question about a drawn pattern and compare with its replay.

    Ask once for each loaded model and keep the result: it depends on nothing else.
    """
    shades = np.indices((120, 160)).sum(0) * 5 % 256
    image = Image.fromarray(np.stack([shades, shades[::-1], shades[:, ::-1]], -1).astype(np.uint8))
    answer = ask(model, Question("What is this?", images=(image,), decoding=Decoding(max_new_tokens=8)))
    difference = replay_difference(model, answer)
    negligible = difference <= NEGLIGIBLE.get(model.card.dtype, 1e-3)
    if negligible:
        sentence = f"Replaying an answer gives its log-probabilities again, to within {difference:.1e} nats."
    else:
        sentence = (
            f"Replaying an answer changes its log-probabilities by up to {difference:.2g} nats, more than rounding "
            f"explains in {model.card.dtype}: explanations of this model may not explain what it said."
        )
    return SelfCheck(difference, negligible, sentence)
