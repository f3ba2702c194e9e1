"""Prefill: prompts are read over what earlier questions left, so that another question about the same image costs no
more than its own words.

Kept are the vision tower's output for the images of a question under their mask, and, in a family where no position
sees what stands after it, what the decoder's layers remember of a prompt's beginning up to `shared`. Where that cannot
be cut to a length (layers without attention), the prompt is read up to there first and then on. Under edits that would
change what is kept, it is neither used nor added to. Both stores are read and written under the lock of the passes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from ...answer import AttentionRows
from ...errors import NotApplicable, UnusableImage
from ..bounded import BoundedCache
from ..edits import first_position
from ..keeping import KeepRows
from ..kept_budget import budget
from ..memory import available_bytes
from ..prepared import DecodingState
from .capture import recording
from .editing import together
from .inputs import PositionedPrompt, kinds_of, looking_at
from .layer_memory import memories
from .passes import Passes
from .prefix import KeptPrefix, PrefixStore, network_cache
from .rotary import batched, following
from .row_recorder import RowRecorder

SHARE = 16
"""Beginnings of prompts, and outputs of towers, are kept within one part in so many of the memory that is free without
them: the newest in any case, which was in use a moment ago."""

PIXELS = {"pixel_values": "image", "pixel_values_videos": "video"}
"""Which inputs a vision tower looks at, and as what."""

OF_SHAPES = ("do not match", "is invalid for input of size")
"""What networks say of image tokens that do not fit."""


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
        # In the CPU's memory both also count among all that this process keeps.
        counted = budget if passes.network.device.type == "cpu" else None
        self._prefixes = PrefixStore(self._bound, counted)
        self._features: BoundedCache[str, dict[str, Any]] = BoundedCache(self._bound, counted)
        self._visual_of: MutableMapping[Tensor, str] = WeakTensorKeyDictionary()
        self._unnamed = count()

    def _bound(self, used: int) -> int:
        """How many bytes one of the stores may have that has so many."""
        return (available_bytes(self._passes.network.device) + used) // SHARE

    def forget(self) -> None:
        with self._passes.lock:
            self._prefixes.clear()
            self._features.clear()

    def begin(
        self, prepared: PositionedPrompt, keep_attention: KeepRows | None
    ) -> tuple[Float[Tensor, "vocabulary"], CachedSequence]:
        """Read the prompt: the raw float32 logits of the first answer token, and the state for `step`."""
        longest = max(1, prepared.question.decoding.max_new_tokens)
        length = len(prepared.ids) + longest
        recorder = None
        if keep_attention is not None:
            recorder = RowRecorder(len(self._passes.layers), longest, length, keep_attention)
        with self._passes.lock:
            kept = self._kept(prepared, len(prepared.ids) - 1)
            cache, start = network_cache(self._passes.network.config, kept), kept.length
            if self._worth_keeping(prepared, start) and not self._passes.divisible:
                self._read(prepared, start, cache, None, end=prepared.shared)
                self._keep(prepared, cache, prepared.shared)
                start = prepared.shared
            logits = self._read(prepared, start, cache, recorder)
            if self._worth_keeping(prepared, start):
                self._keep(prepared, cache, len(prepared.ids))
        after = None if prepared.positions is None else following(prepared.positions, 1)
        return logits, CachedSequence(cache, len(prepared.ids), after, recorder)

    def step(self, token: int, state: DecodingState) -> Float[Tensor, "vocabulary"]:
        """Read one token more: the raw float32 logits of the next. Raises TypeError for a state that `begin` did not
        return."""
        if not isinstance(state, CachedSequence):
            raise TypeError(f"a {type(state).__name__} was not begun by the model that is to read on")
        inputs = {"input_ids": torch.tensor([[token]], device=self._passes.network.device)}
        if state.positions is not None:
            inputs["position_ids"] = batched(state.positions)
            state.positions = state.positions + 1
        with self._passes.one_pass(state.length), recording(state.recorder):
            logits = self._passes.last_logits(1, **inputs, past_key_values=state.cache, use_cache=True)
        state.length += 1
        return logits[0, 0]

    def prefix(self, prepared: PositionedPrompt, length: int) -> KeptPrefix:
        """What every layer remembers of the prompt's first `length` positions, read now where it is not kept. For
        families that share prefixes."""
        with self._passes.lock:
            kept = self._kept(prepared, length)
            if kept.length < length:
                cache = network_cache(self._passes.network.config, kept)
                self._read(prepared, kept.length, cache, None, end=length)
                worth, kept = self._worth_keeping(prepared, kept.length, length), KeptPrefix(memories(cache), length)
                if worth:
                    self._prefixes.keep(prepared.visual, prepared.ids[:length], kept)
        return kept

    def name_pixels(self, inputs: Mapping[str, Tensor], visual: str) -> None:
        """Remember of which pictures the pixels of a prompt are: others of the same pictures need no pass of the tower.
        Waits for no pass."""
        for pixels in _pixels_in(inputs).values():
            self._visual_of[pixels] = visual

    def visual_features(self, prepared: PositionedPrompt) -> dict[str, Any]:
        """The vision tower's outputs for pictures and for videos, in the form in which the network takes them instead
        of pixels."""
        self.name_pixels(prepared.inputs, prepared.visual)
        with self._passes.lock, looking_at(prepared.question, self._passes.name):
            return self._features_of(prepared.visual, prepared.inputs, kinds_of(prepared))

    def with_features(self, inputs: Mapping[str, Tensor]) -> dict[str, Any]:
        """The inputs of a prompt on the network's device, with the tower's outputs in the place of its pixels.

        Those are the ones that are kept of the same pictures, or of these very pixels where nobody said of which they
        are, and of others they are kept from now on.
        """
        inputs = dict(inputs)  # once: what was dropped of them is made again
        placed = {name: value.to(self._passes.network.device) for name, value in inputs.items()}
        pixels = _pixels_in(inputs)
        if not pixels:
            return placed
        with self._passes.lock:
            (visual, *others) = {self._visual_of.get(own) for own in pixels.values()}
            if visual is None or others:
                visual = f"pixels {next(self._unnamed)}"
                for own in pixels.values():
                    self._visual_of[own] = visual
            features = self._features_of(visual, placed, tuple(PIXELS[name] for name in pixels))
        rest = {name: value for name, value in placed.items() if name not in PIXELS}
        return {**rest, "mm_encoder_outputs": dict(features)}

    def _features_of(self, visual: str, inputs: Mapping[str, Tensor], kinds: Sequence[str]) -> dict[str, Any]:
        kept = self._features.get(visual)
        if kept is not None:
            return kept
        by_kind = {kind: self._passes.tower(inputs, kind) for kind in kinds}
        for features in by_kind.values():
            # Only what the decoder reads is kept, and not the states of the tower's own layers.
            features.hidden_states = features.attentions = None
            if getattr(features, "pooler_output", None) is not None:
                # Llama 4 projects what its tower leaves in the decoder.
                features.last_hidden_state = None
        self._features.put(visual, by_kind, _bytes_in(by_kind))
        return by_kind

    def _read(
        self, prepared: PositionedPrompt, start: int, cache: Any, recorder: RowRecorder | None, end: int | None = None
    ) -> Float[Tensor, "vocabulary"]:
        """Run the prompt's tokens from `start` to `end` over a cache that holds those before."""
        inputs: dict[str, Any] = {"input_ids": prepared.inputs["input_ids"][:, start:end]}
        if prepared.positions is not None:
            inputs["position_ids"] = batched(prepared.positions[:, start:end])
        if start == 0 and prepared.question.images:
            inputs["mm_encoder_outputs"] = dict(self.visual_features(prepared))
            if not self._passes.family.shares_prefix:
                # A network of which less is known may need everything that describes the image.
                skipped = {"pixel_values", "input_ids"}
                inputs |= {name: value for name, value in prepared.inputs.items() if name not in skipped}
        with self._passes.one_pass(start), recording(recorder), self._saying_what_does_not_fit(inputs):
            logits = self._passes.last_logits(1, **inputs, past_key_values=cache, use_cache=True)
        return logits[0, 0]

    @contextlib.contextmanager
    def _saying_what_does_not_fit(self, inputs: Mapping[str, Any]) -> Iterator[None]:
        """Raises UnusableImage where the network refuses the pass of this block because its tower did not make as many
        image tokens as its processor wrote into the prompt, or none that its decoder can read. Raises NotApplicable
        where it does not work with the cache that all others do."""
        try:
            yield
        except (ValueError, RuntimeError, AttributeError) as error:
            if "past_key_values" in str(error):
                raise NotApplicable(
                    f"The language model of {self._passes.name} remembers what it has read in a way of its own, so "
                    "that its answers cannot be followed token by token here. Choose another model."
                ) from error
            features = inputs.get("mm_encoder_outputs", {}).get("image")
            if features is None or features.pooler_output is None:
                raise
            made = sum(image[..., 0].numel() for image in features.pooler_output)
            written = int((inputs["input_ids"] == self._passes.network.config.image_token_id).sum())
            widths = {image.shape[-1] for image in features.pooler_output}
            hidden = self._passes.network.config.get_text_config().hidden_size
            if made == written and widths != {hidden} and any(said in str(error) for said in OF_SHAPES):
                raise UnusableImage(
                    f"The vision tower of {self._passes.name} makes image tokens of {min(widths)} numbers each, and "
                    f"its language model reads {hidden}: config.json describes parts of different models. Correct it, "
                    "or download the model again."
                ) from error
            if made == written:
                raise
            raise UnusableImage(
                f"The vision tower of {self._passes.name} makes {made} image tokens of this question's pictures, and "
                f"its processor writes {written} into the prompt: config.json and the processor's settings (such as "
                "vision_feature_select_strategy and num_additional_image_tokens) belong to different models. Correct "
                "them, or download the model again."
            ) from error

    def _kept(self, prepared: PositionedPrompt, limit: int) -> KeptPrefix:
        """The longest beginning of the prompt that is kept and may be used, of at most `limit` positions."""
        if not self._passes.shares_prefix:
            return KeptPrefix()
        kept = self._prefixes.longest(prepared.visual, prepared.ids, limit)
        return kept if kept.length <= _untouched(prepared) else KeptPrefix()

    def _worth_keeping(self, prepared: PositionedPrompt, already: int, length: int | None = None) -> bool:
        """Whether the prompt's first `length` positions (None: the shared ones) are to be kept, of which so many are
        `already`."""
        length = prepared.shared if length is None else length
        return self._passes.shares_prefix and already < length <= _untouched(prepared)

    def _keep(self, prepared: PositionedPrompt, cache: Any, length: int) -> None:
        """Keep the prompt's shared beginning of a cache that holds so many positions."""
        kept = KeptPrefix(memories(cache), length).until(prepared.shared)
        self._prefixes.keep(prepared.visual, prepared.ids[: prepared.shared], kept)


def _pixels_in(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of a prompt's inputs that a tower looks at."""
    return {name: inputs[name] for name in PIXELS if name in inputs}


def _bytes_in(features: Any) -> int:
    """What the tensors of a tower's output take, however it holds them."""
    if isinstance(features, Tensor):
        return features.numel() * features.element_size()
    if isinstance(features, Mapping):
        features = tuple(features.values())
    return sum(map(_bytes_in, features)) if isinstance(features, list | tuple) else 0


def _untouched(prepared: PositionedPrompt) -> int:
    """How many of a prompt's positions the edits in force leave as they are."""
    return first_position(together([()])[0], len(prepared.ids))
