"""What a model predicts in the places of some tokens, and what became of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..vlm.targets import TokenTarget
from .perturbation import Perturbation


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model predicts where some token targets stand, the answer's words before each of them forced.

    `tokens` are the log-probabilities of their tokens (nats), `rivals` those of what these are contrasted with (NaN for
    a target without a rival); `ranks` say which place each token has among all, from 1; `top` are the ids of the most
    probable tokens.
    """

    token_targets: tuple[TokenTarget, ...]
    tokens: Float[np.ndarray, "target"]
    rivals: Float[np.ndarray, "target"]
    ranks: Int[np.ndarray, "target"]
    top: tuple[int, ...]

    @property
    def logprobs(self) -> Float[np.ndarray, "target"]:
        """log p(token) of each target in nats, less log p(rival) for a contrast."""
        return self.tokens - np.nan_to_num(self.rivals)

    @property
    def logprob(self) -> float:
        """The same, summed over the targets."""
        return float(self.logprobs.sum())

    @property
    def probability(self) -> float:
        """The probability of the tokens: the product, each given the words before it."""
        return float(np.exp(self.tokens.sum()))

    @property
    def preference(self) -> float:
        """The probability of the tokens rather than their rivals, p / (p + q); without rivals that of the tokens."""
        if np.isnan(self.rivals).all():
            return self.probability
        return float(1 / (1 + np.exp(min(-self.logprob, 700.0))))

    @property
    def per_token(self) -> float:
        """The same per token: the geometric mean of the tokens' probabilities, and of a contrast the logistic function
        of its mean. Of one token it is `preference`; the product of many is next to nothing whatever each of them is.
        """
        mean = float(self.logprobs.mean())
        return float(np.exp(mean) if np.isnan(self.rivals).all() else 1 / (1 + np.exp(min(-mean, 700.0))))

    def of(self, token_targets: Sequence[TokenTarget]) -> Prediction:
        """What it says of some of the targets."""
        rows = [self.token_targets.index(token_target) for token_target in token_targets]
        top = tuple(self.top[row] for row in rows)
        return Prediction(tuple(token_targets), self.tokens[rows], self.rivals[rows], self.ranks[rows], top)


def predict(logits: Float[Tensor, "answer vocabulary"], token_targets: Sequence[TokenTarget]) -> Prediction:
    """What the raw logits that predicted an answer's tokens say of the targets."""
    (prediction,) = predict_each([logits], token_targets)
    return prediction


def predict_each(
    logits: Sequence[Float[Tensor, "answer vocabulary"]], token_targets: Sequence[TokenTarget]
) -> list[Prediction]:
    """The same of several answers' logits, whose figures leave their device together."""
    if not logits:
        return []
    wanted = [
        (target.index, target.token, target.token if target.rival is None else target.rival) for target in token_targets
    ]
    index, tokens, rivals = torch.tensor(wanted, dtype=torch.long, device=logits[0].device).view(-1, 3).T
    # Ranks and ids are exact in float32, as far as vocabularies go.
    figures = torch.stack([_figures(one.detach()[index], tokens[:, None], rivals[:, None]) for one in logits]).cpu()
    without = torch.tensor([target.rival is None for target in token_targets], dtype=torch.bool)
    return [
        Prediction(
            token_targets=tuple(token_targets),
            tokens=said.double().numpy(),
            rivals=others.double().masked_fill(without, float("nan")).numpy(),
            ranks=ranks.long().numpy(),
            top=tuple(top.long().tolist()),
        )
        for said, others, ranks, top in figures
    ]


def _figures(
    logits: Float[Tensor, "target vocabulary"], tokens: Int[Tensor, "target 1"], rivals: Int[Tensor, "target 1"]
) -> Float[Tensor, "4 target"]:
    """Log-probabilities of tokens and of their rivals, the tokens' ranks, and the most probable tokens."""
    logprobs = logits.float().log_softmax(-1)
    said = logprobs.gather(1, tokens)
    ranks = 1 + (logprobs > said).sum(-1)
    return torch.stack([said[:, 0], logprobs.gather(1, rivals)[:, 0], ranks.float(), logprobs.argmax(-1).float()])


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of some token targets: what the model predicted with nothing taken away, read in the same way, and
    what it predicts then."""

    perturbation: Perturbation
    before: Prediction
    after: Prediction

    @property
    def changes(self) -> Float[np.ndarray, "target"]:
        """The change of each target's log-probability (nats; of a contrast for one with a rival): below zero where it
        rested on what was taken away."""
        return self.after.logprobs - self.before.logprobs

    @property
    def change(self) -> float:
        """The same, summed over the targets."""
        return self.after.logprob - self.before.logprob

    @property
    def changed(self) -> Bool[np.ndarray, "target"]:
        """In which places another token is the most probable one now."""
        return np.array(self.after.top) != np.array(self.before.top)

    @property
    def flipped(self) -> bool:
        """Whether that is so in the first of the places."""
        return self.after.top[0] != self.before.top[0]

    def of(self, token_targets: Sequence[TokenTarget]) -> Outcome:
        """What became of some of the targets."""
        return Outcome(self.perturbation, self.before.of(token_targets), self.after.of(token_targets))
