"""Recording checkpointed passes: from which pass over an answer's sequence one is made, and whether a tower's layers
are as its family says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ...answer import Answer
from ..checkpoints import DecoderPass
from ..edits import first_after_images
from ..tower import TowerPass
from .edited_run import NetworkDecoderPass
from .editing import SEVERAL_STREAMS
from .inputs import VIDEO_PIXELS, PositionedPrompt, seen
from .kept_pass import KeptPass
from .opaque import OpaquePass
from .passes import Passes
from .prefill import Prefill
from .prefix import KeptPrefix, network_cache
from .recompute import LayerInputs, NetworkTowerPass, recording_layers
from .rotary import batched, positions_from

LAYERS_LEFT_OUT = (
    "Without a picture this network leaves out the layers that would read it, so that its layers cannot be computed "
    "again one by one."
)


def record_decoder(passes: Passes, prefill: Prefill, kept: KeptPass, answer: Answer, start: int) -> DecoderPass:
    """A checkpointed pass over an answer's sequence, from position `start` on where the keys and values of all before
    can be kept; over the whole sequence otherwise, taken from `kept` where that is the latest.

    Raises ValueError for a start outside the prompt.
    """
    prompt = _prompt_of(passes, answer)
    if not 0 <= start < len(prompt.ids):
        raise ValueError(f"a checkpointed pass starts within the prompt (0 to {len(prompt.ids) - 1}), not at {start}")
    network, layers, more = passes.network, passes.layers, answer.token_ids[:-1]
    prefix = KeptPrefix()
    if start and passes.shares_prefix and prompt.positions is not None and start >= prompt.shared:
        prefix = prefill.prefix(prompt, start)
    else:
        start = 0

    def read() -> LayerInputs:
        with passes.one_pass(start), recording_layers(layers, network.device) as inputs:
            if not start:
                given = prefill.with_features(answer.inputs)
                passes.last_logits(1, **passes.with_answer(given, more), use_cache=False)
                return inputs
            ids = torch.tensor([[*prompt.ids[start:], *more]], device=network.device)
            passes.last_logits(
                1,
                input_ids=ids,
                position_ids=batched(positions_from(prompt, start, ids.shape[1])),
                past_key_values=network_cache(network.config, prefix),
                use_cache=True,
            )
        return inputs

    with passes.lock:
        first = read() if start else kept.get(answer, read)
    if len(first.shapes) < len(layers):
        return OpaquePass(len(layers), LAYERS_LEFT_OUT)
    if len(first.shapes[0]) > 3:
        return OpaquePass(len(layers), SEVERAL_STREAMS)
    return NetworkDecoderPass(layers, first, read, passes.lock, passes.part, passes.divisible, prefix)


def _prompt_of(passes: Passes, answer: Answer) -> PositionedPrompt:
    """The prompt of an answer as it was prepared, but shared up to the last image token."""
    context = passes.context_of(answer)
    ids = tuple(context.inputs["input_ids"][0].tolist())
    return PositionedPrompt(
        question=answer.question,
        inputs=dict(context.inputs),
        layout=answer.layout,
        prompt_tokens=answer.prompt_tokens,
        ids=ids,
        positions=passes.positions(context),
        shared=first_after_images(answer),
        visual=seen(answer.question, ids, passes.family),
    )


def as_pictures(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Inputs of videos alone as those of pictures with several frames, which towers that merge frames read in the same
    way. Others, and those of videos beside pictures, stay as they are."""
    if "video_grid_thw" not in inputs or "image_grid_thw" in inputs:
        return dict(inputs)
    renamed = {VIDEO_PIXELS: "pixel_values", "video_grid_thw": "image_grid_thw"}
    return {renamed.get(name, name): value for name, value in inputs.items()}


def record_tower(passes: Passes, answer: Answer) -> TowerPass | None:
    """A checkpointed pass of the vision tower over the images of an answer's question; None without images, and where
    the family does not say how the tower works or what it says does not hold for this one."""
    if not answer.layout.views:
        return None
    context = passes.context_of(answer)
    context = replace(context, inputs=as_pictures(context.inputs))
    if VIDEO_PIXELS in context.inputs:
        return None
    tower = passes.family.tower(context)
    if tower is None:
        return None
    with passes.lock, torch.no_grad():
        with recording_layers(tower.layers, passes.network.device) as layer_inputs:
            features = passes.tower(context.inputs)
        checkpoints = NetworkTowerPass(tower, layer_inputs, passes.lock)
        # Of a tower that is not as its family declares, something else would be explained.
        entries = [features.pooler_output, *(getattr(features, "deepstack_features", None) or ())]
        read = torch.stack([torch.cat(list(entry)) for entry in entries])
        projected = checkpoints.project(*checkpoints.read)
        same = projected.shape == read.shape and bool((projected - read).norm() <= 1e-2 * read.norm())
    return checkpoints if same else None
