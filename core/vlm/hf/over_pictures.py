"""Passes over an answer's sequence with other pictures in the place of its own, several sets of them in one batch.

A set of pictures is painted and goes through the processor on the CPU, with Pillow wherever the network lies, so that
figures do not depend on the device. In front of a card that is done ahead in threads, and what a batch is given goes
there in one piece.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from jaxtyping import Float
from PIL.Image import Image
from torch import Tensor

from ...answer import Answer, Question
from ..ahead import ahead
from ..batch_size import MOST_ROWS
from ..cancel import check_heard
from ..memory_costs import pictures_bytes
from ..model import Pictures
from .inputs import PositionedPrompt
from .passes import Passes
from .rotary import batched, following

AHEAD_BYTES = 256 * 2**20
"""What pictures that were made ready ahead may take together: a few large ones, or a batch of small ones."""


@dataclass(frozen=True, eq=False)
class OverPictures:
    """An answer whose pictures are replaced, and what makes inputs of these: the network's processor alone where the
    inputs of several sets are a batch (`stacks`), else all that prepares a question."""

    passes: Passes
    processor: Any
    prepare: Callable[[Question], PositionedPrompt]
    answer: Answer

    @property
    def stacks(self) -> bool:
        """Whether the inputs of the question over several sets of pictures are a batch."""
        return self.passes.family.stacks and not self.answer.question.clips

    def logits(
        self, pictures: Iterable[Pictures], at_once: Callable[[], int]
    ) -> Iterator[Float[Tensor, "set answer vocabulary"]]:
        """The raw float32 logits of the answer's tokens, one batch after the other. `at_once` is asked before each how
        many sets it may have."""
        inputs, positions = self.passes.inputs_of(self.answer), self._positions() if self.stacks else None
        most, room = MOST_ROWS if self.stacks else 1, 0
        if self.passes.network.device.type != "cpu":
            room = max(2, min(at_once(), most, AHEAD_BYTES // pictures_bytes(self.answer)))
            # Of larger batches most pictures would be waited for: so many are made while the card has one batch to do.
            most = min(most, room)
        with closing(self._each_made(pictures, room)) as made:
            while batch := list(islice(made, min(most, at_once()))):
                given = self._batch(inputs, batch) if self.stacks else batch[0]
                if positions is not None:
                    given["position_ids"] = positions.expand(*positions.shape[:-2], len(batch), -1)
                yield self.passes.teacher_forced(given, self.answer.token_ids)

    def _each_made(self, pictures: Iterable[Pictures], room: int) -> Generator[dict[str, Tensor]]:
        """The inputs that each set of pictures is; with room ahead."""
        yield from ahead(pictures, self._made, room) if room else map(self._made, pictures)

    def _made(self, pictures: Pictures) -> dict[str, Tensor]:
        """The inputs that these pictures are, in the CPU's memory; of a network that takes no batch all its inputs."""
        check_heard()
        images = pictures()
        if tuple(image.size for image in images) != self.answer.layout.image_sizes:
            raise ValueError(f"the pictures must be of the sizes {self.answer.layout.image_sizes}")
        if not self.stacks:
            return dict(self.prepare(replace(self.answer.question, images=tuple(images), masks=())).inputs)
        return self._processed(images)

    def _processed(self, images: Sequence[Image]) -> dict[str, Tensor]:
        own = self.answer.inputs
        fresh = self.processor.image_processor(images=list(images), return_tensors="pt") if images else {}
        return {name: value.to(own[name].dtype) for name, value in fresh.items() if name in own}

    def _batch(self, inputs: Mapping[str, Tensor], made: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """The inputs of several sets: each kind goes to the network's device in one piece, and what is the same for all
        is there already."""
        device = self.passes.network.device
        fresh = {name: torch.cat([one[name] for one in made]) for name in made[0]}
        same = {name: value for name, value in inputs.items() if name not in fresh}
        repeated = {name: value.repeat(len(made), *[1] * (value.ndim - 1)) for name, value in same.items()}
        return repeated | {name: _to(value, device) for name, value in fresh.items()}

    def _positions(self) -> Tensor | None:
        """The positions of the whole sequence, counted once: a network that counts them itself does so for each set,
        and waits for the card each time. None where nobody but the network knows them."""
        prompt = self.passes.positions(self.passes.context_of(self.answer))
        if prompt is None:
            return None
        return batched(torch.cat([prompt, following(prompt, max(0, len(self.answer.tokens) - 1))], 1))


def _to(value: Tensor, device: torch.device) -> Tensor:
    """Memory that is pinned is copied to a card while the CPU goes on."""
    return value.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else value.to(device)
