"""How much every image token already says the word, less what the words before it say there anyway.

For a target token c with unembedding w_c, every position i has the activation a_i = relu(f_i . w_c), f_i being its
last hidden state: the raw logit of c, as if it were to be predicted there. Words of the context light up the same
places, so their own maps, weighted by how much c is activated at their positions, are fitted to the target's by least
squares and taken off (estimated causal inference). What is left is smoothed by a Gaussian over ranks, not places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, TokenKind
from ..errors import NotShown
from ..settings import switch
from ..vlm.memory_costs import checkpoint_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes, rows, vocabulary_passes
from ..vlm.targets import TokenTarget
from ._places import image_positions
from .base import Explainer, Step

LOGITS_BYTES = 64 * 2**20
SIDE = 3
"""The rank filter looks at 3 x 3 image tokens."""


@dataclass(frozen=True)
class TokenActivationMapSettings:
    """Its two refinements."""

    inference: bool = switch(True, "Take off what the words before activate")
    denoise: bool = switch(True, "Denoise by rank")


class TokenActivationMap(Explainer):
    """The Token Activation Map of Li et al., ICCV 2025, "Token activation map to visually explain multimodal LLMs":
    the token's activation in the last state of every image token, less an estimate of what the words before it cause
    there, denoised by a rank Gaussian filter. Words before the token have their activation as it is.

    For a contrast the activation is the difference of the two tokens' logits. The authors' code gives the first word of
    the prompt the map of the most probable next word, and reads the answer's first token one index too early: here each
    token has its own, as the paper says.
    """

    key = "token_activation_map"
    name = "Token activation map"
    caveat = "It reads what image tokens would say in the last layer; the answer need not be made from that."
    Settings = TokenActivationMapSettings
    needs = "places"

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        length = len(answer.layout)
        card = model.card
        rows = min(length, max(1, LOGITS_BYTES // (4 * card.vocabulary)))
        logits = 2 * rows * card.vocabulary * card.number_bytes
        return checkpoint_bytes(model, answer) + logits + length**2 * 4

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        return Passes(forward=1, beside=vocabulary_passes(model.card, answer, rows(answer)))

    def scores(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: Sequence[TokenTarget],
        settings: TokenActivationMapSettings,
    ) -> Iterator[Step]:
        checkpoints = model.checkpointed(answer)
        final, embedded, places = checkpoints.final, checkpoints.inputs[0], image_positions(answer)
        if embedded is not None and torch.equal(embedded[places], final[places]):
            raise NotShown(
                "This model's layers leave the image tokens as they are, so that these say nothing in its vocabulary."
            )
        yield Step(0.0)
        ids = [*answer.inputs["input_ids"][0].tolist(), *answer.token_ids]
        words = [*answer.layout.positions(TokenKind.TEXT), *answer.layout.positions(TokenKind.ANSWER)]
        wanted = {ids[position] for position in words} | {token_target.token for token_target in token_targets}
        wanted |= {token_target.rival for token_target in token_targets if token_target.rival is not None}
        columns = {token: column for column, token in enumerate(sorted(wanted))}
        logits = chosen_logits(model, final, list(columns))
        prompt = len(answer.prompt_tokens)
        scores = torch.zeros(len(token_targets), len(answer.layout))
        for row, token_target in enumerate(token_targets):
            yield Step(0.5 + 0.5 * row / len(token_targets))
            activation = logits[:, columns[token_target.token]]
            if token_target.rival is not None:
                activation = activation - logits[:, columns[token_target.rival]]
            activation = activation.relu()
            before = [position for position in words if position <= token_target.position(answer)]
            seen = activation[places]
            if settings.inference:
                context = [position for position in before if ids[position] != token_target.token]
                # The target's activation at a word of the answer is read where that word was predicted.
                weights = activation[[position - 1 if position >= prompt else position for position in context]]
                maps = logits[places][:, [columns[ids[position]] for position in context]].relu().T
                seen = less_context(seen, maps, weights)
            scores[row, places] = seen
            if settings.denoise:
                for view in answer.layout.views:
                    grid = scores[row, list(view.positions)].view(view.rows, view.columns).numpy()
                    scores[row, list(view.positions)] = torch.from_numpy(rank_gaussian(grid)).flatten().float()
            # The predicting position's own activation is the logit itself: nothing the token rests on.
            shown = [position for position in before if position != token_target.position(answer)]
            scores[row, shown] = activation[shown]
        yield Step(1.0, scores)


def chosen_logits(
    model: VisionLanguageModel, states: Float[Tensor, "position hidden"], tokens: Sequence[int]
) -> Float[Tensor, "position token"]:
    """The raw logits of some tokens at every position, a few positions at a time; float32, on the CPU."""
    block = max(1, LOGITS_BYTES // (4 * model.card.vocabulary))
    with torch.no_grad():
        blocks = [model.unembed(part)[:, list(tokens)].float().cpu() for part in states.split(block)]
    return torch.cat(blocks)


def less_context(
    target: Float[Tensor, "place"], maps: Float[Tensor, "word place"], weights: Float[Tensor, "word"]
) -> Float[Tensor, "place"]:
    """Estimated causal inference: relu(a - s b), with b the mean of the words' maps under `weights` and s the number
    that makes the squares of a - s b least."""
    interference = weights @ maps / (weights.sum() + 1e-8)
    power = interference @ interference
    scale = target @ interference / power if power > 0 else torch.zeros(())
    return (target - scale * interference).relu()


def rank_gaussian(grid: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns"]:
    """Rank Gaussian filter: each value becomes a mean of the sorted values around it, weighted by a Gaussian over
    ranks about the median whose width is the window's coefficient of variation, std / mean. Edges are mirrored."""
    padded = np.pad(grid.astype(np.float64), SIDE // 2, mode="reflect")
    around = np.lib.stride_tricks.sliding_window_view(padded, (SIDE, SIDE)).reshape(*grid.shape, -1)
    ranked = np.sort(around, axis=-1)
    mean = ranked.mean(-1, keepdims=True)
    width = np.divide(ranked.std(-1, keepdims=True), mean, out=np.zeros_like(mean), where=mean > 0)
    ranks = np.arange(SIDE**2) - SIDE**2 // 2
    # A window of equal values has no width, and its median is all of them.
    weights = np.exp(-(ranks**2) / (2 * np.maximum(width, 1e-6) ** 2))
    smoothed: Float[np.ndarray, "rows columns"] = (ranked * weights).sum(-1) / weights.sum(-1)
    return np.where(mean[..., 0] > 0, smoothed, 0.0)
