"""Checkpointed passes of `transformers` networks: what goes into each layer is kept by hooks during one pass, and any
layer is recomputed from it.

Hooks sit on the layers for the time of that one pass, under the model's lock, and are removed whatever happens.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..attention_call import AttentionCall
from ..attention_gradient import AttentionCut
from ..cancel import check_heard
from ..checkpoints import CheckpointedPass, LayerPass
from ..tower import TowerPass
from ..turns import Turns
from .capture import NAME, TOWER, counting, cutting, observing, observing_across
from .families.base import Tower
from .layer_memory import LayerMemory, RecurrentStates
from .prefix import KeptPrefix
from .sharing import SharedStates, as_it_stands


@dataclass
class LayerInputs:
    """What a pass gave to some layers, in their order: `states` and, beside them, `others` (positional arguments and
    named ones). `final` is what the last layer left; `shapes` are those of the states before their batch was unrolled.
    All states lie on one device, wherever the layers do.

    `chained` says whether each layer was given what the one before it left, `sharing` whether layers also hand each
    other something beside their states (keys and values that later ones read). `attentions` says how often each layer
    of a decoder attended to the sequence.
    """

    states: list[Float[Tensor, "row hidden"] | None] = field(default_factory=list)
    shapes: list[torch.Size] = field(default_factory=list)
    others: list[tuple[tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)
    final: Float[Tensor, "row hidden"] | None = None
    chained: bool = True
    sharing: bool = False
    attentions: Counter[int] = field(default_factory=Counter)


@contextlib.contextmanager
def recording_layers(layers: Sequence[torch.nn.Module], device: torch.device) -> Iterator[LayerInputs]:
    """Keep, on `device`, what the passes of this block give to `layers`. The hooks see every thread's passes: hold the
    model's lock."""
    inputs = LayerInputs()
    left: Tensor | None = None

    def compare(_: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if left is not None:
            state = args[0] if args else kwargs["hidden_states"]
            inputs.chained &= state is left or torch.equal(state.to(device), left.to(device))

    def keep(_: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        others = dict(kwargs)
        state = args[0] if args else others.pop("hidden_states")
        inputs.sharing |= as_it_stands(others)
        inputs.states.append(unrolled(state).to(device))
        inputs.shapes.append(state.shape)
        inputs.others.append((args[1:], others))

    def after(_: torch.nn.Module, args: tuple[Any, ...], output: Any) -> None:
        nonlocal left
        left = first_of(output)
        inputs.final = unrolled(left).to(device)

    with contextlib.ExitStack() as hooks, counting(inputs.attentions):
        for layer in layers:
            # States are compared before any edit of them, and kept after all edits.
            hooks.callback(layer.register_forward_pre_hook(compare, with_kwargs=True, prepend=True).remove)
            hooks.callback(layer.register_forward_pre_hook(keep, with_kwargs=True).remove)
            hooks.callback(layer.register_forward_hook(after).remove)
        yield inputs


@contextlib.contextmanager
def frozen(module: torch.nn.Module) -> Iterator[None]:
    """In this block no parameter of `module` requires a gradient: graphs made in it keep none of its inputs."""
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)


class Prefix:
    """What layers remember of what stands before the rows of a checkpointed pass, in the place of a network's cache.
    Updating changes nothing in it."""

    def __init__(self, layers: Sequence[LayerMemory] | Mapping[int, LayerMemory]) -> None:
        self._layers = layers
        self._grown: list[tuple[Tensor, Tensor, Tensor]] = []

    def update(self, keys: Tensor, values: Tensor, layer_idx: int, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """The layer's kept keys and values with these after them, for each sequence of their batch."""
        memory = self._layers[layer_idx]
        assert isinstance(memory, tuple)
        before = (kept.to(keys.device).expand(len(keys), -1, -1, -1) for kept in memory)
        grown = torch.cat([next(before), keys], 2), torch.cat([next(before), values], 2)
        if keys.requires_grad:
            self._grown.append((grown[0], keys, values))
        return grown

    def living(self, cut: AttentionCut) -> AttentionCut:
        """The cut with the keys and values alone that stand after what is remembered, where its attention was handed
        what `update` made: gradients of constants are neither filled with zeros nor taken apart again."""
        for grown, keys, values in self._grown:
            if cut.key is grown:
                return replace(cut, key=keys, value=values)
        return cut

    def forget(self) -> None:
        """Let go of the graph of what was made."""
        self._grown.clear()

    def get_seq_length(self, layer_idx: int) -> int:
        """How many positions a layer's kept keys are of: Llama 4 scales its queries by where they stand."""
        memory = self._layers[layer_idx]
        assert isinstance(memory, tuple)
        return memory[0].shape[2]

    def get_conv_state(self, layer_idx: int, state_idx: int = 0) -> Tensor | None:
        """A copy, as a network may write over it."""
        state = self._recurrent(layer_idx).convolutions.get(state_idx)
        return None if state is None else state.clone()

    def update_conv_state(self, states: Tensor, layer_idx: int, state_idx: int = 0, **kwargs: Any) -> Tensor:
        """The kept inputs of a convolution with these after them."""
        before = self._recurrent(layer_idx).convolutions[state_idx]
        return torch.cat([before.expand(len(states), *before.shape[1:]), states], -1)

    def get_recurrent_state(self, layer_idx: int, state_idx: int = 0) -> Tensor | None:
        """A copy, as a network may write over it."""
        state = self._recurrent(layer_idx).recurrences.get(state_idx)
        return None if state is None else state.clone()

    def update_recurrent_state(self, states: Tensor, layer_idx: int, state_idx: int = 0, **kwargs: Any) -> Tensor:
        return states

    def has_previous_state(self, layer_idx: int | None = None, state_idx: int | None = None) -> bool:
        return True

    def is_recording_past(self, layer_idx: int) -> bool:
        return False

    def _recurrent(self, layer: int) -> RecurrentStates:
        memory = self._layers[layer]
        assert isinstance(memory, RecurrentStates)
        return memory


class NetworkPass(CheckpointedPass):
    """A checkpointed pass of a list of layers to which a pass gave these inputs."""

    attends_as = NAME

    def __init__(
        self,
        modules: Sequence[torch.nn.Module],
        inputs: LayerInputs,
        lock: Turns,
        prefix: KeptPrefix | None = None,
    ) -> None:
        assert inputs.final is not None and len(inputs.states) == len(modules)
        self.start = prefix.length if prefix else 0
        self.layers = len(modules)
        self.final = inputs.final
        self.inputs = inputs.states
        self._modules = modules
        self._layer_inputs = inputs
        self._lock = lock
        for _, others in inputs.others:
            # The cache of the pass has grown since.
            others.pop("past_key_values", None)
            if self.start and prefix:
                others["past_key_values"] = Prefix(prefix.layers)

    @contextlib.contextmanager
    def recompute(self, layer: int, *, grad: bool = True) -> Iterator[LayerPass]:
        check_heard()
        stored = self._stored(layer)
        module = self._modules[layer]
        observed: list[AttentionCall] = []
        across: list[AttentionCall] = []
        cuts: list[AttentionCut] = []
        observation = observing(self.attends_as, observed.append, self.final.device)
        beside = observing_across(across.append, self.final.device)
        of_mlp: list[Tensor] = []
        listening = self._listening(module, of_mlp)
        with self._lock, torch.set_grad_enabled(grad), frozen(module), observation, beside, cutting(cuts), listening:
            state = stored.detach().requires_grad_(grad)
            args, kwargs = self._layer_inputs.others[layer]
            shared = SharedStates(kwargs, grad)
            given = state.view(self._layer_inputs.shapes[layer])
            output = self._home(unrolled(first_of(module(given, *args, **shared.inputs))))
        prefix = kwargs.get("past_key_values")
        end = self.start + len(self.final)
        placed = tuple(replace(call, offset=self.start, first_key=end) for call in across)
        calls = self._placed(observed)
        counted = dict(zip(map(id, across), placed, strict=True))
        if len(calls) == len(observed):
            counted |= zip(map(id, observed), calls, strict=True)
        for number, cut in enumerate(cuts):
            own = tuple(counted.get(id(call), call) for call in cut.calls)
            live = cut.key.shape[2] - cut.query.shape[2] if self.start and cut.calls[0] not in across else 0
            cut = prefix.living(cut) if live and isinstance(prefix, Prefix) else cut
            cuts[number] = replace(cut, calls=own, live=live, counted=id(cut.calls[0]) in counted)
        mlp = of_mlp[0] if len(of_mlp) == 1 else None
        recomputed = LayerPass(state, output, calls, shared.borrowed, shared.lent(), placed, tuple(cuts), mlp)
        of_mlp.clear()
        del output
        if isinstance(prefix, Prefix):
            prefix.forget()
        try:
            yield recomputed
        finally:
            for part in (*cuts, recomputed, *calls, *observed, *placed, *across):
                vars(part).clear()

    def _listening(self, module: torch.nn.Module, of_mlp: list[Tensor]) -> contextlib.AbstractContextManager[None]:
        """While a layer is recomputed, what its MLP hands on is put on the list. Nothing here: it is not known which
        part of a layer that is."""
        return contextlib.nullcontext()

    def _stored(self, layer: int) -> Float[Tensor, "row hidden"]:
        stored = self.inputs[layer]
        if stored is None:
            raise ValueError(f"layer {layer} of this checkpointed pass was freed")
        return stored

    def _call(self, layer: int, states: Tensor) -> Tensor:
        """What a layer leaves of these states."""
        args, kwargs = self._layer_inputs.others[layer]
        return first_of(self._modules[layer](states, *args, **kwargs))

    def _home(self, states: Tensor) -> Tensor:
        """States on the device where those of this pass lie: the layer that left them may lie on another."""
        return states.to(self.final.device)

    def _placed(self, attention_calls: Sequence[AttentionCall]) -> tuple[AttentionCall, ...]:
        """The attention calls with their positions in this checkpointed pass. None of a layer that calls for several,
        whose difference or sum is its attention (DiffLlama)."""
        return tuple(attention_calls) if len(attention_calls) == 1 else ()


class NetworkTowerPass(NetworkPass, TowerPass):
    """A checkpointed pass of a vision tower: images of a batch, or windows of a sequence, stand one after the
    other."""

    attends_as = TOWER

    def __init__(
        self,
        tower: Tower,
        inputs: LayerInputs,
        lock: Turns,
    ) -> None:
        super().__init__(tower.layers, inputs, lock)
        self.place_of = tower.place_of.to(self.final.device)
        self.reads = tower.reads or (self.layers,)
        self.entries = tower.entries
        self._tower = tower

    def project(self, *states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
        with self._lock, frozen(self._tower.projector):
            return self._tower.project(*states)

    def _placed(self, attention_calls: Sequence[AttentionCall]) -> tuple[AttentionCall, ...]:
        placed, first = [], 0
        for call in attention_calls:
            placed.append(replace(call, offset=first, first_key=first))
            first += call.query.shape[1]
        return tuple(placed)


def first_of(output: Any) -> Tensor:
    """The states among a layer's outputs."""
    states: Tensor = output[0] if isinstance(output, tuple) else output
    return states


def unrolled(states: Tensor) -> Float[Tensor, "row hidden"]:
    """The states of a batch, one sequence after the other."""
    return states.reshape(-1, states.shape[-1])
