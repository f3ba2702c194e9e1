"""Layers whose graphs are kept from the way up to the way down.

A gradient at other embeddings goes up through all layers and comes down again. What a layer computed on the way up is
what its backward pass needs; as much of that as there is room for is kept, and the other layers are computed again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from types import TracebackType

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer
from ..errors import NotShown
from ..vlm.backward import backward_bytes
from ..vlm.checkpoints import CheckpointedPass, DecoderPass, LayerPass
from ..vlm.memory import available_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import TokenTarget

BORROWING = (
    "Layers of this model read the keys and values of other layers, so it cannot be computed again layer by layer from "
    "other embeddings."
)

SAME = 1e-2
"""How far states may differ, relative to the largest, when a checkpointed pass is recomputed from its own
embeddings."""

GRAPH_STATES = 32
"""About how many times its input what is kept of a layer takes (the wide middle of its MLP counts for nine)."""

APART = 1.75
"""What is kept in many pieces between others that are freed takes about this many times its own bytes of a process
(361 MB were taken where 177 MB of graphs and 57 MB besides were)."""

LEAST_BYTES, STATES = 256 * 10**6, 3
"""A method may take so many bytes, or so many times the states between all layers where that is more."""


def room_for_layers(model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget]) -> int:
    """How many bytes of layers' graphs are kept beside what a backward pass takes: no more than all layers have, and
    than half of what is free."""
    card = model.card
    state = len(answer.layout) * card.hidden * card.number_bytes
    needed = backward_bytes(model, answer, token_targets)
    room = max(LEAST_BYTES, STATES * (card.layers + 1) * state) - needed
    free = (available_bytes(torch.device(card.device)) - needed) // 2
    return max(0, min(room, free, card.layers * GRAPH_STATES * state))


def share_kept(model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget]) -> float:
    """About the share of the layers that there is room for."""
    card = model.card
    layer = GRAPH_STATES * len(answer.layout) * card.hidden * card.number_bytes
    return room_for_layers(model, answer, token_targets) // layer / card.layers


def same_from_its_embeddings(model: VisionLanguageModel, checkpoints: DecoderPass) -> Iterator[int]:
    """Makes sure that a pass can be computed from other embeddings, whose final states are as before afterwards: says
    after each layer which it was. Raises NotShown for a network that adds to its states between layers."""
    embeddings = checkpoints.inputs[0]
    assert embeddings is not None
    if checkpoints.chained:
        return
    # What is added may be nothing.
    left = checkpoints.final
    yield from KeptLayers(checkpoints, 0).up(embeddings)
    if float((checkpoints.final - left).abs().max()) > SAME * float(left.abs().max()):
        raise NotShown(
            f"{model.card.name} adds to its states between layers, so it cannot be read from other image tokens."
        )


class KeptLayers:
    """The layers of a checkpointed pass on their way up from other embeddings, and down again. To be left by `with`,
    after which no graph is kept."""

    def __init__(self, checkpoints: CheckpointedPass, room: int) -> None:
        self._checkpoints = checkpoints
        self._room, self._largest = room, 0
        self._kept: dict[int, tuple[LayerPass, contextlib.ExitStack, int]] = {}

    def __enter__(self) -> KeptLayers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for layer in list(self._kept):
            self._let_go(layer)

    def up(self, embeddings: Float[Tensor, "row hidden"]) -> Iterator[int]:
        """Compute the whole pass from other embeddings: afterwards its inputs and its final states belong to these.
        Says after each layer which it was, so that the work can be stopped there. Raises NotShown for a network whose
        layers read keys and values of others."""
        checkpoints = self._checkpoints
        checkpoints.inputs[0] = embeddings
        for layer in range(checkpoints.layers):
            states = self._left_by(layer)
            if layer + 1 < checkpoints.layers:
                checkpoints.inputs[layer + 1] = states
            else:
                checkpoints.final = states
            yield layer

    @contextlib.contextmanager
    def down(self, layer: int) -> Iterator[LayerPass]:
        """A layer with its graph, which is gone after the `with` block."""
        if layer not in self._kept:
            with self._checkpoints.recompute(layer) as layer_pass:
                yield layer_pass
            return
        try:
            yield self._kept[layer][0]
        finally:
            self._let_go(layer)

    def _left_by(self, layer: int) -> Float[Tensor, "row hidden"]:
        """What a layer leaves; its graph is kept if there is room for another like the largest so far."""
        if max(1, self._largest) > self._room:
            with self._checkpoints.recompute(layer, grad=False) as layer_pass:
                if layer_pass.borrowed:
                    raise NotShown(BORROWING)
                return layer_pass.output
        held = _Held()
        with contextlib.ExitStack() as stack:
            with held.counting():
                layer_pass = stack.enter_context(self._checkpoints.recompute(layer))
            if layer_pass.borrowed:
                raise NotShown(BORROWING)
            output = layer_pass.output.detach()
            for call in (*layer_pass.attention_calls, *layer_pass.across_calls):
                held.add(call.query, call.key, call.value, call.output)
            self._largest = max(self._largest, held.bytes)
            if held.bytes <= self._room:
                self._room -= held.bytes
                self._kept[layer] = (layer_pass, stack.pop_all(), held.bytes)
        return output

    def _let_go(self, layer: int) -> None:
        _, stack, size = self._kept.pop(layer)
        stack.close()
        self._room += size


class _Held:
    """What a graph holds besides weights."""

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """Count what graphs made in this block, in this thread, keep."""

        def keep(tensor: Tensor) -> Tensor:
            # (Weights are frozen, and what does not depend on the layer's input is there in any case.)
            if tensor.requires_grad:
                self.add(tensor)
            # (What a hook hands back as it is holds itself, and is never freed.)
            return tensor.detach()

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            yield

    def add(self, *tensors: Tensor) -> None:
        for tensor in tensors:
            storage = tensor.untyped_storage()
            # (by the storage itself: tensors of some devices have no address)
            self._sizes[storage._cdata] = storage.nbytes()

    @property
    def bytes(self) -> int:
        return int(APART * sum(self._sizes.values()))
