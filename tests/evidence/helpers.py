"""Maps made by hand, and every variant of a picture painted and read by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from core.answer import Answer, Explanation, Fill, RegionMask, Target
from core.masking import apply_mask
from core.vlm.hf.network import TransformersModel


def map_of(answer: Answer, target: Target, scores: dict[int, float], elsewhere: float = 0.0) -> Explanation:
    """A map with these scores by position."""
    row = torch.full((len(answer.layout),), elsewhere)
    for position, score in scores.items():
        row[position] = score
    return Explanation(row, target, "raw_attention", {}, 0.0)


def drawn_map(answer: Answer, target: Target, seed: int) -> Explanation:
    """A map of different scores for all positions."""
    return replace(
        map_of(answer, target, {}), scores=torch.from_numpy(np.random.default_rng(seed).random(len(answer.layout)))
    )


def painted(answer: Answer, fill: Fill, shown: bool, positions: set[int]) -> list[Image.Image]:
    """The answer's pictures with the pixels whose centres lie in the boxes of some image tokens replaced, or with all
    others replaced (`shown`)."""
    pictures = []
    for image, picture in enumerate(answer.question.images):
        inside = np.zeros((picture.height, picture.width), bool)
        for y in range(picture.height):
            for x in range(picture.width):
                inside[y, x] = _owner(answer, image, x + 0.5, y + 0.5) in positions
        hidden = ~inside if shown else inside
        pictures.append(apply_mask(picture, RegionMask(hidden, fill)))
    return pictures


def _owner(answer: Answer, image: int, x: float, y: float) -> int | None:
    for view in answer.layout.views:
        left, top, right, bottom = view.box
        if view.image == image and left <= x < right and top <= y < bottom:
            row = int((y - top) / (bottom - top) * view.rows)
            column = int((x - left) / (right - left) * view.columns)
            return view.positions[row * view.columns + column]
    return None


def probability(model: TransformersModel, answer: Answer, pictures: list[Image.Image], target: Target) -> float:
    """The target's probability per token under other pictures, from a replay of its own through the whole processor."""
    question = replace(answer.question, images=tuple(pictures), masks=())
    logits = model.replay_logits(replace(answer, inputs=model.prepare(question).inputs)).double()
    rows = logits.log_softmax(-1)
    own = float(np.mean([float(rows[index, answer.token_ids[index]]) for index in target.tokens]))
    if target.rivals is None:
        return float(np.exp(own))
    other = float(np.mean([float(rows[i, rival]) for i, rival in zip(target.tokens, target.rivals, strict=True)]))
    return float(np.exp(own) / (np.exp(own) + np.exp(other)))
