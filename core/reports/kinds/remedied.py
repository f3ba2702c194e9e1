"""What a remedy made of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from ...charts.tokens import aligned_chart, aligned_tokens, visible
from ...mechanisms.results import Row
from ...quantities import nats
from ...remedies.base import Remedied
from ...remedies.registry import remedies
from ...remedies.run import try_remedy
from ..base import Renderer
from ..case import Case
from ..code import CannotBeWritten, Code, Writer
from ..drawing import Chart
from ..figure import Figure
from ._shared import docs, plain_settings, sentences, setting_arguments, took

WIDTH = 620


class Mended(Renderer):
    """Both answers token under token, how likely the model finds each, and what the remedy cost."""

    key = "remedied"
    name = "Remedy"

    def figures(self, case: Case) -> Sequence[Figure]:
        tried: Remedied = case.result
        remedy = remedies().get(tried.remedy)
        name = visible(tried.remedy) if remedy is None else remedy.name
        caveat = "" if remedy is None else remedy.caveat
        methods, settings = docs(type(remedy)) if remedy else (), plain_settings(tried.settings)
        if tried.answer is None:
            return [Figure(f"Remedy: {name}", sentences("It could not be applied.", tried.note), {}, methods=methods)]
        original, other = ([token.label for token in one.tokens] for one in (case.answer, tried.answer))
        before = sum(token.logprob for token in case.answer.tokens)
        after = float("nan") if tried.logprob is None else tried.logprob
        rows: list[Row] = [
            {"answer": case.answer.text, "log-probability": before, "passes": 1.0},
            {"answer": tried.answer.text, "log-probability": after, "passes": tried.passes},
        ]
        said = (
            f"With it the model says “{visible(tried.answer.text)}”. As an answer to the question as it was asked the "
            f"model as it is gives that {nats(after)}, and its own {nats(before)}. Passes: {tried.passes:.1f}."
        )
        unknown = [float("nan")] * len(original)
        chart = Chart(partial(aligned_chart, aligned_tokens(original, other, unknown), WIDTH)) if original else None
        numbers = {"said": np.array(tried.answer.token_ids, dtype=np.int64), "log-probability": np.array(after)}
        caption = sentences(said, tried.note, caveat, took(tried.seconds))
        return [Figure(f"Remedy: {name}", caption, numbers, chart, rows, rows, settings=settings, methods=methods)]

    def code(self, case: Case, write: Writer) -> Code:
        tried: Remedied = case.result
        if tried.remedy not in remedies():
            raise CannotBeWritten("Its remedy is not one of this version.")
        given = setting_arguments(write, tried.settings)
        arguments = ", ".join(f"{name}={value}" for name, value in given.items())
        named = f"remedy = {write.named(remedies)}()[{write.literal(tried.remedy)}]"
        again = write.call(try_remedy, "model", "answer", "remedy", f"remedy.Settings({arguments})")
        return Code((named, f"result = {again}"))
