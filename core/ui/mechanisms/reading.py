"""States read in the vocabulary for the page: which ones, by which key, and as rows of a file."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ...answer import Answer
from ...charts.readings import Reading
from ...mechanisms.lens import lens, lens_passes
from ...vlm.cancel import CancelToken
from ...vlm.forecast import forecast
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state.heads import reading_key
from .saving import Row
from .subject import Subject
from .view import READ, MechanismsView, Read

TOP = 10
"""Words read of each state."""


def first_layers(states: Read, layers: Sequence[int]) -> dict[int, int]:
    """For each row the first of the layers at which the word sought is the most probable one, where there is any."""
    tops = states.reading.word_ranks[..., 0].eq(1)
    return {row: layers[int(tops[:, row].int().argmax())] for row in range(tops.shape[1]) if bool(tops[:, row].any())}


def read(
    view: MechanismsView,
    model: VisionLanguageModel,
    answer: Answer,
    positions: Sequence[int],
    layers: Sequence[int],
    subject: Subject,
) -> Read | None:
    """Positions read at some layers, now if need be, and how they rank the word that is sought."""
    word = subject.token_targets[0].token

    def make(cancel: CancelToken, report: Report) -> Read:
        began = time.perf_counter()
        reading = lens(model, answer, positions, layers, top=TOP, words=[word], cancel=cancel, progress=report)
        return Read(reading, time.perf_counter() - began)

    key = reading_key(answer, positions, layers, word)
    name = "lens_grid" if len(layers) == 1 else "lens_table"
    told = forecast(model, answer, lens_passes(model, answer, len(positions) * len(layers)))
    return view.obtain(model, READ, key, "reading states in the vocabulary", name, make, told)


def shown(model: VisionLanguageModel, states: Read, layer: int, most: int = TOP) -> list[Reading]:
    """The first words of every position at one of the layers read. Each token is looked up once: the same few are read
    at thousands of image tokens."""
    ids = states.reading.ids[layer, :, :most].tolist()
    probabilities = states.reading.logprobs[layer, :, :most].exp().tolist()
    texts = {token: model.reader.piece(token) for token in {token for row in ids for token in row}}
    return [
        Reading(tuple(texts[token] for token in row), tuple(shares))
        for row, shares in zip(ids, probabilities, strict=True)
    ]


def rows_of(
    model: VisionLanguageModel, answer: Answer, states: Read, layers: Sequence[int], positions: Sequence[int]
) -> list[Row]:
    """A line for each word of each reading."""
    texts = answer.labels
    return [
        {
            "layer": layer,
            "position": position,
            "kind": answer.layout.kinds[position].value,
            "token": texts[position],
            "rank": rank,
            "word": word.text,
            "logprob": word.logprob,
        }
        for column, layer in enumerate(layers)
        for place, position in enumerate(positions)
        for rank, word in enumerate(states.reading.words(model, column, place), 1)
    ]
