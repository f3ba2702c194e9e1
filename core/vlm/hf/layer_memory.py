"""What a decoder's layers remember of the positions before: a network's cache, built for what its layers are.

A layer with attention remembers keys and values, one that convolves or recurs its states, one that reads the keys of
another layer nothing. `transformers` has a kind of cache for each, which it tells from the configuration: given none,
it takes every layer for one with attention. Of a sliding window all keys are remembered nevertheless. The window's mask
holds over them, every recorded row has its keys at their own positions, and they can be cut to any shorter prefix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import (
    DummyLayer,
    DynamicLayer,
    DynamicSlidingWindowLayer,
    LinearAttentionAndFullAttentionLayer,
    LinearAttentionAndSlidingWindowAttentionLayer,
    LinearAttentionLayer,
)

LayerKeysValues = tuple[Float[Tensor, "batch heads key size"], Float[Tensor, "batch heads key size"]]

WITHOUT_ATTENTION = ("linear_attention", "conv", "moe", "mlp")
"""What `transformers` calls layers that have no softmax attention: recurrences, convolutions, and MLPs alone."""


def layers_without_attention(config: Any) -> tuple[int, ...]:
    """The numbers of the decoder's layers that have no softmax attention."""
    text = config.get_text_config(decoder=True)
    kinds = getattr(text, "layer_types", None) or ()
    # Layers of cross-attention attend to nothing in the sequence.
    across = getattr(text, "cross_attention_layers", None) or ()
    return tuple(sorted({layer for layer, kind in enumerate(kinds) if kind in WITHOUT_ATTENTION} | {*across}))


@dataclass(frozen=True, eq=False)
class RecurrentStates:
    """What a layer without attention remembers at one length: the last inputs of its convolutions and the states of its
    recurrences, by their number, each with the batch first."""

    convolutions: dict[int, Tensor]
    recurrences: dict[int, Tensor]


LayerMemory = LayerKeysValues | RecurrentStates | None
"""None of a layer that remembers nothing itself."""


def empty_cache(config: Any) -> Any:
    """A network's cache that remembers nothing yet, with a layer of the right kind for each of the network's own."""
    cache = DynamicCache(config=config)
    cache.layers = [_of_all_keys(layer) for layer in cache.layers]
    return cache


def _of_all_keys(layer: Any) -> Any:
    if type(layer) is DynamicSlidingWindowLayer:
        return DynamicLayer()
    if type(layer) is LinearAttentionAndSlidingWindowAttentionLayer:
        return LinearAttentionAndFullAttentionLayer(layer.number_of_states)
    return layer


def keepable(cache: Any) -> bool:
    """Whether all that a cache remembers can be taken out of it and put into another."""
    return all(type(layer) in (DynamicLayer, LinearAttentionLayer, DummyLayer) for layer in cache.layers)


def divisible(cache: Any) -> bool:
    """Whether what a cache remembers can be cut to a shorter prefix."""
    return all(type(layer) in (DynamicLayer, DummyLayer) for layer in cache.layers)


def memories(cache: Any) -> tuple[LayerMemory, ...]:
    """What each layer remembers, as it stands: reading on changes nothing in it. `keepable` must hold."""
    return tuple(_memory(layer) for layer in cache.layers)


def _memory(layer: Any) -> LayerMemory:
    if isinstance(layer, DynamicLayer):
        return layer.keys, layer.values
    if isinstance(layer, LinearAttentionLayer):
        # The network writes over them in their place.
        return RecurrentStates(_copied(layer.conv_states), _copied(layer.recurrent_states))
    return None


def _copied(states: dict[int, Tensor | None]) -> dict[int, Tensor]:
    return {number: state.clone() for number, state in states.items() if state is not None}


def remember(cache: Any, layers: tuple[LayerMemory, ...], batch: int = 1) -> None:
    """Put into an empty cache what is remembered of one sequence, for each of a batch. What is given stays as it is."""
    for layer, memory in zip(cache.layers, layers, strict=True):
        if isinstance(memory, RecurrentStates):
            for number, state in memory.convolutions.items():
                layer.update_conv_state(_repeated(state, batch), number)
            for number, state in memory.recurrences.items():
                layer.update_recurrent_state(_repeated(state, batch), number)
                layer.has_previous_state[number] = True
        elif memory is not None:
            layer.update(*(_repeated(states, batch) for states in memory))


def _repeated(states: Tensor, batch: int) -> Tensor:
    return states.expand(batch, *states.shape[1:])


def memory_bytes(memory: LayerMemory) -> int:
    """The size of what is kept of a layer. What is cut from a longer one holds all of that."""
    if memory is None:
        return 0
    states = memory if isinstance(memory, tuple) else (*memory.convolutions.values(), *memory.recurrences.values())
    return sum(state.untyped_storage().nbytes() for state in states)
