"""Which places of the picture would say the word if they were attended to more, and which words draw on it at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..answer import Answer
from ..errors import NotShown
from ..settings import Chosen, layers, switch
from ..vlm.attention_call import AttentionCall
from ..vlm.backward import backward_bytes, read_gradients, rescaled
from ..vlm.checkpoints import LayerPass
from ..vlm.layer_gradient import Pulled, finite, gradients_of
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes, vocabulary_passes
from ..vlm.precision import at_least_float32
from ..vlm.targets import TokenTarget
from ._attention import without_rows
from ._places import image_positions
from .base import Explainer, Step

NAMED = 3
"""How many of a sentence's tokens are told with their weights."""


@dataclass(frozen=True)
class DexArSettings:
    """Which layers and heads are listened to."""

    layers: Chosen = layers("Layers", help="The authors' code takes the last ten; the paper sums over all.")
    heads: bool = switch(
        True,
        "Weigh heads",
        help="A head counts by how much more it draws on the picture than on words (equation 5). Off: all alike.",
    )
    tokens: bool = switch(
        True,
        "Weigh tokens",
        help="A token of a longer target counts by how much more it draws on the picture than on words (equation 6). "
        "Off: all alike.",
    )


class DexAr(Explainer):
    """DEX-AR, Bousselham et al. 2026, "DEX-AR: a dynamic explainability method for autoregressive vision-language
    models", equations 4 to 6: in each layer the word's logit as read off what this layer leaves (logit lens), and the
    gradient of that with respect to the attention that the predicting position pays to each image token, where it is
    positive.
    A head counts by its largest gradient at an image token less its largest at any other, and nothing where that is
    below 0. In the map of several words each token counts by the same difference over all heads.

    Each token's map is scaled to 0 to 1. Heads of a layer whose attention cannot be seen are left out.
    """

    key = "dex_ar"
    name = "DEX-AR"
    caveat = (
        "What more attention would do to a guess from a middle layer; what later layers make of it is not followed."
    )
    Settings = DexArSettings
    needs = "image"

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        return backward_bytes(model, answer, token_targets[:1])

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        card = model.card
        share = (card.layers if settings.layers is None else len(settings.layers)) / card.layers
        # A gradient goes through what follows a layer's attention, which is about a pass of it.
        read = vocabulary_passes(card, answer, 2 * share * card.layers * len(token_targets))
        return Passes(forward=1 + share, beside=share * groups_of(answer, token_targets) + read)

    def scores(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: Sequence[TokenTarget],
        settings: DexArSettings,
    ) -> Iterator[Step]:
        checkpoints = model.checkpointed(answer)
        yield Step(0.0)
        if not model.reads_states(answer):
            raise NotShown(f"What the layers of {model.card.name} leave cannot be read in its vocabulary.")
        places = image_positions(answer)
        rows = [token_target.position(answer) - checkpoints.start for token_target in token_targets]
        chosen = range(checkpoints.layers) if settings.layers is None else settings.layers
        total = torch.zeros(len(token_targets), len(places))
        largest = torch.zeros(2, len(token_targets))
        seen = False
        for done, layer in enumerate(chosen, start=1):
            with checkpoints.recompute(layer) as layer_pass:
                for numbers, call, gradients in _head_gradients(model, layer_pass, rows, token_targets):
                    seen = True
                    positive = _seen_part(call, [rows[number] for number in numbers], gradients.relu()).cpu()
                    columns = [place - call.first_key for place in places]
                    image = positive[..., columns]
                    positive[..., columns] = 0
                    most = torch.stack([image.amax(-1), positive.amax(-1)])
                    weights = (most[0] - most[1]).relu() if settings.heads else torch.ones_like(most[0])
                    total[numbers] += (weights[..., None] * image).sum(1)
                    largest[:, numbers] = largest[:, numbers].maximum(most.amax(-1))
            checkpoints.free(layer)
            yield Step(done / (len(chosen) + 1))
        if not seen:
            raise NotShown(f"The attention of {model.card.name} cannot be seen in the chosen layers.")
        scores = torch.zeros(len(token_targets), len(answer.layout))
        scores[:, places] = _from_0_to_1(total)
        weights = (largest[0] - largest[1]).relu()
        yield Step(
            1.0,
            scores,
            without_rows(model, settings.layers),
            weights=weights if settings.tokens else None,
            says=lambda numbers: _told(answer, token_targets, scores, weights if settings.tokens else None, numbers),
        )


def groups_of(answer: Answer, token_targets: Sequence[TokenTarget]) -> int:
    """How many gradients go through a layer: one for all tokens, and one more for each other word at the same place."""
    positions = [token_target.position(answer) for token_target in token_targets]
    return max(positions.count(position) for position in positions)


def _head_gradients(
    model: VisionLanguageModel, layer_pass: LayerPass, rows: Sequence[int], token_targets: Sequence[TokenTarget]
) -> Iterator[tuple[list[int], AttentionCall, Float[Tensor, "target heads key"]]]:
    """d logit / d attention of the row that predicts it, for each head of each attention of a layer that can be seen;
    the logit is that of what the layer left at the row. For some token targets at a time, given by their numbers.

    Attention is the last thing in a layer that mixes rows, so a row's logit depends on no other row of what the heads
    hand on, and the logits of different rows share one gradient. dy/dA[j] = dy/dO . V[j], O being a head's output."""
    cuts = [cut for cut in layer_pass.cuts if cut.counted and cut.calls]
    if not cuts:
        return
    gradient, scale = read_gradients(model, layer_pass.output[list(rows)], token_targets)
    for numbers in _apart(rows):
        own = [rows[number] for number in numbers]
        given = torch.zeros(1, *layer_pass.output.shape, dtype=gradient.dtype, device=gradient.device)
        given[0, own] = gradient[numbers]
        given, scales = rescaled(given, scale[:1])

        def through(factors: Tensor, given: Tensor = given) -> Pulled:
            scaled = given * factors.to(given).view(-1, 1, 1)
            return Pulled(gradients_of([layer_pass.output], [cut.output for cut in cuts], [scaled]))

        pulled, factors = finite(through, 1, given)
        for cut, made in zip(cuts, pulled.gradients, strict=True):
            if made is None:
                continue
            call, value = cut.calls[0], at_least_float32(cut.calls[0].value)
            queries = [row - call.offset for row in own]
            of_rows = at_least_float32(made[0, 0, queries].to(value.device)) / (scales * factors).to(value)
            by_group = of_rows.view(len(own), len(value), -1, value.shape[-1])
            yield numbers, call, torch.einsum("tghs,gks->tghk", by_group, value).flatten(1, 2)


def _apart(rows: Sequence[int]) -> list[list[int]]:
    """The numbers of the token targets, in groups of which no two have the same row."""
    groups: list[list[int]] = []
    for number, row in enumerate(rows):
        free = next((group for group in groups if row not in [rows[one] for one in group]), None)
        if free is None:
            groups.append([number])
        else:
            free.append(number)
    return groups


def _seen_part(
    call: AttentionCall, rows: Sequence[int], values: Float[Tensor, "target heads key"]
) -> Float[Tensor, "target heads key"]:
    """The same with 0 at keys that the row does not see."""
    index = torch.tensor(rows, device=values.device) - call.offset
    allowed = call.allowed(index)
    if allowed is None:
        return values
    visible: Bool[Tensor, "some target key"] = (
        allowed if allowed.dtype == torch.bool else allowed > torch.finfo(allowed.dtype).min / 2
    )
    return values * visible.transpose(0, 1)


def _from_0_to_1(maps: Float[Tensor, "target place"]) -> Float[Tensor, "target place"]:
    """Each map less its lowest, over its range; 0 where it has none."""
    low, high = maps.amin(1, keepdim=True), maps.amax(1, keepdim=True)
    return torch.where(high > low, (maps - low) / (high - low), torch.zeros(()))


def _told(
    answer: Answer,
    token_targets: Sequence[TokenTarget],
    scores: Float[Tensor, "target position"],
    weights: Float[Tensor, "target"] | None,
    numbers: Sequence[int],
) -> str | None:
    """That a map is empty, or how much each of several tokens counts in it."""
    own = list(numbers)
    if not scores[own].any():
        return (
            "In every chosen layer and head some word counts for more than any place of the picture: the map is empty."
        )
    if weights is None or len(own) == 1:
        return None
    if not weights[own].any():
        return "None of these tokens draws more on the picture than on words, so all count alike."
    shares = weights[own] / weights[own].sum()
    first = shares.argsort(descending=True).tolist()[:NAMED]
    named = [f"“{answer.tokens[token_targets[own[one]].index].text.strip()}” {float(shares[one]):.0%}" for one in first]
    return f"Tokens count by how much more they draw on the picture than on words: {', '.join(named)}."
