"""Accuracy of a model under training, family by family, without generating.

A greedy answer matches exactly if and only if every token of the right answer is the likeliest after those
before it; so one packed forward pass with the right answers in place decides exact match.
"""

from __future__ import annotations

import random
from collections import defaultdict

import numpy as np
import torch
from transformers import LlavaForConditionalGeneration

from .batches import PREFIX, SEGMENT, TRAINING_SEEDS, Encoder, Segments, pixels
from .draw import draw
from .forward import joint_states
from .labels import IGNORE
from .questions import MAKERS, door
from .scene import sample
from .textual import ask_from_text

MEASURE_SEED = TRAINING_SEEDS + 1
"""Scenes for measuring during training: neither trained on nor part of the evaluation."""


@torch.no_grad()
def teacher_forced_accuracy(model: LlavaForConditionalGeneration, encoder: Encoder, scenes: int) -> dict[str, float]:
    """Exact-match share of every family over `scenes` scenes. Truck doors are asked half against the habit."""
    device = next(model.parameters()).device
    right: dict[str, list[bool]] = defaultdict(list)
    rng = random.Random("measure")
    model.eval()
    for number in range(scenes):
        scene = sample(MEASURE_SEED + number)
        pairs = [pair for maker in MAKERS for pair in [maker(scene, rng)] if pair is not None]
        pairs += [pair for pair in [door(scene, rng, truck_agreement=0.5) for _ in range(3)] if pair is not None]
        textual = ask_from_text(rng)
        segments = Segments(8, SEGMENT, encoder.pad)
        placed: list[tuple[str, int, int]] = []
        for pair in pairs + textual:
            is_text = pair in textual
            ids, labels = encoder.conversation([pair], opened=not is_text)
            start = segments.put(ids, labels, 0 if is_text else PREFIX)
            if start is not None:
                placed.append((pair.family, start, start + len(ids)))
        flat = segments.labels.ravel()
        batch = {
            "pixels": torch.from_numpy(pixels(np.asarray(draw(scene).image)))[None],
            "ids": torch.from_numpy(np.concatenate([encoder.prefix, segments.ids.ravel()]))[None],
            "positions": torch.from_numpy(np.concatenate([np.arange(PREFIX), segments.positions.ravel()]))[None],
            "mask": torch.from_numpy(segments.mask(PREFIX))[:, None],
        }
        batch = {key: value.to(device) for key, value in batch.items()}
        predicted = model.lm_head(joint_states(model, batch).last[0, PREFIX:-1]).argmax(-1).cpu().numpy()
        for family, start, end in placed:
            answer = start + np.flatnonzero(flat[start:end] != IGNORE)
            right[family].append(bool((predicted[answer - 1] == flat[answer]).all()))
    model.train()
    return {family: float(np.mean(hits)) for family, hits in sorted(right.items())}
