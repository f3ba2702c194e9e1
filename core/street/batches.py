"""Training batches. Batch k of a stage is a function of the seed and k alone, so training can stop and resume.

A joint batch packs many conversations after one picture. The row is a prefix (`<s><|user|>` and the image
tokens) followed by segments of fixed length; a conversation lies within one segment, sees the prefix and
itself, and its positions restart after the prefix. Text-only conversations share the segments but see only
themselves. Each conversation is thus computed exactly as if it stood alone (`packed.py` is the attention).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerFast

from .architecture import IMAGE_TOKENS
from .draw import draw
from .facts import FACTS, NOUNS, facts_of
from .labels import IGNORE, dense_labels
from .questions import LATE_PRACTICE, PRACTICE, Maker, Pair, ask_about
from .scene import COLORS, MOST_OF_A_KIND, Scene, match_colors, sample
from .textual import SHARES, Shares, ask_from_text, recite

TRAINING_SEEDS = 1_000_000_000
"""Training draws scenes of seeds below this; evaluation only above (`HELD_OUT_SEED`)."""
HELD_OUT_SEED = 2_000_000_000

UNUSED = frozenset(f"{noun}s" for noun in NOUNS if noun not in MOST_OF_A_KIND)
"""Plurals that no question uses (and whose last token would be no noun)."""

PREFIX = 2 + IMAGE_TOKENS
SEGMENT = 96
SEGMENTS = 4


def pixels(image: np.ndarray) -> Float[np.ndarray, "3 side side"]:
    """An RGB array as the processor hands it to the tower: scaled to [-1, 1], channels first."""
    return (image.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)


class DenseBatches(Dataset[dict[str, Tensor]]):
    """`pixels` [batch 3 side side] and `labels` [batch heads patches] for the vision tower."""

    def __init__(self, seed: int, size: int) -> None:
        self.seed, self.size = seed, size

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = random.Random(f"dense {self.seed} {index}")
        images, labels = [], []
        for _ in range(self.size):
            scene = sample(rng.randrange(TRAINING_SEEDS))
            drawing = draw(scene)
            images.append(pixels(np.asarray(drawing.image)))
            labels.append(dense_labels(scene, drawing))
        return {"pixels": torch.from_numpy(np.stack(images)), "labels": torch.from_numpy(np.stack(labels))}


@dataclass
class Encoder:
    """Conversations as token ids in the chat template's own form."""

    tokenizer: PreTrainedTokenizerFast
    _known: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        of = self.tokenizer.convert_tokens_to_ids
        self.bos, self.eos, self.user, self.assistant, self.image, self.pad = (
            of(token) for token in ("<s>", "</s>", "<|user|>", "<|assistant|>", "<image>", "<pad>")
        )
        self.stop = self.text("Stop.")[-1]
        self.nouns = np.full(len(self.tokenizer), IGNORE, np.int64)
        for index, noun in enumerate(NOUNS):
            self.nouns[[self.text(f"The {form}")[-1] for form in (noun, f"{noun}s") if form not in UNUSED]] = index
        self.colors = frozenset(self.text(f"The dog is {color}")[-1] for color in COLORS)

    @property
    def prefix(self) -> list[int]:
        """The `PREFIX` ids before every question about a picture."""
        return [self.bos, self.user] + [self.image] * IMAGE_TOKENS

    def text(self, text: str) -> list[int]:
        if text not in self._known:
            if len(self._known) > 200_000:
                self._known.clear()
            self._known[text] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return self._known[text]

    def conversation(self, pairs: list[Pair], opened: bool) -> tuple[list[int], list[int]]:
        """Ids and labels (answers and their end; `IGNORE` elsewhere). `opened`: the prefix holds `<s><|user|>`."""
        ids: list[int] = []
        labels: list[int] = []
        for number, pair in enumerate(pairs):
            opening = [] if opened and number == 0 else [self.bos, self.user] if number == 0 else [self.user]
            question = [*opening, *self.text(pair.question), self.assistant]
            answer = [*self.text(pair.answer), self.eos]
            ids += question + answer
            labels += [IGNORE] * len(question) + answer
        return ids, labels

    def subjects_of(self, ids: Int[np.ndarray, "length"]) -> Int[np.ndarray, "length"]:
        """For every token after a noun of its sentence, which noun that was (the last one); else `IGNORE`."""
        subjects = np.full(len(ids), IGNORE, np.int64)
        subject = IGNORE
        for index, token in enumerate(ids.tolist()):
            if token == self.stop or token in (self.user, self.assistant, self.eos, self.bos):
                subject = IGNORE
            elif self.nouns[token] != IGNORE:
                subject = self.nouns[token]
            else:
                subjects[index] = subject
        return subjects

    def repeats_of(self, ids: Int[np.ndarray, "length"]) -> Int[np.ndarray, "length"]:
        """For every colour word, whether the same passage or answer has said that colour before; else `IGNORE`.

        What a comparison must end on, practised at every colour that any text or answer names.
        """
        repeats = np.full(len(ids), IGNORE, np.int64)
        said: set[int] = set()
        for index, token in enumerate(ids.tolist()):
            if token in (self.user, self.assistant, self.eos, self.bos):
                said.clear()
            elif token in self.colors:
                repeats[index] = int(token in said)
                said.add(token)
        return repeats


def _split(pairs: list[Pair], rng: random.Random) -> list[list[Pair]]:
    """Pairs dealt out into conversations of one (mostly), two or three turns."""
    conversations = []
    while pairs:
        turns = rng.choices((1, 2, 3), (6, 2, 1))[0]
        conversations.append(pairs[:turns])
        pairs = pairs[turns:]
    return conversations


class Segments:
    """Fixed-length segments filled with conversations, first fit."""

    def __init__(self, number: int, length: int, pad: int) -> None:
        self.ids = np.full((number, length), pad, np.int64)
        self.labels = np.full((number, length), IGNORE, np.int64)
        self.positions = np.zeros((number, length), np.int64)
        self.blocks = np.full((number, length), -1, np.int64)
        self.sees_prefix = np.zeros((number, length), bool)
        self.used = [0] * number

    def put(self, ids: list[int], labels: list[int], first_position: int) -> int | None:
        """Where it begins, counted over all segments; None without room. `first_position` 0 marks text-only."""
        for s, used in enumerate(self.used):
            end = used + len(ids)
            if end <= self.ids.shape[1]:
                self.ids[s, used:end], self.labels[s, used:end] = ids, labels
                self.positions[s, used:end] = np.arange(first_position, first_position + len(ids))
                self.blocks[s, used:end] = used
                self.sees_prefix[s, used:end] = first_position > 0
                self.used[s] = end
                return s * self.ids.shape[1] + used
        return None

    def mask(self, prefix: int) -> Bool[np.ndarray, "segments length prefix_and_length"]:
        """Which keys (the prefix, then the segment itself) each position may see."""
        length = self.ids.shape[1]
        own = (self.blocks[:, :, None] == self.blocks[:, None, :]) & np.tri(length, dtype=bool)
        before = np.repeat(self.sees_prefix[:, :, None], prefix, axis=2)
        return np.concatenate([before, own], axis=2)


class TextBatches(Dataset[dict[str, Tensor]]):
    """Text-only conversations for the language model: segments alone, without a prefix.

    Beside the answers, `subjects` say of every token after a noun which noun its sentence is about: what
    dense labels are to the tower. A value that knows its subject can be looked up by it; without, that
    takes many times the text to emerge. `repeats` say of every colour whether it was named before.

    `recitals` is their share of passages to be restated; the rest are asked about. Passages begin with two
    facts and grow to five by batch `grown`: which of two facts is meant is the easiest way into looking up.
    """

    def __init__(self, seed: int, size: int, encoder: Encoder, recitals: float = 0.5, grown: int = 0) -> None:
        self.seed, self.size, self.encoder, self.recitals, self.grown = seed, size, encoder, recitals, grown

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = random.Random(f"text {self.seed} {index}")
        most = 5 if not 0 <= index < self.grown else 2 + 4 * index // self.grown
        segments = Segments(self.size, 2 * SEGMENT, self.encoder.pad)
        missed = 0
        while missed < 3:
            if rng.random() < self.recitals:
                pairs = [recite(rng, most)]
            else:
                pairs = ask_from_text(rng, rng.choice((1, 2, 3, 4)), most)
            missed += segments.put(*self.encoder.conversation(pairs, opened=False), first_position=0) is None
        return {
            "ids": torch.from_numpy(segments.ids),
            "labels": torch.from_numpy(segments.labels),
            "subjects": torch.from_numpy(np.stack([self.encoder.subjects_of(row) for row in segments.ids])),
            "repeats": torch.from_numpy(np.stack([self.encoder.repeats_of(row) for row in segments.ids])),
            "positions": torch.from_numpy(segments.positions),
            "mask": torch.from_numpy(segments.mask(0))[:, None],
        }


class JointBatches(Dataset[dict[str, Tensor]]):
    """Pictures with packed conversations.

    `pixels` [batch 3 side side]; `ids`, `labels`, `positions` [batch PREFIX + SEGMENTS * SEGMENT];
    `facts` [batch, PREFIX + SEGMENTS * SEGMENT, facts] are what nouns of visual conversations stand for;
    `repeats` [batch, PREFIX + SEGMENTS * SEGMENT] say of colours whether the answer has named them before;
    `dense` [batch heads patches] are the tower's own labels, kept up beside the questions;
    `mask` [batch * SEGMENTS, 1, SEGMENT, PREFIX + SEGMENT] says which keys each segment position sees.

    In a share `matched` of the scenes two objects are given one colour: comparisons meet too few such by chance.
    From batch `late` on, questions have the shares `late_practice`; `facts` are those of text-only passages.
    """

    def __init__(
        self,
        seed: int,
        size: int,
        encoder: Encoder,
        late: int,
        text_share: float = 0.06,
        facts: Shares = SHARES,
        matched: float = 0.25,
        late_practice: Mapping[Maker, float] = LATE_PRACTICE,
    ) -> None:
        self.seed, self.size, self.encoder, self.late = seed, size, encoder, late
        self.late_practice = late_practice
        self.text_share, self.facts, self.matched = text_share, facts, matched

    def row(self, scene: Scene, rng: random.Random, shares: Mapping[Maker, float]) -> Segments:
        segments = Segments(SEGMENTS, SEGMENT, self.encoder.pad)
        visual = _split(ask_about(scene, rng, 24, shares), rng)
        missed = 0
        while missed < 4 and visual:
            if rng.random() < self.text_share:
                ids, labels = self.encoder.conversation(
                    ask_from_text(rng, rng.choice((1, 2)), shares=self.facts), opened=False
                )
                first = 0
            else:
                ids, labels = self.encoder.conversation(visual.pop(), opened=True)
                first = PREFIX
            missed += segments.put(ids, labels, first) is None
        return segments

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = random.Random(f"joint {self.seed} {index}")
        shares = PRACTICE if index < self.late else self.late_practice
        images, rows, masks, facts, dense = [], [], [], [], []
        prefix = self.encoder.prefix
        for _ in range(self.size):
            scene = sample(rng.randrange(TRAINING_SEEDS))
            if rng.random() < self.matched:
                scene = match_colors(scene, rng)
            drawing = draw(scene)
            images.append(pixels(np.asarray(drawing.image)))
            dense.append(dense_labels(scene, drawing))
            segments = self.row(scene, rng, shares)
            rows.append(
                (
                    np.concatenate([prefix, segments.ids.ravel()]),
                    np.concatenate([np.full(PREFIX, IGNORE), segments.labels.ravel()]),
                    np.concatenate([np.arange(PREFIX), segments.positions.ravel()]),
                )
            )
            masks.append(segments.mask(PREFIX))
            nouns = np.where(segments.sees_prefix.ravel(), self.encoder.nouns[segments.ids.ravel()], IGNORE)
            known = np.where(nouns[:, None] == IGNORE, IGNORE, facts_of(scene)[np.maximum(nouns, 0)])
            facts.append(np.concatenate([np.full((PREFIX, len(FACTS)), IGNORE), known]))
        ids, labels, positions = (torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True))
        return {
            "pixels": torch.from_numpy(np.stack(images)),
            "ids": ids,
            "labels": labels,
            "positions": positions,
            "facts": torch.from_numpy(np.stack(facts)),
            "repeats": torch.from_numpy(np.stack([self.encoder.repeats_of(row) for row in ids.numpy()])),
            "dense": torch.from_numpy(np.stack(dense)),
            "mask": torch.from_numpy(np.concatenate(masks))[:, None],
        }


class Steps(torch.utils.data.Sampler[int]):
    """The batch numbers still to come, in order."""

    def __init__(self, first: int, last: int) -> None:
        self.numbers = range(first, last)

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)
