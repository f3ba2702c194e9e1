"""The logit lens: what the residual stream would say at any position and layer.

nostalgebraist (2020), "interpreting GPT: the logit lens": the state of a position, whatever layer it is taken from,
goes through the final norm and the output embedding as if it were the last. Layer l here is the state that *enters*
layer l, so 0 is what was embedded (for an image token: the projected visual embedding, which Yu and Ananiadou 2024 read
in the same way, with final norm and unembedding), and the number of layers stands for what the last layer left, which
at the position before a token is the prediction itself. The norm is applied as it is, with each state's own scale.

Rows are unembedded a few at a time, so that [positions x vocabulary] never exists as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..answer import Alternative, Answer
from ..errors import NotApplicable
from ..vlm.attention_call import block_bytes
from ..vlm.cancel import CancelToken, stoppable
from ..vlm.checkpoints import CheckpointedPass
from ..vlm.instead import with_what_is_left
from ..vlm.memory_costs import check_memory, checkpoint_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes, vocabulary_passes
from ..vlm.targets import check_own
from .contributions import check_words

BLOCK_BYTES = 64 * 2**20
"""Size of a block of logits; four more of its size are needed beside it."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What states say in the vocabulary, on the CPU.

    `ids` and `logprobs` (nats) are of the most likely words, best first; `entropy` (nats) is of the whole distribution.
    `word_logprobs` and `word_ranks` (1 is best) are of the words that were asked about.
    """

    ids: Int[Tensor, "*state top"]
    logprobs: Float[Tensor, "*state top"]
    entropy: Float[Tensor, "*state"]
    word_logprobs: Float[Tensor, "*state word"]
    word_ranks: Int[Tensor, "*state word"]

    def words(self, model: VisionLanguageModel, *state: int) -> tuple[Alternative, ...]:
        """The most likely words of one state, as text. Untrusted."""
        pairs = zip(self.ids[state].tolist(), self.logprobs[state].tolist(), strict=True)
        return tuple(Alternative(word, model.reader.piece(word), logprob) for word, logprob in pairs)


@stoppable
@with_what_is_left
def lens(
    model: VisionLanguageModel,
    answer: Answer,
    positions: Sequence[int],
    layers: Sequence[int] | None = None,
    *,
    top: int = 10,
    words: Sequence[int] = (),
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Reading:
    """Read some positions at some layers (None: all, the embedding and what the last one left included); the reading's
    states are [layer position].

    Raises OtherModel, NotApplicable (a position that has no state, a word that is not in the vocabulary),
    NotEnoughMemory, Cancelled, and ValueError for a layer that the model does not have.
    """
    chosen = range(model.card.layers + 1) if layers is None else layers
    if not all(0 <= layer <= model.card.layers for layer in chosen):
        raise ValueError(f"states enter layers 0 to {model.card.layers - 1}, and {model.card.layers} is after the last")
    check_positions(model, answer, positions)
    check_words(model, words)
    needed = checkpoint_bytes(model, answer) + reading_bytes(model, len(chosen) * len(positions))
    check_memory("The logit lens", needed, model, "Use a smaller picture, or a shorter question.")
    checkpoints = model.checkpointed(answer)
    states = torch.stack([_states(checkpoints, layer)[list(positions)] for layer in chosen])
    del checkpoints
    return read(model, states, top=top, words=words, cancel=cancel, progress=progress)


def lens_passes(model: VisionLanguageModel, answer: Answer, states: int) -> Passes:
    """What reading so many states of an answer costs."""
    return Passes(forward=1, beside=vocabulary_passes(model.card, answer, states))


def reading_bytes(model: VisionLanguageModel, states: int) -> int:
    """Bytes of reading so many states, as many at once as a block holds: their logits as the network makes them, and
    what is made of a few at a time."""
    card = model.card
    rows = max(1, min(states, BLOCK_BYTES // (4 * card.vocabulary)))
    return 3 * rows * card.vocabulary * card.number_bytes + 5 * block_bytes(torch.device(card.device))


def check_positions(model: VisionLanguageModel, answer: Answer, positions: Sequence[int]) -> None:
    """Raises OtherModel, and NotApplicable for no position and for those that nothing was predicted from."""
    check_own(model, answer)
    if not positions:
        raise NotApplicable("There is no position to read. Ask about a picture, or choose words of the question.")
    read_last = len(answer.prompt_tokens) + max(0, len(answer.tokens) - 1)
    if not all(0 <= position < read_last for position in positions):
        raise NotApplicable(
            "A position to read lies after the last one that the model read: the last token of an answer is said and "
            "not read again. Choose one before it."
        )


def read(
    model: VisionLanguageModel,
    states: Float[Tensor, "*state hidden"],
    *,
    top: int = 10,
    words: Sequence[int] = (),
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> Reading:
    """Read states of the residual stream through the final norm and the unembedding. Raises Cancelled."""
    flat, asked = states.reshape(-1, states.shape[-1]), torch.tensor(list(words), dtype=torch.long).to(states.device)
    parts: list[tuple[Tensor, ...]] = []
    for block in flat.split(max(1, BLOCK_BYTES // (model.card.vocabulary * 4))):
        if cancel is not None:
            cancel.check()
        with torch.no_grad():
            parts += _rows_read(model.unembed(block), top, asked)
        progress(min(1.0, sum(len(part[0]) for part in parts) / len(flat)))
    return Reading(*(field.unflatten(0, states.shape[:-1]) for field in _brought(parts)))


def read_logits(logits: Float[Tensor, "row vocabulary"], *, top: int, words: Sequence[int] = ()) -> Reading:
    """The reading of rows of logits."""
    return Reading(*_brought(_rows_read(logits, top, torch.tensor(list(words), dtype=torch.long).to(logits.device))))


def _rows_read(
    logits: Float[Tensor, "row vocabulary"], top: int, words: Int[Tensor, "word"]
) -> list[tuple[Tensor, ...]]:
    """The fields of a reading, a few rows at a time: what does not stay in a processor's cache takes several times as
    long."""
    at_once = max(1, block_bytes(logits.device) // (4 * logits.shape[-1]))
    return [_few(rows.float(), min(top, logits.shape[-1]), words) for rows in logits.split(at_once)]


def _brought(parts: Sequence[tuple[Tensor, ...]]) -> Iterator[Tensor]:
    """The fields of all rows, on the CPU: a card is waited for once they are all on their way."""
    return (torch.cat(pieces).cpu() for pieces in zip(*parts, strict=True))


def _few(logits: Float[Tensor, "row vocabulary"], top: int, words: Int[Tensor, "word"]) -> tuple[Tensor, ...]:
    """The fields of a few rows' reading."""
    best = logits.topk(top, -1)
    own = logits[:, words]
    each = range(own.shape[1])
    ranks = torch.stack([(logits > own[:, i, None]).sum(-1) + 1 for i in each], -1) if each else own
    highest = best.values[:, :1]
    below = logits - highest
    shares = below.exp()
    total = shares.sum(-1)
    size = total.log()[:, None]
    # A token ruled out altogether adds nothing, and 0 x -inf would be no number.
    mean = torch.linalg.vecdot(shares, below.clamp_(min=-1e4)) / total
    return best.indices, best.values - highest - size, size[:, 0] - mean, own - highest - size, ranks.long()


def reciprocal_rank_by_chance(vocabulary: int) -> float:
    """The mean of 1 / rank over all words: what a random one has."""
    return sum(1 / rank for rank in range(1, vocabulary + 1)) / vocabulary


def _states(checkpoints: CheckpointedPass, layer: int) -> Float[Tensor, "row hidden"]:
    """The states that enter a layer, or that the last one left."""
    if layer == checkpoints.layers:
        return checkpoints.final
    states = checkpoints.inputs[layer]
    assert states is not None
    return states
