"""Forward passes over packed rows, shared by training and by measuring."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import LlavaForConditionalGeneration

from .architecture import IMAGE_TOKENS
from .batches import PREFIX
from .labels import IGNORE
from .packed import packing

MIDDLE = 3
"""The decoder layer after which nouns know what they stand for."""


class JointStates(NamedTuple):
    """States over packed rows: the decoder's `last` and those after layer `MIDDLE`, and the tower's `patches`."""

    last: Float[Tensor, "batch row width"]
    middle: Float[Tensor, "batch row width"]
    patches: Float[Tensor, "batch patches vision_width"]


def joint_states(model: LlavaForConditionalGeneration, batch: dict[str, Tensor]) -> JointStates:
    """One forward pass over packed rows (see `JointBatches`), the projected picture in its tokens' place."""
    language_model = model.model.language_model
    seen = model.model.get_image_features(batch["pixels"])
    embeds = model.get_input_embeddings()(batch["ids"]).clone()
    embeds[:, PREFIX - IMAGE_TOKENS : PREFIX] = torch.stack(list(seen.pooler_output)).to(embeds.dtype)
    segments = batch["mask"].shape[0] // batch["ids"].shape[0]
    with packing(language_model, batch["mask"], PREFIX, segments):
        output = language_model(
            inputs_embeds=embeds,
            position_ids=batch["positions"],
            use_cache=False,
            output_hidden_states=True,
        )
    return JointStates(output.last_hidden_state, output.hidden_states[MIDDLE], seen.last_hidden_state[:, 1:])


def next_token_loss(head: nn.Module, states: Float[Tensor, "batch row width"], labels: Tensor) -> Tensor:
    """Cross-entropy of the answer tokens alone: only their positions are unembedded."""
    targets = labels[:, 1:]
    keep = targets != IGNORE
    return cross_entropy(head(states[:, :-1][keep]).float(), targets[keep])
