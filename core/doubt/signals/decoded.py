"""Whether the attended patches decode to the word."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ...answer import Answer
from ...comparison.words import stem, words
from ...mechanisms.lens import read, reading_bytes
from ...vlm.memory_costs import checkpoint_bytes
from ...vlm.model import VisionLanguageModel
from ...vlm.pass_costs import Passes
from .._rows import rows_bytes, rows_kept
from ..look import Look, middle
from ..signal import Signal

FIRST, END = 19 / 32, 26 / 32
"""Layers 19 to 25 of the 32 that the paper's models have, as shares of the depth."""
PATCHES = 3
SPELLS = 3
"""Letters that the beginning of a word needs to stand for it."""


class Decoded(Signal):
    """The share of the most attended patches that say the word: in each of the late middle layers the three image
    tokens with the most attention (mean over heads) are read by the logit lens, and it is counted how often the most
    probable token is the word. The logit-lens consistency check of SADT, Wang et al. 2026, "Same attention, different
    truths", which calls a word hallucinated where the count is 0.

    A decoded token is the word where it is the same token, or the same text but for case and plural, or its beginning
    with three letters or more. The paper also takes synonyms from lists and a judge, which are not had here, and its
    published code reads states without the final norm.
    """

    key = "decoded"
    name = "What the attended patches decode to (SADT)"
    doubtful = "lower"
    paper = "Wang et al. 2026, CVPR, github.com/wzczc/SADT"
    caveat = "Only words that a patch can say are found: for a yes, a number or a relation it is 0, right or wrong."

    def passes(self, model: VisionLanguageModel, answer: Answer) -> Passes:
        return Passes(forward=1 if rows_kept(answer) else 2)

    def estimate(self, model: VisionLanguageModel, answer: Answer, tokens: int) -> int:
        states = PATCHES * tokens
        return checkpoint_bytes(model, answer) + rows_bytes(model, answer, tokens) + reading_bytes(model, states)

    def values(self, look: Look) -> Float[np.ndarray, "token"]:
        images, tokens = np.array(look.images), look.answer.tokens
        whole = {token: group for group in look.answer.words() for token in group}
        texts = ["".join(tokens[index].text for index in whole[token]) for token in look.tokens]
        layers = look.attending(middle(look.model.card.layers, FIRST, END))
        found = np.zeros(len(texts))
        each = min(PATCHES, len(images))
        for layer in layers:
            attended = np.argsort(-look.heads_mean[layer][:, images], -1, kind="stable")[:, :each]
            states = look.states(layer)[images[attended].ravel().tolist()]
            ids = read(look.model, states, top=1, cancel=look.cancel).ids[:, 0].reshape(len(texts), each)
            for row, (text, token) in enumerate(zip(texts, look.tokens, strict=True)):
                found[row] += sum(
                    id_ == tokens[token].id or says(look.model.reader.piece(id_), text) for id_ in ids[row].tolist()
                )
        return found / (each * len(layers))


def says(piece: str, word: str) -> bool:
    """Whether a decoded token is a word, but for case and plural, or the beginning of one. Both are untrusted text."""
    decoded, said = words(piece), words(word)
    if not decoded or not said:
        return False
    one, other = decoded[0].plain, said[0].plain
    return stem(one) == stem(other) or (len(one) >= SPELLS and other.startswith(one))
