"""What every layer, head and source position adds to the residual stream where an answer's tokens are predicted.

One pass over the rows that predict the tokens is all it takes, over the keys and values that are kept from the prompt
where the family shares them. Log-probability increase, direct attribution and readings in the vocabulary all start
from here, so what they are asked of is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from ..answer import Answer
from ..errors import NotApplicable
from ..vlm.cancel import CancelToken, stoppable
from ..vlm.checkpoints import DecoderPass
from ..vlm.decomposition import LayerDecomposition, without_heads
from ..vlm.instead import with_what_is_left
from ..vlm.memory_costs import check_memory, pass_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes, share_after
from ..vlm.precision import at_least_float32
from ..vlm.targets import TokenTarget, check_own


@dataclass(frozen=True, eq=False)
class Contributions:
    """The residual stream at the positions that predict some token targets, as the sum it is.

    `layers` hold what each layer adds, with one row for each token target; `embedding` went into the first layer, and
    `final` is what the last one left, before the final norm. `length` is that of the whole sequence. In the layers
    `without_attention` there are no heads, and all that they add stands where that of an MLP does."""

    token_targets: tuple[TokenTarget, ...]
    layers: tuple[LayerDecomposition, ...]
    embedding: Float[Tensor, "target hidden"]
    final: Float[Tensor, "target hidden"]
    length: int
    without_attention: tuple[int, ...] = ()

    @property
    def heads(self) -> int:
        """How many heads a layer has."""
        return self.layers[0].attention.shape[0]

    def of(self, token_target: int) -> Contributions:
        """Those of one token target alone."""
        layers = tuple(parts.row(token_target) for parts in self.layers)
        rows = slice(token_target, token_target + 1)
        return replace(
            self,
            token_targets=self.token_targets[rows],
            layers=layers,
            embedding=self.embedding[rows],
            final=self.final[rows],
        )


@stoppable
@with_what_is_left
def contributions(
    model: VisionLanguageModel,
    answer: Answer,
    token_targets: Sequence[TokenTarget],
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Contributions:
    """Read what every layer adds at the token targets' predicting positions.

    A token target's token (and its rival) may be one the model did not say. Raises OtherModel, NotApplicable (no such
    token of the answer, no such word, or a layer that cannot be taken apart), NotEnoughMemory and Cancelled."""
    check_token_targets(model, answer, token_targets)
    remedy = "Choose fewer tokens of the answer, or use a smaller picture."
    check_memory("What the heads write", contribution_bytes(model, answer, len(token_targets)), model, remedy)
    checkpoints = model.checkpointed(answer, len(answer.prompt_tokens) - 1)
    rows = [token_target.position(answer) - checkpoints.start for token_target in token_targets]
    embedding = checkpoints.inputs[0]
    assert embedding is not None
    layers = []
    for layer in range(checkpoints.layers):
        if cancel is not None:
            cancel.check()
        lacking = layer in model.card.without_attention
        layers.append(_whole(model, checkpoints, layer, rows) if lacking else checkpoints.parts(layer, rows))
        progress((layer + 1) / checkpoints.layers)
    return Contributions(
        tuple(token_targets),
        tuple(layers),
        embedding[rows],
        checkpoints.final[rows],
        len(answer.layout),
        model.card.without_attention,
    )


def _whole(model: VisionLanguageModel, checkpoints: DecoderPass, layer: int, rows: list[int]) -> LayerDecomposition:
    """What a layer without attention adds, with no head in it."""
    with checkpoints.recompute(layer, grad=False) as recomputed:
        state, left = at_least_float32(recomputed.input[rows]), at_least_float32(recomputed.output[rows])
    return without_heads(state, left - state, model.card.heads, checkpoints.start + len(checkpoints.final))


def check_token_targets(model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget]) -> None:
    """Raises OtherModel for an answer of another model, and NotApplicable for token targets that it does not have."""
    check_own(model, answer)
    if not token_targets:
        raise NotApplicable("There is no token to explain. Choose one of the answer's.")
    if not all(0 <= token_target.index < len(answer.tokens) for token_target in token_targets):
        raise NotApplicable("The target names a token that this answer does not have. Choose one of its tokens.")
    check_words(
        model,
        [
            word
            for token_target in token_targets
            for word in (token_target.token, token_target.rival)
            if word is not None
        ],
    )


def check_words(model: VisionLanguageModel, words: Sequence[int]) -> None:
    """Raises NotApplicable for token ids that are not in the vocabulary."""
    if not all(0 <= word < model.card.vocabulary for word in words):
        raise NotApplicable(
            f"The vocabulary of {model.card.name} has {model.card.vocabulary:,} tokens, and the one asked for is none "
            "of them. Type another word."
        )


def contribution_passes(answer: Answer) -> Passes:
    """What reading them costs: the rows that predict the answer, once, and layer by layer again."""
    return Passes(forward=2) * share_after(answer, len(answer.prompt_tokens) - 1)


def contribution_bytes(model: VisionLanguageModel, answer: Answer, token_targets: int) -> int:
    """Bytes of the contributions, and of reading them."""
    card, positions = model.card, len(answer.layout)
    values = 2 * card.layers * positions * card.hidden * card.key_value_heads // card.heads * card.number_bytes
    rows = token_targets * card.layers * (card.heads * positions + 8 * card.hidden) * 4
    projection = 3 * card.hidden**2 * 4
    return pass_bytes(model, answer) + values + rows + projection
