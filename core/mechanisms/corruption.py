"""Corruptions that are repaired: noise on embeddings, another picture in the place of the first, or another prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, Question, TokenKind
from ..errors import NotApplicable
from ..perturb.perturbation import OtherImages
from ..vlm.checkpoints import DecoderPass
from ..vlm.edits import Site, StatePatch
from ..vlm.model import VisionLanguageModel

NOISE_BYTES = 64 * 2**20
"""What the noise of several samples may take together."""


@dataclass(frozen=True)
class Noise:
    """Gaussian noise on what the decoder reads at some positions (image tokens, words): in each of `samples` runs,
    `scale` times the standard deviation that these embeddings' own numbers have, as Meng et al. use 3 of theirs."""

    positions: tuple[int, ...]
    scale: float = 3.0
    samples: int = 5
    seed: int = 0


@dataclass(frozen=True, eq=False)
class OtherPrompt:
    """Another question, about other pictures or the same, whose prompt has as many tokens as the answer's own and its
    image tokens at the same positions: a counterfactual in pictures, words or both."""

    question: Question

    @property
    def words(self) -> str:
        """For the screen. Untrusted text."""
        return f"the question “{self.question.text}”"


Corruption = Noise | OtherImages | OtherPrompt


def samples_of(corruption: Corruption) -> int:
    """How many corrupted runs there are."""
    return corruption.samples if isinstance(corruption, Noise) else 1


def corrupted(
    model: VisionLanguageModel, answer: Answer, corruption: Corruption, clean: DecoderPass
) -> Iterator[DecoderPass]:
    """A checkpointed pass of each corrupted run, with the rows of the clean one.

    Raises NotApplicable for positions that are not there, and for pictures or words that become other tokens than can
    stand in the places of the answer's own.
    """
    if isinstance(corruption, OtherImages):
        yield model.checkpointed(_with_other_images(model, answer, corruption))
        return
    if isinstance(corruption, OtherPrompt):
        yield model.checkpointed(_with_other_prompt(model, answer, corruption))
        return
    states = clean.states(0, Site.INPUT)
    embedded = states[torch.tensor(corruption.positions, device=states.device) - clean.start]
    spread = embedded.float().std(correction=0)
    for noise in _noise(embedded, corruption):
        states = embedded + (noise * spread * corruption.scale).to(embedded.dtype)
        with model.edited((StatePatch(Site.INPUT, 0, corruption.positions, states),)):
            checkpoints = model.checkpointed(answer, clean.start)
        yield checkpoints


def _noise(embedded: Float[Tensor, "position hidden"], corruption: Noise) -> Iterator[Float[Tensor, "position hidden"]]:
    """The noise of each sample, in units of its standard deviation: by the CPU's generator, whose numbers are the same
    for whatever device, and taken there many samples at a time."""
    generator = torch.Generator().manual_seed(corruption.seed)
    together = max(1, NOISE_BYTES // (4 * embedded.numel()))
    for first in range(0, corruption.samples, together):
        some = range(first, min(corruption.samples, first + together))
        yield from torch.stack([torch.randn(embedded.shape, generator=generator) for _ in some]).to(embedded.device)


def first_corrupted(answer: Answer, corruption: Corruption) -> int:
    """The first position that a corruption changes.

    Raises NotApplicable where it changes nothing, or something that is not there.
    """
    if not isinstance(corruption, Noise):
        return 0
    end = len(answer.layout) - 1
    if not corruption.positions or not all(0 <= position < end for position in corruption.positions):
        raise NotApplicable(
            f"Noise needs positions that bear on the target (0 to {end - 1}). Choose image tokens or words among them."
        )
    if corruption.samples < 1 or corruption.scale <= 0:
        raise NotApplicable("Noise needs a scale above 0 and at least one sample. Choose larger numbers.")
    return min(corruption.positions)


def _with_other_images(model: VisionLanguageModel, answer: Answer, corruption: OtherImages) -> Answer:
    """The answer as if it had been given about the other pictures."""
    question = corruption.of(answer.question, answer.layout)
    prepared = model.prepare(question)
    ids = tuple(answer.inputs["input_ids"][0].tolist())
    grids, others = (
        [(view.rows, view.columns, view.positions) for view in layout.views]
        for layout in (answer.layout, prepared.layout)
    )
    if not corruption.images or prepared.ids != ids or grids != others:
        raise NotApplicable(
            "The other pictures do not become the same tokens as the question's own, so states cannot be carried from "
            "one run to the other. Choose as many pictures, of the same sizes."
        )
    return replace(answer, question=question, inputs=prepared.inputs)


def _with_other_prompt(model: VisionLanguageModel, answer: Answer, corruption: OtherPrompt) -> Answer:
    """The answer as if it had been given to the other question."""
    prepared = model.prepare(corruption.question)
    own = answer.inputs["input_ids"].shape[1]
    images = [layout.positions(TokenKind.IMAGE) for layout in (answer.layout, prepared.layout)]
    if len(prepared.ids) != own or images[0] != images[1]:
        raise NotApplicable(
            f"The other question takes {len(prepared.ids)} tokens and this one {own}, or its image tokens stand "
            "elsewhere, so states cannot be carried from one run to the other. Word it in as many tokens."
        )
    return replace(answer, question=corruption.question, inputs=prepared.inputs)
