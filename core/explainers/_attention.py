"""The attention rows that predicted the answer's tokens, by layer and head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer
from ..errors import NotApplicable
from ..perturb.words import layers_in_words
from ..settings import Chosen
from ..vlm.memory_costs import pass_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import NOTHING, Passes
from ..vlm.targets import TokenTarget


def target_rows(
    model: VisionLanguageModel,
    answer: Answer,
    token_targets: Sequence[TokenTarget],
    layers: Chosen = None,
    heads: Chosen = None,
) -> Float[Tensor, "layers heads target position"]:
    """Softmax rows at the positions that predict the token targets, of the chosen heads in those of the chosen layers
    that have attention; float32, on the CPU.

    Those kept while the answer was written, else (where not all of them are) from one replay. Raises
    NotApplicable where none of the layers has attention that can be seen.
    """
    kept = None if answer.attention is None else answer.attention.of(target.index for target in token_targets)
    if kept is not None:
        rows = kept
    else:
        rows = model.attention_rows(answer, [token_target.position(answer) for token_target in token_targets])
    rows = rows[seen_layers(rows, layers)]
    if heads is not None:
        rows = rows[:, list(heads)]
    rows = rows.float().cpu()
    return torch.nn.functional.pad(rows, (0, len(answer.layout) - rows.shape[-1]))


def seen_layers(rows: Float[Tensor, "layers heads query position"], layers: Chosen) -> list[int]:
    """Those of the chosen layers (None: all) whose rows are there. Raises NotApplicable where there are none."""
    known = (~rows[:, 0, 0].isnan().any(-1)).tolist()
    seen = [layer for layer in (range(len(rows)) if layers is None else layers) if known[layer]]
    if not seen:
        others = ", ".join(str(layer) for layer, there in enumerate(known) if there)
        raise NotApplicable(f"The chosen layers have no attention. Choose among the layers {others}, which have.")
    return seen


def without_rows(model: VisionLanguageModel, layers: Chosen = None) -> str | None:
    """That some of the chosen layers (None: all) have no attention, as a sentence; None where all have."""
    none = [layer for layer in (range(model.card.layers) if layers is None else layers) if lacks(model, layer)]
    return f"Without attention: {layers_in_words(none)}. The map is of the other layers." if none else None


def passed_as_it_is(model: VisionLanguageModel) -> str | None:
    """What a method that follows attention through all layers leaves out in those without it, as a sentence; None where
    all have attention."""
    none = model.card.without_attention
    return (
        f"Without attention: {layers_in_words(none)}. Such a layer mixes positions in another way (convolution, "
        "recurrence) or reads the picture across, which this map does not follow: what stands at a position passes "
        "through it as it is."
        if none
        else None
    )


def lacks(model: VisionLanguageModel, layer: int) -> bool:
    """Whether a layer has no attention."""
    return layer in model.card.without_attention


def rows_passes(answer: Answer, token_targets: Sequence[TokenTarget]) -> Passes:
    """What `target_rows` costs: nothing where the rows are kept, else a replay."""
    held = answer.attention is not None and answer.attention.has(target.index for target in token_targets)
    return NOTHING if held else Passes(forward=1)


def rows_bytes(model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget]) -> int:
    """Bytes of `target_rows`, and of the replay where it needs one."""
    rows = 3 * model.card.layers * model.card.heads * len(token_targets) * len(answer.layout) * 4
    if answer.attention is not None and answer.attention.has(target.index for target in token_targets):
        return rows
    return rows + pass_bytes(model, answer)
