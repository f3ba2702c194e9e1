"""Log-probability increase: by how much one head, or what it takes from one position, makes a word more likely.

Yu and Ananiadou (2024), "Neuron-Level Knowledge Attribution in Large Language Models", EMNLP, section 3.2, and
"Understanding Multimodal LLMs: the Mechanistic Interpretability of LLaVA in Visual Question Answering", section 3: with
x the residual stream that enters a layer at the position that predicts the word w, and o what a head adds there,

    increase = log p(w | x + o) - log p(w | x),      p(. | x) = softmax of the unembedded x.

The final norm's scale is frozen at the value it has for the *last* layer's state at that position (for a layer norm the
mean is taken off each summand by itself and its shift is added once). A head's o is the sum over positions of attention
weight x value x the head's slice of the output projection, and any one of these summands has an increase of its own:
that is the patch map. Increases of positions do not sum to that of their head, for log p is not linear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, Head
from ..vlm.cancel import CancelToken, stoppable
from ..vlm.decomposition import LayerDecomposition
from ..vlm.memory_costs import check_memory
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes, vocabulary_passes
from ..vlm.precision import at_least_float32
from ..vlm.unembedding import Unembedding
from ._logprob_changes import LEAST_WORDS, Changes, block_bytes, block_words, logprob_changes
from .contributions import Contributions


@stoppable
def head_increases(
    model: VisionLanguageModel,
    written: Contributions,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Float[Tensor, "target layers heads"]:
    """The log-probability increase of each token target's word by every head, in nats; float32, on the CPU. NaN in
    layers without attention, which have none.

    A contrast has the difference of its two words' increases. Raises NotApplicable, NotEnoughMemory and Cancelled.
    """
    unembedding = model.unembedding()
    _check_memory(model, len(written.token_targets) * written.heads)
    scale = unembedding.norm.scale(written.final)
    increases = []
    for number, parts in enumerate(written.layers):
        if number in written.without_attention:
            increases.append(scale.new_full((len(scale), written.heads), float("nan")))
            continue
        mixed = at_least_float32(parts.mixed) * (parts.scale * scale)[:, None, None]
        matrices = unembedding.norm.linear(parts.projection())
        changes = Changes(_states(unembedding, parts, scale), mixed.transpose(0, 1)[:, :, None], matrices)
        increases.append(logprob_changes(unembedding, written.token_targets, changes, cancel)[..., 0].T)
        progress((number + 1) / len(written.layers))
    return torch.stack(increases, 1).float().cpu()


@stoppable
def source_increases(
    model: VisionLanguageModel,
    written: Contributions,
    heads: Sequence[Head] | None = None,
    *,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Float[Tensor, "target head position"]:
    """The log-probability increase of each token target's word by what some heads take from every single position, in
    nats; float32, on the CPU, in the order of `heads` (None: all, layer by layer).

    Positions that a token target cannot see have 0. Raises NotApplicable, NotEnoughMemory, Cancelled, and ValueError
    for a head that the model does not have."""
    chosen = all_heads(written) if heads is None else list(heads)
    if not all(0 <= layer < len(written.layers) and 0 <= head < written.heads for layer, head in chosen):
        raise ValueError(f"the model has layers 0 to {len(written.layers) - 1} and heads 0 to {written.heads - 1}")
    unembedding = model.unembedding()
    _check_memory(model, len(written.token_targets) * written.length)
    scale = unembedding.norm.scale(written.final)
    increases = torch.zeros(len(written.token_targets), len(chosen), written.length, device=scale.device)
    places = {head: [place for place, other in enumerate(chosen) if other == head] for head in chosen}
    batches = list(_batches(written, places))
    for number, ((layer, some), seen) in enumerate(zip(batches, _seen(written, batches), strict=True)):
        parts = written.layers[layer]
        factors = parts.by_source(some)[:, :, seen] * scale[:, None, None]
        matrices = unembedding.norm.linear(parts.projection(some))
        changes = Changes(_states(unembedding, parts, scale), factors, matrices)
        gained = logprob_changes(unembedding, written.token_targets, changes, cancel)
        # What is not looked at adds nothing, and rounding shall not say otherwise.
        gained = (gained * parts.attention[some][..., seen].ne(0)).float()
        for head, values in zip(some, gained, strict=True):
            for place in places[layer, head]:
                increases[:, place, seen] = values
        progress((number + 1) / len(batches))
    return increases.cpu()


def _seen(written: Contributions, batches: Sequence[tuple[int, list[int]]]) -> list[slice]:
    """Of each batch of heads the positions from the first to the last that one of them looks at, asked all at once."""
    looks = [written.layers[layer].attention[some].ne(0).any(0).any(0) for layer, some in batches]
    ends = [(row.int().argmax(), row.int().cumsum(0).argmax() + 1) for row in looks]
    asked = torch.stack([torch.stack(pair) for pair in ends]).tolist() if ends else []
    return [slice(first, end) for first, end in asked]


def all_heads(written: Contributions) -> list[Head]:
    """Every head, layer by layer."""
    layers = (layer for layer in range(len(written.layers)) if layer not in written.without_attention)
    return [(layer, head) for layer in layers for head in range(written.heads)]


def top_heads(scores: Float[Tensor, "layers heads"], count: int) -> list[Head]:
    """The `count` heads with the largest scores, largest first; those without a score (NaN) are none of them."""
    unknown = scores.flatten().isnan()
    known = int((~unknown).sum())
    best = scores.flatten().masked_fill(unknown, float("-inf")).topk(min(count, known)).indices.tolist()
    return [divmod(index, scores.shape[1]) for index in best]


def _states(
    unembedding: Unembedding, parts: LayerDecomposition, scale: Float[Tensor, "target"]
) -> Float[Tensor, "target hidden"]:
    """The residual stream before a layer's attention, under the frozen final norm."""
    return unembedding.norm.linear(parts.state) * scale[:, None]


def _batches(written: Contributions, chosen: dict[Head, list[int]]) -> Iterator[tuple[int, list[int]]]:
    """The chosen heads by layer, as many at once as leave a block of logits its least width."""
    vectors = len(written.token_targets) * written.length
    most = max(1, block_bytes(written.final.device) // (vectors * LEAST_WORDS * 4))
    for layer in range(len(written.layers)):
        heads = sorted(head for own, head in chosen if own == layer)
        for start in range(0, len(heads), most):
            yield layer, heads[start : start + most]


def increase_bytes(model: VisionLanguageModel, vectors: int) -> int:
    """Bytes of blocks of logits for so many vectors at once, and of what goes into them."""
    card, words = model.card, block_words(vectors, torch.device(model.card.device))
    block, unembedding_rows = 4 * vectors * words, 2 * 4 * words * card.hidden
    return 4 * block + unembedding_rows + 4 * vectors * card.hidden * 4 + 3 * card.hidden**2 * 4


def increase_passes(model: VisionLanguageModel, answer: Answer, token_targets: int, followed: int) -> Passes:
    """What the increases of all heads cost, and of every position of so many heads `followed`."""
    card = model.card
    every = vocabulary_passes(card, answer, token_targets * card.heads * len(card.attention_layers))
    sources = token_targets * followed * len(answer.layout)
    return Passes(beside=every + vocabulary_passes(card, answer, sources, card.hidden // card.heads))


def _check_memory(model: VisionLanguageModel, vectors: int) -> None:
    """Raises NotEnoughMemory where blocks of logits for so many vectors do not fit."""
    remedy = "Choose fewer tokens of the answer, or use a smaller picture."
    check_memory("Log-probability increase", increase_bytes(model, vectors), model, remedy)
