"""What relevancy over all rows and over the suffix have in common: targets that begin at the top, in groups."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, TokenKind
from ..errors import NotShown
from ..vlm.attention_call import block_bytes
from ..vlm.backward import top_gradients
from ..vlm.batch_size import in_smaller_batches
from ..vlm.checkpoints import CheckpointedPass
from ..vlm.layer_gradient import STATES_INSIDE, TOGETHER_BYTES, at_once
from ..vlm.memory_costs import check_memory, pass_bytes
from ..vlm.model import ModelCard, VisionLanguageModel
from ..vlm.pass_costs import NOTHING, Passes, share_after
from ..vlm.targets import TokenTarget
from ..vlm.tower import TowerPass
from ._attention import passed_as_it_is
from ._propagation import RelevancyPropagation
from ._tower import entering, into_tower
from .base import Explainer, Step

GROUP_BYTES = 512 * 2**20
"""Gradients of as many targets as fit into this are propagated together."""

ACROSS = (
    "The picture is read by cross-attention: its patches' scores are what these layers brought to them, by the same "
    "rule. What patches gave to each other in the vision tower is not followed."
)

SEVERAL_STREAMS = (
    "This is the decoder's relevancy alone: its layers carry several states for each token beside each other, so that "
    "it could not be followed into the vision tower. What an image token shows may have been gathered elsewhere in the "
    "picture."
)

LAYER_STATES = 64
"""A layer's graph and its backward pass hold about this many times its input."""


def grouped(card: ModelCard, rows: int, token_targets: Sequence[TokenTarget]) -> list[tuple[TokenTarget, ...]]:
    """The token targets in groups that are propagated together."""
    size = in_smaller_batches(min(len(token_targets), GROUP_BYTES // target_bytes(card, rows)))
    return [tuple(token_targets[start : start + size]) for start in range(0, len(token_targets), size)]


def target_bytes(card: ModelCard, rows: int) -> int:
    """Bytes one target takes on its way down: gradients of the states and of the heads' outputs, and its logits."""
    return 2 * rows * card.hidden * card.number_bytes + 12 * card.vocabulary


def tower_bytes(tower: TowerPass, token_targets: int) -> int:
    """Bytes of propagating some targets down a tower, beside its checkpointed pass: a layer's graph, and parts of the
    gradients."""
    inside = STATES_INSIDE * min(token_targets, at_once(tower.final))
    return (LAYER_STATES + inside + 3 * token_targets * len(tower.reads)) * tower.final.nbytes


def begin(
    model: VisionLanguageModel,
    checkpoints: CheckpointedPass,
    answer: Answer,
    token_targets: Sequence[TokenTarget],
    first: int = 0,
    across: int = 0,
) -> RelevancyPropagation:
    """Propagation from the raw logits of the token targets (or their differences from the rivals') down `checkpoints`.

    Rows before `first` are constants; `across` is how many keys of cross-attention there are.
    """
    gradient, scale = top_gradients(model, answer, checkpoints, token_targets)
    length = checkpoints.start + len(checkpoints.final) + across
    relevancy = scale.new_zeros(len(token_targets), length)
    relevancy[torch.arange(len(token_targets)), [token_target.position(answer) for token_target in token_targets]] = 1
    return RelevancyPropagation(checkpoints, relevancy, gradient, scale, first)


class RowRelevancy(Explainer):
    """The loop of a relevancy method: its rows from `first_row` on, and the tower after them where it has one."""

    @abstractmethod
    def first_row(self, answer: Answer) -> int:
        """The first position whose row relevancy passes through."""

    def tower(self, model: VisionLanguageModel, answer: Answer, settings: Any) -> TowerPass | None:
        """The vision tower to go on through, if any."""
        return None

    def without_tower(self, model: VisionLanguageModel, answer: Answer, settings: Any) -> str | None:
        """What is to be said where there was none, if anything."""
        return None

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        card, length = model.card, len(answer.layout)
        rows = length - self.first_row(answer)
        state = card.hidden * card.number_bytes
        together = max(len(group) for group in grouped(card, rows, token_targets))
        kept = (card.layers + 1) * rows * state
        # Grouped heads share keys, and values are as many; once more while they are cut from those of the question.
        prefix = 2 * 2 * card.layers * (length - rows) * state * card.key_value_heads // card.heads
        inside = STATES_INSIDE * min(together, max(1, TOGETHER_BYTES // (STATES_INSIDE * rows * state)))
        graph = (LAYER_STATES + inside) * rows * state + pass_bytes(model, answer)
        blocks = 3 * block_bytes(torch.device(card.device))
        return kept + prefix + graph + blocks + together * target_bytes(card, rows) + 8 * len(token_targets) * length

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        share = share_after(answer, self.first_row(answer))
        decoder = Passes(forward=2, backward=len(token_targets)) * share
        return decoder + self.tower_passes(answer, token_targets, settings)

    def tower_passes(self, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any) -> Passes:
        """What going on through the tower costs."""
        return NOTHING

    def scores(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Iterator[Step]:
        first = self.first_row(answer)
        checkpoints, tower = model.checkpointed(answer, first), self.tower(model, answer, settings)
        yield Step(0.0)
        wider = tower is not None and checkpoints.final.shape[-1] != model.card.hidden
        if wider:
            # How an image token becomes several streams is the network's own, and gradients cannot be taken back.
            tower = None
        groups = grouped(model.card, len(checkpoints.final), token_targets)
        if tower is not None:
            # How large a tower is, only its checkpointed pass says.
            remedy = "Leave the vision tower out, explain fewer tokens at once, or use a smaller picture."
            check_memory(f"{self.name} through the vision tower", tower_bytes(tower, len(groups[0])), model, remedy)
        images = answer.layout.positions(TokenKind.IMAGE)
        embeddings = checkpoints.inputs[0]
        given = None if tower is None or embeddings is None else embeddings[list(images)]
        over = model.with_patches_across(answer)
        across = len(over) - len(answer.layout)
        steps = len(token_targets) * (checkpoints.layers + (tower.layers if tower is not None else 0))
        maps: list[Float[Tensor, "target position"]] = []
        done = 0
        for group in groups:
            propagation = begin(model, checkpoints, answer, group, first, across)
            entries: list[Float[Tensor, "target image_token hidden"]] = []
            for layer in reversed(range(checkpoints.layers)):
                for gone in propagation.down(layer):
                    done += gone
                    yield Step(min(0.99, done / steps))
                if tower is not None and layer < tower.entries:
                    entries.insert(0, entering(propagation, images))
                if group is groups[-1]:
                    checkpoints.free(layer)
            if not propagation.attended:
                raise NotShown(
                    f"The attention of {model.card.name} cannot be seen from outside, so relevancy cannot be had."
                )
            scores = torch.zeros(
                len(group), len(over), dtype=propagation.relevancy.dtype, device=propagation.scale.device
            )
            read = propagation.relevancy.shape[1] - across
            scores[:, :read] = propagation.relevancy[:, :read]
            scores[:, len(answer.layout) :] = propagation.relevancy[:, read:]
            if tower is not None and given is not None:
                propagation = into_tower(tower, propagation, images, entries, given)
                for layer in reversed(range(tower.layers)):
                    for gone in propagation.down(layer):
                        done += gone
                        yield Step(min(0.99, done / steps))
                seeing = tower.seeing
                positions = torch.tensor(images, device=seeing.device)[seeing]
                scores[:, positions] = propagation.relevancy[:, tower.place_of[seeing]].sum(-1)
            maps.append(scores.float().cpu())
        ended = self.without_tower(model, answer, settings) if tower is None else None
        remarks = [SEVERAL_STREAMS if wider else ended, passed_as_it_is(model)]
        remark = ACROSS if across else " ".join(remark for remark in remarks if remark) or None
        yield Step(1.0, torch.cat(maps), remark, over if across else None)
