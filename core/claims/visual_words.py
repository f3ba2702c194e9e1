"""Do image tokens name what they show, before any layer and after each?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from ..answer import Answer, Decoding, Question, TokenKind
from ..cases.key_word import key_target
from ..cases.street import held_out
from ..errors import NotApplicable
from ..masking import patch_coverage
from ..mechanisms.lens import lens, reciprocal_rank_by_chance
from ..statistics.bootstrap import mean
from ..statistics.estimate import Unit, computed
from ..street.draw import Drawing, draw
from ..street.recipe import SceneRecipe
from ..street.scene import COLORS, KINDS, Scene
from ..vlm.cancel import CancelToken
from ..vlm.generation import ask
from ..vlm.model import VisionLanguageModel
from .claim import Claim, Conclusion, Example, Measure, Sample
from .figures import Figure, Measurement, column
from .measures.masks import Mask, color_masks, kind_masks
from .verdict import holds, positive, weakest

WORDS = {"colour": COLORS, "kind": KINDS}
SHOWN = 0.5
"""A patch shows what covers more than this share of it."""
LEAST_TIMES = 2.0
"""How many times a control's reciprocal rank the right word's must be, for a difference that means something."""
CONTROLS = {"elsewhere": "the same word, other patches", "others": "other words, the same patches"}
QUESTION = "What do you see?"
UNIT: Unit = "reciprocal rank"


class VisualWords(Claim[SceneRecipe]):
    """The logit lens on image tokens of held-out scenes, against the drawing's own masks."""

    key = "visual_words"
    name = "Visual embeddings can be read in the vocabulary"
    says = (
        "The projected visual embeddings already say in the language model's vocabulary what their patch shows: its "
        "colour, and the kind of thing."
    )
    paper = (
        "Yu and Ananiadou 2024, Understanding Multimodal LLMs: the Mechanistic Interpretability of LLaVA in Visual "
        "Question Answering"
    )
    link = "https://arxiv.org/abs/2411.10950"
    measured = (
        "Final norm and unembedding on every image token, as embedded (layer 0) and as each layer leaves it: 1 / rank "
        "of the word for what covers more than half of the patch, by the drawing's own masks; means over the patches "
        "of a scene."
    )
    control = (
        "The same words at all patches that show nothing of it (random positions), and the other colours or kinds at "
        "the same patches (random words); also a random word of the whole vocabulary."
    )
    rule = (
        "Reproduces where, at layer 0 and for colours and kinds alike, the right word's reciprocal rank is above both "
        f"controls, the 95 % intervals of the paired differences above zero, and at least {LEAST_TIMES:g} times each."
    )
    caveat = (
        "That a word can be read by the unembedding does not show that the model reads it there; and what cannot be "
        "read so may be there in other directions. A patch near a thing may know of it, too, which raises the control. "
        "Here the vision tower was trained on labels of patches, colours and kinds among them, and the projector by "
        "questions alone."
    )
    settings: ClassVar[Mapping[str, Any]] = {"shown": SHOWN, "least_times": LEAST_TIMES}
    order = 50

    def subjects(self) -> Iterator[tuple[str, SceneRecipe]]:
        fitting = held_out(lambda scene: any(item.colors for item in scene.items))
        return ((str(recipe.seed), recipe) for recipe in fitting)

    def measure(self, model: VisionLanguageModel, cancel: CancelToken | None) -> Measure[SceneRecipe]:
        plain = Question(QUESTION)
        tokens = {word: _token(model, plain, word) for words in WORDS.values() for word in words}

        def measured(recipe: SceneRecipe, cancel: CancelToken | None) -> Sample:
            scene = recipe.scene()
            drawing = draw(scene)
            question = Question(QUESTION, (drawing.image,), decoding=Decoding(max_new_tokens=1))
            answer = ask(model, question, cancel=cancel)
            if cancel is not None:
                cancel.check()
            if not answer.layout.views:
                raise NotApplicable(
                    "Where image tokens of this model are in the picture is not known, so none has a right word."
                )
            ranks = lens(
                model,
                answer,
                answer.layout.positions(TokenKind.IMAGE),
                top=1,
                words=list(tokens.values()),
                cancel=cancel,
            ).word_ranks.numpy()
            values: dict[str, Any] = {"vocabulary": model.card.vocabulary}
            for name, covered in _coverages(scene, drawing, answer).items():
                columns = [list(tokens).index(word) for word in WORDS[name]]
                values[name] = reciprocal_ranks(1 / ranks[:, :, columns], covered)
            example = Example(recipe.name, answer, key_target(answer), recipe, notes=tuple(_notes(values)))
            return Sample(values, (example,))

        return measured

    def conclude(self, measurements: Sequence[Measurement]) -> Conclusion:
        chance = computed(reciprocal_rank_by_chance(int(measurements[0]["vocabulary"])), UNIT)
        figures: list[Figure] = []
        told, conditions = [], {}
        for name in WORDS:
            here = column(measurements, name, "here")
            for layer in range(here.shape[1]):
                figures += _at_layer(measurements, name, layer)
            what = f"reciprocal rank of the right {name}"
            figures.append(Figure(what, "a random word of the vocabulary", chance, control=True))
            right, *controls = (mean(column(measurements, name, part)[:, 0]).value for part in ("here", *CONTROLS))
            for control, beside in zip(CONTROLS, controls, strict=True):
                more = mean(here[:, 0] - column(measurements, name, control)[:, 0])
                clearly = holds(right >= LEAST_TIMES * beside)
                conditions[f"{name}s above {CONTROLS[control]}"] = weakest((positive(more), clearly))
            by_layer = [mean(here[:, layer]).value for layer in range(here.shape[1])]
            told.append(
                f"{name}s {right:.3f} against {controls[0]:.3f} elsewhere and {controls[1]:.3f} of other words (most "
                f"at layer {int(np.argmax(by_layer))}: {max(by_layer):.3f})"
            )
        return Conclusion(
            conditions,
            f"Reciprocal rank of the right word at layer 0: {'; '.join(told)}. A random word has {chance.value:.3f}.",
            tuple(figures),
        )


def _at_layer(measurements: Sequence[Measurement], name: str, layer: int) -> Iterator[Figure]:
    def at_layer(part: str) -> Float[np.ndarray, "case"]:
        return column(measurements, name, part)[:, layer]

    what, here = f"reciprocal rank of the right {name}", at_layer("here")
    yield Figure(what, "the right word", mean(here, UNIT), layer, "layer")
    top = f"the right {name} is among the first 10 words"
    yield Figure(top, "the right word", mean(at_layer("top10")), layer, "layer")
    for control, told in CONTROLS.items():
        yield Figure(what, told, mean(at_layer(control), UNIT), layer, "layer", control=True)
        yield Figure(f"{what}: more than", told, mean(here - at_layer(control), UNIT), layer, "layer")


def _notes(values: Measurement) -> Iterator[str]:
    """What the words of one picture's patches are at layer 0."""
    for name in WORDS:
        right, elsewhere = (values[name][part][0] for part in ("here", "elsewhere"))
        if right is not None:
            yield f"Reciprocal rank of the right {name} at layer 0: {right:.3f}; elsewhere {elsewhere:.3f}."


def _token(model: VisionLanguageModel, question: Question, word: str) -> int:
    """The first token of a word as it stands within an answer."""
    before = model.continuation(question, "The dog is")
    ids = model.continuation(question, f"The dog is {word}")
    return ids[len(before)] if ids[: len(before)] == before else ids[-1]


def _coverages(scene: Scene, drawing: Drawing, answer: Answer) -> dict[str, Float[np.ndarray, "patch word"]]:
    """Of each image token the share that shows each colour, and each kind."""

    def coverage(mask: Mask) -> list[float]:
        covered = patch_coverage(mask, answer.layout)
        return [covered.get(position, 0.0) for position in answer.layout.positions(TokenKind.IMAGE)]

    nothing = np.zeros(drawing.labels.shape, dtype=bool)
    colors, kinds = color_masks(drawing, scene), kind_masks(drawing, scene)
    return {
        "colour": np.array([coverage(colors.get(color, nothing)) for color in COLORS]).T,
        "kind": np.array([coverage(kinds.get(kind, nothing)) for kind in KINDS]).T,
    }


def reciprocal_ranks(
    reciprocal: Float[np.ndarray, "layer patch word"], covered: Float[np.ndarray, "patch word"]
) -> dict[str, list[float | None]]:
    """By layer, means over the patches that show something: 1 / rank of the right word, of the same word at all
    patches that show nothing of it, of other words that the patch does not show, and how often the right one is among
    the first ten. None where nothing covers a patch."""
    means: dict[str, list[Float[np.ndarray, "layer"]]] = {"here": [], "elsewhere": [], "others": [], "top10": []}
    for patch, word in np.argwhere(covered > SHOWN):
        right = reciprocal[:, patch, word]
        means["here"].append(right)
        means["top10"].append(right >= 0.1)
        means["elsewhere"].append(reciprocal[:, covered[:, word] == 0, word].mean(1))
        means["others"].append(reciprocal[:, patch, covered[patch] == 0].mean(1))
    empty = [None] * len(reciprocal)
    return {name: np.mean(values, axis=0).tolist() if values else list(empty) for name, values in means.items()}
