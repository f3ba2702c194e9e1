"""What a head says and reads in the vocabulary."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...charts.heads import head_name
from ...charts.tokens import visible
from ...mechanisms import vocabulary
from ...mechanisms.contributions import contributions
from ...mechanisms.results import Row
from ...mechanisms.vocabulary import HeadReading, read_heads
from ..base import Renderer
from ..case import Case
from ..code import Code, Writer
from ..figure import Figure
from ._shared import docs, sentences, token_target_lines, took


class Read(Renderer):
    """The words of one head for one token."""

    key = "head_reading"
    name = "A head in the vocabulary"

    def figures(self, case: Case) -> Sequence[Figure]:
        reading: HeadReading = case.result
        lists = {"contribution": reading.contribution, "value": reading.value, "input": reading.input}
        rows: list[Row] = []
        for rank, words in enumerate(zip(*lists.values(), strict=False), 1):
            row: Row = {"rank": rank}
            for name, word in zip(lists, words, strict=True):
                row[name], row[f"{name}, probability"] = word.text, math.exp(word.logprob)
            rows.append(row)
        label = case.answer.labels[reading.source] if reading.source < len(case.answer.labels) else ""
        said = sentences(
            "Contribution: all that the head adds; value: what it would add if it looked at one position alone; input: "
            f"what stands there. It looks most at “{visible(label)}” (position {reading.source + 1}).",
            took(case.seconds),
        )
        numbers = {name: np.array([word.logprob for word in words]) for name, words in lists.items()}
        title = f"What head {head_name(reading.head)} says and reads for {case.target_words}"
        return [Figure(title, said, numbers, rows=rows, shown=rows, methods=docs(vocabulary))]

    def code(self, case: Case, write: Writer) -> Code:
        reading: HeadReading = case.result
        most = len(reading.contribution)
        given = {"top": write.literal(most)} if most != 10 else {}
        if case.about.get("token_target"):
            given["token_target"] = write.literal(int(case.about["token_target"]))
        again = write.call(read_heads, "model", "answer", "written", write.literal([tuple(reading.head)]), **given)
        return Code(
            (
                *token_target_lines(case, write),
                f"written = {write.call(contributions, 'model', 'answer', 'token_targets')}",
                f"[result] = {again}",
            )
        )
