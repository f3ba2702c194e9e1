"""Prefill: prompts are read over what earlier questions left, so that another question about the same image costs no
more than its own words.

Kept are the vision tower's output for the images of a question under their mask, and, in a family where no position
sees what stands after it, the keys and values of a prompt's beginning up to `shared`. Under edits that would change
what is kept, it is neither used nor added to. Both stores are read and written under the lock of the passes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...answer import AttentionRows
from ..edits import first_position
from ..prepared import DecodingState
from .capture import RowRecorder, recording
from .editing import together
from .inputs import PositionedPrompt
from .passes import Passes
from .prefix import ByteBoundedCache, LayerKeysValues, PrefixStore, network_cache
from .rotary import batched, following

PREFIX_BYTES = 512 * 2**20
FEATURE_BYTES = 128 * 2**20


@dataclass
class CachedSequence(DecodingState):
    """A sequence as a network reads it: the network's cache, how many tokens it holds, the rotary positions of the next
    (None where the network counts for itself), and the recorder of its attention rows, if they are kept."""

    cache: Any
    length: int
    positions: Int[Tensor, "axes 1"] | None
    recorder: RowRecorder | None

    def recorded_rows(self, answer: int, length: int) -> AttentionRows | None:
        return None if self.recorder is None else self.recorder.rows(answer, length)


class Prefill:
    """Reads prompts, and the tokens after them, keeping what another question can use."""

    def __init__(self, passes: Passes) -> None:
        self._passes = passes
        self._prefixes = PrefixStore(PREFIX_BYTES)
        self._features: ByteBoundedCache[str, Any] = ByteBoundedCache(FEATURE_BYTES)

    def forget(self) -> None:
        with self._passes.lock:
            self._prefixes.clear()
            self._features.clear()

    def begin(
        self, prepared: PositionedPrompt, keep_attention: bool
    ) -> tuple[Float[Tensor, "vocabulary"], CachedSequence]:
        """Read the prompt: the raw float32 logits of the first answer token, and the state for `step`."""
        recorder = RowRecorder() if keep_attention else None
        with self._passes.lock:
            layers, done = self._kept(prepared)
            cache = network_cache(layers)
            logits = self._read(prepared, done, cache, recorder)
            self._keep(prepared, cache, done)
        after = None if prepared.positions is None else following(prepared.positions, 1)
        return logits, CachedSequence(cache, len(prepared.ids), after, recorder)

    def step(self, token: int, state: DecodingState) -> Float[Tensor, "vocabulary"]:
        """Read one token more: the raw float32 logits of the next. Raises TypeError for a state that `begin` did not
        return."""
        if not isinstance(state, CachedSequence):
            raise TypeError(f"a {type(state).__name__} was not begun by the model that is to read on")
        network = self._passes.network
        inputs = {"input_ids": torch.tensor([[token]], device=network.device)}
        if state.positions is not None:
            inputs["position_ids"] = batched(state.positions)
            state.positions = state.positions + 1
        with self._passes.one_pass(state.length), recording(state.recorder):
            output = network(**inputs, past_key_values=state.cache, use_cache=True)
        state.length += 1
        logits: Tensor = output.logits[0, -1].float()
        return logits

    def prefix(self, prepared: PositionedPrompt, length: int) -> list[LayerKeysValues]:
        """The prompt's first `length` keys and values of every layer, read now where they are not kept."""
        with self._passes.lock:
            layers, done = self._kept(prepared)
            if done < length:
                cache = network_cache(layers)
                self._read(prepared, done, cache, None, end=length)
                self._keep(replace(prepared, shared=length), cache, done)
                layers = [(layer.keys, layer.values) for layer in cache.layers]
        return [(keys[:, :, :length], values[:, :, :length]) for keys, values in layers]

    def image_features(self, prepared: PositionedPrompt) -> Any:
        """The vision tower's output in the form in which the network takes it instead of pixels."""
        with self._passes.lock:
            kept = self._features.get(prepared.visual)
            if kept is not None:
                return kept
            features = self._passes.tower(prepared.inputs)
            # Only what the decoder reads is kept, and not the states of the tower's own layers.
            features.hidden_states = features.attentions = features.last_hidden_state = None
            size = sum(image.numel() * image.element_size() for image in features.pooler_output)
            self._features.put(prepared.visual, features, size)
        return features

    def _read(
        self, prepared: PositionedPrompt, start: int, cache: Any, recorder: RowRecorder | None, end: int | None = None
    ) -> Float[Tensor, "vocabulary"]:
        """Run the prompt's tokens from `start` to `end` over a cache that holds those before."""
        inputs: dict[str, Any] = {"input_ids": prepared.inputs["input_ids"][:, start:end]}
        if prepared.positions is not None:
            inputs["position_ids"] = batched(prepared.positions[:, start:end])
        if start == 0 and prepared.question.images:
            inputs["mm_encoder_outputs"] = {"image": self.image_features(prepared)}
            if not self._passes.family.shares_prefix:
                # A network of which less is known may need everything that describes the image.
                skipped = {"pixel_values", "input_ids"}
                inputs |= {name: value for name, value in prepared.inputs.items() if name not in skipped}
        with self._passes.one_pass(start), recording(recorder):
            output = self._passes.network(**inputs, past_key_values=cache, use_cache=True, logits_to_keep=1)
        logits: Tensor = output.logits[0, -1].float()
        return logits

    def _kept(self, prepared: PositionedPrompt) -> tuple[list[LayerKeysValues], int]:
        """The longest beginning of the prompt that is kept and may be used, and its length."""
        if not self._passes.family.shares_prefix:
            return [], 0
        layers, done = self._prefixes.longest(prepared.visual, prepared.ids)
        return (layers, done) if done <= _untouched(prepared) else ([], 0)

    def _keep(self, prepared: PositionedPrompt, cache: Any, already: int) -> None:
        """Keep the prompt's shared beginning of a cache, where more of it is worth keeping than is `already` kept."""
        worth = self._passes.family.shares_prefix and prepared.shared > already
        if worth and prepared.shared <= _untouched(prepared):
            self._prefixes.keep(prepared.visual, prepared.ids[: prepared.shared], cache)


def _untouched(prepared: PositionedPrompt) -> int:
    """How many of a prompt's positions the edits in force leave as they are."""
    return first_position(together([()])[0], len(prepared.ids))
