"""Which tokens become nodes of a target's graph, and which attention row stands for each.

The row of an answer token is that of the position that *predicts* it; a token of the prompt was given, not predicted,
and has the row of its own position. So two tokens never share a row, but for the prompt's last and the answer's first:
there the answer's token keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..answer import Answer, Box, TokenKind
from ..errors import CausalError
from .settings import GraphSettings


@dataclass(frozen=True)
class Node:
    """A token in the graph. `row` is the sequence position whose attention stands for it, `attention` how much the
    target's row looks at it; `box` are an image token's pixels, `image` the picture they are in."""

    position: int
    row: int
    kind: TokenKind
    text: str
    attention: float
    box: Box | None = None
    image: int | None = None


@dataclass(frozen=True)
class Nodes:
    """Nodes in the order of their positions; the target is the last. `notes` are sentences for the screen."""

    nodes: tuple[Node, ...]
    notes: tuple[str, ...]


def predicting_position(answer: Answer, token: int) -> int:
    """The sequence position that predicts an answer token. Raises CausalError for a token the answer does not have."""
    if not 0 <= token < len(answer.tokens):
        raise CausalError("The target names a token that this answer does not have. Choose one of its tokens.")
    return answer.predicting_position(token)


def choose_nodes(answer: Answer, token: int, row: Float[np.ndarray, "key"], settings: GraphSettings) -> Nodes:
    """The nodes for answer token `token`, whose attention is `row`.

    The image tokens attended to most, the words (of question and answer) attended to at least as much as the
    threshold, and the target. Raises CausalError where nothing but the target remains.
    """
    target_row = predicting_position(answer, token)
    layout, weights = answer.layout, np.asarray(row, np.float64)
    if not np.isfinite(weights).all():
        raise CausalError("This head's attention is not finite everywhere. Load the model in float32 or bfloat16.")
    images = [p for p in layout.positions(TokenKind.IMAGE) if p <= target_row]
    words, notes = _words(answer, target_row, weights, settings.text_threshold)
    if not images:
        why = layout.unplaced or "The question has no picture"
        notes.insert(0, f"{why}: the graph is over words alone, and there is nothing to mask.")
    kept = _most(words, weights, settings.text_tokens)
    if len(kept) < len(words):
        notes.append(f"Of {len(words)} words above the threshold, the {len(kept)} most attended are nodes.")
    chosen = sorted([*_most(images, weights, settings.image_tokens), *kept])
    if not chosen:
        raise CausalError("No token but the target itself would be a node. Lower the least attention to words.")
    target = Node(target_row + 1, target_row, TokenKind.ANSWER, answer.tokens[token].text, 0.0)
    return Nodes((*_nodes(answer, chosen, weights), target), tuple(notes))


def _words(
    answer: Answer, target_row: int, weights: Float[np.ndarray, "key"], threshold: float
) -> tuple[list[int], list[str]]:
    """The words attended to at least as much as the threshold whose row is no other node's, and what was left out."""
    prompt, kinds, notes = len(answer.prompt_tokens), answer.layout.kinds, []
    words = [
        p
        for p in range(min(target_row + 1, len(weights)))
        if kinds[p] in (TokenKind.TEXT, TokenKind.ANSWER) and weights[p] >= threshold
    ]
    if target_row in words and target_row < prompt:
        words.remove(target_row)
        notes.append("The prompt's last word is left out: its row is the one that predicts the target.")
    if prompt - 1 in words and any(p >= prompt for p in words):
        words.remove(prompt - 1)
        notes.append("The prompt's last word is left out: its row is the one that predicts the answer's first token.")
    return words, notes


def _nodes(answer: Answer, chosen: list[int], weights: Float[np.ndarray, "key"]) -> list[Node]:
    """The nodes at some positions before the target."""
    prompt, texts = len(answer.prompt_tokens), answer.labels
    places = {
        position: (view.patch_box(index), view.image)
        for view in answer.layout.views
        for index, position in enumerate(view.positions)
    }
    return [
        Node(
            position=p,
            row=p if p < prompt else answer.predicting_position(p - prompt),
            kind=answer.layout.kinds[p],
            text=texts[p],
            attention=float(weights[p]),
            box=places[p][0] if p in places else None,
            image=places[p][1] if p in places else None,
        )
        for p in chosen
    ]


def _most(positions: list[int], weights: Float[np.ndarray, "key"], count: int) -> list[int]:
    """The `count` positions of greatest weight; of equals the first."""
    order = np.argsort([-weights[p] for p in positions], kind="stable")
    return [positions[i] for i in order[:count]]
