"""Gradients on the straight way from a picture that says nothing to the picture, in the image tokens as the decoder
reads them. What a network adds to its states between layers (Qwen3-VL's deepstack) goes the same way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer
from ..errors import NotShown
from ..vlm.backward import backward, backward_bytes, full_length, target_logits
from ..vlm.checkpoints import DecoderPass
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import TokenTarget
from ._kept_layers import SAME, KeptLayers, room_for_layers, share_kept
from ._places import image_positions
from ._smoothing import generator, noisy_copies, others_in_their_place
from .base import Step

BASELINES = ("mean", "zero", "drawn")
BASELINE_HELP = (
    "Every image token as the mean of all of them (nothing in particular anywhere), as zero, or as one of the others, "
    "drawn anew for each noisy copy (expected gradients)."
)


@dataclass(frozen=True)
class Ends:
    """What the two ends of the way are: its `baseline`, and the picture or, one after the other, so many noisy `copies`
    of it (`_smoothing.py`)."""

    baseline: str
    copies: int = 0
    noise: float = 0.0
    seed: int = 0

    @property
    def ways(self) -> int:
        return max(1, self.copies)

    def to_read(self, way: int) -> list[float]:
        """The places at which the logit of a way is read: its ends, but for those that are known by then."""
        begins = self.baseline == "drawn" or way == 0
        return [1.0] * bool(self.copies) + [0.0] * begins


@dataclass(frozen=True)
class Node:
    """Where on the way a gradient is taken, 0 at its beginning and 1 at the picture, and what it weighs."""

    place: float
    weight: float


def middles(steps: int) -> list[Node]:
    """The middles of equal steps, which all weigh the same."""
    return [Node((step + 0.5) / steps, 1 / steps) for step in range(steps)]


def path_bytes(model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget]) -> int:
    """Bytes that gradients on the way take beside what is loaded."""
    return backward_bytes(model, answer, token_targets) + room_for_layers(model, answer, token_targets)


def path_passes(
    model: VisionLanguageModel,
    answer: Answer,
    token_targets: Sequence[TokenTarget],
    ends: Ends,
    nodes: int,
    gained: bool = True,
) -> Passes:
    """What gradients at so many nodes of each way cost: each goes up and, computing the layers again that were not
    kept, down; the picture is passed once, and each end at which a logit is read."""
    again, gradients = 1 - share_kept(model, answer, token_targets), nodes * ends.ways
    read = sum(len(ends.to_read(way)) for way in range(ends.ways)) if gained else 0
    return Passes(forward=1 + read + (1 + again) * gradients, backward=gradients * len(token_targets))


def along(
    model: VisionLanguageModel,
    answer: Answer,
    token_targets: Sequence[TokenTarget],
    ends: Ends,
    nodes: Sequence[Node],
    gained: bool = True,
) -> Iterator[Step]:
    """(x - x0) times the weighed sum of the gradients of each token target's logit at these nodes, summed over
    features, the mean over all ways: the scores of the last step, and with `gained` what the logit gains between x0 and
    x, which takes a pass for each end that is not known.

    x is what enters at the image tokens: the embeddings and, of a network that adds to its states between layers, what
    it adds there, each with an x0 of its own. Raises NotShown for networks that cannot be computed from other image
    tokens."""
    checkpoints = model.checkpointed(answer)
    embeddings = checkpoints.inputs[0]
    assert embeddings is not None
    rows = [token_target.position(answer) - checkpoints.start for token_target in token_targets]
    logits = {1.0: _logits(model, checkpoints.final[rows], token_targets)}
    places = image_positions(answer)
    entering = {0: embeddings[places].float()}
    for layer, added in () if checkpoints.chained else _added(checkpoints):
        yield Step(0.0)
        if added is not None:
            _check_places(model, added, [] if layer == checkpoints.layers else places)
            entering[layer] = added[places].float()
    room = room_for_layers(model, answer, token_targets)
    done, all_layers = 0, 2 * len(nodes) * checkpoints.layers * ends.ways
    scores = torch.zeros(len(token_targets), len(embeddings), device=embeddings.device)
    gains = torch.zeros(len(token_targets))
    for number, ways in enumerate(_ways(entering, ends)):
        for node in nodes:
            with KeptLayers(checkpoints, room) as kept:
                for _ in _up(kept, checkpoints, embeddings, ways, places, node.place):
                    yield Step(done / all_layers)
                    done += 1
                for layer, gradients in backward(model, answer, checkpoints, token_targets, again=kept.down):
                    if layer in ways:
                        scores[:, places] += node.weight * (ways[layer].way * gradients[:, places]).sum(-1)
                    yield Step(done / all_layers)
                    done += 1
        for place in ends.to_read(number) if gained else ():
            for _ in _up(KeptLayers(checkpoints, 0), checkpoints, embeddings, ways, places, place):
                yield Step(done / all_layers)
            logits[place] = _logits(model, checkpoints.final[rows], token_targets)
        if gained:
            gains += logits[1.0] - logits[0.0]
    yield Step(1.0, full_length(scores / ends.ways, answer), gains=gains / ends.ways if gained else None)


@dataclass(frozen=True, eq=False)
class _Way:
    """What enters at the image tokens: where its way begins, and the way from there, in float32."""

    begin: Float[Tensor, "#place hidden"]
    way: Float[Tensor, "place hidden"]

    def at(self, place: float) -> Float[Tensor, "place hidden"]:
        return self.begin + place * self.way


def _ways(entering: Mapping[int, Float[Tensor, "place hidden"]], ends: Ends) -> Iterator[dict[int, _Way]]:
    """Way by way what goes it, by the layer at which it enters."""
    drawn = generator(ends.seed)
    copies = {layer: noisy_copies(image, ends.copies, ends.noise, drawn) for layer, image in entering.items()}
    for _ in range(ends.ways):
        ways = {}
        for layer, image in entering.items():
            end, begin = next(copies[layer]), _begin(ends.baseline, image, drawn)
            ways[layer] = _Way(begin, end - begin)
        yield ways


def _begin(
    baseline: str, image: Float[Tensor, "place hidden"], drawn: torch.Generator
) -> Float[Tensor, "#place hidden"]:
    if baseline == "drawn":
        return others_in_their_place(image, drawn)
    return torch.zeros_like(image[:1]) if baseline == "zero" else image.mean(0, keepdim=True)


def _added(checkpoints: DecoderPass) -> Iterator[tuple[int, Float[Tensor, "row hidden"] | None]]:
    """For each layer but the first, and for the end: what was added to what the layer before left; None where that was
    nothing."""
    for layer in range(1, checkpoints.layers + 1):
        given = checkpoints.inputs[layer] if layer < checkpoints.layers else checkpoints.final
        assert given is not None
        with checkpoints.recompute(layer - 1, grad=False) as before:
            added = given - before.output
        yield layer, added if float(added.abs().max()) > SAME * float(given.abs().max()) else None


def _check_places(model: VisionLanguageModel, added: Float[Tensor, "row hidden"], places: Sequence[int]) -> None:
    elsewhere = added.clone()
    elsewhere[list(places)] = 0
    if float(elsewhere.abs().max()) > SAME * float(added.abs().max()):
        raise NotShown(
            f"{model.card.name} adds to its states between layers elsewhere than at the image tokens, so it cannot be "
            "read from other image tokens."
        )


def _up(
    kept: KeptLayers,
    checkpoints: DecoderPass,
    embeddings: Float[Tensor, "row hidden"],
    ways: Mapping[int, _Way],
    places: Sequence[int],
    place: float,
) -> Iterator[int]:
    """The whole pass from a place on the way, layer by layer."""
    there = embeddings.clone()
    there[places] = ways[0].at(place).to(embeddings.dtype)
    for layer in kept.up(there):
        if layer + 1 in ways:
            states = checkpoints.inputs[layer + 1]
            assert states is not None
            given = states.clone()
            given[places] += ways[layer + 1].at(place).to(states.dtype)
            checkpoints.inputs[layer + 1] = given
        yield layer


def _logits(
    model: VisionLanguageModel, states: Float[Tensor, "target hidden"], token_targets: Sequence[TokenTarget]
) -> Float[Tensor, "target"]:
    """What each token target's logit is (`target_logits`), on the CPU in float32."""
    with torch.no_grad():
        return target_logits(model, states, token_targets).float().cpu()
