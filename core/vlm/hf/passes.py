"""Passes of a loaded network, one at a time.

`lock` makes callers in several threads take turns. It is held

- by `one_pass`, in which every pass of the decoder runs, and by `tower`: for the time of one pass;
- by whoever puts hooks on the network, or recomputes a single layer of it: for as long as that takes;
- by whoever looks up what earlier passes left (`prefill.py`): until the pass that adds to it has been kept in its turn.

So nobody waits for a whole answer. A thread that has the lock may take it again.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...answer import Answer, TokenKind
from ...clips import Clip
from ...errors import NotApplicable
from ..cancel import check_heard
from ..edits import Site
from ..pace import Pace
from ..turns import Turns
from .capture import number_layers, observed
from .decoder import decoder_of
from .editing import patched
from .families.base import Family
from .families.context import ImageSize, PromptContext
from .half_products import multiply_in_float32
from .inputs import is_token_types, numbers_in
from .layer_memory import divisible, empty_cache, keepable
from .rotary import turns_by_length

POSITION_STATE = "rope_deltas"
"""Where networks with several rotary axes keep how they counted the positions of the last prompt."""


class Passes:
    """A network of some family, called `name` on the screen, and the lock under which it runs.

    `shares_prefix` says whether a prompt's beginning can be kept for another question, `divisible` whether what is kept
    can be cut to any shorter beginning.
    """

    def __init__(self, network: Any, processor: Any, family: Family, name: str, pace: Pace) -> None:
        self.lock = Turns()
        self.pace = pace
        self._start = 0
        self.network = network.eval()
        multiply_in_float32(self.network)
        self.family = family
        cache = empty_cache(network.config)
        self.shares_prefix: bool = family.shares_prefix and keepable(cache) and not turns_by_length(network.config)
        self.divisible: bool = self.shares_prefix and divisible(cache)
        self._processor = processor
        self.name = name
        number_layers(self.layers)
        self._holders = [module for module in self.network.modules() if hasattr(module, POSITION_STATE)]

    @property
    def layers(self) -> Sequence[torch.nn.Module]:
        """The decoder's layers."""
        layers: Sequence[torch.nn.Module] = decoder_of(self.network).layers
        return layers

    def part(self, layer: torch.nn.Module, site: Site) -> torch.nn.Module:
        """The attention or MLP of a layer. Raises NotApplicable where it has none of a known name."""
        part = self.family.part(layer, site)
        if part is None:
            raise NotApplicable(
                f"A layer of {self.name} has no part that is known to be its {site.value}, so what that hands on "
                "cannot be read or replaced. Choose the states between the layers."
            )
        return part

    @contextlib.contextmanager
    def one_pass(self, start: int) -> Iterator[None]:
        """Alone with the network, for one pass of the decoder whose first row stands at position `start`, under the
        edits in force. Positions that an earlier pass left on the network are gone."""
        check_heard()
        with self.lock, torch.no_grad(), patched(self.layers, self.part, start):
            for holder in self._holders:
                setattr(holder, POSITION_STATE, None)
            self._start = start
            yield

    def inputs_of(self, answer: Answer) -> dict[str, Tensor]:
        """What the network read before it gave this answer, on the network's device."""
        return {name: value.to(self.network.device) for name, value in answer.inputs.items()}

    def context(
        self,
        inputs: Mapping[str, Tensor],
        image_sizes: Sequence[ImageSize],
        image_positions: Sequence[int],
        clips: Sequence[Clip] = (),
    ) -> PromptContext:
        """What the family is told of a prompt."""
        return PromptContext(
            self.network.config,
            self._processor,
            self.network,
            inputs,
            tuple(image_sizes),
            tuple(image_positions),
            tuple(clips),
        )

    def context_of(self, answer: Answer) -> PromptContext:
        """What the family is told of an answer's prompt, with inputs on the network's device."""
        layout, clips = answer.layout, answer.question.clips
        return self.context(self.inputs_of(answer), layout.image_sizes, layout.positions(TokenKind.IMAGE), clips)

    def positions(self, context: PromptContext) -> Int[Tensor, "axes position"] | None:
        """The positions of a prompt, of its inputs alone; None where the network counts for itself."""
        with self.lock, torch.no_grad():
            return self.family.positions(context)

    def tower(self, inputs: Mapping[str, Tensor], kind: str = "image") -> Any:
        """The vision tower's output for the images of these inputs, or for the videos (`kind`), in the form in which
        the network takes it instead of pixels."""
        inner, name = getattr(self.network, "model", self.network), f"get_{kind}_features"
        see = getattr(inner if hasattr(inner, name) else self.network, name)
        wanted = inspect.signature(see).parameters
        inputs = {name: value for name, value in inputs.items() if name in wanted and name != "input_ids"}
        device, numbers = self.network.device, numbers_in(inputs)
        with self.lock, torch.no_grad(), self.pace.timing("tower", device, numbers):
            return see(**inputs, return_dict=True)

    def teacher_forced(
        self, inputs: Mapping[str, Tensor], answer: Sequence[int]
    ) -> Float[Tensor, "batch answer vocabulary"]:
        """The raw float32 logits of `answer` after one or several prompts of one shape, from one pass over the whole
        sequence: nothing comes from a cache, and positions are left to the network."""
        with self.one_pass(0):
            logits = self.last_logits(max(1, len(answer)), **self.with_answer(inputs, answer[:-1]), use_cache=False)
        return logits[:, : len(answer)]

    def last_logits(self, count: int, **inputs: Any) -> Float[Tensor, "batch count vocabulary"]:
        """The raw float32 logits of the last `count` positions of one pass. Hold the lock, as in `one_pass`.

        The network is asked for no others, by their indices: given a number, some drop the other positions before their
        last layers, masks and all. Some do not listen, so what is wanted is taken from the end.
        """
        (sequences, length), head = inputs["input_ids"].shape, self.network.get_output_embeddings()
        device = self.network.device if head is None else head.weight.device
        indices = torch.arange(length - count, length, device=device)
        # (of a pass that also sees pictures, or that somebody looks into, that would be the time of both)
        plain = not observed() and not numbers_in({k: v for k, v in inputs.items() if isinstance(v, Tensor)})
        timing = self.pace.timing_pass(self.network.device, length, self._start, sequences)
        with timing if plain else contextlib.nullcontext():
            logits: Tensor = self.network(**inputs, logits_to_keep=indices).logits[:, -count:]
        return logits.to(self.network.device).float()

    def with_answer(self, inputs: Mapping[str, Tensor], tokens: Sequence[int]) -> dict[str, Tensor]:
        """A prompt's inputs with `tokens` after them."""
        more = torch.tensor([list(tokens)], dtype=torch.long, device=self.network.device)
        more = more.expand(inputs["input_ids"].shape[0], -1)
        whole = {**inputs, "input_ids": torch.cat([inputs["input_ids"], more], 1)}
        for name in inputs:
            if name == "attention_mask" or is_token_types(name):
                filler = 1 if name == "attention_mask" else self.family.answer_type
                whole[name] = torch.cat([whole[name], torch.full_like(more, filler)], 1)
        return whole
