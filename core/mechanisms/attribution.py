"""Direct logit attribution: the share of each head, each MLP and the embedding in a word's logit.

The last state is the sum of what was embedded and what every layer added, and with the final norm's scale frozen at its
actual value the unembedding is linear, so each summand has a share of the logit of its own and the shares sum to it
(Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"; the decomposition of the logit difference in
Wang et al. 2023, "Interpretability in the Wild", ICLR, section 3). It is *direct*: what a part does by changing what
later layers add is counted with those. Where a family caps its logits, the shares are of the logit before the cap.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..vlm.model import VisionLanguageModel
from ..vlm.precision import at_least_float32
from ..vlm.unembedding import Unembedding
from .contributions import Contributions


@dataclass(frozen=True, eq=False)
class Attribution:
    """Shares of each token target's logit, less its rival's for a contrast; float32, on the CPU.

    heads + mlps + embedding + other, all summed, give `logit`, the raw logit before any soft cap. `other` is what is no
    head's and no MLP's: biases of attention outputs and of norms, what a network adds between its layers, and the
    output's own bias. Layers without attention have no heads (NaN), and all that they add is in `mlps`.
    """

    heads: Float[Tensor, "target layers heads"]
    mlps: Float[Tensor, "target layers"]
    embedding: Float[Tensor, "target"]
    other: Float[Tensor, "target"]
    logit: Float[Tensor, "target"]


def attribute(model: VisionLanguageModel, written: Contributions) -> Attribution:
    """The shares of all parts in the logits of the token targets' words. Raises NotApplicable."""
    unembedding = model.unembedding()
    words, constant = _words(unembedding, written)
    scale = unembedding.norm.scale(written.final)
    direction = unembedding.norm.linear_back(words) * scale[:, None]

    def share(states: Float[Tensor, "target *more hidden"]) -> Float[Tensor, "target *more"]:
        return torch.einsum("u...d,ud->u...", at_least_float32(states), direction)

    heads = torch.stack([share(parts.by_head()) for parts in written.layers], 1)
    heads[:, list(written.without_attention)] = float("nan")
    bias = torch.stack([parts.bias + between for parts, between in zip(written.layers, _between(written), strict=True)])
    return Attribution(
        heads=_kept(heads),
        mlps=_kept(torch.stack([share(parts.mlp) for parts in written.layers], 1)),
        embedding=_kept(share(written.embedding)),
        other=_kept(share(bias.sum(0)) + constant),
        logit=_kept((unembedding.norm.linear(written.final) * scale[:, None] * words).sum(-1) + constant),
    )


def _words(
    unembedding: Unembedding, written: Contributions
) -> tuple[Float[Tensor, "target hidden"], Float[Tensor, "target"]]:
    """The unembedding of each token target's word, less its rival's, and the constant of the same."""
    tokens = [token_target.token for token_target in written.token_targets]
    words, constant = unembedding.rows(tokens), unembedding.constant(tokens)
    for row, token_target in enumerate(written.token_targets):
        if token_target.rival is not None:
            words[row] -= unembedding.rows([token_target.rival])[0]
            constant[row] -= unembedding.constant([token_target.rival])[0]
    return words, constant


def _between(written: Contributions) -> list[Float[Tensor, "target hidden"]]:
    """What came in after each layer that it did not add itself: nothing, in most networks."""
    afterwards = [*(parts.state for parts in written.layers[1:]), at_least_float32(written.final)]
    return [after - parts.state - parts.added for parts, after in zip(written.layers, afterwards, strict=True)]


def _kept(shares: Tensor) -> Tensor:
    return shares.float().cpu()
