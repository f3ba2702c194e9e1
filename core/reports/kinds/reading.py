"""What states say in the vocabulary: the logit lens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...answer import Alternative
from ...mechanisms import lens as lens_module
from ...mechanisms.groups import Group
from ...mechanisms.lens import Reading, lens
from ...mechanisms.results import LayerTexts
from ..base import Renderer
from ..case import Case, words_of
from ..code import CannotBeWritten, Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import docs, sentences, took


class Lens(Renderer):
    """The words of some positions at some layers."""

    key = "reading"
    name = "Logit lens"

    def figures(self, case: Case) -> Sequence[Figure]:
        reading: Reading = case.result
        numbers = {
            "ids": reading.ids.numpy(),
            "logprobs": reading.logprobs.numpy(),
            "entropy": reading.entropy.numpy(),
            "word_logprobs": reading.word_logprobs.numpy(),
            "word_ranks": reading.word_ranks.numpy(),
        }
        title, said = "Logit lens", sentences("Layer l is the state that enters layer l.", took(case.seconds))
        states = _states(case, reading)
        if states is None:
            return [Figure(title, said, numbers, methods=docs(lens_module))]
        layers, positions = states
        known, labels = words_of(case.answer), case.answer.labels
        texts = case.about.get("texts")
        words = {int(id_): text for id_, text in texts.items()} if isinstance(texts, dict) else known
        unknown = {int(one) for one in reading.ids.unique().tolist()} - words.keys()
        if unknown:
            said = sentences(said, "Tokens whose text only the model knows are told by their number, in brackets.")
        readings = [
            [
                tuple(
                    Alternative(id_, words.get(id_, f"[{id_}]"), logprob)
                    for id_, logprob in zip(
                        reading.ids[row, column].tolist(), reading.logprobs[row, column].tolist(), strict=True
                    )
                )
                for column in range(len(positions))
            ]
            for row in range(len(layers))
        ]
        places = [Group(f"{one + 1}: {labels[one] if one < len(labels) else ''}", (one,)) for one in positions]
        shape = LayerTexts(title, readings, layers, places)
        figure = shape_figure(case.answer, shape, said, methods=docs(lens_module))
        return [replace(figure, numbers={**figure.numbers, **numbers})]

    def code(self, case: Case, write: Writer) -> Code:
        states = _states(case, case.result)
        if states is None:
            raise CannotBeWritten("It is not kept with the result which positions and layers were read.")
        layers, positions = states
        given = {"layers": write.literal(list(layers)), "top": write.literal(case.result.ids.shape[-1])}
        words = case.about.get("words")
        if words:
            given["words"] = write.literal([int(one) for one in words])
        again = write.call(lens, "model", "answer", write.literal(list(positions)), **given)
        return Code((f"result = {again}",))


def _states(case: Case, reading: Reading) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The layers and positions that were read, where they are kept and fit."""
    shape = tuple(reading.entropy.shape)
    positions, layers = case.about.get("positions"), case.about.get("layers")
    if not positions or len(shape) != 2 or not all(isinstance(one, int) for one in positions):
        return None
    at = tuple(range(shape[0])) if layers is None else tuple(layers)
    if not all(isinstance(one, int) for one in at) or shape != (len(at), len(positions)):
        return None
    return at, tuple(positions)
