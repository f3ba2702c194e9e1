"""Recording the checkpointed passes of a network: which pass a checkpointed pass is of, and that its layers are as
their family says."""

from __future__ import annotations

import torch

from ...answer import Answer
from ..checkpoints import DecoderPass
from ..edits import first_after_images
from ..tower import TowerPass
from .edited_run import NetworkDecoderPass
from .inputs import Prepared
from .passes import Passes
from .prefill import Prefill
from .prefix import LayerKeysValues, network_cache
from .recompute import Calls, NetworkTowerPass, catching
from .rotary import batched, positions_from


def record_decoder(passes: Passes, reader: Prefill, answer: Answer, start: int) -> DecoderPass:
    """A checkpointed pass of the pass over an answer's sequence, from position `start` on where all before can be kept.

    Raises ValueError for a start outside the prompt.
    """
    prepared = _prepared_again(passes, answer)
    if not 0 <= start < len(prepared.ids):
        raise ValueError(f"a checkpointed pass starts within the prompt (0 to {len(prepared.ids) - 1}), not at {start}")
    network, layers, more = passes.network, passes.layers, answer.token_ids[:-1]
    causal = passes.family.shares_prefix
    prefix: list[LayerKeysValues] = []
    if start and causal and prepared.positions is not None and start >= prepared.shared:
        prefix = reader.prefix(prepared, start)
    else:
        start = 0

    def read() -> Calls:
        with passes.one_pass(start), catching(layers) as calls:
            if not start:
                network(**passes.with_answer(prepared.inputs, more), use_cache=False, logits_to_keep=1)
                return calls
            ids = torch.tensor([[*prepared.ids[start:], *more]], device=network.device)
            network(
                input_ids=ids,
                position_ids=batched(positions_from(prepared, start, ids.shape[1])),
                past_key_values=network_cache(prefix),
                use_cache=True,
                logits_to_keep=1,
            )
        return calls

    return NetworkDecoderPass(layers, read, passes.lock, passes.part, causal, prefix)


def _prepared_again(passes: Passes, answer: Answer) -> Prepared:
    """The prompt of an answer as it was prepared, shared up to the last image token."""
    inputs = passes.inputs_of(answer)
    return Prepared(
        question=answer.question,
        inputs=inputs,
        layout=answer.layout,
        prompt_tokens=answer.prompt_tokens,
        ids=tuple(inputs["input_ids"][0].tolist()),
        positions=passes.family.positions(passes.network, inputs),
        shared=first_after_images(answer),
        visual=answer.question.visual_fingerprint(),
    )


def checkpointed_tower(passes: Passes, answer: Answer) -> TowerPass | None:
    """A checkpointed pass of the vision tower over the pictures of an answer's question; None without pictures, and
    where the family does not say how the tower works or says what does not hold for this one."""
    if not answer.layout.views:
        return None
    inputs = passes.inputs_of(answer)
    tower = passes.family.tower(passes.network, inputs)
    if tower is None:
        return None
    with passes.lock, torch.no_grad():
        with catching(tower.layers) as calls:
            features = passes.tower(inputs)
        checkpoints = NetworkTowerPass(tower, calls, passes.lock)
        # A tower that is not as its family declares would explain something else.
        entries = [features.pooler_output, *(getattr(features, "deepstack_features", None) or ())]
        read = torch.stack([torch.cat(list(entry)) for entry in entries])
        projected = checkpoints.project(*checkpoints.read)
        same = projected.shape == read.shape and bool((projected - read).norm() <= 1e-2 * read.norm())
    return checkpoints if same else None
