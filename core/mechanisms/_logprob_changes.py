"""How log-probabilities change when vectors are added to a state: exactly, for very many vectors, in little memory.

With the final norm's scale s frozen, a state x has the logits l(x) = s linear(x) U^T + constant, and a vector v changes
them by s linear(v) U^T. The change of log p(w) is then

    l_w(x + v) - l_w(x) - log sum_u p(u | x) exp(l_u(x + v) - l_u(x)),

whose first part needs one row of U and whose last one all of them: it is summed up over blocks of the vocabulary, and
[vectors x vocabulary] never exists as a whole. Vectors that come out of a head have a short form, `factors` of the
head's size times a matrix shared by all of them, and there are two ways through: out to the hidden size and then to
the vocabulary, or with matrix and unembedding multiplied first. The one with fewer multiplications is taken: many
vectors of one head take the second, for which a vector costs as many times less as the head is narrower than the state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..vlm.cancel import CancelToken, check_heard
from ..vlm.targets import TokenTarget
from ..vlm.unembedding import Unembedding

BLOCK_BYTES = 16 * 2**20
"""Size of a block of logits on a CPU: smaller ones spend their time beginning, larger ones leave the cache."""

GPU_BLOCK_BYTES = 512 * 2**20
"""The same on a GPU: enough to be busy with."""

LEAST_WORDS, MOST_WORDS = 256, 8192
"""Words in a block: more of a large unembedding, widened, would take more memory than the block itself."""

SMALL = 30.0
"""Changes of logits that are all smaller (by Cauchy and Schwarz) leave sums of p(u | x) exp(change) within single
precision, so they need no largest one taken out: two passes less over every block."""


@dataclass(frozen=True, eq=False)
class Changes:
    """Vectors that are added to the states of some token targets, each on its own, all under the frozen final norm.

    `states` [target hidden] and the vectors factors[h, u, s] @ matrices[h] are linear(.) times the final scale already.
    """

    states: Float[Tensor, "target hidden"]
    factors: Float[Tensor, "heads target source size"]
    matrices: Float[Tensor, "heads size hidden"]


def block_bytes(device: torch.device) -> int:
    """The size of a block of logits on a device."""
    return BLOCK_BYTES if device.type == "cpu" else GPU_BLOCK_BYTES


def block_words(vectors: int, device: torch.device, number_bytes: int = 4) -> int:
    """How many words a block of logits of so many vectors has."""
    return min(MOST_WORDS, max(LEAST_WORDS, block_bytes(device) // max(1, vectors * number_bytes)))


def logprob_changes(
    unembedding: Unembedding, token_targets: Sequence[TokenTarget], changes: Changes, cancel: CancelToken | None = None
) -> Float[Tensor, "heads target source"]:
    """log p(token | state + vector) - log p(token | state) in nats, less the same of the rival for a contrast.

    Raises Cancelled.
    """
    changed = _logit_changes(unembedding, changes, [token_target.token for token_target in token_targets])
    contrasts = [row for row, token_target in enumerate(token_targets) if token_target.rival is not None]
    if contrasts:
        # The normaliser is the same for both and falls out.
        rivals = [token_target.rival for token_target in token_targets if token_target.rival is not None]
        changed[:, contrasts] -= _logit_changes(unembedding, _of(changes, contrasts), rivals)
    alone = [row for row, token_target in enumerate(token_targets) if token_target.rival is None]
    if alone:
        changed[:, alone] -= _normaliser_changes(unembedding, _of(changes, alone), cancel)
    return changed


def _of(changes: Changes, rows: list[int]) -> Changes:
    """The changes of some token targets."""
    if len(rows) == len(changes.states):
        return changes
    return Changes(changes.states[rows], changes.factors[:, rows], changes.matrices)


def _logit_changes(
    unembedding: Unembedding, changes: Changes, words: Sequence[int]
) -> Float[Tensor, "heads target source"]:
    """By how much each token target's own word gains: its logit after, less its logit before."""
    own = unembedding.rows(words)
    before = (changes.states * own).sum(-1) + unembedding.constant(words)
    gained = torch.einsum("husk,huk->hus", changes.factors, torch.einsum("hkd,ud->huk", changes.matrices, own))
    if unembedding.logit_transform.softcap is None:
        return gained
    return unembedding.logit_transform.cap(before[:, None] + gained) - unembedding.logit_transform.cap(before)[:, None]


def _normaliser_changes(
    unembedding: Unembedding, changes: Changes, cancel: CancelToken | None, small: bool = True
) -> Float[Tensor, "heads target source"]:
    """log sum_u p(u | state) exp(logit change of u), over the whole vocabulary. On a card the changes are taken to be
    `small`, and whether they are is asked once, at the end; where not it is done again."""
    shape = changes.factors.shape[:3]
    factors, matrices = _way(changes)
    vectors = shape.numel()
    words = block_words(vectors, factors.device, factors.element_size())
    blocks = [slice(start, start + words) for start in range(0, len(unembedding.weight), words)]
    # Changes may be far smaller than a single precision logarithm can tell: what is one number a vector is double.
    normaliser = changes.states.new_full((shape[1],), float("-inf"), dtype=torch.float64)
    for block in blocks:
        check_heard()
        before = unembedding.logit_transform.cap(_before(unembedding, changes, block))
        normaliser = torch.logaddexp(normaliser, before.logsumexp(-1))
    total = factors.new_full(shape, float("-inf"), dtype=torch.float64)
    memory = factors.new_empty(vectors * words)
    lengths = factors.norm(dim=-1).amax(-1)
    largest: list[Float[Tensor, ""]] = []
    for block in blocks:
        check_heard()
        if cancel is not None:
            cancel.check()
        columns = unembedding.rows(block)
        right = matrices(columns)
        logits = memory[: vectors * len(columns)].view(*factors.shape[:2], -1)
        logits = torch.bmm(factors, right, out=logits).view(*shape, -1)
        before = _before(unembedding, changes, block)
        if unembedding.logit_transform.softcap is None:
            logits += (before - normaliser[:, None]).to(logits.dtype)[:, None]
            if small:
                largest.append((lengths * right.square().sum(1).amax(-1).sqrt()).max())
            if small and (logits.device.type != "cpu" or float(largest[-1]) < SMALL):
                total = torch.logaddexp(total, logits.exp_().sum(-1).double().log_())
                continue
        else:
            logits += before.to(logits.dtype)[:, None]
            logits = unembedding.logit_transform.cap(logits) - normaliser.to(logits.dtype)[:, None, None]
        total = torch.logaddexp(total, _logsumexp_(logits))
    if largest and total.device.type != "cpu" and not float(torch.stack(largest).max()) < SMALL:
        return _normaliser_changes(unembedding, changes, cancel, small=False)
    return total.to(changes.states.dtype)


def _way(changes: Changes) -> tuple[Float[Tensor, "batch vector inner"], Callable[[Tensor], Tensor]]:
    """The cheaper way from factors to logits: left sides, and what makes right sides [batch inner word] of some rows of
    the unembedding [word hidden]."""
    heads, token_targets, sources, size = changes.factors.shape
    vectors, hidden = token_targets * sources, changes.matrices.shape[2]
    factors = changes.factors.reshape(heads, vectors, size)
    if vectors * hidden <= size * hidden + vectors * size:
        return torch.bmm(factors, changes.matrices).view(1, heads * vectors, hidden), lambda columns: columns.T[None]
    rows = changes.matrices.flatten(0, 1)
    return factors, lambda columns: (rows @ columns.T).unflatten(0, (heads, size))


def _before(unembedding: Unembedding, changes: Changes, block: slice) -> Float[Tensor, "target word"]:
    """The logits of the states as they are, before any cap, in double."""
    return (changes.states @ unembedding.rows(block).T + unembedding.constant(block)).double()


def _logsumexp_(logits: Float[Tensor, "*vector word"]) -> Float[Tensor, "*vector"]:
    """log sum exp over the last axis, in double, in the memory of `logits`, which is lost."""
    highest = logits.amax(-1)
    total = logits.sub_(highest[..., None]).exp_().sum(-1)
    return total.double().log_() + highest
