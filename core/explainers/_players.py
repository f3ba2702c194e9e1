"""What is taken away as one: regions of the picture that follow its edges, and the typed words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..answer import Answer, Question, TokenKind, TokenLayout
from ..masking import pixels_of, segments_under
from ..words import grouped
from .occlusion_superpixels import superpixels

ACROSS, DOWN = ("left", "", "right"), ("top", "", "bottom")


@dataclass(frozen=True)
class Player:
    """Some positions of the sequence under one name; `share` is that of all the pictures' pixels, 0 for words."""

    name: str
    positions: frozenset[int]
    share: float = 0.0


def regions_of(question: Question, layout: TokenLayout, segments: int, compactness: float) -> list[Player]:
    """About so many superpixels of each picture, in whole image tokens: each belongs to the superpixel that covers most
    of it. In the order of their first token. They are named by where in the picture they lie."""
    regions: list[tuple[int, frozenset[int]]] = []
    for image, picture in enumerate(question.images):
        most: dict[int, tuple[float, int]] = {}
        labels = superpixels(picture, segments, compactness)
        for label, shares in segments_under(labels, layout, image).items():
            for position, share in shares.items():
                most[position] = max(most.get(position, (0.0, 0)), (share, label))
        own: dict[int, list[int]] = defaultdict(list)
        for position, (_, label) in most.items():
            own[label].append(position)
        regions += [(image, frozenset(positions)) for positions in own.values()]
    regions.sort(key=lambda region: min(region[1]))
    pixels = sum(width * height for width, height in layout.image_sizes)
    named = Counter[str]()
    players = []
    for image, positions in regions:
        hidden = pixels_of(positions, layout, image)
        name = _place(hidden)
        if len(question.images) > 1:
            name = f"picture {image + 1}, {name}"
        named[name] += 1
        players.append(Player(f"{name} {named[name]}", positions, float(hidden.sum() / pixels)))
    return players


def _place(hidden: np.ndarray) -> str:
    """Where in a picture the middle of some pixels lies: "top left"."""
    rows, columns = np.nonzero(hidden)
    if not len(rows):
        return "edge"
    down, across = (
        names[min(2, int(3 * (places.mean() + 0.5) / length))]
        for names, places, length in ((DOWN, rows, hidden.shape[0]), (ACROSS, columns, hidden.shape[1]))
    )
    return f"{down} {across}".strip() or "middle"


def words_of(answer: Answer) -> list[Player]:
    """The typed words, each with its tokens."""
    typed = list(answer.layout.positions(TokenKind.TEXT))
    runs: list[list[int]] = []
    for position in typed:
        if runs and runs[-1][-1] == position - 1:
            runs[-1].append(position)
        else:
            runs.append([position])
    return [_word(answer, [run[index] for index in word]) for run in runs for word in grouped(_texts(answer, run))]


def _word(answer: Answer, positions: Sequence[int]) -> Player:
    return Player(f"“{''.join(_texts(answer, positions)).strip()}”", frozenset(positions))


def _texts(answer: Answer, positions: Sequence[int]) -> list[str]:
    return [answer.prompt_tokens[position] for position in positions]
