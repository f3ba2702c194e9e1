"""Forward passes over packed rows, shared by training and by measuring."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import LlavaForConditionalGeneration

from core.street.architecture import IMAGE_TOKENS
from core.street.batches import PREFIX
from core.street.labels import IGNORE
from core.street.packed import packing


def embed_row(model: LlavaForConditionalGeneration, batch: dict[str, Tensor]) -> Float[Tensor, "batch row width"]:
    """Token embeddings of packed rows with the projected picture in place of the image tokens."""
    features = model.model.get_image_features(batch["pixels"]).pooler_output
    embeds = model.get_input_embeddings()(batch["ids"]).clone()
    embeds[:, PREFIX - IMAGE_TOKENS : PREFIX] = torch.stack(list(features)).to(embeds.dtype)
    return embeds


MIDDLE = 3
"""The decoder layer behind which nouns know what they stand for."""


def joint_states(
    model: LlavaForConditionalGeneration, batch: dict[str, Tensor]
) -> tuple[Float[Tensor, "batch row width"], Float[Tensor, "batch row width"]]:
    """The decoder's last hidden states over packed rows (see `JointBatches`), and those behind layer `MIDDLE`."""
    language_model = model.model.language_model
    segments = batch["mask"].shape[0] // batch["ids"].shape[0]
    with packing(language_model, batch["mask"], PREFIX, segments):
        output = language_model(
            inputs_embeds=embed_row(model, batch),
            position_ids=batch["positions"],
            use_cache=False,
            output_hidden_states=True,
        )
    return output.last_hidden_state, output.hidden_states[MIDDLE]


def next_token_loss(head: nn.Module, states: Float[Tensor, "batch row width"], labels: Tensor) -> Tensor:
    """Cross-entropy of the answer tokens alone: only their positions are unembedded."""
    targets = labels[:, 1:]
    keep = targets != IGNORE
    return cross_entropy(head(states[:, :-1][keep]).float(), targets[keep])
