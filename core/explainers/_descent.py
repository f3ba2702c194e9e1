"""Gradients of raw logits carried down a tape, one layer's graph at a time, for several units at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer
from ..vlm.costs import pass_bytes, tape_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.tape import Tape
from ..vlm.units import Unit


def descend(
    model: VisionLanguageModel, answer: Answer, tape: Tape, units: Sequence[Unit], lowest: int = 0
) -> Iterator[tuple[int, Float[Tensor, "unit row hidden"]]]:
    """For each layer from the top down to `lowest`: d logit / d what went into it, one for each unit.

    The logit is the token's raw one, less the rival's for a contrast. Rows are the tape's. Needs the inputs of the
    layers that are played; changes nothing on the tape.
    """
    gradients, scale = top_gradients(model, answer, tape, units)
    for layer in range(tape.layers - 1, lowest - 1, -1):
        gradients, scale = rescaled(gradients, scale)
        with tape.play(layer) as passed:
            # One backward for each unit: batched gradients would hold a graph's states for each.
            gradients = torch.stack(
                [
                    torch.autograd.grad(passed.output, passed.input, gradient, retain_graph=True)[0]
                    for gradient in gradients
                ]
            )
        yield layer, gradients.float() / scale[:, None, None]


def top_gradients(
    model: VisionLanguageModel, answer: Answer, tape: Tape, units: Sequence[Unit]
) -> tuple[Float[Tensor, "unit row hidden"], Float[Tensor, "unit"]]:
    """d logit / d what the last layer left, which is nothing but at the row that predicts the unit's token, times a
    scale that is returned with it: half precision loses gradients below 6e-8."""
    rows = [unit.position(answer) - tape.start for unit in units]
    scale = 1024.0 if tape.final.dtype == torch.float16 else 1.0
    with torch.enable_grad():
        states = tape.final[rows].detach().requires_grad_(True)
        logits = model.unembed(states)
        wanted = [
            row[unit.token] - (0 if unit.rival is None else row[unit.rival])
            for row, unit in zip(logits, units, strict=True)
        ]
        (found,) = torch.autograd.grad((torch.stack(wanted) * scale).sum(), states)
    gradients = torch.zeros(len(units), *tape.final.shape, dtype=tape.final.dtype, device=tape.final.device)
    gradients[torch.arange(len(units)), rows] = found
    precision = torch.promote_types(gradients.dtype, torch.float32)
    return gradients, torch.full((len(units),), scale, dtype=precision, device=gradients.device)


def rescaled(
    gradients: Float[Tensor, "unit row hidden"], scale: Float[Tensor, "unit"]
) -> tuple[Float[Tensor, "unit row hidden"], Float[Tensor, "unit"]]:
    """In half precision, which overflows and underflows on the way down, each unit's largest number brought back to
    about 1, and the scale with it; the same in any other."""
    if gradients.dtype != torch.float16:
        return gradients, scale
    largest = gradients.abs().amax((1, 2)).float()
    factor = torch.where(largest > 0, torch.exp2(-largest.log2().round()), 1.0)
    return (gradients.float() * factor[:, None, None]).half(), scale * factor


def play_from(tape: Tape, embeddings: Float[Tensor, "row hidden"]) -> None:
    """Play the whole tape from other embeddings: afterwards its inputs and what it left belong to these."""
    tape.inputs[0] = embeddings
    for layer in range(tape.layers):
        with tape.play(layer, grad=False) as passed:
            left = passed.output
        if layer + 1 < tape.layers:
            tape.inputs[layer + 1] = left
        else:
            tape.final = left


def full_length(scores: Float[Tensor, "unit row"], answer: Answer) -> Float[Tensor, "unit position"]:
    """Scores of a tape's rows as scores of the whole sequence, on the CPU in float32."""
    found = torch.zeros(len(scores), len(answer.layout))
    found[:, : scores.shape[1]] = scores.detach().float().cpu()
    return found


def descent_bytes(model: VisionLanguageModel, answer: Answer, units: Sequence[Unit]) -> int:
    """Bytes of a tape, of one layer's graph and of the gradients of all units, once more as they are replaced."""
    row = len(answer.layout) * model.card.hidden
    graph = 2 * pass_bytes(model, answer)
    return tape_bytes(model, answer) + graph + 3 * len(units) * row * 4
